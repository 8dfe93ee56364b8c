// Target: Expression and Template, from text to value. A mistake lies inside the text, and an
// evaluation ends with a value or a reason within its budget.

#include <string>
#include <variant>
#include <vector>

#include "orchestrator/expression/expression.h"
#include "tests/fuzz/target.h"

namespace {

const quell::Scope& scope() {
  static const quell::Scope kScope = [] {
    quell::Scope made;
    made.names["inputs"] = quell::Value::map({{"vault_id", "vlt_1"},
                                              {"count", 3},
                                              {"ids", quell::Value::list({"a", "b", "c"})},
                                              {"nothing", nullptr}});
    made.names["steps"] = quell::Value::map({{"look", quell::Value::map({{"outcome", "done"}})}});
    return made;
  }();
  return kScope;
}

template <typename Parsed>
void run(const std::variant<Parsed, quell::ExpressionError>& parsed, std::size_t size) {
  if (const auto* const wrong = std::get_if<quell::ExpressionError>(&parsed)) {
    QUELL_ASSERT(wrong->offset <= size && !wrong->message.empty() && !wrong->code.empty());
    return;
  }
  const Parsed& good = std::get<Parsed>(parsed);
  quell::TypeScope types;
  types.dyn_root = true;
  std::vector<quell::ExpressionError> errors;
  static_cast<void>(good.check(types, errors));
  for (const quell::ExpressionError& error : errors) QUELL_ASSERT(error.offset <= size);
  // Also what the checker refuses: a type may be `dyn` and turn out wrong only at run time.
  const quell::Result<quell::Value> value = good.evaluate(scope());
  QUELL_ASSERT(value || value.error().code == quell::ErrorCode::invalid);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = quell::fuzz::text_of(data, size);
  run(quell::Expression::parse(text), size);
  run(quell::Template::parse(text), size);
  return 0;
}
