// Goal: a finding reads as the command line's contract shows it, with the caret under the word.
// Method: golden text; the three faults of the contract (a misspelt key, a missing input, a later
// step) in one file give three positioned findings in one pass.

#include <string>

#include <doctest/doctest.h>

#include "tests/orchestrator/playbook/checking.h"

namespace quell::test {
namespace {

std::string rendered(std::string_view source, std::string_view file, bool short_form) {
  std::string text;
  for (const Diagnostic& one : load_playbook(source, file, catalog()).diagnostics) {
    text += render(one, file, source, short_form);
  }
  return text;
}

// The file of the command line's contract, cut down to what its findings need, with the same lines
// and columns from line 31 on.
const std::string kLeak = R"(quell: 1
id: leak
title: A leak
purpose: Six faults, found in one pass.
inputs:
  vault_id: {type: string, required: true}
  credential_id: {type: string, required: true}
  leaked_token: {type: secret, required: true}
# 9
# 10
# 11
# 12
# 13
# 14
# 15
# 16
# 17
# 18
# 19
# 20
# 21
# 22
# 23
# 24
# 25
steps:
  - {id: radius, use: platform.blast_radius}
  - id: stop
    use: platform.session_is_stopped
    with: {session_id: "${s.id}"}
    foreach: {items: "${steps.radius.sessions}", as: s, concurency: 4, key: "${s.id}", max: 9}
# 32
# 33
# 34
  - id: early
    wait: {for: 1s}
# 37
    when: ${steps.revoke.outcome == "done"}
  - id: archive
    plane: holder
    kills: [refresh]
    irreversible: true
    use: platform.archive_credential
    with: {credential_id: "${inputs.credential_id}"}
    verify: [{probe: platform.credential_is_archived, with: {vault_id: "${inputs.vault_id}", credential_id: "${inputs.credential_id}"}}]
# 46
  - id: purge
    use: platform.archive_credential
    with: {vault_id: "${inputs.vault_id}", credential_id: "${inputs.credential_id}"}
    irreversible: true
# 51
  - id: revoke
    use: issuer.revoke_grant
    with: {mcp_server_url: "https://mcp.example/mcp", token: "${inputs.leaked_token}"}
    irreversible: true
    verify: [{probe: issuer.token_is_dead, with: {mcp_server_url: "https://mcp.example/mcp", token: "${inputs.leaked_token}"}}]
    kills: [access_token]
  - id: check
    assert: ${steps.revoke.outcome == "done"}
    message: "bad ${inputs.leaked_token}"
)";

TEST_CASE("the findings of the command line's contract") {
  const std::string expected =
      R"(leak.yaml:31:57: error: unknown key "concurency" [unknown-key]
   31 |     foreach: {items: "${steps.radius.sessions}", as: s, concurency: 4, key: "${s.id}", max: 9}
      |                                                         ^^^^^^^^^^
      = help: did you mean "concurrency"?
leak.yaml:38:13: error: "revoke" is a later step, not known yet [later-step]
   38 |     when: ${steps.revoke.outcome == "done"}
      |             ^^^^^^^^^^^^
      = help: move "revoke" (line 52) above this step
leak.yaml:43:10: error: purges the vault before the issuer verdict [purge-first]
   43 |     use: platform.archive_credential
      |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: move it below "revoke" (line 52), or accept: [purge_first]
leak.yaml:44:11: error: input "vault_id" is missing [missing-input]
   44 |     with: {credential_id: "${inputs.credential_id}"}
      |           ^
      = help: platform.archive_credential needs vault_id: "${inputs.vault_id}"
leak.yaml:47:9: error: "purge" changes something and has no verify [no-verify]
   47 |   - id: purge
      |         ^^^^^
      = help: platform.credential_is_archived can prove it
leak.yaml:47:9: warning: platform.archive_credential kills refresh, and this step claims nothing [no-claim]
   47 |   - id: purge
      |         ^^^^^
      = help: add kills: [refresh]
leak.yaml:48:10: error: purges the vault before the issuer verdict [purge-first]
   48 |     use: platform.archive_credential
      |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = help: move it below "revoke" (line 52), or accept: [purge_first]
leak.yaml:60:21: error: a secret cannot become text [secret-in-text]
   60 |     message: "bad ${inputs.leaked_token}"
      |                     ^^^^^^^^^^^^^^^^^^^
      = help: ${fingerprint(inputs.leaked_token)} gives fp:xxxxxxxx
)";
  CHECK(rendered(kLeak, "leak.yaml", false) == expected);
}

