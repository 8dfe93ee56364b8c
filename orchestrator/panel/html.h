#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace quell::panel {

/// A piece of a page that a browser may read as markup: made by html() alone, out of literals of
/// ours and of texts that were escaped on their way in.
class Markup {
 public:
  Markup() = default;

  const std::string& text() const noexcept { return text_; }
  bool empty() const noexcept { return text_.empty(); }
  Markup& operator+=(const Markup& more) {
    text_ += more.text_;
    return *this;
  }

 private:
  friend class Slots;
  std::string text_{};
};

/// A literal with `{}` where something is put in. Nothing that was read or computed can be one.
class Pattern {
 public:
  template <std::size_t N>
  consteval Pattern(const char (&literal)[N])  // NOLINT: html("<p>{}</p>", ...) is the point
      : text_(literal, N - 1), slots_(0) {
    for (std::size_t i = 0; i + 1 < text_.size(); ++i) slots_ += text_.substr(i, 2) == "{}" ? 1 : 0;
  }

  constexpr std::string_view text() const noexcept { return text_; }
  constexpr std::size_t slots() const noexcept { return slots_; }

 private:
  std::string_view text_;
  std::size_t slots_;
};

/// Fills a pattern from left to right.
class Slots {
 public:
  explicit Slots(Pattern pattern) : rest_(pattern.text()), left_(pattern.slots()) {}

  void put(const Markup& markup);
  /// Escaped for text and for attribute values in double quotes; control, bidirectional and
  /// zero-width characters are shown as `\u{202e}` (threat T33).
  void put(std::string_view text);
  void put(std::integral auto number) { put(std::string_view(std::to_string(number))); }
  /// The whole; every slot has to be filled.
  Markup finish();

 private:
  std::string_view next_literal();

  std::string_view rest_;
  std::size_t left_;
  Markup made_{};
};

/// `pattern` with each `{}` replaced: Markup as it is, texts escaped, whole numbers in digits.
/// Attribute values stand in double quotes; no text ever becomes a tag, a name, a style or a
/// script.
template <typename... Parts>
Markup html(Pattern pattern, const Parts&... parts) {
  Slots slots(pattern);
  (slots.put(parts), ...);
  return slots.finish();
}

}  // namespace quell::panel
