// The only file that knows yaml-cpp, version 0.7 as Debian 12 ships it. The library reads more than
// the language allows (anchors, tags, several documents, YAML 1.1 words), so every event passes the
// file rules of the playbook language, section 1, before it becomes a node of our own tree.

#include "orchestrator/playbook/loader.h"

#include <algorithm>
#include <array>
#include <exception>
#include <istream>
#include <set>
#include <streambuf>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "orchestrator/playbook/reader.h"
#include "orchestrator/playbook/yaml_tree.h"
#include "state/base/bytes.h"

namespace quell {
namespace {

constexpr std::size_t kFlowMarksMax = 100'000;  // ten for each node that a file may have

/// Ends the reading of a file that broke a limit; it never leaves this file.
struct Refused : std::exception {
  const char* what() const noexcept override { return "refused by the file rules"; }
};

/// Reads from memory that outlives it.
class MemoryBuffer final : public std::streambuf {
 public:
  explicit MemoryBuffer(std::string_view text) {
    char* const begin = const_cast<char*>(text.data());  // setg asks for it; nothing is written
    setg(begin, begin, begin + text.size());
  }
};

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

/// `12`, `-3`, `1.50`; no sign `+`, no leading zero, no exponent, no other base.
std::optional<YamlNode::Kind> number_kind(std::string_view text) noexcept {
  if (text.starts_with('-')) text.remove_prefix(1);
  const auto digits =
      static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
  if (digits == 0 || (digits > 1 && text[0] == '0')) return std::nullopt;
  if (digits == text.size()) return YamlNode::Kind::integer;
  const std::string_view rest = text.substr(digits);
  if (rest[0] != '.' || rest.size() == 1) return std::nullopt;
  if (!std::all_of(rest.begin() + 1, rest.end(), is_digit)) return std::nullopt;
  return YamlNode::Kind::number;
}

YamlNode::Kind plain_kind(std::string_view text) noexcept {
  if (text == "null") return YamlNode::Kind::null;
  if (text == "true" || text == "false") return YamlNode::Kind::boolean;
  return number_kind(text).value_or(YamlNode::Kind::string);
}

/// Builds the tree from events.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(Findings& findings)
      : findings_(findings), source_(findings.source().text()) {}