TEST_CASE("three faults, three positioned findings") {
  const std::string text = with_steps(
      "  - {id: a, use: lab.echo, tiemout: 5s}\n"
      "  - {id: b, use: report.bundle, with: {}}\n"
      "  - {id: c, when: \"${steps.d.outcome == 'done'}\", wait: {for: 1s}}\n"
      "  - {id: d, wait: {for: 1s}}\n");
  CHECK(rendered(text, "p.yaml", true) ==
        "p.yaml:13:28: error: unknown key \"tiemout\" [unknown-key]\n"
        "p.yaml:14:39: error: input \"incident\" is missing [missing-input]\n"
        "p.yaml:15:22: error: \"d\" is a later step, not known yet [later-step]\n");
}

TEST_CASE("carets count characters, long lines are cut, hostile text stays text") {
  Diagnostic one{.code = "x", .at = {.line = 2, .column = 5}, .length = 2, .message = "m"};
  CHECK(render(one, "f", "a\n\täöü bc\n", false) ==
        "f:2:5: error: m [x]\n    2 |  äöü bc\n      |     ^^\n");
  one.hint = "h";
  one.severity = Diagnostic::Severity::warning;
  CHECK(render(one, "f", "", true) == "f:2:5: warning: m [x]\n");

  // A right-to-left override takes the width of its escape.
  one.at = {.line = 1, .column = 3};
  const std::string hidden = render(one, "f",
                                    "a\xE2\x80\xAE"
                                    "bc",
                                    false);
  CHECK(hidden.find("\xE2\x80\xAE") == std::string::npos);
  CHECK(hidden.find("^") - hidden.rfind('\n', hidden.find('^')) ==
        hidden.find("bc") - hidden.rfind('\n', hidden.find("bc")));

  one.at = {.line = 1, .column = 5'001};
  const std::string cut =
      render(one, "f", std::string(5'000, 'x') + "yz" + std::string(5'000, 'x'), false);
  CHECK(cut.size() < 700);
  CHECK(cut.find('^') - cut.rfind('\n', cut.find('^')) ==
        cut.find("yz") - cut.rfind('\n', cut.find("yz")));
}

// Goal: a secret typed into a playbook does not travel on in the output of the check.
TEST_CASE("a secret in the file is not repeated by its finding") {
  const std::string text = with_steps("  - {id: a, use: lab.echo, with: {key: hunter2-hunter2}}\n");
  const std::string shown = rendered(text, "p.yaml", false);
  CHECK(shown.find("[secret-literal]") != std::string::npos);
  CHECK(shown.find("hunter2") == std::string::npos);
  CHECK(shown.find("***************") != std::string::npos);
}

TEST_CASE("the nearest word is near") {
  const std::vector<std::string> known{"concurrency", "max", "key", "order", "items", "vault_id"};
  CHECK(nearest_word("concurency", known) == "concurrency");
  CHECK(nearest_word("itmes", known) == "items");
  CHECK(nearest_word("vaultid", known) == "vault_id");
  CHECK(nearest_word("kex", known) == "key");
  CHECK(nearest_word("abc", known) == "");
  CHECK(nearest_word("", known) == "");
  CHECK(nearest_word(std::string(10'000, 'x'), known) == "");
}

}  // namespace
}  // namespace quell::test
