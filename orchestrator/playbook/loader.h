#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/action.h"
#include "orchestrator/playbook/diagnostics.h"
#include "orchestrator/playbook/model.h"

namespace quell {

/// The actions that a connection name offers, or empty when there is no such connection;
/// `connections` lists the names for suggestions. Without a configuration `platform` and `issuer`
/// stand for their default kinds.
struct ActionCatalog {
  std::vector<std::string> connections{};
  std::function<std::span<const ActionSpec>(std::string_view connection)> actions_of{};
};

/// The playbooks that a file may call. Without `source_of` there are none; `ids` are for
/// suggestions.
struct PlaybookSources {
  std::vector<std::string> ids{};
  std::function<std::optional<std::string>(std::string_view id)> source_of{};
};

struct LoadResult {
  std::optional<Playbook> playbook{};     // only when no diagnostic is an error
  std::vector<Diagnostic> diagnostics{};  // sorted by line and column
};

/// Parses and checks one playbook completely: file rules, keys, types, expressions, verify, undo,
/// order. All findings in one pass. `file` is for messages; its stem must equal the playbook's id.
/// Playbooks that it calls are taken from `others`, and checked too.
LoadResult load_playbook(std::string_view source, std::string_view file,
                         const ActionCatalog& catalog, const PlaybookSources& others = {});

}  // namespace quell
