#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/action.h"
#include "connectors/declared_call.h"
#include "state/base/clock.h"
#include "state/base/value.h"
#include "state/model/type.h"
#include "state/model/vocabulary.h"

namespace quell {

// What people's own systems can do, as data: `actions:` of a connection of kind http, read by
// orchestrator/declared_actions.h. The words are those of issuer profiles wherever they mean the
// same.

struct DeclaredInput {
  std::string name{};
  Type::Kind kind = Type::Kind::string;  // string, integer, boolean or secret
  std::vector<std::string> values{};     // of an enum
  std::optional<Value> fallback{};       // none: the input is required
  std::string help{};
};

/// A member of the JSON answer that later steps may use.
struct DeclaredOutput {
  std::string name{};
  Type::Kind kind = Type::Kind::string;  // string, integer, boolean or dyn
  std::string path{};                    // dotted
  bool optional = false;                 // of an answer that need not have it
};

/// One call of a system, and what its answers mean.
struct DeclaredAction {
  std::string name{};
  std::string title{};
  Effect effect = Effect::mutate;
  std::string method = "POST";
  CallTemplate path{};   // behind the base URL; an input is one whole segment
  CallTemplate query{};  // a form, its literals encoded
  std::vector<std::pair<std::string, CallTemplate>> headers{};  // without secrets
  BodyKind body_kind = BodyKind::none;
  CallTemplate body{};
  /// The secret input that it shows as Bearer in place of the connection's own credential.
  std::string shows{};
  std::vector<AnswerRule> answers{};
  std::vector<DeclaredInput> inputs{};
  std::vector<DeclaredOutput> outputs{};
  std::vector<Plane> planes{};
  std::vector<Kill> kills{};
  std::vector<Kill> proves{};  // not empty: it is a probe
  Grade grade = Grade::weak;   // of what it proves
  Repeat repeat = Repeat::never;
  std::string look{};  // the probe that finds out whether a lost attempt was applied
  bool irreversible = false;
  bool wide = false;
  std::optional<Duration> settles{};  // the effect may come that late
  Duration timeout{15'000};
  std::string spares{};
  std::string breaks{};
  std::vector<std::string> needs{};
  std::vector<std::string> traps{};
  std::vector<std::string> unsure{};
  std::optional<Certainty> certainty{};
  std::string source{};

  const DeclaredInput* find_input(std::string_view input) const noexcept;
};

using DeclaredActions = std::vector<DeclaredAction>;

/// The action `name`, or null.
const DeclaredAction* find_declared(const DeclaredActions& actions, std::string_view name) noexcept;

/// The rows of the action table that `actions` come to, in their order.
std::vector<ActionSpec> specs_of(const DeclaredActions& actions);

/// Everything about what is sent and how it is read, for the pins of a run: a declaration that
/// changed is another connection.
std::string digest_of(const DeclaredActions& actions);

}  // namespace quell