  bool has_document() const noexcept { return documents_ > 0; }
  bool uses_refused_features() const noexcept { return unwanted_; }
  YamlNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ == 2) {
      refuse(offset_of(mark), "one-document", "a second document begins here",
             "a file holds one playbook");
    }
  }
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark& mark, const std::string&) override {
    unwanted(offset_of(mark), "an anchor", "write the value out where it is needed");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    unwanted(offset_of(mark), "an alias", "write the value out here");
    add(YamlNode{.offset = offset_of(mark)});
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    YamlNode node{.offset = offset_of(mark)};
    const std::string_view rest = source_.substr(std::min(node.offset, source_.size()));
    settle_null(node.offset);
    // Words of YAML 1.1 for null are text here.
    for (const std::string_view word : {"null", "~", "Null", "NULL"}) {
      if (!rest.starts_with(word)) continue;
      node.text = word;
      if (word != "null") node.kind = YamlNode::Kind::string;
    }
    node.empty = node.text.empty();
    check_tag(node.offset);
    add(std::move(node), true);
  }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                const std::string& value) override {
    YamlNode node{.text = value, .offset = offset_of(mark)};
    settle_null(node.offset);
    const char first = node.offset < source_.size() ? source_[node.offset] : '\0';
    node.style = first == '"'                   ? YamlNode::Style::double_quoted
                 : first == '\''                ? YamlNode::Style::single_quoted
                 : first == '|' || first == '>' ? YamlNode::Style::block
                                                : YamlNode::Style::plain;
    check_tag(node.offset);
    check_closed(node);
    node.kind =
        node.style == YamlNode::Style::plain ? plain_kind(node.text) : YamlNode::Kind::string;
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::list, mark);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    open(YamlNode::Kind::map, mark);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    YamlNode node{};
    std::optional<YamlNode> key{};
    bool skip_value = false;  // of a key that is refused
    std::set<std::string, std::less<>> keys{};
  };

  std::size_t offset_of(const YAML::Mark& mark) const noexcept {
    return mark.pos < 0 ? 0 : std::min(static_cast<std::size_t>(mark.pos), source_.size());
  }

  [[noreturn]] void refuse(std::size_t offset, std::string_view code, std::string message,
                           std::string hint) {
    findings_.error(SourceSpan{.offset = offset}, code, std::move(message), std::move(hint));
    throw Refused{};
  }

  void unwanted(std::size_t offset, std::string_view what, std::string hint) {
    unwanted_ = true;
    findings_.error(SourceSpan{.offset = offset}, "yaml-feature",
                    fmt::format("{} is not allowed in a playbook", what), std::move(hint));
  }

  void check_tag(std::size_t offset) {
    if (offset < source_.size() && source_[offset] == '!') {
      unwanted(offset, "a tag", "quote a text; everything else has its type by the language");
    }
  }

  /// The library takes a quoted text that ends with the file for a closed one.
  void check_closed(const YamlNode& node) {
    const bool is_double = node.style == YamlNode::Style::double_quoted;
    if (!is_double && node.style != YamlNode::Style::single_quoted) return;
    const char quote = is_double ? '"' : '\'';
    std::size_t at = node.offset + 1;
    while (at < source_.size()) {
      const bool escapes = is_double ? source_[at] == '\\' : source_.substr(at, 2) == "''";
      if (escapes) {
        at += 2;
      } else if (source_[at] != quote) {
        ++at;
      } else {
        return;
      }
    }
    refuse(node.offset, "yaml", "a quoted text is not closed", "close it where it ends");
  }

  void count(std::size_t offset) {
    if (++nodes_ > kYamlNodesMax) {
      refuse(offset, "too-large", fmt::format("the file has more than {} nodes", kYamlNodesMax),
             "a playbook is read by people at night: make several of it");
    }
  }

  /// What the library reported as null is `key:` with nothing behind it when the next node starts
  /// at the same place.
  void settle_null(std::size_t offset) {
    if (last_null_ == nullptr || last_null_->offset != offset) return;
    last_null_->kind = YamlNode::Kind::null;
    last_null_->text.clear();
    last_null_->empty = true;
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark) {
    const std::size_t offset = offset_of(mark);
    last_null_ = nullptr;
    count(offset);
    check_tag(offset);
    if (frames_.size() >= kYamlDepthMax) {
      refuse(offset, "too-deep", fmt::format("more than {} levels of nesting", kYamlDepthMax),
             "the deepest playbook needs far fewer");
    }
    frames_.push_back(Frame{.node = YamlNode{.kind = kind, .offset = offset}});
  }

  void close() {
    YamlNode node = std::move(frames_.back().node);
    frames_.pop_back();
    last_null_ = nullptr;
    attach(std::move(node), false);
  }

  void add(YamlNode node, bool is_null = false) {
    last_null_ = nullptr;
    count(node.offset);
    attach(std::move(node), is_null);
  }

  void attach(YamlNode node, bool is_null) {
    if (frames_.empty()) {
      if (documents_ <= 1) root_ = std::move(node);
      return;
    }
    Frame& frame = frames_.back();
    if (frame.node.kind == YamlNode::Kind::list) {
      frame.node.items.push_back(std::move(node));
      if (is_null) last_null_ = &frame.node.items.back();
    } else if (!frame.key) {
      accept_key(frame, std::move(node));
    } else {
      YamlNode key = std::move(*frame.key);
      frame.key.reset();
      if (frame.skip_value || (is_null && continues_text(frame, key, node))) return;
      frame.node.members.push_back({.key = std::move(key), .value = std::move(node)});
      if (is_null) last_null_ = &frame.node.members.back().value;
    }
  }

  /// `{help: the token, if it was found}`: to YAML the words behind the comma are a key without a
  /// value; to whoever wrote them they are the rest of the sentence. So they are, where a sentence
  /// stands in front of them.
  bool continues_text(Frame& frame, const YamlNode& key, const YamlNode& value) {
    constexpr std::array<std::string_view, 5> kSentences{"title", "purpose", "help", "message",
                                                         "reason"};
    if (!value.empty || frame.node.members.empty() || key.style != YamlNode::Style::plain) {
      return false;
    }
    YamlMember& before = frame.node.members.back();
    if (std::find(kSentences.begin(), kSentences.end(), before.key.text) == kSentences.end() ||
        before.value.kind != YamlNode::Kind::string ||
        before.value.style != YamlNode::Style::plain) {
      return false;
    }
    const std::size_t end = source_.find_first_of(",}:", key.offset);
    if (end == std::string_view::npos || source_[end] == ':') return false;
    before.value.text += ", " + key.text;
    return true;
  }

  void accept_key(Frame& frame, YamlNode key) {
    frame.skip_value = true;
    if (!key.is_scalar()) {
      findings_.error(SourceSpan{.offset = key.offset}, "bad-key", "a key must be a plain word",
                      "quote a text that begins with a bracket");
    } else if (key.text == "<<" && key.style == YamlNode::Style::plain) {
      unwanted(key.offset, "a merge key", "write the keys out here");
    } else if (!frame.keys.insert(key.text).second) {
      const auto first =
          std::find_if(frame.node.members.begin(), frame.node.members.end(),
                       [&](const YamlMember& member) { return member.key.text == key.text; });
      findings_.error(key, "duplicate-key",
                      fmt::format("key \"{}\" stands here a second time", shown(key.text)),
                      first == frame.node.members.end()
                          ? std::string{}
                          : fmt::format("the first is in line {}", findings_.line(first->key)));
    } else {
      frame.skip_value = false;
    }
    frame.key = std::move(key);
  }

  Findings& findings_;
  std::string_view source_;
  YamlNode root_{};
  std::vector<Frame> frames_{};
  YamlNode* last_null_ = nullptr;
  std::size_t nodes_ = 0;
  int documents_ = 0;
  bool unwanted_ = false;
};

