#include "tests/sim/site.h"

#include <algorithm>
#include <utility>

#include "state/base/assert.h"
#include "state/base/json.h"
#include "state/base/sha256.h"

namespace quell::sim {
namespace {

constexpr int kCredentialsPerVaultMax = 20;
constexpr int kThrottledMax = 5;

Value message(std::string_view text) {
  const Value part = Value::map({{"type", "text"}, {"text", text}});
  return Value::list({Value::map({{"type", "user.message"}, {"content", Value::list({part})}})});
}

std::string header_of(const range::Request& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return value;
  }
  return {};
}

std::string path_of(const range::Request& request) {
  return request.target.substr(0, request.target.find('?'));
}

std::string_view url_of(range::Host host) {
  switch (host) {
    case range::Host::platform:
      return kPlatformUrl;
    case range::Host::issuer:
      return kIssuerUrl;
    case range::Host::mcp_server:
      return kMcpUrl;
    case range::Host::control:
      break;
  }
  return kControlUrl;
}

range::Response answer(int status, std::string body) {
  range::Response response{.status = status, .body = std::move(body)};
  response.headers.emplace_back("content-type", "application/json");
  return response;
}

/// The values of the members of a JSON or form body that hold tokens.
void add_tokens(const std::string& body, std::set<std::string>& secrets) {
  for (const std::string_view member : {"access_token", "refresh_token", "token"}) {
    for (const std::string& lead :
         {'"' + std::string(member) + "\":\"", std::string(member) + "="}) {
      for (std::size_t at = body.find(lead); at != std::string::npos;
           at = body.find(lead, at + lead.size())) {
        const std::size_t begin = at + lead.size();
        const std::size_t end = std::min(body.find_first_of("\"&", begin), body.size());
        constexpr std::size_t kTokenSizeMin = 16;  // shorter ones are words
        if (end - begin >= kTokenSizeMin) secrets.insert(body.substr(begin, end - begin));
      }
    }
  }
}

}  // namespace

bool changes_something(std::string_view method, std::string_view url) {
  if (method == "GET" || method == "HEAD") return false;
  if (url.starts_with(kMcpUrl)) return false;
  return !url.starts_with(kIssuerUrl) || url.find("introspect") == std::string_view::npos;
}

Site::Site(std::uint64_t seed, Timestamp start, const std::string& born_with, bool intruder)
    : options_{.seed = seed,
               .profile = born_with,
               .start = start,
               .platform_url = std::string(kPlatformUrl),
               .issuer_url = std::string(kIssuerUrl),
               .mcp_url = std::string(kMcpUrl),
               .control_url = std::string(kControlUrl),
               .intruder = intruder} {
  Result<std::unique_ptr<range::World>> world = range::World::create(options_);
  QUELL_ASSERT(world.has_value());
  world_ = std::move(*world);
}

std::string Site::create(const std::string& path, const Value& body, Timestamp now) {
  const range::Request request{.host = range::Host::platform,
                               .method = "POST",
                               .target = path,
                               .headers = {{"authorization", "Bearer " + world_->keys().api_key},
                                           {"anthropic-version", "2026-10-21"},
                                           {"anthropic-beta", "managed-agents-2026-04-01"},
                                           {"content-type", "application/json"}},
                               .body = to_json(body)};
  const range::Response response = world_->handle(request, now);
  QUELL_ASSERT(response.status == 200);
  return (*parse_json(response.body))["id"].as_string();
}

Value Site::get(const std::string& path, int& status, Timestamp now) {
  const range::Request request{.host = range::Host::platform,
                               .method = "GET",
                               .target = path,
                               .headers = {{"authorization", "Bearer " + world_->keys().api_key},
                                           {"anthropic-version", "2026-10-21"},
                                           {"anthropic-beta", "managed-agents-2026-04-01"}}};
  range::Response response;
  for (int tries = 0; tries < kThrottledMax; ++tries) {
    response = world_->handle(request, now);
    if (response.status != 429) break;
  }
  status = response.status;
  Result<Value> body = parse_json(response.body);
  return body ? *std::move(body) : Value();
}

