#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "state/base/clock.h"
#include "state/base/result.h"
#include "state/base/value.h"
#include "state/model/vocabulary.h"

namespace quell::range {

/// The four hosts of the simulated world. In process they are told apart by origin, on sockets by
/// port.
enum class Host : std::uint8_t { platform, issuer, mcp_server, control };

struct Request {
  Host host = Host::platform;
  std::string method{};
  std::string target{};                                        // path and query
  std::vector<std::pair<std::string, std::string>> headers{};  // names in lower case
  std::string body{};
};

/// Where an open event stream stands (API sheet section 0.4): what it follows, and the last event
/// that was sent.
struct EventStream {
  std::string session_id{};
  std::string thread_id{};  // empty: the whole session
  std::uint64_t seq = 0;
};

/// What an open event stream sends next.
struct StreamPart {
  std::string text{};  // whole frames, or nothing
  bool ended = false;  // nothing will ever follow
};

/// One webhook on its way to a receiver.
struct Delivery {
  std::uint64_t number = 0;
  std::string url{};
  Request request{};
};

struct Response {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
  /// What the front does with it: answer after `delay`, or never, or cut the connection before or
  /// after handling.
  Duration delay{0};
  enum class Line : std::uint8_t { answers, hangs, resets } line = Line::answers;
  /// The body goes on with what World::follow() gives, on a front that can; else it ends here.
  std::optional<EventStream> stream{};
};

/// What a world holds beside the objects of the incident, and what its platform allows.
struct Population {
  /// Vaults "Tenant 1" and on, with so many bearer tokens each (at most 20), each for a service of
  /// its own.
  std::int64_t tenants = 0;
  std::int64_t tokens_per_tenant = 20;
  /// Vaults "Service account 1" and on, one token each: nothing has used them for a long time.
  std::int64_t idle_vaults = 0;
  /// The integration was removed: no session and no deployment names the leaked vault any more.
  bool retired = false;
  /// Requests a minute that the platform takes, of GET and of all else; beyond it answers 429 with
  /// `retry-after`. 0: it takes all.
  std::int64_t reads_per_minute = 0;
  std::int64_t writes_per_minute = 0;
  /// An organization around the incident, which `seed_crowd` draws: vaults of teams, their
  /// credentials (at most 20 a vault), sessions, memory stores and deployments.
  int vaults = 0;
  int credentials = 0;
  int sessions = 0;
  int stores = 0;
  int deployments = 0;
};
inline constexpr std::int64_t kTenantsMax = 4'000;
inline constexpr std::int64_t kTokensPerTenantMax = 20;

struct WorldOptions {
  std::uint64_t seed = 7;
  /// Comma-separated profile names; docs/range.md lists them. Empty: everything behaves as
  /// documented.
  std::string profile{};
  Timestamp start{};
  // Where the four hosts are reached, as URLs without a trailing slash; the world writes them into
  // records and metadata.
  std::string platform_url{};
  std::string issuer_url{};
  std::string mcp_url{};  // origin; the MCP endpoint is mcp_url + "/mcp"
  std::string control_url{};
  Population population{};
  bool intruder = true;
  /// Makes the platform's own requests (validate, refresh, running sessions) to servers that are no
  /// host of this world; none is what a broken connection looks like. Without it nothing leaves the
  /// world.
  std::function<std::optional<Response>(std::string_view url, const Request& request)> outside{};
};

/// What somebody does in the world beside using stolen tokens.
struct Act {
  enum class Kind : std::uint8_t {
    refresh,            // redeems the stolen refresh token, beside the intruder's own rhythm
    create_credential,  // consents anew and stores the new grant in the vault
    take_tokens,        // copies the tokens of the vault's newest credential
    start_session,      // starts a session with the vault, by a stolen platform key
    end_grant,          // somebody at the issuer ends the leaked grant by hand
  };
  enum class Vault : std::uint8_t { leaked, idle };  // the leaked one, or the first idle one
  Kind kind = Kind::refresh;
  Vault vault = Vault::leaked;
  std::string who = "intruder";  // any other name is somebody who means well
};
std::string_view to_string(Act::Kind kind) noexcept;
std::optional<Act::Kind> act_kind_from_string(std::string_view text) noexcept;

/// One line of a log that the world keeps for truth: what was asked of a host, or what the intruder
/// did.
struct LogLine {
  Timestamp at{};
  std::string who{};  // "client", "intruder", "platform" (background refresh), or whoever acted
  std::string host{};
  std::string method{};
  std::string path{};
  Effect effect = Effect::read;
  int status = 0;
  std::string note{};  // intruder: "tools/list", "refresh" or what it did; else empty
};

/// Ids and secrets of the incident that the world was seeded with. Every value is invented.
struct Leaked {
  std::string vault_id{};
  std::string credential_id{};
  std::string access_token{};
  std::string refresh_token{};
  std::vector<std::string> deployment_ids{};  // that run with the vault
  std::string mcp_server_url{};
  Timestamp at{};  // when it happened
  std::vector<std::string> tenant_vault_ids{};
  std::vector<std::string> idle_vault_ids{};
};

/// Ids of what profile `poisoned` began with; empty without it.
struct Injected {
  std::string session_id{};  // that wrote to memory what nobody asked for
  std::string agent_id{};    // which it runs
  std::string memory_store_id{};
};

/// Tokens of a grant that is not the leaked one.
struct FreshGrant {
  std::string access_token{};
  std::string refresh_token{};
};

struct Keys {
  std::string api_key{};
  std::string admin_key{};
  /// Of a build job that leaked its key; quell uses the one above.
  std::string leaked_api_key{};
  std::string leaked_api_key_id{};
  std::string webhook_secret{};
  std::string client_id{};
  std::string client_secret{};
};

/// Platform, issuer, MCP server and intruder as one pure machine: no socket, no thread, no clock of
/// its own. Same options, same requests at the same times: same answers, byte for byte.
class World {
 public:
  /// Error `invalid` for an unknown profile name, with the nearest known one.
  static Result<std::unique_ptr<World>> create(WorldOptions options);
  virtual ~World() = default;

