#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "orchestrator/engine/run_state.h"

namespace quell {

/// Steps that one run may come to, all times of all foreach counted.
inline constexpr std::size_t kExpandedStepsMax = 100'000;

/// The frame that the step `id` belongs to: what stands before its last `/`; empty for the
/// playbook's own.
std::string_view frame_of(std::string_view id) noexcept;
/// The step's name in its file: what stands behind the last `/`.
std::string_view local_name(std::string_view id) noexcept;

/// Steps that `step` comes to each time.
std::size_t steps_each_time(const Step& step);

/// When the first step of `expansion` began, if it has.
std::optional<Timestamp> begun_at(const RunState& run, const Expansion& expansion);

/// Makes the frames and steps of `step`, which has begun with the items of `state`, and with them
/// the postconditions of a called playbook.
void expand(RunState& run, const Step& step, const StepState& state);

}  // namespace quell
