// Goal: what depends on the order of steps, on null and on secrets is settled at load.
// Method: tables of small playbooks with their exact findings.

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "orchestrator/playbook/scope.h"
#include "tests/orchestrator/playbook/checking.h"

namespace quell::test {
namespace {

struct Row {
  std::string what;
  std::string steps;  // from line 13 on
  std::vector<std::string> expected;
};

void check_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.what);
    CHECK(joined(findings(with_steps(row.steps))) == joined(row.expected));
  }
}

const std::string kGet =
    "    use: platform.get_credential\n"
    "    with: {vault_id: \"${inputs.vault_id}\", credential_id: \"${inputs.credential_id}\"}\n";

TEST_CASE("a step sees what is done before it") {
  check_rows({
      {"a later step",
       "  - {id: a, when: \"${steps.b.outcome == 'done'}\", wait: {for: 1s}}\n"
       "  - {id: b, wait: {for: 1s}}\n",
       {"13:22: later-step"}},
      {"itself",
       "  - {id: a, when: \"${steps.a.outcome == 'done'}\", wait: {for: 1s}}\n",
       {"13:22: later-step"}},
      {"no such step",
       "  - {id: a, when: \"${steps.zz.outcome == 'done'}\", wait: {for: 1s}}\n",
       {"13:28: unknown-field"}},
      {"no such input",
       "  - {id: a, use: report.bundle, with: {incident: \"${inputs.vaultid}\"}}\n",
       {"13:60: unknown-field"}},
      {"no such output",
       "  - id: c\n" + kGet +
           "  - {id: a, use: report.bundle, with: {incident: \"${steps.c.nam}\"}}\n",
       {"16:61: unknown-field"}},
      {"an earlier branch beside it",
       "  - id: p\n    parallel:\n      left:\n        - id: c\n          use: "
       "platform.get_credential\n"
       "          with: {vault_id: v, credential_id: c}\n      right:\n"
       "        - {id: a, use: report.bundle, with: {incident: \"${steps.c.id}\"}}\n",
       {"20:59: parallel-step"}},
      {"a later branch beside it",
       "  - id: p\n    parallel:\n      left:\n"
       "        - {id: a, when: \"${steps.c.outcome == 'done'}\", wait: {for: 1s}}\n      right:\n"
       "        - {id: c, wait: {for: 1s}}\n",
       {"16:28: parallel-step"}},
      {"the same branch, and after the parallel",
       "  - id: p\n    parallel:\n      left:\n        - id: c\n          use: "
       "platform.get_credential\n"
       "          with: {vault_id: v, credential_id: c}\n"
       "        - {id: a, use: report.bundle, with: {incident: \"${steps.c.id}\"}}\n"
       "  - {id: b, use: report.bundle, with: {incident: \"${steps.c.id}\"}}\n",
       {}},
      {"the step around it",
       "  - id: p\n    block:\n      - {id: a, when: \"${steps.p.outcome == 'done'}\", wait: {for: "
       "1s}}\n",
       {"15:26: later-step"}},
      {"a foreach leaves items, not outputs",
       "  - id: c\n    foreach: {items: \"${['x']}\", as: x, key: \"${x}\", max: 1}\n" + kGet +
           "  - {id: a, use: lab.echo, with: {anything: \"${steps.c.items}\", text: "
           "\"${steps.c.id}\"}}\n",
       {"17:82: unknown-field"}},
      {"comparison of unlike types",
       "  - {id: a, when: \"${inputs.count == 'x'}\", wait: {for: 1s}}\n",
       {"13:35: unlike-types"}},
      {"a broken expression",
       "  - {id: a, when: \"${inputs.count ==}\", wait: {for: 1s}}\n",
       {"13:37: syntax"}},
  });
}

