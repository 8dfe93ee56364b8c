// What `quell test` says: of the shipped playbooks, of a wrong expectation, of a tests file with
// mistakes.

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "process.h"

namespace quell::test {
namespace {

constexpr const char* kPlaybook = R"(quell: 1
id: stop-one
title: Stop one session
purpose: Interrupt a session and show that it stays down.
inputs:
  token: {type: secret}
steps:
  - id: go
    approve: {need: 1, from: approver, within: 10m, on_timeout: abort}
  - id: calm
    wait: {for: 6h}
  - id: stop
    use: platform.stop_session
    with: {session_id: sesn_1}
    kills: [session]
    irreversible: true
    verify:
      - {probe: platform.session_is_stopped, with: {session_id: sesn_1}, until: {every: 1m, for: 1h}}
)";

constexpr const char* kTests = R"(quell_test: 1
playbook: stop-one
inputs: {token: test-token-that-nobody-prints}
answers:
  platform.stop_session: [{outputs: {id: sesn_1}, takes: 5m}]
  platform.session_is_stopped: [{verdict: proved}]
cases:
  - name: it stops
    expect: {result: contained, exit: 0, claims: [{step: stop, verdict: proved, grade: strong}]}
  - name: it does not
    answers: {platform.session_is_stopped: [{verdict: refuted, proof: running}]}
    expect: {result: exposed, exit: 4, calls: {platform.session_is_stopped: 61}}
)";

class Author {
 public:
  explicit Author(const std::string& tests = kTests)
      : playbook_(folder_.write("stop-one.yaml", kPlaybook)) {
    static_cast<void>(folder_.write("tests/stop-one.yaml", tests));
  }

  Finished test(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{quell_path(), "test", playbook_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Process(arguments, {{"HOME", folder_.path()}}).wait();
  }
  const Folder& folder() const { return folder_; }

 private:
  Folder folder_{};
  std::string playbook_;
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

// Goal: what ships has been played through its bad nights, and goes on being so.
TEST_CASE("the tests of every shipped playbook pass") {
  const Folder home;
  const Finished done = Process({quell_path(), "test"}, {{"HOME", home.path()}}).wait();
  CAPTURE(done.out);
  CAPTURE(done.err);
  CHECK(done.exit == 0);
  CHECK(has(done.out, "leaked-mcp-oauth  everything is dead  contained"));
  CHECK(has(done.out, "rotate-only  the old token lives on  exposed"));
  CHECK(has(done.out, "cases passed, 0 failed\n"));
  CHECK(home.files().empty());
}

// Goal: a case is the same each time, and hours of waiting cost nothing.
// Method: six hours of wait, five minutes of answer and an hour of looks; told to the millisecond.
TEST_CASE("a case runs in a time of its own") {
  const Author author;
  const Finished first = author.test();
  CAPTURE(first.out);
  CAPTURE(first.err);
  CHECK(first.exit == 0);
  CHECK(has(first.out, "it stops  contained after 6 h 5 min"));
  CHECK(has(first.out, "it does not  exposed after 7 h 5 min"));
  CHECK(author.test().out == first.out);
  CHECK(author.folder().files().size() == 2);  // nothing was written
}

// Goal: a wrong expectation fails, and says what was seen instead.
TEST_CASE("a wrong expectation is told with what was seen") {
  const Author author(replaced(kTests, "{result: contained, exit: 0,",
                               "{result: exposed, exit: 4, outcomes: {stop: already}, journal: "
                               "[step_finished stop, approval_given go], calls: "
                               "{platform.stop_session: 2},"));
  const Finished done = author.test();
  CAPTURE(done.out);
  CHECK(done.exit == 1);
  CHECK(has(done.out, "stop-one  it stops  contained"));
  for (const char* row : {"result ", "exit ", "outcome of stop ", "calls of platform.stop_session ",
                          "approval_given go after step_finished stop"}) {
    CAPTURE(row);
    CHECK(has(done.out, row));
  }
  CHECK(has(done.out, "attempt_started"));
  CHECK(has(done.out, "1 case passed, 1 failed\n"));
  CHECK_FALSE(has(done.out, "test-token-that-nobody-prints"));
  const Finished json = author.test({"--json"});
  CHECK(json.exit == 1);
  const Value document = json.json();
  CHECK(document["failed"] == Value(1));
  CHECK(document["cases"].list_or_empty().size() == 2);
  CHECK(document["cases"].list_or_empty().front()["differences"].list_or_empty().size() == 5);
  CHECK_FALSE(has(json.out, "test-token-that-nobody-prints"));
}

TEST_CASE("one case can be played alone, and a wrong name is told") {
  const Author author;
  const Finished one = author.test({"--case", "it does not"});
  CHECK(one.exit == 0);
  CHECK(has(one.out, "1 case passed, 0 failed\n"));
  const Finished none = author.test({"--case", "it does nt"});
  CHECK(none.exit == 2);
  CHECK(has(none.err, "did you mean \"it does not\"?"));
}

TEST_CASE("a call without an answer fails its case") {
  const Author author(replaced(kTests, "  platform.session_is_stopped: [{verdict: proved}]\n", ""));
  const Finished done = author.test({"--case", "it stops"});
  CAPTURE(done.out);
  CHECK(done.exit == 1);
  CHECK(has(done.out, "one for platform.session_is_stopped"));
}

// Goal: who mistypes is shown the word, its place and the nearest known one, and nothing is played.
TEST_CASE("mistakes in a tests file are told with their place") {
  struct Row {
    const char* from;
    const char* to;
    const char* told;
  };
  const std::vector<Row> rows{
      {"name: it stops", "nam: it stops", "8:5: error: unknown key \"nam\" [unknown-key]"},
      {"platform.stop_session:", "platform.stop_sesion:",
       "5:3: error: no action \"platform.stop_sesion\" [unknown-action]"},
      {"{id: sesn_1}", "{id: 7}", "5:42: error: \"id\" is string, not a whole number [wrong-type]"},
      {"{id: sesn_1}", "{name: x}", "5:38: error: \"outputs\" has no \"name\" [unknown-key]"},
      {"takes: 5m", "verdict: proved", "5:51: error: stop_session is no probe [misplaced-key]"},
      {"takes: 5m", "outcome: failed", "error: an answer has no \"class\" [missing-key]"},
      {"token: test", "tken: test", "3:10: error: unknown key \"tken\" [unknown-key]"},
      {"result: contained", "result: contain", "9:22: error: \"result\" cannot be \"contain\""},
      {"step: stop", "step: stp", "error: no step \"stp\" [unknown-step]"},
      {"playbook: stop-one", "playbook: other", "2:11: error: \"playbook\" cannot be \"other\""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.to);
    const Author author(replaced(kTests, row.from, row.to));
    const Finished done = author.test();
    CAPTURE(done.err);
    CHECK(done.exit == 2);
    CHECK(has(done.err, "tests/stop-one.yaml:"));
    CHECK(has(done.err, row.told));
    CHECK(has(done.err, "^"));
    CHECK(done.out.empty());
  }
}

TEST_CASE("a playbook without tests is told where they belong") {
  const Folder folder;
  const std::string file = folder.write("stop-one.yaml", kPlaybook);
  const Finished done = Process({quell_path(), "test", file}, {{"HOME", folder.path()}}).wait();
  CHECK(done.exit == 2);
  CHECK(has(done.err, "there is no tests file"));
  CHECK(has(done.err, "/tests/stop-one.yaml"));
}

}  // namespace quell::test
