#pragma once

#include <string>

#include "orchestrator/engine/engine.h"
#include "state/base/clock.h"
#include "state/base/random.h"
#include "state/base/result.h"

namespace quell {

/// `quell.disarmed` for `quell.db`: while it is there, changes are switched off. A file, because it
/// has to work with daemon, database and network down (threat model section 7).
std::string kill_switch_path(const std::string& database);

/// What the file says. One that cannot be read switches everything off: somebody wanted it to stop.
KillSwitch read_kill_switch(const std::string& path);

/// Puts the file there, in place of one that may be there already.
Status disarm(const std::string& path, const KillSwitch& how, Timestamp now, Random& random);

/// Takes it away; fine when it is not there.
Status arm(const std::string& path);

}  // namespace quell
