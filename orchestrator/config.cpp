#include "orchestrator/config.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <unistd.h>

#include "connectors/managed_agents/presets.h"
#include "connectors/url.h"
#include "orchestrator/config_http.h"
#include "orchestrator/config_policy.h"
#include "orchestrator/config_reader.h"
#include "orchestrator/connections_platform.h"
#include "orchestrator/playbook/diagnostics.h"
#include "orchestrator/playbook/yaml_tree.h"

namespace quell {
namespace {

constexpr std::string_view kDefaultBaseUrl = "https://api.anthropic.com";

/// Keys of the design that this version does not act on: refused, never ignored.
constexpr std::array<std::string_view, 3> kNotBuiltYet{"anchor", "resume_max_age", "resume"};
constexpr std::array<std::string_view, 18> kTopKeys{
    "state",           "seal_key",  "mac_key",     "signing_key", "inputs_dir", "evidence",
    "issuer_profiles", "playbooks", "connections", "egress",      "policy",     "users",
    "hooks",           "panel",     "alerts",      "notify",      "public_url", "preflight"};
constexpr std::array<std::string_view, 25> kPlatformKeys{
    "kind",        "preset",           "base_url",   "region",
    "base_path",   "api_key",          "key_header", "version_header",
    "api_version", "beta_header",      "beta",       "workspace_header",
    "query",       "workspace_id",     "pagination", "page_limit",
    "may_lack",    "absent_next_page", "vaults",     "sessions_page_limit",
    "sessions",    "deployments",      "limits",     "admin_api_key",
    "api_key_id"};
/// Below a resource of a platform: what its calls say otherwise than the rest.
constexpr std::array<std::string_view, 3> kResourceKeys{"api_version", "beta", "query"};
constexpr std::array<std::string_view, 2> kOauthKeys{"kind", "issuers"};
constexpr std::array<std::string_view, 7> kConnectionSignalKeys{
    "kind", "issuer", "signing_key", "key_id", "subject_format", "subject_issuer", "receivers"};
constexpr std::array<std::string_view, 3> kReceiverKeys{"endpoint", "audience", "bearer"};
/// What a connection may be, and the settings of each.
constexpr std::array<std::string_view, 4> kConnectionKinds{"managed_agents", "oauth", "http",
                                                           "shared_signals"};
constexpr std::array<std::string_view, 11> kIssuerKeys{
    "match",         "issuer",          "endpoints", "client_id",   "client_auth",
    "client_secret", "private_key_jwt", "profile",   "admin_token", "values",
    "rotates_refresh_tokens"};

std::span<const std::string_view> keys_of_kind(std::string_view kind) {
  if (kind == "managed_agents") return kPlatformKeys;
  return kind == "oauth" ? std::span<const std::string_view>(kOauthKeys) : kConnectionSignalKeys;
}

std::vector<std::string> words(std::span<const std::string_view> list) {
  return {list.begin(), list.end()};
}

bool is_one_of(std::string_view text, std::span<const std::string_view> list) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

/// A setting of a platform that is a key.
bool is_key(std::string_view key) { return key == "api_key" || key == "admin_api_key"; }

/// The remedy for a kind that is none or missing.
constexpr std::string_view kKinds = "known kinds: managed_agents, oauth, http, shared_signals";

bool is_resource(std::string_view key) {
  return key == "vaults" || key == "sessions" || key == "deployments";
}

/// A setting of a platform that is one text: `base_url`, `deployments.query`.
bool is_platform_setting(const std::string& key) {
  const std::size_t dot = key.find('.');
  if (dot == std::string::npos)
    return key != "kind" && key != "limits" && !is_resource(key) && is_one_of(key, kPlatformKeys);
  return is_resource(key.substr(0, dot)) && is_one_of(key.substr(dot + 1), kResourceKeys);
}

/// `04:00`, from 00:00 to 23:59.
std::optional<Duration> parse_time_of_day(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto number = [&text](std::size_t at) {
    const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : 100; };
    return 10 * digit(text[at]) + digit(text[at + 1]);
  };
  if (number(0) > 23 || number(3) > 59) return std::nullopt;
  return std::chrono::hours{number(0)} + std::chrono::minutes{number(3)};
}

/// What to say to a preset that does not exist.
std::string preset_remedy(const std::string& text) {
  std::vector<std::string> names;
  std::string all;
  for (const ManagedAgentsPreset& preset : managed_agents_presets()) {
    names.emplace_back(preset.name);
    all += (all.empty() ? "" : ", ") + names.back();
  }
  const std::string near = nearest_word(text, names);
  return near.empty() ? "known presets: " + all : "did you mean \"" + near + "\"?";
}

/// Walks the YAML tree of the configuration; every mistake becomes a finding with its place.
class RootReader {
 public:
  RootReader(Config& config, Findings& findings) : config_(config), findings_(findings) {}

