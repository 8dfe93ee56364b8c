#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "state/hash_chain.h"
#include "state/sqlite_database.h"

namespace quell {

inline constexpr std::uint64_t kJournalFormat = 2;

/// What the `meta` row says.
struct JournalMeta {
  std::uint64_t format = kJournalFormat;
  JournalIdentity identity{};
  std::string mac_key_id{};
};

/// Has the file no table at all: just made, or left by a death before the first commit?
Result<bool> is_empty_database(SqliteDatabase& database);

/// Makes the tables, the meta row and the head row of an empty journal in one transaction.
Status create_schema(SqliteDatabase& database, const JournalMeta& meta, std::string_view head_mac);

/// Reads the meta row. A newer format is `invalid`, a file of other tables `corrupt`.
Result<JournalMeta> read_meta(SqliteDatabase& database);

/// One step from format `from` to `from + 1`.
struct Migration {
  std::uint64_t from = 0;
  std::span<const std::string_view> statements{};
};

/// Brings the database from the format of its meta row to `target`: copies the file to
/// `<path>.format-N.backup` first, then runs every step in one transaction. Nothing to do is fine.
Status migrate(SqliteDatabase& database, std::span<const Migration> steps, std::uint64_t target);

/// The steps that this version knows, from format 1.
std::span<const Migration> known_migrations() noexcept;

}  // namespace quell
