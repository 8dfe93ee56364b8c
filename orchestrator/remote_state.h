#pragma once

#include <string>
#include <vector>

#include "orchestrator/api/api_route.h"
#include "orchestrator/api_client.h"
#include "orchestrator/engine/run_state.h"
#include "state/journal.h"

namespace quell {

/// The journal of another quell, read page by page through `/api/v1/journal/entries`. It believes
/// the server, which has checked the chain; it cannot be written.
class RemoteJournal final : public Journal {
 public:
  explicit RemoteJournal(ApiClient client) : client_(std::move(client)) {}

  Result<Tip> append(std::span<const Entry> entries) override;
  Status read(std::uint64_t after, const std::function<Status(const StoredEntry&)>& visit) override;
  Status read_some(std::uint64_t after, const std::function<bool(const EntryLabel&)>& wants,
                   const std::function<Status(const StoredEntry&)>& visit) override;
  Result<Tip> tip() override;
  Result<std::string> sign_head() override;

 private:
  ApiClient client_;
};

/// `/api/v1/connections`: what the next function asks a server for.
std::vector<ApiRoute> connection_routes(const ConnectorSet& connectors);

/// Connectors that declare what those of the server do, but reach nothing: the vendors' made from
/// what its connections are pinned to, people's own as the server tells of them. `random` outlives
/// them.
Result<ConnectorSet> remote_connectors(const ApiClient& client, Random& random);

}  // namespace quell
