// The four hosts under one clock: dispatch, log, faults, truth.
#include "orchestrator/range/world.h"

#include <algorithm>
#include <array>
#include <chrono>

#include <fmt/format.h>

#include "orchestrator/range/crowd.h"
#include "orchestrator/range/faults.h"
#include "orchestrator/range/incident.h"
#include "orchestrator/range/intruder.h"
#include "orchestrator/range/issuer.h"
#include "orchestrator/range/mcp_server.h"
#include "orchestrator/range/meddling.h"
#include "orchestrator/range/platform.h"
#include "orchestrator/range/poisoning.h"
#include "orchestrator/range/profile.h"
#include "orchestrator/range/webhooks.h"
#include "state/base/assert.h"
#include "state/base/bytes.h"
#include "state/base/json.h"
#include "state/base/random.h"
#include "state/base/sha256.h"

namespace quell::range {
namespace {

constexpr std::size_t kLogLinesMax = 1'000'000;
constexpr std::size_t kStepsPerAdvanceMax = 5'000'000;
constexpr std::string_view kMarker = "x-quell-range";
constexpr std::uint64_t kWebhookSeed = 0x77656268'6f6f6b73;

/// What a request may do, as an outsider sees it: the log is kept apart from quell's own notion of
/// its requests.
Effect effect_of(const Request& request) {
  if (request.method == "GET" || request.method == "HEAD") return Effect::read;
  const bool introspects =
      request.host == Host::issuer && request.target.find("introspect") != std::string::npos;
  if (request.host == Host::mcp_server || introspects) return Effect::probe;
  return Effect::mutate;
}

std::string path_of(std::string_view target) {
  return std::string(target.substr(0, target.find('?')));
}

bool has_header(const Response& response, std::string_view name) {
  return std::ranges::any_of(response.headers,
                             [&](const auto& header) { return header.first == name; });
}

Response json(int status, const Value& body) {
  return {
      .status = status, .headers = {{"content-type", "application/json"}}, .body = to_json(body)};
}

Value to_value(const LogLine& line) {
  ValueMap map{{"at", line.at},        {"who", line.who},
               {"host", line.host},    {"method", line.method},
               {"path", line.path},    {"effect", quell::to_string(line.effect)},
               {"status", line.status}};
  if (!line.note.empty()) map["note"] = line.note;
  return Value(std::move(map));
}

Value to_value(const std::vector<LogLine>& log) {
  ValueList lines;
  lines.reserve(log.size());
  for (const LogLine& line : log) lines.push_back(to_value(line));
  return Value(std::move(lines));
}

/// The type that goes with a status (API sheet section 3).
std::string_view error_type(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 402:
      return "billing_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 504:
      return "timeout_error";
    case 529:
      return "overloaded_error";
    default:
      return status < 500 ? "invalid_request_error" : "api_error";
  }
}

Keys make_keys(SeededRandom& random, const Issuer& issuer) {
  std::string webhook(32, '\0');
  random.fill(std::as_writable_bytes(std::span(webhook)));
  const std::string api_key = "sk-ant-range-" + random.hex(24);
  return {.api_key = api_key,
          .admin_key = "sk-ant-admin-range-" + random.hex(24),
          // No draw of its own, so that every id of a seed stays what it was.
          .leaked_api_key = "sk-ant-range-" + sha256_hex("leaked " + api_key).substr(0, 48),
          .leaked_api_key_id = "apikey_01LeakedKeyOfThisWorld",
          .webhook_secret = "whsec_" + base64_encode(webhook),
          .client_id = issuer.client_id(),
          .client_secret = issuer.client_secret()};
}

class RangeWorld final : public World {
 public:
  RangeWorld(WorldOptions options, ProfileSet profiles)
      : options_(std::move(options)),
        profiles_(std::move(profiles)),
        random_(options_.seed),
        issuer_(options_, random_, profiles_),
        mcp_(options_, issuer_, profiles_),
        keys_(make_keys(random_, issuer_)),
        now_(options_.start),
        platform_(profiles_, keys_, random_, options_.seed, fetch_as("platform", true)),
        incident_(seed_incident(platform_, issuer_, keys_, mcp_.endpoint(), options_.population,
                                now_)),
        crowd_(seed_crowd(options_.population, platform_, issuer_, keys_, mcp_.endpoint(),
                          options_.seed, now_)),
        meddling_(profiles_, platform_, keys_, incident_.leaked, mcp_.endpoint()),
        poisoning_(profiles_.has("poisoned")
                       ? seed_poisoning(platform_, keys_, incident_.leaked.vault_id,
                                        mcp_.endpoint(), now_)
                       : Poisoning{}),
        intruder_({.access_token = stolen(incident_.leaked.access_token),
                   .refresh_token = stolen(incident_.leaked.refresh_token),
                   .client_id = keys_.client_id,
                   .client_secret = keys_.client_secret,
                   .mcp_endpoint = mcp_.endpoint(),
                   .token_endpoint = issuer_.token_endpoint(),
                   .api_key = profiles_.has("steals_api_key") ? keys_.leaked_api_key : "",
                   .platform_url = options_.platform_url},
                  now_, fetch_as("intruder", false)),
        webhooks_(options_.seed ^ kWebhookSeed, keys_.webhook_secret),
        reads_(options_.population.reads_per_minute),
        writes_(options_.population.writes_per_minute) {
    if (profiles_.has("long_session")) platform_.grow_session(incident_.idle_session_id, now_);
    meddling_.begin(now_);
    if (profiles_.has("after_containment")) leave_contained();
    platform_.open();
    // Whoever works through memory alone holds no token.
    if (profiles_.has("poisoned")) options_.intruder = false;
    webhooks_.collect(platform_.events());
    if (options_.intruder && profiles_.has("spent_refresh_200")) intruder_.refresh(now_);
  }

