#pragma once

#include <optional>
#include <string>
#include <vector>

#include "orchestrator/range/mcp_call.h"
#include "orchestrator/range/world.h"

namespace quell::range {

/// What the intruder carried off: the tokens of the grant, and the client's own credentials,
/// without which a confidential client's refresh token would be worth nothing.
struct Loot {
  std::string access_token{};
  std::string refresh_token{};
  std::string client_id{};
  std::string client_secret{};
  std::string mcp_endpoint{};
  std::string token_endpoint{};
  /// Of the platform: where there is one it is all that was stolen, and what is used.
  std::string api_key{};
  std::string platform_url{};
};

/// Uses the stolen tokens by its own clock: `tools/list` every 3 s, a refresh every 4 min, and one
/// 2 s after a 401. It never gives up. Its log, not anyone's verdict, says when it was out.
class Intruder {
 public:
  Intruder(Loot loot, Timestamp start, Fetch fetch);

  Timestamp next() const;
  /// Does what is due at `next()`.
  void step();
  /// Redeems the stolen refresh token; false when the issuer refuses.
  bool refresh(Timestamp now);
  /// It has got hold of other tokens of the same client.
  void take_tokens(std::string access_token, std::string refresh_token, Timestamp now);
  /// Everything that it is about to do comes that much later.
  void postpone(Duration by);
  /// Into its log: what it did by another way.
  void note(LogLine line);

  const std::vector<LogLine>& log() const { return log_; }
  const std::string& refresh_token() const { return loot_.refresh_token; }
  /// Its last use of the MCP server was answered 200.
  bool is_in() const { return in_; }
  const std::optional<Timestamp>& last_success() const { return last_success_; }
  /// The first refused use since the last success.
  const std::optional<Timestamp>& first_failure() const { return first_failure_; }

 private:
  void use(Timestamp now);
  int use_tool(Timestamp now);
  int use_api_key(Timestamp now);
  void log(Timestamp at, Host host, std::string_view path, Effect effect, int status,
           std::string_view note);

  Loot loot_;
  Fetch fetch_;
  Timestamp use_due_;
  Timestamp refresh_due_;
  std::optional<Timestamp> refresh_refused_{};
  bool modern_ = false;
  bool in_ = false;
  std::optional<Timestamp> last_success_{};
  std::optional<Timestamp> first_failure_{};
  std::vector<LogLine> log_{};
};

}  // namespace quell::range
