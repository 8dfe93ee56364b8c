#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/http_tls.h"
#include "orchestrator/playbook/yaml_tree.h"

namespace quell {

/// `hooks:`, where alerts come in, or `panel:`, where people do.
struct ListenSettings {
  std::string host{};
  std::uint16_t port = 0;
  std::optional<HttpTlsFiles> tls{};
  /// Names and ports under which browsers know it, beside host and port (`panel` only).
  std::vector<std::string> hosts{};
  std::string place{};  // what the panel calls this quell
  std::string named_at{};

  /// Nobody else's machine can reach it.
  bool is_loopback() const;
};

/// Reads the listener `what` ("hooks" or "panel") of the configuration `file`; relative paths start
/// at its folder `directory`. Mistakes become findings with their place, and then there is none.
std::optional<ListenSettings> read_listener(const YamlNode& node, std::string_view what,
                                            const std::string& file, const std::string& directory,
                                            Findings& findings);

}  // namespace quell
