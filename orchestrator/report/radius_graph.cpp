#include "orchestrator/report/radius_graph.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace quell {
namespace {

std::string text_of(const Value& value) { return std::string(value.string_or("")); }

std::vector<std::string> texts_of(const Value& list) {
  std::vector<std::string> texts;
  if (!list.is_list()) return texts;
  for (const Value& item : list.as_list()) texts.push_back(text_of(item));
  return texts;
}

RadiusGraph graph_from(const Value& value) {
  RadiusGraph graph;
  if (value.is_null()) return graph;
  for (const Value& node : value["nodes"].as_list()) {
    graph.nodes.push_back({.id = text_of(node["id"]),
                           .kind = text_of(node["kind"]),
                           .name = text_of(node["name"]),
                           .state = text_of(node["state"]),
                           .tie = text_of(node["tie"]),
                           .changed = node["changed"].bool_or(false)});
  }
  std::ranges::sort(graph.nodes, {}, &RadiusNode::id);
  for (const Value& edge : value["edges"].as_list()) {
    graph.edges.push_back({.from = text_of(edge["from"]),
                           .to = text_of(edge["to"]),
                           .kind = text_of(edge["kind"]),
                           .did = edge["did"].bool_or(false),
                           .reason = text_of(edge["reason"])});
  }
  return graph;
}

LateralMatrix lateral_from(const Value& value) {
  LateralMatrix matrix;
  if (value.is_null()) return matrix;
  for (const Value& agent : value["agents"].as_list()) {
    matrix.agents.push_back({.id = text_of(agent["id"]),
                             .name = text_of(agent["name"]),
                             .named = agent["named"].bool_or(false)});
  }
  for (const Value& relation : value["relations"].as_list()) {
    matrix.relations.push_back({.from = text_of(relation["from"]),
                                .to = text_of(relation["to"]),
                                .writes = texts_of(relation["writes"]),
                                .invokes = texts_of(relation["invokes"]),
                                .observes = texts_of(relation["observes"]),
                                .shares_vault = texts_of(relation["shares_vault"])});
  }
  return matrix;
}

/// Kinds in the order in which people count them, with their words.
struct KindWords {
  std::string_view kind{};
  std::string_view one{};
  std::string_view many{};
};
constexpr std::array<KindWords, 10> kKinds{{{"credential", "credential", "credentials"},
                                           {"vault", "vault", "vaults"},
                                           {"deployment", "deployment", "deployments"},
                                           {"session", "session", "sessions"},
                                           {"thread", "thread", "threads"},
                                           {"agent", "agent", "agents"},
                                           {"memory_store", "memory store", "memory stores"},
                                           {"file", "file", "files"},
                                           {"repository", "repository", "repositories"},
                                           {"author", "author", "authors"}}};

std::string counts_text(const std::map<std::string, std::size_t, std::less<>>& counts) {
  std::vector<std::string> parts;
  for (const KindWords& words : kKinds) {
    const auto count = counts.find(words.kind);
    if (count == counts.end()) continue;
    parts.push_back(
        fmt::format("{} {}", count->second, count->second == 1 ? words.one : words.many));
  }
  if (parts.empty()) return "nothing";
  std::string text = parts.front();
  for (std::size_t i = 1; i < parts.size(); ++i)
    text += (i + 1 == parts.size() ? " and " : ", ") + parts[i];
  return text;
}

/// A quoted string of the language: quotes and backslashes escaped. Control characters were escaped
/// where the text was read.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

}  // namespace

const RadiusNode* RadiusGraph::find(std::string_view id) const {
  const auto at = std::ranges::lower_bound(nodes, id, {}, &RadiusNode::id);
  return at != nodes.end() && at->id == id ? &*at : nullptr;
}

std::map<std::string, std::size_t, std::less<>> RadiusGraph::counts() const {
  std::map<std::string, std::size_t, std::less<>> counts;
  for (const RadiusNode& node : nodes) ++counts[node.kind];
  return counts;
}

std::string LateralRelation::letters() const {
  std::string text;
  const auto add = [&text](bool holds, char letter) {
    if (!holds) return;
    if (!text.empty()) text += ' ';
    text += letter;
  };
  add(!writes.empty(), 'W');
  add(!invokes.empty(), 'I');
  add(!observes.empty(), 'O');
  add(!shares_vault.empty(), 'V');
  return text;
}

const LateralRelation* LateralMatrix::find(std::string_view from, std::string_view to) const {
  const auto at = std::ranges::find_if(relations, [&](const LateralRelation& relation) {
    return relation.from == from && relation.to == to;
  });
  return at == relations.end() ? nullptr : &*at;
}

std::vector<const LateralAgent*> LateralMatrix::involved() const {
  std::set<std::string_view> seen;
  for (const LateralRelation& relation : relations) {
    seen.insert(relation.from);
    seen.insert(relation.to);
  }
  std::vector<const LateralAgent*> some;
  for (const LateralAgent& agent : agents)
    if (agent.named || seen.contains(agent.id)) some.push_back(&agent);
  // Whoever was asked about comes first.
  std::ranges::stable_sort(some, {}, [](const LateralAgent* agent) { return !agent->named; });
  return some;
}

Radius radius_from(Value outputs) {
  Radius radius;
  radius.graph = graph_from(outputs["graph"]);
  radius.lateral = lateral_from(outputs["lateral"]);
  radius.outputs = std::move(outputs);
  return radius;
}

std::string radius_sentence(const RadiusGraph& graph) {
  RadiusGraph named;
  RadiusGraph reached;
  RadiusGraph changed;
  for (const RadiusNode& node : graph.nodes) {
    (node.tie == "named" ? named : reached).nodes.push_back(node);
    if (node.changed && node.tie != "named") changed.nodes.push_back(node);
  }
  if (graph.nodes.empty()) return "Nothing was found.";
  std::string text = counts_text(named.counts()) + (named.nodes.size() == 1 ? " reaches " : " reach ") +
                     counts_text(reached.counts()) + ".";
  if (!changed.nodes.empty())
    text += " Since then " + counts_text(changed.counts()) +
            (changed.nodes.size() == 1 ? " came up or was written to." : " came up or were written to.");
  return text;
}

std::string radius_dot(const RadiusGraph& graph) {
  std::string text =
      "digraph radius {\n  rankdir=LR;\n  node [shape=box, fontname=\"monospace\", fontsize=10];\n"
      "  edge [fontname=\"sans-serif\", fontsize=9, color=gray50];\n";
  for (const KindWords& words : kKinds) {
    std::string inside;
    for (const RadiusNode& node : graph.nodes) {
      if (node.kind != words.kind) continue;
      std::string label = node.id;
      if (!node.name.empty()) label += ", " + node.name;
      if (!node.state.empty()) label += ", " + node.state;
      inside += fmt::format("    {} [label={}{}{}];\n", quoted(node.id), quoted(label),
                            node.tie == "named" ? ", penwidth=2, color=red" : "",
                            node.changed ? ", style=filled, fillcolor=mistyrose" : "");
    }
    if (inside.empty()) continue;
    text += fmt::format("  subgraph cluster_{} {{\n    label={};\n{}  }}\n", words.kind,
                        quoted(words.many), inside);
  }
  for (const RadiusEdge& edge : graph.edges) {
    text += fmt::format("  {} -> {} [label={}{}];\n", quoted(edge.from), quoted(edge.to),
                        quoted(edge.kind), edge.did ? ", color=red, penwidth=2" : "");
  }
  return text + "}\n";
}

}  // namespace quell
