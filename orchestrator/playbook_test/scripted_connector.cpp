#include "orchestrator/playbook_test/scripted_connector.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "state/base/json.h"

namespace quell {
namespace {

bool fits(const Value& with, const Value& params) {
  if (!with.is_map()) return true;
  return std::all_of(with.as_map().begin(), with.as_map().end(),
                     [&](const auto& wanted) { return params[wanted.first] == wanted.second; });
}

}  // namespace

const ScriptedAnswer* ScriptedConnector::next(const std::string& action,
                                              const Inputs& inputs) const {
  const auto found = script_.find(action);
  if (found == script_.end()) return nullptr;
  const bool look = inputs.intent == Intent::look;
  std::vector<const ScriptedAnswer*> answers;
  for (const ScriptedAnswer& answer : found->second) {
    const bool same_list = answers.empty() || answer.with == answers.front()->with;
    if (answer.of_look == look && same_list && fits(answer.with, inputs.params))
      answers.push_back(&answer);
  }
  if (answers.empty()) return nullptr;
  std::size_t& at =
      tally_.next_answer[action + (look ? " look " : " act ") + to_json(inputs.params)];
  return answers[std::min(at++, answers.size() - 1)];
}

Task<Result<Outcome>> ScriptedConnector::perform(const ActionSpec& action, Inputs inputs,
                                                 Io& io) const {
  const std::string name = name_ + "." + action.name;
  ++tally_.calls[name];
  const ScriptedAnswer* const answer = next(name, inputs);
  if (answer == nullptr) {
    const std::string what = inputs.intent == Intent::look ? "a look of " + name : name;
    tally_.unanswered.insert(what);
    co_return make_error(ErrorCode::internal, "the case has no answer for " + what);
  }
  if (answer->takes > Duration{0}) co_await io.wait(answer->takes);
  if (answer->error) co_return *answer->error;
  co_return answer->outcome;
}

}  // namespace quell
