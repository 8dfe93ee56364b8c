#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "connectors/http/declaration.h"
#include "orchestrator/config_alerts.h"
#include "orchestrator/config_evidence.h"
#include "orchestrator/config_listen.h"
#include "orchestrator/config_notify.h"
#include "orchestrator/engine/pace.h"
#include "orchestrator/engine/policy.h"
#include "orchestrator/engine/run_state.h"
#include "orchestrator/secret_reference.h"
#include "state/base/random.h"
#include "state/base/result.h"

namespace quell {

/// A value of the configuration and where it came from, so that an error can name the line to
/// change.
struct Setting {
  std::string value{};
  /// `quell.yaml:6`, `--connect`, or the environment variable's name.
  std::string named_at{};
  enum class Layer : std::uint8_t { fallback, file, environment, flag } layer = Layer::fallback;

  bool empty() const noexcept { return value.empty(); }
};

/// One issuer under a connection of kind oauth.
struct IssuerSettings {
  Setting match_mcp_server_url{};
  Setting issuer{};
  Setting token_endpoint{};
  Setting revocation_endpoint{};
  Setting introspection_endpoint{};
  Setting client_id{};
  Setting client_auth{};
  Setting client_secret{};
  Setting private_key_jwt{};
  Setting profile{};
  Setting admin_token{};
  bool rotates_refresh_tokens = true;
  std::map<std::string, Setting, std::less<>> values{};
};

/// One receiver under a connection of kind shared_signals.
struct ReceiverSettings {
  Setting endpoint{};
  Setting audience{};
  Setting bearer{};
};

/// One entry under `connections:`.
struct ConnectionSettings {
  std::string name{};
  Setting kind{};
  std::map<std::string, Setting, std::less<>> values{};  // base_url, api_key, api_version, ...
  std::vector<IssuerSettings> issuers{};
  std::vector<ReceiverSettings> receivers{};
  OriginLimits limits{};
  // Of kind http; its auth stands in `values` as auth.kind, auth.token and so on.
  DeclaredActions declared{};
  bool assert_safe = false;
  std::vector<std::string> safe_in_dry_run{};
};

/// `quell.yaml`, the environment and the flags, in that order of rising strength. Unknown keys are
/// errors with their place.
struct Config {
  std::string file{};       // empty: none was found
  std::string directory{};  // relative paths start here
  Setting database{};
  Setting seal_key{};
  Setting mac_key{};
  Setting signing_key{};
  std::string inputs_dir{};
  std::vector<std::string> playbook_dirs{};
  std::vector<std::string> issuer_profile_dirs{};
  std::vector<std::string> allow_private{};
  Policy policy{};
  std::optional<ListenSettings> hooks{};
  std::optional<ListenSettings> panel{};
  AlertSettings alerts{};
  NotifySettings notify{};
  EvidenceSettings evidence{};
  std::map<std::string, ConnectionSettings, std::less<>> connections{};
  /// Time of day, UTC, at which `quell serve` makes a preflight; none: only when somebody asks.
  std::optional<Duration> preflight_daily_at{};
};

/// What is around a command when it reads its configuration; passed in so that tests need no real
/// environment.
struct ConfigSources {
  std::string explicit_file{};  // --config
  std::vector<std::pair<std::string, std::string>>
      connect{};  // --connect C.KEY=VALUE, as `C.KEY` and VALUE
  std::function<std::optional<std::string>(const std::string&)> environment{};
  std::function<void(const std::string&)> warn{};
};

/// Finds and reads the configuration: --config, else ./quell.yaml, ~/.config/quell/quell.yaml,
/// /etc/quell/quell.yaml, else defaults. Errors are `file:line:column: sentence` with a remedy.
Result<Config> load_config(const ConfigSources& sources);

/// The connectors of `config`, their secrets resolved and bound to the origins beside them (threats
/// T1, T2). A connection whose secret cannot be resolved is an error only when `connection_needed`
/// says that the command will use it. `random` outlives the connectors.
Result<ConnectorSet> make_connectors(
    const Config& config, const ConfigSources& sources, Random& random,
    const std::function<bool(const std::string& connection)>& connection_needed,
    const std::function<std::string(const Secret&)>& fingerprint);

/// What the connections' `limits:` say, by origin; of several with one origin the stricter.
std::map<std::string, OriginLimits, std::less<>> origin_limits(const Config& config);

/// True when the platform's own base URL is loopback: then loopback, http included, is open
/// (docs/design.md, "egress").
bool platform_is_loopback(const Config& config);
/// True when that of any connection is: one of kind http is reached there too, no token follows.
bool loopback_is_open(const Config& config);

/// References that some connection uses; none of them may be handed over as an input (threat T3).
std::vector<std::string> references_in_use(const Config& config);

}  // namespace quell