  void read(const YamlNode& root) {
    if (root.kind == YamlNode::Kind::null) return;
    if (!expect_map(root, "the configuration")) return;
    for (const YamlMember& member : root.members) {
      const std::string& key = member.key.text;
      if (std::find(kNotBuiltYet.begin(), kNotBuiltYet.end(), key) != kNotBuiltYet.end()) {
        findings_.error(member.key, "not-built-yet", "this version does not act on \"" + key + "\"",
                        "take it out until a version that does");
        continue;
      }
      if (!known(member.key, kTopKeys)) continue;
      if (key == "state") read_state(member.value);
      if (key == "seal_key") config_.seal_key = text(member.value, "seal_key");
      if (key == "mac_key") config_.mac_key = text(member.value, "mac_key");
      if (key == "signing_key") config_.signing_key = text(member.value, "signing_key");
      if (key == "inputs_dir") config_.inputs_dir = text(member.value, "inputs_dir").value;
      if (key == "playbooks") config_.playbook_dirs = texts(member.value, "playbooks");
      if (key == "issuer_profiles")
        config_.issuer_profile_dirs = texts(member.value, "issuer_profiles");
      if (key == "egress") read_egress(member.value);
      if (key == "connections") read_connections(member.value);
      if (key == "policy") read_policy(member.value, config_.policy, findings_);
      if (key == "users") read_users(member.value, config_.policy, findings_);
      if (key == "hooks")
        config_.hooks =
            read_listener(member.value, key, config_.file, config_.directory, findings_);
      if (key == "panel")
        config_.panel =
            read_listener(member.value, key, config_.file, config_.directory, findings_);
      if (key == "alerts")
        read_alerts(member.value, config_.file, config_.directory, config_.alerts, findings_);
      if (key == "evidence")
        config_.evidence = read_evidence(member.value, config_.directory, findings_);
      if (key == "notify") read_notify(member.value, config_.file, config_.notify, findings_);
      if (key == "public_url") read_public_url(member.value, config_.notify, findings_);
      if (key == "preflight") read_preflight(member.value);
    }
  }

 private:
  bool known(const YamlNode& key, std::span<const std::string_view> names) {
    if (std::find(names.begin(), names.end(), key.text) != names.end()) return true;
    const std::string near = nearest_word(key.text, words(names));
    findings_.error(key, "unknown-key", "unknown key \"" + shown(key.text) + "\"",
                    near.empty() ? "" : "did you mean \"" + near + "\"?");
    return false;
  }

  bool expect_map(const YamlNode& node, const std::string& what) {
    if (node.kind == YamlNode::Kind::map) return true;
    findings_.error(node, "wrong-type", what + " is a map of keys");
    return false;
  }

  Setting text(const YamlNode& node, const std::string& what) {
    if (!node.is_scalar() || node.kind == YamlNode::Kind::null || node.text.empty()) {
      findings_.error(node, "wrong-type", what + " is a text");
      return {};
    }
    return Setting{.value = node.text,
                   .named_at = config_.file + ":" + std::to_string(findings_.line(node)),
                   .layer = Setting::Layer::file};
  }

  std::vector<std::string> texts(const YamlNode& node, const std::string& what) {
    std::vector<std::string> list;
    if (node.kind != YamlNode::Kind::list) {
      findings_.error(node, "wrong-type", what + " is a list of texts");
      return list;
    }
    for (const YamlNode& item : node.items) list.push_back(text(item, what).value);
    return list;
  }

  void read_state(const YamlNode& node) {
    if (!expect_map(node, "state")) return;
    constexpr std::array<std::string_view, 1> kKeys{"sqlite"};
    for (const YamlMember& member : node.members) {
      if (known(member.key, kKeys)) config_.database = text(member.value, "state.sqlite");
    }
  }

  void read_egress(const YamlNode& node) {
    if (!expect_map(node, "egress")) return;
    constexpr std::array<std::string_view, 1> kKeys{"allow_private"};
    for (const YamlMember& member : node.members) {
      if (known(member.key, kKeys))
        config_.allow_private = texts(member.value, "egress.allow_private");
    }
  }

