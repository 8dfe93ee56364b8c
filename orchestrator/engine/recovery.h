#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "connectors/action.h"
#include "orchestrator/engine/run_state.h"

namespace quell {

/// What a new process does with an item that its last one left behind.
enum class Recovery : std::uint8_t {
  go_on,       // nothing was on the wire: decisions go on from the state as it is
  again,       // the attempt begins again: nothing of it can have left
  look_again,  // a look was cut off: it only read, so it is made again
  unknown,     // a change may have left: the action looks before anything else happens
};

/// One row of the table: it fits where every column that is not `any` agrees.
struct RecoveryRow {
  enum class Left : std::uint8_t { any, no, yes };  // a request that changes something
  ItemState::Phase phase;
  Left left;
  Recovery recovery;
  std::string_view why;  // for the record; empty where nothing is recorded
};

/// Every state of an item meets exactly one row.
inline constexpr std::array<RecoveryRow, 11> kRecoveryTable{{
    {ItemState::Phase::idle, RecoveryRow::Left::any, Recovery::go_on, ""},
    {ItemState::Phase::attempting, RecoveryRow::Left::no, Recovery::again,
     "cut off before anything was sent"},
    {ItemState::Phase::attempting, RecoveryRow::Left::yes, Recovery::unknown,
     "sent, answer never seen: the process ended"},
    {ItemState::Phase::retry_wait, RecoveryRow::Left::any, Recovery::go_on, ""},
    {ItemState::Phase::looking, RecoveryRow::Left::no, Recovery::look_again,
     "the look was cut off"},
    {ItemState::Phase::looking, RecoveryRow::Left::yes, Recovery::unknown,
     "a look sent a change: a fault of its connector"},
    {ItemState::Phase::look_wait, RecoveryRow::Left::any, Recovery::go_on, ""},
    {ItemState::Phase::probing_unknown, RecoveryRow::Left::any, Recovery::go_on, ""},
    {ItemState::Phase::verifying, RecoveryRow::Left::any, Recovery::go_on, ""},
    {ItemState::Phase::held, RecoveryRow::Left::any, Recovery::go_on, ""},
    {ItemState::Phase::finished, RecoveryRow::Left::any, Recovery::go_on, ""},
}};

/// The row for an item in that state.
const RecoveryRow& recovery_of(ItemState::Phase phase, bool request_left) noexcept;

}  // namespace quell
