#pragma once

#include <string_view>

#include "connectors/action.h"
#include "connectors/connector.h"
#include "connectors/http_transport.h"
#include "state/base/result.h"
#include "state/model/vocabulary.h"

namespace quell {

/// What a run's mode lets through.
struct GuardMode {
  bool dry_run = false;
  bool probes = true;      // false: a rehearsal that sends reads alone
  bool look_only = false;  // the unknown-outcome look: reads alone
};

/// Refuses what the action's declared effect does not allow: a read action may send GET or HEAD
/// only; any other method needs a declared request template that fits method and URL, with at most
/// that template's effect. So a connector bug cannot mutate in a dry run. A connection whose
/// actions somebody declared (connectors/declared_connection.h) reaches its own origin alone, and a
/// rehearsal sends no more than its GETs and the POSTs that the configuration itself asserts
/// (threat T25). Pure. `params` are the action's own, secrets replaced.
Status guard(const HttpRequest& request, const ActionSpec& action, const Connector& connector,
             const Value& params, GuardMode mode);

/// True when `url` fits `pattern`: `{base}` at its start is `base`, `{metadata:...}` any URL (its
/// secrets are bound to origins besides), a pattern that is only `{name}` that parameter's whole
/// URL, and any other `{name}` one path segment.
bool fits_template(std::string_view url, std::string_view pattern, std::string_view base,
                   const Value& params);

}  // namespace quell
