// Admission, routing and timers of the simulated platform; API sheet sections 0.1, 3 and 7.
#include "orchestrator/range/platform.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include <fmt/format.h>

#include "state/base/assert.h"
#include "state/base/bytes.h"
#include "state/base/json.h"

namespace quell::range {
namespace {

constexpr std::string_view kBeta = "managed-agents-2026-04-01";
constexpr std::string_view kMemoryBeta = "agent-memory-2026-07-22";
constexpr std::string_view kMemoryStores = "/v1/memory_stores";
constexpr std::string_view kOrganization = "/v1/organizations/";
constexpr std::array<std::string_view, 2> kVersions = {"2023-06-01", "2026-10-21"};
constexpr std::size_t kIdCharacters = 22;
constexpr std::uint64_t kObjectsMax = 2'000'000;
constexpr std::size_t kPlatformEventsMax = 20'000;
constexpr std::uint64_t kThrottleOneIn = 8;
constexpr std::size_t kQueryNamesMax = 10;

struct Route {
  std::string_view method;
  std::string_view path;  // `*` captures one segment
  Platform::Handler handler;
  std::array<std::string_view, kQueryNamesMax> query{};
};

bool matches(std::string_view pattern, const Call& call, std::vector<std::string>& ids) {
  ids.clear();
  for (const std::string& segment : call.segments) {
    if (!pattern.starts_with('/')) return false;
    pattern.remove_prefix(1);
    const auto slash = pattern.find('/');
    const std::string_view part = pattern.substr(0, slash);
    pattern = slash == std::string_view::npos ? std::string_view{} : pattern.substr(slash);
    if (part == "*" && !segment.empty()) {
      ids.push_back(segment);
    } else if (part != segment) {
      return false;
    }
  }
  return pattern.empty();
}

bool contains_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    std::string_view item = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    if (item == word) return true;
  }
  return false;
}

bool has_beta(const Request& request, std::string_view beta) {
  for (const auto& [name, value] : request.headers) {
    if (name == "anthropic-beta" && contains_word(value, beta)) return true;
  }
  return false;
}

/// Memory stores have a beta value of their own, and having both is refused (API sheet section
/// 0.1).
std::optional<Answer> check_beta(const Request& request) {
  const bool memory = request.target.starts_with(kMemoryStores);
  const std::string_view wanted = memory ? kMemoryBeta : kBeta;
  if (!has_beta(request, wanted)) {
    return bad_request(fmt::format("anthropic-beta: this endpoint needs {}.", wanted));
  }
  if (memory && has_beta(request, kBeta)) {
    return bad_request(fmt::format("anthropic-beta: {} and {} exclude each other.", kBeta, wanted));
  }
  return std::nullopt;
}

}  // namespace

Platform::Platform(const ProfileSet& profiles, const Keys& keys, SeededRandom& random,
                   std::uint64_t seed, Fetch fetch)
    : profiles_(profiles),
      keys_(keys),
      random_(random),
      throttle_random_(~seed),
      fetch_(std::move(fetch)) {
  seed_api_keys();
}

Response Platform::handle(const Request& request, Timestamp now) {
  const std::string request_id = fmt::format("req_011CR{:019d}", ++requests_);
  return to_response(answer(request, now), request_id);
}

std::optional<Answer> Platform::admit(const Request& request) {
  std::string_view key;
  if (const auto bearer = header(request, "authorization");
      bearer && bearer->starts_with("Bearer ")) {
    key = bearer->substr(7);
  } else if (const auto plain = header(request, "x-api-key")) {
    key = *plain;
  }
  const bool is_admin = request.target.starts_with(kOrganization);
  const ApiKeyRecord* const known = is_admin ? nullptr : api_key_of(key);
  if (is_admin ? !equal_constant_time(key, keys_.admin_key)
               : known == nullptr || known->status != "active") {
    return refusal(401, "authentication_error", "The API key is missing or not valid.");
  }
  caller_ = known == nullptr ? std::string() : known->id;
  const auto version = header(request, "anthropic-version");
  if (!version || std::ranges::find(kVersions, *version) == kVersions.end()) {
    return bad_request("anthropic-version: missing or not a version of this API.");
  }
  if (is_admin) return std::nullopt;  // no beta value, and no workspace's limits
  if (auto refused = check_beta(request)) return refused;
  if (open_ && profiles_.has("throttles")) {
    // Never twice running, so that a client that waits as told always gets on.
    throttled_last_ = !throttled_last_ && throttle_random_.below(kThrottleOneIn) == 0;
    if (throttled_last_) {
      Answer refused = refusal(429, "rate_limit_error", "Too many requests.");
      refused.headers.emplace_back("retry-after", "1");
      return refused;
    }
  }
  return std::nullopt;
}

