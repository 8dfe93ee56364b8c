// Who may come in, said at the command line: real files, a real daemon, no panel page.

#include <csignal>
#include <regex>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "orchestrator/cli/session.h"
#include "site.h"
#include "state/base/json.h"

namespace quell::test {
namespace {

constexpr std::string_view kPassword = "correct horse battery";

Finished add(const Site& site, const std::string& name, const std::string& roles) {
  return site.run({"user", "add", name, "--role", roles, "--password-stdin"},
                  std::string(kPassword) + "\n");
}

/// What the daemon says when it is ready.
std::string ready_line(Process& daemon) {
  for (int i = 0; i < 10; ++i) {
    std::string line = daemon.read_line();
    if (line.find("\"ready\"") != std::string::npos) return line;
  }
  return "";
}

std::string everything_in(const Site& site) { return site.run({"journal", "export"}).out; }

}  // namespace

TEST_CASE("people are let in, changed and taken out, and each change is in the record") {
  const Site site;
  REQUIRE(add(site, "mara", "admin,approver").exit == cli::kExitOk);
  REQUIRE(site.run({"user", "add", "kim", "--role", "viewer", "--no-password"}).exit ==
          cli::kExitOk);
  REQUIRE(site.run({"user", "roles", "kim", "--role", "responder"}).exit == cli::kExitOk);
  REQUIRE(
      site.run({"user", "password", "kim", "--password-stdin"}, "another horse battery\n").exit ==
      cli::kExitOk);
  const Finished listed = site.run({"user", "list", "--json"});
  const Result<Value> users = parse_json(listed.out);
  REQUIRE(users);
  REQUIRE((*users)["users"].list_or_empty().size() == 2);
  CHECK((*users)["users"].as_list()[0]["name"].string_or("") == "kim");
  CHECK((*users)["users"].as_list()[0]["can_sign_in"].bool_or(false));
  REQUIRE(site.run({"user", "remove", "kim"}).exit == cli::kExitOk);
  const std::string record = everything_in(site);
  for (const char* what : {"addUser", "setRoles", "setPassword", "removeUser"})
    CHECK(record.find(what) != std::string::npos);
  CHECK(record.find(kPassword) == std::string::npos);
}

TEST_CASE("what cannot be is refused, and says what can") {
  const Site site;
  CHECK(told(add(site, "mara", "boss")).help == "viewer, responder, approver, author, admin");
  CHECK(told(site.run({"user", "add", "mara", "--role", "admin", "--password-stdin"}, "short\n"))
            .word == "password");
  CHECK(told(site.run({"user", "add", "mara", "--role", "admin"}))
            .help.starts_with("--password-stdin"));
  CHECK(told(site.run({"user", "add"})).word == "usage");
  REQUIRE(add(site, "mara", "admin").exit == cli::kExitOk);
  CHECK(told(add(site, "mara", "viewer")).word == "user");
  CHECK(told(site.run({"user", "remove", "mara"})).sentence.find("admin") != std::string::npos);
  CHECK(told(site.run({"token", "create", "ci", "--role", "approver"})).word == "token");
  CHECK(told(site.run({"token", "create", "ci", "--days", "91"})).word == "token");
  CHECK(told(site.run({"token", "revoke", "nothing"})).word == "token");
}

TEST_CASE("with the first person no run is approved by whoever began it") {
  const Site site;
  CHECK(site.run_leak({"--yes"}).exit == cli::kExitOk);
  const Site strict;
  REQUIRE(add(strict, "mara", "admin,approver").exit == cli::kExitOk);
  std::vector<std::string> arguments = strict.leak_arguments();
  arguments.emplace_back("--yes");
  Process waits = strict.start(arguments);
  REQUIRE(says(waits, "waiting for 1 approver"));
  waits.signal(SIGTERM);
  CHECK(waits.wait().exit == cli::kExitTerminated);
  CHECK(strict.changes_seen() == 0);
}

TEST_CASE("a token is shown once, works through --server, and not when it is revoked") {
  const Site site;
  site.configure(site.base_url(), "state/quell.db", "panel: {listen: \"127.0.0.1:0\"}\n");
  const Finished made = site.run({"token", "create", "ci", "--role", "viewer", "--json"});
  const Result<Value> token = parse_json(made.out);
  REQUIRE(token);
  const std::string secret = (*token)["token"].string_or("");
  CHECK(secret.starts_with("quell_api_"));
  const std::string file = site.folder().write("token", secret);
  Process daemon = site.start({"serve", "--json"});
  const Result<Value> ready = parse_json(ready_line(daemon));
  REQUIRE(ready);
  const std::vector<std::string> remote{"runs", "--server", (*ready)["panel"].string_or(""),
                                        "--token", "secret://file/" + file};
  const Finished listed = site.run(remote);
  CAPTURE(listed.err);
  CHECK(listed.exit == cli::kExitOk);
  CHECK(site.run({"token", "revoke", (*token)["id"].string_or("")}).exit == cli::kExitOk);
  CHECK(site.run(remote).exit != cli::kExitOk);
  const std::string record = everything_in(site);
  CHECK(record.find("dead_token_used") != std::string::npos);
  CHECK(record.find(secret) == std::string::npos);
}

// Goal: what a person does beside the owner's files they do from afar, with the same words and exit
// codes. Method: each verb here and through --server, of the same state.
TEST_CASE("plan, run, undo, disarm and arm through --server say what they say here") {
  const Site site;
  site.configure(site.base_url(), "state/quell.db", "panel: {listen: \"127.0.0.1:0\"}\n");
  const Finished made = site.run({"token", "create", "ci", "--role", "responder", "--json"});
  const Result<Value> token = parse_json(made.out);
  REQUIRE(token);
  const std::string file = site.folder().write("token", (*token)["token"].string_or(""));
  Process daemon = site.start({"serve", "--json"});
  const Result<Value> ready = parse_json(ready_line(daemon));
  REQUIRE(ready);
  const auto with = [&](std::vector<std::string> words, std::vector<std::string> more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
  };
  const auto remotely = [&](const std::vector<std::string>& words) {
    return site.run(with(words, {"--server", (*ready)["panel"].string_or(""), "--token",
                                 "secret://file/" + file}));
  };
  const auto without_times = [](std::string text) {
    for (const char* const pattern :
         {R"(reads? in [^\n]+)", R"(contained [^\n]+ after approval, proved by [^;\n]+)"})
      text = std::regex_replace(text, std::regex(pattern), "TIME");
    return text;
  };
  const std::vector<std::string> plan = site.leak_arguments("plan");
  const Finished here = site.run(with(plan, {"--requests"}));
  const Finished there = remotely(with(plan, {"--requests"}));
  CHECK(there.exit == cli::kExitOk);
  CHECK(without_times(there.out) == without_times(here.out));
  const Value local_document = site.run(with(plan, {"--json"})).json();
  const Value document = remotely(with(plan, {"--json"})).json();
  CHECK(document["digest"] == local_document["digest"]);
  CHECK(document["steps"] == local_document["steps"]);
  CHECK(document["requests"] == local_document["requests"]);
  const std::vector<std::string> bad{"plan", "leaked-mcp-oauth", "-i", "vault_id=no"};
  CHECK(remotely(bad).exit == site.run(bad).exit);
  CHECK(remotely(bad).err == site.run(bad).err);

  CHECK(remotely(with(site.leak_arguments(), {"--dry-run", "--json"})).json()["result"].string_or(
            "") == "rehearsed");
  CHECK(site.changes_seen() == 0);
  const Finished ended = remotely(with(site.leak_arguments(), {"--yes", "--json"}));
  CHECK(ended.exit == cli::kExitOk);
  const std::string run = ended.json()["run"].string_or("");

  const Finished lifted = remotely({"undo", run, "--reason", "all clear", "--yes", "--json"});
  CAPTURE(lifted.out);
  CHECK(lifted.exit == cli::kExitOk);
  CHECK(lifted.json()["lifted"].int_or(0) == 2);
  const std::vector<std::string> again{"undo", run, "--reason", "again", "--yes"};
  CHECK(remotely(again).exit == cli::kExitNotStarted);
  CHECK(site.run(again).err == remotely(again).err);  // here by the owner's socket

  const std::vector<std::string> off{"disarm", "--all", "--reason", "wrong workspace"};
  const Finished disarmed = remotely(off);
  CHECK(disarmed.exit == cli::kExitOk);
  CHECK(disarmed.out == site.run(off).out);
  CHECK(remotely({"disarm", "--reason", " "}).exit == cli::kExitNotStarted);
  CHECK(remotely({"arm", "--reason", "it was the right one"}).exit == cli::kExitNotStarted);
  CHECK(site.run({"arm", "--reason", "it was the right one"}).out == "Armed again.\n");
}

}  // namespace quell::test
