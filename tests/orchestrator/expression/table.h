#pragma once

#include <span>
#include <string>
#include <string_view>

#include "orchestrator/expression/expression.h"

namespace quell::expression_test {

/// One row of a table: an expression, and what it gives as `outcome` writes it.
struct Row {
  std::string_view text;
  std::string_view gives;
};

/// The value as JSON, with the kind in front of a timestamp or duration; `error: REASON` when the
/// evaluation fails; `CODE @OFFSET+LENGTH` when the text is refused.
std::string outcome(std::string_view text, const Scope& scope);

/// Checks each row; a row that gives an error needs only its beginning.
void check_rows(std::span<const Row> rows, const Scope& scope = {});

/// The static type, or each mistake as `CODE "WORD"` with the marked part of the text.
std::string typed(std::string_view text, const TypeScope& scope);

/// A secret with the fingerprint 1a2b3c4d...
Value secret_value();

Expression parsed(std::string_view text);

}  // namespace quell::expression_test
