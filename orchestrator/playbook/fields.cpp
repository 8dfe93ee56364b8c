#include "orchestrator/playbook/fields.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>

namespace quell {
namespace {

constexpr std::size_t kNameMax = 64;
constexpr std::size_t kWordsShownMax = 16;

constexpr std::array<std::string_view, 21> kReserved{
    "as",       "break",     "const",  "continue", "else", "false", "for",
    "function", "if",        "import", "in",       "let",  "loop",  "null",
    "package",  "namespace", "return", "true",     "var",  "void",  "while"};
constexpr std::array<std::string_view, 5> kRoots{"inputs", "steps", "run", "result", "alert"};

bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_name_character(char c) noexcept {
  return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
}

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& words, std::string_view word) noexcept {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::optional<std::int64_t> parse_whole(std::string_view text) noexcept {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

Fields::Fields(Findings& findings, const YamlNode& node, std::string_view what,
               std::vector<std::string> known)
    : findings_(findings), node_(node), what_(what) {
  if (node.kind != YamlNode::Kind::map) {
    findings.error(node, "wrong-type",
                   fmt::format("{} is a map, not {}", what, to_string(node.kind)),
                   fmt::format("its keys are {}", one_of(known)));
    return;
  }
  for (const YamlMember& member : node.members) {
    if (std::find(known.begin(), known.end(), member.key.text) != known.end()) continue;
    findings.error(member.key, "unknown-key",
                   fmt::format("unknown key \"{}\"", shown(member.key.text)),
                   suggestion(member.key.text, known));
  }
}

const YamlNode* Fields::get(std::string_view key) {
  const YamlNode* const value = node_.find(key);
  if (value == nullptr || !value->empty) return value;
  findings_.error(*node_.find_key(key), "missing-value", fmt::format("\"{}\" has no value", key),
                  "write one, or leave the key out");
  return nullptr;
}

const YamlNode* Fields::need(std::string_view key) {
  if (node_.kind == YamlNode::Kind::map && node_.find(key) == nullptr) {
    findings_.error(SourceSpan{.offset = node_.offset}, "missing-key",
                    fmt::format("{} has no \"{}\"", what_, key), fmt::format("add {}: ...", key));
  }
  return get(key);
}

std::optional<std::string> Fields::line(std::string_view key) {
  const YamlNode* const value = get(key);
  if (value == nullptr) return std::nullopt;
  std::optional<std::string> text = read_text(findings_, *value, key);
  if (text && text->find('\n') != std::string::npos) {
    findings_.error(*value, "bad-value", fmt::format("\"{}\" is one line", key), "shorten it");
    return std::nullopt;
  }
  if (const std::size_t at = text ? text->find("${") : std::string::npos; at != std::string::npos) {
    findings_.error(locate(*value, findings_.source().text(), at, 2), "bad-value",
                    fmt::format("\"{}\" takes no expressions", key), "write plain words");
    return std::nullopt;
  }
  return text;
}

std::optional<std::int64_t> Fields::whole(std::string_view key, WholeBounds bounds) {
  const YamlNode* const value = get(key);
  if (value == nullptr) return std::nullopt;
  if (value->kind != YamlNode::Kind::integer) {
    findings_.error(*value, "wrong-type",
                    fmt::format("\"{}\" is a whole number, not {}", key, to_string(value->kind)));
    return std::nullopt;
  }
  const std::optional<std::int64_t> number = parse_whole(value->text);
  if (!number || *number < bounds.min || *number > bounds.max) {
    findings_.error(*value, "bad-value",
                    fmt::format("\"{}\" is between {} and {}", key, bounds.min, bounds.max));
    return std::nullopt;
  }
  return number;
}

std::optional<bool> Fields::flag(std::string_view key) {
  const YamlNode* const value = get(key);
  if (value == nullptr) return std::nullopt;
  if (value->kind != YamlNode::Kind::boolean) {
    findings_.error(*value, "wrong-type",
                    fmt::format("\"{}\" is true or false, not {}", key, to_string(value->kind)));
    return std::nullopt;
  }
  return value->text == "true";
}

std::optional<Duration> Fields::duration(std::string_view key, DurationBounds bounds) {
  const YamlNode* const value = get(key);
  return value == nullptr ? std::nullopt : read_duration(findings_, *value, key, bounds);
}

std::optional<std::string> Fields::word(std::string_view key,
                                        const std::vector<std::string>& words) {
  const YamlNode* const value = get(key);
  if (value == nullptr) return std::nullopt;
  std::optional<std::string> text = read_text(findings_, *value, key);
  if (!text || !check_word(findings_, *value, key, *text, words)) return std::nullopt;
  return text;
}

std::vector<std::string> Fields::word_list(std::string_view key,
                                           const std::vector<std::string>& words) {
  std::vector<std::string> list;
  const YamlNode* const value = get(key);
  if (value == nullptr) return list;
  if (value->kind != YamlNode::Kind::list) {
    findings_.error(*value, "wrong-type",
                    fmt::format("\"{}\" is a list, not {}", key, to_string(value->kind)),
                    fmt::format("write {}: [...]", key));
    return list;
  }
  for (const YamlNode& item : value->items) {
    std::optional<std::string> text = read_text(findings_, item, key);
    if (!text || !check_word(findings_, item, key, *text, words)) continue;
    if (std::find(list.begin(), list.end(), *text) != list.end()) {
      findings_.error(item, "bad-value", fmt::format("\"{}\" stands here twice", shown(*text)));
      continue;
    }
    list.push_back(std::move(*text));
  }
  return list;
}

std::optional<std::string> read_text(Findings& findings, const YamlNode& node,
                                     std::string_view name) {
  if (node.kind == YamlNode::Kind::string) return node.text;
  findings.error(node, "wrong-type",
                 fmt::format("\"{}\" is text, not {}", name, to_string(node.kind)),
                 node.is_scalar() && !node.empty ? "quote it" : "");
  return std::nullopt;
}

bool check_word(Findings& findings, const YamlNode& node, std::string_view name,
                std::string_view text, const std::vector<std::string>& words) {
  if (std::find(words.begin(), words.end(), text) != words.end()) return true;
  findings.error(node, "bad-value", fmt::format("\"{}\" cannot be \"{}\"", name, shown(text)),
                 suggestion(text, words));
  return false;
}

std::optional<Duration> read_duration(Findings& findings, const YamlNode& node,
                                      std::string_view name, DurationBounds bounds) {
  std::optional<Duration> duration;
  if (node.kind == YamlNode::Kind::string) duration = parse_duration(node.text);
  if (!duration) {
    findings.error(node, "bad-duration", fmt::format("\"{}\" is a duration", name),
                   node.kind == YamlNode::Kind::integer
                       ? fmt::format("a duration has a unit, for instance {}s", node.text)
                       : "for instance 500ms, 90s, 15m, 2h30m or 1d");
    return std::nullopt;
  }
  if (*duration < bounds.min || *duration > bounds.max) {
    findings.error(node, "bad-duration",
                   fmt::format("\"{}\" is between {} and {}", name, format_duration(bounds.min),
                               format_duration(bounds.max)));
    return std::nullopt;
  }
  return duration;
}

bool check_name(Findings& findings, const YamlNode& node, std::string_view what, NameUse use) {
  if (node.kind != YamlNode::Kind::string) {
    findings.error(node, "bad-id", fmt::format("{} is a word, not {}", what, to_string(node.kind)));
    return false;
  }
  const std::string& name = node.text;
  if (name.empty() || name.size() > kNameMax || !is_letter(name[0]) ||
      !std::all_of(name.begin(), name.end(), is_name_character)) {
    findings.error(node, "bad-id",
                   fmt::format("{} begins with a letter and has letters, digits and _ only", what),
                   fmt::format("expressions name it; at most {} characters", kNameMax));
    return false;
  }
  if (contains(kReserved, name) || (use == NameUse::root && contains(kRoots, name))) {
    findings.error(node, "bad-id", fmt::format("\"{}\" has a meaning in expressions already", name),
                   "choose another word");
    return false;
  }
  return true;
}

std::string one_of(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i == kWordsShownMax) return text + " ...";
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

std::string suggestion(std::string_view word, const std::vector<std::string>& known) {
  const std::string nearest = nearest_word(word, known);
  if (!nearest.empty()) return fmt::format("did you mean \"{}\"?", nearest);
  return known.empty() ? std::string{} : fmt::format("known here: {}", one_of(known));
}

}  // namespace quell
