#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/playbook/loader.h"

namespace quell::test {

/// `platform`, `issuer` and `report` as the connectors declare them, and `lab` with actions that no
/// connector has yet.
const ActionCatalog& catalog();

/// Playbooks that the tests may call: `kill-session` takes `session_id` and an optional `token`,
/// `purge` archives a credential, `broken` does not load, `ring` calls `p`; and the shipped ones.
const PlaybookSources& callable();

/// The findings of a file as `line:column: code`, warnings with a leading `w `.
std::vector<std::string> findings(std::string_view source, std::string_view file = "p.yaml");

/// One text of them, so that a failing check shows both sides.
std::string joined(const std::vector<std::string>& lines);

/// A playbook `p` whose steps begin in line kFirstStepLine.
std::string with_steps(std::string_view steps);
inline constexpr int kFirstStepLine = 13;

/// `path` below the top of the source tree.
std::string source_path(const std::string& path);
/// A file of the source tree.
std::string read_source_file(const std::string& path);

}  // namespace quell::test
