#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "orchestrator/range/world.h"
#include "state/base/json.h"

namespace quell::range {

struct Reply {
  int status = 0;
  Value body{};
  Response raw{};

  std::string header(std::string_view name) const {
    for (const auto& [key, value] : raw.headers) {
      if (key == name) return value;
    }
    return "";
  }
  std::string id() const { return body["id"].string_or(""); }
  std::string error_type() const { return body["error"]["type"].string_or(""); }
};

inline WorldOptions test_options(std::string profile = "", std::uint64_t seed = 7) {
  return {.seed = seed,
          .profile = std::move(profile),
          .start = *parse_rfc3339("2031-03-04T05:06:07Z"),
          .platform_url = "http://platform.range.test",
          .issuer_url = "http://issuer.range.test",
          .mcp_url = "http://mcp.range.test",
          .control_url = "http://control.range.test"};
}

/// A world and one client of it whose clock moves only by `wait`.
class WorldClient {
 public:
  explicit WorldClient(std::string profile = "", bool intruder = false, std::uint64_t seed = 7) {
    WorldOptions options = test_options(std::move(profile), seed);
    options.intruder = intruder;
    now = options.start;
    Result<std::unique_ptr<World>> made = World::create(std::move(options));
    REQUIRE(made);
    world = *std::move(made);
  }

  Reply send(Request request) {
    Reply reply{.raw = world->handle(request, now)};
    reply.status = reply.raw.status;
    if (const Result<Value> body = parse_json(reply.raw.body)) reply.body = *body;
    return reply;
  }
  Request request(std::string_view method, std::string_view target, std::string_view body = "") {
    return {.host = Host::platform,
            .method = std::string(method),
            .target = std::string(target),
            .headers = {{"authorization", "Bearer " + world->keys().api_key},
                        {"anthropic-version", "2026-10-21"},
                        {"anthropic-beta", "managed-agents-2026-04-01"}},
            .body = std::string(body)};
  }
  Reply get(std::string_view target) { return send(request("GET", target)); }
  Reply post(std::string_view target, std::string_view body = "") {
    return send(request("POST", target, body));
  }
  Reply erase(std::string_view target) { return send(request("DELETE", target)); }
  Reply control(std::string_view method, std::string_view target, std::string_view body = "") {
    return send({.host = Host::control,
                 .method = std::string(method),
                 .target = std::string(target),
                 .body = std::string(body)});
  }

  void wait(Duration by) {
    now += by;
    world->advance(now);
  }
  Value truth() { return world->truth(now); }

  std::string vault() const { return "/v1/vaults/" + world->leaked().vault_id; }
  std::string credential() const {
    return vault() + "/credentials/" + world->leaked().credential_id;
  }
  /// Ids of sessions that are in `status`, oldest first.
  std::vector<std::string> sessions(std::string_view status) {
    std::vector<std::string> ids;
    const Reply list = get("/v1/sessions?order=asc&limit=100&statuses[]=" + std::string(status));
    for (const Value& one : list.body["data"].list_or_empty()) {
      ids.push_back(one["id"].string_or(""));
    }
    return ids;
  }
  std::string deployment(std::string_view name) {
    const Reply list = get("/v1/deployments?limit=100");
    for (const Value& one : list.body["data"].list_or_empty()) {
      if (one["name"].string_or("") == name) return "/v1/deployments/" + one["id"].string_or("");
    }
    return "";
  }

  std::unique_ptr<World> world;
  Timestamp now{};
};

inline std::vector<std::string> keys_of(const Value& object) {
  std::vector<std::string> keys;
  if (!object.is_map()) return keys;
  for (const auto& [key, value] : object.as_map()) keys.push_back(key);
  return keys;
}

inline std::size_t count_of(const std::vector<LogLine>& log, std::string_view who,
                            std::string_view host, std::string_view path) {
  std::size_t count = 0;
  for (const LogLine& line : log) {
    if (line.who == who && line.host == host && line.path == path) ++count;
  }
  return count;
}

}  // namespace quell::range
