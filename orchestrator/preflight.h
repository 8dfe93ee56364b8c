#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "connectors/http_transport.h"
#include "orchestrator/config.h"
#include "orchestrator/report/preflight.h"
#include "state/base/clock.h"
#include "state/base/random.h"

namespace quell {

/// With what a preflight is made; all of it outlives the call.
struct PreflightParts {
  const Clock& clock;
  HttpTransport& transport;
  const ConnectorSet& connectors;
  const Config& config;
  std::string connection{};  // of kind managed_agents; empty: the first of the configuration
  std::string who{};
  std::map<std::string, Timestamp, std::less<>> drills{};  // last passed one, by playbook
  std::vector<std::string> not_established{};
  std::function<bool()> should_stop{};  // asked about once a second; then Error topic "stopped"
};

/// Reads everything that the key sees and the metadata of every issuer behind it, as the dry run of
/// a playbook of its own: the guard of dry runs lets nothing but reads leave, and discovery sends
/// no token. Gives the document of judge_preflight().
Result<Value> make_preflight(const PreflightParts& parts);

/// Keys that lie in the state's folder, where whoever steals the state has them too, or beside the
/// configuration. Opens nothing.
std::vector<KeyFinding> misplaced_keys(const Config& config);

}  // namespace quell
