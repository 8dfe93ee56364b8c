#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "connectors/http_transport.h"
#include "orchestrator/alerts/source.h"
#include "state/base/result.h"

namespace quell {

/// A delivery as the sender of a source would make it.
struct SampleDelivery {
  std::vector<HttpHeader> headers{};
  std::string body{};
};

/// `body` as the sender of `source` would deliver it at `now`, under `id` where its kind has ids.
/// Its secret goes to `origin` alone. Error topic "hook" where only the sender can make one.
Result<SampleDelivery> sign_delivery(const AlertSource& source, std::string_view id, Timestamp now,
                                     const std::string& origin, std::string body);

/// A test message of `source`, authentic at `now`; `id` makes it one of its own. In the form that
/// its sender gives to tests, where there is one. As sign_delivery() otherwise.
Result<SampleDelivery> sample_delivery(const AlertSource& source, std::string_view id,
                                       Timestamp now, const std::string& origin);

}  // namespace quell
