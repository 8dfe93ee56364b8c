#pragma once

#include <optional>
#include <string>
#include <vector>

#include "orchestrator/alerts/route.h"
#include "orchestrator/alerts/source.h"
#include "orchestrator/playbook/yaml_tree.h"
#include "orchestrator/secret_reference.h"

namespace quell {

/// A signing secret as the configuration names it.
struct KeySetting {
  SecretReference reference{};
  std::string named_at{};  // `quell.yaml:31`
  std::optional<Timestamp> not_after{};
};

/// One entry under `alerts.sources`, its secrets still references.
struct SourceSettings {
  AlertSource source{};
  std::vector<KeySetting> keys{};
};

/// `alerts:`.
struct AlertSettings {
  std::vector<SourceSettings> sources{};
  std::vector<Route> routes{};
};

/// Reads `alerts:` of the configuration `file`; relative paths start at its folder `directory`.
/// Mistakes become findings with their place.
void read_alerts(const YamlNode& node, const std::string& file, const std::string& directory,
                 AlertSettings& settings, Findings& findings);

/// Reads `alerts.sources`, likewise. docs/alerts.md lists the keys of each kind.
std::vector<SourceSettings> read_sources(const YamlNode& node, const std::string& file,
                                         const std::string& directory, Findings& findings);

/// The sources with their secrets. Error topic "secret" or "config" names the line.
Result<std::vector<AlertSource>> resolve_sources(std::vector<SourceSettings> settings,
                                                 const SecretSource& secrets);

}  // namespace quell
