#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/secret_text.h"
#include "state/base/clock.h"
#include "state/base/json.h"
#include "state/base/result.h"
#include "state/base/value.h"
#include "state/model/vocabulary.h"

namespace quell {

struct HttpHeader {
  std::string name{};  // as sent; compared without case
  SecretText value{};
};

/// How far an origin is trusted: a configured platform, or a host that a record or metadata named.
enum class Trust : std::uint8_t {
  configured,  // HTTP/2 allowed, 30 s
  untrusted,   // HTTP/1.1, 256 KiB, 10 s (threat T14)
};

struct HttpRequest {
  std::string method = "GET";
  std::string url{};
  std::vector<HttpHeader> headers{};
  SecretText body{};
  Effect effect = Effect::read;  // what this request does, checked by the effect guard
  Trust trust = Trust::configured;
  Duration timeout{15'000};
  std::size_t body_bytes_max = 4U << 20;
  /// Ids and URLs of what a change hits, as read right before it: checked against the protected
  /// list when it is sent. What stands in the URL and in the parameters need not be repeated.
  std::vector<std::string> touches{};
  /// Stop reading at the first complete SSE `data:` line (MCP probe), and call that the body.
  bool first_event_only = false;
};

struct HttpResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers{};  // names in lower case, in order
  std::string body{};
  bool from_loopback = false;  // by the connected address
  /// Where several asked the same and share this answer: its body as JSON, once one has read it.
  std::shared_ptr<std::optional<Value>> parsed{};

  HttpResponse() = default;
  HttpResponse(int status_code, std::string content)
      : status(status_code), body(std::move(content)) {}
  HttpResponse(HttpResponse&&) noexcept = default;
  HttpResponse& operator=(HttpResponse&&) noexcept = default;
  HttpResponse(const HttpResponse&) = default;
  HttpResponse& operator=(const HttpResponse&) = default;
  ~HttpResponse();  // wipes the body: it may hold tokens

  /// First value of `name` (lower case), or empty.
  std::string_view header(std::string_view name) const noexcept;
  std::vector<std::string_view> header_all(std::string_view name) const;
};

/// The body as JSON under `limits`; read once for all who share the answer.
Result<Value> parse_body(const HttpResponse& response, const JsonLimits& limits);

/// Names one exchange between start() and its completion.
using Ticket = std::uint64_t;

struct Completion {
  Ticket ticket = 0;
  /// The answer, or what broke: `transient` when nothing left, `unknown` when the request may have
  /// left, `invalid` when a limit or the egress policy refused it.
  Result<HttpResponse> answer;
};

/// The seam to the network. One thread owns it.
class HttpTransport {
 public:
  virtual ~HttpTransport() = default;
  /// Begins an exchange; never blocks. Exactly one completion follows.
  virtual void start(Ticket ticket, HttpRequest request) = 0;
  /// Finished exchanges; waits until there is one, wake() was called, or the clock shows `until`.
  virtual std::vector<Completion> poll(Timestamp until) = 0;
  /// Ends a waiting poll(); the only member that any thread may call.
  virtual void wake() = 0;
};

}  // namespace quell
