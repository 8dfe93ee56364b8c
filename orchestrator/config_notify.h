#pragma once

#include <string>
#include <vector>

#include "orchestrator/config_alerts.h"
#include "orchestrator/notify/destination.h"

namespace quell {

/// One entry under `notify`, its secrets still references.
struct DestinationSettings {
  Destination destination{};
  std::vector<KeySetting> keys{};
};

/// `notify:` and `public_url:`.
struct NotifySettings {
  std::vector<DestinationSettings> destinations{};
  std::string public_url{};  // without a slash at its end; empty: notices have no link
};

/// Reads `notify:` of the configuration file `file`; mistakes become findings with their place.
/// docs/notifications.md lists the keys of each kind.
void read_notify(const YamlNode& node, const std::string& file, NotifySettings& settings,
                 Findings& findings);
void read_public_url(const YamlNode& node, NotifySettings& settings, Findings& findings);

/// The destinations with their secrets. Error topic "secret" names the line.
Result<std::vector<Destination>> resolve_destinations(std::vector<DestinationSettings> settings,
                                                      const SecretSource& secrets);

}  // namespace quell