  void read_preflight(const YamlNode& node) {
    if (!expect_map(node, "preflight")) return;
    constexpr std::array<std::string_view, 1> kKeys{"daily_at"};
    for (const YamlMember& member : node.members) {
      if (!known(member.key, kKeys)) continue;
      config_.preflight_daily_at = parse_time_of_day(member.value.text);
      if (!config_.preflight_daily_at)
        findings_.error(member.value, "wrong-type", "preflight.daily_at is a time of day in UTC",
                        "daily_at: \"04:00\"");
    }
  }

  void read_connections(const YamlNode& node) {
    if (!expect_map(node, "connections")) return;
    for (const YamlMember& member : node.members) {
      if (member.key.text == "report") {
        findings_.error(member.key, "reserved", "\"report\" is the built-in connection");
        continue;
      }
      if (!expect_map(member.value, "a connection")) continue;
      read_connection(member.key.text, member.value);
    }
  }

  void read_connection(const std::string& name, const YamlNode& node) {
    ConnectionSettings connection{.name = name};
    const YamlNode* const kind = node.find("kind");
    if (kind == nullptr) {
      findings_.error(node, "missing-key", "connection \"" + shown(name) + "\" has no kind",
                      std::string(kKinds));
      return;
    }
    connection.kind = text(*kind, "kind");
    if (connection.kind.value == "http") {
      read_http_connection(node, config_.file, connection, findings_);
      config_.connections[name] = std::move(connection);
      return;
    }
    const bool platform = connection.kind.value == "managed_agents";
    if (!is_one_of(connection.kind.value, kConnectionKinds)) {
      const std::string near = nearest_word(kind->text, words(kConnectionKinds));
      findings_.error(*kind, "unknown-kind", "unknown kind \"" + shown(kind->text) + "\"",
                      near.empty() ? std::string(kKinds) : "did you mean \"" + near + "\"?");
      return;
    }
    for (const YamlMember& member : node.members) {
      const std::string& key = member.key.text;
      if (!known(member.key, keys_of_kind(connection.kind.value))) continue;
      if (key == "limits") {
        connection.limits = read_limits(member.value, findings_);
      } else if (key == "issuers") {
        read_issuers(connection, member.value);
      } else if (key == "receivers") {
        read_receivers(connection, member.value);
      } else if (is_resource(key)) {
        read_resource(connection, key, member.value);
      } else {
        connection.values[key] = text(member.value, key);
      }
    }
    if (const YamlNode* const preset = node.find("preset");
        preset != nullptr && find_preset(preset->text) == nullptr) {
      findings_.error(*preset, "unknown-preset", "unknown preset \"" + shown(preset->text) + "\"",
                      preset_remedy(preset->text));
    }
    for (const char* const key : {"api_key", "admin_api_key"}) {
      if (platform && connection.values.contains(key)) must_be_reference(*node.find(key), key);
    }
    if (const YamlNode* const key = node.find("signing_key"); key != nullptr)
      must_be_reference(*key, "signing_key");
    config_.connections[name] = std::move(connection);
  }

  void read_resource(ConnectionSettings& connection, const std::string& resource,
                     const YamlNode& node) {
    if (!expect_map(node, resource)) return;
    for (const YamlMember& member : node.members) {
      if (!known(member.key, kResourceKeys)) continue;
      const std::string key = resource + "." + member.key.text;
      connection.values[key] = text(member.value, key);
    }
  }

  /// A secret never stands in the configuration itself.
  void must_be_reference(const YamlNode& node, const std::string& what) {
    if (node.is_scalar() && !node.text.starts_with("secret://")) {
      findings_.error(node, "secret-in-text", what + " is a reference, never the secret itself",
                      "secret://env/NAME, secret://file/PATH or secret://credential/NAME");
    }
  }

  void read_issuers(ConnectionSettings& connection, const YamlNode& node) {
    if (node.kind != YamlNode::Kind::list) {
      findings_.error(node, "wrong-type", "issuers is a list");
      return;
    }
    for (const YamlNode& item : node.items) {
      if (!expect_map(item, "an issuer")) continue;
      IssuerSettings issuer;
      for (const YamlMember& member : item.members) {
        if (known(member.key, kIssuerKeys)) read_issuer_key(issuer, member.key.text, member.value);
      }
      if (issuer.match_mcp_server_url.empty()) {
        findings_.error(item, "missing-key", "an issuer needs match: {mcp_server_url: URL}");
      }
      connection.issuers.push_back(std::move(issuer));
    }
  }

