#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "state/base/clock.h"
#include "state/base/random.h"
#include "state/keys.h"
#include "state/sqlite_journal.h"
#include "tests/support/temp_folder.h"

namespace quell {

/// 2031-03-04T05:06:07Z
Timestamp test_start();

/// A note of run r1c.
Entry note(std::string_view text);
/// An approval of run r1c: an entry with a MAC.
Entry approval(std::string_view who);
/// The start of run r1c: an entry with a MAC.
Entry run_start();

/// A journal file with everything that it needs.
class JournalFile {
 public:
  JournalFile();

  Result<std::unique_ptr<SqliteJournal>> try_open(OpenMode mode, bool with_keys = true,
                                                  std::uint32_t pages_max = 0);
  /// Fails the test when it does not open.
  std::unique_ptr<SqliteJournal> open(OpenMode mode = OpenMode::read_write);
  /// Runs SQL behind the journal's back.
  void run_sql(const std::string& sql) const;
  /// The first column of the first row.
  std::string ask_sql(const std::string& sql) const;

  TempFolder folder{};
  std::string path = folder / "quell.db";
  SeededRandom random{7};
  ManualClock clock{test_start()};
  std::unique_ptr<KeyRing> keys = KeyRing::in_memory(random);
};

void append(Journal& journal, const std::vector<Entry>& entries);
std::vector<StoredEntry> read_all(Journal& journal);

std::string hex_of(std::string_view bytes);
std::string read_file(const std::string& path);
void write_file(const std::string& path, std::string_view bytes);
/// The permission bits.
unsigned mode_of(const std::string& path);

}  // namespace quell
