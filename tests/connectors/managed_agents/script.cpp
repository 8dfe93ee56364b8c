#include "tests/connectors/managed_agents/script.h"

#include <algorithm>
#include <utility>

#include <doctest/doctest.h>

#include "tests/support/run_action.h"

namespace quell::test {
namespace {

std::string quoted_list(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& item : items) out += (out.size() > 1 ? ",\"" : "\"") + item + "\"";
  return out + "]";
}

/// As the effect guard reads a template: `{base}`, then `{name}` for one segment; no query.
bool fits(std::string_view url, std::string_view pattern, std::string_view base) {
  constexpr std::string_view kBasePart = "{base}";
  if (!pattern.starts_with(kBasePart) || !url.starts_with(base)) return false;
  url = url.substr(base.size());
  url = url.substr(0, url.find('?'));
  pattern.remove_prefix(kBasePart.size());
  while (!pattern.empty()) {
    if (pattern.front() == '{') {
      pattern.remove_prefix(pattern.find('}') + 1);
      const std::size_t segment = std::min(url.find('/'), url.size());
      if (segment == 0) return false;
      url.remove_prefix(segment);
      continue;
    }
    if (url.empty() || url.front() != pattern.front()) return false;
    url.remove_prefix(1);
    pattern.remove_prefix(1);
  }
  return url.empty();
}

void check_allowed(const ActionSpec& spec, Intent intent, const HttpRequest& request,
                   const std::string& base) {
  if (request.method == "GET") {
    CHECK(request.effect == (spec.effect == Effect::probe ? Effect::probe : Effect::read));
    CHECK(request.body.empty());
    return;
  }
  CHECK_MESSAGE(intent == Intent::act, "a look sent " << request.method << " " << request.url);
  CHECK(request.effect == Effect::mutate);
  const bool declared =
      std::any_of(spec.requests.begin(), spec.requests.end(), [&](const RequestTemplate& row) {
        return row.method == request.method && fits(request.url, row.url, base);
      });
  CHECK_MESSAGE(declared, request.method << " " << request.url << " fits no template");
}

}  // namespace

Script& Script::on(const std::string& line, Reply reply) {
  replies_[line].push_back(std::move(reply));
  return *this;
}

Script& Script::on(const std::string& line, int status, const std::string& body) {
  return on(line, [status, body]() -> Result<HttpResponse> { return HttpResponse(status, body); });
}

Script& Script::fails(const std::string& line, ErrorCode code) {
  return on(line, [code]() -> Result<HttpResponse> { return make_error(code, "the line broke"); });
}

Result<HttpResponse> Script::handle(const HttpRequest& request) {
  if (on_request) on_request(request);
  Seen seen;
  seen.method = request.method;
  REQUIRE(request.url.starts_with(kBase));
  seen.target = request.url.substr(kBase.size());
  const RecordedRequest recorded = record(request);
  for (const auto& [name, value] : recorded.headers) seen.headers[name] = value;
  seen.body = recorded.body;
  seen.effect = request.effect;
  const std::string line = seen.line();
  log_.push_back(std::move(seen));
  auto found = replies_.find(line);
  if (found == replies_.end()) found = replies_.find(line.substr(0, line.find('?')));
  if (found == replies_.end()) return HttpResponse(404, error_json("not_found_error"));
  const Reply reply = found->second.front();
  if (found->second.size() > 1) found->second.pop_front();
  return reply();
}

std::vector<std::string> Script::lines() const {
  std::vector<std::string> out;
  for (const Seen& seen : log_) out.push_back(seen.line());
  return out;
}

std::vector<std::string> Script::acts() const {
  std::vector<std::string> out;
  for (const Seen& seen : log_) {
    if (seen.effect != Effect::read) out.push_back(seen.line());
  }
  return out;
}

ManagedAgentsConfig test_config() {
  ManagedAgentsConfig config;
  config.base_url = kBase;
  config.api_key.secret = std::make_shared<const Secret>(std::string(kKey));
  config.key_fingerprint = "77aa01bc00000000000000000000ffff";
  config.key_named_at = "platform.api_key at quell.yaml:6";
  return config;
}

std::unique_ptr<ManagedAgentsConnector> make_connector(const ManagedAgentsConfig& config) {
  Result<std::unique_ptr<ManagedAgentsConnector>> made = ManagedAgentsConnector::make(config);
  REQUIRE_MESSAGE(made.has_value(), (made ? std::string{} : describe(made.error())));
  return std::move(*made);
}

const ActionSpec& spec_of(std::string_view action) {
  const ActionSpec* spec = find_action(managed_agents_actions(), action);
  REQUIRE(spec != nullptr);
  return *spec;
}

std::string mismatch(const Type& type, const Value& value) {
  if (value.is_null()) return type.nullable ? "" : "null where " + to_string(type) + " is declared";
  bool fits_kind = true;
  switch (type.kind) {
    case Type::Kind::boolean:
      fits_kind = value.is_bool();
      break;
    case Type::Kind::integer:
      fits_kind = value.is_int();
      break;
    case Type::Kind::string:
    case Type::Kind::url:
      fits_kind = value.is_string();
      break;
    case Type::Kind::timestamp:
      fits_kind = value.is_timestamp();
      break;
    case Type::Kind::list:
      fits_kind = value.is_list();
      break;
    case Type::Kind::object:
      fits_kind = value.is_map();
      break;
    case Type::Kind::dyn:
    case Type::Kind::null:
    case Type::Kind::number:
    case Type::Kind::duration:
    case Type::Kind::secret:
      fits_kind = false;  // none of them is declared here
      break;
  }
  if (!fits_kind)
    return std::string(to_string(value.kind())) + " where " + to_string(type) + " is declared";
  if (value.is_list() && type.element) {
    for (const Value& item : value.as_list()) {
      if (std::string why = mismatch(*type.element, item); !why.empty()) return "an item: " + why;
    }
  }
  if (!value.is_map() || !type.fields) return {};
  for (const Field& field : *type.fields) {
    if (!value.has(field.name)) return "no " + field.name;
    if (std::string why = mismatch(field.type, value[field.name]); !why.empty()) {
      return field.name + ": " + why;
    }
  }
  for (const auto& [name, member] : value.as_map()) {
    if (type.find(name) == nullptr) return name + " is not declared";
  }
  return {};
}