  void read_receivers(ConnectionSettings& connection, const YamlNode& node) {
    if (node.kind != YamlNode::Kind::list) {
      findings_.error(node, "wrong-type", "receivers is a list");
      return;
    }
    for (const YamlNode& item : node.items) {
      if (!expect_map(item, "a receiver")) continue;
      ReceiverSettings receiver;
      for (const YamlMember& member : item.members) {
        const std::string& key = member.key.text;
        if (!known(member.key, kReceiverKeys)) continue;
        if (key == "endpoint") receiver.endpoint = text(member.value, key);
        if (key == "audience") receiver.audience = text(member.value, key);
        if (key != "bearer") continue;
        must_be_reference(member.value, key);
        receiver.bearer = text(member.value, key);
      }
      connection.receivers.push_back(std::move(receiver));
    }
  }

  void read_issuer_key(IssuerSettings& issuer, const std::string& key, const YamlNode& value) {
    if (key == "match") {
      constexpr std::array<std::string_view, 1> kKeys{"mcp_server_url"};
      if (!expect_map(value, "match")) return;
      for (const YamlMember& member : value.members) {
        if (known(member.key, kKeys))
          issuer.match_mcp_server_url = text(member.value, "match.mcp_server_url");
      }
    } else if (key == "endpoints") {
      constexpr std::array<std::string_view, 3> kKeys{"token", "revocation", "introspection"};
      if (!expect_map(value, "endpoints")) return;
      for (const YamlMember& member : value.members) {
        if (!known(member.key, kKeys)) continue;
        Setting url = text(member.value, "endpoints." + member.key.text);
        if (member.key.text == "token")
          issuer.token_endpoint = std::move(url);
        else if (member.key.text == "revocation")
          issuer.revocation_endpoint = std::move(url);
        else
          issuer.introspection_endpoint = std::move(url);
      }
    } else if (key == "issuer") {
      issuer.issuer = text(value, key);
    } else if (key == "client_id") {
      issuer.client_id = text(value, key);
    } else if (key == "client_auth") {
      issuer.client_auth = text(value, key);
    } else if (key == "client_secret") {
      must_be_reference(value, key);
      issuer.client_secret = text(value, key);
    } else if (key == "private_key_jwt") {
      must_be_reference(value, key);
      issuer.private_key_jwt = text(value, key);
    } else if (key == "admin_token") {
      must_be_reference(value, key);
      issuer.admin_token = text(value, key);
    } else if (key == "rotates_refresh_tokens") {
      issuer.rotates_refresh_tokens = ConfigReader(findings_).flag(value, key);
    } else if (key == "values") {
      if (!expect_map(value, "values")) return;
      for (const YamlMember& member : value.members)
        issuer.values[member.key.text] = text(member.value, "values." + member.key.text);
    } else {
      issuer.profile = text(value, key);
    }
  }

