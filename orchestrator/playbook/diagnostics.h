#pragma once

#include <string>
#include <vector>

#include "orchestrator/playbook/model.h"
#include "state/base/result.h"

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

/// The first error of `found`, which holds one, as an Error of topic `topic`: where it stands, what
/// it is, how many more there are. Its remedy is its own hint; of several, `tells_all` unless
/// empty.
Error first_error(std::vector<Diagnostic> found, const std::string& file, std::string topic,
                  const std::string& tells_all);

}  // namespace quell