  /// What the intruder has of `token`: after containment one of a grant that is dead.
  std::string stolen(const std::string& token) const {
    return profiles_.has("after_containment") ? "dead-" + token : token;
  }
  /// What a contained run and the team after it left: schedules that stand still, an archived
  /// credential, and a new one in its place.
  void leave_contained() {
    const auto post = [this](const std::string& target, const Value& body) {
      const Request request{.host = Host::platform,
                            .method = "POST",
                            .target = target,
                            .headers = {{"authorization", "Bearer " + keys_.api_key},
                                        {"anthropic-version", "2026-10-21"},
                                        {"anthropic-beta", "managed-agents-2026-04-01"}},
                            .body = body.is_null() ? std::string() : to_json(body)};
      QUELL_ASSERT(platform_.handle(request, now_).status == 200);
    };
    const Leaked& leaked = incident_.leaked;
    for (const std::string& id : leaked.deployment_ids)
      post("/v1/deployments/" + id + "/pause", Value());
    const std::string credentials = "/v1/vaults/" + leaked.vault_id + "/credentials";
    post(credentials + "/" + leaked.credential_id + "/archive", Value());
    const Issuer::Grant grant = issuer_.mint(keys_.client_id, mcp_.endpoint(), now_);
    post(credentials, Value::map({{"display_name", "Tracker, billing, new"},
                                  {"auth", Value::map({{"type", "mcp_oauth"},
                                                       {"mcp_server_url", mcp_.endpoint()},
                                                       {"access_token", grant.access_token},
                                                       {"expires_at", grant.expires_at}})}}));
  }

  Response handle(const Request& request, Timestamp now) override;
  std::optional<Timestamp> next_timer() const override;
  void advance(Timestamp now) override;

  FreshGrant mint_fresh(Timestamp now) override {
    advance(now);
    const Issuer::Grant grant = issuer_.mint(keys_.client_id, mcp_.endpoint(), now);
    return {.access_token = grant.access_token, .refresh_token = grant.refresh_token};
  }

  LogLine act(const Act& act, Timestamp now) override;
  void hold_intruder(bool held, Timestamp now) override;

