// Goal: every mistake in a step is found at load, under the very word, and nothing is ignored.
// Method: a table of small playbooks, each with one or a few faults, and the exact findings.

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/orchestrator/playbook/checking.h"

namespace quell::test {
namespace {

struct Row {
  std::string what;
  const char* steps;  // from line 13 on
  std::vector<std::string> expected;
};

void check_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.what);
    CHECK(joined(findings(with_steps(row.steps))) == joined(row.expected));
  }
}

TEST_CASE("a step has an id, one kind and known keys") {
  check_rows({
      {"no id", "  - wait: {for: 1s}\n", {"13:5: missing-key"}},
      {"id with a dash", "  - {id: a-b, wait: {for: 1s}}\n", {"13:10: bad-id"}},
      {"id is a number", "  - {id: 7, wait: {for: 1s}}\n", {"13:10: bad-id"}},
      {"id is a reserved word", "  - {id: in, wait: {for: 1s}}\n", {"13:10: bad-id"}},
      {"the same id twice",
       "  - {id: a, wait: {for: 1s}}\n  - {id: a, wait: {for: 1s}}\n",
       {"14:10: duplicate-id"}},
      {"no kind", "  - {id: a, title: T}\n", {"13:10: no-kind"}},
      {"two kinds", "  - {id: a, wait: {for: 1s}, set: {x: 1}}\n", {"13:30: two-kinds"}},
      {"unknown key", "  - {id: a, wait: {for: 1s}, retyr: {max: 1}}\n", {"13:30: unknown-key"}},
      {"a step that is a text", "  - purge\n", {"13:5: wrong-type"}},
      {"steps that are a map", "  a: {wait: {for: 1s}}\n", {"13:3: wrong-type"}},
      {"key without value", "  - {id: a, wait: }\n", {"13:13: missing-value"}},
      {"title over two lines",
       "  - {id: a, title: \"x\\ny\", wait: {for: 1s}}\n",
       {"13:21: bad-value"}},
      {"on_failure misspelt",
       "  - {id: a, wait: {for: 1s}, on_failure: go_on}\n",
       {"13:42: bad-value"}},
  });
}

TEST_CASE("what the language names and this version lacks says so") {
  check_rows({
      {"manual", "  - {id: a, manual: {ask: x, within: 1h}}\n", {"13:13: not-built-yet"}},
      {"call", "  - {id: a, call: other, with: {}}\n", {"13:13: not-built-yet"}},
      {"report.residual_exposure",
       "  - {id: a, use: report.residual_exposure}\n",
       {"13:18: not-built-yet"}},
      {"approve in a foreach",
       "  - {id: a, approve: {within: 1h}, foreach: {items: x, as: x, key: x, max: 1}}\n",
       {"13:36: not-built-yet"}},
      {"deadline of a parallel",
       "  - {id: a, deadline: 1m, parallel: {b: [{id: c, wait: {for: 1s}}]}}\n",
       {"13:13: not-built-yet"}},
  });
}

TEST_CASE("actions, their names and their inputs") {
  check_rows({
      {"no dot", "  - {id: a, use: platform}\n", {"13:18: bad-value"}},
      {"unknown connection",
       "  - {id: a, use: platfrom.get_credential}\n",
       {"13:18: unknown-connection"}},
      {"unknown action", "  - {id: a, use: platform.get_credentail}\n", {"13:27: unknown-action"}},
      {"missing input without with", "  - {id: a, use: report.bundle}\n", {"13:18: missing-input"}},
      {"missing input",
       "  - id: a\n    use: platform.get_credential\n    with: {vault_id: "
       "\"${inputs.vault_id}\"}\n",
       {"15:11: missing-input"}},
      {"unknown input",
       "  - {id: a, use: report.bundle, with: {incident: x, insident: y}}\n",
       {"13:53: unknown-input"}},
      {"input without value",
       "  - {id: a, use: report.bundle, with: {incident: }}\n",
       {"13:40: missing-value"}},
      {"with is a list", "  - {id: a, use: report.bundle, with: [x]}\n", {"13:39: wrong-type"}},
      {"null for a required input",
       "  - {id: a, use: report.bundle, with: {incident: null}}\n",
       {"13:50: nullable"}},
      {"a number for text", "  - {id: a, use: lab.echo, with: {text: 5}}\n", {"13:41: wrong-type"}},
      {"text for a number",
       "  - {id: a, use: lab.echo, with: {count: \"5\"}}\n",
       {"13:43: wrong-type"}},
      {"a fraction for a whole number",
       "  - {id: a, use: lab.echo, with: {count: 1.5}}\n",
       {"13:42: wrong-type"}},
      {"yes is text", "  - {id: a, use: lab.echo, with: {flag: yes}}\n", {"13:41: wrong-type"}},
      {"no timestamp",
       "  - {id: a, use: lab.echo, with: {at: yesterday}}\n",
       {"13:39: wrong-type"}},
      {"no duration",
       "  - {id: a, use: lab.echo, with: {lasts: 5 minutes}}\n",
       {"13:42: wrong-type"}},
      {"text for a list", "  - {id: a, use: lab.echo, with: {words: x}}\n", {"13:42: wrong-type"}},
      {"a number in a list of text",
       "  - {id: a, use: lab.echo, with: {words: [x, 2]}}\n",
       {"13:46: wrong-type"}},
      {"a map for text",
       "  - {id: a, use: lab.echo, with: {text: {x: y}}}\n",
       {"13:41: wrong-type"}},
      {"a number past 64 bits",
       "  - {id: a, use: lab.echo, with: {count: 99999999999999999999}}\n",
       {"13:42: bad-value"}},
      {"types of expressions",
       "  - {id: a, use: lab.echo, with: {text: \"${inputs.count}\"}}\n",
       {"13:42: wrong-type"}},
      {"a whole number where a number goes, and words of every kind",
       "  - {id: a, use: lab.echo, with: {share: 1, lasts: 2h30m, at: 2026-11-20T14:00:00Z, "
       "flag: true, words: [\"${inputs.vault_id}\", no], anything: [1, x, {y: null}]}}\n",
       {}},
  });
}

