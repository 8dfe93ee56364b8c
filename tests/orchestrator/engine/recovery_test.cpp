#include "orchestrator/engine/recovery.h"

#include <doctest/doctest.h>

namespace quell::test {

// Goal: nothing that a process can leave behind is forgotten or decided twice.
// Method: every phase with and without a request that may have left.
TEST_CASE("every state of an item meets exactly one row of the recovery table") {
  constexpr int kPhases = static_cast<int>(ItemState::Phase::finished) + 1;
  for (int phase = 0; phase < kPhases; ++phase) {
    for (const bool left : {false, true}) {
      CAPTURE(phase);
      CAPTURE(left);
      int rows = 0;
      for (const RecoveryRow& row : kRecoveryTable) {
        const bool fits =
            row.left == RecoveryRow::Left::any || (row.left == RecoveryRow::Left::yes) == left;
        if (static_cast<int>(row.phase) == phase && fits) ++rows;
      }
      CHECK(rows == 1);
    }
  }
}

TEST_CASE("what may have left is never simply sent again") {
  for (const RecoveryRow& row : kRecoveryTable) {
    if (row.left == RecoveryRow::Left::yes) CHECK(row.recovery == Recovery::unknown);
  }
  CHECK(recovery_of(ItemState::Phase::attempting, true).recovery == Recovery::unknown);
  CHECK(recovery_of(ItemState::Phase::attempting, false).recovery == Recovery::again);
}

}  // namespace quell::test