/// Our sentence for what the library could not read; its own text is never shown.
std::string_view sentence_for(std::string_view message) noexcept {
  namespace msg = YAML::ErrorMsg;
  if (message == msg::END_OF_MAP || message == msg::END_OF_MAP_FLOW) {
    return "a { is not closed, or a key stands outside the map";
  }
  if (message == msg::END_OF_SEQ || message == msg::END_OF_SEQ_FLOW) {
    return "a list is not closed, or an entry is not in line with the others";
  }
  if (message == msg::EOF_IN_SCALAR || message == msg::DOC_IN_SCALAR) {
    return "a quoted text is not closed";
  }
  if (message == msg::MAP_KEY || message == msg::MAP_VALUE) {
    return "a key or a colon cannot stand here";
  }
  if (message == msg::ANCHOR_NOT_FOUND || message == msg::ALIAS_NOT_FOUND ||
      message.starts_with(msg::UNKNOWN_ANCHOR) || message == msg::CHAR_IN_ALIAS ||
      message == msg::CHAR_IN_ANCHOR) {
    return "anchors and aliases are not allowed in a playbook";
  }
  if (message == msg::BLOCK_ENTRY) return "a list entry cannot stand here";
  if (message == msg::FLOW_END) return "a closing bracket has no opening one";
  if (message == msg::TAB_IN_INDENTATION) {
    return "a tab stands where spaces must indent";
  }
  // The library puts the character behind it.
  if (message.starts_with(msg::INVALID_ESCAPE) || message == msg::INVALID_HEX ||
      message == msg::INVALID_UNICODE) {
    return "an escape in a double-quoted text is wrong";
  }
  return "this is not YAML that can be read";
}

/// Size, encoding and control characters, before the library sees a byte.
bool check_bytes(Findings& findings) {
  const std::string_view source = findings.source().text();
  if (source.size() > kYamlBytesMax) {
    findings.error(SourceSpan{}, "too-large",
                   fmt::format("the file has {} bytes, more than {}", source.size(), kYamlBytesMax),
                   "a playbook is at most 1 MiB");
    return false;
  }
  if (!is_valid_utf8(source)) {
    std::size_t good = 0;  // bytes of whole, valid characters
    for (std::size_t length = 1; length > 0; good += length) {
      const std::string_view rest = source.substr(good);
      length = 1;
      while (length <= 4 && !is_valid_utf8(rest.substr(0, length))) ++length;
      if (length > 4) length = 0;
    }
    findings.error(SourceSpan{.offset = good}, "not-utf8", "the file is not UTF-8 from here on",
                   "save it as UTF-8");
    return false;
  }
  const auto control = std::find_if(source.begin(), source.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20U && c != '\t' && c != '\n' && c != '\r') ||
           c == '\x7f';
  });
  if (control != source.end()) {
    findings.error(SourceSpan{.offset = static_cast<std::size_t>(control - source.begin())},
                   "control-character", "a control character stands here", "remove it");
    return false;
  }
  // yaml-cpp keeps every token behind an open bracket, which could turn out to be a key: a file of
  // brackets or commas would take 200 times its size.
  std::size_t marks = 0;
  for (std::size_t at = source.find_first_of("[]{},"); at != std::string_view::npos;
       at = source.find_first_of("[]{},", at + 1)) {
    if (++marks <= kFlowMarksMax) continue;
    findings.error(SourceSpan{.offset = at}, "too-large",
                   fmt::format("the file has more than {} brackets and commas", kFlowMarksMax),
                   "a playbook is read by people at night: make several of it");
    return false;
  }
  std::size_t expressions = 0;
  for (std::size_t at = source.find("${"); at != std::string_view::npos;
       at = source.find("${", at + 2)) {
    if (++expressions <= kExpressionsMax) continue;
    findings.error(SourceSpan{.offset = at}, "too-large",
                   fmt::format("the file has more than {} expressions", kExpressionsMax),
                   "a playbook is read by people at night: make several of it");
    return false;
  }
  return true;
}

}  // namespace

bool parse_yaml(Findings& findings, YamlNode& root) {
  if (!check_bytes(findings)) return false;
  TreeBuilder builder(findings);
  MemoryBuffer buffer(findings.source().text());
  std::istream stream(&buffer);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refused&) {
    return false;
  } catch (const YAML::Exception& error) {
    const std::size_t offset = error.mark.pos < 0 ? 0 : static_cast<std::size_t>(error.mark.pos);
    findings.error(SourceSpan{.offset = offset}, "yaml", std::string(sentence_for(error.msg)),
                   "look at the brackets, quotes and indentation just before");
    return false;
  } catch (const std::exception&) {
    findings.error(SourceSpan{}, "yaml", "the file could not be read as YAML");
    return false;
  }
  if (!builder.has_document()) {
    findings.error(SourceSpan{}, "empty", "the file is empty", "a playbook begins with quell: 1");
    return false;
  }
  root = builder.take();
  return !builder.uses_refused_features();
}

}  // namespace quell
