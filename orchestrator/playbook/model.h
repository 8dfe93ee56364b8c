#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "orchestrator/expression/expression.h"
#include "state/base/clock.h"
#include "state/base/result.h"
#include "state/base/value.h"
#include "state/model/type.h"
#include "state/model/vocabulary.h"

namespace quell {

/// A place in a playbook file; both from 1.
struct Position {
  int line = 0;
  int column = 0;
};

struct NamedTemplate;

/// A YAML value whose strings may hold expressions: what stands under `with:`.
struct ValueTemplate {
  Position at{};
  /// A constant, a string template, a list, or a map with its keys in file order.
  std::variant<Value, Template, std::vector<ValueTemplate>, std::vector<NamedTemplate>> node;

  Result<Value> evaluate(const Scope& scope) const;
};

struct NamedTemplate {
  std::string name;
  ValueTemplate value;
};

struct InputSpec {
  std::string name{};
  Type type{};  // Kind string for enum, url for url, ...
  bool required = false;
  std::optional<Value> fallback{};  // `default`
  std::string help{};
  std::string pattern{};  // RE2, whole match by the author's own anchors
  std::optional<double> min{};
  std::optional<double> max{};
  std::vector<std::string> values{};   // enum
  std::vector<std::string> schemes{};  // url
  Position at{};
};

struct Until {
  Duration every{2'000};
  Duration span{60'000};  // `for`
  int consecutive = 1;
};

/// One line under `verify`.
struct ProbeSpec {
  bool self = false;         // judges the step's own result by expect and refute
  std::string connection{};  // else an action `connection.action`
  std::string action{};
  ValueTemplate with{};
  std::optional<Expression> when{};
  std::optional<Expression> expect{};
  std::optional<Expression> refute{};
  std::optional<Until> until{};
  Position at{};
};

struct Foreach {
  Expression items;
  std::string as{};
  Template key;
  int concurrency = 1;
  std::optional<double> rate_per_second{};
  int max = 0;
  std::optional<Expression> order{};
  int canary = 0;
  bool stop_on_failure = false;
  int stop_after = 1;
};

struct RetryOverride {
  std::optional<int> max{};
  std::optional<Duration> backoff{};
  std::optional<Duration> cap{};
  std::optional<bool> jitter{};
  std::vector<ErrorCode> on{};  // empty: transient and throttled
};

struct UndoSpec {
  std::string connection{};
  std::string action{};
  ValueTemplate with{};
};

struct Step;

struct UseStep {
  std::string connection{};
  std::string action{};
  ValueTemplate with{};
  Type outputs{};  // as the action declares them
};
struct Branch {
  std::string name;
  std::vector<Step> steps;
};
struct ParallelStep {
  std::vector<Branch> branches;
};
struct BlockStep {
  std::vector<Step> body;
  std::vector<Step> rescue;
};
struct ApproveStep {
  int need = 1;
  std::string from = "approver";
  Duration within{0};
  bool continue_on_timeout = false;
};
/// A person does it, says so, and may attach evidence.
struct ManualStep {
  Template ask;
  std::string from = "approver";
  Duration within{0};
  bool continue_on_timeout = false;
  std::vector<InputSpec> fields{};  // what the person tells; never a secret
};
struct WaitStep {
  std::optional<Duration> span{};     // wait: {for}
  std::optional<Expression> until{};  // wait: {until, every, for}
  Duration every{2'000};
};
struct AssertStep {
  Expression condition;
  Template message;
};
struct SetStep {
  std::vector<NamedTemplate> values{};
  Type type{};  // of all of them, an object
};

struct Playbook;

/// Another playbook's steps, in a scope of their own.
struct CallStep {
  std::shared_ptr<const Playbook> callee{};
  std::vector<NamedTemplate> with{};
};

struct Step {
  std::string id{};
  std::string title{};
  std::variant<UseStep, ParallelStep, BlockStep, ApproveStep, ManualStep, WaitStep, AssertStep,
               SetStep, CallStep>
      kind{};
  std::optional<Expression> when{};
  std::optional<Foreach> foreach_items{};
  RetryOverride retry{};
  std::optional<Duration> timeout{};
  std::optional<Duration> deadline{};
  bool continue_on_failure = false;
  std::vector<ProbeSpec> verify{};
  std::string verify_none_reason{};  // `verify: none` with its reason
  std::string proves{};  // id of the earlier step whose claims this step's verify judges
  std::optional<UndoSpec> undo{};
  bool irreversible = false;
  std::optional<Plane> plane{};
  std::vector<Kill> kills{};
  Position at{};
};

struct WatchSpec {
  Duration every{60'000};
  Duration span{0};
  int budget = 60;  // requests per minute
  std::vector<std::string> reopen_on{};
};

/// A playbook that passed the whole static check.
struct Playbook {
  std::string id{};
  std::string title{};
  std::string purpose{};
  std::vector<InputSpec> inputs{};
  std::optional<Duration> run_timeout{};
  std::optional<Duration> slo_contain{};
  std::optional<Duration> slo_prove{};
  std::optional<Template> lock{};
  std::vector<std::string> accept{};
  std::vector<Step> steps{};
  std::vector<ProbeSpec> verify{};
  std::optional<WatchSpec> watch{};
  std::vector<Step> finally_steps{};
  std::vector<std::string> unprovable{};  // claims that no probe of the file can prove: "STEP KILL"
  std::map<std::string, std::string> called{};  // sources of the playbooks it calls, by id
  std::string source{};                         // the file as read
  std::string sha256{};                         // hex
  std::string file{};                           // for messages
};

/// True for a step that goes through several steps time and again, or through another playbook's: a
/// call, and a foreach over anything but one action.
bool is_expanded(const Step& step) noexcept;

/// Calls `visit` for each list of steps inside `step`: branches, body, rescue. Not for a called
/// playbook's, whose scope is another.
template <typename Visit>
void for_each_inner_list(const Step& step, const Visit& visit) {
  if (const auto* parallel = std::get_if<ParallelStep>(&step.kind)) {
    for (const Branch& branch : parallel->branches) visit(branch.steps);
  } else if (const auto* block = std::get_if<BlockStep>(&step.kind)) {
    visit(block->body);
    visit(block->rescue);
  }
}

/// Calls `visit` for every step of the file, outer ones first.
// Nesting is bounded by the loader's depth limit.
template <typename Visit>
void for_each_step(const std::vector<Step>& steps,  // NOLINT(misc-no-recursion)
                   const Visit& visit) {
  for (const Step& step : steps) {
    visit(step);
    for_each_inner_list(step, [&](const std::vector<Step>& list) { for_each_step(list, visit); });
  }
}

/// What `quell check` says of a good file: "ok, 9 steps, 5 claims, each can be proved". Counts the
/// steps that do something themselves, and one claim per kill.
std::string playbook_summary(const Playbook& playbook);

}  // namespace quell
