#pragma once

#include <string_view>
#include <vector>

#include "orchestrator/notify/delivery.h"
#include "state/base/random.h"
#include "state/base/value.h"

namespace quell {

/// Who is told of runs, as `GET /api/v1/notify` and `quell notify list` tell: name, kind, events,
/// whether it is told everything, and where it is set; no URL and no secret. A map.
Value destinations_document(const std::vector<Destination>& destinations);

/// Sends a test notice to each of `destinations`, or to `name` alone unless that is empty, and waits
/// 12 s at most: `{"destinations": [{name, ok, outcome, setting}]}`. Nothing is retried. Error topic
/// "config" when nobody is to be told.
Result<Value> send_test_notices(const std::vector<Destination>& destinations,
                                std::string_view name, HttpTransport& transport,
                                const Clock& clock, Random& random);

}  // namespace quell
