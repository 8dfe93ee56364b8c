// From settings to connectors: secrets are resolved here and bound to the origins beside them.

#include <utility>

#include "connectors/http/http_connector.h"
#include "connectors/managed_agents/managed_agents_connector.h"
#include "connectors/oauth/oauth_connector.h"
#include "connectors/shared_signals/shared_signals_connector.h"
#include "connectors/url.h"
#include "orchestrator/config.h"
#include "orchestrator/config_http.h"
#include "orchestrator/connections_platform.h"
#include "orchestrator/issuer_profiles.h"
#include "orchestrator/report/report_connector.h"

namespace quell {
namespace {

/// What every secret of one connection is resolved with.
struct Resolver {
  const Config& config;
  const ConfigSources& sources;
  bool needed = false;

  Result<SecretPtr> operator()(const Setting& setting) const {
    if (setting.empty() || !needed) return SecretPtr();
    const Result<std::optional<SecretReference>> reference = parse_secret_reference(setting.value);
    if (!reference) return reference.error();
    if (!*reference) {
      return make_error(ErrorCode::invalid, "secret",
                        setting.named_at + " holds a secret instead of a reference.",
                        "secret://env/NAME, secret://file/PATH or secret://credential/NAME");
    }
    const SecretSource source{
        .directory = config.directory, .environment = sources.environment, .warn = sources.warn};
    Result<Secret> secret = resolve_secret(**reference, source, setting.named_at);
    if (!secret) return secret.error();
    return SecretPtr(std::make_shared<const Secret>(std::move(*secret)));
  }

