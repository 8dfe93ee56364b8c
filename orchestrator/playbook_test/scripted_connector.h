#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "connectors/connector.h"
#include "orchestrator/playbook_test/cases.h"

namespace quell {

/// What a case's actions were called for.
struct CallTally {
  std::map<std::string, std::int64_t> calls{};       // by connection.action, looks included
  std::map<std::string, std::size_t> next_answer{};  // by action, list and inputs
  std::set<std::string> unanswered{};                // what no answer of the script fits
};

/// Stands in for a connection in a test: the same actions and predictions, but each call is
/// answered from a script and nothing is sent.
class ScriptedConnector final : public Connector {
 public:
  /// `script` and `tally` outlive it.
  ScriptedConnector(std::string name, std::shared_ptr<const Connector> real,
                    const AnswerScript& script, CallTally& tally)
      : name_(std::move(name)), real_(std::move(real)), script_(script), tally_(tally) {}

  std::span<const ActionSpec> actions() const override { return real_->actions(); }
  Task<Result<Outcome>> perform(const ActionSpec& action, Inputs inputs, Io& io) const override;
  Value predict(const ActionSpec& action, const Inputs& inputs) const override {
    return real_->predict(action, inputs);
  }
  Value pins() const override { return real_->pins(); }
  std::string base_url() const override { return real_->base_url(); }

 private:
  /// The next answer for a call, or null.
  const ScriptedAnswer* next(const std::string& action, const Inputs& inputs) const;

  std::string name_;
  std::shared_ptr<const Connector> real_;
  const AnswerScript& script_;
  CallTally& tally_;
};

}  // namespace quell
