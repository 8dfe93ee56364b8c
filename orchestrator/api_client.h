#pragma once

#include <functional>
#include <string>

#include "orchestrator/alerts/desk.h"
#include "orchestrator/api/api.h"
#include "orchestrator/engine/engine.h"
#include "orchestrator/http_client.h"
#include "orchestrator/http_server.h"
#include "orchestrator/report/byte_sink.h"
#include "state/base/result.h"
#include "state/base/value.h"

namespace quell {

/// The other end of `/api/v1`: the process of this machine that owns a state, or a remote quell.
/// Errors are those that it gives; topic "state" when nobody listens there.
class ApiClient {
 public:
  /// Through the owner's Unix socket, as `who`.
  static ApiClient at_socket(std::string path, std::string who);
  /// Through `url` (https, or http on loopback) with an API token. Error topic "server" for another
  /// URL.
  static Result<ApiClient> at_server(const std::string& url, std::shared_ptr<const Secret> token);
  /// The table itself, as `actor`; `api` outlives it.
  static ApiClient in_process(Api& api, Actor actor);

  Result<Value> get(const std::string& target) const;
  /// Gives what a GET answers to `sink` as it comes, whose Error ends it. Error topic "server" when
  /// it was not all of it, by its Repr-Digest (RFC 9530).
  Status download(const std::string& target, const ByteSink& sink) const;
  Result<Value> post(const std::string& target, const Value& body) const;

  /// Sends a person's word on a run.
  Status send(const Command& command) const;
  /// Asks for a run; gives its id.
  Result<RunId> start(const StartCommand& command) const;
  /// The same, if its plan has that digest, whole or its first digits, and still has it right
  /// before the run begins. Error topic "approval" otherwise.
  Result<RunId> start_as_planned(const StartCommand& command, const std::string& digest) const;
  /// What can be reached from `start`: the document of quell radius --json.
  Result<Value> radius(const std::vector<std::string>& start, const std::string& since,
                       const std::string& connection) const;
  /// Asks for a plan; gives its id.
  Result<std::string> ask_plan(const StartCommand& command) const;
  /// The document of `quell plan --json`; looks for it until it is there, for ten minutes at most, or
  /// until `should_stop`.
  Result<Value> plan(const std::string& id, const std::function<bool()>& should_stop) const;
  /// Sends a person's word on an alert.
  Result<FiledAlert> send(const AlertCommand& command) const;

 private:
  using Exchange = std::function<Result<HttpReply>(const HttpQuestion& question)>;
  explicit ApiClient(Exchange exchange) : exchange_(std::move(exchange)) {}
  /// The plan at `target` once nothing is being done about it.
  Result<Value> settled_plan(const std::string& target,
                             const std::function<bool()>& should_stop) const;
  Result<Value> call(const std::string& method, const std::string& target, std::string body) const;

  Exchange exchange_;
};

}  // namespace quell