  /// Resolves `setting` each time it is asked, and tells `fingerprint` of it.
  std::function<Result<BoundSecret>()> later(
      const Setting& setting, const std::string& origin,
      const std::function<std::string(const Secret&)>& fingerprint) const {
    return [setting, origin, fingerprint,
            source = SecretSource{.directory = config.directory,
                                  .environment = sources.environment,
                                  .warn = sources.warn}]() -> Result<BoundSecret> {
      const Result<std::optional<SecretReference>> reference =
          parse_secret_reference(setting.value);
      if (!reference) return reference.error();
      Result<Secret> secret = resolve_secret(**reference, source, setting.named_at);
      if (!secret) return secret.error();
      fingerprint(*secret);
      return BoundSecret{.secret = std::make_shared<const Secret>(std::move(*secret)),
                         .origins = {origin}};
    };
  }
};

Result<std::shared_ptr<const Connector>> make_platform(
    const ConnectionSettings& settings, const Resolver& resolve,
    const std::function<std::string(const Secret&)>& fingerprint) {
  Result<ManagedAgentsConfig> read = platform_wire(settings);
  if (!read) return read.error();
  ManagedAgentsConfig wire = std::move(*read);
  wire.key_named_at = place_of(settings, "api_key");
  const auto key = settings.values.find("api_key");
  if (key == settings.values.end()) {
    if (resolve.needed) {
      const std::string& variable = wire.key_variable;
      return make_error(
          ErrorCode::invalid, "secret", "connection " + settings.name + " has no API key.",
          variable.empty() ? "api_key: secret://... beside its preset in quell.yaml"
                           : "set " + variable + ", or api_key: secret://... in quell.yaml");
    }
  } else {
    Result<SecretPtr> secret = resolve(key->second);
    if (!secret) return secret.error();
    if (*secret) {
      wire.key_fingerprint = fingerprint(**secret);
      wire.api_key = BoundSecret{.secret = *secret, .origins = {origin_of(wire.base_url)}};
    }
  }
  const auto admin = settings.values.find("admin_api_key");
  if (admin != settings.values.end() && resolve.needed)
    wire.admin_key = resolve.later(admin->second, origin_of(wire.base_url), fingerprint);
  Result<std::unique_ptr<ManagedAgentsConnector>> connector =
      ManagedAgentsConnector::make(std::move(wire));
  if (!connector) return wrap("connection " + settings.name, connector.error());
  return std::shared_ptr<const Connector>(std::move(*connector));
}

Result<std::shared_ptr<const Connector>> make_issuer(const ConnectionSettings& settings,
                                                     const Resolver& resolve, bool loopback,
                                                     const ConfigSources& sources, Random& random) {
  OauthConfig oauth;
  oauth.loopback_http = loopback;
  Result<std::shared_ptr<const IssuerProfiles>> profiles =
      load_issuer_profiles(resolve.config.issuer_profile_dirs);
  if (!profiles) return profiles.error();
  oauth.profiles = *std::move(profiles);
  for (const IssuerSettings& row : settings.issuers) {
    IssuerConfig issuer;
    issuer.match_mcp_server_url = row.match_mcp_server_url.value;
    issuer.issuer = row.issuer.value;
    issuer.endpoints = {.token = row.token_endpoint.value,
                        .revocation = row.revocation_endpoint.value,
                        .introspection = row.introspection_endpoint.value};
    issuer.client_id = row.client_id.value;
    if (!row.client_auth.empty()) {
      const std::optional<ClientAuth> method = client_auth_from_string(row.client_auth.value);
      if (!method) {
        return make_error(
            ErrorCode::invalid, "config", row.client_auth.named_at + ": unknown client_auth.",
            "none, client_secret_basic, client_secret_post, private_key_jwt or client_secret_jwt");
      }
      issuer.method = *method;
    } else if (!row.client_secret.empty()) {
      issuer.method = ClientAuth::client_secret_basic;
    } else if (!row.private_key_jwt.empty()) {
      issuer.method = ClientAuth::private_key_jwt;
    }
    Result<SecretPtr> secret = resolve(row.client_secret);
    if (!secret) return secret.error();
    issuer.client_secret = *secret;
    Result<SecretPtr> key = resolve(row.private_key_jwt);
    if (!key) return key.error();
    issuer.private_key = *key;
    Result<SecretPtr> admin = resolve(row.admin_token);
    if (!admin) return admin.error();
    issuer.admin_token = *admin;
    issuer.profile = row.profile.value;
    issuer.rotates_refresh_tokens = row.rotates_refresh_tokens;
    for (const auto& [value_name, value] : row.values) issuer.values[value_name] = value.value;
    // Without its secrets an entry only has to name itself.
    if (!resolve.needed) issuer.method = ClientAuth::none;
    oauth.issuers.push_back(std::move(issuer));
  }
  if (resolve.needed && sources.warn) {
    for (const std::string& warning : config_warnings(oauth)) sources.warn(warning);
  }
  Result<std::unique_ptr<OauthConnector>> connector =
      OauthConnector::make(std::move(oauth), random);
  if (!connector) return wrap("connection " + settings.name, connector.error());
  return std::shared_ptr<const Connector>(std::move(*connector));
}

Result<std::shared_ptr<const Connector>> make_http(
    const ConnectionSettings& settings, const Resolver& resolve,
    const std::function<std::string(const Secret&)>& fingerprint) {
  const auto value = [&settings](std::string_view key) {
    const auto found = settings.values.find(key);
    return found == settings.values.end() ? std::string() : found->second.value;
  };
  HttpConfig http{.base_url = value("base_url"),
                  .auth = http_auth(settings),
                  .user = value("auth.user"),
                  .header = value("auth.header"),
                  .actions = settings.declared,
                  .assert_safe = settings.assert_safe,
                  .safe_in_dry_run = settings.safe_in_dry_run};
  for (const auto& [key, setting] : settings.values) {
    if (!is_http_secret(key)) continue;
    Result<SecretPtr> secret = resolve(setting);
    if (!secret) return secret.error();
    if (*secret) fingerprint(**secret);  // the filter knows it now
    http.secret = BoundSecret{.secret = *secret, .origins = {origin_of(http.base_url)}};
  }
  Result<std::unique_ptr<HttpConnector>> connector = HttpConnector::make(std::move(http));
  if (!connector) return wrap("connection " + settings.name, connector.error());
  return std::shared_ptr<const Connector>(std::move(*connector));
}

Result<std::shared_ptr<const Connector>> make_signals(const ConnectionSettings& settings,
                                                      const Resolver& resolve, bool loopback) {
  const auto setting = [&settings](const std::string& key) {
    const auto found = settings.values.find(key);
    return found == settings.values.end() ? Setting{} : found->second;
  };
  SharedSignalsConfig signals{.issuer = setting("issuer").value,
                              .key_id = setting("key_id").value,
                              .subject_issuer = setting("subject_issuer").value,
                              .loopback_http = loopback};
  if (const Setting format = setting("subject_format"); !format.empty()) {
    const auto known = subject_format_from_string(format.value);
    if (!known) {
      return make_error(ErrorCode::invalid, "config",
                        format.named_at + ": unknown subject_format.", "email, iss_sub or opaque");
    }
    signals.subject_format = *known;
  }
  const Setting signing_key = setting("signing_key");
  if (signing_key.empty()) {
    return make_error(ErrorCode::invalid, "config",
                      "connection " + settings.name + " has no signing_key.",
                      "signing_key: secret://file/PATH, a private key as PEM or JWK");
  }
  Result<SecretPtr> key = resolve(signing_key);
  if (!key) return key.error();
  signals.signing_key = *key;
  for (const ReceiverSettings& row : settings.receivers) {
    Result<SecretPtr> bearer = resolve(row.bearer);
    if (!bearer) return bearer.error();
    signals.receivers.push_back(
        {.endpoint = row.endpoint.value, .audience = row.audience.value, .bearer = *bearer});
  }
  Result<std::unique_ptr<SharedSignalsConnector>> connector =
      SharedSignalsConnector::make(std::move(signals));
  if (!connector) return wrap("connection " + settings.name, connector.error());
  return std::shared_ptr<const Connector>(std::move(*connector));
}

}  // namespace

Result<ConnectorSet> make_connectors(
    const Config& config, const ConfigSources& sources, Random& random,
    const std::function<bool(const std::string& connection)>& connection_needed,
    const std::function<std::string(const Secret&)>& fingerprint) {
  ConnectorSet connectors;
  connectors["report"] = std::make_shared<const ReportConnector>();
  const bool loopback = platform_is_loopback(config);
  for (const auto& [name, settings] : config.connections) {
    const Resolver resolve{.config = config, .sources = sources, .needed = connection_needed(name)};
    Result<std::shared_ptr<const Connector>> connector =
        settings.kind.value == "managed_agents" ? make_platform(settings, resolve, fingerprint)
        : settings.kind.value == "http"         ? make_http(settings, resolve, fingerprint)
        : settings.kind.value == "oauth"
            ? make_issuer(settings, resolve, loopback, sources, random)
            : make_signals(settings, resolve, loopback);
    if (!connector) return connector.error();
    connectors[name] = std::move(*connector);
  }
  return connectors;
}

}  // namespace quell
