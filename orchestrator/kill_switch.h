#pragma once

#include <string>
#include <vector>

#include "orchestrator/api/api_route.h"
#include "orchestrator/api/engine_door.h"
#include "orchestrator/engine/engine.h"
#include "state/base/clock.h"
#include "state/base/random.h"
#include "state/base/result.h"

namespace quell {

/// `quell.disarmed` for `quell.db`: while it is there, changes are switched off. A file, because it
/// has to work with daemon, database and network down (threat model section 7). Whoever takes it
/// away again leaves their name and reason in `quell.armed` beside it.
std::string kill_switch_path(const std::string& database);

/// What the file says. One that cannot be read switches everything off: somebody wanted it to stop.
KillSwitch read_kill_switch(const std::string& path);

/// Puts the file there, in place of one that may be there already. Off for people's runs stays so.
/// Gives what the file now says.
Result<KillSwitch> disarm(const std::string& path, KillSwitch how, Timestamp now, Random& random);

/// Takes it away in the name of `how`, with its reason; fine when it is not there. Gives what it
/// said.
Result<KillSwitch> arm(const std::string& path, const KillSwitch& how, Timestamp now,
                       Random& random);

/// Whether `how` may switch changes on again that `now` switches off: with a reason, and in strict
/// separation by an approver who is not the one who disarmed.
Status may_arm(const KillSwitch& now, const KillSwitch& how, const Policy& policy);

/// `/api/v1/kill-switch`. What it is given outlives the routes.
std::vector<ApiRoute> kill_switch_routes(EngineDoor& door, const Engine& engine,
                                         const std::string& database, const Clock& clock,
                                         Random& random);

}  // namespace quell
