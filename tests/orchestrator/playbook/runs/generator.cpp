#include "tests/orchestrator/playbook/runs/generator.h"

#include <algorithm>

#include <fmt/format.h>

namespace quell::test {
namespace {

constexpr int kStepsOffered = 9;
constexpr int kExpressionDepth = 3;
constexpr int kPathDepth = 2;
constexpr const char* kTop = "quell: 1\nid: p\ntitle: At random\npurpose: To be run.\n";

/// As a single-quoted YAML text.
std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    out += c;
    if (c == '\'') out += c;
  }
  return out + "'";
}

std::string whole_expression(const std::string& text) { return quoted("${" + text + "}"); }

bool is_text(Type::Kind kind) { return kind == Type::Kind::string || kind == Type::Kind::url; }

}  // namespace

void Generator::learn(const std::string& prefix, const Type& type, int depth) {
  paths_.push_back({prefix, type});
  if (type.kind != Type::Kind::object || !type.fields || depth == 0) return;
  for (const Field& field : *type.fields) learn(prefix + "." + field.name, field.type, depth - 1);
}

std::string Generator::path(Type::Kind kind) {
  std::vector<const Path*> fitting;
  for (const Path& one : paths_) {
    if (one.type.kind == kind || (is_text(kind) && is_text(one.type.kind))) fitting.push_back(&one);
  }
  if (fitting.empty()) return {};
  return fitting[random_.below(fitting.size())]->text;
}

const Generator::Path* Generator::any_list() {
  std::vector<const Path*> fitting;
  for (const Path& one : paths_) {
    const bool is_known = one.type.kind == Type::Kind::list && one.type.element != nullptr &&
                          one.type.element->kind != Type::Kind::dyn;
    if (is_known) fitting.push_back(&one);
  }
  return fitting.empty() ? nullptr : fitting[random_.below(fitting.size())];
}

std::string Generator::expression(Type::Kind kind, int depth) {
  const bool leaf = depth <= 0;
  const std::string found = chance(4) && !leaf ? std::string() : path(kind);
  // Null where it is unguarded is the loader's to refuse.
  if (!found.empty() && chance(3)) {
    return fmt::format("({0} != null ? {0} : {1})", found, expression(kind, 0));
  }
  if (!found.empty() && !chance(4)) return found;
  if (!leaf && chance(6)) {
    return fmt::format("({} ? {} : {})", boolean(depth - 1), expression(kind, depth - 1),
                       expression(kind, depth - 1));
  }
  if (kind == Type::Kind::boolean) return boolean(depth);
  if (is_text(kind)) return text(depth);
  if (kind == Type::Kind::integer) return whole(depth);
  if (kind == Type::Kind::number) return leaf ? "1.5" : "double(" + whole(depth - 1) + ")";
  if (kind == Type::Kind::timestamp || kind == Type::Kind::duration) {
    const bool is_time = kind == Type::Kind::timestamp;
    if (leaf) return is_time ? "run.now" : "duration(\"5s\")";
    if (is_time) return moment(depth - 1) + " + duration(\"5s\")";
    return "(" + moment(depth - 1) + " - run.started_at)";
  }
  if (kind == Type::Kind::list) {
    const std::string list = path(Type::Kind::list);
    if (list.empty()) return "[]";
    return chance(2) ? list : fmt::format("{}.filter(v, {})", list, boolean(depth - 1));
  }
  return found.empty() ? "null" : found;
}

std::string Generator::boolean(int depth) {
  if (depth <= 0) return chance(2) ? "true" : "false";
  switch (random_.below(10)) {
    case 0:
      return fmt::format("{} == {}", whole(depth - 1), whole(depth - 1));
    case 1:
      return fmt::format("{} < {}", whole(depth - 1), expression(Type::Kind::number, depth - 1));
    case 2:
      return fmt::format("{} == {}", text(depth - 1), text(depth - 1));
    case 3:
      return fmt::format("({} && {})", boolean(depth - 1), boolean(depth - 1));
    case 4:
      return fmt::format("({} || {})", boolean(depth - 1), boolean(depth - 1));
    case 5:
      return fmt::format("!({})", boolean(depth - 1));
    case 6:
      return fmt::format("{} {} null", any(paths_).text, chance(2) ? "==" : "!=");
    case 7:
      return fmt::format("{} in [{}, {}]", text(depth - 1), text(0), text(depth - 1));
    case 8:
      return fmt::format("{} <= {}", moment(depth - 1), moment(depth - 1));
    default: {
      const std::string list = path(Type::Kind::list);
      if (list.empty()) return "true";
      return fmt::format("{}.exists(v, {})", list,
                         chance(2) ? "v.id == " + text(depth - 1) : "has(v.id)");
    }
  }
}

std::string Generator::text(int depth) {
  if (depth <= 0) return fmt::format("\"w{}\"", random_.below(9));
  switch (random_.below(5)) {
    case 0:
      return fmt::format("{} + {}", expression(Type::Kind::string, depth - 1), text(0));
    case 1:
      return "string(" + whole(depth - 1) + ")";
    case 2:
      return expression(Type::Kind::string, depth - 1) + ".lowerAscii()";
    case 3:
      return "fingerprint(" + expression(Type::Kind::secret, 0) + ")";
    default:
      return expression(Type::Kind::string, depth - 1);
  }
}

