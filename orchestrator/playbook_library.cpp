#include "orchestrator/playbook_library.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "orchestrator/playbook/yaml_tree.h"

namespace quell {
namespace {

std::string id_of(const std::string& file_name) {
  return std::filesystem::path(file_name).stem().string();
}

/// Ids of the files in `folder`, which need not exist.
void add_ids(const std::string& folder, std::vector<std::string>& ids) {
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failed)) {
    if (entry.path().extension() == ".yaml") ids.push_back(entry.path().stem().string());
  }
}

}  // namespace

Result<PlaybookFile> read_playbook_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in)
    return make_error(ErrorCode::invalid, "playbook", path + ": no such file.",
                      "give a path, or the id of a shipped one");
  // One byte more than the language allows, so that the loader sees that it is too long.
  std::string source(kYamlBytesMax + 1, '\0');
  in.read(source.data(), static_cast<std::streamsize>(source.size()));
  source.resize(static_cast<std::size_t>(in.gcount()));
  return PlaybookFile{.file = path, .source = std::move(source)};
}

std::vector<std::string> playbook_ids(const Config& config) {
  std::vector<std::string> ids;
  for (const auto& [name, source] : shipped_playbooks()) ids.push_back(id_of(name));
  for (const std::string& folder : config.playbook_dirs) add_ids(folder, ids);
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

Result<PlaybookFile> find_playbook(std::string_view name, const Config& config) {
  const std::string text(name);
  if (text.find('/') != std::string::npos || text.ends_with(".yaml") || text.ends_with(".yml"))
    return read_playbook_file(text);
  for (const std::string& folder : config.playbook_dirs) {
    const std::string path = folder + "/" + text + ".yaml";
    std::error_code failed;
    if (std::filesystem::is_regular_file(path, failed)) return read_playbook_file(path);
  }
  for (const auto& [file, source] : shipped_playbooks()) {
    if (id_of(file) == text) return PlaybookFile{.file = file, .source = source};
  }
  const std::string near = nearest_word(text, playbook_ids(config));
  return make_error(ErrorCode::invalid, "playbook", "no playbook \"" + shown(text) + "\".",
                    near.empty() ? "give a path, or an id of a folder under playbooks:"
                                 : "did you mean " + near + "?");
}

ActionCatalog catalog_of(const ConnectorSet& connectors) {
  ActionCatalog catalog;
  for (const auto& [name, connector] : connectors) catalog.connections.push_back(name);
  catalog.actions_of = [&connectors](std::string_view connection) -> std::span<const ActionSpec> {
    const auto found = connectors.find(connection);
    return found == connectors.end() ? std::span<const ActionSpec>() : found->second->actions();
  };
  return catalog;
}

PlaybookLoader loader_for(const ConnectorSet& connectors) {
  return [&connectors](const std::string& source, const std::string& id,
                       const std::map<std::string, std::string>& called)
             -> Result<std::shared_ptr<const Playbook>> {
    PlaybookSources others;
    others.source_of = [&called](std::string_view name) -> std::optional<std::string> {
      const auto found = called.find(std::string(name));
      return found == called.end() ? std::nullopt : std::optional<std::string>(found->second);
    };
    return load_checked(PlaybookFile{.file = id + ".yaml", .source = source}, connectors, others);
  };
}

PlaybookSources others_beside(const PlaybookFile& file, const Config& config) {
  const std::string folder = std::filesystem::path(file.file).parent_path().string();
  PlaybookSources others;
  others.ids = playbook_ids(config);
  add_ids(folder, others.ids);
  others.source_of = [folder, config](std::string_view id) -> std::optional<std::string> {
    if (id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string_view::npos) {
      return std::nullopt;
    }
    if (!folder.empty()) {
      Result<PlaybookFile> beside = read_playbook_file(folder + "/" + std::string(id) + ".yaml");
      if (beside) return std::move(beside->source);
    }
    Result<PlaybookFile> known = find_playbook(id, config);
    return known ? std::optional<std::string>(std::move(known->source)) : std::nullopt;
  };
  return others;
}

Result<std::shared_ptr<const Playbook>> load_checked(const PlaybookFile& file,
                                                     const ConnectorSet& connectors,
                                                     const PlaybookSources& others) {
  LoadResult loaded = load_playbook(file.source, file.file, catalog_of(connectors), others);
  if (loaded.playbook) return std::make_shared<const Playbook>(std::move(*loaded.playbook));
  return first_error(std::move(loaded.diagnostics), file.file, "check",
                     "quell check " + file.file + " tells all of it");
}

}  // namespace quell
