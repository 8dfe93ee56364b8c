#include "orchestrator/playbook/scope.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace quell {
namespace {

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\n' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

bool is_path(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
  });
}

/// Splits at every `&&` outside quotes and brackets; empty when another operator binds weaker, and
/// where a raw or triple-quoted text or a comment stands in between, for they are not followed
/// here.
std::vector<std::string_view> conjuncts(std::string_view text) {
  std::vector<std::string_view> parts;
  int depth = 0;
  char quote = '\0';
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != '\0') {
      if (c == '\\') ++i;
      if (c == quote) quote = '\0';
    } else if (c == '"' || c == '\'') {
      const bool is_raw = i > 0 && (text[i - 1] == 'r' || text[i - 1] == 'R');
      if (is_raw || text.substr(i, 3) == std::string(3, c)) return {};
      quote = c;
    } else if (text.substr(i, 2) == "//") {
      return {};
    } else if (c == '(' || c == '[' || c == '{') {
      ++depth;
    } else if (c == ')' || c == ']' || c == '}') {
      --depth;
    } else if (depth == 0 && (c == '?' || text.substr(i, 2) == "||")) {
      return {};
    } else if (depth == 0 && text.substr(i, 2) == "&&") {
      parts.push_back(trimmed(text.substr(start, i - start)));
      start = i + 2;
      ++i;
    }
  }
  parts.push_back(trimmed(text.substr(start)));
  return parts;
}

bool is_good_word(std::string_view text) noexcept {
  constexpr std::array<std::string_view, 6> kWords{"\"done\"",  "'done'",     "\"already\"",
                                                   "'already'", "\"proved\"", "'proved'"};
  return std::find(kWords.begin(), kWords.end(), trimmed(text)) != kWords.end();
}

/// `["done", "already"]`: every element says that the step ran.
bool is_good_list(std::string_view text) noexcept {
  text = trimmed(text);
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') return false;
  text = text.substr(1, text.size() - 2);
  for (;;) {
    const std::size_t comma = text.find(',');
    if (!is_good_word(text.substr(0, comma))) return false;
    if (comma == std::string_view::npos) return true;
    text.remove_prefix(comma + 1);
  }
}

/// X of `steps.X.outcome` or `steps.X.verdict`.
std::optional<std::string> step_tested(std::string_view path) {
  constexpr std::string_view kRoot = "steps.";
  if (!is_path(path) || !path.starts_with(kRoot)) return std::nullopt;
  path.remove_prefix(kRoot.size());
  const std::size_t dot = path.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view member = path.substr(dot + 1);
  if (member != "outcome" && member != "verdict") return std::nullopt;
  return std::string(path.substr(0, dot));
}

void read_conjunct(std::string_view part, Guards& guards) {
  // Brackets around the whole part say nothing.
  while (part.size() > 2 && part.front() == '(' && part.back() == ')') {
    part = trimmed(part.substr(1, part.size() - 2));
  }
  if (const std::size_t at = part.find("!="); at != std::string_view::npos) {
    const std::string_view left = trimmed(part.substr(0, at));
    const std::string_view right = trimmed(part.substr(at + 2));
    if (right == "null" && is_path(left)) guards.not_null.emplace_back(left);
    if (left == "null" && is_path(right)) guards.not_null.emplace_back(right);
    return;
  }
  if (const std::size_t at = part.find("=="); at != std::string_view::npos) {
    const std::string_view left = trimmed(part.substr(0, at));
    const std::string_view right = trimmed(part.substr(at + 2));
    if (auto id = step_tested(left); id && is_good_word(right)) guards.ran.push_back(*id);
    if (auto id = step_tested(right); id && is_good_word(left)) guards.ran.push_back(*id);
    return;
  }
  if (const std::size_t at = part.find(" in "); at != std::string_view::npos) {
    if (auto id = step_tested(trimmed(part.substr(0, at)));
        id && is_good_list(part.substr(at + 4))) {
      guards.ran.push_back(*id);
    }
  }
}

/// `type` with the member at `path` no longer null. Depth is that of the path.
Type narrowed(const Type& type, std::string_view path) {  // NOLINT(misc-no-recursion)
  if (path.empty()) {
    Type copy = type;
    copy.nullable = false;
    return copy;
  }
  const std::size_t dot = std::min(path.find('.'), path.size());
  const std::string_view name = path.substr(0, dot);
  if (type.find(name) == nullptr) return type;
  std::vector<Field> fields = *type.fields;
  for (Field& field : fields) {
    if (field.name == name) {
      field.type = narrowed(field.type, path.substr(std::min(dot + 1, path.size())));
    }
  }
  Type copy = Type::object(std::move(fields));
  copy.nullable = false;  // a member was seen in it
  return copy;
}

