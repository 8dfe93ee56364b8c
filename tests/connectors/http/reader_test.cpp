// Declarations of people's own systems are data from outside the program: read strictly, each
// mistake at its place with a remedy, and none lets a POST through as a read (threat T25).
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "orchestrator/declared_actions.h"

namespace quell {
namespace {

/// Loads; tests change one piece of it.
const std::string kSound = R"(http_actions: 1
actions:
  revoke_key:
    title: revoke one key
    effect: mutate
    method: POST
    path: /v1/keys/{key_id}/revoke
    inputs:
      key_id: {type: string, help: its id}
      hard: {type: bool, default: false}
    json: {reason: leaked, hard: "{hard}"}
    answers:
      - {status: 200, json: {error: "*"}, means: refused}
      - {status: 200, means: done}
      - {status: 400, json: {error.code: already_revoked}, means: already}
    plane: issuer
    kills: [key]
    repeat: look_first
    look: key_is_dead
  key_is_dead:
    title: is the key dead
    effect: read
    method: GET
    path: /v1/keys/{key_id}
    inputs:
      key_id: {type: string}
    answers:
      - {status: 200, json: {key.state: revoked}, means: dead}
      - {status: 200, json: {key.state: active}, means: alive}
    plane: issuer
    proves: [key]
    grade: strong
    outputs:
      state: {type: string, from: key.state}
)";

std::string with(const std::string& from, const std::string& to) {
  std::string text = kSound;
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

/// "LINE:COLUMN CODE (MESSAGE) HINT" of each finding; empty when it loads.
std::string findings_of(const std::string& source, bool asserts_safe = false) {
  const DeclaredLoad load = load_declared_actions(source, asserts_safe);
  std::string all;
  for (const Diagnostic& one : load.diagnostics) {
    all += std::to_string(one.at.line) + ":" + std::to_string(one.at.column) + " " + one.code +
           " (" + one.message + ") " + one.hint + "\n";
  }
  CHECK(load.actions.has_value() == all.empty());
  return all;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

// Goal: each mistake is found at its place, and none of them loads.
TEST_CASE("a mistake in a declaration is an error with its place") {
  struct Row {
    std::string from;
    std::string to;
    std::string want;
  };
  const std::vector<Row> rows{
      {"http_actions: 1", "http_actions: 2", "1:15 bad-value"},
      {"    title: revoke one key\n", "", "4:5 missing-key"},
      {"title: revoke one key", "titel: revoke one key", "4:5 unknown-key"},
      {"effect: mutate", "effect: notify", "5:13 bad-value"},
      {"effect: mutate", "effect: read", "5:13 unsafe-read"},
      {"    effect: read\n    method: GET", "    effect: read\n    method: DELETE",
       "22:13 unsafe-read"},
      {"    method: GET\n", "    method: GET\n    json: {a: b}\n", "23:13 bad-value"},
      {"/v1/keys/{key_id}/revoke", "v1/keys", "7:11 bad-value"},
      {"/v1/keys/{key_id}/revoke", "/v1/../{key_id}", "7:11 bad-value"},
      {"/v1/keys/{key_id}/revoke", "/v1/keys/x{key_id}", "7:11 bad-value"},
      {"/v1/keys/{key_id}/revoke", "/v1/%2e%2e/{key_id}", "7:11 bad-value"},
      {"/v1/keys/{key_id}/revoke", "/v1/keys/{key_id}?a=b", "7:11 bad-value"},
      {"/v1/keys/{key_id}/revoke", "/v1/keys/{kee_id}/revoke", "7:11 unknown-name"},
      {"key_id: {type: string, help: its id}", "key_id: {type: secret}", "7:11 secret-in-url"},
      {"{type: bool, default: false}", "{type: bool, default: no}", "10:35 wrong-type"},
      {"{type: bool, default: false}", "{type: secret, default: abc}", "10:37 secret-in-text"},
      {"{type: bool, default: false}", "{type: enum}", "10:13 bad-value"},
      {"hard: \"{hard}\"", "hard: true", "9:7 unused"},
      {"    json: {reason", "    headers: {X-HTTP-Method-Override: DELETE}\n    json: {reason",
       "11:15 bad-value"},
      {"    json: {reason", "    headers: {authorization: x}\n    json: {reason",
       "11:15 bad-value"},
      {"{status: 200, json: {error: \"*\"}, means: refused}", "{status: 200, means: done}",
       "14:9 never-reached"},
      {"{status: 200, means: done}", "{status: 200, json: {a: b}, means: dead}", "14:44 bad-value"},
      {"{status: 200, means: done}", "{status: 404, means: done}", "14:9 bad-value"},
      {"    plane: issuer\n    kills", "    kills", "5:13 missing-key"},
      {"kills: [key]", "kills: [keys]", "17:13 bad-value"},
      {"    repeat: look_first\n    look: key_is_dead\n", "", "5:13 missing-key"},
      {"    look: key_is_dead\n", "", "18:13 missing-key"},
      {"look: key_is_dead", "look: key_is_ded", "did you mean \"key_is_dead\"?"},
      {"look: key_is_dead", "look: revoke_key", "19:11 unknown-name"},
      {"{status: 200, json: {key.state: revoked}, means: dead}", "{status: 403, means: dead}",
       "403 never proves"},
      {"{status: 200, json: {key.state: revoked}, means: dead}", "{status: 401, means: dead}",
       "show the leaked secret itself"},
      {"{status: 200, json: {key.state: revoked}, means: dead}", "{status: 503, means: dead}",
       "503 never proves"},
      {"{status: 200, json: {key.state: revoked}, means: dead}", "{status: 404, means: dead}",
       "no strong proof"},
      {"state: {type: string", "answer: {type: string", "reserved"},
      {"from: key.state}", "from: a.b.c.d.e.f.g.h.i}", "too-deep"},
      {"    grade: strong", "    rests_on: unsure", "unsure-call"},
      {"    grade: strong", "    irreversible: true", "belong to a mutation"},
  };
  CHECK(findings_of(kSound) == "");
  for (const Row& row : rows) {
    CAPTURE(row.to);
    const std::string all = findings_of(with(row.from, row.to));
    CHECK_MESSAGE(has(all, row.want), all);
  }
}

// Goal: only the configuration can call a POST a read; a DELETE never is one.
TEST_CASE("a read that is no GET needs the configuration's word") {
  const std::string post =
      with("    effect: read\n    method: GET", "    effect: read\n    method: POST");
  CHECK(has(findings_of(post), "assert_safe: true"));
  CHECK(findings_of(post, true) == "");
  const std::string put =
      with("    effect: read\n    method: GET", "    effect: read\n    method: PUT");
  CHECK(has(findings_of(put, true), "unsafe-read"));
}

TEST_CASE("a declaration is bounded") {
  CHECK(has(findings_of(std::string(70'000, ' ')), "too-long"));
  std::string many = "http_actions: 1\nactions:\n";
  for (int i = 0; i < 65; ++i) many += "  a" + std::to_string(i) + ": {}\n";
  CHECK(has(findings_of(many), "at most 64 actions"));
  std::string inputs;
  for (int i = 0; i < 17; ++i) inputs += "      i" + std::to_string(i) + ": {type: string}\n";
  CHECK(has(findings_of(with("      key_id: {type: string, help: its id}\n", inputs)),
            "at most 16 inputs"));
  std::string deep = "1";
  for (int i = 0; i < 9; ++i) deep = "[" + deep + "]";
  CHECK(has(findings_of(with("reason: leaked", "reason: " + deep)), "too-deep"));
}

// Goal: what a playbook sees of an action is what was declared.
TEST_CASE("a declared action becomes a row of the action table") {
  const DeclaredLoad load = load_declared_actions(kSound, false);
  REQUIRE(load.actions);
  const std::vector<ActionSpec> specs = specs_of(*load.actions);
  REQUIRE(specs.size() == 2);
  const ActionSpec& revoke = specs[0];
  CHECK(revoke.effect == Effect::mutate);
  CHECK(revoke.kills == std::vector<Kill>{Kill::key});
  CHECK(revoke.repeat == Repeat::look_first);
  CHECK(revoke.can_look);
  CHECK(revoke.proofs == std::vector<std::string>{"key_is_dead"});
  REQUIRE(revoke.requests.size() == 1);
  CHECK(revoke.requests[0].url == "{base}/v1/keys/{key_id}/revoke");
  CHECK(revoke.find_input("key_id")->required);
  CHECK_FALSE(revoke.find_input("hard")->required);
  CHECK(specs[1].is_probe);
  CHECK(specs[1].requests.empty());
}

}  // namespace quell
