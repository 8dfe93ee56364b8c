#pragma once

#include <string>

#include "orchestrator/range/platform.h"
#include "orchestrator/range/world.h"
#include "state/base/assert.h"
#include "state/base/json.h"

namespace quell::range {

/// Whoever furnishes the world: it calls the platform's own API and knows nothing of its insides.
class Inhabitant {
 public:
  Inhabitant(Platform& platform, const Keys& keys) : platform_(platform), keys_(keys) {}

  /// Creates an object and gives its id.
  std::string create(const std::string& path, const Value& body, Timestamp at) {
    return post(path, to_json(body), at)["id"].as_string();
  }
  /// A call without a body: archive, pause.
  void act(const std::string& path, Timestamp at) { post(path, "", at); }

 private:
  Value post(const std::string& path, std::string body, Timestamp at) {
    const bool is_memory = path.starts_with("/v1/memory_stores");
    Request request{
        .host = Host::platform,
        .method = "POST",
        .target = path,
        .headers = {{"authorization", "Bearer " + keys_.api_key},
                    {"anthropic-version", "2026-10-21"},
                    {"anthropic-beta",
                     is_memory ? "agent-memory-2026-07-22" : "managed-agents-2026-04-01"}},
        .body = std::move(body)};
    if (!request.body.empty()) request.headers.emplace_back("content-type", "application/json");
    const Response response = platform_.handle(request, at);
    QUELL_ASSERT(response.status == 200);
    return *parse_json(response.body);
  }

  Platform& platform_;
  const Keys& keys_;
};

}  // namespace quell::range
