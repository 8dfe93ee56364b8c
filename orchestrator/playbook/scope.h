#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "orchestrator/expression/expression.h"
#include "orchestrator/playbook/model.h"
#include "orchestrator/playbook/yaml_tree.h"
#include "state/model/type.h"

namespace quell {

/// What a finished step leaves behind, as the expressions of later steps see it.
struct KnownStep {
  std::string id{};
  std::vector<Field> outputs{};  // as declared
  bool may_not_have_run = false;
  bool opaque = false;  // its own mistakes hide what it gives: nothing is said of its members
};

/// What a true condition says about the names that it tests.
struct Guards {
  std::vector<std::string> not_null{};  // dotted paths
  std::vector<std::string> ran{};       // ids of steps

  void add(const Guards& more);
};

/// Reads the guards off a condition: `PATH != null`, and a step's `outcome` or
/// `verdict` compared with a good one, joined by `&&`. Anything else guards nothing.
Guards guards_of(std::string_view condition);

/// Names of one place beside `inputs`, `steps` and `run`, and what is known there.
struct Locals {
  std::vector<Field> names{};  // an `as` name, `result`
  Guards guards{};

  Locals with(std::string name, Type type) const;
  Locals with(const Guards& more) const;
};

/// How far a type may be trusted. `strict` takes the nulls that an action declares for granted
/// (the run meets them, and its step says so) and keeps those that the author can see in the file:
/// optional inputs and steps that may not have run.
enum class Nulls : std::uint8_t { declared, strict };

/// The names in scope while a playbook is read from top to bottom.
class PlaybookScope {
 public:
  PlaybookScope(const SourceText& source, const std::vector<InputSpec>& inputs,
                const YamlNode* steps, const YamlNode* finally_steps);

  /// From now on expressions belong to the step at `node`.
  void enter(const YamlNode* node) noexcept { current_ = node; }
  const YamlNode* current() const noexcept { return current_; }

  /// Steps whose results are known here, in file order.
  const std::vector<KnownStep>& known() const noexcept { return known_; }
  const KnownStep* find(std::string_view id) const noexcept;
  void learn(KnownStep step);
  std::size_t mark() const noexcept { return known_.size(); }
  /// Takes out what was learned since `mark`; a parallel branch gives it back when all are done.
  std::vector<KnownStep> forget_since(std::size_t mark);
  /// What was learned since `mark` may not have run.
  void doubt_since(std::size_t mark);
  /// Where a step of that id stands, known here or not; 0 where there is none.
  int line_of(std::string_view id) const noexcept;

  /// The scope for the type checker. It borrows from this object.
  TypeScope types(const Locals& locals, Nulls nulls) const;

 private:
  struct Place {
    std::string id{};
    const YamlNode* node = nullptr;
    int line = 0;
    std::vector<std::pair<const YamlNode*, std::size_t>> branches{};  // parallels around it
    std::vector<const YamlNode*> repeats{};                           // foreach around it
  };
  struct Cached {
    std::size_t version = 0;
    Type steps{};
  };

  void collect(const YamlNode& steps, const Place& around);
  const Place* place_of(const YamlNode* node) const noexcept;
  const Type& steps_type(Nulls nulls) const;
  std::optional<ExpressionError> explain(std::string_view path) const;

  const SourceText& source_;
  Type inputs_{};
  std::vector<Place> places_{};
  std::map<std::string, std::size_t, std::less<>> by_id_{};
  std::map<const YamlNode*, std::size_t> by_node_{};
  std::vector<KnownStep> known_{};
  std::map<std::string, std::size_t, std::less<>> known_by_id_{};
  const YamlNode* current_ = nullptr;
  std::size_t version_ = 1;
  mutable Cached declared_{};
  mutable Cached strict_{};
};

/// The same type without null at any level.
Type without_null(const Type& type);

/// The list of steps in a `parallel`, `block` or `rescue`, in file order, as (branch, list).
std::vector<std::pair<std::string, const YamlNode*>> inner_lists(const YamlNode& step);

}  // namespace quell
