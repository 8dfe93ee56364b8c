#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "state/base/clock.h"
#include "state/base/value.h"

namespace quell {

/// A thing within reach, as the action `blast_radius` gives it (connectors/managed_agents). Names
/// and states are texts from outside, escaped where they were read.
struct RadiusNode {
  std::string id{};
  std::string kind{};     // credential, vault, deployment, session, thread, agent, memory_store, ...
  std::string name{};     // may be empty
  std::string state{};    // active, archived, running, ...; may be empty
  std::string tie{};      // why it is there: named, holds, beside, steered, part
  bool changed = false;   // it came up, or was written to, since
};

/// `from` acts on `to`.
struct RadiusEdge {
  std::string from{};
  std::string to{};
  std::string kind{};
  bool did = false;  // else it only could
  std::string reason{};
};

struct RadiusGraph {
  std::vector<RadiusNode> nodes{};  // by id
  std::vector<RadiusEdge> edges{};

  const RadiusNode* find(std::string_view id) const;
  /// How many of each kind.
  std::map<std::string, std::size_t, std::less<>> counts() const;
};

/// Who of the agents can steer whom: lists of the ids that show it.
struct LateralRelation {
  std::string from{};
  std::string to{};
  std::vector<std::string> writes{};        // stores that `from` writes and `to` reads
  std::vector<std::string> invokes{};       // where `to` is on the roster of `from`
  std::vector<std::string> observes{};      // sandboxes that they share
  std::vector<std::string> shares_vault{};  // vaults that both can use

  /// `W I O V`, those that hold; never empty in an answer.
  std::string letters() const;
};

struct LateralAgent {
  std::string id{};
  std::string name{};
  bool named = false;  // it was asked about

  const std::string& label() const noexcept { return name.empty() ? id : name; }
};

struct LateralMatrix {
  std::vector<LateralAgent> agents{};
  std::vector<LateralRelation> relations{};

  const LateralRelation* find(std::string_view from, std::string_view to) const;
  /// Agents that act on another or are acted on; the rest is only counted.
  std::vector<const LateralAgent*> involved() const;
};

/// The outputs of a deep `blast_radius`, typed.
struct Radius {
  Value outputs{};
  RadiusGraph graph{};
  LateralMatrix lateral{};
};

Radius radius_from(Value outputs);

/// What it comes to in a sentence: how many things, how many changed.
std::string radius_sentence(const RadiusGraph& graph);

/// `graph` in the language of Graphviz: one cluster a kind, what was done in bold.
std::string radius_dot(const RadiusGraph& graph);

}  // namespace quell
