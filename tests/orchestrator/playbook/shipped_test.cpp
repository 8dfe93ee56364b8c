// Goal: the playbooks that come with quell load without a single finding and mean what they say.

#include <string>

#include <doctest/doctest.h>

#include "orchestrator/playbook/inputs.h"
#include "tests/orchestrator/playbook/checking.h"

namespace quell::test {
namespace {

TEST_CASE("leaked-mcp-oauth is the example of the language") {
  const std::string source = read_source_file("playbooks/leaked-mcp-oauth.yaml");
  REQUIRE_FALSE(source.empty());
  CHECK(joined(findings(source, "playbooks/leaked-mcp-oauth.yaml")) == joined({}));
  const LoadResult result = load_playbook(source, "leaked-mcp-oauth", catalog());
  REQUIRE(result.playbook);
  const Playbook& playbook = *result.playbook;
  CHECK(playbook_summary(playbook) == "ok, 16 steps, 5 claims, each can be proved");
  CHECK(playbook.source == source);
  CHECK(playbook.sha256.size() == 64);
  CHECK(playbook.run_timeout == Duration{4 * 3'600'000});
  CHECK(playbook.slo_contain == Duration{15 * 60'000});
  REQUIRE(playbook.inputs.size() == 8);
  CHECK(playbook.inputs[0].fallback == Value("INC-0"));
  CHECK(playbook.inputs[1].required);
  CHECK(playbook.inputs[3].type.kind == Type::Kind::secret);
  CHECK(playbook.inputs[3].type.nullable);
  REQUIRE(playbook.steps.size() == 15);

  const Step& go = playbook.steps[2];
  const auto& approve = std::get<ApproveStep>(go.kind);
  CHECK(approve.within == Duration{600'000});
  CHECK_FALSE(approve.continue_on_timeout);

  CHECK(playbook.steps[3].continue_on_failure);
  CHECK(playbook.steps[3].when);

  const auto& freeze = std::get<ParallelStep>(playbook.steps[5].kind);
  REQUIRE(freeze.branches.size() == 2);
  const Step& pause = freeze.branches[0].steps.at(0);
  REQUIRE(pause.foreach_items);
  CHECK(pause.foreach_items->as == "d");
  CHECK(pause.foreach_items->concurrency == 4);
  CHECK(pause.foreach_items->max == 1'000);
  REQUIRE(pause.undo);
  CHECK(pause.undo->action == "unpause_deployment");
  const Step& stop = freeze.branches[1].steps.at(0);
  CHECK(stop.irreversible);
  CHECK(stop.verify.at(0).until->span == Duration{60'000});
  CHECK(stop.kills == std::vector<Kill>{Kill::session});

  const Step& revoke = playbook.steps[6];
  CHECK(revoke.plane == Plane::issuer);
  CHECK(revoke.kills == std::vector<Kill>{Kill::refresh_token, Kill::access_token});
  CHECK(revoke.deadline == Duration{90'000});
  CHECK(revoke.verify.at(0).until->consecutive == 2);
  CHECK(revoke.verify.at(0).when);
  const Step& look = playbook.steps[9];
  CHECK(look.proves == "revoke_grant");
  CHECK(look.verify.at(0).self);
  CHECK(look.verify.at(0).expect);
  CHECK(look.verify.at(0).refute);

  CHECK(playbook.verify.size() == 3);
  REQUIRE(playbook.watch);
  CHECK(playbook.watch->span == Duration{2 * 3'600'000});
  CHECK(playbook.watch->reopen_on.size() == 3);
  CHECK(playbook.finally_steps.size() == 2);
  CHECK(playbook.unprovable.empty());
}

TEST_CASE("rotate-only says itself that it revokes nothing") {
  const std::string source = read_source_file("playbooks/rotate-only.yaml");
  REQUIRE_FALSE(source.empty());
  CHECK(joined(findings(source, "rotate-only.yaml")) == joined({}));
  const LoadResult result = load_playbook(source, "rotate-only.yaml", catalog());
  REQUIRE(result.playbook);
  CHECK(result.playbook->accept == std::vector<std::string>{"rotation_is_not_revocation"});
  CHECK(playbook_summary(*result.playbook) == "ok, 3 steps, 1 claim by verify alone");
}

// Goal: each grant is judged by its own look, and no archive is called a revocation.
TEST_CASE("leaked-vault claims at the issuers what it cannot end there") {
  const std::string source = read_source_file("playbooks/leaked-vault.yaml");
  REQUIRE_FALSE(source.empty());
  CHECK(joined(findings(source, "playbooks/leaked-vault.yaml")) == joined({}));
  const LoadResult result = load_playbook(source, "leaked-vault", catalog());
  REQUIRE(result.playbook);
  const Playbook& playbook = *result.playbook;
  CHECK(playbook_summary(playbook) == "ok, 11 steps, 5 claims, 1 cannot be proved");
  CHECK(playbook.accept.empty());
  REQUIRE(playbook.unprovable.size() == 1);
  CHECK(playbook.unprovable[0] == "revoke_grant access_token");
  for (const InputSpec& input : playbook.inputs) {
    if (input.name == "allow_whole_vault") CHECK(input.fallback == Value(false));
  }
}

// Goal: a value template gives what the file says; null for an optional parameter stays null.
TEST_CASE("values are evaluated with their types") {
  const std::string text = with_steps(
      "  - id: a\n    use: lab.echo\n    with:\n      text: \"n=${inputs.count}\"\n"
      "      count: ${inputs.count}\n      at: 2026-11-20T14:00:00Z\n      lasts: 90s\n"
      "      words: [\"${inputs.vault_id}\", no]\n      anything: {x: [1, 2.5, true, null]}\n"
      "      must: ${inputs.note}\n");
  const LoadResult result = load_playbook(text, "p.yaml", catalog());
  REQUIRE(result.playbook);
  Scope scope;
  scope.names["inputs"] = Value::map({{"count", 3}, {"vault_id", "vlt_1"}, {"note", Value()}});
  const Result<Value> with = std::get<UseStep>(result.playbook->steps[0].kind).with.evaluate(scope);
  REQUIRE(with);
  const Value& map = *with;
  CHECK(map["text"] == Value("n=3"));
  CHECK(map["count"] == Value(3));
  CHECK(map["at"] == Value(*parse_rfc3339("2026-11-20T14:00:00Z")));
  CHECK(map["lasts"] == Value(Duration{90'000}));
  CHECK(map["words"] == Value::list({"vlt_1", "no"}));
  CHECK(map["anything"] == Value::map({{"x", Value::list({1, 2.5, true, Value()})}}));
  CHECK(map.has("must"));
  CHECK(map["must"].is_null());

  scope.names.clear();
  CHECK_FALSE(std::get<UseStep>(result.playbook->steps[0].kind).with.evaluate(scope));
}

TEST_CASE("inputs are read from text and checked") {
  const std::string text =
      "quell: 1\nid: p\ntitle: T\npurpose: P\nsteps: [{id: a, wait: {for: 1s}}]\ninputs:\n"
      "  incident: {type: string, pattern: \"^[A-Z]+-[0-9]+$\", required: true}\n"
      "  at: {type: timestamp}\n  n: {type: int, min: 1, max: 9}\n  url: {type: url}\n"
      "  mood: {type: enum, values: [calm, loud]}\n  list: {type: list, of: int, max: 2}\n"
      "  wait: {type: duration}\n  yes: {type: bool}\n  part: {type: number}\n  s: {type: string, "
      "max: 3}\n";
  const LoadResult result = load_playbook(text, "p.yaml", catalog());
  REQUIRE(result.playbook);
  const auto spec = [&](std::string_view name) -> const InputSpec& {
    for (const InputSpec& one : result.playbook->inputs) {
      if (one.name == name) return one;
    }
    FAIL("no such input");
    return result.playbook->inputs[0];
  };
  struct Given {
    const char* name;
    std::string text;
    bool fits;
    Value value{};
  };
  const std::vector<Given> rows{
      {"incident", "INC-42", true, "INC-42"},
      {"incident", "inc-42", false},
      {"at", "2026-11-20T14:00:00Z", true, *parse_rfc3339("2026-11-20T14:00:00Z")},
      {"at", "yesterday", false},
      {"n", "9", true, 9},
      {"n", "10", false},
      {"n", "1x", false},
      {"n", "", false},
      {"url", "https://mcp.example/mcp", true, "https://mcp.example/mcp"},
      {"url", "http://localhost:8080", true, "http://localhost:8080"},
      {"url", "ftp://x.example", false},
      {"url", "https://", false},
      {"url", "https://a b", false},
      {"url", "mcp.example", false},
      {"mood", "calm", true, "calm"},
      {"mood", "clam", false},
      {"list", "1,2", true, Value::list({1, 2})},
      {"list", "", true, Value(ValueList{})},
      {"list", "1,2,3", false},
      {"list", "1,,2", false},
      {"list", "[1, 2]", true, Value::list({1, 2})},
      {"list", " [\"1\",\n  '2']\n", true, Value::list({1, 2})},
      {"list", "[]", true, Value(ValueList{})},
      {"list", "[1, 2, 3]", false},
      {"list", "[1, [2]]", false},
      {"list", "[1, null]", false},
      {"list", "[1, x]", false},
      {"list", "[1", false},
      {"list", "[1], 2", false},
      {"list", "[1] # and more", true, Value::list({1})},
      {"list", "[1, &a 2]", false},
      {"list", "[*a]", false},
      {"list", std::string(100'000, '['), false},
      {"list", "[" + std::string(200'000, ',') + "]", false},
      {"wait", "2h30m", true, Duration{9'000'000}},
      {"wait", "5", false},
      {"yes", "true", true, true},
      {"yes", "yes", false},
      {"part", "0.5", true, 0.5},
      {"part", "inf", false},
      {"s", "äöü", true, "äöü"},
      {"s", "abcd", false},
  };
  for (const Given& row : rows) {
    CAPTURE(row.name);
    CAPTURE(row.text);
    const Result<Value> value = input_from_text(spec(row.name), row.text);
    REQUIRE(value.has_value() == row.fits);
    if (row.fits) {
      CHECK(*value == row.value);
    } else {
      CHECK(value.error().topic == "bad-input");
      CHECK_FALSE(value.error().hint.empty());
    }
  }
  const Result<Value> bad = input_from_text(spec("at"), "yesterday");
  CHECK(bad.error().message == "input at: \"yesterday\" is not a timestamp");
  CHECK(bad.error().hint == "RFC 3339, for instance -i at=2026-11-20T14:00:00Z");
  const Result<Value> broken = input_from_text(spec("list"), "[ab]*");
  CHECK(broken.error().message.starts_with("input list: it begins with [ and is no list"));
  CHECK(broken.error().hint.starts_with("-i list=a,b or -i 'list=[\"a\", \"b\"]'"));
  CHECK_FALSE(check_input(spec("incident"), Value()));
  CHECK(check_input(spec("n"), Value()));
  CHECK_FALSE(check_input(spec("n"), Value("5")));
}

/// Names of the members of `type` whose shape nobody declared.
void find_shapeless(const Type& type, const std::string& name, std::string& found) {
  if (type.kind == Type::Kind::dyn || (type.kind == Type::Kind::object && !type.fields)) {
    found += (found.empty() ? "" : ", ") + name;
  }
  if (type.element) find_shapeless(*type.element, name + "[]", found);
  if (!type.fields) return;
  for (const Field& field : *type.fields)
    find_shapeless(field.type, name + "." + field.name, found);
}

// Goal: what an answer holds beside the declared outputs reaches no expression, and so no message
// and no entry (threat T54). Method: every output of every action has a declared shape; that
// actions give exactly those is checked wherever the connectors' tests run one.
TEST_CASE("every output of every action has a declared shape") {
  std::string found;
  for (const char* const connection : {"platform", "issuer", "report"}) {
    for (const ActionSpec& spec : catalog().actions_of(connection)) {
      find_shapeless(spec.outputs, std::string(connection) + "." + spec.name, found);
    }
  }
  CHECK(found == "");
}

}  // namespace
}  // namespace quell::test
