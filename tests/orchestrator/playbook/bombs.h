#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace quell::test {

/// A file, or an expression, that was made to cost a parser dearly.
struct Bomb {
  std::string what{};
  std::string source{};
  std::string says{};  // `line:column: error: ... [code]` of its first finding; all have this code
};

/// `part`, so many times.
std::string repeated(std::string_view part, std::size_t times);

/// Playbooks; as large as the loader lets in, or one byte larger.
std::vector<Bomb> playbook_bombs();

/// Expressions; `says` is the code alone.
std::vector<Bomb> expression_bombs();

}  // namespace quell::test
