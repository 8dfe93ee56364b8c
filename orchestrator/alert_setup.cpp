#include "orchestrator/alert_setup.h"

#include <algorithm>
#include <map>
#include <utility>

#include "state/base/bytes.h"
#include "state/base/json.h"
#include "state/base/sha256.h"

namespace quell {
namespace {

/// Playbooks as run by alerts: from files that nobody else can write, read for each alert and
/// checked once for each content.
class TrustedPlaybooks {
 public:
  TrustedPlaybooks(const Config& config, const ConnectorSet& connectors)
      : config_(config), connectors_(connectors) {}

  Result<std::shared_ptr<const Playbook>> find(std::string_view id) {
    const Result<PlaybookFile> file = find_playbook(id, config_);
    if (!file) return file.error();
    if (file->distrust) return *file->distrust;
    std::shared_ptr<const Playbook>& known = known_[std::string(id)];
    if (known && known->source == file->source && known->called.empty()) return known;
    const PlaybookSources others = others_beside(*file, config_, FileTrust::ours);
    if (known && known->source == file->source && are_as_called(known->called, others))
      return known;
    const auto checked = load_checked(*file, connectors_, others);
    if (checked) known = *checked;
    return checked;
  }

 private:
  static bool are_as_called(const std::map<std::string, std::string>& called,
                            const PlaybookSources& others) {
    return std::ranges::all_of(
        called, [&](const auto& one) { return others.source_of(one.first) == one.second; });
  }

  const Config& config_;
  const ConnectorSet& connectors_;
  std::map<std::string, std::shared_ptr<const Playbook>> known_{};  // as many as routes name
};

/// URLs that the configuration itself names: an alert may speak of no other.
std::set<std::string, std::less<>> known_urls(const Config& config) {
  std::set<std::string, std::less<>> urls;
  for (const auto& [name, connection] : config.connections) {
    for (const IssuerSettings& issuer : connection.issuers)
      urls.insert(issuer.match_mcp_server_url.value);
  }
  urls.erase("");
  return urls;
}

}  // namespace

Status check_routes(const Config& config, const ConnectorSet& connectors) {
  TrustedPlaybooks playbooks(config, connectors);
  for (const Route& route : config.alerts.routes) {
    const auto playbook = playbooks.find(route.playbook);
    if (!playbook) {
      return make_error(ErrorCode::invalid, "config",
                        route.named_at + ": " + describe(playbook.error()), playbook.error().hint);
    }
    const auto& inputs = (*playbook)->inputs;
    for (const auto& [name, text] : route.inputs) {
      if (std::ranges::find(inputs, name, &InputSpec::name) != inputs.end()) continue;
      return make_error(ErrorCode::invalid, "config",
                        route.named_at + ": " + route.playbook + " has no input " + name + ".",
                        "quell run " + route.playbook + " --help lists them");
    }
  }
  return ok();
}

std::string route_digest(const Route& route, const Playbook& playbook,
                         const ConnectorSet& connectors) {
  ValueMap called;
  for (const auto& [id, source] : playbook.called) called.emplace(id, hex_encode(sha256(source)));
  ValueMap pins;
  for (const auto& [name, connector] : connectors) pins.emplace(name, connector->pins());
  return hex_encode(sha256(to_json(Value::map({{"playbook", playbook.sha256},
                                               {"called", Value(std::move(called))},
                                               {"route", route.terms},
                                               {"pins", Value(std::move(pins))}}))));
}

namespace {

/// Is the route what somebody armed?
bool is_armed(const Route& route, std::string_view digest) {
  return route.mode == RouteMode::automatic && route.armed && !route.digest.empty() &&
         digest.starts_with(route.digest);
}

std::string_view by_itself(const Route& route, std::string_view digest) {
  if (is_armed(route, digest)) return "yes, inside its scope";
  if (route.mode != RouteMode::automatic) return "no";
  return route.armed ? "no: it is not what was armed" : "no: not armed";
}

}  // namespace

Result<Value> hook_routes_document(const Config& config, const ConnectorSet& connectors) {
  TrustedPlaybooks playbooks(config, connectors);
  ValueList routes;
  for (const Route& route : config.alerts.routes) {
    const auto playbook = playbooks.find(route.playbook);
    if (!playbook) return playbook.error();
    const std::string digest = route_digest(route, **playbook, connectors);
    routes.push_back(Value::map({{"route", route.named_at},
                                 {"playbook", route.playbook},
                                 {"mode", to_string(route.mode)},
                                 {"digest", digest},
                                 {"armed", is_armed(route, digest)},
                                 {"by_itself", by_itself(route, digest)}}));
  }
  return Value::map({{"routes", Value(std::move(routes))}});
}

std::unique_ptr<AlertJudge> make_judge(const Config& config, const ConnectorSet& connectors,
                                       std::function<std::string(const Secret&)> fingerprint) {
  return std::make_unique<AlertJudge>(AlertJudge::Parts{
      .routes = config.alerts.routes,
      .find_playbook = [playbooks = std::make_shared<TrustedPlaybooks>(config, connectors)](
                           std::string_view id) { return playbooks->find(id); },
      .digest_of =
          [&connectors](const Route& route, const Playbook& playbook) {
            return route_digest(route, playbook, connectors);
          },
      .fingerprint = std::move(fingerprint),
      .known_urls = known_urls(config)});
}

}  // namespace quell
