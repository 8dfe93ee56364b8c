#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

namespace quell {

/// How the values of an enumeration are spelled in declarations.
template <typename Enum, std::size_t N>
using Words = std::array<std::pair<Enum, std::string_view>, N>;

template <typename Enum, std::size_t N>
std::string_view word_of(const Words<Enum, N>& words, Enum value) noexcept {
  for (const auto& [one, text] : words) {
    if (one == value) return text;
  }
  return {};
}

template <typename Enum, std::size_t N>
std::optional<Enum> find_word(const Words<Enum, N>& words, std::string_view text) noexcept {
  for (const auto& [one, word] : words) {
    if (word == text) return one;
  }
  return std::nullopt;
}

}  // namespace quell
