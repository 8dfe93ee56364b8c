#include "orchestrator/preflight.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "connectors/classify.h"
#include "connectors/oauth/oauth_connector.h"
#include "connectors/url.h"
#include "orchestrator/playbook_library.h"
#include "orchestrator/rehearsal.h"

namespace quell {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSurvey = R"(quell: 1
id: preflight
title: What could be closed now
purpose: Read what is stored, what runs with it and who issued it; nothing is changed.
settings: {{run_timeout: 30m}}
steps:
  - id: survey
    use: {}.survey
)";
/// One for each connection of kind oauth.
constexpr std::string_view kDiscovery = R"(  - id: issuers_{}
    use: {}.discover
    foreach: {{items: "${{steps.survey.mcp_servers}}", as: s, key: "${{s.mcp_server_url}}", concurrency: 32, max: 10000}}
    with: {{mcp_server_url: "${{s.mcp_server_url}}", token_endpoint: "${{s.token_endpoint}}"}}
    retry: {{max: 1}}
    on_failure: continue
)";

/// Hands everything on, and looks at what the platform says the time is.
class ClockReadingTransport final : public HttpTransport {
 public:
  ClockReadingTransport(HttpTransport& behind, const Clock& clock, std::string origin)
      : behind_(behind), clock_(clock), origin_(std::move(origin)) {}

  void start(Ticket ticket, HttpRequest request) override {
    if (!difference_ && !asked_ && origin_of(request.url) == origin_) asked_ = ticket;
    behind_.start(ticket, std::move(request));
  }
  std::vector<Completion> poll(Timestamp until) override {
    std::vector<Completion> completions = behind_.poll(until);
    for (const Completion& completion : completions) {
      if (completion.ticket != asked_) continue;
      asked_.reset();
      if (!completion.answer) continue;
      if (const auto theirs = parse_http_date(completion.answer->header("date")))
        difference_ = *theirs - clock_.now();
    }
    return completions;
  }
  void wake() override { behind_.wake(); }

  std::optional<Duration> difference() const { return difference_; }

 private:
  HttpTransport& behind_;
  const Clock& clock_;
  std::string origin_;
  std::optional<Ticket> asked_{};
  std::optional<Duration> difference_{};
};

/// The connections that are asked.
struct Chosen {
  std::string platform{};
  std::vector<std::string> issuers{};
};

Result<Chosen> choose_connections(const PreflightParts& parts) {
  Chosen chosen{.platform = parts.connection};
  for (const auto& [name, settings] : parts.config.connections) {
    if (settings.kind.value == "oauth") chosen.issuers.push_back(name);
    if (settings.kind.value == "managed_agents" && chosen.platform.empty()) chosen.platform = name;
  }
  const auto found = parts.config.connections.find(chosen.platform);
  if (found == parts.config.connections.end() || found->second.kind.value != "managed_agents") {
    return make_error(ErrorCode::invalid, "config",
                      chosen.platform.empty()
                          ? std::string("no connection is of kind managed_agents.")
                          : "no connection \"" + chosen.platform + "\" is of kind managed_agents.",
                      "name one of quell.yaml's with --connection");
  }
  return chosen;
}

Result<std::shared_ptr<const Playbook>> survey_playbook(const Chosen& chosen,
                                                        const ConnectorSet& connectors) {
  PlaybookFile file{.file = "preflight.yaml", .source = fmt::format(kSurvey, chosen.platform)};
  for (std::size_t i = 0; i < chosen.issuers.size(); ++i)
    file.source += fmt::format(kDiscovery, i, chosen.issuers[i]);
  return load_checked(file, connectors, {});
}

/// The row of a connection's pins that names `url`, or null.
const Value* entry_for(const Value& pins, const std::string& url) {
  for (const Value& row : pins["issuers"].list_or_empty()) {
    if (same_mcp_url(row["mcp_server_url"].string_or(""), url)) return &row;
  }
  return nullptr;
}

/// What the discovery of one connection found behind one server.
Result<Value> discovered(const RunState& state, std::size_t connection, const std::string& url) {
  const auto step = state.steps.find("issuers_" + std::to_string(connection));
  if (step != state.steps.end()) {
    if (const auto at = step->second.item_index.find(url); at != step->second.item_index.end()) {
      const ItemState& item = step->second.items[at->second];
      if (item.error) return *item.error;
      return item.outputs;
    }
  }
  return make_error(ErrorCode::transient, "it was not looked at");
}

/// What configuration and the record alone know of the ways to end a grant for `server`.
Value undiscovered(const Connector& connector, const Value& server) {
  const auto* const oauth = dynamic_cast<const OauthConnector*>(&connector);
  if (oauth == nullptr) return {};
  return Value(ladder_value(oauth->ladder_for(server["mcp_server_url"].string_or(""), "",
                                              server["token_endpoint"].string_or(""))));
}

/// A server is asked through the connection that has an entry for it, else through the first.
ServerLook look_at(const Value& server, const Chosen& chosen, const ConnectorSet& connectors,
                   const RunState& state) {
  const std::string url = server["mcp_server_url"].string_or("");
  ServerLook look{.mcp_server_url = url};
  for (std::size_t i = 0; i < chosen.issuers.size(); ++i) {
    const Value pins = connectors.at(chosen.issuers[i])->pins();
    const Value* const entry = entry_for(pins, url);
    if (entry == nullptr && i > 0) continue;
    look.connection = chosen.issuers[i];
    look.discovered = discovered(state, i, url);
    look.ladder = look.discovered ? (*look.discovered)["ladder"]
                                  : undiscovered(*connectors.at(chosen.issuers[i]), server);
    look.has_profile = look.ladder["profile"].string_or("") != kGenericProfile;
    if (entry == nullptr) continue;
    look.is_configured = true;
    look.has_client = !(*entry)["client_id"].string_or("").empty();
    break;
  }
  return look;
}

