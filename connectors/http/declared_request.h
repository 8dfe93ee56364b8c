#pragma once

#include <string>

#include "connectors/http/declaration.h"
#include "connectors/http/http_connector.h"
#include "connectors/http_transport.h"
#include "state/base/result.h"
#include "state/base/value.h"

namespace quell {

/// The request that `action` comes to with `params`: inputs stand in the path as a percent-encoded
/// segment each, in query and form form-encoded, in JSON escaped; secrets stand in the body or as
/// Bearer, bound to the origin of the base URL. Error `invalid`, topic "bad-input": a value that
/// its place cannot hold (an empty or a dot segment, a control character, none of an enum's words),
/// or a URL past 4096 bytes.
Result<HttpRequest> declared_request(const HttpConfig& config, const DeclaredAction& action,
                                     const Value& params);

}  // namespace quell
