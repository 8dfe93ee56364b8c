#include "orchestrator/playbook_library.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <system_error>
#include <unistd.h>

#include "orchestrator/playbook/yaml_tree.h"
#include "state/private_file.h"

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
  // O_NONBLOCK: a pipe in its place must not hang us.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid())
    return make_error(ErrorCode::invalid, "playbook", path + ": no such file.",
                      "give a path, or the id of a shipped one");
  // One byte more than the language allows, so that the loader sees that it is too long.
  constexpr std::size_t kPiece = 16U << 10U;
  std::string source;
  std::size_t used = 0;
  while (used <= kYamlBytesMax) {
    source.resize(std::min(used + kPiece, kYamlBytesMax + 1));
    const ssize_t got = ::read(file.get(), source.data() + used, source.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      return make_error(ErrorCode::invalid, "playbook", path + " cannot be read.",
                        "name a YAML file");
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
  }
  source.resize(used);
  PlaybookFile read{.file = path, .source = std::move(source)};
  if (const Status trusted = check_trusted(file, path); !trusted) read.distrust = trusted.error();
  return read;
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

PlaybookSources others_beside(const PlaybookFile& file, const Config& config, FileTrust trust) {
  const std::string folder = std::filesystem::path(file.file).parent_path().string();
  PlaybookSources others;
  others.ids = playbook_ids(config);
  add_ids(folder, others.ids);
  others.source_of = [folder, config, trust](std::string_view id) -> std::optional<std::string> {
    if (id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string_view::npos) {
      return std::nullopt;
    }
    const auto may_take = [trust](const PlaybookFile& found) {
      return trust == FileTrust::anybodys || !found.distrust;
    };
    if (!folder.empty()) {
      Result<PlaybookFile> beside = read_playbook_file(folder + "/" + std::string(id) + ".yaml");
      if (beside)
        return may_take(*beside) ? std::optional(std::move(beside->source)) : std::nullopt;
    }
    Result<PlaybookFile> known = find_playbook(id, config);
    return known && may_take(*known) ? std::optional(std::move(known->source)) : std::nullopt;
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