TEST_CASE("null must be guarded where a value is needed") {
  const std::string maybe = "  - id: c\n    on_failure: continue\n" + kGet;
  const std::string use =
      "  - id: a\n    use: report.bundle\n    with: {incident: \"${steps.c.id}\"}\n";
  check_rows({
      {"an optional input",
       "  - {id: a, use: report.bundle, with: {incident: \"${inputs.note}\"}}\n",
       {"13:53: nullable"}},
      {"an optional input behind a when",
       "  - {id: a, when: \"${inputs.note != null}\", use: report.bundle, with: {incident: "
       "\"${inputs.note}\"}}\n",
       {}},
      {"an optional input behind a when with more",
       "  - {id: a, when: \"${null != inputs.note && inputs.count > 2}\", use: report.bundle, "
       "with: "
       "{incident: \"${inputs.note}\"}}\n",
       {}},
      {"an or guards nothing",
       "  - {id: a, when: \"${inputs.note != null || inputs.count > 2}\", use: report.bundle, "
       "with: "
       "{incident: \"${inputs.note}\"}}\n",
       {"13:105: nullable"}},
      {"an optional input into an optional one",
       "  - {id: a, use: lab.echo, with: {text: \"${inputs.note}\", at: "
       "\"${inputs.leaked_at}\"}}\n",
       {}},
      {"null in a text",
       "  - {id: a, use: report.bundle, with: {incident: \"x ${inputs.note}\"}}\n",
       {"13:55: nullable"}},
      {"a step that may have failed", maybe + use, {"19:25: nullable"}},
      {"its outcome is always there",
       maybe + "  - {id: a, use: report.bundle, with: {incident: \"${steps.c.outcome}\"}}\n",
       {}},
      {"guarded by its outcome",
       maybe + "  - id: a\n    when: ${steps.c.outcome == \"done\"}\n"
               "    use: report.bundle\n"
               "    with: {incident: \"${steps.c.id}\"}\n",
       {}},
      {"guarded by a list of good outcomes",
       maybe + "  - id: a\n    when: ${steps.c.outcome in [\"done\", 'already']}\n"
               "    use: report.bundle\n    with: {incident: \"${steps.c.id}\"}\n",
       {}},
      {"not guarded by a list with a bad outcome",
       maybe + "  - id: a\n    when: ${steps.c.outcome in [\"done\", \"failed\"]}\n"
               "    use: report.bundle\n    with: {incident: \"${steps.c.id}\"}\n",
       {"20:25: nullable"}},
      {"a step with a when",
       "  - id: c\n    when: ${inputs.count > 2}\n" + kGet + use,
       {"19:25: nullable"}},
      {"a step in a block with a when",
       "  - id: b\n    when: ${inputs.count > 2}\n    block:\n      - id: c\n"
       "        use: platform.get_credential\n        with: {vault_id: v, credential_id: c}\n"
       "      - {id: i, use: report.bundle, with: {incident: \"${steps.c.id}\"}}\n" +
           use,
       {"22:25: nullable"}},
      {"a step in a block with a rescue",
       "  - id: b\n    block:\n      - id: c\n        use: platform.get_credential\n"
       "        with: {vault_id: v, credential_id: c}\n    rescue:\n"
       "      - {id: r, use: report.bundle, with: {incident: \"${steps.c.id}\"}}\n" +
           use,
       {"19:57: nullable", "22:25: nullable"}},
      {"what an action declares nullable is met by the run",
       "  - id: c\n" + kGet +
           "  - {id: d, use: issuer.discover, with: {mcp_server_url: "
           "\"${steps.c.token_endpoint}\"}}\n",
       {}},
      {"a condition that may be null",
       "  - {id: s, set: {f: \"${inputs.note == null ? null : true}\"}}\n",
       {}},
  });
}

TEST_CASE("steps that ran before finally may not have") {
  const std::string text =
      with_steps("  - id: c\n" + kGet) +
      "finally:\n"
      "  - {id: f, use: report.bundle, with: {incident: \"${steps.c.id}\"}}\n"
      "  - {id: g, use: report.bundle, with: {incident: \"${steps.c.outcome}\"}}\n";
  CHECK(joined(findings(text)) == joined({"17:53: nullable"}));
}

