#include "orchestrator/call_reader.h"

#include <algorithm>

#include <fmt/format.h>

#include "state/base/bytes.h"
#include "state/base/json.h"

namespace quell {
namespace {

constexpr std::size_t kRulesMax = 16;
constexpr std::size_t kBodyDepthMax = 8;

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/// `text` is exactly one name in braces.
bool is_one_name(std::string_view text) {
  return text.size() > 2 && text.front() == '{' && text.find('}') == text.size() - 1;
}

/// Whatever fits `later` fits `earlier` before it.
bool hides(const AnswerRule& earlier, const AnswerRule& later) {
  return earlier.status == later.status &&
         std::all_of(earlier.json.begin(), earlier.json.end(), [&later](const auto& member) {
           return std::any_of(later.json.begin(), later.json.end(), [&member](const auto& one) {
             return one.first == member.first &&
                    (one.second == member.second || member.second == "*");
           });
         });
}

}  // namespace

std::string CallReader::checked_text(const YamlNode& node, std::string_view name) {
  const std::optional<std::string> given = read_text(findings_, node, name);
  if (!given) return {};
  if (given->size() > kTextMax || given->find('\n') != std::string::npos) {
    findings_.error(node, "bad-value",
                    fmt::format("\"{}\" is one line of at most {} characters", name, kTextMax));
    return {};
  }
  return *given;
}

std::string CallReader::text(Fields& fields, std::string_view key, bool needed) {
  const YamlNode* const node = needed ? fields.need(key) : fields.get(key);
  return node == nullptr ? std::string{} : checked_text(*node, key);
}

std::vector<std::string> CallReader::texts(Fields& fields, std::string_view key) {
  std::vector<std::string> out;
  const YamlNode* const node = fields.get(key);
  if (node == nullptr || !is_list(*node, key, kTextsMax)) return out;
  for (const YamlNode& item : node->items) out.push_back(checked_text(item, key));
  return out;
}

bool CallReader::is_list(const YamlNode& node, std::string_view name, std::size_t most) {
  if (node.kind != YamlNode::Kind::list) {
    findings_.error(node, "wrong-type", fmt::format("\"{}\" is a list", name));
    return false;
  }
  if (node.items.size() <= most) return true;
  findings_.error(node, "too-many", fmt::format("\"{}\" has more than {} entries", name, most));
  return false;
}

bool CallReader::is_map(const YamlNode& node, std::string_view name) {
  if (node.kind == YamlNode::Kind::map) return true;
  findings_.error(node, "wrong-type", fmt::format("\"{}\" is a map", name));
  return false;
}

void CallReader::add_template(CallTemplate& parts, const YamlNode& node, const std::string& text,
                              const std::function<std::string(const std::string&)>& encode) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t open = std::min(text.find('{', at), text.size());
    if (open > at) parts.push_back({.literal = encode(text.substr(at, open - at))});
    if (open == text.size()) return;
    const std::size_t close = text.find('}', open);
    std::string name =
        close == std::string::npos ? std::string{} : text.substr(open + 1, close - open - 1);
    if (!names_.is_known(name)) {
      findings_.error(node, "unknown-name",
                      fmt::format("nothing is known as {{{}}}", shown(name)), names_.remedy);
      return;
    }
    parts.push_back({.name = std::move(name)});
    at = close + 1;
  }
}

std::vector<std::pair<std::string, CallTemplate>> CallReader::headers(const YamlNode& node) {
  std::vector<std::pair<std::string, CallTemplate>> out;
  if (!is_map(node, "headers")) return out;
  for (const YamlMember& member : node.members) {
    const std::string& name = member.key.text;
    const std::string value = checked_text(member.value, "headers");
    const auto visible = [](char c) { return c >= ' ' && c < '\x7f'; };
    const bool token = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
    if (!token || is_reserved_header(name) || !std::all_of(value.begin(), value.end(), visible) ||
        out.size() == kTextsMax) {
      findings_.error(member.key, "bad-value",
                      fmt::format("\"{}\" cannot be a header of a call", shown(name)),
                      "auth, form and json write the rest");
      continue;
    }
    CallTemplate parts;
    add_template(parts, member.value, value, [](const std::string& text) { return text; });
    const bool secret = std::any_of(parts.begin(), parts.end(), [this](const TemplatePart& part) {
      return names_.is_secret(part.name);
    });
    if (secret) {
      findings_.error(member.value, "bad-value", "a secret stands in the body, or by auth");
      continue;
    }
    out.emplace_back(name, std::move(parts));
  }
  return out;
}