/// `quell.yaml:11`, where a person would add an issuer.
std::string issuers_place(const Config& config, const Chosen& chosen) {
  for (const std::string& name : chosen.issuers) {
    const ConnectionSettings& settings = config.connections.at(name);
    if (!settings.issuers.empty())
      return settings.issuers.front().match_mcp_server_url.named_at;
    if (!settings.kind.named_at.empty()) return settings.kind.named_at;
  }
  return {};
}

bool lies_in(const std::string& path, const std::string& folder) {
  if (path.empty() || folder.empty()) return false;
  std::error_code failed;
  const fs::path file = fs::weakly_canonical(path, failed);
  const fs::path within = fs::weakly_canonical(folder, failed);
  const auto [end, rest] = std::mismatch(within.begin(), within.end(), file.begin(), file.end());
  return end == within.end() && rest != file.end();
}

}  // namespace

Result<Value> make_preflight(const PreflightParts& parts) {
  const Result<Chosen> chosen = choose_connections(parts);
  if (!chosen) return chosen.error();
  const Result<std::shared_ptr<const Playbook>> playbook =
      survey_playbook(*chosen, parts.connectors);
  if (!playbook) return playbook.error();
  const Connector& platform = *parts.connectors.at(chosen->platform);
  ClockReadingTransport transport(parts.transport, parts.clock, origin_of(platform.base_url()));
  const Result<Rehearsal> rehearsal = rehearse({.clock = parts.clock,
                                                .transport = transport,
                                                .connectors = parts.connectors,
                                                .limits = origin_limits(parts.config),
                                                .who = parts.who,
                                                .should_stop = parts.should_stop},
                                               *playbook, Value(ValueMap{}));
  if (!rehearsal) return rehearsal.error();
  if (const std::optional<Error> failure = failure_of(*rehearsal)) return *failure;
  const RunState& state = rehearsal->state;
  PreflightFacts facts{.at = parts.clock.now(),
                       .took = rehearsal->took,
                       .reads = rehearsal->plan.counts.read,
                       .connection = chosen->platform,
                       .key = platform.pins()["key"].string_or(""),
                       .issuers_place = issuers_place(parts.config, *chosen),
                       .clock_difference = transport.difference(),
                       .survey = state.steps.at("survey").items.front().outputs,
                       .drills = parts.drills,
                       .keys = misplaced_keys(parts.config),
                       .not_established = parts.not_established};
  for (const auto& [name, settings] : parts.config.connections) {
    if (settings.kind.value != "managed_agents" || name == chosen->platform) continue;
    facts.not_established.push_back(fmt::format(
        "what {} holds: one platform is asked at a time (quell preflight --connection {})", name,
        name));
  }
  const Result<Url> base = parse_url(platform.base_url());
  facts.host = base ? base->host : platform.base_url();
  for (const Value& server : facts.survey["mcp_servers"].list_or_empty())
    facts.servers.push_back(look_at(server, *chosen, parts.connectors, state));
  return judge_preflight(facts);
}

std::vector<KeyFinding> misplaced_keys(const Config& config) {
  std::vector<KeyFinding> findings;
  const std::string state = fs::path(config.database.value).parent_path().string();
  const auto own = [&](const Setting& key, std::string_view name) {
    if (!lies_in(key.value, state)) return;
    findings.push_back({.what = fmt::format("{} {} lies in the state's folder: whoever takes that "
                                            "folder can open what it holds",
                                            name, key.value),
                        .remedy = fmt::format("move it, and set {} in quell.yaml", name)});
  };
  own(config.seal_key, "seal_key");
  own(config.mac_key, "mac_key");
  own(config.signing_key, "signing_key");
  const auto borrowed = [&](const std::string& name, const Setting& key) {
    const Result<std::optional<SecretReference>> reference = parse_secret_reference(key.value);
    if (!reference || !*reference || (*reference)->kind != SecretReference::Kind::file) return;
    const fs::path written = (*reference)->name;
    const std::string path =
        written.is_absolute() ? written.string() : (fs::path(config.directory) / written).string();
    const bool in_state = lies_in(path, state);
    if (!in_state && !lies_in(path, config.directory)) return;
    findings.push_back(
        {.grave = in_state,
         .what = fmt::format(
             "{} ({}) lies {}", name, path,
             in_state ? "in the state's folder: whoever takes that folder has it"
                      : "beside the configuration: a copy of one is a copy of both"),
         .remedy = fmt::format("move it away, best into a systemd credential, and change {}",
                               key.named_at)});
  };
  for (const auto& [name, connection] : config.connections) {
    for (const char* const key : {"api_key", "admin_api_key"}) {
      const auto found = connection.values.find(key);
      if (found != connection.values.end()) borrowed(name + "." + key, found->second);
    }
    for (const IssuerSettings& issuer : connection.issuers) {
      borrowed("client_secret of " + issuer.match_mcp_server_url.value, issuer.client_secret);
      borrowed("private_key_jwt of " + issuer.match_mcp_server_url.value, issuer.private_key_jwt);
    }
  }
  std::stable_partition(findings.begin(), findings.end(),
                        [](const KeyFinding& one) { return one.grave; });
  return findings;
}

}  // namespace quell
