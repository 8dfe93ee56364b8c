#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/http_transport.h"
#include "connectors/oauth/config.h"
#include "connectors/oauth/oauth_connector.h"
#include "state/base/clock.h"
#include "state/base/random.h"
#include "state/base/result.h"
#include "state/base/value.h"

namespace quell::test {

/// A request as a server would have read it.
struct Seen {
  std::string method{};
  std::string url{};
  std::map<std::string, std::string> headers{};  // names in lower case
  std::string body{};
  Effect effect = Effect::read;
  Trust trust = Trust::configured;

  std::string header(const std::string& name) const;
  /// The decoded form parameter `name`, or "(absent)".
  std::string form(const std::string& name) const;
  /// Does `text` stand anywhere in it?
  bool mentions(std::string_view text) const;
};

/// The outside world of one test: replies by method and URL, and a log of everything that came. As
/// the transport does, it refuses a secret bound to other origins, and 404 is the answer of every
/// place that nobody furnished.
class Web {
 public:
  using Reply = std::function<Result<HttpResponse>(const Seen&)>;

  /// The answers to `method url`, in order; the last one stays.
  Web& on(const std::string& method, const std::string& url, Reply reply);
  Web& on(const std::string& method, const std::string& url, HttpResponse response);
  /// 200 with JSON at a GET.
  Web& document(const std::string& url, const std::string& json);

  Result<HttpResponse> handle(const HttpRequest& request);

  const std::vector<Seen>& log() const { return log_; }
  /// "METHOD url" of each request.
  std::vector<std::string> lines() const;
  std::vector<Seen> to(const std::string& url) const;
  /// Requests whose origin is `origin` and which mention `text`.
  std::size_t mentions(const std::string& origin, std::string_view text) const;
  std::size_t misdirected() const { return misdirected_; }
  void note(const std::string& line) { notes_.push_back(line); }
  const std::vector<std::string>& notes() const { return notes_; }
  /// What the action held against its claims while its last requests were under way.
  std::vector<Doubt> meanwhile{};

 private:
  std::map<std::string, std::vector<Reply>> replies_{};
  std::vector<Seen> log_{};
  std::vector<std::string> notes_{};
  std::size_t misdirected_ = 0;
};

HttpResponse reply(int status, std::string body = {},
                   std::vector<std::pair<std::string, std::string>> headers = {});
HttpResponse json_reply(int status, std::string body);
Error broken(ErrorCode code);

Timestamp at(std::string_view rfc3339);
inline constexpr std::string_view kNow = "2031-03-04T05:06:07Z";

Value secret(std::string text);
SecretPtr secret_ptr(std::string text);

/// Unsigned but well-formed.
std::string make_jwt(const std::string& claims);

/// Runs `action` to its end against `web`; waits pass at once, kept secrets are noted in `web`.
struct Run {
  Value params{};
  Value baseline{};
  Intent intent = Intent::act;
};
Result<Outcome> run(const OauthConfig& config, std::string_view action, Run what, Web& web);

// The cast: an MCP server, its issuer, a host of the attacker.
inline const std::string kMcp = "https://mcp.example/mcp";
inline const std::string kMcpOrigin = "https://mcp.example";
inline const std::string kIssuer = "https://as.example";
inline const std::string kEvil = "https://evil.example";

std::string issuer_document(const std::string& issuer, const std::string& endpoints_at);
std::string resource_document(const std::string& resource, const std::string& issuer);

/// A confidential client of a pinned issuer.
OauthConfig pinned_config(ClientAuth method = ClientAuth::client_secret_basic);

}  // namespace quell::test
