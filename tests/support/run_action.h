#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/connector.h"
#include "connectors/http_transport.h"
#include "state/base/clock.h"
#include "state/base/result.h"
#include "state/base/value.h"

namespace quell {

/// A request as its server would have read it, secrets included: for expectations alone.
struct RecordedRequest {
  std::string method{};
  std::string url{};
  std::vector<std::pair<std::string, std::string>> headers{};  // names in lower case
  std::string body{};
  Effect effect = Effect::read;
  Trust trust = Trust::configured;

  /// First value of `name` (lower case), or empty.
  std::string header(std::string_view name) const;
  /// "METHOD url".
  std::string line() const { return method + " " + url; }
  /// Does `text` stand anywhere in it?
  bool mentions(std::string_view text) const;
};

/// Renders `request` for a log of what was sent.
RecordedRequest record(const HttpRequest& request);

/// A successful answer with a JSON body, for handlers.
HttpResponse json_response(int status, std::string body,
                           std::vector<std::pair<std::string, std::string>> headers = {});

/// The world of one action: answers a request, or says how the exchange broke.
using Handler = std::function<Result<HttpResponse>(const HttpRequest&)>;

/// What an action asked for while it ran.
struct ActionLog {
  std::vector<RecordedRequest> requests{};
  std::vector<std::string> kept{};  // names of secrets that were sealed
  std::vector<Duration> waits{};
  /// "METHOD url" of each request, in order.
  std::vector<std::string> lines() const;
};

struct RunActionOptions {
  Intent intent = Intent::act;
  Value baseline{};
  Timestamp start{std::chrono::milliseconds{1'930'453'567'000}};  // 2031-03-05T05:06:07Z
  ManualClock* clock = nullptr;  // instead of one that starts at `start`
  ActionLog* log = nullptr;
  /// What becomes of evidence; empty: there is no room for it.
  std::function<Result<EvidenceFile>(FileOp)> file{};
};

/// Runs `action` of `connector` to its end against `handler`. Waits pass at once by moving the
/// clock; a kept secret comes back with the first 32 digits of its SHA-256 as its fingerprint. As
/// the transport does, it answers `invalid` with topic "egress" where a secret would leave its
/// origins; `handler` never sees such a request. Asserts that the action exists and needs at most
/// 100,000 operations.
Result<Outcome> run_action(const Connector& connector, std::string_view action, Value params,
                           const Handler& handler, RunActionOptions options = {});

/// The fingerprint that run_action gives to a secret.
std::string test_fingerprint(std::string_view secret);
/// A secret as playbooks hold it, with test_fingerprint().
Value test_secret(std::string text);

}  // namespace quell