/// What an expression sees of a finished step.
Type result_type(const KnownStep& step, Nulls nulls) {
  if (step.opaque) return Type{};
  std::vector<Field> fields;
  fields.reserve(step.outputs.size() + 3);
  for (const Field& output : step.outputs) {
    Type type = nulls == Nulls::strict ? without_null(output.type) : output.type;
    if (step.may_not_have_run) type.nullable = true;
    fields.push_back(Field{.name = output.name, .type = std::move(type)});
  }
  fields.push_back(Field{.name = "outcome", .type = Type::of(Type::Kind::string)});
  fields.push_back(Field{.name = "verdict", .type = Type::of(Type::Kind::string)});
  fields.push_back(Field{.name = "error", .type = Type::of(Type::Kind::string).or_null()});
  return Type::object(std::move(fields));
}

}  // namespace

void Guards::add(const Guards& more) {
  not_null.insert(not_null.end(), more.not_null.begin(), more.not_null.end());
  ran.insert(ran.end(), more.ran.begin(), more.ran.end());
}

Guards guards_of(std::string_view condition) {
  Guards guards;
  for (const std::string_view part : conjuncts(condition)) read_conjunct(part, guards);
  return guards;
}

Locals Locals::with(std::string name, Type type) const {
  Locals copy = *this;
  copy.names.push_back(Field{.name = std::move(name), .type = std::move(type)});
  return copy;
}

Locals Locals::with(const Guards& more) const {
  Locals copy = *this;
  copy.guards.add(more);
  return copy;
}

// Depth is that of a declared type, which our own tables bound.
Type without_null(const Type& type) {  // NOLINT(misc-no-recursion)
  Type copy = type;
  copy.nullable = false;
  if (type.element) copy.element = std::make_shared<const Type>(without_null(*type.element));
  if (type.fields) {
    std::vector<Field> fields = *type.fields;
    for (Field& field : fields) field.type = without_null(field.type);
    copy.fields = std::make_shared<const std::vector<Field>>(std::move(fields));
  }
  return copy;
}

std::vector<std::pair<std::string, const YamlNode*>> inner_lists(const YamlNode& step) {
  std::vector<std::pair<std::string, const YamlNode*>> lists;
  if (const YamlNode* const parallel = step.find("parallel")) {
    for (const YamlMember& branch : parallel->members) {
      lists.emplace_back(branch.key.text, &branch.value);
    }
  }
  for (const char* const key : {"block", "rescue"}) {
    if (const YamlNode* const list = step.find(key)) lists.emplace_back(key, list);
  }
  return lists;
}

PlaybookScope::PlaybookScope(const SourceText& source, const std::vector<InputSpec>& inputs,
                             const YamlNode* steps, const YamlNode* finally_steps)
    : source_(source) {
  std::vector<Field> fields;
  fields.reserve(inputs.size());
  for (const InputSpec& input : inputs) {
    fields.push_back(Field{.name = input.name, .type = input.type});
  }
  inputs_ = Type::object(std::move(fields));
  if (steps != nullptr) collect(*steps, Place{});
  if (finally_steps != nullptr) collect(*finally_steps, Place{});
}

// Depth is that of the file, at most kYamlDepthMax.
void PlaybookScope::collect(  // NOLINT(misc-no-recursion)
    const YamlNode& steps, const Place& around) {
  for (const YamlNode& step : steps.items) {
    const YamlNode* const id = step.find("id");
    if (id != nullptr) by_id_.emplace(id->text, places_.size());
    by_node_.emplace(&step, places_.size());
    places_.push_back(Place{.id = id == nullptr ? "" : id->text,
                            .node = &step,
                            .line = source_.position(id == nullptr ? step.offset : id->offset).line,
                            .branches = around.branches,
                            .repeats = around.repeats});
    const bool is_parallel = step.find("parallel") != nullptr;
    std::size_t branch = 0;
    for (const auto& [name, list] : inner_lists(step)) {
      Place inner{.branches = around.branches, .repeats = around.repeats};
      if (is_parallel) inner.branches.emplace_back(&step, branch++);
      if (step.find("foreach") != nullptr) inner.repeats.push_back(&step);
      collect(*list, inner);
    }
  }
}

const PlaybookScope::Place* PlaybookScope::place_of(const YamlNode* node) const noexcept {
  const auto found = by_node_.find(node);
  return found == by_node_.end() ? nullptr : &places_[found->second];
}

int PlaybookScope::line_of(std::string_view id) const noexcept {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? 0 : places_[found->second].line;
}

const KnownStep* PlaybookScope::find(std::string_view id) const noexcept {
  const auto found = known_by_id_.find(id);
  return found == known_by_id_.end() ? nullptr : &known_[found->second];
}

void PlaybookScope::learn(KnownStep step) {
  ++version_;
  known_by_id_.emplace(step.id, known_.size());
  known_.push_back(std::move(step));
}

