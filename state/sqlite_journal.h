#pragma once

#include <memory>
#include <optional>
#include <string>

#include "state/base/clock.h"
#include "state/base/random.h"
#include "state/journal.h"
#include "state/keys.h"
#include "state/sqlite_database.h"
#include "state/verify.h"

namespace quell {

struct SqliteJournalOptions {
  std::string path{};
  OpenMode mode = OpenMode::read_write;
  const KeyRing* keys = nullptr;  // outlives the journal; read_only works without, and checks less
  const Clock* clock = nullptr;   // read_write only, outlives the journal
  Random* random = nullptr;       // read_write only; names a new journal
  std::uint32_t pages_max = 0;    // 4 KiB each; 0: the disk is the bound
};

/// One SQLite file, one owner that writes, any number of readers. docs/journal-format.md describes
/// the file.
class SqliteJournal final : public Journal {
 public:
  /// read_write makes the journal if it is not there, brings an older format up to date (with a
  /// backup) and refuses a head row that does not match its MAC or the last entry. A newer format
  /// is `invalid`, a journal made with another MAC key `invalid` with topic `secret`.
  static Result<std::unique_ptr<SqliteJournal>> open(const SqliteJournalOptions& options);

  Result<Tip> append(std::span<const Entry> entries) override;
  /// Also demands, at the end, that the head row is that of the last entry. `visit` must not
  /// append.
  Status read(std::uint64_t after, const std::function<Status(const StoredEntry&)>& visit) override;
  Status read_some(std::uint64_t after, const std::function<bool(const EntryLabel&)>& wants,
                   const std::function<Status(const StoredEntry&)>& visit) override;
  Result<Tip> tip() override;
  Result<std::string> sign_head() override;

  /// Walks everything and trusts nothing (cli: `journal verify`). An error means that the file
  /// could not be read to its end; what is wrong inside it is in the report.
  Result<VerifyReport> verify(const VerifyOptions& options = {});

  const JournalIdentity& identity() const noexcept { return identity_; }
  /// The same connection, for what lives in the same file.
  const std::shared_ptr<SqliteDatabase>& database() const noexcept { return database_; }

 private:
  SqliteJournal(std::shared_ptr<SqliteDatabase> database, JournalIdentity identity,
                const SqliteJournalOptions& options);

  Result<std::optional<HeadRow>> read_head();
  Result<Tip> checked_tip();
  Result<std::string> hash_at(std::uint64_t seq);
  Result<std::uint64_t> last_seq();
  Status insert_entry(const StoredEntry& row);
  Status insert_alert(std::uint64_t seq, const Entry& entry);
  Status write_head(const Tip& tip);
  Status feed_entries(JournalVerifier& verifier);
  Status feed_signatures(JournalVerifier& verifier);

  std::shared_ptr<SqliteDatabase> database_;
  JournalIdentity identity_;
  const KeyRing* keys_;
  const Clock* clock_;
  Tip tip_{};  // of the owner: what it wrote last
};

/// `create` while no journal stands at `path`. Once one does, its keys exist or are lost: new ones
/// could open nothing and vouch for nothing.
MissingKeys missing_keys_for(const std::string& path);

}  // namespace quell
