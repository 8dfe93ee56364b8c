// What `quell check` says of a playbook that loads, and what it only warns of.

#include <filesystem>
#include <string>

#include <doctest/doctest.h>

#include "process.h"

namespace quell::test {
namespace {

constexpr const char* kPlaybook = R"(quell: 1
id: stop-one
title: Stop one session
purpose: Interrupt a session and show that it stays down.
steps:
  - id: stop
    use: platform.stop_session
    with: {session_id: sesn_1}
    kills: [session]
    irreversible: true
    verify:
      - {probe: platform.session_is_stopped, with: {session_id: sesn_1}, until: {every: 1s, for: 5s}}
)";

Finished check(const Folder& folder, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {quell_path(), "check"});
  return Process(arguments, {{"HOME", folder.path()}}).wait();
}

}  // namespace

// Goal: a warning names its place and its remedy and changes nothing else.
TEST_CASE("a playbook that nobody rehearsed and that looks too shortly passes with two warnings") {
  const Folder folder;
  const std::string file = folder.write("stop-one.yaml", kPlaybook);
  const Finished done = check(folder, {file});
  CAPTURE(done.out);
  CHECK(done.exit == 0);
  CHECK(has(done.out, "stop-one.yaml:2:5: warning: no drill rehearses this playbook [no-drill]"));
  CHECK(has(done.out, "= help: describe one in drills/stop-one.yaml beside it"));
  CHECK(has(done.out,
            "stop-one.yaml:12:98: warning: this ends after 5 s, and one look may take 15 s "
            "[short-until]"));
  CHECK(has(done.out, "ok, 1 step, 1 claim, it can be proved, 2 warnings"));
  const Value json = check(folder, {file, "--json"}).json();
  const Value& first = json["files"].list_or_empty().front();
  CHECK(first["ok"] == Value(true));
  CHECK(first["diagnostics"].list_or_empty().size() == 2);
}

TEST_CASE("a drill beside the file, or shipped with it, is seen") {
  const Folder folder;
  const std::string file = folder.write("stop-one.yaml", kPlaybook);
  REQUIRE(std::filesystem::create_directory(folder.path() + "/drills"));
  static_cast<void>(folder.write("drills/stop-one.yaml", "scenario: stop-one\n"));
  const Finished own = check(folder, {file});
  CAPTURE(own.out);
  CHECK_FALSE(has(own.out, "no-drill"));
  CHECK(has(own.out, "it can be proved, drill of the same name, 1 warning"));
  const Finished shipped = check(folder, {"leaked-mcp-oauth"});
  CHECK(has(shipped.out,
            "leaked-mcp-oauth.yaml: ok, 16 steps, 5 claims, each can be proved, drill of the same "
            "name\n"));
}

// Goal: an approval that cannot be given is found in calm. No users can be configured yet, so one
// person gives all there are.
TEST_CASE("an approval by two while there is one") {
  const Folder folder;
  std::string source = kPlaybook;
  const std::string step = "  - {id: go, approve: {need: 2, from: approver, within: 10m}}\n";
  source.insert(source.find("  - id: stop"), step);
  const Finished done = check(folder, {folder.write("stop-one.yaml", source)});
  CAPTURE(done.out);
  CHECK(done.exit == 0);
  CHECK(has(done.out,
            "stop-one.yaml:6:10: warning: 2 people must approve, and without users one can "
            "[unreachable-approval]"));
}

}  // namespace quell::test
