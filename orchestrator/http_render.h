#pragma once

#include <string>
#include <utility>
#include <vector>

#include "orchestrator/http_head.h"
#include "orchestrator/http_server.h"

namespace quell {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// An answer as it goes on the wire. `fixed` comes before the reply's own headers; of both, what
/// could change the framing is left out (HttpReply::headers). HEAD, 204 and 304 get no body (RFC
/// 9110 section 6.4.1).
std::string render_http_reply(const HttpReply& reply, const HttpHeaders& fixed,
                              const std::string& method, bool closes);

/// The head of an answer that follows in chunks (RFC 9112 section 7.1), and one chunk.
std::string render_http_stream_head(const HttpReply& reply, const HttpHeaders& fixed);
std::string render_http_chunk(const std::string& piece);

/// The server's own words for a request that it does not take; closes the connection.
std::string render_http_refusal(const HttpRefusal& refusal, const HttpHeaders& fixed);

}  // namespace quell
