#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "orchestrator/playbook/diagnostics.h"
#include "orchestrator/playbook/model.h"

namespace quell {

// File rules of the playbook language, section 1.
inline constexpr std::size_t kYamlBytesMax = 1U << 20;
inline constexpr std::size_t kYamlDepthMax = 32;
inline constexpr std::size_t kYamlNodesMax = 10'000;
// A file of the largest size could hold 200,000 expressions, and checking them would take seconds.
inline constexpr std::size_t kExpressionsMax = 10'000;

struct YamlMember;

/// One node of a YAML document, with byte offsets into the source. The library that read it is
/// not visible here.
struct YamlNode {
  enum class Kind : std::uint8_t { null, boolean, integer, number, string, list, map };
  enum class Style : std::uint8_t { plain, single_quoted, double_quoted, block };

  Kind kind = Kind::null;
  Style style = Style::plain;
  std::string text{};  // of a scalar, unquoted and unfolded
  std::size_t offset = 0;
  bool empty = false;  // nothing stands there: `key:`
  std::vector<YamlNode> items;
  std::vector<YamlMember> members;  // in file order, keys unique

  bool is_scalar() const noexcept { return kind != Kind::list && kind != Kind::map; }
  /// The value of `key` in a map, else null.
  const YamlNode* find(std::string_view key) const noexcept;
  /// The key itself as it stands in the file, else null.
  const YamlNode* find_key(std::string_view key) const noexcept;
};

struct YamlMember {
  YamlNode key;
  YamlNode value;
};

std::string_view to_string(YamlNode::Kind kind) noexcept;

/// The lines of a file; turns byte offsets into positions. Columns count characters, from 1.
class SourceText {
 public:
  explicit SourceText(std::string_view text);
  std::string_view text() const noexcept { return text_; }
  Position position(std::size_t offset) const noexcept;

 private:
  std::string_view text_;
  std::vector<std::size_t> starts_{};  // of each line
};

/// A stretch of the source.
struct SourceSpan {
  std::size_t offset = 0;
  std::size_t length = 1;
};

/// Where `length` bytes from byte `at` of the scalar's text stand in the source. Exact for plain
/// and quoted scalars, escapes and folded lines included; a stretch ends at the end of its line.
SourceSpan locate(const YamlNode& scalar, std::string_view source, std::size_t at,
                  std::size_t length);
/// The scalar's whole text without its quotes; of a list or map its first character.
SourceSpan span_of(const YamlNode& node, std::string_view source);

/// The findings of one file, gathered in one pass. Keeps at most kFindingsMax and says when there
/// are more.
class Findings {
 public:
  static constexpr std::size_t kFindingsMax = 500;

  explicit Findings(const SourceText& source) : source_(source) {}

  void error(SourceSpan span, std::string_view code, std::string message, std::string hint = {});
  void warning(SourceSpan span, std::string_view code, std::string message, std::string hint = {});
  /// As above, under the whole of `node`.
  void error(const YamlNode& node, std::string_view code, std::string message,
             std::string hint = {});
  void warning(const YamlNode& node, std::string_view code, std::string message,
               std::string hint = {});
  bool has_errors() const noexcept { return errors_ > 0; }
  std::size_t errors() const noexcept { return errors_; }
  const SourceText& source() const noexcept { return source_; }
  Position position(const YamlNode& node) const noexcept { return source_.position(node.offset); }
  int line(const YamlNode& node) const noexcept { return position(node).line; }
  /// Sorted by line and column, each finding once.
  std::vector<Diagnostic> take();

 private:
  void add(Diagnostic::Severity severity, SourceSpan span, std::string_view code,
           std::string message, std::string hint);

  const SourceText& source_;
  std::vector<Diagnostic> found_{};
  std::size_t errors_ = 0;
  std::size_t dropped_ = 0;
};

/// Reads one YAML document under the file rules. What breaks them goes to `findings`; gives false
/// when no tree could be built that is worth checking further.
bool parse_yaml(Findings& findings, YamlNode& root);

/// A word of the file, fit to stand in a message: escaped and cut to 60 characters.
std::string shown(std::string_view word);

}  // namespace quell
