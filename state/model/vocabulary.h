#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace quell {

// The field's words. An enumerator is its spelling in YAML, journal, JSON and panel.

enum class Effect : std::uint8_t { read, probe, mutate, notify };
enum class Plane : std::uint8_t { holder, issuer, runtime, resource };
enum class Kill : std::uint8_t {
  refresh_token,
  access_token,
  refresh,
  session,
  schedule,
  key,
  entry
};
/// May an attempt whose outcome is unknown be sent again? `look_first`: only when a look found it
/// not applied.
enum class Repeat : std::uint8_t { safe, look_first, never };
enum class OutcomeKind : std::uint8_t { done, already, failed, unknown, skipped, predicted };
enum class Verdict : std::uint8_t { proved, refuted, unproved };
enum class Grade : std::uint8_t { none, weak, strong };
enum class RunMode : std::uint8_t { live, dry_run, drill };
enum class RunResult : std::uint8_t { contained, incomplete, exposed, failed, aborted, rehearsed };
/// Where the answers of a run came from, so that nobody mistakes a rehearsal for the incident
/// (threat T10).
enum class AnswerOrigin : std::uint8_t { range, loopback, outside };

std::string_view to_string(Effect) noexcept;
std::string_view to_string(Plane) noexcept;
std::string_view to_string(Kill) noexcept;
std::string_view to_string(Repeat) noexcept;
std::string_view to_string(OutcomeKind) noexcept;
std::string_view to_string(Verdict) noexcept;
std::string_view to_string(Grade) noexcept;
std::string_view to_string(RunMode) noexcept;
std::string_view to_string(RunResult) noexcept;
std::string_view to_string(AnswerOrigin) noexcept;

/// The enumerator that `text` spells, for any enumeration above: `from_string<Plane>("holder")`.
template <typename Enum>
std::optional<Enum> from_string(std::string_view text) noexcept;

/// Exit code of `quell run` for a result (playbook-language section "Claims and verdicts").
int exit_code(RunResult result) noexcept;

}  // namespace quell
