#include "state/sqlite_journal.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "state/alert_index.h"
#include "state/base/assert.h"
#include "state/base/bytes.h"
#include "state/sqlite_schema.h"

namespace quell {
namespace {

constexpr std::size_t kJournalIdBytes = 16;

Error wrong_mac_key(const SqliteDatabase& database) {
  return make_error(ErrorCode::invalid, "secret",
                    fmt::format("{} was made with another entry MAC key", database.path()),
                    "restore the key that mac_key names, or set state.sqlite");
}

Error corrupt(std::string message) {
  return make_error(ErrorCode::corrupt, "corrupt", std::move(message), std::string(kCorruptHint));
}

Status create_journal(SqliteDatabase& database, const SqliteJournalOptions& options) {
  QUELL_ASSERT(options.random != nullptr);
  const JournalMeta meta{.identity = {.id = options.random->hex(kJournalIdBytes),
                                      .created = format_rfc3339(options.clock->now())},
                         .mac_key_id = options.keys->mac_key_id()};
  const Tip genesis{.seq = 0, .hash = genesis_hash(meta.identity)};
  return create_schema(database, meta,
                       options.keys->head_mac(head_mac_text(meta.identity, genesis)));
}

}  // namespace

SqliteJournal::SqliteJournal(std::shared_ptr<SqliteDatabase> database, JournalIdentity identity,
                             const SqliteJournalOptions& options)
    : database_(std::move(database)),
      identity_(std::move(identity)),
      keys_(options.keys),
      clock_(options.clock) {}

Result<std::unique_ptr<SqliteJournal>> SqliteJournal::open(const SqliteJournalOptions& options) {
  const bool owner = options.mode == OpenMode::read_write;
  QUELL_ASSERT(!owner || (options.keys != nullptr && options.clock != nullptr));
  Result<std::unique_ptr<SqliteDatabase>> opened = SqliteDatabase::open(
      {.path = options.path, .mode = options.mode, .pages_max = options.pages_max});
  if (!opened) return opened.error();
  const std::shared_ptr<SqliteDatabase> database = std::move(*opened);
  const Result<bool> empty = is_empty_database(*database);
  if (!empty) return empty.error();
  if (!owner && *empty) {
    // Made by an owner that found no room to go on.
    return make_error(ErrorCode::gone, "state",
                      fmt::format("{} holds no journal yet", options.path),
                      "start a run to make one, or set state.sqlite");
  }
  if (owner) {
    const Status ready = *empty ? create_journal(*database, options)
                                : migrate(*database, known_migrations(), kJournalFormat);
    if (!ready) return ready.error();
  }
  const Result<JournalMeta> meta = read_meta(*database);
  if (!meta) return meta.error();
  if (options.keys != nullptr && options.keys->mac_key_id() != meta->mac_key_id) {
    return wrong_mac_key(*database);
  }
  std::unique_ptr<SqliteJournal> journal(new SqliteJournal(database, meta->identity, options));
  if (owner) {
    Result<Tip> tip = journal->checked_tip();
    if (!tip) return tip.error();
    journal->tip_ = std::move(*tip);
  }
  return journal;
}

/// Appends `entries` as one transaction; durable on return. No effect may start before it returns.
Result<Tip> SqliteJournal::append(std::span<const Entry> entries) {
  QUELL_ASSERT(!entries.empty());
  QUELL_ASSERT(database_->mode() == OpenMode::read_write);
  Result<SqliteTransaction> transaction = SqliteTransaction::begin_immediate(*database_);
  if (!transaction) return transaction.error();
  const Result<std::optional<HeadRow>> head = read_head();
  if (!head) return head.error();
  if (!*head || (*head)->seq != tip_.seq || (*head)->hash != tip_.hash) {
    return make_error(ErrorCode::conflict, "locked",
                      fmt::format("another process wrote to {}", database_->path()),
                      "stop one of the two owners, then quell resume");
  }
  Chain chain(identity_, keys_, tip_);
  for (const Entry& entry : entries) {
    const Result<StoredEntry> row = chain.extend(entry);
    if (!row) return row.error();
    if (Status put = insert_entry(*row); !put) return put.error();
    if (entry.kind != EntryKind::alert_received) continue;
    if (Status put = insert_alert(row->seq, entry); !put) return put.error();
  }
  if (Status put = write_head(chain.tip()); !put) return put.error();
  if (Status done = transaction->commit(); !done) return done.error();
  tip_ = chain.tip();
  return tip_;  // every earlier return rolls back in ~SqliteTransaction
}

Status SqliteJournal::read(std::uint64_t after,
                           const std::function<Status(const StoredEntry&)>& visit) {
  return read_some(
      after, [](const EntryLabel&) { return true; }, visit);
}

Status SqliteJournal::read_some(std::uint64_t after,
                                const std::function<bool(const EntryLabel&)>& wants,
                                const std::function<Status(const StoredEntry&)>& visit) {
  // One view for the entries and the head, whatever an owner writes meanwhile.
  const Result<SqliteTransaction> view = SqliteTransaction::begin_read(*database_);
  if (!view) return view.error();
  const Result<Tip> end = checked_tip();
  if (!end) return end.error();
  if (after >= end->seq) return ok();
  const Result<std::string> before = hash_at(after);
  if (!before) return before.error();
  Chain chain(identity_, keys_, Tip{.seq = after, .hash = *before});
  Result<SqliteStatement> rows =
      database_->prepare_fresh("SELECT seq, hash, bytes FROM entries WHERE seq > ?1 ORDER BY seq");
  if (!rows) return rows.error();
  rows->bind(1, after);
  StoredEntry found;
  while (chain.tip().seq < end->seq) {
    const Result<bool> row = rows->step();
    if (!row) return row.error();
    if (!*row)
      return corrupt(fmt::format("journal entry {} is missing", group_digits(chain.tip().seq + 1)));
    const std::uint64_t seq = rows->number(0);
    const std::string_view bytes = rows->bytes(2);
    // What cannot be told from outside is decoded, which says what is wrong with it.
    if (const auto label = label_of_bytes(seq, bytes); label && !wants(*label)) {
      if (const auto fault = chain.pass(seq, rows->bytes(1), bytes)) return to_error(*fault);
      continue;
    }
    if (const auto fault = chain.accept(seq, rows->bytes(1), bytes, found)) return to_error(*fault);
    if (Status visited = visit(found); !visited) return visited;
  }
  if (chain.tip().hash != end->hash) return corrupt("the head row is not that of the last entry");
  return ok();
}

Result<Tip> SqliteJournal::tip() {
  if (database_->mode() == OpenMode::read_write) return tip_;
  const Result<SqliteTransaction> view = SqliteTransaction::begin_read(*database_);
  if (!view) return view.error();
  return checked_tip();
}

Result<std::string> SqliteJournal::sign_head() {
  QUELL_ASSERT(database_->mode() == OpenMode::read_write);
  const std::string signed_at = format_rfc3339(clock_->now());
  const std::string signature = keys_->sign(head_signature_text(identity_, tip_, signed_at));
  const std::string& public_key = keys_->signing_public_key();
  const std::string key = signing_key_id(public_key);
  Result<SqliteTransaction> transaction = SqliteTransaction::begin_immediate(*database_);
  if (!transaction) return transaction.error();
  {
    // Signing the same tip again adds nothing: the first time counts.
    Result<SqliteStatement> insert = database_->prepare(
        "INSERT INTO signatures (seq, key, hash, signed_at, public_key, signature) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING");
    if (!insert) return insert.error();
    insert->bind(1, tip_.seq)
        .bind_text(2, key)
        .bind_blob(3, tip_.hash)
        .bind_text(4, signed_at)
        .bind_blob(5, public_key)
        .bind_blob(6, signature);
    if (Status put = insert->run(); !put) return put.error();
  }
  if (Status done = transaction->commit(); !done) return done.error();
  return head_text(tip_);
}

Result<VerifyReport> SqliteJournal::verify(const VerifyOptions& options) {
  const Result<SqliteTransaction> view = SqliteTransaction::begin_read(*database_);
  if (!view) return view.error();
  JournalVerifier verifier(identity_, keys_, options);
  if (Status fed = feed_entries(verifier); !fed) return fed.error();
  if (Status fed = feed_signatures(verifier); !fed) return fed.error();
  const Result<std::optional<HeadRow>> head = read_head();
  if (!head) return head.error();
  verifier.head(*head);
  // Last, since it says less: damage that left every row as it was.
  Result<SqliteStatement> check = database_->prepare_fresh("PRAGMA integrity_check(1)");
  if (!check) return check.error();
  const Result<bool> row = check->step();
  if (!row) return row.error();
  if (!*row || check->bytes(0) != "ok") {
    verifier.damage("the entries hold, but the database file around them is damaged");
  }
  return verifier.take();
}

Result<std::optional<HeadRow>> SqliteJournal::read_head() {
  Result<SqliteStatement> statement =
      database_->prepare("SELECT seq, hash, mac FROM head WHERE one = 1");
  if (!statement) return statement.error();
  const Result<bool> row = statement->step();
  if (!row) return row.error();
  if (!*row) return std::optional<HeadRow>();
  return std::optional<HeadRow>(HeadRow{.seq = statement->number(0),
                                        .hash = std::string(statement->bytes(1)),
                                        .mac = std::string(statement->bytes(2))});
}

/// The tip as the head row has it, if its MAC holds and the entries end there.
Result<Tip> SqliteJournal::checked_tip() {
  const Result<std::optional<HeadRow>> head = read_head();
  if (!head) return head.error();
  if (!*head) return corrupt("the head row of the journal is missing");
  Tip tip{.seq = (*head)->seq, .hash = (*head)->hash};
  const Result<std::uint64_t> last = last_seq();
  if (!last) return last.error();
  if (*last < tip.seq) {
    return corrupt(fmt::format("the tail of the journal is cut: head {}, found {}",
                               group_digits(tip.seq), group_digits(*last)));
  }
  if (*last > tip.seq) {
    return corrupt(fmt::format("entries stand behind the head of the journal: head {}, found {}",
                               group_digits(tip.seq), group_digits(*last)));
  }
  const Result<std::string> hash = hash_at(tip.seq);
  if (!hash) return hash.error();
  if (*hash != tip.hash) return corrupt("the head row is not that of the last entry");
  if (keys_ != nullptr &&
      !equal_constant_time(keys_->head_mac(head_mac_text(identity_, tip)), (*head)->mac)) {
    return corrupt("the head row of the journal does not match its MAC");
  }
  return tip;
}

/// The hash that stands beside entry `seq`; the genesis hash for 0.
Result<std::string> SqliteJournal::hash_at(std::uint64_t seq) {
  std::string genesis = genesis_hash(identity_);
  if (seq == 0) return genesis;
  Result<SqliteStatement> statement = database_->prepare("SELECT hash FROM entries WHERE seq = ?1");
  if (!statement) return statement.error();
  statement->bind(1, seq);
  const Result<bool> row = statement->step();
  if (!row) return row.error();
  if (!*row || statement->bytes(0).size() != genesis.size()) {
    return corrupt(fmt::format("journal entry {} is missing", group_digits(seq)));
  }
  return std::string(statement->bytes(0));
}

Result<std::uint64_t> SqliteJournal::last_seq() {
  Result<SqliteStatement> statement = database_->prepare("SELECT max(seq) FROM entries");
  if (!statement) return statement.error();
  const Result<bool> row = statement->step();
  if (!row) return row.error();
  return *row ? statement->number(0) : 0;
}

Status SqliteJournal::insert_entry(const StoredEntry& row) {
  Result<SqliteStatement> insert =
      database_->prepare("INSERT INTO entries (seq, hash, bytes) VALUES (?1, ?2, ?3)");
  if (!insert) return insert.error();
  insert->bind(1, row.seq).bind_blob(2, row.hash).bind_blob(3, row.bytes);
  return insert->run();
}

Status SqliteJournal::insert_alert(std::uint64_t seq, const Entry& entry) {
  const std::optional<AlertKey> key = alert_key_of(entry);
  if (!key) return ok();
  // An old row of the same key has expired, or it would not have come so far.
  Result<SqliteStatement> insert =
      database_->prepare("INSERT OR REPLACE INTO alerts (key, seq, expires) VALUES (?1, ?2, ?3)");
  if (!insert) return insert.error();
  insert->bind_blob(1, key->bytes).bind(2, seq).bind(3, milliseconds_of(key->expires));
  return insert->run();
}

Status SqliteJournal::write_head(const Tip& tip) {
  const std::string mac = keys_->head_mac(head_mac_text(identity_, tip));
  Result<SqliteStatement> update =
      database_->prepare("UPDATE head SET seq = ?1, hash = ?2, mac = ?3 WHERE one = 1");
  if (!update) return update.error();
  update->bind(1, tip.seq).bind_blob(2, tip.hash).bind_blob(3, mac);
  return update->run();
}

Status SqliteJournal::feed_entries(JournalVerifier& verifier) {
  Result<SqliteStatement> rows =
      database_->prepare_fresh("SELECT seq, hash, bytes FROM entries ORDER BY seq");
  if (!rows) return rows.error();
  for (;;) {  // ends with the rows
    const Result<bool> row = rows->step();
    if (!row) return row.error();
    if (!*row || !verifier.entry(rows->number(0), rows->bytes(1), rows->bytes(2))) return ok();
  }
}

Status SqliteJournal::feed_signatures(JournalVerifier& verifier) {
  Result<SqliteStatement> rows = database_->prepare_fresh(
      "SELECT s.seq, s.key, s.hash, s.signed_at, s.public_key, s.signature, e.hash "
      "FROM signatures s LEFT JOIN entries e ON e.seq = s.seq ORDER BY s.seq, s.key");
  if (!rows) return rows.error();
  const std::string genesis = genesis_hash(identity_);
  for (;;) {  // ends with the rows
    const Result<bool> row = rows->step();
    if (!row) return row.error();
    if (!*row) return ok();
    const SignatureRow signature{.seq = rows->number(0),
                                 .key = std::string(rows->bytes(1)),
                                 .hash = std::string(rows->bytes(2)),
                                 .signed_at = std::string(rows->bytes(3)),
                                 .public_key = std::string(rows->bytes(4)),
                                 .signature = std::string(rows->bytes(5))};
    const std::string beside = signature.seq == 0 ? genesis : std::string(rows->bytes(6));
    if (!verifier.signature(signature, beside.empty() ? nullptr : &beside)) return ok();
  }
}

MissingKeys missing_keys_for(const std::string& path) {
  std::error_code failed;
  const std::uintmax_t size = std::filesystem::file_size(path, failed);
  // A file of no bytes is what a death during the very first start leaves.
  if (failed == std::errc::no_such_file_or_directory) return MissingKeys::create;
  return !failed && size == 0 ? MissingKeys::create : MissingKeys::refuse;
}

}  // namespace quell