  virtual Response handle(const Request& request, Timestamp now) = 0;
  /// When something happens by itself next (background refresh, cron, intruder's next use,
  /// propagation).
  virtual std::optional<Timestamp> next_timer() const = 0;
  /// Lets everything due at or before `now` happen, in order.
  virtual void advance(Timestamp now) = 0;

  /// A new grant for the platform at the world's MCP server, as if the user had consented again:
  /// what a team puts into the vault when it rotates.
  virtual FreshGrant mint_fresh(Timestamp now) = 0;

  /// While it is held the intruder does nothing; afterwards it goes on where it was.
  virtual void hold_intruder(bool held, Timestamp now) = 0;

  /// Somebody does `act` now; what became of it, as the intruder's log or the request log has it.
  virtual LogLine act(const Act& act, Timestamp now) = 0;

  /// Events since `stream` was last asked. Only what happened after it was opened.
  virtual StreamPart follow(EventStream& stream, Timestamp now) = 0;

  /// When a webhook has to be sent next, if any is waiting.
  virtual std::optional<Timestamp> next_delivery() const = 0;
  /// Takes the webhooks that are due, signed for `now`; each is to be followed by delivered().
  virtual std::vector<Delivery> take_deliveries(Timestamp now) = 0;
  /// `status` of the answer, 0 without one.
  virtual void delivered(std::uint64_t number, int status, Timestamp now) = 0;

  virtual const Leaked& leaked() const = 0;
  virtual Injected injected() const = 0;
  virtual const Keys& keys() const = 0;
  virtual const std::vector<LogLine>& request_log() const = 0;
  virtual const std::vector<LogLine>& intruder_log() const = 0;
  /// What is true now:
  /// `{"access_token_works","refresh_token_works","thief_refresh_works","credential_archived",
  /// "sessions_running":[ids],"deployments_active":[ids],"vault_refreshes":bool}` and more.
  virtual Value truth(Timestamp now) const = 0;
};

/// Every profile name with one line of what it changes.
std::vector<std::pair<std::string, std::string>> profiles();

}  // namespace quell::range
