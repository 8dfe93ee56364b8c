#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "state/base/clock.h"
#include "state/base/random.h"
#include "state/journal.h"
#include "state/keys.h"
#include "state/sqlite_journal.h"

namespace quell {

inline constexpr std::size_t kSealedNameBytesMax = 200;
inline constexpr std::size_t kSealedSecretBytesMax = 256U << 10;

/// Sealed secrets in the journal's file, in a table outside the chain. The seal binds each blob to
/// journal, run, name and epoch (threat T51). Used by the engine thread, as the journal is.
class SqliteSecretStore final : public SecretStore {
 public:
  /// Shares the connection of `journal`; all four outlive the store.
  SqliteSecretStore(const SqliteJournal& journal, KeyRing& keys, const Clock& clock,
                    Random& random);

  /// Sealing the same secret under the same name again is fine; another one is `conflict`.
  Status seal(RunId run, std::string_view name, const Secret& secret) override;
  /// `gone`: no such secret. `corrupt`: the blob is not the one that was sealed here. `invalid`
  /// with topic `secret`: the key file of its day is missing.
  Result<Secret> open(RunId run, std::string_view name) override;
  Status erase_run(RunId run) override;
  /// The runs of which it holds secrets.
  Result<std::vector<RunId>> runs();
  std::string fingerprint(const Secret& secret) override;

  /// Destroys the keys of past days that seal nothing any more. Done by erase_run and on the first
  /// seal of a day; at start it catches up.
  Status destroy_spent_keys();

 private:
  struct Blob {
    std::string epoch{};
    std::string nonce{};
    std::string box{};
  };
  std::string bound_text(std::string_view run, std::string_view name, std::string_view epoch) const;
  Result<Blob> find(std::string_view run, std::string_view name);
  Result<Secret> unseal(std::string_view run, std::string_view name, const Blob& blob);
  Result<bool> seals_anything(std::string_view epoch);

  std::shared_ptr<SqliteDatabase> database_;
  std::string journal_id_;
  KeyRing& keys_;
  const Clock& clock_;
  Random& random_;
  std::string epoch_seen_{};
  bool wal_is_left_ = false;  // a reader held it when a secret was erased
};

}  // namespace quell