TEST_CASE("a secret goes whole to an input declared secret, and nowhere else") {
  const std::string get = "  - {id: a, use: report.bundle, with: {incident: ";
  check_rows({
      {"into a text", get + "\"bad ${inputs.token}\"}}\n", {"13:57: secret-in-text"}},
      {"whole, into an input that is none",
       get + "\"${inputs.token}\"}}\n",
       {"13:51: secret-in-text"}},
      {"its fingerprint",
       "  - id: a\n    when: ${inputs.token != null}\n    use: report.bundle\n"
       "    with: {incident: \"${fingerprint(inputs.token)}\"}\n",
       {}},
      {"into a set", "  - {id: a, set: {x: \"${inputs.token}\"}}\n", {"13:23: secret-in-text"}},
      {"into a map of unknown shape",
       "  - {id: a, use: lab.echo, with: {anything: {deep: [\"${inputs.token}\"]}}}\n",
       {"13:54: secret-in-text"}},
      {"compared with a text",
       "  - {id: a, when: \"${inputs.token == 'x'}\", wait: {for: 1s}}\n",
       {"13:22: secret-in-text"}},
      {"a literal where a secret goes",
       "  - {id: a, use: lab.echo, with: {key: hunter2}}\n",
       {"13:40: secret-literal"}},
      {"a reference where a secret goes",
       "  - {id: a, use: lab.echo, with: {key: \"secret://env/TOKEN\"}}\n",
       {"13:41: secret-literal"}},
      {"another text where a secret goes",
       "  - {id: a, use: lab.echo, with: {key: \"${inputs.vault_id}\"}}\n",
       {"13:41: wrong-type"}},
      {"a secret with a prefix",
       "  - {id: a, use: lab.echo, with: {key: \"Bearer ${inputs.token}\"}}\n",
       {"13:41: secret-in-text", "13:50: secret-in-text"}},
      {"in a message",
       "  - {id: a, assert: \"${inputs.count > 1}\", message: \"bad ${inputs.token}\"}\n",
       {"13:60: secret-in-text"}},
      {"whole in a message",
       "  - {id: a, assert: \"${inputs.count > 1}\", message: \"${inputs.token}\"}\n",
       {"13:56: secret-in-text"}},
  });
}

const std::string kPurge =
    "  - id: purge\n    use: platform.archive_credential\n"
    "    with: {vault_id: \"${inputs.vault_id}\", credential_id: \"${inputs.credential_id}\"}\n"
    "    kills: [refresh]\n    irreversible: true\n    verify:\n"
    "      - {probe: platform.credential_is_archived, with: {vault_id: \"${inputs.vault_id}\", "
    "credential_id: \"${inputs.credential_id}\"}}\n";
const std::string kRevoke =
    "  - id: revoke\n    use: issuer.revoke_grant\n"
    "    with: {mcp_server_url: \"https://m.example\", token: \"${inputs.token}\"}\n"
    "    kills: [access_token]\n    irreversible: true\n    verify:\n"
    "      - {probe: issuer.token_is_dead, when: \"${inputs.token != null}\", with: "
    "{mcp_server_url: "
    "\"https://m.example\", token: \"${inputs.token}\"}}\n";
const std::string kOverwrite =
    "  - id: rotate\n    use: platform.overwrite_credential\n    when: ${inputs.token != null}\n"
    "    with: {vault_id: v, credential_id: c, access_token: \"${inputs.token}\"}\n"
    "    irreversible: true\n    verify: [{probe: self, expect: \"${result.id == 'c'}\"}]\n";

std::string accepting(const std::string& words, const std::string& steps) {
  std::string text = with_steps(steps);
  return text.insert(text.find("steps:"), "settings: {accept: [" + words + "]}\n");
}

