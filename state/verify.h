#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "state/hash_chain.h"

namespace quell {

/// The first thing that is wrong with a journal.
struct VerifyFailure {
  std::uint64_t seq = 0;   // the entry it shows at; 0: the head row or the file itself
  std::string label{};     // "(attempt_finished, r16w)" where the entry can be read
  std::string sentence{};  // for people, without a full stop
  // How many entries before it hold. Where the history as a whole is in doubt, only those up to the
  // last good signature.
  std::uint64_t sound = 0;
};

struct VerifyReport {
  std::uint64_t entries = 0;  // that hold
  std::uint64_t runs = 0;     // that those entries start
  Tip tip{};                  // behind the last entry that holds
  std::uint64_t signatures = 0;
  std::set<std::string> signing_keys{};       // ids of the keys of those signatures
  std::uint64_t entries_since_signature = 0;  // all, when nothing is signed
  bool macs_checked = false;                  // false without the MAC key
  std::optional<VerifyFailure> failure{};     // nothing: whole
};

struct VerifyOptions {
  std::optional<Tip> expected_head{};  // an outside anchor: the only thing that shows a rollback
  std::set<std::string>
      trusted_keys{};  // ids of signing keys; empty: that of the key ring, else any
};

struct SignatureRow {
  std::uint64_t seq = 0;
  std::string key{};         // id, 64 hex digits
  std::string hash{};        // 32 raw bytes
  std::string signed_at{};   // RFC 3339
  std::string public_key{};  // 32 raw bytes
  std::string signature{};   // 64 raw bytes
};

struct HeadRow {
  std::uint64_t seq = 0;
  std::string hash{};
  std::string mac{};
};

/// Looks at a whole journal and believes nothing: fed all entries in order, then all signatures in
/// order, then the head row. After a failure the rest need not be fed.
class JournalVerifier {
 public:
  /// Without `keys` neither the MACs nor the head row's HMAC are checked.
  JournalVerifier(JournalIdentity identity, const KeyRing* keys, VerifyOptions options);

  /// False: this entry, or one before, does not hold.
  bool entry(std::uint64_t seq, std::string_view hash, std::string_view bytes);
  /// `chain_hash` is the hash at the signature's seq as the entries have it; null: none is there.
  bool signature(const SignatureRow& row, const std::string* chain_hash);
  bool head(const std::optional<HeadRow>& row);
  /// Something that the rows do not show, such as a damaged index.
  void damage(std::string sentence);

  VerifyReport take() { return std::move(report_); }

 private:
  bool fail(std::uint64_t seq, std::uint64_t sound, std::string sentence);
  bool is_trusted(const std::string& key) const;

  JournalIdentity identity_;
  const KeyRing* keys_;
  VerifyOptions options_;
  Chain chain_;
  std::uint64_t signed_seq_ = 0;
  std::uint64_t cut_at_ = 0;  // the highest signed number beyond the last entry
  bool anchor_seen_ = false;
  VerifyReport report_{};
};

/// What `quell journal verify` prints: two lines when all holds, else the failure.
std::string verify_text(const VerifyReport& report);

}  // namespace quell