  StreamPart follow(EventStream& stream, Timestamp now) override {
    advance(now);
    return platform_.follow(stream);
  }
  std::optional<Timestamp> next_delivery() const override { return webhooks_.next(); }
  std::vector<Delivery> take_deliveries(Timestamp now) override {
    advance(now);
    return webhooks_.take(now_);
  }
  void delivered(std::uint64_t number, int status, Timestamp now) override {
    advance(now);
    webhooks_.delivered(number, status, now_);
  }

  const Leaked& leaked() const override { return incident_.leaked; }
  Injected injected() const override {
    return {.session_id = poisoning_.writer_session_id,
            .agent_id = poisoning_.coordinator_id,
            .memory_store_id = poisoning_.store_id};
  }
  const Keys& keys() const override { return keys_; }
  const std::vector<LogLine>& request_log() const override { return log_; }
  const std::vector<LogLine>& intruder_log() const override { return intruder_.log(); }
  Value truth(Timestamp now) const override;

 private:
  /// `logged`: into the request log; the intruder keeps its own.
  Fetch fetch_as(std::string who, bool logged);
  std::optional<Response> fetch_outside(std::string_view url, Request request, std::string_view who,
                                        Timestamp now);
  Response dispatch(const Request& request, Timestamp now);
  std::optional<Response> throttle(const Request& request, Timestamp now);
  Response carry_out(const Act& act, const std::string& vault_id, Timestamp now);
  Response fail(const Fault& fault, const Request& request, Timestamp now);
  Response control(const Request& request, Timestamp now);
  Response set_faults(const Request& request);
  Response control_intruder() const;
  Response control_events() const;
  Response control_grant(Timestamp now);
  Response control_subscribe(const Request& request);
  void log(const Request& request, std::string_view who, std::string_view host,
           const Response& response, Timestamp now);
  bool bystanders_untouched() const;
  std::string request_id() const { return fmt::format("req_range{:012d}", requests_); }

