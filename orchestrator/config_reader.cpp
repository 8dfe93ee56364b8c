#include "orchestrator/config_reader.h"

#include <algorithm>
#include <charconv>

#include "orchestrator/playbook/diagnostics.h"

namespace quell {

bool ConfigReader::is_map(const YamlNode& node, std::string_view what) {
  if (node.kind == YamlNode::Kind::map) return true;
  findings_.error(node, "wrong-type", std::string(what) + " is a map of keys");
  return false;
}

bool ConfigReader::is_list(const YamlNode& node, std::string_view what, std::size_t most) {
  if (node.kind != YamlNode::Kind::list) {
    findings_.error(node, "wrong-type", std::string(what) + " is a list");
    return false;
  }
  if (node.items.size() <= most) return true;
  findings_.error(node, "too-many",
                  std::string(what) + " has more than " + std::to_string(most) + " entries");
  return false;
}

bool ConfigReader::is_known(const YamlNode& key, std::span<const std::string_view> names) {
  if (std::find(names.begin(), names.end(), key.text) != names.end()) return true;
  const std::string near = nearest_word(key.text, {names.begin(), names.end()});
  findings_.error(key, "unknown-key", "unknown key \"" + shown(key.text) + "\"",
                  near.empty() ? "" : "did you mean \"" + near + "\"?");
  return false;
}

std::string ConfigReader::text(const YamlNode& node, std::string_view what) {
  if (node.is_scalar() && node.kind != YamlNode::Kind::null && !node.text.empty()) return node.text;
  findings_.error(node, "wrong-type", std::string(what) + " is a text");
  return {};
}

std::vector<std::string> ConfigReader::texts(const YamlNode& node, std::string_view what) {
  std::vector<std::string> list;
  if (!is_list(node, what, kTextsMax)) return list;
  for (const YamlNode& item : node.items) list.push_back(text(item, what));
  return list;
}

std::string ConfigReader::word(const YamlNode& node, std::string_view what,
                               std::span<const std::string_view> known) {
  std::string given = text(node, what);
  if (given.empty() || std::find(known.begin(), known.end(), given) != known.end()) return given;
  std::string all;
  for (const std::string_view one : known) all += (all.empty() ? "" : ", ") + std::string(one);
  findings_.error(node, "unknown-word", std::string(what) + " is none of " + all);
  return {};
}

bool ConfigReader::flag(const YamlNode& node, std::string_view what) {
  if (node.kind != YamlNode::Kind::boolean)
    findings_.error(node, "wrong-type", std::string(what) + " is true or false");
  return node.kind == YamlNode::Kind::boolean && node.text == "true";
}

void ConfigReader::number(const YamlNode& node, std::string_view what, int most, int& target) {
  int value = 0;
  const char* const begin = node.text.data();
  const auto [end, error] = std::from_chars(begin, begin + node.text.size(), value);
  const bool whole = node.kind == YamlNode::Kind::integer && error == std::errc{} &&
                     end == begin + node.text.size();
  if (!whole || value < 0 || value > most) {
    findings_.error(node, "wrong-type",
                    std::string(what) + " is a whole number from 0 to " + std::to_string(most));
    return;
  }
  target = value;
}

std::string path_from(const std::string& directory, const std::filesystem::path& path) {
  return (path.is_absolute() ? path : directory / path).string();
}

}  // namespace quell
