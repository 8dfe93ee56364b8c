// What a person sees who types something wrong, and the small commands.

#include <string>

#include <doctest/doctest.h>

#include "process.h"

namespace quell::test {
namespace {

Finished quell(const Folder& folder, std::vector<std::string> arguments, Environment more = {}) {
  arguments.insert(arguments.begin(), quell_path());
  more.emplace_back("HOME", folder.path());
  return Process(arguments, more).wait();
}

}  // namespace

TEST_CASE("check names a misspelt key, a missing input and a later step, each at its place") {
  const Folder folder;
  const std::string file = folder.write("leak.yaml", R"(quell: 1
id: leak
title: t
purpose: p
inputs:
  vault_id: {type: string, required: true}
steps:
  - id: credential
    use: platform.get_credential
    with: {vault_id: "${inputs.vault_id}"}
  - id: guard
    asert: true
    assert: ${steps.later.outcome == "done"}
    message: no
  - id: later
    use: platform.find_credentials
    with: {}
)");
  const Finished done = quell(folder, {"check", file});
  CAPTURE(done.out);
  CHECK(done.exit == 2);
  CHECK(done.out.find("leak.yaml:12:5: error:") != std::string::npos);
  CHECK(done.out.find("[unknown-key]") != std::string::npos);
  CHECK(done.out.find("[missing-input]") != std::string::npos);
  CHECK(done.out.find("[later-step]") != std::string::npos);
  CHECK(done.out.find("3 errors") != std::string::npos);
  const Value json = quell(folder, {"check", file, "--json"}).json();
  CHECK(json["files"].list_or_empty().front()["diagnostics"].list_or_empty().size() == 3);
}

TEST_CASE("the shipped playbooks pass their own check") {
  const Folder folder;
  for (const char* id : {"leaked-mcp-oauth", "leaked-vault", "rotate-only"}) {
    const Finished done = quell(folder, {"check", id});
    CAPTURE(done.out);
    CHECK(done.exit == 0);
  }
}

TEST_CASE("wrong words get the nearest right one, and exit 2") {
  const Folder folder;
  CHECK(quell(folder, {"chekc", "x"}).err.find("did you mean quell check?") != std::string::npos);
  CHECK(quell(folder, {"drill", "rotate-onyl"}).err.find("did you mean rotate-only?") !=
        std::string::npos);
  CHECK(quell(folder, {"run", "leaked-mcp-oath"}, {{"ANTHROPIC_API_KEY", "k-1234567890"}})
            .err.find("did you mean leaked-mcp-oauth?") != std::string::npos);
  CHECK(quell(folder, {"drill", "rotate-only", "--sede", "1"}).err.find("did you mean --seed?") !=
        std::string::npos);
  CHECK(quell(folder, {}).exit == 2);
}

TEST_CASE("an error with --json is JSON on stdout") {
  const Folder folder;
  const Finished done = quell(folder, {"runs", "--json"});
  CHECK(done.exit == 2);
  CHECK(done.json()["error"]["exit"].int_or(0) == 2);
  CHECK_FALSE(done.json()["error"]["message"].string_or("").empty());
}

// Goal (threat T2): a base URL from a flag or the environment never carries the configured key to a
// host that nobody named for it.
TEST_CASE("an overridden base URL does not get the key of another layer") {
  const Folder folder;
  const Finished flag =
      quell(folder,
            {"plan", "leaked-mcp-oauth", "-i", "vault_id=vlt_1", "-i", "credential_id=vcrd_1",
             "--connect", "platform.base_url=https://evil.example"},
            {{"ANTHROPIC_API_KEY", "canary-0123456789"}});
  CHECK(flag.exit == 2);
  CHECK(flag.err.find("[egress]") != std::string::npos);
  CHECK(flag.err.find("canary") == std::string::npos);
}

TEST_CASE("help and version cost nothing and go to stdout") {
  const Folder folder;
  CHECK(quell(folder, {"--version"}).out.starts_with("quell "));
  CHECK(quell(folder, {"--help"}).out.find("First time") != std::string::npos);
  CHECK(quell(folder, {"help", "run"}).out.find("--dry-run") != std::string::npos);
  CHECK(quell(folder, {"run", "leaked-mcp-oauth", "--help"}).out.find("credential_id") !=
        std::string::npos);
  CHECK(quell(folder, {"actions", "platform.archive_credential"}).out.find("irreversible") !=
        std::string::npos);
}

// Goal: the product's first impression ends as it must, and the same seed tells the same story.
TEST_CASE("both drills end as their scenarios demand") {
  const Folder folder;
  const Finished both =
      quell(folder, {"drill", "rotate-only", "leaked-mcp-oauth", "--expect", "--speed", "max"});
  CAPTURE(both.out);
  CAPTURE(both.err);
  CHECK(both.exit == 0);
  CHECK(both.out.find("EXPOSED RANGE") != std::string::npos);
  CHECK(both.out.find("CONTAINED RANGE") != std::string::npos);
  CHECK(quell(folder, {"drill", "rotate-only", "--speed", "max"}).exit == 4);
  CHECK(quell(folder, {"drill", "leaked-mcp-oauth", "--speed", "max"}).exit == 0);
  const Value one = quell(folder, {"drill", "leaked-mcp-oauth", "--speed", "max", "--json"}).json();
  const Value two = quell(folder, {"drill", "leaked-mcp-oauth", "--speed", "max", "--json"}).json();
  CHECK(one["intruder"] == two["intruder"]);
  CHECK_FALSE(one["intruder"]["inside_at_the_end"].bool_or(true));
}

}  // namespace quell::test
