#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "state/base/clock.h"

namespace quell {

/// What a caller may do; every route demands one.
enum class Right : std::uint8_t {
  read,        // see runs, alerts, playbooks, the journal
  act,         // start dry runs, plan, pause, retry, skip, note, answer manual steps and alerts
  start,       // start runs that change something, abort, lift, switch automation off
  approve,     // approve and deny, switch changes on again
  author,      // check playbooks before they are put where they run from
  administer,  // people, tokens
};

/// Whoever asks, after the front that let them in has made sure of it.
struct Actor {
  std::string who{};       // as the journal names them
  std::string from{};      // `socket`, or `panel 192.0.2.7`, `token t_4f2a 192.0.2.7`
  std::uint32_t rights{};  // a bit for each Right
  /// Since when they have their roles and their password; what began earlier they cannot approve
  /// (threat T30). None: for ever.
  std::optional<Timestamp> vested{};

  bool may(Right right) const noexcept {
    return (rights >> static_cast<unsigned>(right) & 1U) != 0;
  }
  void grant(Right right) noexcept { rights |= 1U << static_cast<unsigned>(right); }
};

/// The word of a right in documents and errors.
std::string_view to_string(Right right) noexcept;

}  // namespace quell
