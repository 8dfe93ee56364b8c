#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "orchestrator/http_server.h"
#include "state/base/secret.h"

namespace quell {

/// A request to a server of ours; its body, where there is one, is JSON.
struct HttpQuestion {
  std::string method{};
  std::string target{};
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
  /// Takes the body of a 200 as it comes, however long it is; false ends the call. The answer may
  /// then be ten minutes in the making.
  std::function<bool(std::string_view)> take{};
};

/// One request on the Unix socket `path`, at most 15 s and 64 MiB. Error topic "state" when nobody
/// listens there (`transient`: nothing was sent); `unknown` when the request may have arrived.
Result<HttpReply> call_unix_socket(const std::string& path, const HttpQuestion& question);

/// One request to the quell at `origin` (`https://host:port`, its certificate checked against the
/// system's authorities) with an API token; bounds and errors as above, topic "server".
Result<HttpReply> call_origin(const std::string& origin, const Secret& token,
                              const HttpQuestion& question);

}  // namespace quell
