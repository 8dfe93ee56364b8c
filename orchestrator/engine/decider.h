#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "orchestrator/engine/decisions.h"
#include "orchestrator/engine/expansion.h"
#include "state/model/entry.h"

namespace quell {

/// How far some steps have come.
enum class Progress : std::uint8_t { running, ok, failed };

/// One pass over a run. Collects entries; the caller applies them and asks again. Steps are decided
/// in decisions.cpp, the actions and looks of a step in decider_work.cpp, what policy demands
/// before a change in decider_policy.cpp.
class Decider {
 public:
  Decider(const RunState& run, const ConnectorSet& connectors, const Circumstances& around)
      : run_(run), connectors_(connectors), around_(around), now_(around.now) {}

  std::vector<Entry> decide();

 private:
  void emit(EntryKind kind, ValueMap body);
  /// No new step or attempt begins while a person paused the run.
  bool may_begin() const { return !run_.paused; }
  const StepState* state_of(const Step& step) const;
  Scope scope_of_step(const Step& step) const { return scope_of(run_, frame_of(step.id)); }
  Progress sequence(const std::vector<Step>& steps);
  Progress advance(const Step& step);
  Progress advance_steps(const Step& step, const StepState& state, bool deadline_passed,
                         bool stopping_around);
  void finish_step(const Step& step, OutcomeKind outcome, ValueMap more = {});
  void fail_step(const Step& step, const Error& error);
  void begin(const Step& step);
  /// The values that made a condition false, as far as its paths are constant.
  Value values_behind(const Step& step, const Expression& condition) const;
  void begin_assert(const Step& step, const AssertStep& assertion);
  void begin_set(const Step& step, const SetStep& set);
  void begin_approve(const Step& step, const ApproveStep& approve);
  /// How long an approval that `approve` asks for now may be waited for.
  Duration wait_for(const ApproveStep& approve) const;
  /// Asks again where a read beside the question has changed the plan: what was said to the old
  /// one is void (playbook-language.md section 7, T21). `step` is empty for what policy asks.
  bool ask_again_if_changed(const std::string& step, const ApprovalState& approval,
                            const std::string& from, Duration within);
  void begin_manual(const Step& step, const ManualStep& manual);
  void begin_foreach(const Step& step);
  /// A call, and a foreach over anything but one action: each time has steps of its own.
  Progress advance_expansions(const Step& step, const StepState& state, bool deadline_passed);
  void advance_time(const Step& step, const Expansion& time, const ItemState& item);
  /// Why the steps of `time` failed.
  Value first_error(const Expansion& time) const;
  void finish_expansions(const Step& step, const StepState& state, bool deadline_passed);
  Progress advance_parallel(const Step& step, const ParallelStep& parallel, bool deadline_passed);
  Progress advance_block(const Step& step, const BlockStep& block, bool deadline_passed,
                         bool stopping_around);
  Progress advance_approve(const Step& step, const ApproveStep& approve, const StepState& state);
  Progress advance_manual(const Step& step, const ManualStep& manual, const StepState& state);
  Progress advance_wait(const Step& step, const WaitStep& wait, const StepState& state);
  const ActionSpec& spec_of(const Step& step) const;
  Progress advance_use(const Step& step, const StepState& state);
  void begin_items(const Step& step, const StepState& state, std::size_t canary, std::size_t acting,
                   std::size_t unfinished);
  void start_attempt(const Step& step, const ItemState& item, Intent intent);
  /// A change begins only when the kill switch, the lock and the approvals that policy demands
  /// allow it; asks for an approval that is missing.
  bool may_act(const Step& step);
  /// Nobody has said yes to what an alert proposes: until then it only reads what the platform
  /// lists, and nothing goes to a host that the alert may have named (threat T5).
  bool waits_for_yes(const ActionSpec& spec) const;
  /// True when the target of `item` is protected: then it is held for a person, or has failed.
  bool stops_at_protection(const Step& step, const ItemState& item, const Value& params);
  /// The cap of policy that a change of that gravity would break, or nothing.
  std::string broken_cap(Gravity gravity) const;
  /// How many people have to approve it.
  int approvals_needed(Gravity gravity, bool beyond_cap) const;
  bool is_approved(Gravity gravity, bool beyond_cap) const;
  void ask_policy_approval(Gravity gravity, const std::string& cap);
  void decide_gate();
  void finish_item(const Step& step, const ItemState& item);
  void advance_item(const Step& step, const ItemState& item, bool deadline_passed);
  /// Looks that need no request: those that a rehearsal withholds, those whose `when` is false, and
  /// `self`.
  bool begin_looks(const Step& step, const ItemState& item);
  void skip_probe(const WorkId& id, std::string why);
  void decide_idle_probe(const ProbeSpec& probe, const WorkId& id, const ItemState* item);
  void settle_by_probes(const Step& step, const ItemState& item);
  void hold(const Step& step, const ItemState& item);
  void finish_use(const Step& step, const StepState& state, bool deadline_passed);
  /// True while postconditions or looks that outlived their step are still going on.
  bool looks_pending(Progress steps);
  void finish(Progress steps, Progress last);
  void decide_watch();

  const RunState& run_;
  const ConnectorSet& connectors_;
  const Circumstances& around_;
  Timestamp now_;
  bool asked_ = false;  // for policy's approval, in this pass
  bool stopping_ = false;
  std::vector<Entry> out_{};
};

}  // namespace quell