TEST_CASE("waits, approvals, assertions and names") {
  check_rows({
      {"approve without within", "  - {id: a, approve: {need: 1}}\n", {"13:22: missing-key"}},
      {"approve with a bad number",
       "  - {id: a, approve: {need: 0, within: 1h}}\n",
       {"13:29: bad-value"}},
      {"approve with a bad timeout word",
       "  - {id: a, approve: {within: 1h, on_timeout: ask}}\n",
       {"13:47: bad-value"}},
      {"a wait without unit", "  - {id: a, wait: {for: 5}}\n", {"13:25: bad-duration"}},
      {"a wait of nothing", "  - {id: a, wait: {for: 0s}}\n", {"13:25: bad-duration"}},
      {"a wait for ever", "  - {id: a, wait: {for: 400d}}\n", {"13:25: bad-duration"}},
      {"a wait until without for",
       "  - {id: a, wait: {until: \"${inputs.count > 1}\"}}\n",
       {"13:19: missing-key"}},
      {"every without until",
       "  - {id: a, wait: {for: 1m, every: 1s}}\n",
       {"13:29: misplaced-key"}},
      {"a poll too often",
       "  - {id: a, wait: {until: \"${inputs.count > 1}\", for: 1m, every: 1ms}}\n",
       {"13:66: bad-duration"}},
      {"assert without message",
       "  - {id: a, assert: \"${inputs.count > 1}\"}\n",
       {"13:5: missing-key"}},
      {"assert of a text", "  - {id: a, assert: \"x\", message: m}\n", {"13:22: wrong-type"}},
      {"assert of a number",
       "  - {id: a, assert: \"${inputs.count}\", message: m}\n",
       {"13:22: not-boolean"}},
      {"set of a name that every step has", "  - {id: a, set: {outcome: 1}}\n", {"13:19: bad-id"}},
      {"set of nothing", "  - {id: a, set: {}}\n", {"13:18: wrong-type"}},
      {"message beside wait",
       "  - {id: a, wait: {for: 1s}, message: m}\n",
       {"13:30: misplaced-key"}},
      {"rescue without block",
       "  - {id: a, wait: {for: 1s}, rescue: []}\n",
       {"13:30: misplaced-key"}},
      {"verify on a wait",
       "  - {id: a, wait: {for: 1s}, verify: none, reason: x}\n",
       {"13:30: misplaced-key", "13:44: misplaced-key"}},
      {"when is a constant", "  - {id: a, when: true, wait: {for: 1s}}\n", {"13:19: wrong-type"}},
      {"when is no single expression",
       "  - {id: a, when: \"${inputs.count > 1} \", wait: {for: 1s}}\n",
       {"13:20: wrong-type"}},
      {"what set named is typed",
       "  - {id: a, set: {n: \"${inputs.count + 1}\"}}\n"
       "  - {id: b, use: lab.echo, with: {count: \"${steps.a.n}\", text: \"${steps.a.n}\"}}\n",
       {"14:65: wrong-type"}},
  });
}