Result<Outcome> run(Script& script, std::string_view action, Value params, Intent intent,
                    const ManagedAgentsConfig& config) {
  const std::unique_ptr<ManagedAgentsConnector> connector = make_connector(config);
  const ActionSpec& spec = spec_of(action);
  ActionLog log;
  RunActionOptions options;
  options.intent = intent;
  options.log = &log;
  const auto handler = [&](const HttpRequest& request) {
    check_allowed(spec, intent, request, connector->base_url());
    return script.handle(request);
  };
  const Result<Outcome> outcome =
      run_action(*connector, action, std::move(params), handler, options);
  CHECK(log.kept.empty());
  for (const Duration delay : log.waits) script.note_wait(delay);
  if (outcome) {
    CHECK_MESSAGE(mismatch(spec.outputs, outcome->outputs).empty(),
                  mismatch(spec.outputs, outcome->outputs));
    CHECK(outcome->judgement.has_value() == (spec.is_probe || action == "validate_credential"));
  } else {
    CHECK_FALSE(outcome.error().message.empty());
    CHECK(describe(outcome.error()).find(kKey) == std::string::npos);
  }
  return outcome;
}

std::string result_of(const Result<Outcome>& outcome) {
  return std::string(outcome ? to_string(outcome->kind) : to_string(outcome.error().code));
}

std::string verdict_of(const Result<Outcome>& outcome) {
  if (!outcome) return std::string(to_string(outcome.error().code));
  if (!outcome->judgement) return "no judgement";
  return std::string(to_string(outcome->judgement->verdict)) + " " +
         std::string(to_string(outcome->judgement->grade));
}

std::string credential_json(const CredentialShape& shape) {
  std::string auth = R"({"type":")" + shape.type + "\"";
  if (shape.type == "environment_variable") {
    auth += R"(,"secret_name":"STRIPE_KEY","networking":{"type":"unrestricted"})";
  } else {
    auth += R"(,"mcp_server_url":")" + shape.url + "\"";
  }
  if (shape.type == "mcp_oauth") {
    auth += R"(,"expires_at":"2031-03-04T05:41:00Z")";
    if (shape.refresh) {
      auth += R"(,"refresh":{"token_endpoint":"https://as.example/token","client_id":"client-1",)"
              R"("token_endpoint_auth":{"type":"none"},"scope":null,"resource":null})";
    }
  }
  return R"({"id":")" + shape.id + R"(","type":"vault_credential","vault_id":")" + shape.vault +
         R"(","display_name":"Tracker","metadata":)" + shape.metadata + R"(,"auth":)" + auth +
         R"(},"created_at":"2031-01-01T00:00:00Z","updated_at":"2031-01-01T00:00:00Z",)" +
         R"("archived_at":)" + (shape.archived ? R"("2031-03-04T05:06:00Z"})" : "null}");
}

std::string vault_json(const std::string& id, bool archived) {
  return R"({"id":")" + id +
         R"(","type":"vault","display_name":"Alice","metadata":{},)"
         R"("created_at":"2031-01-01T00:00:00Z","updated_at":"2031-01-01T00:00:00Z",)"
         R"("archived_at":)" +
         (archived ? R"("2031-03-04T05:06:00Z"})" : "null}");
}

std::string session_json(const SessionShape& shape) {
  return R"({"id":")" + shape.id + R"(","type":"session","status":")" + shape.status +
         R"(","title":null,"environment_id":"env_1","deployment_id":null,"vault_ids":)" +
         quoted_list(shape.vaults) + R"(,"created_at":")" + shape.created_at +
         R"(","archived_at":)" + (shape.archived ? R"("2031-03-04T05:06:00Z"})" : "null}");
}

std::string deployment_json(const DeploymentShape& shape) {
  const auto time = [](const std::string& name, const std::string& at) {
    return at.empty() ? std::string() : ",\"" + name + "\":\"" + at + "\"";
  };
  return R"({"id":")" + shape.id + R"(","type":"deployment","name":"Weekly","vault_ids":)" +
         quoted_list(shape.vaults) + R"(,"status":")" + shape.status + '"' +
         time("created_at", shape.created_at) + time("updated_at", shape.updated_at) +
         R"(,"archived_at":)" +
         (shape.archived ? R"("2031-03-04T05:06:00Z"})" : "null}");
}

std::string page(const std::vector<std::string>& items, const std::optional<std::string>& next) {
  std::string out = R"({"data":[)";
  for (std::size_t i = 0; i < items.size(); ++i) out += (i == 0 ? "" : ",") + items[i];
  return out + R"(],"next_page":)" + (next ? "\"" + *next + "\"}" : "null}");
}

std::string error_json(const std::string& type) {
  return R"({"type":"error","error":{"type":")" + type +
         R"(","message":"text from outside"},"request_id":null})";
}

}  // namespace quell::test
