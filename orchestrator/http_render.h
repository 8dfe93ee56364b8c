#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "orchestrator/http_head.h"
#include "orchestrator/http_server.h"

namespace quell {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// Calls `take(name, value)` for each header that an answer carries: `fixed` before the reply's
/// own, and of both nothing that could change the framing (HttpReply::headers).
void each_http_header(const HttpReply& reply, const HttpHeaders& fixed,
                      const std::function<void(const std::string&, const std::string&)>& take);

/// The head of an answer that follows in chunks (RFC 9112 section 7.1), and one chunk.
std::string render_http_stream_head(const HttpReply& reply, const HttpHeaders& fixed);
std::string render_http_chunk(const std::string& piece);

/// The server's own words for a request that it does not take; closes the connection.
std::string render_http_refusal(const HttpRefusal& refusal, const HttpHeaders& fixed);

}  // namespace quell
