#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "state/base/secret.h"

namespace quell {

/// The last sieve before a sink (log, API, report, notification, stderr): finds every live secret
/// in the forms in which one leaks - as it is, base64 and base64url at each of the three offsets
/// (HTTP Basic among them), percent- and form-encoded, JSON-escaped, hex - and puts its fingerprint
/// there. A hit is a fault of ours elsewhere; the caller reports it (threat model section 4).
///
/// Keeps no copy of a secret: an index over the first eight bytes of each form, and SHA-256 of the
/// form. Any thread may call any member. One pass over the text whatever the number of secrets.
class RedactionFilter {
 public:
  /// Shorter secrets are not looked for: they would be found in innocent text.
  static constexpr std::size_t kSecretBytesMin = 12;

  /// `fingerprint` is the keyed one, 32 hex digits. Adding a secret twice counts twice.
  void add(const Secret& secret, std::string_view fingerprint);
  /// Takes one `add` of it back.
  void remove(std::string_view fingerprint);

  /// `text` with `[fp:1a2b3c4d]` in place of each live secret. A secret must lie whole in one call:
  /// sinks hand over whole records (a line, a page), never pieces of one.
  std::string redact(std::string_view text);
  /// How many secrets redact() has replaced (`quell_redaction_hits_total`).
  std::uint64_t hits() const;

 private:
  struct Pattern {
    std::size_t size = 0;
    std::string digest{};  // SHA-256
    std::string fingerprint{};
    bool is_base64 = false;  // the neighbours belong to the same encoding
  };
  struct Hit {
    std::size_t begin = 0;
    std::size_t end = 0;
    const Pattern* pattern = nullptr;
  };

  void add_form(std::string form, std::string_view fingerprint, bool is_base64);
  /// The longest form that begins at `at`, or a hit without a pattern.
  Hit match(std::string_view text, std::size_t at) const;
  void rebuild_sieve();

  static constexpr std::size_t kSieveBits = 1U << 16U;
  mutable std::shared_mutex mutex_{};
  std::unordered_map<std::uint64_t, std::vector<Pattern>> patterns_{};  // by their first 8 bytes
  std::bitset<kSieveBits> sieve_{};              // which hashes of 8 bytes can begin a form
  std::unordered_map<std::string, int> uses_{};  // by fingerprint
  std::uint64_t hits_ = 0;
};

/// True when `text` holds something shaped like a credential: a known prefix (sk-ant-, ghp_, xoxb-,
/// whsec_ and their kin), a JWT, or 32 or more random-looking base64url or hex characters. Ids of
/// the platform and UUIDs are none. Used to refuse free text before it is recorded for ever (T40).
bool looks_like_token(std::string_view text);

/// How often each of those shapes stands in `text`: by its prefix (`sk-ant-`), `jwt` or `random`
/// (threat T45).
void count_token_shapes(std::string_view text, std::map<std::string, std::int64_t>& counts);

}  // namespace quell
