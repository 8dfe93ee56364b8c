#include "state/model/ids.h"

#include <charconv>

namespace quell {
namespace {

constexpr std::string_view kCheckLetters = "bcdfghjkmnpqrstvwxz";
constexpr std::size_t kRunNumberDigitsMax = 12;

char check_letter(std::uint64_t number) { return kCheckLetters[number % kCheckLetters.size()]; }

}  // namespace

std::string to_string(RunId id) {
  return (id.drill ? "d" : "r") + std::to_string(id.number) + check_letter(id.number);
}

std::optional<RunId> parse_run_id(std::string_view text) {
  if (text.size() < 3 || text.size() > kRunNumberDigitsMax + 2) return std::nullopt;
  if (text.front() != 'r' && text.front() != 'd') return std::nullopt;
  RunId id{.drill = text.front() == 'd'};
  const char* const first = text.data() + 1;
  const char* const last = text.data() + text.size() - 1;
  const auto [end, error] = std::from_chars(first, last, id.number);
  if (error != std::errc{} || end != last || id.number == 0) return std::nullopt;
  if (check_letter(id.number) != text.back()) return std::nullopt;
  return id;
}

}  // namespace quell
