#include "orchestrator/cli/terminal.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utility>

namespace quell::cli {
namespace {

constexpr std::size_t kLiveLinesMax = 6;
constexpr int kColumnsMin = 40;
constexpr int kColumnsMax = 400;

std::string_view environment(const char* name) {
  const char* const value =
      std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing changes it after start
  return value == nullptr ? std::string_view() : std::string_view(value);
}

bool locale_is_utf8() {
  for (const char* const name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string_view value = environment(name);
    if (value.empty()) continue;
    return value.find("UTF-8") != std::string_view::npos ||
           value.find("utf8") != std::string_view::npos ||
           value.find("UTF8") != std::string_view::npos ||
           value.find("utf-8") != std::string_view::npos;
  }
  return false;
}

struct Sign {
  std::string_view name;
  std::string_view utf8;
  std::string_view ascii;
};

constexpr std::array<Sign, 13> kSigns{{{"check", "✓", "+"},
                                       {"cross", "✗", "x"},
                                       {"question", "?", "?"},
                                       {"bang", "!", "!"},
                                       {"dot", "·", "."},
                                       {"arrow", "▸", ">"},
                                       {"bar", "█", "#"},
                                       {"tee", "├", "|"},
                                       {"corner", "└", "|"},
                                       {"trunk", "│", "|"},
                                       {"rule", "─", "-"},
                                       {"spinner", "⠹", "*"},
                                       {"ellipsis", "…", "..."}}};

}  // namespace

Stream::Stream(std::FILE* file, ColourMode mode, RedactionFilter* filter)
    : file_(file), filter_(filter), utf8_(locale_is_utf8()) {
  const int descriptor = fileno(file);
  terminal_ = isatty(descriptor) == 1;
  switch (mode) {
    case ColourMode::always:
      colours_ = true;
      break;
    case ColourMode::never:
      colours_ = false;
      break;
    case ColourMode::automatic:
      colours_ = terminal_ && environment("NO_COLOR").empty() && environment("TERM") != "dumb";
      break;
  }
  winsize size{};
  if (terminal_ && ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    columns_ = std::clamp<int>(size.ws_col, kColumnsMin, kColumnsMax);
  }
}

std::string Stream::paint(std::string_view text, Colour colour) const {
  if (!colours_ || colour == Colour::plain) return std::string(text);
  std::string_view code;
  switch (colour) {
    case Colour::green:
      code = "32";
      break;
    case Colour::red:
      code = "31";
      break;
    case Colour::yellow:
      code = "33";
      break;
    case Colour::grey:
      code = "2";
      break;
    case Colour::plain:
      break;
  }
  return "\x1b[" + std::string(code) + "m" + std::string(text) + "\x1b[0m";
}

std::string_view Stream::sign(std::string_view name) const noexcept {
  for (const Sign& sign : kSigns) {
    if (sign.name == name) return utf8_ ? sign.utf8 : sign.ascii;
  }
  return "?";
}

void Stream::write(std::string_view text) {
  const std::string shown = filter_->redact(text);
  std::fwrite(shown.data(), 1, shown.size(), file_);
}

void Stream::line(std::string_view text) {
  clear_live();
  write(std::string(text) + "\n");
  std::fflush(file_);
}

void Stream::flush() { std::fflush(file_); }

void Stream::show_live(const std::vector<std::string>& lines) {
  if (!terminal_) return;
  clear_live();
  for (std::size_t i = 0; i < lines.size() && i < kLiveLinesMax; ++i) {
    write(lines[i]);
    write("\n");
    ++live_lines_;
  }
  std::fflush(file_);
}

void Stream::clear_live() {
  if (live_lines_ == 0) return;
  write("\x1b[" + std::to_string(std::exchange(live_lines_, 0)) + "A\x1b[J");
}

std::string typed_word() {
  constexpr std::size_t kWordMax = 40;
  std::string typed;
  char c = 0;
  while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n' && typed.size() < kWordMax) typed += c;
  return typed;
}

std::size_t width_of(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\x1b') {
      while (at < text.size() && text[at] != 'm') ++at;
      continue;
    }
    // Every byte but the continuation bytes of UTF-8 begins a character.
    if ((static_cast<unsigned char>(text[at]) & 0xc0U) != 0x80) ++width;
  }
  return width;
}

std::string padded(std::string_view text, std::size_t width) {
  std::string out(text);
  const std::size_t have = width_of(text);
  if (have < width) out.append(width - have, ' ');
  return out;
}

std::string in_column(std::string_view text, std::size_t width) {
  return padded(text, std::max(width, width_of(text) + 2));
}

std::string table(const std::vector<std::vector<std::string>>& rows, std::string_view indent) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line(indent);
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += i + 1 < row.size() ? padded(row[i], widths[i] + 2) : row[i];
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    out += line + "\n";
  }
  return out;
}

std::string with_commas(std::int64_t number) {
  std::string digits = std::to_string(number);
  const std::size_t first = number < 0 ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3; at -= 3) digits.insert(at - 3, ",");
  return digits;
}

std::string counted(std::int64_t number, std::string_view singular, std::string_view plural) {
  const std::string many = plural.empty() ? std::string(singular) + "s" : std::string(plural);
  if (number == 0) return "no " + many;
  if (number == 1) return "1 " + std::string(singular);
  return with_commas(number) + " " + many;
}

}  // namespace quell::cli
