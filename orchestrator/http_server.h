#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "orchestrator/http_tls.h"
#include "state/base/clock.h"
#include "state/base/result.h"

namespace quell {

/// One request whose framing was checked and whose body is complete.
struct HttpCall {
  std::string method{};
  std::string target{};                                        // path and query, undecoded
  std::vector<std::pair<std::string, std::string>> headers{};  // names in lower case, in order
  std::string body{};
  std::string remote_address{};  // "unix" on a Unix socket
  /// Over TLS with a certificate of an authority in HttpTlsFiles::client_ca_file.
  bool client_verified = false;

  /// First value of `name` (lower case), or empty.
  std::string_view header(std::string_view name) const noexcept;
};

struct HttpReply {
  int status = 200;
  /// Values with line breaks or control characters are dropped, and so are Connection, Keep-Alive,
  /// Content-Length and Transfer-Encoding: framing is the server's.
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
  Duration delay{0};  // real time between handling and answering; stop() ends it
  /// For an answer without an end of its own: called again and again for the next piece, which is
  /// sent at once; an empty piece sends nothing, none ends the answer. It should return within a
  /// second or so, for only between two calls the server sees that the caller left or that it is
  /// stopped itself. `body` does not count then. Called on a thread of the stream's own.
  std::function<std::optional<std::string>()> more{};
  enum class Line : std::uint8_t {
    answers,
    hangs,   // no answer until the caller leaves or `answer_deadline` passes
    resets,  // the connection is cut without an answer
  } line = Line::answers;
};

struct HttpServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;     // 0: any free one
  std::string unix_socket{};  // path; then host and port do not count
  /// A socket that listens already (socket activation), owned from bind() on; then none of the
  /// three above counts.
  std::optional<int> listen_fd{};
  std::optional<HttpTlsFiles> tls{};
  std::size_t head_bytes_max = 16U << 10U;  // request line and headers
  std::size_t head_lines_max = 100;
  std::size_t body_bytes_max = 1U << 20U;
  Duration head_deadline{3'000};      // from the first byte, TLS's included, to the empty line
  Duration request_deadline{10'000};  // from the first byte to the last of the body
  Duration answer_deadline{30'000};   // for writing one answer, and for one that hangs
  /// Open at once. For one more, the connection is closed that has been longest without a complete
  /// request; if each has one in hand, the new one is answered 503.
  std::size_t connections_max = 1'024;
  /// What all of them together may hold of requests, at least one of the largest. Beyond, the
  /// largest unfinished request is answered 503.
  std::size_t held_bytes_max = 16U << 20U;
  std::size_t workers_max = 16;  // threads that call the handler, made when needed
  std::size_t streams_max = 64;  // answers with `more`, a thread each; the next one becomes a 503
  int niceness = 0;  // of these threads (setpriority(2)); above 0 they give way to others
  bool keep_alive = false;
  Duration idle_max{15'000};  // between two requests of one connection
  std::size_t requests_per_connection_max = 10'000;
  /// Sent with every answer, refusals included; constants of ours.
  std::vector<std::pair<std::string, std::string>> fixed_headers{};
};

/// Called from several threads at once; an exception becomes a 500 without its text.
using HttpHandler = std::function<HttpReply(const HttpCall&)>;

/// The HTTP/1.1 server at the edge (RFC 9112). One thread accepts, shakes hands, reads and writes
/// for all connections and never waits for one of them, so that a slow or silent caller costs less
/// than a kilobyte (15 with TLS) and no thread; a handler is called only with a request that is
/// there in full and passed every check. Refused outright: Transfer-Encoding (411),
/// Content-Encoding (415), Range (416), Expect and Upgrade (417), a Host header that is not there
/// exactly once, doubled or odd Content-Length, bare line feeds, folded lines, control bytes, a
/// body on GET or HEAD (400).
///
/// What passed goes through cpp-httplib 0.11.4, which calls the handler and frames the answer
/// (http_dispatch.h).
///
/// Destroying the server stops it.
class HttpServer {
 public:
  /// Listens; nothing is accepted before serve(). Error topic "listen", or "state" for the mode of
  /// a key file. A Unix socket gets mode 0600; one that nobody serves any more is replaced.
  static Result<std::unique_ptr<HttpServer>> bind(HttpServerOptions options);
  /// bind() and serve().
  static Result<std::unique_ptr<HttpServer>> start(HttpServerOptions options, HttpHandler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Begins to accept; once.
  Status serve(HttpHandler handler);
  /// Reads the files of `tls` anew, for connections from now on; from any thread. When one is bad
  /// the old ones stay in use, and the Error says so.
  Status reload_tls();
  /// Closes the listener, cuts what is being read, delayed or hung, and joins every thread; a
  /// handler that runs is waited for. May be called twice.
  void stop();

  std::uint16_t port() const noexcept;  // 0 on a Unix socket
  /// Connections open now.
  std::size_t connections() const noexcept;

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace quell
