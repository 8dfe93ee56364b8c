#pragma once

#include <string>
#include <string_view>

#include "connectors/http/http_connector.h"
#include "orchestrator/config.h"
#include "orchestrator/playbook/yaml_tree.h"
#include "state/base/result.h"

namespace quell {

/// Reads a connection of kind http: base_url, auth, actions (a map, or the name of a file),
/// assert_safe, safe_in_dry_run, limits. The last three stand in the configuration alone, whatever
/// a file of actions says. `file` is for places.
void read_http_connection(const YamlNode& node, const std::string& file,
                          ConnectionSettings& connection, Findings& findings);

/// Checks where the connection's credential would go, and reads its file of actions, if it has one,
/// from below `directory`. Errors name file and line; a file that others may write is refused, as
/// it says what is sent with our credential.
Status complete_http(ConnectionSettings& connection, const std::string& directory);

/// A setting of such a connection that is a secret.
bool is_http_secret(std::string_view key) noexcept;

HttpAuth http_auth(const ConnectionSettings& connection);

}  // namespace quell
