#pragma once

#include <functional>
#include <memory>
#include <string>

#include "orchestrator/http_render.h"
#include "orchestrator/http_server.h"

namespace quell {

/// What became of a call: the answer that its handler gave, and its bytes for the wire unless it is
/// a stream or no answer at all.
struct HttpDispatched {
  HttpReply reply{};
  std::string bytes{};
};

/// cpp-httplib 0.11.4 between a request that was read and checked here and its handler: it calls
/// the handler, turns an exception into a 500 without its text, and frames the answer. It never
/// sees a socket nor a byte from a stranger: its own reader bounds neither head, chunked body nor
/// time, and keeps a thread for each connection.
class HttpDispatch {
 public:
  /// `fixed` is sent with every answer.
  explicit HttpDispatch(HttpHeaders fixed);
  ~HttpDispatch();
  HttpDispatch(const HttpDispatch&) = delete;
  HttpDispatch& operator=(const HttpDispatch&) = delete;

  /// From any thread, several at once. `closes`: the connection ends with this answer.
  HttpDispatched answer(const HttpCall& call, const HttpHandler& handler, bool closes) const;

 private:
  class Library;
  std::unique_ptr<Library> library_;
};

}  // namespace quell