TEST_CASE("foreach, retry and until are bounded") {
  check_rows({
      {"neither key nor max",
       "  - id: a\n    use: lab.echo\n    foreach: {items: \"${[1, 2]}\", as: x}\n",
       {"15:14: missing-key", "15:14: missing-key"}},
      {"the same key for all",
       "  - id: a\n    use: lab.echo\n    foreach: {items: \"${[1]}\", as: x, key: k, max: 5}\n",
       {"15:44: bad-value"}},
      {"items of no list",
       "  - id: a\n    use: lab.echo\n    foreach: {items: \"${inputs.vault_id}\", as: x, key: "
       "\"${x}\", max: 5}\n",
       {"15:23: wrong-type"}},
      {"max out of bounds",
       "  - id: a\n    use: lab.echo\n    foreach: {items: \"${[1]}\", as: x, key: \"${x}\", max: "
       "0}\n",
       {"15:57: bad-value"}},
      {"as hides a name",
       "  - id: a\n    use: lab.echo\n    foreach: {items: \"${[1]}\", as: steps, key: \"${1}\", "
       "max: "
       "1}\n",
       {"15:36: bad-id"}},
      {"unknown key in foreach",
       "  - id: a\n    use: lab.echo\n    foreach: {items: \"${[1]}\", as: x, key: \"${x}\", max: "
       "1, "
       "concurency: 4}\n",
       {"15:60: unknown-key"}},
      {"rate without unit, order of text, stop_after without stop",
       "  - id: a\n    use: lab.echo\n    foreach:\n      items: ${[\"x\"]}\n      as: x\n"
       "      key: ${x}\n      max: 1\n      rate: 5\n      order: ${x}\n      stop_after: 2\n",
       {"20:13: bad-value", "21:14: wrong-type", "22:7: misplaced-key"}},
      {"the type of an item",
       "  - {id: r, use: platform.blast_radius}\n  - id: a\n    use: lab.echo\n"
       "    foreach: {items: \"${steps.r.deployments}\", as: d, key: \"${d.id}\", max: 9}\n"
       "    with: {count: \"${d.id}\"}\n",
       {"17:20: wrong-type"}},
      {"retry of an unknown outcome",
       "  - {id: a, use: lab.echo, retry: {max: 2, on: [unknown]}}\n",
       {"13:49: bad-value"}},
      {"retry with a cap below the backoff",
       "  - {id: a, use: lab.echo, retry: {backoff: 5s, cap: 1s}}\n",
       {"13:54: bad-value"}},
      {"looks that do not fit",
       "  - id: a\n    use: platform.pause_deployment\n    with: {deployment_id: d}\n"
       "    kills: [schedule]\n    irreversible: true\n    verify:\n"
       "      - {probe: platform.deployment_is_paused, with: {deployment_id: d}, until: {every: "
       "5s, "
       "for: 5s, consecutive: 3}}\n",
       {"19:81: bad-duration"}},
  });
}

constexpr const char* kPause =
    "  - id: pause\n    use: platform.pause_deployment\n    with: {deployment_id: d}\n";

