#pragma once

#include "connectors/action.h"
#include "orchestrator/engine/decisions.h"
#include "state/base/value.h"

namespace quell {

// What decisions write into the bodies of their entries.

/// A look at an unknown outcome is made so often before a person is asked.
inline constexpr int kLooksOnUnknownMax = 5;

Value error_value(const Error& error);
void add_traffic(ValueMap& body, const Traffic& traffic);
Value texts_value(const std::vector<std::string>& texts);
Value doubts_value(const std::vector<Doubt>& doubts);
std::vector<Doubt> doubts_of(const Value& list);

}  // namespace quell