std::string Generator::whole(int depth) {
  if (depth <= 0) return fmt::format("{}", random_.below(9));
  switch (random_.below(5)) {
    case 0:
      return fmt::format("({} + {})", expression(Type::Kind::integer, depth - 1), whole(0));
    case 1:
      return "size(" + expression(Type::Kind::list, depth - 1) + ")";
    case 2:
      return "size(" + expression(Type::Kind::string, depth - 1) + ")";
    case 3:
      return "(" + moment(depth - 1) + ").getHours()";
    default:
      return expression(Type::Kind::integer, depth - 1);
  }
}

std::string Generator::moment(int depth) { return expression(Type::Kind::timestamp, depth); }

// Depth is that of a declared type.
std::string Generator::given(const Type& type, int depth) {  // NOLINT(misc-no-recursion)
  if (type.kind == Type::Kind::object && type.fields && depth > 0) {
    std::string members;
    for (const Field& field : *type.fields) {
      members += fmt::format("{}{}: {}", members.empty() ? "" : ", ", field.name,
                             given(field.type, depth - 1));
    }
    return "{" + members + "}";
  }
  if (type.kind == Type::Kind::list && depth > 0 && chance(2)) {
    std::string items;
    for (std::uint64_t i = 0; i < random_.below(3); ++i) {
      items +=
          (items.empty() ? "" : ", ") + given(type.element ? *type.element : Type{}, depth - 1);
    }
    return "[" + items + "]";
  }
  if (is_text(type.kind) && chance(3)) {
    return quoted("w ${" + expression(chance(2) ? Type::Kind::string : Type::Kind::integer, 1) +
                  "}");
  }
  if (type.kind == Type::Kind::dyn) return whole_expression(any(paths_).text);
  if (type.kind == Type::Kind::object) return "{}";
  return whole_expression(expression(type.kind, kExpressionDepth));
}

std::string Generator::with(const ActionSpec& action) {
  std::string members;
  for (const ParamSpec& input : action.inputs) {
    if (!input.required && chance(2)) continue;
    members += fmt::format("{}{}: {}", members.empty() ? "" : ", ", input.name,
                           given(input.type, kPathDepth));
  }
  return "{" + members + "}";
}

std::string Generator::condition() {
  if (chance(3) && !ids_.empty()) {
    return whole_expression(fmt::format("steps.{}.outcome in [\"done\", \"already\"]", any(ids_)));
  }
  if (chance(3)) return whole_expression(any(paths_).text + " != null");
  return whole_expression(boolean(kExpressionDepth));
}

std::string Generator::change(const std::string& indent, const ActionSpec& action,
                              std::string_view name) {
  std::string out = indent + "  irreversible: true\n";
  const bool claims = !action.kills.empty() && action.planes.size() == 1 && chance(2);
  if (claims) out += fmt::format("{}  kills: [{}]\n", indent, to_string(action.kills.front()));
  const std::string connection(name.substr(0, name.find('.')));
  const auto actions = catalog_.actions_of(connection);
  const auto probe = std::find_if(actions.begin(), actions.end(), [&](const ActionSpec& one) {
    return !action.proofs.empty() && one.name == action.proofs.front();
  });
  if (claims && probe != actions.end()) {
    const std::string when = chance(2) ? ", when: " + condition() : "";
    return out + fmt::format(
                     "{}  verify: [{{probe: {}.{}, with: {}{}, until: {{every: 5s, for: 20s}}}}]\n",
                     indent, connection, probe->name, with(*probe), when);
  }
  if (chance(2)) {
    const std::size_t known = paths_.size();
    learn("result", action.outputs, kPathDepth);
    out += fmt::format("{}  verify: [{{probe: self, expect: {}, refute: {}}}]\n", indent,
                       condition(), condition());
    paths_.resize(known);
    return out;
  }
  return out + indent + "  verify: none\n" + indent + "  reason: nobody looks\n";
}

std::string Generator::use(const std::string& indent, const std::string& id) {
  const std::string& connection = any(catalog_.connections);
  const auto actions = catalog_.actions_of(connection);
  const ActionSpec& action = actions[random_.below(actions.size())];
  const std::string name = connection + "." + action.name;
  std::string out = fmt::format("{}- id: {}\n{}  use: {}\n", indent, id, indent, name);
  const std::size_t known = paths_.size();
  if (const Path* const list = any_list(); list != nullptr && chance(3)) {
    const Type& item = *list->type.element;
    const bool has_id = item.find("id") != nullptr;
    out += fmt::format("{}  foreach: {{items: {}, as: it, key: {}, max: 5, order: {}}}\n", indent,
                       whole_expression(list->text), whole_expression(has_id ? "it.id" : "it"),
                       whole_expression(whole(1)));
    learn("it", item, kPathDepth);
  }
  if (chance(3)) out += indent + "  when: " + condition() + "\n";
  if (chance(2)) out += indent + "  on_failure: continue\n";
  out += indent + "  with: " + with(action) + "\n";
  if (action.effect == Effect::mutate) out += change(indent, action, name);
  paths_.resize(known);
  learn("steps." + id, action.outputs, kPathDepth);
  return out;
}

