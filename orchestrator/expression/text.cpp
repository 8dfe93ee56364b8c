#include "orchestrator/expression/text.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

namespace quell::expression {
namespace {

std::uint32_t byte_at(std::string_view text, std::size_t at) noexcept {
  return static_cast<unsigned char>(text[at]);
}

std::uint32_t code_point_at(std::string_view text, std::size_t at) noexcept {
  const std::size_t bytes = code_point_bytes(text, at);
  std::uint32_t code = byte_at(text, at);
  if (bytes == 1) return code;
  code &= 0x7fU >> bytes;
  for (std::size_t i = 1; i < bytes; ++i) code = code << 6U | (byte_at(text, at + i) & 0x3fU);
  return code;
}

/// Unicode's White_Space property.
bool is_white_space(std::uint32_t code) noexcept {
  return (code >= 0x09 && code <= 0x0d) || code == 0x20 || code == 0x85 || code == 0xa0 ||
         code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 ||
         code == 0x202f || code == 0x205f || code == 0x3000;
}

/// Insertions, deletions, changes and swaps of neighbours between two short words.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::size_t code_point_bytes(std::string_view text, std::size_t at) noexcept {
  if (at >= text.size()) return 1;
  const std::uint32_t lead = byte_at(text, at);
  const std::size_t wanted = lead < 0xc0 ? 1U : lead < 0xe0 ? 2U : lead < 0xf0 ? 3U : 4U;
  for (std::size_t i = 1; i < wanted; ++i) {
    if (at + i >= text.size() || (byte_at(text, at + i) & 0xc0U) != 0x80U) return 1;
  }
  return wanted;
}

std::size_t code_points(std::string_view text) noexcept {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
  }));
}

bool append_code_point(std::string& out, std::uint32_t code) {
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
  const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
    return true;
  }
  if (code < 0x800) {
    put(0xc0U | code >> 6U);
  } else {
    if (code < 0x10000) {
      put(0xe0U | code >> 12U);
    } else {
      put(0xf0U | code >> 18U);
      put(0x80U | (code >> 12U & 0x3fU));
    }
    put(0x80U | (code >> 6U & 0x3fU));
  }
  put(0x80U | (code & 0x3fU));
  return true;
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && is_white_space(code_point_at(text, 0))) {
    text.remove_prefix(code_point_bytes(text, 0));
  }
  while (!text.empty()) {
    std::size_t last = text.size() - 1;
    while (last > 0 && text.size() - last < 4 && (byte_at(text, last) & 0xc0U) == 0x80U) --last;
    if (!is_white_space(code_point_at(text, last))) break;
    text = text.substr(0, last);
  }
  return text;
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> known) {
  constexpr std::size_t kWordBytesMax = 64;  // keeps the comparison cheap
  if (word.size() > kWordBytesMax) return {};
  std::string_view best;
  std::size_t best_distance = word.size() < 4 ? 2 : word.size() / 3 + 2;
  for (const std::string_view candidate : known) {
    if (candidate.size() > kWordBytesMax) continue;
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance && distance < candidate.size()) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> known) {
  const std::string_view best = nearest(word, known);
  return best.empty() ? std::string() : fmt::format("did you mean \"{}\"?", best);
}

}  // namespace quell::expression