Answer Platform::answer(const Request& request, Timestamp now) {
  using P = Platform;
  static const std::array kRoutes = {
      Route{"POST", "/v1/vaults", &P::create_vault, {}},
      Route{"GET", "/v1/vaults", &P::list_vaults, {"include_archived", "limit", "page"}},
      Route{"GET", "/v1/vaults/*", &P::get_vault, {}},
      Route{"POST", "/v1/vaults/*", &P::update_vault, {}},
      Route{"DELETE", "/v1/vaults/*", &P::delete_vault, {}},
      Route{"POST", "/v1/vaults/*/archive", &P::archive_vault, {}},
      Route{"POST", "/v1/vaults/*/credentials", &P::create_credential, {}},
      Route{"GET",
            "/v1/vaults/*/credentials",
            &P::list_credentials,
            {"include_archived", "limit", "page"}},
      Route{"GET", "/v1/vaults/*/credentials/*", &P::get_credential, {}},
      Route{"POST", "/v1/vaults/*/credentials/*", &P::update_credential, {}},
      Route{"DELETE", "/v1/vaults/*/credentials/*", &P::delete_credential, {}},
      Route{"POST", "/v1/vaults/*/credentials/*/archive", &P::archive_credential, {}},
      Route{"POST", "/v1/vaults/*/credentials/*/mcp_oauth_validate", &P::validate_credential, {}},
      Route{"POST", "/v1/sessions", &P::create_session, {}},
      Route{"GET",
            "/v1/sessions",
            &P::list_sessions,
            {"agent_id", "agent_version", "deployment_id", "memory_store_id", "statuses",
             "created_at", "include_archived", "order", "limit", "page"}},
      Route{"GET", "/v1/sessions/*", &P::get_session, {}},
      Route{"POST", "/v1/sessions/*", &P::update_session, {}},
      Route{"DELETE", "/v1/sessions/*", &P::delete_session, {}},
      Route{"POST", "/v1/sessions/*/archive", &P::archive_session, {}},
      Route{"POST", "/v1/sessions/*/events", &P::send_events, {}},
      Route{"GET",
            "/v1/sessions/*/events",
            &P::list_events,
            {"types", "created_at", "order", "limit", "page"}},
      Route{"GET", "/v1/sessions/*/events/stream", &P::stream_events, {"event_deltas"}},
      Route{"GET", "/v1/sessions/*/threads/*/events", &P::list_thread_events, {"limit", "page"}},
      Route{"GET", "/v1/sessions/*/threads/*/stream", &P::stream_thread, {"event_deltas"}},
      Route{"GET", "/v1/sessions/*/threads", &P::list_threads, {"statuses", "limit", "page"}},
      Route{"GET", "/v1/sessions/*/threads/*", &P::get_thread, {}},
      Route{"POST", "/v1/sessions/*/threads/*/archive", &P::archive_thread, {}},
      Route{"POST", "/v1/agents", &P::create_agent, {}},
      Route{"GET",
            "/v1/agents",
            &P::list_agents,
            {"created_at", "include_archived", "limit", "page"}},
      Route{"GET", "/v1/agents/*", &P::get_agent, {"version"}},
      Route{"POST", "/v1/agents/*/archive", &P::archive_agent, {}},
      Route{"POST", "/v1/environments", &P::create_environment, {}},
      Route{
          "GET", "/v1/environments", &P::list_environments, {"include_archived", "limit", "page"}},
      Route{"GET", "/v1/environments/*", &P::get_environment, {}},
      Route{"POST", "/v1/environments/*/archive", &P::archive_environment, {}},
      Route{"POST", "/v1/deployments", &P::create_deployment, {}},
      Route{"GET",
            "/v1/deployments",
            &P::list_deployments,
            {"agent_id", "created_at", "status", "include_archived", "limit", "page"}},
      Route{"GET", "/v1/deployments/*", &P::get_deployment, {}},
      Route{"POST", "/v1/deployments/*", &P::update_deployment, {}},
      Route{"POST", "/v1/deployments/*/archive", &P::archive_deployment, {}},
      Route{"POST", "/v1/deployments/*/pause", &P::pause_deployment, {}},
      Route{"POST", "/v1/deployments/*/unpause", &P::unpause_deployment, {}},
      Route{"POST", "/v1/deployments/*/run", &P::run_deployment, {}},
      Route{"GET",
            "/v1/deployment_runs",
            &P::list_runs,
            {"deployment_id", "has_error", "trigger_type", "created_at", "limit", "page"}},
      Route{"GET", "/v1/deployment_runs/*", &P::get_run, {}},
      Route{"GET",
            "/v1/organizations/api_keys",
            &P::list_api_keys,
            {"status", "workspace_id", "created_by_user_id", "limit", "after_id", "before_id"}},
      Route{"GET", "/v1/organizations/api_keys/*", &P::get_api_key, {}},
      Route{"POST", "/v1/organizations/api_keys/*", &P::update_api_key, {}},
      Route{"POST", "/v1/memory_stores", &P::create_store, {}},
      Route{"GET",
            "/v1/memory_stores",
            &P::list_stores,
            {"created_at", "include_archived", "limit", "page"}},
      Route{"GET", "/v1/memory_stores/*", &P::get_store, {}},
      Route{"POST", "/v1/memory_stores/*", &P::update_store, {}},
      Route{"DELETE", "/v1/memory_stores/*", &P::delete_store, {}},
      Route{"POST", "/v1/memory_stores/*/archive", &P::archive_store, {}},
      Route{"POST", "/v1/memory_stores/*/memories", &P::create_memory, {"view"}},
      Route{"GET",
            "/v1/memory_stores/*/memories",
            &P::list_memories,
            {"path_prefix", "depth", "view", "limit", "page"}},
      Route{"GET", "/v1/memory_stores/*/memories/*", &P::get_memory, {"view"}},
      Route{"POST", "/v1/memory_stores/*/memories/*", &P::update_memory, {"view"}},
      Route{"DELETE",
            "/v1/memory_stores/*/memories/*",
            &P::delete_memory,
            {"expected_content_sha256"}},
      Route{"GET",
            "/v1/memory_stores/*/memory_versions",
            &P::list_versions,
            {"memory_id", "operation", "session_id", "api_key_id", "service_account_id",
             "created_at", "view", "limit", "page"}},
      Route{"GET", "/v1/memory_stores/*/memory_versions/*", &P::get_version, {"view"}},
      Route{"POST", "/v1/memory_stores/*/memory_versions/*/redact", &P::redact_version, {}},
  };

  if (auto refused = admit(request)) return *std::move(refused);
  Call call = parse_call(request, now);
  for (const Route& route : kRoutes) {
    if (route.method != call.method || !matches(route.path, call, call.ids)) continue;
    if (auto refused = check_query(call, route.query)) return *std::move(refused);
    if (!request.body.empty()) {
      const auto type = header(request, "content-type");
      if (type && !type->starts_with("application/json")) {
        return bad_request("content-type: must be application/json.");
      }
      const Result<Value> body = parse_json(request.body);
      if (!body) return bad_request("The body is not valid JSON.");
      call.body = *body;
    }
    if (call.method == "POST" && seq_ >= kObjectsMax) {
      return refusal(529, "overloaded_error", "The range is full.");
    }
    return (this->*route.handler)(call);
  }
  return refusal(404, "not_found_error", "There is no such endpoint.");
}

