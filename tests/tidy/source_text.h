#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace quell::tidy {

/// One file of the source tree; `path` from its root, with slashes.
struct SourceFile {
  std::string path{};
  std::string text{};
};

/// One breach of a rule; `line` from 1, 0 where it concerns the whole file.
struct Breach {
  std::string path{};
  std::size_t line = 0;
  std::string rule{};
  std::string detail{};
};

std::string to_string(const Breach& breach);

/// `text` with comments and the content of string and character literals turned into spaces; line
/// ends stay, so that lines keep their numbers. Knows raw strings and digit separators.
std::string code_only(std::string_view text);

struct Include {
  std::size_t line = 0;
  std::string name{};
  bool quoted = false;
};

/// The `#include` lines of a C++ file.
std::vector<Include> includes_of(std::string_view text);

/// The lines of `text`, without their ends.
std::vector<std::string_view> lines_of(std::string_view text);

/// True when `line` holds `word` with no letter, digit or underscore beside it.
bool has_word(std::string_view line, std::string_view word);

bool is_header(std::string_view path);
bool is_source(std::string_view path);
/// A C++ file of the product: under state, connectors or orchestrator.
bool is_product(std::string_view path);

}  // namespace quell::tidy