  Config& config_;
  Findings& findings_;
};

std::string home_of(const ConfigSources& sources) {
  return sources.environment("HOME").value_or("");
}

Result<std::string> find_file(const ConfigSources& sources) {
  if (!sources.explicit_file.empty()) {
    if (access(sources.explicit_file.c_str(), R_OK) != 0) {
      return make_error(
          ErrorCode::invalid, "config",
          sources.explicit_file + (errno == ENOENT ? ": no such file." : " cannot be read."),
          "name another file with --config");
    }
    return sources.explicit_file;
  }
  const std::string home = home_of(sources);
  for (const std::string& candidate :
       {std::string("quell.yaml"),
        home.empty() ? std::string() : home + "/.config/quell/quell.yaml",
        std::string("/etc/quell/quell.yaml")}) {
    if (!candidate.empty() && access(candidate.c_str(), R_OK) == 0) return candidate;
  }
  return std::string();
}

std::string absolute(const std::string& path, const std::string& directory) {
  return path.empty() || path.starts_with('/') || directory.empty() ? path : directory + "/" + path;
}

/// The path that `secret://file/PATH` or a plain path names.
std::string key_path(const Setting& setting, const std::string& fallback,
                     const std::string& directory) {
  constexpr std::string_view kFile = "secret://file/";
  if (setting.empty()) return fallback;
  const std::string path =
      setting.value.starts_with(kFile) ? setting.value.substr(kFile.size()) : setting.value;
  return absolute(path, directory);
}

Status apply_connect(Config& config, const ConfigSources& sources) {
  for (const auto& [name, value] : sources.connect) {
    const std::size_t dot = name.find('.');
    const std::string connection = name.substr(0, dot);
    const std::string key = dot == std::string::npos ? "" : name.substr(dot + 1);
    const auto found = config.connections.find(connection);
    const bool platform =
        found != config.connections.end() && found->second.kind.value == "managed_agents";
    if (!platform || !is_platform_setting(key)) {
      return make_error(
          ErrorCode::invalid, "config",
          "--connect " + connection + "." + key + " names no setting that a flag may change.",
          "--connect platform.base_url=URL; issuers are set in quell.yaml");
    }
    if (key == "preset" && find_preset(value) == nullptr) {
      return make_error(ErrorCode::invalid, "config",
                        "--connect " + connection + ".preset: unknown preset.",
                        preset_remedy(value));
    }
    if (is_key(key) && !value.starts_with("secret://")) {
      return make_error(
          ErrorCode::invalid, "secret",
          "--connect " + name + " holds a secret; the command line shows it to every process.",
          "--connect " + name + "=secret://env/NAME or secret://file/PATH");
    }
    found->second.values[key] =
        Setting{.value = value, .named_at = "--connect", .layer = Setting::Layer::flag};
  }
  return ok();
}

/// Threat T2: a key goes only to the origin that the same layer, or the configuration file, put
/// beside it.
Status check_key(const ConnectionSettings& platform, const std::string& name, const Setting& key,
                 const Url& url, const std::string& file_base_url, const ConfigSources& sources) {
  const Setting& base = platform.values.at("base_url");
  const bool loopback = is_loopback_host(url.host);
  const bool overridden =
      base.layer == Setting::Layer::flag || base.layer == Setting::Layer::environment;
  const bool same_layer = base.layer == key.layer;
  const bool named = !file_base_url.empty() && origin_of(file_base_url) == url.origin();
  // The one URL that a key needs no introduction to, unless it is the key of another vendor.
  const bool is_default = platform.values.count("preset") == 0 && url.origin() == kDefaultBaseUrl;
  if (!overridden || same_layer || named || is_default) return ok();
  if (loopback) {
    if (sources.warn) {
      sources.warn("the key from " + key.named_at + " goes to " + url.origin() +
                   ", which " + base.named_at + " names");
    }
    return ok();
  }
  return make_error(ErrorCode::invalid, "egress",
                    base.named_at + " sends the key of " + key.named_at + " to " +
                        url.origin() + ", which the configuration does not name.",
                    "give it a key of its own in the same place: --connect " + platform.name +
                        "." + name + "=secret://...");
}

bool is_on_loopback(const ConnectionSettings& connection) {
  const auto base = connection.values.find("base_url");
  if (base == connection.values.end()) return false;
  const Result<Url> url = parse_url(base->second.value);
  return url && is_loopback_host(url->host);
}

/// Every key of `platform` may go where it would go.
Status check_binding(const ConnectionSettings& platform, const std::string& file_base_url,
                     const ConfigSources& sources) {
  const Setting& base = platform.values.at("base_url");
  const Result<Url> url = parse_url(base.value);
  if (!url) {
    return make_error(
        ErrorCode::invalid, "config",
        base.named_at + ": base_url of " + platform.name + " is not an http or https URL.",
        "base_url: https://host");
  }
  const bool loopback = is_loopback_host(url->host);
  if (url->scheme == "http" && !loopback) {
    return make_error(ErrorCode::invalid, "egress",
                      base.named_at + ": a key never travels over plain http.",
                      "use https, or a loopback address");
  }
  for (const auto& [name, key] : platform.values) {
    if (!is_key(name)) continue;
    if (Status bound = check_key(platform, name, key, *url, file_base_url, sources); !bound)
      return bound;
  }
  return ok();
}

}  // namespace

