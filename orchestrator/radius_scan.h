#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/playbook_library.h"
#include "orchestrator/rehearsal.h"
#include "orchestrator/report/radius_graph.h"
#include "state/base/clock.h"
#include "state/base/result.h"

namespace quell {

/// A blast radius outside a run is a playbook of one read, rehearsed like any other: guard, pace and
/// bounds are those of every run, and nothing is journalled.

/// The inputs of that playbook, by name: where to start. A word is an id, told by its prefix (API
/// sheet 0.1), or the URL of an MCP server. `since`: RFC 3339, seconds optional, or a duration before
/// `now` (`36h`); empty: none. Error topic "bad-input" for a word that could be anything.
Result<std::map<std::string, std::string>> radius_texts(const std::vector<std::string>& words,
                                                        std::string_view since, Timestamp now);

/// That playbook, for `connection`. Its id is no id that a file can have.
PlaybookFile radius_playbook(std::string_view connection);
inline constexpr std::string_view kRadiusId = "blast-radius";

/// The connection that a blast radius asks: `wanted`, or the only one of its kind. Errors topic
/// "config".
Result<std::string> radius_connection(const ConnectorSet& connectors, std::string_view wanted);

/// What the finished rehearsal saw.
Radius radius_of(const Rehearsal& rehearsal);

/// The document of `quell radius --json`: what was asked, when, at what cost, and every output.
Value radius_document(const Radius& radius, const Rehearsal& rehearsal);

}  // namespace quell