TEST_CASE("the vault is purged after the issuer's step, unless the author says otherwise") {
  CHECK(joined(findings(with_steps(kRevoke + kPurge))) == joined({}));
  CHECK(joined(findings(with_steps(kPurge))) == joined({}));
  CHECK(joined(findings(with_steps(kPurge + kRevoke))) == joined({"14:10: purge-first"}));
  CHECK(joined(findings(accepting("purge_first", kPurge + kRevoke))) == joined({}));
  const auto in_branch = [](std::string text) {
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
      text.insert(at, "      ");
    return text;
  };
  CHECK(joined(findings(with_steps("  - id: both\n    parallel:\n      left:\n" +
                                   in_branch(kRevoke) + "      right:\n" + in_branch(kPurge)))) ==
        joined({"25:16: purge-first"}));
}

TEST_CASE("a rotation is no revocation, unless the author says so") {
  CHECK(joined(findings(with_steps(kOverwrite))) == joined({"14:10: rotation-is-not-revocation"}));
  CHECK(joined(findings(accepting("rotation_is_not_revocation", kOverwrite))) == joined({}));
  CHECK(joined(findings(with_steps(kRevoke + kOverwrite))) == joined({}));
}

TEST_CASE("accept names overrides that exist and are needed") {
  CHECK(joined(findings(accepting("purge_frist", kRevoke))) == joined({"12:21: bad-value"}));
  CHECK(joined(findings(accepting("purge_first", kRevoke))) ==
        joined({"w 12:21: unneeded-accept"}));
  CHECK(joined(findings(accepting("purge_first, purge_first", kPurge + kRevoke))) ==
        joined({"12:34: bad-value"}));
}

TEST_CASE("a session is deleted after its evidence is kept") {
  const std::string wipe =
      "  - id: wipe\n    use: lab.delete_session\n    with: {session_id: s}\n    irreversible: "
      "true\n"
      "    verify: none\n    reason: a test\n";
  const std::string keep = "  - {id: keep, use: report.bundle, with: {incident: x}}\n";
  CHECK(joined(findings(with_steps(wipe))) == joined({"14:10: evidence-first"}));
  CHECK(joined(findings(with_steps(wipe) + "finally:\n" + keep)) ==
        joined({"14:10: evidence-first"}));
  CHECK(joined(findings(with_steps(keep + wipe))) == joined({}));
}

TEST_CASE("guards are read off conditions, and only what is sure") {
  struct Guarded {
    std::string condition;
    std::vector<std::string> not_null;
    std::vector<std::string> ran;
  };
  const std::vector<Guarded> rows{
      {"inputs.a != null", {"inputs.a"}, {}},
      {" null!=inputs.a && (steps.b.c != null)", {"inputs.a", "steps.b.c"}, {}},
      {"inputs.a != null || inputs.b != null", {}, {}},
      {"inputs.a != null ? true : false", {}, {}},
      {"(inputs.a != null || x) && inputs.b != null", {"inputs.b"}, {}},
      {"!(inputs.a != null)", {}, {}},
      {"inputs.a == null", {}, {}},
      {"inputs.a != 'null'", {}, {}},
      {"\"x && inputs.a != null\" == inputs.b", {}, {}},
      {"steps.a.outcome == \"done\"", {}, {"a"}},
      {"'proved' == steps.a.verdict", {}, {"a"}},
      {"steps.a.outcome == 'failed'", {}, {}},
      {"steps.a.outcome in ['done', \"already\"] && inputs.x != null", {"inputs.x"}, {"a"}},
      {"steps.a.outcome in []", {}, {}},
      {"steps.a.outcome != \"skipped\"", {}, {}},
  };
  for (const Guarded& row : rows) {
    CAPTURE(row.condition);
    const Guards guards = guards_of(row.condition);
    CHECK(guards.not_null == row.not_null);
    CHECK(guards.ran == row.ran);
  }
}

}  // namespace
}  // namespace quell::test
