// The action table of kind `oauth`, its configuration, pins and predictions.
#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "state/base/json.h"
#include "connectors/oauth/profile.h"
#include "tests/connectors/oauth/web.h"

namespace quell {
namespace {

using namespace test;

// Goal: names, inputs and claims that playbooks rely on do not drift.
TEST_CASE("the action table keeps its promises") {
  struct Row {
    std::string name;
    Effect effect;
    std::string required;
    std::vector<Kill> kills;
    std::vector<Kill> proves;
  };
  const std::vector<Row> rows{
      {"discover", Effect::read, "mcp_server_url", {}, {}},
      {"ladder", Effect::read, "mcp_server_url", {}, {}},
      {"vendor_revoke",
       Effect::mutate,
       "mcp_server_url",
       {Kill::refresh_token, Kill::access_token},
       {}},
      {"trip_reuse_detection",
       Effect::mutate,
       "mcp_server_url refresh_token",
       {Kill::refresh_token, Kill::access_token},
       {}},
      {"revoke_user",
       Effect::mutate,
       "mcp_server_url",
       {Kill::refresh_token, Kill::access_token},
       {}},
      {"disable_client",
       Effect::mutate,
       "mcp_server_url",
       {Kill::refresh_token, Kill::access_token},
       {}},
      {"probe_token", Effect::probe, "mcp_server_url token", {}, {}},
      {"introspect", Effect::probe, "token", {}, {}},
      {"token_is_dead", Effect::probe, "mcp_server_url", {}, {Kill::access_token}},
      {"refresh_is_dead",
       Effect::mutate,
       "mcp_server_url refresh_token",
       {},
       {Kill::refresh_token}},
      {"revoke_grant",
       Effect::mutate,
       "mcp_server_url",
       {Kill::refresh_token, Kill::access_token},
       {}},
  };
  REQUIRE(oauth_actions().size() == rows.size());
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const ActionSpec* spec = find_action(oauth_actions(), row.name);
    REQUIRE(spec != nullptr);
    CHECK(spec->effect == row.effect);
    CHECK(spec->kills == row.kills);
    CHECK(spec->proves == row.proves);
    CHECK(spec->is_probe == !row.proves.empty());
    CHECK(spec->planes == std::vector<Plane>{Plane::issuer});
    CHECK(spec->requests.empty() == (row.effect == Effect::read));
    CHECK_FALSE(spec->can_look);
    CHECK_FALSE(spec->summary.empty());
    std::string required;
    for (const ParamSpec& input : spec->inputs) {
      if (input.required) required += (required.empty() ? "" : " ") + input.name;
      CHECK(input.type.nullable == !input.required);
      CHECK_FALSE(input.help.empty());
    }
    CHECK(required == row.required);
    for (const std::string& proof : spec->proofs)
      CHECK(find_action(oauth_actions(), proof) != nullptr);
  }
}

bool fits(const Value& value, const Type& type) {
  if (value.is_null()) return type.nullable;
  switch (type.kind) {
    case Type::Kind::boolean:
      return value.is_bool();
    case Type::Kind::integer:
      return value.is_int();
    case Type::Kind::string:
      return value.is_string();
    case Type::Kind::timestamp:
      return value.is_timestamp();
    case Type::Kind::duration:
      return value.is_duration();
    case Type::Kind::list:
      return value.is_list();
    case Type::Kind::object:
      return value.is_map() && value.as_map().size() == type.fields->size() &&
             std::ranges::all_of(*type.fields, [&value](const Field& field) {
               return value.has(field.name) && fits(value[field.name], field.type);
             });
    case Type::Kind::dyn:
    case Type::Kind::null:
    case Type::Kind::number:
    case Type::Kind::url:
    case Type::Kind::secret:
      return false;
  }
  return false;
}

void check_outputs(const Value& outputs, const ActionSpec& spec) {
  CAPTURE(spec.name);
  REQUIRE(outputs.is_map());
  CHECK(outputs.as_map().size() == spec.outputs.fields->size());
  for (const Field& field : *spec.outputs.fields) {
    CAPTURE(field.name);
    CHECK(outputs.has(field.name));
    CHECK(fits(outputs[field.name], field.type));
  }
}

/// A vendor with RFC 7009 and one call of its own for each wider reach.
IssuerProfile some_vendor() {
  IssuerProfile profile;
  profile.id = "vendor";
  profile.rfc7009 = true;
  for (const CallReach reach : {CallReach::grant, CallReach::user, CallReach::client}) {
    VendorCall call;
    call.id = std::string(to_string(reach));
    call.title = "end it";
    call.reach = reach;
    call.auth = CallAuth::none;
    call.url = {{.literal = kIssuer + "/end"}};
    call.answers = {{.status = 200, .means = AnswerMeaning::done}};
    profile.calls.push_back(std::move(call));
  }
  return profile;
}

// Goal: what an action gives, and what a plan predicts, is exactly what its table declares.
TEST_CASE("outputs and predictions have the declared shape") {
  OauthConfig config = pinned_config();
  config.issuers[0].endpoints = {.token = kIssuer + "/token",
                                 .revocation = kIssuer + "/revoke",
                                 .introspection = kIssuer + "/i"};
  config.profiles = std::make_shared<const IssuerProfiles>(IssuerProfiles{some_vendor()});
  config.issuers[0].profile = "vendor";
  Web web;
  web.on("POST", kIssuer + "/end", reply(200));
  web.on("POST", kIssuer + "/token", json_reply(200, R"({"access_token":"a"})"));
  web.on("POST", kIssuer + "/revoke", reply(200));
  web.on("POST", kIssuer + "/i", json_reply(200, R"({"active":false})"));
  SeededRandom random(1);
  const Result<std::unique_ptr<OauthConnector>> connector = OauthConnector::make(config, random);
  REQUIRE(connector);
  for (const ActionSpec& spec : oauth_actions()) {
    const Value params = Value::map(
        {{"mcp_server_url", kMcp}, {"token", secret("t")}, {"refresh_token", secret("r")}});
    Inputs inputs{.params = params};
    check_outputs((*connector)->predict(spec, inputs), spec);
    Run what;
    what.params = params;
    const Result<Outcome> out = run(config, spec.name, std::move(what), web);
    CAPTURE(spec.name);
    REQUIRE(out);
    check_outputs(out->outputs, spec);
    CHECK(out->judgement.has_value() == spec.is_probe);
  }
}

TEST_CASE("pins name hosts and clients, never a secret") {
  SeededRandom random(1);
  const Result<std::unique_ptr<OauthConnector>> connector =
      OauthConnector::make(pinned_config(), random);
  REQUIRE(connector);
  const std::string pins = to_json((*connector)->pins());
  CHECK(pins.find(kIssuer) != std::string::npos);
  CHECK(pins.find("client-1") != std::string::npos);
  CHECK(pins.find("s3cret") == std::string::npos);
  CHECK(pins.find("fp:") == std::string::npos);
}

// Goal: each mistake of a configuration is found when it is loaded, in one sentence with a remedy.
TEST_CASE("faulty configurations do not load") {
  const auto faulty = [](auto change) {
    OauthConfig config = pinned_config();
    change(config.issuers[0]);
    const Status checked = check_config(config);
    if (checked) return std::string("loads");
    CHECK(checked.error().code == ErrorCode::invalid);
    CHECK_FALSE(checked.error().hint.empty());
    CHECK(describe(checked.error()).find("s3cret") == std::string::npos);
    return std::string("refused");
  };
  CHECK(faulty([](IssuerConfig&) {}) == "loads");
  CHECK(faulty([](IssuerConfig& c) { c.match_mcp_server_url.clear(); }) == "refused");
  CHECK(faulty([](IssuerConfig& c) { c.match_mcp_server_url = "http://mcp.example/mcp"; }) ==
        "refused");
  CHECK(faulty([](IssuerConfig& c) { c.issuer = "as.example"; }) == "refused");
  CHECK(faulty([](IssuerConfig& c) { c.issuer = "https://as.example?x=1"; }) == "refused");
  CHECK(faulty([](IssuerConfig& c) { c.issuer = "https://as.example#x"; }) == "refused");
  CHECK(faulty([](IssuerConfig& c) { c.endpoints.token = "http://127.0.0.1/t"; }) == "refused");
  CHECK(faulty([](IssuerConfig& c) { c.endpoints.revocation = "/revoke"; }) == "refused");
  CHECK(faulty([](IssuerConfig& c) { c.endpoints.introspection = "https://u:p@as.example/i"; }) ==
        "refused");
  CHECK(faulty([](IssuerConfig& c) { c.client_secret = nullptr; }) == "refused");
  CHECK(faulty([](IssuerConfig& c) { c.client_secret = secret_ptr(""); }) == "refused");
  CHECK(faulty([](IssuerConfig& c) { c.client_id.clear(); }) == "refused");
  CHECK(faulty([](IssuerConfig& c) { c.method = ClientAuth::private_key_jwt; }) == "refused");
  CHECK(faulty([](IssuerConfig& c) { c.profile = "acme"; }) == "refused");
  CHECK(faulty([](IssuerConfig& c) {
          c.method = ClientAuth::none;
          c.client_id.clear();
        }) == "loads");
  OauthConfig twice = pinned_config();
  twice.issuers.push_back(twice.issuers[0]);
  twice.issuers[1].match_mcp_server_url = "https://MCP.example:443/mcp/";
  CHECK_FALSE(check_config(twice).has_value());
}

TEST_CASE("a client secret without pinned issuer loads with a warning") {
  OauthConfig config = pinned_config();
  CHECK(config_warnings(config).empty());
  config.issuers[0].issuer.clear();
  REQUIRE(config_warnings(config).size() == 1);
  CHECK(config_warnings(config)[0].find(kMcp) != std::string::npos);
  config.issuers[0].method = ClientAuth::none;
  CHECK(config_warnings(config).empty());
}

TEST_CASE("method names are those of the metadata documents") {
  for (const char* name : {"none", "client_secret_basic", "client_secret_post", "private_key_jwt",
                           "client_secret_jwt"}) {
    const std::optional<ClientAuth> method = client_auth_from_string(name);
    REQUIRE(method);
    CHECK(to_string(*method) == name);
  }
  CHECK_FALSE(client_auth_from_string("tls_client_auth").has_value());
}

}  // namespace
}  // namespace quell
