// What stops a run from outside of it, as whole processes: the kill switch, faults of its own,
// SIGTERM, a run that holds the lock, and what is lifted afterwards.
#include <chrono>
#include <csignal>
#include <string>

#include <doctest/doctest.h>

#include "site.h"

namespace quell::test {
namespace {

std::vector<std::string> followed(const Site& site, std::initializer_list<std::string> more) {
  std::vector<std::string> arguments = site.leak_arguments();
  arguments.insert(arguments.end(), {"--json", "--follow"});
  arguments.insert(arguments.end(), more);
  return arguments;
}

}  // namespace

// Goal: off means off, for a run of people too, and nothing is lost by it.
TEST_CASE("a disarmed run waits, and goes on when it is armed") {
  const Site site;
  REQUIRE(site.run({"disarm", "--all", "--reason", "wrong workspace"}).exit == 0);
  Process run = site.start(followed(site, {"--yes"}));
  REQUIRE(says(run, "\"step\":\"pause\""));
  const Value truth = site.control("/truth");
  CHECK_FALSE(truth["credential_archived"].bool_or(true));
  CHECK_FALSE(truth["sessions_running"].list_or_empty().empty());
  CHECK(site.run({"arm", "--reason", "it was the right one"}).exit == 0);
  const Finished finished = run.wait();
  CHECK(finished.exit == 0);
  CHECK(finished.err.find("begins no change: disarmed by") != std::string::npos);
  CHECK(site.run({"arm", "--reason", "again"}).out == "It was armed already.\n");
  CHECK(site.run({"arm"}).exit == 2);
  CHECK(site.run({"journal", "verify"}).exit == 0);
}

TEST_CASE("a reason is demanded, and a token in it refused") {
  const Site site;
  CHECK(site.run({"disarm", "--all"}).exit == 2);
  CHECK(site.run({"disarm", "--reason", site.access_token()}).exit == 2);
}

// Goal: a program that dies of its own fault again and again stops acting (threat T29). Method: the
// signal of such a fault, from outside; SIGKILL beside it counts for nothing.
TEST_CASE("the third death by a fault of its own disarms it") {
  const Site site;
  Process first = site.start(followed(site, {}));
  REQUIRE(says(first, "approval_requested"));
  first.signal(SIGKILL);
  first.wait();
  for (int death = 0; death < 3; ++death) {
    Process again = site.start({"resume", "--json", "--follow"});
    REQUIRE(says(again, "run_resumed"));
    again.signal(SIGSEGV);
    const Finished died = again.wait();
    CHECK(died.exit == 128 + SIGSEGV);
    CHECK(died.err.find("a fault of its own ended it") != std::string::npos);
  }
  Process last = site.start({"resume", "--json", "--follow"});
  REQUIRE(says(last, "run_resumed"));
  last.signal(SIGTERM);
  last.wait();
  bool disarmed = false;
  for (const auto& [path, content] : site.folder().files()) {
    disarmed |= path.ends_with("quell.disarmed") &&
                content.find("it died three times in ten minutes") != std::string::npos;
  }
  CHECK(disarmed);
  CHECK(site.changes_seen() == 0);
  CHECK(site.run({"journal", "verify"}).exit == 0);
}

// Goal: told to end, it ends within ten seconds, whatever hangs, and the doubt is in the record.
TEST_CASE("SIGTERM ends a run within ten seconds although an answer never comes") {
  const Site site;
  site.fault(R"({"fail_next":{"host":"issuer","hang":"after","path":"/revoke","count":1}})");
  Process run = site.start(followed(site, {"--yes"}));
  REQUIRE(says(run, "/revoke\""));
  const auto told = std::chrono::steady_clock::now();
  run.signal(SIGTERM);
  const Finished ended = run.wait();
  CHECK(std::chrono::steady_clock::now() - told < std::chrono::seconds(10));
  CHECK(ended.exit == 143);
  CHECK(ended.out.find("attempt_unknown") != std::string::npos);
  const Finished resumed = site.run({"resume", "r1c", "--json"});
  CHECK(resumed.json()["result"].string_or("") == "contained");
}

TEST_CASE("a run that would be locked out joins the one that holds the lock") {
  const Site site;
  site.fault(R"({"fail_next":{"host":"issuer","hang":"after","path":"/revoke","count":1}})");
  Process first = site.start(followed(site, {"--yes"}));
  REQUIRE(says(first, "/revoke\""));
  first.signal(SIGKILL);
  first.wait();
  const Finished joined = site.run_leak({"--yes", "--join", "--json"});
  CHECK(joined.exit == 0);
  CHECK(joined.json()["run"].string_or("") == "r1c");
  CHECK(site.run({"runs", "--json"}).json()["runs"].list_or_empty().size() == 1);
}

// Goal: a watch outlives its process, and ends when a person says so.
TEST_CASE("a watch that is cut off goes on with resume") {
  const Site site;
  Process run = site.start(followed(site, {"--yes", "--watch"}));
  REQUIRE(says(run, "watch_started"));
  run.signal(SIGTERM);
  const Finished cut = run.wait();
  CHECK(cut.exit == 0);
  CHECK(cut.err.find("quell resume r1c goes on with it") != std::string::npos);
  CHECK(site.run_leak({"--yes", "--json"}).err.find("r1c is watched by nobody") !=
        std::string::npos);
  Process again = site.start({"resume", "r1c", "--json", "--follow"});
  REQUIRE(says(again, "run_resumed"));
  again.signal(SIGINT);
  const Finished ended = again.wait();
  CHECK(ended.exit == 0);
  CHECK(ended.out.find("watch_finished") != std::string::npos);
  CHECK(site.run({"resume", "r1c"}).exit == 2);
  CHECK(site.run({"note", "r1c", "over"}).exit == 2);  // nobody owns the state
}

TEST_CASE("undo lets paused deployments run again, once") {
  const Site site;
  REQUIRE(site.run_leak({"--yes", "--json"}).exit == 0);
  CHECK(site.run({"undo", "r1c", "--reason", "all clear"}).exit == 2);  // nobody to confirm it
  const Finished lifted = site.run({"undo", "r1c", "--reason", "all clear", "--yes", "--json"});
  CHECK(lifted.exit == 0);
  CHECK(lifted.json()["lifted"].int_or(0) == 2);
  CHECK(site.control("/truth")["deployments_active"].list_or_empty().size() >= 2);
  CHECK(site.run({"undo", "r1c", "--reason", "again", "--yes"}).exit == 2);
  CHECK(site.run({"journal", "verify"}).exit == 0);
}

// Goal: what the configuration protects is not touched (threat T16). Method: the vault's own id.
TEST_CASE("a protected vault is left alone, and its run holds") {
  const Site site;
  site.configure(site.base_url(), "state/quell.db",
                 "policy: {protected: [\"" + site.vault_id() + "\"]}\n");
  const Finished run = site.run_leak({"--yes", "--json"});
  CHECK(run.exit == 7);
  CHECK_FALSE(site.control("/truth")["credential_archived"].bool_or(true));
}

TEST_CASE("policy is checked like the rest of the configuration") {
  const Site site;
  const auto refuses = [&](const std::string& lines, const std::string& why) {
    site.configure(site.base_url(), "state/quell.db", lines + "\n");
    const Finished said = site.run({"runs"});
    CHECK(said.exit == 2);
    CAPTURE(said.err);
    CHECK(said.err.find(why) != std::string::npos);
  };
  refuses("policy: {approval_flor: {wide: 2}}", "did you mean \"approval_floor\"?");
  refuses("policy: {approval_floor: {wide: -1}}", "a whole number from 0 to 10");
  refuses("policy: {separation: lax}", "none of auto, strict");
  refuses("policy: {auto: {runs_per_hour: -1}}", "policy.auto.runs_per_hour is a whole number");
  refuses("policy: {irreversible_per_hour: many}", "a whole number from 0 to 1000000");
  refuses("users: [{name: mara, roles: [king]}]", "a role is none of");
  refuses("users: [{roles: [approver]}]", "a user needs a name");
}

}  // namespace quell::test
