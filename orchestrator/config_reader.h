#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/playbook/yaml_tree.h"

namespace quell {

/// Reads maps, lists and plain values of the configuration; what is none becomes a finding with its
/// place.
class ConfigReader {
 public:
  static constexpr std::size_t kTextsMax = 1'000;

  explicit ConfigReader(Findings& findings) : findings_(findings) {}

  bool is_map(const YamlNode& node, std::string_view what);
  bool is_list(const YamlNode& node, std::string_view what, std::size_t most);
  /// Is `key` one of `names`? Else the nearest one is offered.
  bool is_known(const YamlNode& key, std::span<const std::string_view> names);
  std::string text(const YamlNode& node, std::string_view what);
  std::vector<std::string> texts(const YamlNode& node, std::string_view what);
  /// One of `known`; empty when it is none.
  std::string word(const YamlNode& node, std::string_view what,
                   std::span<const std::string_view> known);
  /// true or false, and nothing else that YAML may take for one.
  bool flag(const YamlNode& node, std::string_view what);
  void number(const YamlNode& node, std::string_view what, int most, int& target);

 private:
  Findings& findings_;
};

/// `path`, or where it is relative its place below `directory`.
std::string path_from(const std::string& directory, const std::filesystem::path& path);

}  // namespace quell
