#pragma once

#include <functional>
#include <vector>

#include "orchestrator/access/access_store.h"
#include "orchestrator/access/password_queue.h"
#include "orchestrator/api/api_route.h"

namespace quell {

/// People, tokens and sessions, for admins. `changed` is told in words what was changed, by whom
/// and for whom, after it was; any thread. What they are given outlives the routes.
std::vector<ApiRoute> access_routes(
    AccessStore& store, PasswordQueue& passwords,
    std::function<void(const Actor& by, const std::string& what, const std::string& whom)> changed);

/// Rows of `quell user list --json` and `quell token list --json`.
Value account_document(const Account& account);
Value token_document(const TokenRow& token);
Value session_document(const SessionRow& session);

}  // namespace quell
