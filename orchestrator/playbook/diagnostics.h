#pragma once

#include <string>
#include <vector>

#include "orchestrator/playbook/model.h"

namespace quell {

/// One finding of the static check, shown as cli.md section 5: position, sentence, code, source
/// line, caret, remedy.
struct Diagnostic {
  enum class Severity : std::uint8_t { error, warning };
  Severity severity = Severity::error;
  std::string code{};  // "unknown-key", "later-step", ...
  Position at{};
  int length = 1;  // columns under the caret
  std::string message{};
  std::string hint{};
};

/// The word of `known` nearest to `word` by edit distance, if it is near enough to suggest; else
/// empty.
std::string nearest_word(std::string_view word, const std::vector<std::string>& known);

/// `file:line:col: error: message [code]`, source line, carets, `= help:`; or the first line only.
std::string render(const Diagnostic& diagnostic, std::string_view file, std::string_view source,
                   bool short_form);

}  // namespace quell
