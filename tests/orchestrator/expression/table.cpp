#include "tests/orchestrator/expression/table.h"

#include <variant>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "state/base/json.h"

namespace quell::expression_test {

std::string outcome(std::string_view text, const Scope& scope) {
  const auto result = Expression::parse(text);
  if (const auto* const error = std::get_if<ExpressionError>(&result)) {
    return fmt::format("{} @{}+{}", error->code, error->offset, error->length);
  }
  const Result<Value> value = std::get<Expression>(result).evaluate(scope);
  if (!value) {
    CHECK(value.error().code == ErrorCode::invalid);
    return "error: " + value.error().message;
  }
  const bool is_time = value->is_timestamp() || value->is_duration();
  return (is_time ? fmt::format("{} ", to_string(value->kind())) : "") + to_json(*value);
}

void check_rows(std::span<const Row> rows, const Scope& scope) {
  for (const Row& row : rows) {
    const std::string given = outcome(row.text, scope);
    CAPTURE(row.text);
    if (row.gives.starts_with("error: ")) {
      CHECK(given.substr(0, row.gives.size()) == row.gives);
    } else {
      CHECK(given == row.gives);
    }
  }
}

std::string typed(std::string_view text, const TypeScope& scope) {
  const auto result = Expression::parse(text);
  if (const auto* const error = std::get_if<ExpressionError>(&result)) {
    return fmt::format("{} \"{}\"", error->code, text.substr(error->offset, error->length));
  }
  std::vector<ExpressionError> errors;
  const Type type = std::get<Expression>(result).check(scope, errors);
  if (errors.empty()) return to_string(type);
  CHECK(type.kind == Type::Kind::dyn);
  std::vector<std::string> found;
  for (const ExpressionError& error : errors) {
    CHECK_FALSE(error.message.empty());
    REQUIRE(error.offset + error.length <= text.size());
    found.push_back(fmt::format("{} \"{}\"", error.code, text.substr(error.offset, error.length)));
  }
  return fmt::format("{}", fmt::join(found, "; "));
}

Value secret_value() {
  SecretValue secret;
  secret.secret = std::make_shared<const Secret>(Secret::copy_of("sk-canary-0001"));
  secret.fingerprint = "1a2b3c4d5e6f708192a3b4c5d6e7f801";
  return Value(std::move(secret));
}

Expression parsed(std::string_view text) {
  auto result = Expression::parse(text);
  REQUIRE(std::holds_alternative<Expression>(result));
  return std::get<Expression>(std::move(result));
}

}  // namespace quell::expression_test
