#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace quell {

/// The documents that are part of the program, as (file name, text): docs/errors.md.
const std::vector<std::pair<std::string, std::string>>& manual_pages();
/// The one file that `quell init` writes: docs/quell.example.yaml.
const std::vector<std::pair<std::string, std::string>>& sample_config();

namespace cli {

/// What docs/errors.md says of the word in brackets behind an error, as text; none for a word that
/// it does not have.
std::optional<std::string> explain_error(std::string_view word);
/// The words that it has.
std::vector<std::string> error_words();

}  // namespace cli
}  // namespace quell
