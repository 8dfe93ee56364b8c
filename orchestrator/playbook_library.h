#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "orchestrator/config.h"
#include "orchestrator/engine/fold.h"
#include "orchestrator/playbook/loader.h"

namespace quell {

/// A playbook file as found.
struct PlaybookFile {
  std::string file{};  // for messages
  std::string source{};
  /// Why somebody other than root and us may have written it.
  std::optional<Error> distrust{};
};

/// The playbooks that come with quell, as (file name, source); they are part of the program.
const std::vector<std::pair<std::string, std::string>>& shipped_playbooks();

/// The YAML file at `path`, or as much of it as the loader needs to see that it is too long.
Result<PlaybookFile> read_playbook_file(const std::string& path);

/// The playbook that `name` means: a path, or an id in the configured folders or among the shipped
/// ones. Errors suggest the nearest id.
Result<PlaybookFile> find_playbook(std::string_view name, const Config& config);

/// Ids of every playbook that find_playbook() knows, sorted.
std::vector<std::string> playbook_ids(const Config& config);

/// What the checker may know of `connectors`.
ActionCatalog catalog_of(const ConnectorSet& connectors);

/// Loads pinned sources with `connectors`, which outlive it.
PlaybookLoader loader_for(const ConnectorSet& connectors);

/// Whose files are taken.
enum class FileTrust : std::uint8_t { anybodys, ours };

/// The playbooks that `file` may call: those in its own folder, then those that find_playbook()
/// knows by id.
PlaybookSources others_beside(const PlaybookFile& file, const Config& config,
                              FileTrust trust = FileTrust::anybodys);

/// The checked playbook, or its first mistake as an Error.
Result<std::shared_ptr<const Playbook>> load_checked(const PlaybookFile& file,
                                                     const ConnectorSet& connectors,
                                                     const PlaybookSources& others);

}  // namespace quell
