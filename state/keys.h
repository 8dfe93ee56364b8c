#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "state/base/clock.h"
#include "state/base/random.h"
#include "state/base/result.h"
#include "state/base/secret.h"

namespace quell {

/// Where the keys lie, from the configuration (`seal_key`, `mac_key`, `signing_key`).
struct KeyPaths {
  std::string seal{};     // the day keys lie beside it, as `<seal>.YYYYMMDD`
  std::string mac{};      // 64 hex digits, one newline
  std::string signing{};  // PKCS#8 PEM, Ed25519
};

/// What to do about a key file that is not there. A journal or a sealed store that exists already
/// was made with keys: new ones would turn it into an unreadable or unverifiable file, so its owner
/// says `refuse` (threat model section 5).
enum class MissingKeys : std::uint8_t { create, refuse };

/// The day of `now` in UTC as `YYYYMMDD`: the name of a seal key epoch.
std::string seal_epoch(Timestamp now);
bool is_seal_epoch(std::string_view text);

/// The keys of one journal. Files are read once; day keys when first used. Not thread-safe for the
/// members that are not const.
class KeyRing {
 public:
  /// Reads the three key files, and makes those that are missing if told so. Refused: a file that
  /// group or others can open, or that belongs to somebody else, a folder on its path that others
  /// may write to, content that is no key.
  static Result<std::unique_ptr<KeyRing>> open_or_create(const KeyPaths& paths, MissingKeys missing,
                                                         Random& random);
  /// Keys that no file holds, for journals in memory.
  static std::unique_ptr<KeyRing> in_memory(Random& random);

  ~KeyRing();
  KeyRing(const KeyRing&) = delete;
  KeyRing& operator=(const KeyRing&) = delete;

  /// HMAC-SHA-256, 32 raw bytes, each under a subkey of its own.
  std::string entry_mac(std::string_view text) const;
  std::string head_mac(std::string_view text) const;
  /// HMAC-SHA-256 cut to 128 bits, 32 hex digits.
  std::string fingerprint(const Secret& secret) const;
  /// Names the MAC key without giving it away, 32 hex digits.
  std::string mac_key_id() const;

  /// Ed25519 (RFC 8032), 64 raw bytes.
  std::string sign(std::string_view text) const;
  /// 32 raw bytes.
  const std::string& signing_public_key() const noexcept { return signing_public_key_; }
  std::string signing_public_pem() const;

  /// The key that seals the secrets of one run: HKDF over the day's key, salted with the seal key,
  /// so that both files are needed.
  Result<Secret> run_key(std::string_view epoch, std::string_view journal_id, std::string_view run,
                         MissingKeys missing);
  /// Overwrites and unlinks the day's key file; what was sealed under it is lost for good.
  Status destroy_day_key(std::string_view epoch);
  /// The epochs whose key still exists, in order.
  std::vector<std::string> day_key_epochs() const;

 private:
  struct SigningKey;
  KeyRing(Random& random, Secret seal, const Secret& mac, std::unique_ptr<SigningKey> signing);

  Result<const Secret*> day_key(std::string_view epoch, MissingKeys missing);
  std::string day_key_path(std::string_view epoch) const;

  Random& random_;
  std::string seal_path_{};  // empty: no files
  Secret seal_key_;
  Secret entry_key_;
  Secret head_key_;
  Secret fingerprint_key_;
  std::string mac_key_id_;
  std::unique_ptr<SigningKey> signing_;
  std::string signing_public_key_;
  std::map<std::string, Secret, std::less<>> day_keys_{};
};

/// SHA-256 of the 32 raw bytes of a public key, 64 hex digits; shown as `fp:` and the first 8.
std::string signing_key_id(std::string_view public_key);

/// Does `signature` over `text` verify under the raw Ed25519 `public_key`?
bool ed25519_verifies(std::string_view public_key, std::string_view text,
                      std::string_view signature);

}  // namespace quell
