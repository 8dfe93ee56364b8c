#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/playbook/actions.h"
#include "orchestrator/playbook/fields.h"
#include "orchestrator/playbook/model.h"
#include "orchestrator/playbook/scope.h"
#include "orchestrator/playbook/values.h"

namespace quell {

class Callees;
struct Callee;

/// What the rules of the whole playbook need to know of a step with an action.
struct UseFact {
  std::string id{};
  const YamlNode* mark = nullptr;  // its id, under which findings about the step stand
  const YamlNode* use = nullptr;
  ActionRef action{};
  std::vector<std::string> known_before{};  // ids of the steps that are done when it starts
  std::vector<std::string> loops{};         // ids of the loops that it stands in
  bool in_finally = false;
  std::vector<Kill> kills{};
  std::string proves{};
  std::vector<Kill> probed{};                 // what its probes can prove
  std::vector<const YamlNode*> kill_nodes{};  // none for a step of a called playbook
  std::vector<std::string> accepted{};        // overrides that the called playbook settled with
};

/// Reads lists of steps and their probes (language section 4) and checks each against the actions
/// and the names in scope.
class StepReader {
 public:
  StepReader(Findings& findings, Callees& callees, PlaybookScope& scope);

  std::vector<Step> read_steps(const YamlNode& list, std::string_view key);
  /// From now on steps belong to `finally`: everything before may not have run.
  void begin_finally();
  /// The `verify` of the whole playbook.
  std::vector<ProbeSpec> read_postconditions(const YamlNode& list);
  Values& values() noexcept { return values_; }

  /// Every step with an action, in file order.
  const std::vector<UseFact>& uses() const noexcept { return uses_; }
  /// Sources of the playbooks that they call, at any depth, by id.
  const std::map<std::string, std::string>& called() const noexcept { return called_; }

 private:
  /// A step while it is read.
  struct Shell {
    const YamlNode& node;
    const YamlNode& mark;  // its id where it has one
    Fields fields;
    Step step{};
    Locals locals{};     // what its expressions see beside inputs, steps and run
    KnownStep leaves{};  // what later steps will see of it
  };

  std::optional<Step> read_step(const YamlNode& node);
  void read_kind(Shell& shell);
  void read_use(Shell& shell);
  void read_parallel(Shell& shell, const YamlNode& node);
  void read_block(Shell& shell, const YamlNode& node);
  void read_approve(Shell& shell, const YamlNode& node);
  void read_manual(Shell& shell, const YamlNode& node);
  void read_call(Shell& shell, const YamlNode& node);
  void learn_callee(const Shell& shell, const Callee& callee);
  void read_when(Shell& shell);
  void read_wait(Shell& shell, const YamlNode& node);
  void read_assert(Shell& shell, const YamlNode& node);
  void read_set(Shell& shell, const YamlNode& node);
  void refuse_modifiers(Shell& shell, std::string_view kind);
  void read_foreach(Shell& shell, const YamlNode& node);
  void read_retry(Shell& shell, const YamlNode& node);
  void read_claims(Shell& shell, const ActionRef& action, UseFact& fact);
  void read_undo(Shell& shell, const ActionRef& action);
  void read_verify(Shell& shell, const ActionRef& action, UseFact& fact);
  void read_proves(Shell& shell, UseFact& fact);
  std::optional<ProbeSpec> read_probe(const YamlNode& node, const ActionRef* self,
                                      const Locals& locals, const std::vector<Kill>& kills,
                                      std::vector<Kill>* proved);
  void read_judgement(Fields& fields, ProbeSpec& probe, const ActionRef& judged,
                      const Locals& locals);
  std::optional<Until> read_until(const YamlNode& node);

  Findings& findings_;
  Callees& callees_;
  PlaybookScope& scope_;
  Values values_;
  Actions actions_;
  std::vector<UseFact> uses_{};
  std::map<std::string, int, std::less<>> lines_by_id_{};
  std::map<std::string, std::string> called_{};
  Locals around_{};  // what the steps around the present one let it see
  bool in_finally_ = false;
};

}  // namespace quell
