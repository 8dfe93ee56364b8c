// A disk that is full: at the start nothing is started; in the middle the person is told at once,
// and the run goes on when there is room again.
#include <filesystem>
#include <fstream>
#include <string>

#include <doctest/doctest.h>

#include "orchestrator/ballast.h"
#include "site.h"

namespace quell::test {
namespace {

/// `quell` of the leak at `site` in a process whose files may grow to `kilobytes` and no further:
/// what a write past it is told is what a full quota tells.
Finished run_leak_within(const Site& site, int kilobytes, std::vector<std::string> more) {
  constexpr int kBlocksPerKilobyte = 2;  // POSIX counts 512 bytes
  std::vector<std::string> arguments{
      "/bin/sh", "-c",
      "ulimit -f " + std::to_string(kilobytes * kBlocksPerKilobyte) + "; exec \"$0\" \"$@\"",
      quell_path()};
  for (std::string& word : site.leak_arguments()) arguments.push_back(std::move(word));
  for (std::string& word : more) arguments.push_back(std::move(word));
  arguments.insert(arguments.end(), {"--config", site.folder().path() + "/quell.yaml"});
  return Process(arguments, site.environment()).wait();
}

/// `quell resume` with a person beside it, who sends the validation again where its answer had no
/// room.
Finished take_up(const Site& site) {
  Process resumed = site.start({"resume", "r1c"});
  std::string line;
  while (line.find("held") == std::string::npos && line.find("contained") == std::string::npos)
    line = resumed.read_line();
  if (line.find("held") != std::string::npos) {
    const Finished retried =
        site.run({"retry", "r1c", "refresh_is_dead", "--reason", "it had no room"});
    CHECK_MESSAGE(retried.exit == 0, retried.err);
  }
  return resumed.wait();
}

/// A journal on a disk that has no room as long as the ballast lies there.
class FullJournal final : public Journal {
 public:
  explicit FullJournal(std::string ballast) : ballast_(std::move(ballast)) {}
  Result<Tip> append(std::span<const Entry> entries) override {
    if (std::filesystem::exists(ballast_) || is_full_for_good)
      return make_error(ErrorCode::internal, "the disk is full.");
    appended += entries.size();
    return Tip{};
  }
  Status read(std::uint64_t, const std::function<Status(const StoredEntry&)>&) override {
    return ok();
  }
  Result<Tip> tip() override { return Tip{}; }
  Result<std::string> sign_head() override { return std::string(); }

  std::size_t appended = 0;
  bool is_full_for_good = false;

 private:
  std::string ballast_;
};

}  // namespace

// Goal: whatever fills the disk, the record of an incident goes on for a while (threat T47).
TEST_CASE("a full disk takes the ballast, once, and says so") {
  const Folder folder;
  const std::string ballast = ballast_path(folder.path() + "/quell.db");
  take_ballast(ballast);
  REQUIRE(std::filesystem::file_size(ballast) > 0);
  FullJournal disk(ballast);
  std::vector<std::string> told;
  BallastedJournal journal(disk, ballast,
                           [&told](const std::string& sentence) { told.push_back(sentence); });
  const std::vector<Entry> entries(2);
  CHECK(journal.append(entries));
  CHECK(disk.appended == 2);
  CHECK_FALSE(std::filesystem::exists(ballast));
  REQUIRE(told.size() == 1);
  CHECK(told.front().find(ballast) != std::string::npos);
  disk.is_full_for_good = true;
  CHECK_FALSE(journal.append(entries));
  CHECK(told.size() == 1);
}

TEST_CASE("no room for a journal: nothing is started") {
  const Site site;
  const Finished done = run_leak_within(site, 8, {"--yes"});
  CAPTURE(done.out);
  CHECK(done.exit == 2);
  const Told said = told(done);
  CHECK(said.word == "state");
  CHECK(said.sentence.find("the limit on file sizes is reached") != std::string::npos);
  CHECK(said.help.find(site.folder().path() + "/state") != std::string::npos);
  CHECK(site.changes_seen() == 0);
  // With room it is as if nothing had been.
  CHECK(site.run_leak({"--yes", "--json"}).json()["result"].string_or("") == "contained");
  CHECK(site.run({"journal", "verify"}).exit == 0);
}

// Goal: a run whose journal finds no more room stops there and then, says so, and loses nothing.
// Method: the same run under ever wider limits, so that the room ends at many different entries,
// before and after the first change; each is taken up without a limit.
TEST_CASE("no more room in mid-run: told at once, and resumed when there is room") {
  int held = 0;
  int held_after_changes = 0;
  for (const int kilobytes : {100, 250, 320, 400}) {
    CAPTURE(kilobytes);
    const Site site;
    const Finished done = run_leak_within(site, kilobytes, {"--yes"});
    CAPTURE(done.out);
    CAPTURE(done.err);
    if (done.exit == 0) continue;
    const Told said = told(done);
    CHECK(said.word == "state");
    if (done.exit == 2) {
      CHECK(site.changes_seen() == 0);
      continue;
    }
    CHECK(done.exit == 7);
    ++held;
    if (site.changes_seen() > 0) ++held_after_changes;
    CHECK(said.sentence.starts_with("the limit on file sizes is reached; r1c is held after "));
    CHECK(said.help == "raise it for files in " + site.folder().path() +
                           "/state (ulimit -f), then quell resume r1c; no request is lost");
    CHECK(site.run({"journal", "verify"}).exit == 0);
    CHECK(take_up(site).exit == 0);
    CHECK(site.run({"show", "r1c", "--json"}).json()["result"].string_or("") == "contained");
    CHECK_FALSE(site.control("/truth")["access_token_works"].bool_or(true));
    CHECK_FALSE(site.control("/truth")["refresh_token_works"].bool_or(true));
    CHECK(site.run({"journal", "verify"}).exit == 0);
  }
  CHECK(held > 1);
  CHECK(held_after_changes > 0);
}

}  // namespace quell::test