void Site::furnish(int vaults, int credentials, int sessions, int deployments, Dice& dice,
                   Timestamp now) {
  const Value cloud =
      Value::map({{"type", "cloud"}, {"networking", Value::map({{"type", "unrestricted"}})}});
  environment_ = create("/v1/environments", Value::map({{"name", "Sim"}, {"config", cloud}}), now);
  agent_ = create("/v1/agents", Value::map({{"name", "Sim"}, {"model", "claude-opus-5-5"}}), now);
  for (int i = 0; i < vaults; ++i) {
    extras_.vault_ids.push_back(
        create("/v1/vaults", Value::map({{"display_name", "Extra " + std::to_string(i)}}), now));
  }
  for (int i = 0; i < std::min(credentials, vaults * kCredentialsPerVaultMax); ++i) {
    const std::string& vault = extras_.vault_ids[static_cast<std::size_t>(i % vaults)];
    const std::string number = std::to_string(i);
    const std::string token = "invented-extra-secret-" + number;
    const Value auth =
        dice.chance(50)
            ? Value::map({{"type", "static_bearer"},
                          {"mcp_server_url", "https://extra-" + number + ".example.com/mcp"},
                          {"token", token}})
            : Value::map({{"type", "environment_variable"},
                          {"secret_name", "EXTRA_" + number},
                          {"secret_value", token},
                          {"networking", Value::map({{"type", "unrestricted"}})}});
    extras_.credential_ids[vault].push_back(
        create("/v1/vaults/" + vault + "/credentials",
               Value::map({{"display_name", "Extra " + number}, {"auth", auth}}), now));
    extras_.secrets.push_back(token);
  }
  const auto some_vault = [&] {
    return vaults == 0 ? world_->leaked().vault_id : dice.pick(extras_.vault_ids);
  };
  for (int i = 0; i < sessions; ++i) {
    ValueMap body{{"agent", agent_},
                  {"environment_id", environment_},
                  {"title", "Extra " + std::to_string(i)},
                  {"vault_ids", Value::list({some_vault()})}};
    if (dice.chance(60)) body["initial_events"] = message("Work through the queue.");
    extras_.session_ids.push_back(create("/v1/sessions", Value(std::move(body)), now));
  }
  for (int i = 0; i < deployments; ++i) {
    const Value schedule =
        Value::map({{"type", "cron"},
                    {"expression", std::to_string(dice.between(0, 59)) + " * * * *"},
                    {"timezone", "UTC"}});
    extras_.deployment_ids.push_back(
        create("/v1/deployments",
               Value::map({{"name", "Extra " + std::to_string(i)},
                           {"agent", agent_},
                           {"environment_id", environment_},
                           {"vault_ids", Value::list({some_vault()})},
                           {"initial_events", message("Sort what is new.")},
                           {"schedule", schedule}}),
               now));
  }
}

void Site::add_profiles(const std::string& names, Timestamp now) {
  if (names.empty()) return;
  const range::Request request{.host = range::Host::control,
                               .method = "POST",
                               .target = "/faults",
                               .body = to_json(Value::map({{"profile_add", names}}))};
  QUELL_ASSERT(world_->handle(request, now).status == 200);
}

std::string Site::vault_of(const std::string& credential_id) const {
  if (credential_id == world_->leaked().credential_id) return world_->leaked().vault_id;
  for (const auto& [vault, ids] : extras_.credential_ids) {
    if (std::find(ids.begin(), ids.end(), credential_id) != ids.end()) return vault;
  }
  return {};
}

bool Site::credential_lives(const std::string& vault_id, const std::string& id, Timestamp now) {
  const Value truth = world_->truth(now);
  if (id == world_->leaked().credential_id) return !truth["credential_archived"].bool_or(false);
  int status = 0;
  const Value record = get("/v1/vaults/" + vault_id + "/credentials/" + id, status, now);
  if (status == 404)
    return truth["profile"].string_or("").find("other_workspace") != std::string::npos;
  return record["archived_at"].is_null();
}

bool Site::session_lives(const std::string& id, Timestamp now) {
  int status = 0;
  const Value record = get("/v1/sessions/" + id, status, now);
  if (status == 404)
    return world_->truth(now)["profile"].string_or("").find("other_workspace") != std::string::npos;
  return record["archived_at"].is_null() && record["status"].string_or("") != "terminated";
}

std::optional<Timestamp> Site::session_created(const std::string& id, Timestamp now) {
  int status = 0;
  return parse_rfc3339(get("/v1/sessions/" + id, status, now)["created_at"].string_or(""));
}

