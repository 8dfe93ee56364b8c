// Which route an alert takes, and what of it becomes an input.
#include "orchestrator/alerts/route.h"

#include <memory>
#include <string>
#include <utility>

#include <doctest/doctest.h>

namespace quell::test {
namespace {

Expression expression(const std::string& text) {
  auto parsed = Expression::parse(text);
  REQUIRE(std::holds_alternative<Expression>(parsed));
  return std::get<Expression>(parsed);
}

Template text(const std::string& source) {
  auto parsed = Template::parse(source);
  REQUIRE(std::holds_alternative<Template>(parsed));
  return std::get<Template>(parsed);
}

Route route(const std::string& when, std::vector<std::pair<std::string, std::string>> inputs = {}) {
  Route made;
  if (!when.empty()) made.when = expression(when);
  for (auto& [name, source] : inputs) made.inputs.emplace_back(name, text(source));
  return made;
}

Value alert(Value body) {
  AlertSource source = preset_of(SourceKind::standard_webhooks);
  source.name = "anthropic";
  ReceivedAlert received;
  received.body = std::move(body);
  return alert_value(source, received, "a0123", Timestamp{}, {});
}

Value refresh_failed() {
  return alert(Value::map(
      {{"data", Value::map({{"type", "vault_credential.refresh_failed"}, {"id", "vcrd_1"}})}}));
}

}  // namespace

TEST_CASE("the first route whose condition holds is taken") {
  std::vector<Route> routes;
  routes.push_back(route("alert.source == 'github'"));
  routes.push_back(route("alert.body.data.type == 'vault_credential.refresh_failed'"));
  routes.push_back(route(""));
  CHECK(match_route(routes, refresh_failed()).route == &routes[1]);
  // A condition on what the alert does not have is no match, and no error.
  CHECK(match_route(routes, alert(Value::map({{"x", 1}}))).route == &routes[2]);
  routes.pop_back();
  CHECK(match_route(routes, alert(Value::map({{"x", 1}}))).why_not == "no route matches");
  CHECK(match_route({}, refresh_failed()).why_not == "no route is configured");
}

// Goal: a sender cannot have a reference opened or an expression run (threat T4).
TEST_CASE("what an alert says stays what it is") {
  const Route mapped = route("", {{"id", "${alert.body.data.id}"}, {"note", "by ${alert.source}"}});
  for (const std::string hostile :
       {"secret://env/ANTHROPIC_API_KEY", "secret://file/etc/shadow", "${alert.body}", "@file",
        "${1 / 0}", "secret://credential/x"}) {
    const auto inputs =
        map_inputs(mapped, alert(Value::map({{"data", Value::map({{"id", hostile}})}})));
    REQUIRE(std::holds_alternative<MappedInputs>(inputs));
    CHECK(std::get<MappedInputs>(inputs).texts.at("id") == hostile);
    CHECK(std::get<MappedInputs>(inputs).texts.at("note") == "by anthropic");
    CHECK(std::get<MappedInputs>(inputs).secrets.empty());
  }
}

TEST_CASE("a leaked token becomes a secret input and nothing else") {
  AlertSource source = preset_of(SourceKind::github_partner);
  source.name = "github";
  ReceivedAlert received;
  received.body = Value::map({{"token", Value()}, {"type", "x"}});
  received.secrets.push_back({.path = "token", .secret = nullptr});
  const SecretValue held{.secret = std::make_shared<const Secret>(Secret::copy_of("qtok_EXAMPLE")),
                         .fingerprint = std::string(32, 'f')};
  const Value seen = alert_value(source, received, "a1", Timestamp{}, {held});
  const auto inputs = map_inputs(route("", {{"leaked_token", "${alert.body.token}"}}), seen);
  REQUIRE(std::holds_alternative<MappedInputs>(inputs));
  CHECK(std::get<MappedInputs>(inputs).secrets.at("leaked_token") == held.secret);
  CHECK(std::get<MappedInputs>(inputs).texts.empty());
  CHECK(std::holds_alternative<std::string>(
      map_inputs(route("", {{"note", "token ${alert.body.token}"}}), seen)));
}

TEST_CASE("a list of plain values becomes a list, and nothing else than it was") {
  const auto text = [](const ValueList& list) -> std::string {
    const auto inputs = map_inputs(route("", {{"ids", "${alert.body.ids}"}}),
                                   alert(Value::map({{"ids", Value(list)}})));
    const auto* const mapped = std::get_if<MappedInputs>(&inputs);
    return mapped == nullptr ? "refused" : mapped->texts.at("ids");
  };
  CHECK(text({Value("vcrd_1"), Value("vcrd_2")}) == "vcrd_1,vcrd_2");
  CHECK(text({Value(7)}) == "7");
  CHECK(text({}).empty());
  CHECK(text({Value("vcrd_1,vcrd_2")}) == "refused");
  CHECK(text({Value("")}) == "refused");
  CHECK(text({Value("[vcrd_1]"), Value("vcrd_2")}) == "refused");
  CHECK(text({Value(ValueList{Value("vcrd_1")})}) == "refused");
}

TEST_CASE("what cannot be an input is said in one sentence") {
  const auto why = [](const std::string& source, const Value& seen) {
    const auto inputs = map_inputs(route("", {{"id", source}}), seen);
    return std::holds_alternative<std::string>(inputs) ? std::get<std::string>(inputs) : "";
  };
  CHECK(why("${alert.body.data}", refresh_failed()) ==
        "input id would be neither a value nor a list of plain ones");
  CHECK(why("${alert.body.nothing.here}", refresh_failed()).starts_with("input id: "));
  CHECK(why("${alert.body.data.id}",
            alert(Value::map({{"data", Value::map({{"id", std::string(5'000, 'x')}})}}))) ==
        "input id is too long");
}

}  // namespace quell::test
