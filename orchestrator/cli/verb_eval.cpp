#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <utility>

#include "orchestrator/cli/verb.h"
#include "orchestrator/expression/expression.h"
#include "state/base/json.h"

namespace quell::cli {
namespace {

constexpr std::string_view kEvalHelp =
    R"(quell eval - try an expression of the playbook language
usage: quell eval EXPR [--vars FILE.json] [--json]
EXPR         what stands between ${ and } in a playbook; `-` reads it from standard input
--vars FILE  a JSON object; its members are the names that EXPR may use
--json       {"type","value"} with CEL's type names, or {"error"}
Here every name is dyn: mistakes that `quell check` finds in a playbook show only when they are met.
Exit codes   0 a value  1 an error of the expression  2 the file cannot be read
Examples     quell eval '[1, 2, 3].filter(i, i > 1)'
             quell eval 'steps.radius.live_sessions.size() > 10' --vars run.json
)";

constexpr std::size_t kVarsBytesMax = 4U << 20U;
constexpr std::size_t kExpressionBytesMax = 64U << 10U;

struct EvalOptions {
  std::string expression{};
  std::string vars{};
};

/// CEL's names (cel-spec langdef, "Type and constant").
std::string_view cel_type(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::null:
      return "null_type";
    case Value::Kind::boolean:
      return "bool";
    case Value::Kind::integer:
      return "int";
    case Value::Kind::number:
      return "double";
    case Value::Kind::string:
      return "string";
    case Value::Kind::list:
      return "list";
    case Value::Kind::map:
    case Value::Kind::entries:
      return "map";
    case Value::Kind::timestamp:
      return "google.protobuf.Timestamp";
    case Value::Kind::duration:
      return "google.protobuf.Duration";
    case Value::Kind::secret:
      return "secret";
  }
  return "";
}

/// At most `most` bytes and one, so that what is too long shows.
std::string read_up_to(std::istream& in, std::size_t most) {
  std::string text(most + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

Result<Scope> read_vars(const std::string& file) {
  Scope scope;
  if (file.empty()) return scope;
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    return make_error(ErrorCode::invalid, "input", "--vars " + file + " cannot be read.",
                      "give a file with a JSON object");
  }
  const Result<Value> value =
      parse_json(read_up_to(in, kVarsBytesMax), {.bytes_max = kVarsBytesMax});
  if (!value) return wrap("--vars " + file, value.error());
  if (!value->is_map()) {
    return make_error(ErrorCode::invalid, "input", "--vars " + file + " is not a JSON object.",
                      "write {\"name\": value}");
  }
  for (const auto& [name, member] : value->as_map()) {
    scope.has_dotted_names |= name.find('.') != std::string::npos;
    scope.names.emplace(name, member);
  }
  return scope;
}

int told_error(Session& session, const std::string& message, const std::string& hint) {
  if (session.options().json) {
    session.print_json(Value::map({{"error", message}}));
    return kExitNo;
  }
  return session.fail(make_error(ErrorCode::invalid, "expression", message, hint), kExitNo);
}

int evaluate(Session& session, const EvalOptions& options) {
  const Result<Scope> scope = read_vars(options.vars);
  if (!scope) return session.fail(scope.error());
  const std::string text =
      options.expression == "-" ? read_up_to(std::cin, kExpressionBytesMax) : options.expression;
  if (text.size() > kExpressionBytesMax)
    return told_error(session, "the expression is longer than 64 KiB", "");
  const auto parsed = Expression::parse(text);
  if (const auto* mistake = std::get_if<ExpressionError>(&parsed)) {
    return told_error(session, mistake->message + " at byte " + std::to_string(mistake->offset + 1),
                      mistake->hint);
  }
  const Result<Value> value = std::get<Expression>(parsed).evaluate(*scope);
  if (!value) return told_error(session, value.error().message, value.error().hint);
  if (session.options().json) {
    session.print_json(Value::map({{"type", cel_type(*value)}, {"value", *value}}));
  } else {
    session.out().line(value->is_string() ? value->as_string() : to_pretty_json(*value));
  }
  return kExitOk;
}

/// `-x` is a negation here unless it is one of the short options that every command takes.
void keep_negations(std::vector<std::string>& words) {
  const auto is_negation = [](const std::string& word) {
    return word.size() > 1 && word.front() == '-' && word[1] != '-' && word != "-q" &&
           word != "-v" && word != "-h";
  };
  const auto found = std::find_if(words.begin(), words.end(), is_negation);
  const bool is_separated = std::find(words.begin(), words.end(), "--") != words.end();
  if (found == words.end() || is_separated) return;
  std::rotate(found, found + 1, words.end());
  words.insert(words.end() - 1, "--");
}

}  // namespace

Verb eval_verb() {
  auto options = std::make_shared<EvalOptions>();
  return {.name = "eval",
          .help = kEvalHelp,
          .declare =
              [options](CLI::App& app) {
                app.add_option("expression", options->expression)->required();
                app.add_option("--vars", options->vars);
              },
          .arrange = keep_negations,
          .run = [options](Session& session) { return evaluate(session, *options); }};
}

}  // namespace quell::cli
