#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/http_transport.h"
#include "orchestrator/engine/engine.h"
#include "orchestrator/report/run_document.h"

namespace quell {

/// A dry run that leaves no trace: reads alone, nothing journalled, and what it would send gathered
/// into a plan.
struct Rehearsal {
  RunState state{};
  Plan plan{};
  Duration took{};
};

/// With whom and how one is made; what it names outlives the call.
struct RehearsalParts {
  const Clock& clock;
  HttpTransport& transport;
  const ConnectorSet& connectors;
  std::map<std::string, OriginLimits, std::less<>> limits{};
  std::string who{};
  std::function<bool()> should_stop{};  // asked about once a second; then Error topic "stopped"
};

Result<Rehearsal> rehearse(const RehearsalParts& parts, std::shared_ptr<const Playbook> playbook,
                           Value inputs);

/// Why a rehearsal ended without a plan: the error that a step failed with.
std::optional<Error> failure_of(const Rehearsal& rehearsal);

}  // namespace quell