TEST_CASE("a change claims what its action declares, is undone or not, and is verified") {
  const std::string verify =
      "    verify: [{probe: platform.deployment_is_paused, with: {deployment_id: d}}]\n";
  struct Claim {
    std::string what;
    std::string rest;  // from line 16 on
    std::vector<std::string> expected;
  };
  const std::vector<Claim> rows{
      {"no verify",
       "    kills: [schedule]\n    irreversible: true\n",
       {"13:9: no-verify", "w 16:13: no-probe"}},
      {"verify none without reason",
       "    kills: [schedule]\n    irreversible: true\n    verify: none\n",
       {"13:5: missing-key", "w 16:13: no-probe"}},
      {"verify none with reason",
       "    kills: [schedule]\n    irreversible: true\n    verify: none\n    reason: nobody can "
       "look\n",
       {}},
      {"reason with a verify",
       "    kills: [schedule]\n    irreversible: true\n    reason: x\n" + verify,
       {"18:5: misplaced-key"}},
      {"neither undo nor irreversible", "    kills: [schedule]\n" + verify, {"13:9: no-undo"}},
      {"both undo and irreversible",
       "    kills: [schedule]\n    irreversible: true\n"
       "    undo: {use: platform.unpause_deployment, with: {deployment_id: d}}\n" +
           verify,
       {"17:5: two-kinds"}},
      {"undo by a read",
       "    kills: [schedule]\n    undo: {use: lab.echo}\n" + verify,
       {"17:17: wrong-undo"}},
      {"undo without its input",
       "    kills: [schedule]\n    undo: {use: platform.unpause_deployment}\n" + verify,
       {"17:17: missing-input"}},
      {"wrong plane",
       "    plane: issuer\n    kills: [schedule]\n    irreversible: true\n" + verify,
       {"16:12: wrong-plane"}},
      {"wrong kill",
       "    kills: [schedule, key]\n    irreversible: true\n" + verify,
       {"16:23: wrong-kill"}},
      {"unknown kill",
       "    kills: [shedule]\n    irreversible: true\n" + verify,
       {"16:13: bad-value"}},
      {"kills as a word",
       "    kills: schedule\n    irreversible: true\n" + verify,
       {"16:12: wrong-type"}},
      {"no claim", "    irreversible: true\n" + verify, {"w 13:9: no-claim"}},
      {"a probe of something else",
       "    kills: [schedule]\n    irreversible: true\n"
       "    verify: [{probe: platform.session_is_stopped, with: {session_id: s}}]\n",
       {"w 16:13: no-probe", "18:22: cannot-prove"}},
      {"no probe at all",
       "    kills: [schedule]\n    irreversible: true\n"
       "    verify: [{probe: platform.blast_radius}]\n",
       {"w 16:13: no-probe", "18:22: not-a-probe"}},
      {"self cannot prove it",
       "    kills: [schedule]\n    irreversible: true\n"
       "    verify: [{probe: self, expect: \"${result.status == 'paused'}\"}]\n",
       {"w 16:13: no-probe", "18:22: cannot-prove"}},
      {"self without expect, with inputs",
       "    irreversible: true\n    kills: [schedule]\n    verify:\n"
       "      - {probe: self, with: {x: 1}, until: {for: 5s}}\n"
       "      - {probe: platform.deployment_is_paused, with: {deployment_id: d}}\n",
       {"19:17: cannot-prove", "19:17: missing-key", "19:23: misplaced-key",
        "19:37: misplaced-key"}},
      {"expect on an action that judges itself",
       "    irreversible: true\n    kills: [schedule]\n"
       "    verify: [{probe: platform.deployment_is_paused, with: {deployment_id: d}, expect: "
       "\"${true}\"}]\n",
       {"18:79: misplaced-key"}},
      {"result is unknown outside expect and refute",
       "    irreversible: true\n    kills: [schedule]\n"
       "    verify: [{probe: platform.deployment_is_paused, with: {deployment_id: "
       "\"${result.id}\"}}]\n",
       {"18:78: unknown-name"}},
      {"verify is a map",
       "    irreversible: true\n    kills: [schedule]\n    verify: {probe: self}\n",
       {"w 17:13: no-probe", "18:13: wrong-type"}},
  };
  for (const Claim& row : rows) {
    CAPTURE(row.what);
    CHECK(joined(findings(with_steps(kPause + row.rest))) == joined(row.expected));
  }
  check_rows({
      {"an irreversible action with undo",
       "  - id: a\n    use: platform.archive_deployment\n    with: {deployment_id: d}\n"
       "    kills: [schedule]\n"
       "    undo: {use: platform.unpause_deployment, with: {deployment_id: d}}\n"
       "    verify: [{probe: platform.deployment_is_paused, with: {deployment_id: d}}]\n",
       {"17:5: wrong-undo"}},
      {"irreversible on a read",
       "  - {id: a, use: lab.echo, irreversible: true}\n",
       {"13:28: misplaced-key"}},
      {"an action with two planes wants one named",
       "  - id: a\n    use: lab.sweep\n    with: {session_id: s}\n    kills: [session]\n"
       "    irreversible: true\n"
       "    verify: [{probe: platform.session_is_stopped, with: {session_id: s}}]\n",
       {"16:12: missing-key"}},
  });
}

TEST_CASE("proves names an earlier step that claims something") {
  const std::string look =
      "    use: platform.validate_credential\n"
      "    with: {vault_id: \"${inputs.vault_id}\", credential_id: \"${inputs.credential_id}\"}\n"
      "    irreversible: true\n"
      "    verify: [{probe: self, expect: \"${result.refresh_answer == 'dead'}\"}]\n";
  const std::string revoke =
      "  - id: revoke\n    use: issuer.revoke_grant\n    with: {mcp_server_url: "
      "\"https://m.example\"}\n"
      "    kills: [refresh_token]\n    irreversible: true\n    verify: none\n    reason: see "
      "look\n";
  CHECK(joined(findings(with_steps(revoke + "  - id: look\n    proves: revoke\n" + look))) ==
        joined({}));
  CHECK(joined(findings(with_steps("  - id: look\n    proves: revoke\n" + look))) ==
        joined({"14:13: unknown-step"}));
  CHECK(joined(findings(with_steps("  - id: look\n    proves: revoke\n" + look + revoke))) ==
        joined({"14:13: later-step"}));
  CHECK(joined(findings(with_steps("  - {id: a, wait: {for: 1s}}\n  - id: look\n    proves: a\n" +
                                   look))) == joined({"15:13: no-claim"}));
  CHECK(joined(findings(with_steps(
            "  - id: stop\n    use: platform.stop_session\n    with: {session_id: s}\n"
            "    kills: [session]\n    irreversible: true\n    verify: none\n    reason: none\n"
            "  - id: look\n    proves: stop\n" +
            look))) == joined({"25:22: cannot-prove"}));
}

}  // namespace
}  // namespace quell::test