Result<Config> load_config(const ConfigSources& sources) {
  Config config;
  const Result<std::string> file = find_file(sources);
  if (!file) return file.error();
  config.file = *file;
  if (!config.file.empty()) {
    const std::size_t slash = config.file.rfind('/');
    config.directory = slash == std::string::npos ? "." : config.file.substr(0, slash);
    std::ifstream in(config.file, std::ios::binary);
    std::string source;
    source.resize(kYamlBytesMax + 1);
    in.read(source.data(), static_cast<std::streamsize>(source.size()));
    source.resize(static_cast<std::size_t>(in.gcount()));
    const SourceText text(source);
    Findings findings(text);
    YamlNode root;
    if (parse_yaml(findings, root)) RootReader(config, findings).read(root);
    if (findings.has_errors()) return first_error(findings.take(), config.file, "config", "");
  }
  if (config.connections.empty()) {
    config.connections["platform"] =
        ConnectionSettings{.name = "platform", .kind = {.value = "managed_agents"}};
    config.connections["issuer"] = ConnectionSettings{.name = "issuer", .kind = {.value = "oauth"}};
  }
  std::map<std::string, std::string, std::less<>> file_base_urls;
  for (auto& [name, connection] : config.connections) {
    const auto base = connection.values.find("base_url");
    if (base != connection.values.end()) file_base_urls[name] = base->second.value;
  }
  if (Status applied = apply_connect(config, sources); !applied) return applied.error();
  for (auto& [name, connection] : config.connections) {
    if (connection.kind.value == "http") {
      if (Status complete = complete_http(connection, config.directory); !complete)
        return complete.error();
    }
    if (connection.kind.value != "managed_agents") continue;
    if (Status complete = complete_platform(connection, sources); !complete)
      return complete.error();
    if (Status bound = check_binding(connection, file_base_urls[name], sources); !bound)
      return bound.error();
  }
  const std::string home = home_of(sources);
  const std::string state_home =
      sources.environment("XDG_STATE_HOME").value_or(home + "/.local/state");
  const std::string key_home =
      (config.file.empty()
           ? sources.environment("XDG_CONFIG_HOME").value_or(home + "/.config") + "/quell"
           : config.directory);
  config.database.value = config.database.empty()
                              ? state_home + "/quell/quell.db"
                              : absolute(config.database.value, config.directory);
  config.seal_key.value = key_path(config.seal_key, key_home + "/quell.key", config.directory);
  config.mac_key.value = key_path(config.mac_key, key_home + "/quell-mac.key", config.directory);
  config.signing_key.value =
      key_path(config.signing_key, key_home + "/quell-signing.pem", config.directory);
  config.inputs_dir = absolute(config.inputs_dir, config.directory);
  for (std::string& folder : config.playbook_dirs) folder = absolute(folder, config.directory);
  for (std::string& folder : config.issuer_profile_dirs)
    folder = absolute(folder, config.directory);
  return config;
}

std::map<std::string, OriginLimits, std::less<>> origin_limits(const Config& config) {
  std::map<std::string, OriginLimits, std::less<>> limits;
  const auto stricter = [](std::optional<double>& mine, const std::optional<double>& other) {
    if (other) mine = mine ? std::min(*mine, *other) : *other;
  };
  for (const auto& [name, connection] : config.connections) {
    const auto base = connection.values.find("base_url");
    if (base == connection.values.end()) continue;
    OriginLimits& mine = limits[origin_of_url(base->second.value)];
    stricter(mine.read, connection.limits.read);
    stricter(mine.write, connection.limits.write);
  }
  return limits;
}

bool platform_is_loopback(const Config& config) {
  return std::any_of(config.connections.begin(), config.connections.end(), [](const auto& one) {
    return one.second.kind.value == "managed_agents" && is_on_loopback(one.second);
  });
}

bool loopback_is_open(const Config& config) {
  return std::any_of(config.connections.begin(), config.connections.end(),
                     [](const auto& one) { return is_on_loopback(one.second); });
}

std::vector<std::string> references_in_use(const Config& config) {
  std::vector<std::string> references{config.seal_key.value, config.mac_key.value,
                                      config.signing_key.value};
  const auto add = [&](const Setting& setting) {
    if (!setting.empty()) references.push_back(setting.value);
  };
  for (const auto& [name, connection] : config.connections) {
    for (const auto& [key, setting] : connection.values) {
      if (is_key(key) || key == "signing_key" || is_http_secret(key)) add(setting);
    }
    for (const IssuerSettings& issuer : connection.issuers) {
      add(issuer.client_secret);
      add(issuer.private_key_jwt);
      add(issuer.admin_token);
    }
    for (const ReceiverSettings& receiver : connection.receivers) add(receiver.bearer);
  }
  for (const SourceSettings& source : config.alerts.sources) {
    for (const KeySetting& key : source.keys) references.push_back(key.reference.to_string());
  }
  for (const DestinationSettings& destination : config.notify.destinations) {
    for (const KeySetting& key : destination.keys) references.push_back(key.reference.to_string());
  }
  return references;
}

}  // namespace quell
