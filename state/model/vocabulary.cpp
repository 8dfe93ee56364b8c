#include "state/model/vocabulary.h"

#include <array>
#include <cstddef>

namespace quell {
namespace {

/// The spellings of an enumeration, in the order of its enumerators.
template <typename Enum>
struct Spelling;

template <>
struct Spelling<Effect> {
  static constexpr std::array<std::string_view, 4> kWords{"read", "probe", "mutate", "notify"};
};
template <>
struct Spelling<Plane> {
  static constexpr std::array<std::string_view, 4> kWords{"holder", "issuer", "runtime",
                                                          "resource"};
};
template <>
struct Spelling<Kill> {
  static constexpr std::array<std::string_view, 7> kWords{
      "refresh_token", "access_token", "refresh", "session", "schedule", "key", "entry"};
};
template <>
struct Spelling<Repeat> {
  static constexpr std::array<std::string_view, 3> kWords{"safe", "look_first", "never"};
};
template <>
struct Spelling<OutcomeKind> {
  static constexpr std::array<std::string_view, 6> kWords{"done",    "already", "failed",
                                                          "unknown", "skipped", "predicted"};
};
template <>
struct Spelling<Verdict> {
  static constexpr std::array<std::string_view, 3> kWords{"proved", "refuted", "unproved"};
};
template <>
struct Spelling<Grade> {
  static constexpr std::array<std::string_view, 3> kWords{"none", "weak", "strong"};
};
template <>
struct Spelling<RunMode> {
  static constexpr std::array<std::string_view, 3> kWords{"live", "dry_run", "drill"};
};
template <>
struct Spelling<RunResult> {
  static constexpr std::array<std::string_view, 6> kWords{"contained", "incomplete", "exposed",
                                                          "failed",    "aborted",    "rehearsed"};
};
template <>
struct Spelling<AnswerOrigin> {
  static constexpr std::array<std::string_view, 3> kWords{"range", "loopback", "outside"};
};

template <typename Enum>
std::string_view spell(Enum value) noexcept {
  return Spelling<Enum>::kWords[static_cast<std::size_t>(value)];
}

}  // namespace

std::string_view to_string(Effect value) noexcept { return spell(value); }
std::string_view to_string(Plane value) noexcept { return spell(value); }
std::string_view to_string(Kill value) noexcept { return spell(value); }
std::string_view to_string(Repeat value) noexcept { return spell(value); }
std::string_view to_string(OutcomeKind value) noexcept { return spell(value); }
std::string_view to_string(Verdict value) noexcept { return spell(value); }
std::string_view to_string(Grade value) noexcept { return spell(value); }
std::string_view to_string(RunMode value) noexcept { return spell(value); }
std::string_view to_string(RunResult value) noexcept { return spell(value); }
std::string_view to_string(AnswerOrigin value) noexcept { return spell(value); }

template <typename Enum>
std::optional<Enum> from_string(std::string_view text) noexcept {
  const auto& words = Spelling<Enum>::kWords;
  for (std::size_t at = 0; at < words.size(); ++at) {
    if (words[at] == text) return static_cast<Enum>(at);
  }
  return std::nullopt;
}

template std::optional<Effect> from_string<Effect>(std::string_view) noexcept;
template std::optional<Plane> from_string<Plane>(std::string_view) noexcept;
template std::optional<Kill> from_string<Kill>(std::string_view) noexcept;
template std::optional<Repeat> from_string<Repeat>(std::string_view) noexcept;
template std::optional<OutcomeKind> from_string<OutcomeKind>(std::string_view) noexcept;
template std::optional<Verdict> from_string<Verdict>(std::string_view) noexcept;
template std::optional<Grade> from_string<Grade>(std::string_view) noexcept;
template std::optional<RunMode> from_string<RunMode>(std::string_view) noexcept;
template std::optional<RunResult> from_string<RunResult>(std::string_view) noexcept;
template std::optional<AnswerOrigin> from_string<AnswerOrigin>(std::string_view) noexcept;

int exit_code(RunResult result) noexcept {
  switch (result) {
    case RunResult::contained:
    case RunResult::rehearsed:
      return 0;
    case RunResult::incomplete:
      return 3;
    case RunResult::exposed:
      return 4;
    case RunResult::failed:
      return 5;
    case RunResult::aborted:
      return 6;
  }
  return 5;
}

}  // namespace quell
