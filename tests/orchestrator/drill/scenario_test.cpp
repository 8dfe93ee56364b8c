// Scenario files: what is wrong with one is said with its place, as of a playbook.

#include <string>

#include <doctest/doctest.h>

#include "orchestrator/drill/scenario.h"

namespace quell {
namespace {

const std::string kGood = R"(scenario: sample
title: a sample
teaches: nothing
playbook: rotate-only
lasts: 5m
ends: exposed
inputs: {vault_id: "${leaked.vault_id}"}
)";

/// `line:column [code]` of each finding.
std::string findings(const std::string& more) {
  std::string all;
  for (const Diagnostic& one : check_scenario(kGood + more, nullptr))
    all += std::to_string(one.at.line) + ":" + std::to_string(one.at.column) + " [" + one.code +
           "] ";
  return all;
}

}  // namespace

TEST_CASE("a scenario without mistakes has no findings") {
  CHECK(findings("") == "");
  CHECK(findings(R"(world: {profile: "rotation, throttles", vaults: 3, latency: 20ms}
intruder: [{on: finished, after: 8m, by: the pipeline, does: create_credential}]
injects: [{at: 5s, kind: alert, from: A, text: b}]
approve_after: never
goals: {plan: 5m}
truth: {intruder: in, claims: {access_token: refuted}}
)") == "");
}

// Goal: every mistake of a file in one pass, each where it stands.
TEST_CASE("mistakes of a scenario are found where they stand") {
  CHECK(findings("wrold: {}\n") == "8:1 [unknown-key] ");
  CHECK(findings("world: {profile: lying_201}\n") == "8:18 [unknown-profile] ");
  CHECK(findings("world: {vaults: 4001}\n") == "8:17 [out-of-range] ");
  CHECK(findings("world: {faults: [{at: 5s, host: issuer}]}\n") == "8:18 [bad-fault] ");
  CHECK(findings("approve_after: soon\n") == "8:16 [wrong-type] ");
  CHECK(findings("intruder: [{at: 5s, does: refersh}]\n") == "8:27 [unknown-word] ");
  CHECK(findings("intruder: [{does: refresh}]\n") == "8:12 [missing-key] ");
  CHECK(findings("intruder: [{at: 5s, on: started, does: refresh}]\n") == "8:12 [missing-key] ");
  CHECK(findings("injects: [{at: 5s, kind: rumour, from: A, text: b}]\n") ==
        "8:26 [unknown-word] ");
  CHECK(findings("truth: {claims: {tokens: dead}}\n") ==
        "8:18 [unknown-word] 8:26 [unknown-word] ");
  CHECK(findings("truth: {announced_within_percent: 10}\n") == "8:8 [missing-key] ");
  CHECK(findings("exclude: {by: A, because: idle}\n") == "8:10 [missing-key] ");
  // What is shown in terminals and inboxes steers neither (threat T33).
  CHECK(findings("questions: [\"\\e[31mred\"]\n") == "8:14 [bad-text] ");
  CHECK(findings("questions: [\"\\u202eback\"]\n") == "8:14 [bad-text] ");
  CHECK(findings("wrold: {}\nwatch: perhaps\n") == "8:1 [unknown-key] 9:8 [wrong-type] ");
}

TEST_CASE("a mistake comes with the nearest word") {
  const std::vector<Diagnostic> found = check_scenario(kGood + "inejcts: []\n", nullptr);
  REQUIRE(found.size() == 1);
  CHECK(found[0].hint == "did you mean \"injects\"?");
}

// Goal: an id names files and settings of the players' quell, so it cannot hold a path or a line.
TEST_CASE("the id of a scenario is a plain word") {
  for (const char* const id : {"../up", "a b", "A", "\"x\\ny\""}) {
    CAPTURE(id);
    std::string text = kGood;
    const std::size_t at = text.find("scenario: ") + 10;
    text.replace(at, text.find('\n') - at, id);
    const std::vector<Diagnostic> found = check_scenario(text, nullptr);
    REQUIRE_FALSE(found.empty());
    CHECK((found[0].code == "bad-id" || found[0].code == "bad-text"));
  }
}

TEST_CASE("a scenario is told from a playbook") {
  CHECK(is_scenario(kGood));
  CHECK_FALSE(is_scenario("quell: 1\nid: sample\n"));
  CHECK_FALSE(is_scenario("- a list\n"));
}

}  // namespace quell
