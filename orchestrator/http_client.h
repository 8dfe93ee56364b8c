#pragma once

#include <string>

#include "orchestrator/http_server.h"

namespace quell {

/// One request to a server of ours on the Unix socket `path`, at most 15 s and 4 MiB. Error topic
/// "state" when nobody listens there (`transient`: nothing was sent); `unknown` when the request
/// may have arrived.
Result<HttpReply> call_unix_socket(const std::string& path, const std::string& method,
                                   const std::string& target, const std::string& body);

}  // namespace quell
