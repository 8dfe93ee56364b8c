#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/managed_agents/managed_agents_connector.h"
#include "state/base/clock.h"
#include "state/base/value.h"

namespace quell::test {

/// A request as the platform would have read it.
struct Seen {
  std::string method{};
  std::string target{};                          // path and query, behind the base URL
  std::map<std::string, std::string> headers{};  // rendered
  std::string body{};
  Effect effect = Effect::read;

  std::string line() const { return method + " " + target; }
};

/// The platform of one test: answers by method and target (or path alone) in order, the last one
/// stays; what nobody furnished is 404. Keeps every request.
class Script {
 public:
  using Reply = std::function<Result<HttpResponse>()>;

  Script& on(const std::string& line, Reply reply);
  Script& on(const std::string& line, int status, const std::string& body);
  /// 200 with `body`.
  Script& on(const std::string& line, const std::string& body) { return on(line, 200, body); }
  Script& fails(const std::string& line, ErrorCode code);

  Result<HttpResponse> handle(const HttpRequest& request);
  /// Sees each request before it is answered.
  std::function<void(const HttpRequest& request)> on_request{};

  std::vector<std::string> lines() const;
  /// Those that may change something.
  std::vector<std::string> acts() const;
  const std::vector<Seen>& log() const { return log_; }
  Duration waited() const { return waited_; }
  void note_wait(Duration delay) { waited_ += delay; }

 private:
  std::map<std::string, std::deque<Reply>> replies_{};
  std::vector<Seen> log_{};
  Duration waited_{0};
};

inline constexpr std::string_view kKey = "sk-ant-test-0123456789abcdef";
inline const std::string kBase = "https://platform.example";

ManagedAgentsConfig test_config();
std::unique_ptr<ManagedAgentsConnector> make_connector(
    const ManagedAgentsConfig& config = test_config());
const ActionSpec& spec_of(std::string_view action);

/// Runs `action` to its end. Waits pass at once. Checks on the way that every request that may
/// change something fits the action's own templates, that a look sends reads alone, and that the
/// outputs are exactly the declared ones.
Result<Outcome> run(Script& script, std::string_view action, Value params,
                    Intent intent = Intent::act, const ManagedAgentsConfig& config = test_config());

/// Why `value` is not of `type`; empty when it is.
std::string mismatch(const Type& type, const Value& value);

/// A status that the platform answers, and what the action must make of it.
struct Refusal {
  int status = 0;
  std::string expected{};
};

/// "done", "already", or the error's code.
std::string result_of(const Result<Outcome>& outcome);
/// "proved strong", "unproved none", or the error's code.
std::string verdict_of(const Result<Outcome>& outcome);

// Objects in the shapes of API sheet 1.
struct CredentialShape {
  std::string vault = "vlt_1";
  std::string id = "vcrd_1";
  std::string url = "https://mcp.example/mcp";
  std::string type = "mcp_oauth";
  bool archived = false;
  bool refresh = true;
  std::string metadata = "{}";
};
std::string credential_json(const CredentialShape& shape = {});
std::string vault_json(const std::string& id, bool archived = false);

struct SessionShape {
  std::string id = "sesn_1";
  std::string status = "idle";
  std::vector<std::string> vaults{"vlt_1"};
  bool archived = false;
  std::string created_at = "2031-03-04T05:00:00Z";
};
std::string session_json(const SessionShape& shape);

struct DeploymentShape {
  std::string id = "depl_1";
  std::string status = "active";
  std::vector<std::string> vaults{"vlt_1"};
  bool archived = false;
  std::string created_at{};  // empty: the record does not say
  std::string updated_at{};
};
std::string deployment_json(const DeploymentShape& shape);

/// `{"data":[...],"next_page":...}`; no `next` is null.
std::string page(const std::vector<std::string>& items,
                 const std::optional<std::string>& next = std::nullopt);
std::string error_json(const std::string& type);

}  // namespace quell::test
