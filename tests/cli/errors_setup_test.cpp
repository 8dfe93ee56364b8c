// What a person sees whose command, configuration or state folder is not as it must be: nothing is
// started, exit 2, and the sentence names what to change.
#include <algorithm>
#include <csignal>
#include <string>

#include <doctest/doctest.h>

#include "site.h"

namespace quell::test {
namespace {

/// `arguments` at `site`, which must not start anything.
Told not_started(const Site& site, const std::vector<std::string>& arguments) {
  const Finished done = site.run(arguments);
  CAPTURE(done.out);
  CAPTURE(done.err);
  CHECK(done.exit == 2);
  CHECK(done.out.empty());
  CHECK(site.changes_seen() == 0);
  const Told said = told(done);

  std::vector<std::string> as_json = arguments;
  as_json.emplace_back("--json");
  const Finished json = site.run(as_json);
  CHECK(json.exit == 2);
  const Value error = json.json()["error"];
  CHECK(error["code"].string_or("") == said.word);
  CHECK(error["message"].string_or("") == said.sentence);
  CHECK(error["hint"].string_or("") == said.help);
  CHECK(error["exit"].int_or(0) == 2);
  CHECK(json.err.find("quell: error:") == std::string::npos);
  return said;
}

/// The arguments of the leak with `name=value` instead of what they say of `name`; without it where
/// `value` is null.
std::vector<std::string> leak_with(const Site& site, const std::string& name, const char* value) {
  std::vector<std::string> arguments = site.leak_arguments();
  const auto found = std::find_if(arguments.begin(), arguments.end(), [&](const std::string& word) {
    return word.starts_with(name + "=");
  });
  if (found != arguments.end()) arguments.erase(found - 1, found + 1);
  if (value != nullptr) arguments.insert(arguments.end(), {"-i", name + "=" + value});
  arguments.emplace_back("--yes");
  return arguments;
}

}  // namespace

TEST_CASE("inputs that are wrong, unknown or missing") {
  const Site site;
  Told said = not_started(site, leak_with(site, "leaked_at", "yesterday"));
  CHECK(said.word == "bad-input");
  CHECK(said.sentence == "input leaked_at: \"yesterday\" is not a timestamp.");
  CHECK(said.help == "RFC 3339, for instance -i leaked_at=2026-11-20T14:00:00Z");

  said = not_started(site, leak_with(site, "credental_id", "vcrd_1"));
  CHECK(said.word == "bad-input");
  CHECK(said.sentence == "leaked-mcp-oauth has no such input.");
  CHECK(said.help == "did you mean credential_id?");

  said = not_started(site, leak_with(site, "credential_id", nullptr));
  CHECK(said.word == "bad-input");
  CHECK(said.sentence == "input credential_id is missing.");
  CHECK(said.help == "-i credential_id=VALUE");

  said = not_started(site, leak_with(site, "vault_id", "nonsense"));
  CHECK(said.word == "bad-input");
  CHECK(said.sentence.starts_with("input vault_id"));

  said = not_started(site, leak_with(site, "leaked_token", "@/nowhere/token"));
  CHECK(said.word == "secret");
  CHECK(said.help == "looked for /nowhere/token");
}

TEST_CASE("a playbook that nobody knows") {
  const Site site;
  const Told said = not_started(site, {"run", "leaked-mcp-oath", "--yes"});
  CHECK(said.word == "playbook");
  CHECK(said.sentence == "no playbook \"leaked-mcp-oath\".");
  CHECK(said.help == "did you mean leaked-mcp-oauth?");
}

TEST_CASE("a mistake in the configuration") {
  const Site site;
  site.configure(site.base_url(), "state/quell.db", "egres: {}\n");
  const Told said = not_started(site, leak_with(site, "incident", "INC-1"));
  CHECK(said.word == "config");
  CHECK(said.sentence == site.place(2) + ":1: unknown key \"egres\".");
  CHECK(said.help == "did you mean \"egress\"?");
}

TEST_CASE("a file that a secret reference names is missing") {
  const Site site;
  const std::string file = site.folder().path() + "/client.secret";
  REQUIRE(std::remove(file.c_str()) == 0);
  const Told said = not_started(site, leak_with(site, "incident", "INC-1"));
  CHECK(said.word == "secret");
  CHECK(said.sentence == "secret://file/client.secret: no such file.");
  CHECK(said.help == "looked for " + file + ", named at " + site.place(14));
}

// Goal: a folder that cannot hold the state is told before anything is asked of anybody.
// Method: ways that fail for root too: a file where a folder should be, and a file system of the
// kernel's own.
TEST_CASE("a state folder that cannot be written") {
  const Site site;
  site.folder().write("file", "no folder");
  for (const std::string& folder : {site.folder().path() + "/file/state",
                                    site.folder().path() + "/file", std::string("/proc/quell")}) {
    CAPTURE(folder);
    site.configure(site.base_url(), folder + "/quell.db");
    const Told said = not_started(site, leak_with(site, "incident", "INC-1"));
    CHECK(said.word == "state");
    CHECK(said.sentence.starts_with("the state directory " + folder + " "));
    CHECK(said.help.find("run as the user who owns") != std::string::npos);
    CHECK(said.help.ends_with("set state.sqlite at " + site.place(1)));
  }
}

// Goal: a journal that was damaged is kept, never worked on, and the first bad entry is named.
// Method: one byte inside the text of an entry in the database file.
TEST_CASE("a journal with a flipped byte") {
  const Site site;
  REQUIRE(site.run_leak({"--dry-run"}).exit == 0);
  std::string database;
  for (const auto& [path, content] : site.folder().files()) {
    if (path == site.database()) database = content;
  }
  const std::size_t at = database.rfind("rehearsed");
  REQUIRE(at != std::string::npos);
  database[at] = 'R';
  site.folder().write("state/quell.db", database);

  const Told said = not_started(site, leak_with(site, "incident", "INC-1"));
  CHECK(said.word == "corrupt");
  CHECK(said.sentence.starts_with("journal entry "));
  CHECK(said.sentence.ends_with(" does not match its hash."));
  CHECK(said.help == "keep the file; quell journal verify, then restore and quell resume");
  const Finished verified = site.run({"journal", "verify"});
  CHECK(verified.exit == 1);
  for (const auto& [path, content] : site.folder().files()) {
    if (path == site.database()) CHECK(content.size() == database.size());
  }
}

// Goal: one run at a time works on one target, whoever owns the state and however it ended.
// Method: the first run's revocation is held back; a second run of the same lock comes to the
// process that owns the state, and again after that process was killed.
TEST_CASE("a target that another run works on") {
  const Site site;
  site.fault(R"({"fail_next":{"host":"issuer","hang":"after","path":"/revoke","count":1}})");
  std::vector<std::string> arguments = site.leak_arguments();
  arguments.insert(arguments.end(), {"--yes", "--json", "--follow"});
  Process first = site.start(arguments);
  REQUIRE(says(first, "/revoke\""));
  const std::size_t before = site.changes_seen();

  const Finished second = site.run_leak({"--yes"});
  CHECK(second.exit == 2);
  Told said = told(second);
  CHECK(said.word == "locked");
  CHECK(said.sentence == "r1c is already working on credential:" + site.credential_id() + ".");
  CHECK(said.help == "quell follow r1c, or run it with --join");
  // A rehearsal changes nothing, so it waits for nobody.
  CHECK(site.run_leak({"--dry-run", "--json"}).exit == 0);

  first.signal(SIGKILL);
  first.wait();
  const Finished third = site.run_leak({"--yes"});
  CHECK(third.exit == 2);
  said = told(third);
  CHECK(said.sentence == "r1c is already working on credential:" + site.credential_id() + ".");
  CHECK(said.help == "quell resume r1c, or run it with --join");
  CHECK(site.changes_seen() >= before);
  CHECK(site.run({"journal", "verify"}).exit == 0);
  CHECK(site.run({"resume", "r1c", "--json"}).json()["result"].string_or("") == "contained");
}

}  // namespace quell::test