BodyKind CallReader::body(CallTemplate& parts, Fields& fields, const YamlNode& node) {
  const YamlNode* const form = fields.get("form");
  const YamlNode* const json = fields.get("json");
  if (form != nullptr && json != nullptr) {
    findings_.error(*node.find_key("json"), "two-kinds", "a call has either form or json");
  }
  if (form != nullptr) {
    add_form(parts, *form, "form");
    return BodyKind::form;
  }
  if (json == nullptr) return BodyKind::none;
  add_json(parts, *json, 0);
  return BodyKind::json;
}

void CallReader::add_form(CallTemplate& parts, const YamlNode& node, std::string_view name) {
  if (!is_map(node, name)) return;
  for (const YamlMember& member : node.members) {
    const std::string start = parts.empty() ? "" : "&";
    parts.push_back({.literal = start + form_encode(member.key.text) + "="});
    add_template(parts, member.value, checked_text(member.value, name),
                 [](const std::string& text) { return form_encode(text); });
  }
}

// Depth is bounded by kBodyDepthMax.
// NOLINTNEXTLINE(misc-no-recursion)
void CallReader::add_json(CallTemplate& parts, const YamlNode& node, std::size_t depth) {
  if (depth == kBodyDepthMax) {
    findings_.error(node, "too-deep", "the body is nested too deeply");
    return;
  }
  const auto literal = [&parts](std::string text) {
    parts.push_back({.literal = std::move(text)});
  };
  switch (node.kind) {
    case YamlNode::Kind::map:
      for (const YamlMember& member : node.members) {
        literal((&member == &node.members.front() ? "{" : ",") +
                to_json(Value(member.key.text)) + ":");
        add_json(parts, member.value, depth + 1);
      }
      literal(node.members.empty() ? "{}" : "}");
      return;
    case YamlNode::Kind::list:
      for (const YamlNode& item : node.items) {
        literal(&item == &node.items.front() ? "[" : ",");
        add_json(parts, item, depth + 1);
      }
      literal(node.items.empty() ? "[]" : "]");
      return;
    case YamlNode::Kind::boolean:
    case YamlNode::Kind::integer:
      literal(node.text);
      return;
    case YamlNode::Kind::null:
      literal("null");
      return;
    case YamlNode::Kind::number:
      findings_.error(node, "wrong-type", "a body holds texts, whole numbers, true and false");
      return;
    case YamlNode::Kind::string:
      if (names_.is_plain && is_one_name(node.text) &&
          names_.is_plain(node.text.substr(1, node.text.size() - 2))) {
        add_template(parts, node, node.text, [](const std::string& text) { return text; });
        return;
      }
      literal("\"");
      add_template(parts, node, node.text, [](const std::string& text) {
        const std::string quoted = to_json(Value(text));
        return quoted.substr(1, quoted.size() - 2);
      });
      literal("\"");
      return;
  }
}

std::vector<AnswerRule> CallReader::answers(const YamlNode& node,
                                            const std::vector<std::string>& meanings) {
  std::vector<AnswerRule> rules;
  if (!is_list(node, "answers", kRulesMax)) return rules;
  for (const YamlNode& item : node.items) {
    Fields fields(findings_, item, "an answer", {"status", "json", "means"});
    if (item.kind != YamlNode::Kind::map) continue;
    AnswerRule rule;
    fields.need("status");
    rule.status = static_cast<int>(fields.whole("status", {.min = 200, .max = 599}).value_or(0));
    if (const YamlNode* const json = fields.get("json"); json && is_map(*json, "json")) {
      for (const YamlMember& member : json->members)
        rule.json.emplace_back(member.key.text, checked_scalar(member.value));
    }
    rule.means = word<AnswerMeaning>(fields, "means", meanings, true)
                     .value_or(AnswerMeaning::refused);
    const bool success = rule.means == AnswerMeaning::done || rule.means == AnswerMeaning::already;
    if (success && rule.status >= 300 && rule.json.empty() && rule.status != 400) {
      findings_.error(item, "bad-value", "an error without a body is no success",
                      "say with json: what its body holds");
    }
    const bool hidden = std::any_of(rules.begin(), rules.end(), [&rule](const AnswerRule& one) {
      return hides(one, rule);
    });
    if (hidden) {
      findings_.error(item, "never-reached", "an earlier answer fits whatever fits this one",
                      "write the one with more conditions first");
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

std::string CallReader::checked_scalar(const YamlNode& node) {
  if (node.is_scalar() && node.kind != YamlNode::Kind::null &&
      node.kind != YamlNode::Kind::number && node.text.size() <= kTextMax)
    return node.text;
  findings_.error(node, "wrong-type", "an answer is told by texts, whole numbers, true or false");
  return {};
}

bool is_declared_id(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 64 && text.front() >= 'a' && text.front() <= 'z' &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_word_character(c) || c == '-'; });
}

const std::vector<std::string>& certainty_words() {
  static const std::vector<std::string> kWords{"tried", "source_read", "vendor_text",
                                               "copied_text", "unsure"};
  return kWords;
}

}  // namespace quell