std::vector<KnownStep> PlaybookScope::forget_since(std::size_t mark) {
  ++version_;
  const auto first = known_.begin() + static_cast<std::ptrdiff_t>(mark);
  std::vector<KnownStep> taken(std::make_move_iterator(first),
                               std::make_move_iterator(known_.end()));
  known_.erase(first, known_.end());
  for (const KnownStep& step : taken) {
    const auto found = known_by_id_.find(step.id);
    if (found != known_by_id_.end() && found->second >= mark) known_by_id_.erase(found);
  }
  return taken;
}

void PlaybookScope::doubt_since(std::size_t mark) {
  ++version_;
  for (std::size_t i = mark; i < known_.size(); ++i) known_[i].may_not_have_run = true;
}

const Type& PlaybookScope::steps_type(Nulls nulls) const {
  Cached& cached = nulls == Nulls::strict ? strict_ : declared_;
  if (cached.version != version_) {
    std::vector<Field> fields;
    fields.reserve(known_.size());
    for (const KnownStep& step : known_) {
      fields.push_back(Field{.name = step.id, .type = result_type(step, nulls)});
    }
    cached = Cached{.version = version_, .steps = Type::object(std::move(fields))};
  }
  return cached.steps;
}

TypeScope PlaybookScope::types(const Locals& locals, Nulls nulls) const {
  TypeScope scope;
  scope.names["inputs"] = inputs_;
  scope.names["run"] =
      Type::object({Field{.name = "id", .type = Type::of(Type::Kind::string)},
                    Field{.name = "started_at", .type = Type::of(Type::Kind::timestamp)},
                    Field{.name = "now", .type = Type::of(Type::Kind::timestamp)}});
  Type steps = steps_type(nulls);
  for (const std::string& id : locals.guards.ran) {
    const KnownStep* const step = find(id);
    if (step == nullptr || !step->may_not_have_run) continue;
    KnownStep ran = *step;
    ran.may_not_have_run = false;
    std::vector<Field> fields = *steps.fields;
    for (Field& field : fields) {
      if (field.name == id) field.type = result_type(ran, nulls);
    }
    steps = Type::object(std::move(fields));
  }
  scope.names["steps"] = std::move(steps);
  for (const Field& name : locals.names) {
    scope.names[name.name] = nulls == Nulls::strict ? without_null(name.type) : name.type;
  }
  for (const std::string& path : locals.guards.not_null) {
    const std::size_t dot = std::min(path.find('.'), path.size());
    const auto root = scope.names.find(std::string_view(path).substr(0, dot));
    if (root == scope.names.end()) continue;
    root->second =
        narrowed(root->second, std::string_view(path).substr(std::min(dot + 1, path.size())));
  }
  scope.explain_missing = [this](std::string_view path) { return explain(path); };
  return scope;
}

std::optional<ExpressionError> PlaybookScope::explain(std::string_view path) const {
  constexpr std::string_view kRoot = "steps.";
  if (!path.starts_with(kRoot)) return std::nullopt;
  const std::string_view id =
      path.substr(kRoot.size(), path.find('.', kRoot.size()) - kRoot.size());
  const auto found = by_id_.find(id);
  if (found == by_id_.end() || find(id) != nullptr) return std::nullopt;
  const Place& there = places_[found->second];
  ExpressionError error{.length = kRoot.size() + id.size()};
  if (there.node == current_) {
    error.code = "later-step";
    error.message = fmt::format("\"{}\" is this step itself, its result is not known yet", id);
    error.hint = "under verify, expect and refute see it as result";
    return error;
  }
  const Place* const here = place_of(current_);
  for (const auto& [parallel, branch] : there.branches) {
    if (here == nullptr) break;
    for (const auto& [around, own] : here->branches) {
      if (around != parallel || own == branch) continue;
      error.code = "parallel-step";
      error.message = fmt::format("\"{}\" runs beside this step, its result is not known yet", id);
      error.hint =
          fmt::format("move this step below the parallel, or into the branch of \"{}\"", id);
      return error;
    }
  }
  for (const YamlNode* const each : there.repeats) {
    if (here != nullptr &&
        std::find(here->repeats.begin(), here->repeats.end(), each) != here->repeats.end()) {
      continue;
    }
    error.code = "foreach-step";
    error.message = fmt::format("\"{}\" runs once for each item, it has no one result here", id);
    error.hint = "use it inside its foreach";
    return error;
  }
  error.code = "later-step";
  if (here == nullptr) {
    error.message = fmt::format("\"{}\" has not run when this is asked", id);
    error.hint = "use inputs";
  } else if (there.line < here->line) {
    error.message = fmt::format("\"{}\" is around this step, its result is not known yet", id);
    error.hint = "name a step that is done before";
  } else {
    error.message = fmt::format("\"{}\" is a later step, not known yet", id);
    error.hint = fmt::format("move \"{}\" (line {}) above this step", id, there.line);
  }
  return error;
}

}  // namespace quell
