#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/redaction.h"

namespace quell::cli {

enum class Colour : std::uint8_t { plain, green, red, yellow, grey };
enum class ColourMode : std::uint8_t { automatic, always, never };

/// One of the two output streams: what it can show is asked of it alone, and changes colour and
/// signs, never words or order.
class Stream {
 public:
  /// Everything written goes through `filter`, which outlives the stream.
  Stream(std::FILE* file, ColourMode mode, RedactionFilter* filter);

  bool is_terminal() const noexcept { return terminal_; }
  int columns() const noexcept { return columns_; }
  /// `text` in `colour`, where the stream shows colours.
  std::string paint(std::string_view text, Colour colour) const;
  /// `✓` or its ASCII stand-in where the locale is not UTF-8. Known: check cross question bang dot
  /// arrow bar tee corner trunk.
  std::string_view sign(std::string_view name) const noexcept;

  void line(std::string_view text);
  void write(std::string_view text);
  void flush();

  // A region at the bottom that is redrawn: at most six lines, only on a terminal.
  void show_live(const std::vector<std::string>& lines);
  void clear_live();

 private:
  std::FILE* file_;
  RedactionFilter* filter_;
  bool terminal_ = false;
  bool colours_ = false;
  bool utf8_ = false;
  int columns_ = 80;
  std::size_t live_lines_ = 0;
};

/// What a person types at a prompt, up to the end of the line.
std::string typed_word();

/// Display width in columns, escape sequences not counted; wide characters do not occur in our own
/// texts.
std::size_t width_of(std::string_view text);
/// `text` padded with blanks to `width` columns.
std::string padded(std::string_view text, std::size_t width);
/// As padded(), and at least two blanks behind.
std::string in_column(std::string_view text, std::size_t width);

/// Rows of cells in aligned columns, two blanks between them, the last one as it is.
std::string table(const std::vector<std::vector<std::string>>& rows, std::string_view indent);

/// `1 session`, `2 sessions`, `no sessions`; 12,400 with a comma.
std::string counted(std::int64_t number, std::string_view singular, std::string_view plural = "");
std::string with_commas(std::int64_t number);

}  // namespace quell::cli
