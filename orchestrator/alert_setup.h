#pragma once

#include <functional>
#include <memory>
#include <string>

#include "orchestrator/alerts/judge.h"
#include "orchestrator/config.h"
#include "orchestrator/playbook_library.h"

namespace quell {

/// Routes that could begin nothing are mistakes, found before anything listens: the playbook, the
/// files' owners, the names of inputs. Error topic "config" names the line.
Status check_routes(const Config& config, const ConnectorSet& connectors);

/// What `digest:` of an armed route has to begin with: SHA-256, in hex, over the playbook, those
/// that it calls, the route as written and what the connections are pinned to (threat T24).
std::string route_digest(const Route& route, const Playbook& playbook,
                         const ConnectorSet& connectors);

/// Every route with what it may do, the digest that arms it and whether it is armed, as
/// `GET /api/v1/hooks/routes` answers and `quell hook routes` tells. A map; an Error where a playbook
/// is not there or does not load.
Result<Value> hook_routes_document(const Config& config, const ConnectorSet& connectors);

/// The judge of `config`'s routes. What it is given outlives it.
std::unique_ptr<AlertJudge> make_judge(const Config& config, const ConnectorSet& connectors,
                                       std::function<std::string(const Secret&)> fingerprint);

}  // namespace quell
