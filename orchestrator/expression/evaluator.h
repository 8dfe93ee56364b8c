#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "orchestrator/expression/ast.h"
#include "orchestrator/expression/expression.h"
#include "state/base/result.h"

namespace quell::expression {

// Budgets of one evaluation (playbook language section 5). A step is one node visited, one element
// compared or one kCopyBytesPerStep of text read or copied.
constexpr std::uint64_t kStepsMax = 100'000;
constexpr std::uint64_t kStepsPerElement = 100;
/// Newly built text, lists and maps; what is taken from the inputs as it is does not count.
constexpr std::size_t kResultBytesMax = 1U << 20U;

/// The value of `root` in `scope`; `text` is quoted in messages. Error `invalid` with CEL's reason.
/// Recursion is bounded by kDepthMax.
Result<Value> evaluate_tree(const Node& root, const Scope& scope, std::string_view text);

/// An evaluation's error: one sentence with the place in the text, and one remedy.
Error evaluation_error(std::string_view reason, std::string_view hint, std::string_view text,
                       Span at);

}  // namespace quell::expression
