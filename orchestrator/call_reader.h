#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/declared_call.h"
#include "orchestrator/playbook/fields.h"
#include "orchestrator/playbook/yaml_tree.h"

namespace quell {

/// What may stand in braces, as far as a template has to know.
struct TemplateNames {
  std::function<bool(const std::string&)> is_known{};
  /// Stands in a body alone.
  std::function<bool(const std::string&)> is_secret{};
  /// Stands in JSON as it is, for it is no text; empty: none does.
  std::function<bool(const std::string&)> is_plain{};
  std::string remedy{};  // where an unknown one can be declared
};

/// Reads what declared calls have in common, those of issuer profiles and those of people's own
/// systems: texts, templates, bodies and the meaning of answers. Bounds: texts of 400 characters,
/// 16 entries a list, bodies nested 8 deep.
class CallReader {
 public:
  static constexpr std::size_t kTextsMax = 16;
  static constexpr std::size_t kTextMax = 400;

  explicit CallReader(Findings& findings) : findings_(findings) {}

  /// What templates from now on may name.
  void use(TemplateNames names) { names_ = std::move(names); }

  std::string checked_text(const YamlNode& node, std::string_view name);
  std::string text(Fields& fields, std::string_view key, bool needed);
  std::vector<std::string> texts(Fields& fields, std::string_view key);
  bool is_list(const YamlNode& node, std::string_view name, std::size_t most);
  bool is_map(const YamlNode& node, std::string_view name);

  template <typename Enum>
  std::optional<Enum> word(Fields& fields, std::string_view key,
                           const std::vector<std::string>& words, bool needed) {
    if (needed && fields.need(key) == nullptr) return std::nullopt;
    const std::optional<std::string> given = fields.word(key, words);
    return given ? declared_word<Enum>(*given) : std::nullopt;
  }

  /// Adds `text` to `parts`; its literals go through `encode`.
  void add_template(CallTemplate& parts, const YamlNode& node, const std::string& text,
                    const std::function<std::string(const std::string&)>& encode);
  std::vector<std::pair<std::string, CallTemplate>> headers(const YamlNode& node);
  /// `form:` or `json:`; none of both is no body.
  BodyKind body(CallTemplate& parts, Fields& fields, const YamlNode& node);
  /// Adds the members of `node`, called `name`, as a form.
  void add_form(CallTemplate& parts, const YamlNode& node, std::string_view name);
  std::vector<AnswerRule> answers(const YamlNode& node, const std::vector<std::string>& meanings);

 private:
  void add_json(CallTemplate& parts, const YamlNode& node, std::size_t depth);
  std::string checked_scalar(const YamlNode& node);

  Findings& findings_;
  TemplateNames names_{};
};

/// Lower-case letters, digits, - and _, a letter first, at most 64.
bool is_declared_id(std::string_view text) noexcept;

const std::vector<std::string>& certainty_words();

}  // namespace quell