std::string Platform::make_id(std::string_view prefix) {
  constexpr std::string_view kAlphabet =
      "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
  std::array<std::byte, kIdCharacters> raw{};
  random_.fill(raw);
  std::string id = fmt::format("{}01", prefix);
  for (const std::byte byte : raw) {
    id.push_back(kAlphabet[std::to_integer<std::size_t>(byte) % kAlphabet.size()]);
  }
  return id;
}

std::optional<Answer> Platform::archive_again(std::string_view what) const {
  if (!profiles_.has("archive_again_400")) return std::nullopt;
  return bad_request(fmt::format("The {} is already archived.", what));
}

void Platform::tell(Timestamp at, std::string_view type, std::string_view id,
                    std::string_view vault_id) {
  if (events_.size() >= kPlatformEventsMax) events_.pop_front();
  events_.push_back(
      {++events_told_, at, std::string(type), std::string(id), std::string(vault_id)});
}

void Platform::set_timer(Timestamp due, Timer timer) {
  timers_.emplace(std::pair(due, ++timer_seq_), std::move(timer));
}

std::optional<Timestamp> Platform::next_timer() const {
  if (timers_.empty()) return std::nullopt;
  return timers_.begin()->first.first;
}

void Platform::fire_next() {
  QUELL_ASSERT(!timers_.empty());
  const auto node = timers_.extract(timers_.begin());
  const Timestamp now = node.key().first;
  const Timer& timer = node.mapped();
  switch (timer.kind) {
    case Timer::Kind::refresh:
      return refresh_in_background(timer.id, now);
    case Timer::Kind::deployment:
      return run_scheduled(timer.id, now);
    case Timer::Kind::session_use:
    case Timer::Kind::session_memory:
    case Timer::Kind::session_done:
    case Timer::Kind::session_restart:
    case Timer::Kind::interrupt:
      break;
  }
  const auto found = sessions_.find(timer.id);
  if (found == sessions_.end() || found->second.archived_at) return;
  SessionRecord& session = found->second;
  switch (timer.kind) {
    case Timer::Kind::session_use:
      return use_mcp(session, now);
    case Timer::Kind::session_memory:
      return remember_again(session, now);
    case Timer::Kind::session_done:
      if (now >= session.work_until) stop_work(session, {}, now);
      return;
    case Timer::Kind::session_restart:
      return restart(session, now);
    case Timer::Kind::interrupt:
      return finish_interrupt(session, timer.detail, now);
    case Timer::Kind::refresh:
    case Timer::Kind::deployment:
      return;
  }
}

const CredentialRecord* Platform::credential(std::string_view id) const {
  const auto found = credentials_.find(id);
  return found == credentials_.end() ? nullptr : &found->second;
}

}  // namespace quell::range