// Depth is bounded by `depth`.
std::string Generator::steps(const std::string& indent, int depth) {  // NOLINT(misc-no-recursion)
  std::string out;
  for (std::uint64_t i = 0; i <= random_.below(3); ++i) out += step(indent, depth);
  return out;
}

std::string Generator::step(const std::string& indent, int depth) {  // NOLINT(misc-no-recursion)
  const std::string id = fmt::format("s{}", ++next_);
  const std::string head = fmt::format("{}- id: {}\n", indent, id);
  const std::string deeper = indent + "      ";
  std::string out;
  switch (random_.below(depth > 0 ? 10 : 8)) {
    case 0:
      out = head + fmt::format("{}  assert: {}\n{}  message: held?\n{}  on_failure: continue\n",
                               indent, condition(), indent, indent);
      break;
    case 1: {
      const Type::Kind kind = chance(2) ? Type::Kind::integer : Type::Kind::string;
      out = head + fmt::format("{}  set: {{v: {}, w: {}}}\n", indent,
                               whole_expression(expression(kind, kExpressionDepth)),
                               given(Type{}, 1));
      learn("steps." + id + ".v", Type::of(kind), 0);
      learn("steps." + id + ".w", Type{}, 0);
      break;
    }
    case 2:
      out = head + fmt::format("{}  wait: {{until: {}, for: 10s}}\n{}  on_failure: continue\n",
                               indent, condition(), indent);
      break;
    case 8: {
      out = head + indent + "  block:\n" + steps(deeper, depth - 1);
      if (chance(2)) out += indent + "  rescue:\n" + steps(deeper, depth - 1);
      break;
    }
    case 9:
      out = head + indent + "  parallel:\n" + indent + "    left:\n" + steps(deeper, depth - 1) +
            indent + "    right:\n" + steps(deeper, depth - 1);
      break;
    default:
      out = use(indent, id);
      break;
  }
  paths_.push_back({"steps." + id + ".outcome", Type::of(Type::Kind::string)});
  paths_.push_back({"steps." + id + ".error", Type::of(Type::Kind::string).or_null()});
  ids_.push_back(id);
  return out;
}

std::string Generator::inputs() {
  static const std::vector<std::pair<std::string, Type>> kTypes{
      {"string", Type::of(Type::Kind::string)},
      {"int", Type::of(Type::Kind::integer)},
      {"number", Type::of(Type::Kind::number)},
      {"bool", Type::of(Type::Kind::boolean)},
      {"duration", Type::of(Type::Kind::duration)},
      {"timestamp", Type::of(Type::Kind::timestamp)},
      {"url", Type::of(Type::Kind::url)},
      {"enum, values: [w1, w2]", Type::of(Type::Kind::string)},
      {"list, of: string", Type::list_of(Type::of(Type::Kind::string))},
      {"list, of: int", Type::list_of(Type::of(Type::Kind::integer))},
      {"secret", Type::of(Type::Kind::secret)}};
  std::string out = "inputs:\n";
  int number = 0;
  for (const auto& [word, type] : kTypes) {
    for (const bool required : {true, false}) {
      const std::string name = fmt::format("i{}", ++number);
      out += fmt::format("  {}: {{type: {}, required: {}}}\n", name, word, required);
      paths_.push_back({"inputs." + name, required ? type : type.or_null()});
    }
  }
  return out;
}

std::string Generator::playbook() {
  paths_.clear();
  ids_.clear();
  next_ = 0;
  paths_.push_back({"run.id", Type::of(Type::Kind::string)});
  paths_.push_back({"run.now", Type::of(Type::Kind::timestamp)});
  const std::string head = kTop + inputs() +
                           "settings: {accept: [purge_first, rotation_is_not_revocation]}\nsteps:\n"
                           "  - {id: first, wait: {for: 1s}}\n";
  std::string body;
  std::string last;
  const auto loads = [&](const std::string& source) {
    ++offered_;
    const bool good = load_playbook(source, "p.yaml", catalog_).playbook.has_value();
    if (good) ++taken_;
    return good;
  };
  const auto whole_file = [&](const std::string& steps, const std::string& finally) {
    return head + steps + (finally.empty() ? "" : "finally:\n" + finally);
  };
  for (int i = 0; i < kStepsOffered; ++i) {
    const std::size_t known = paths_.size();
    const std::size_t ids = ids_.size();
    const bool at_the_end = i + 1 == kStepsOffered;
    const std::string more = step("  ", at_the_end ? 0 : 2);
    const bool good =
        at_the_end ? loads(whole_file(body, more)) : loads(whole_file(body + more, ""));
    if (good) {
      (at_the_end ? last : body) += more;
    } else {
      paths_.resize(known);
      ids_.resize(ids);
    }
  }
  return whole_file(body, last);
}

}  // namespace quell::test
