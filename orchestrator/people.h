#pragma once

#include <string>

#include "orchestrator/access/access_store.h"
#include "orchestrator/engine/policy.h"

namespace quell {

/// The database of people, tokens and sessions: beside the journal's.
std::string access_database(const std::string& database);

/// Adds the people of `store` to the users of `policy`, which the configuration named; with the
/// first person, separation is strict. A name that both know has the configuration's roles.
Status add_people(Policy& policy, AccessStore& store);

/// The same out of the access database beside `database`; without one nobody is added.
Status add_people_beside(Policy& policy, const std::string& database, const Clock& clock,
                         Random& random);

}  // namespace quell