bool Site::deployment_lives(const std::string& id, Timestamp now) {
  int status = 0;
  const Value record = get("/v1/deployments/" + id, status, now);
  if (status == 404)
    return world_->truth(now)["profile"].string_or("").find("other_workspace") != std::string::npos;
  return record["archived_at"].is_null() && record["status"].string_or("") != "paused";
}

void Network::answered(std::uint64_t ticket) {
  const auto change = changes_.find(ticket);
  if (change == changes_.end()) return;
  in_doubt_.erase(change->second);
  changes_.erase(change);
}

/// A change whose answer was lost goes out again only after somebody looked what became of it: the
/// object was read, or the token tried.
void Network::repeats_only_after_a_look(const range::Request& request, std::uint64_t ticket,
                                        const std::string& run) {
  const std::string path = std::string(url_of(request.host)) + path_of(request);
  if (!changes_something(request.method, path)) {
    const bool tries_tokens = request.host != range::Host::platform && request.method == "POST";
    std::erase_if(in_doubt_, [&](const std::string& change) {
      const std::string url = change.substr(change.find(' ') + 1);
      return tries_tokens ? url.starts_with(kIssuerUrl) : url.starts_with(path);
    });
    return;
  }
  std::string change = run + " " + path + " " + request.method;
  if (request.host == range::Host::issuer) change += " " + sha256_hex(request.body);
  if (in_doubt_.contains(change)) {
    findings_.violated("no change is repeated without a look", run + " " + path);
  }
  in_doubt_.insert(change);
  changes_[ticket] = std::move(change);
}

void Network::remember_secrets(const range::Request& request) {
  const std::string authorization = header_of(request, "authorization");
  const std::size_t space = authorization.find(' ');
  if (space != std::string::npos) secrets_.insert(authorization.substr(space + 1));
  add_tokens(request.body, secrets_);
}

range::Response Network::with_weather(const range::Request& request, Timestamp now) {
  using Line = range::Response::Line;
  if (dice_.chance(weather_.lost_before)) return {.status = 0, .line = Line::resets};
  if (dice_.chance(weather_.lost_after)) {
    range::Response response = world_.handle(request, now);
    response.line = dice_.chance(50) ? Line::hangs : Line::resets;
    return response;
  }
  if (dice_.chance(weather_.throttled)) {
    range::Response response = answer(429, R"({"type":"error"})");
    response.headers.emplace_back("retry-after", std::to_string(dice_.between(1, 6)));
    return response;
  }
  if (dice_.chance(weather_.refused)) {
    range::Response response = answer(dice_.chance(50) ? 503 : 529, R"({"type":"error"})");
    if (dice_.chance(50)) response.headers.emplace_back("retry-after", "2");
    return response;
  }
  if (dice_.chance(weather_.failed_after)) {
    world_.handle(request, now);
    return answer(500, R"({"type":"error"})");
  }
  if (dice_.chance(weather_.garbage)) {
    if (dice_.chance(50)) world_.handle(request, now);
    return answer(dice_.chance(50) ? 200 : 502, "<html>the gateway says hello");
  }
  range::Response response = world_.handle(request, now);
  if (dice_.chance(weather_.slow)) response.delay += dice_.span(Duration{100}, Duration{40'000});
  return response;
}

range::Response Network::handle(const range::Request& request, Timestamp now) {
  const std::string number = header_of(request, kTicketHeader);
  const std::uint64_t ticket = number.empty() ? 0 : std::stoull(number);
  range::Request plain = request;
  std::erase_if(plain.headers, [](const auto& header) {
    return header.first == kTicketHeader || header.first == kRunHeader;
  });
  remember_secrets(plain);
  repeats_only_after_a_look(plain, ticket, header_of(request, kRunHeader));
  range::Response response = with_weather(plain, now);
  add_tokens(response.body, secrets_);
  if (findings_.is_traced()) {
    const std::string_view line = response.line == range::Response::Line::answers ? ""
                                  : response.status == 0 ? " (never arrived)"
                                                         : " (answer lost)";
    findings_.tell(format_rfc3339(now) + "   " + request.method + " " +
                   std::string(url_of(request.host)) + request.target + " -> " +
                   std::to_string(response.status) + std::string(line));
  }
  return response;
}

}  // namespace quell::sim