  WorldOptions options_;
  ProfileSet profiles_;
  SeededRandom random_;
  Issuer issuer_;
  McpServer mcp_;
  Keys keys_;
  Timestamp now_;
  std::vector<LogLine> log_{};
  std::uint64_t requests_ = 0;
  Faults faults_{};
  Platform platform_;
  Incident incident_;
  Crowd crowd_;
  Meddling meddling_;
  Poisoning poisoning_;
  Intruder intruder_;
  std::optional<Timestamp> held_since_{};  // the intruder stands still
  Webhooks webhooks_;
  Allowance reads_;
  Allowance writes_;
};

/// The network as hosts of the world see it: their own hosts and, for the platform alone, what
/// `options_.outside` reaches.
Fetch RangeWorld::fetch_as(std::string who, bool logged) {
  return [this, who = std::move(who), logged](std::string_view url, Request request,
                                              Timestamp now) -> std::optional<Response> {
    const auto reach = [&](const std::string& base, Host host) {
      if (base.empty() || !url.starts_with(base) || url.substr(base.size(), 1) != "/") return false;
      request.host = host;
      request.target = url.substr(base.size());
      return true;
    };
    Response response;
    if (reach(options_.issuer_url, Host::issuer)) {
      response = issuer_.handle(request, now);
    } else if (reach(options_.mcp_url, Host::mcp_server)) {
      response = mcp_.handle(request, now);
    } else if (!logged && reach(options_.platform_url, Host::platform)) {
      response = platform_.handle(request, now);
    } else if (logged && options_.outside && !reach(options_.platform_url, Host::platform) &&
               !reach(options_.control_url, Host::control)) {
      return fetch_outside(url, std::move(request), who, now);
    } else {
      return std::nullopt;
    }
    if (logged) log(request, who, to_string(request.host), response, now);
    if (response.line != Response::Line::answers) return std::nullopt;
    return response;
  };
}

std::optional<Response> RangeWorld::fetch_outside(std::string_view url, Request request,
                                                  std::string_view who, Timestamp now) {
  auto response = options_.outside(url, request);
  request.target = std::string(url);
  Response seen;
  seen.status = response ? response->status : 0;
  if (!response) seen.line = Response::Line::resets;
  log(request, who, "outside", seen, now);
  return response;
}

void RangeWorld::log(const Request& request, std::string_view who, std::string_view host,
                     const Response& response, Timestamp now) {
  if (log_.size() >= kLogLinesMax) return;
  std::string_view note;
  if (response.line != Response::Line::answers) {
    note = response.status == 0 ? "not handled" : "answer lost";
  }
  log_.push_back({.at = now,
                  .who = std::string(who),
                  .host = std::string(host),
                  .method = request.method,
                  .path = path_of(request.target),
                  .effect = effect_of(request),
                  .status = response.status,
                  .note = std::string(note)});
}

Response RangeWorld::dispatch(const Request& request, Timestamp now) {
  switch (request.host) {
    case Host::platform: {
      Response response = platform_.handle(request, now);
      meddling_.after(request, response, now);
      return response;
    }
    case Host::issuer:
      return issuer_.handle(request, now);
    case Host::mcp_server:
      return mcp_.handle(request, now);
    case Host::control:
      break;
  }
  return control(request, now);
}

/// The answer to one request too many, if it is that.
std::optional<Response> RangeWorld::throttle(const Request& request, Timestamp now) {
  if (request.host != Host::platform) return std::nullopt;
  const auto wait =
      effect_of(request) == Effect::read ? reads_.take(now) : writes_.take(now);
  if (!wait) return std::nullopt;
  const Fault refused{.status = 429, .retry_after_s = (wait->count() + 999) / 1000};
  return fail(refused, request, now);
}

Response RangeWorld::carry_out(const Act& act, const std::string& vault_id, Timestamp now) {
  switch (act.kind) {
    case Act::Kind::refresh:
      return {.status = intruder_.refresh(now) ? 200 : 400};
    case Act::Kind::create_credential: {
      const Issuer::Grant grant = issuer_.mint(keys_.client_id, mcp_.endpoint(), now);
      const Value auth = oauth_auth(issuer_, keys_, mcp_.endpoint(), grant);
      return platform_.handle(
          platform_request(keys_, "/v1/vaults/" + vault_id + "/credentials",
                           Value::map({{"display_name", "Tracker, billing"}, {"auth", auth}})),
          now);
    }
    case Act::Kind::take_tokens: {
      const auto vault = platform_.vaults().find(vault_id);
      if (vault == platform_.vaults().end()) return {.status = 404};
      const CredentialRecord* newest = nullptr;
      for (const std::string& id : vault->second.credential_ids) {
        const CredentialRecord* one = platform_.credential(id);
        if (one != nullptr && !one->archived_at && one->refresh) newest = one;
      }
      if (newest == nullptr) return {.status = 404};
      intruder_.take_tokens(newest->secret, newest->refresh->refresh_token, now);
      return {.status = 200};
    }
    case Act::Kind::start_session:
      return platform_.handle(
          platform_request(keys_, "/v1/sessions",
                           session_body(incident_.agent_id, incident_.environment_id,
                                        "Queue, again", vault_id)),
          now);
    case Act::Kind::end_grant:
      return {.status = issuer_.end_grant_of(incident_.leaked.refresh_token, now) ? 200 : 404};
  }
  return {.status = 404};
}

LogLine RangeWorld::act(const Act& act, Timestamp now) {
  advance(now);
  now = now_;
  const std::vector<std::string>& idle = incident_.leaked.idle_vault_ids;
  const bool is_idle = act.vault == Act::Vault::idle && !idle.empty();
  const std::string& vault_id = is_idle ? idle.front() : incident_.leaked.vault_id;
  const std::size_t refreshes = intruder_.log().size();
  const Response response = carry_out(act, vault_id, now);
  webhooks_.collect(platform_.events());
  LogLine line{.at = now,
               .who = act.who,
               .host = act.kind == Act::Kind::end_grant ? "issuer" : "platform",
               .method = "POST",
               .path = is_idle ? "idle vault" : "leaked vault",
               .effect = Effect::mutate,
               .status = response.status,
               .note = std::string(to_string(act.kind))};
  // A refresh writes its own line.
  if (act.who == "intruder" && intruder_.log().size() == refreshes) intruder_.note(line);
  if (act.who != "intruder" && log_.size() < kLogLinesMax) log_.push_back(line);
  return line;
}

Response RangeWorld::fail(const Fault& fault, const Request& request, Timestamp now) {
  if (fault.kind == Fault::Kind::status) {
    const std::string id = request_id();
    const Value error =
        Value::map({{"type", error_type(fault.status)}, {"message", "A fault of the range."}});
    Response response =
        json(fault.status, Value::map({{"type", "error"}, {"error", error}, {"request_id", id}}));
    response.headers.emplace_back("request-id", id);
    if (fault.retry_after_s > 0) {
      response.headers.emplace_back("retry-after", fmt::format("{}", fault.retry_after_s));
    }
    return response;
  }
  Response response = fault.handled ? dispatch(request, now) : Response{.status = 0};
  response.line = fault.kind == Fault::Kind::hang ? Response::Line::hangs : Response::Line::resets;
  return response;
}

Response RangeWorld::handle(const Request& request, Timestamp now) {
  advance(now);
  now = now_;
  ++requests_;
  const bool controls = request.host == Host::control;
  const auto fault = controls ? std::nullopt : faults_.take(request, effect_of(request));
  const auto throttled = fault || controls ? std::nullopt : throttle(request, now);
  Response response = fault       ? fail(*fault, request, now)
                      : throttled ? *throttled
                                  : dispatch(request, now);
  webhooks_.collect(platform_.events());
  response.headers.emplace_back(kMarker, "1");
  if (!has_header(response, "request-id")) {
    response.headers.emplace_back("request-id", request_id());
  }
  if (controls) return response;
  response.delay += faults_.latency();
  log(request, "client", to_string(request.host), response, now);
  return response;
}

std::optional<Timestamp> RangeWorld::next_timer() const {
  const auto platform = platform_.next_timer();
  if (!options_.intruder || held_since_) return platform;
  return platform ? std::min(*platform, intruder_.next()) : intruder_.next();
}

void RangeWorld::hold_intruder(bool held, Timestamp now) {
  advance(now);
  if (held == held_since_.has_value()) return;
  if (!held) intruder_.postpone(now - *held_since_);
  held_since_ = held ? std::optional(now) : std::nullopt;
}

void RangeWorld::advance(Timestamp now) {
  for (std::size_t step = 0; step < kStepsPerAdvanceMax; ++step) {
    const auto due = next_timer();
    if (!due || *due > now) break;
    now_ = std::max(now_, *due);
    if (platform_.next_timer() == due) {
      platform_.fire_next();
    } else {
      intruder_.step();
    }
  }
  now_ = std::max(now_, now);
  webhooks_.collect(platform_.events());
}

bool RangeWorld::bystanders_untouched() const {
  for (const std::string& id : incident_.other_vault_ids) {
    const auto vault = platform_.vaults().find(id);
    if (vault == platform_.vaults().end() || vault->second.archived_at) return false;
  }
  for (const std::string& id : incident_.other_credential_ids) {
    const CredentialRecord* credential = platform_.credential(id);
    if (credential == nullptr || credential->archived_at) return false;
  }
  const auto session = platform_.sessions().find(incident_.other_session_id);
  if (session == platform_.sessions().end() || session->second.archived_at) return false;
  const auto deployment = platform_.deployments().find(incident_.other_deployment_id);
  return deployment != platform_.deployments().end() && !deployment->second.archived_at &&
         !deployment->second.paused;
}

Value RangeWorld::truth(Timestamp now) const {
  const Leaked& leaked = incident_.leaked;
  const Issuer::Family family = issuer_.family_of(leaked.refresh_token);
  const auto accepted = [&](const std::string& token) { return mcp_.accepts(token, now); };
  const auto live = [&](const std::string& token) {
    return issuer_.access_token_works(token, now);
  };
  const auto redeemable = [&](const std::string& token) {
    return issuer_.refresh_token_works(token, now);
  };
  const CredentialRecord* credential = platform_.credential(leaked.credential_id);
  const bool held = credential != nullptr && !credential->archived_at;
  const bool refreshes = held && credential->refresh.has_value();

  const auto uses_vault = [&](const std::vector<std::string>& vault_ids) {
    return std::ranges::find(vault_ids, leaked.vault_id) != vault_ids.end();
  };
  ValueList running;
  ValueList not_archived;
  for (const auto& [id, session] : platform_.sessions()) {
    if (session.archived_at || !uses_vault(session.vault_ids)) continue;
    not_archived.emplace_back(id);
    if (session.status() == RunStatus::running) running.emplace_back(id);
  }
  ValueList active;
  for (const auto& [id, deployment] : platform_.deployments()) {
    if (deployment.archived_at || deployment.paused) continue;
    if (uses_vault(deployment.vault_ids)) active.emplace_back(id);
  }
  const std::vector<std::string>& planted = meddling_.planted();
  const auto is_planted = [&planted](const std::string& id) {
    return std::ranges::find(planted, id) != planted.end();
  };
  ValueList planted_active;
  ValueList planted_sessions;
  for (const auto& [id, deployment] : platform_.deployments()) {
    if (is_planted(id) && !deployment.archived_at && !deployment.paused)
      planted_active.emplace_back(id);
  }
  for (const auto& [id, session] : platform_.sessions()) {
    if (!session.archived_at && is_planted(session.deployment_id.value_or("")))
      planted_sessions.emplace_back(id);
  }
  const auto any = [](const std::vector<std::string>& tokens, const auto& works) {
    return std::ranges::any_of(tokens, works);
  };
  ValueMap all = truth_of(poisoning_, platform_);
  all.merge(ValueMap{
      {"at", now},
       {"access_token_works", any(family.access_tokens, accepted)},
       {"leaked_access_token_works", accepted(leaked.access_token)},
       {"access_token_live_at_issuer", any(family.access_tokens, live)},
       {"refresh_token_works", any(family.refresh_tokens, redeemable)},
       {"leaked_refresh_token_works", redeemable(leaked.refresh_token)},
       {"thief_refresh_works", redeemable(intruder_.refresh_token())},
       {"thief_in", options_.intruder && intruder_.is_in()},
       {"thief_has_client_secret", true},
       {"thief_last_success", time_or_null(intruder_.last_success())},
       {"thief_first_failure", time_or_null(intruder_.first_failure())},
       {"credential_archived", !held},
       {"credential_deleted", credential == nullptr},
       {"vault_refreshes", refreshes},
       {"credential_refreshable", refreshes && redeemable(credential->refresh->refresh_token)},
       {"sessions_running", Value(std::move(running))},
       {"sessions_not_archived", Value(std::move(not_archived))},
       {"deployments_active", Value(std::move(active))},
       {"planted_deployments_active", Value(std::move(planted_active))},
       {"planted_sessions_not_archived", Value(std::move(planted_sessions))},
       {"bystanders_untouched", bystanders_untouched()},
       {"crowd", to_value(crowd_)},
       {"profile", profiles_.to_string()}});
  return Value(std::move(all));
}

Response RangeWorld::control_intruder() const {
  return json(200, Value::map({{"intruder", to_value(intruder_.log())},
                               {"in", options_.intruder && intruder_.is_in()},
                               {"last_success", time_or_null(intruder_.last_success())},
                               {"first_failure", time_or_null(intruder_.first_failure())}}));
}

Response RangeWorld::control_events() const {
  ValueList events;
  for (const PlatformEvent& event : platform_.events()) {
    ValueMap map{{"at", event.at}, {"type", event.type}, {"id", event.id}};
    if (!event.vault_id.empty()) map["vault_id"] = event.vault_id;
    events.emplace_back(std::move(map));
  }
  return json(200, Value::map({{"events", Value(std::move(events))}}));
}

Response RangeWorld::control_grant(Timestamp now) {
  const Issuer::Grant grant = issuer_.mint(keys_.client_id, mcp_.endpoint(), now);
  return json(200, Value::map({{"access_token", grant.access_token},
                               {"refresh_token", grant.refresh_token},
                               {"expires_at", grant.expires_at},
                               {"token_endpoint", issuer_.token_endpoint()}}));
}

Response RangeWorld::control_subscribe(const Request& request) {
  const Result<Value> wish = parse_json(request.body);
  const Status done = wish ? webhooks_.subscribe(*wish, platform_.events()) : wish.error();
  if (done) return json(200, Value::map({{"ok", true}, {"secret", keys_.webhook_secret}}));
  return json(400, Value::map({{"error", describe(done.error())}, {"hint", done.error().hint}}));
}

Response RangeWorld::set_faults(const Request& request) {
  const auto refuse = [](const Error& error) {
    return json(400, Value::map({{"error", describe(error)}, {"hint", error.hint}}));
  };
  const Result<Value> wish = parse_json(request.body);
  if (!wish) return refuse(wish.error());
  ProfileSet wanted = profiles_;
  if (const Status added = wanted.add((*wish)["profile_add"].string_or("")); !added) {
    return refuse(added.error());
  }
  if (const Status applied = faults_.apply(*wish); !applied) return refuse(applied.error());
  profiles_ = std::move(wanted);
  return json(200, Value::map({{"ok", true}, {"profile", profiles_.to_string()}}));
}

Response RangeWorld::control(const Request& request, Timestamp now) {
  const std::string path = path_of(request.target);
  if (request.method == "POST") {
    if (path == "/faults") return set_faults(request);
    if (path == "/grants") return control_grant(now);
    if (path == "/grants/end") {
      issuer_.end_all_grants(now);
      return json(200, Value::map({{"ok", true}}));
    }
    if (path == "/webhooks") return control_subscribe(request);
  }
  if (request.method == "GET") {
    if (path == "/truth") return json(200, truth(now));
    if (path == "/log") return json(200, Value::map({{"requests", to_value(log_)}}));
    if (path == "/intruder") return control_intruder();
    if (path == "/events") return control_events();
    if (path == "/webhooks") return json(200, webhooks_.to_value());
  }
  return json(404, Value::map({{"error", "There is no such endpoint."}}));
}

struct ActWord {
  Act::Kind kind;
  std::string_view text;
};
constexpr std::array<ActWord, 5> kActs{{{Act::Kind::refresh, "refresh"},
                                        {Act::Kind::create_credential, "create_credential"},
                                        {Act::Kind::take_tokens, "take_tokens"},
                                        {Act::Kind::start_session, "start_session"},
                                        {Act::Kind::end_grant, "end_grant"}}};

}  // namespace

std::string_view to_string(Act::Kind kind) noexcept {
  return std::ranges::find(kActs, kind, &ActWord::kind)->text;
}

std::optional<Act::Kind> act_kind_from_string(std::string_view text) noexcept {
  const auto found = std::ranges::find(kActs, text, &ActWord::text);
  return found == kActs.end() ? std::nullopt : std::optional(found->kind);
}

Result<std::unique_ptr<World>> World::create(WorldOptions options) {
  const Population& population = options.population;
  if (population.tenants < 0 || population.tenants > kTenantsMax || population.idle_vaults < 0 ||
      population.idle_vaults > kTenantsMax || population.tokens_per_tenant < 1 ||
      population.tokens_per_tenant > kTokensPerTenantMax) {
    return make_error(ErrorCode::invalid,
                      fmt::format("A world holds at most {} vaults of each kind, with 1 to {} "
                                  "credentials each.",
                                  kTenantsMax, kTokensPerTenantMax));
  }
  Result<ProfileSet> profiles = ProfileSet::parse(options.profile);
  if (!profiles) return profiles.error();
  return std::unique_ptr<World>(
      std::make_unique<RangeWorld>(std::move(options), *std::move(profiles)));
}

}  // namespace quell::range
