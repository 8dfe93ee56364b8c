#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "state/base/result.h"
#include "state/journal.h"
#include "state/keys.h"
#include "state/model/entry.h"

namespace quell {

// The format that docs/journal-format.md describes; what changes here changes there.

inline constexpr std::int64_t kEntryVersion = 1;
inline constexpr std::size_t kEntryBytesMax = 16U << 20;
inline constexpr std::size_t kEntryDepthMax = 64;
inline constexpr std::size_t kEntryNodesMax = 1'000'000;

/// What sets one journal apart from every other; its genesis hash covers both.
struct JournalIdentity {
  std::string id{};       // 16 random bytes, 32 lower-case hex digits
  std::string created{};  // RFC 3339, UTC, milliseconds
};

/// The hash before the first entry, 32 raw bytes.
std::string genesis_hash(const JournalIdentity& identity);

/// Covers `bytes`, their number and, by `previous` (32 raw bytes), all entries before.
std::string chain_hash(std::string_view previous, std::uint64_t seq, std::string_view bytes);

/// Canonical JSON of `{"at","body","kind","run","v"}`, and of `"mac"` where one is given (64 hex
/// digits). `invalid`: the body is no map, is too large or too deep, or holds text that is not
/// UTF-8. What this refuses could not be read back.
Result<std::string> encode_entry(const Entry& entry, std::string_view mac_hex = {});

/// An entry and the MAC that its bytes carry.
struct DecodedEntry {
  Entry entry{};
  std::string mac_hex{};
};

/// Reads the canonical encoding, and only that: a member too many, another order or a kind that
/// this version does not know are `corrupt`. The message is a predicate ("is of a kind ...") whose
/// subject, the entry, the caller knows.
Result<DecodedEntry> decode_entry(std::string_view bytes);

/// The label of an entry in canonical encoding, from the members behind its body: a quote inside a
/// body is escaped, so nothing in there reads like them. None where they are not as this version
/// writes them; decode_entry() then says why.
std::optional<EntryLabel> label_of_bytes(std::uint64_t seq, std::string_view bytes);

/// What the MAC of a security entry covers: the journal, the place and all entries before it, so
/// that it holds nowhere else (threat T26).
std::string entry_mac_text(const JournalIdentity& identity, const Tip& before,
                           std::string_view bytes_without_mac);
/// What the MAC of the head row covers.
std::string head_mac_text(const JournalIdentity& identity, const Tip& tip);
/// What a signature of the head covers.
std::string head_signature_text(const JournalIdentity& identity, const Tip& tip,
                                std::string_view signed_at);

/// `SEQ:HASH` with the hash in lower-case hex, as `journal verify --head` takes it.
std::string head_text(const Tip& tip);
std::optional<Tip> parse_head(std::string_view text);

/// Why a row is not the next entry of a chain.
struct ChainFault {
  std::uint64_t seq = 0;
  std::string label{};   // "(attempt_finished, r16w)" as far as the row can be read, else empty
  std::string phrase{};  // "does not match its hash"
};

/// Goes along a chain, forwards. Every journal writes and reads through it, so the rules stand
/// once.
class Chain {
 public:
  /// Begins behind `before`. Without `keys` MACs are not looked at, and nothing can be added.
  Chain(JournalIdentity identity, const KeyRing* keys, Tip before);

  /// Encodes `entry` as the next one and moves on.
  Result<StoredEntry> extend(const Entry& entry);

  /// Checks that the row is the next entry: number, hash, encoding and MAC. Moves on and fills
  /// `found` if so.
  std::optional<ChainFault> accept(std::uint64_t seq, std::string_view hash, std::string_view bytes,
                                   StoredEntry& found);

  /// Checks number and hash of the row, nothing inside it. Moves on if they hold.
  std::optional<ChainFault> pass(std::uint64_t seq, std::string_view hash, std::string_view bytes);

  const Tip& tip() const noexcept { return tip_; }

 private:
  std::string mac_hex(std::string_view bytes_without_mac) const;

  JournalIdentity identity_;
  const KeyRing* keys_;
  Tip tip_;
};

/// `journal entry 4,117 does not match its hash`, `corrupt`.
Error to_error(const ChainFault& fault);

/// One line of `journal export`: `{"entry":...,"hash":"...","seq":N}`; the entry's bytes stand as
/// they were hashed.
std::string export_line(const StoredEntry& entry);

/// `4,117`
std::string group_digits(std::uint64_t number);

/// What to do with a journal that fails a check.
inline constexpr std::string_view kCorruptHint =
    "keep the file; quell journal verify, then restore and quell resume";

}  // namespace quell
