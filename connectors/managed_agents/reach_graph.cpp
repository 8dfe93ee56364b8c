#include "connectors/managed_agents/reach_graph.h"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "connectors/url.h"

namespace quell::managed_agents {
namespace {

std::string id_of(const Participant& who) {
  switch (who.kind) {
    case Participant::Kind::agent:
      return who.id;
    case Participant::Kind::advisor:
      return "advisor:" + who.name;
    case Participant::Kind::inline_agent:
      return "inline:" + who.name;
  }
  return {};
}

std::string_view state_of(const std::optional<Timestamp>& archived_at) {
  return archived_at ? "archived" : "active";
}

class Graph {
 public:
  Graph(const ReachQuestion& question, const Sight& sight, const Reach& reach)
      : question_(question), sight_(sight), reach_(reach) {}

  Value build();

 private:
  struct Node {
    std::string_view kind{};
    std::string name{};
    std::string state{};
    std::string_view tie{};
    bool changed = false;
  };
  struct Edge {
    std::string_view kind{};
    bool did = false;
    std::string reason{};
  };

  bool is_since(const std::optional<Timestamp>& time) const {
    return question_.since && time && *time >= *question_.since;
  }
  /// The first tie that a node gets is its closest.
  void node(const std::string& id, Node node) { nodes_.try_emplace(id, std::move(node)); }
  void edge(const std::string& from, const std::string& to, Edge edge) {
    if (nodes_.contains(from) && nodes_.contains(to))
      edges_.try_emplace({from, to, std::string(edge.kind)}, std::move(edge));
  }
  void add_vault(const std::string& id, std::string_view tie);
  void add_credentials();
  void add_session(const Session& session, std::string_view tie);
  void add_deployment(const Deployment& deployment, std::string_view tie);
  void add_agent(const std::string& id, const std::string& name, std::string_view tie);
  void add_roster(const std::string& of, const std::vector<Participant>& roster);
  void add_store(const std::string& id);
  void add_holdings(const std::string& of, const Holdings& holdings);
  void add_uses(const std::string& of, const std::vector<std::string>& vault_ids,
                const Holdings& holdings, std::string_view tie);
  void add_versions();
  void add_threads();
  Value to_value() const;

  const ReachQuestion& question_;
  const Sight& sight_;
  const Reach& reach_;
  std::map<std::string, Node, std::less<>> nodes_{};
  std::map<std::tuple<std::string, std::string, std::string>, Edge> edges_{};
};

void Graph::add_vault(const std::string& id, std::string_view tie) {
  const auto vault = std::ranges::find(sight_.vaults, id, &Vault::id);
  const bool is_open = vault != sight_.vaults.end();
  const bool is_named = question_.vault_ids.contains(id);
  node(id, {.kind = "vault",
            .name = is_open ? vault->display_name : std::string(),
            .state = is_open ? "active" : "not listed",
            .tie = is_named ? "named" : tie});
}

void Graph::add_credentials() {
  for (const Credential* credential : reach_.credentials) {
    const bool is_target =
        reach_.primary.contains(credential->vault_id) &&
        (question_.credential_ids.empty() || question_.credential_ids.contains(credential->id));
    add_vault(credential->vault_id,
              reach_.primary.contains(credential->vault_id) ? "holds" : "beside");
    node(credential->id, {.kind = "credential",
                          .name = credential->display_name,
                          .state = std::string(state_of(credential->archived_at)),
                          .tie = is_target ? "named" : "beside"});
    edge(credential->id, credential->vault_id,
         {.kind = "stored_in", .reason = "is stored in"});
  }
  for (const Credential* one : reach_.credentials) {
    if (nodes_.at(one->id).tie != "named") continue;
    for (const Credential* other : reach_.credentials) {
      if (nodes_.at(other->id).tie == "named" || one->mcp_server_url.empty() ||
          !same_mcp_url(one->mcp_server_url, other->mcp_server_url))
        continue;
      edge(one->id, other->id,
           {.kind = "same_url",
            .reason = "would hand over, since the URL is the same, to"});
    }
  }
}

void Graph::add_agent(const std::string& id, const std::string& name, std::string_view tie) {
  const auto known = sight_.agents.find(id);
  const bool is_known = known != sight_.agents.end();
  node(id, {.kind = "agent",
            .name = is_known ? known->second.name : name,
            .state = is_known ? std::string(state_of(known->second.archived_at)) : std::string(),
            .tie = question_.agent_ids.contains(id) ? "named" : tie});
}

void Graph::add_roster(const std::string& of, const std::vector<Participant>& roster) {
  for (const Participant& entry : roster) {
    const std::string id = id_of(entry);
    add_agent(id, entry.name, "part");
    edge(of, id, {.kind = "invokes", .reason = "has on its roster"});
  }
}

void Graph::add_store(const std::string& id) {
  const auto store = sight_.stores.find(id);
  const bool is_known = store != sight_.stores.end();
  const bool is_named = question_.memory_store_ids.contains(id);
  const bool is_reached = reach_.memory_store_ids.contains(id);
  node(id, {.kind = "memory_store",
            .name = is_known ? store->second.name : std::string(),
            .state = is_known ? std::string(state_of(store->second.archived_at)) : std::string(),
            .tie = is_named     ? "named"
                   : is_reached ? "steered"
                                : "part"});
}

void Graph::add_holdings(const std::string& of, const Holdings& holdings) {
  for (const Mount& mount : holdings.stores) {
    add_store(mount.memory_store_id);
    if (mount.writes) {
      edge(of, mount.memory_store_id, {.kind = "writes", .reason = "can write"});
    }
    edge(mount.memory_store_id, of,
         {.kind = "reads", .reason = "is read by"});
  }
  for (const std::string& id : holdings.file_ids) {
    node(id, {.kind = "file", .tie = "part"});
    edge(of, id, {.kind = "mounts", .reason = "has the file"});
  }
  for (const std::string& url : holdings.repositories) {
    node(url, {.kind = "repository", .tie = "part"});
    edge(of, url, {.kind = "mounts", .reason = "has, with a token of its own, the repository"});
  }
}

void Graph::add_uses(const std::string& of, const std::vector<std::string>& vault_ids,
                     const Holdings& holdings, std::string_view tie) {
  for (const std::string& id : vault_ids) {
    add_vault(id, tie == "steered" ? "steered" : "beside");
    edge(id, of, {.kind = "used_by", .reason = "is used by"});
  }
  add_holdings(of, holdings);
}

void Graph::add_session(const Session& session, std::string_view tie) {
  const bool is_new = is_since(session.created_at);
  node(session.id, {.kind = "session",
                    .name = session.title,
                    .state = session.archived_at ? "archived" : session.status,
                    .tie = question_.session_ids.contains(session.id) ? "named" : tie,
                    .changed = is_new});
  add_uses(session.id, session.vault_ids, session.holdings, tie);
  edge(session.deployment_id, session.id,
       {.kind = "starts", .did = is_new, .reason = "started"});
  if (session.agent_id.empty()) return;
  add_agent(session.agent_id, session.agent_name, "part");
  edge(session.id, session.agent_id, {.kind = "runs", .reason = "runs"});
  add_roster(session.agent_id, session.roster);
}

void Graph::add_deployment(const Deployment& deployment, std::string_view tie) {
  node(deployment.id,
       {.kind = "deployment", .name = deployment.name, .state = deployment.status, .tie = tie});
  add_uses(deployment.id, deployment.vault_ids, deployment.holdings, tie);
  if (deployment.agent_id.empty()) return;
  add_agent(deployment.agent_id, "", "part");
  edge(deployment.id, deployment.agent_id, {.kind = "runs", .reason = "runs"});
  const auto agent = sight_.agents.find(deployment.agent_id);
  if (agent != sight_.agents.end()) add_roster(deployment.agent_id, agent->second.roster);
}

/// What was written since counts as done; who wrote it stands in the version (API sheet 1.7).
void Graph::add_versions() {
  std::map<std::pair<std::string, std::string>, int> written;
  for (const MemoryVersion& version : sight_.versions) {
    const auto store = nodes_.find(version.memory_store_id);
    if (store != nodes_.end()) store->second.changed = true;
    // Keys and people that wrote are no session within reach, but they are who did it.
    if (!version.author_id.empty() && version.author_kind != "session_actor")
      node(version.author_id, {.kind = "author", .name = version.author_kind, .tie = "part"});
    ++written[{version.author_id, version.memory_store_id}];
  }
  for (const auto& [pair, count] : written) {
    edge(pair.first, pair.second,
         {.kind = "wrote",
          .did = true,
          .reason = fmt::format("wrote {} version{} since in", count, count == 1 ? "" : "s")});
  }
}

void Graph::add_threads() {
  for (const Thread& thread : sight_.threads) {
    node(thread.id, {.kind = "thread",
                     .name = thread.agent.name,
                     .state = thread.archived_at ? "archived" : thread.status,
                     .tie = "part"});
    edge(thread.session_id, thread.id,
         {.kind = "runs",
          .did = true,
          .reason = thread.of_workflow ? "has, by a workflow, the thread" : "began the thread"});
    add_agent(id_of(thread.agent), thread.agent.name, "part");
    edge(thread.id, id_of(thread.agent), {.kind = "runs", .did = true, .reason = "runs"});
  }
}

Value Graph::to_value() const {
  ValueList nodes;
  for (const auto& [id, node] : nodes_) {
    nodes.push_back(Value::map({{"id", id},
                                {"kind", node.kind},
                                {"name", text_or_null(node.name)},
                                {"state", text_or_null(node.state)},
                                {"tie", node.tie},
                                {"changed", node.changed}}));
  }
  ValueList edges;
  for (const auto& [ends, edge] : edges_) {
    edges.push_back(Value::map({{"from", std::get<0>(ends)},
                                {"to", std::get<1>(ends)},
                                {"kind", edge.kind},
                                {"did", edge.did},
                                {"reason", edge.reason}}));
  }
  return Value::map({{"nodes", Value(std::move(nodes))}, {"edges", Value(std::move(edges))}});
}

Value Graph::build() {
  for (const std::string& id : question_.vault_ids) add_vault(id, "named");
  for (const std::string& id : reach_.primary) add_vault(id, "holds");
  add_credentials();
  for (const std::string& id : question_.memory_store_ids) add_store(id);
  for (const std::string& id : question_.agent_ids) add_agent(id, "", "named");
  // Deployments first, for the sessions that they start.
  for (const Deployment* deployment : reach_.deployments) add_deployment(*deployment, "holds");
  for (const Deployment* deployment : reach_.steered_deployments)
    add_deployment(*deployment, "steered");
  for (const Session* session : reach_.sessions) add_session(*session, "holds");
  for (const Session* session : reach_.steered_sessions) add_session(*session, "steered");
  add_versions();
  add_threads();
  return to_value();
}

/// One that acts through sessions and deployments.
struct Actor {
  std::string name{};
  bool named = false;
  Ids writes{};  // memory stores
  Ids reads{};   // likewise
  Ids vaults{};
  std::map<std::string, Ids, std::less<>> roster{};  // whom it invokes, shown by which ids
  Ids places{};  // sessions, and agents as deployments start them, where it may work
};

class Lateral {
 public:
  Lateral(const ReachQuestion& question, const Sight& sight, const Reach& reach)
      : question_(question), sight_(sight), reach_(reach) {}

  Value build();

 private:
  Actor& actor(const std::string& id, const std::string& name) {
    Actor& known = actors_[id];
    if (known.name.empty()) known.name = name;
    known.named = question_.agent_ids.contains(id);
    return known;
  }
  /// `agent` and its roster at work in `place`, with what the place has at hand: credentials apply
  /// to every thread (API sheet 2.2), and one sandbox serves them all.
  void add_place(const std::string& place, const std::string& agent, const std::string& name,
                 const std::vector<Participant>& roster, const std::vector<std::string>& vault_ids,
                 const Holdings& holdings);
  Value relation(const std::string& from, const std::string& to) const;

  const ReachQuestion& question_;
  const Sight& sight_;
  const Reach& reach_;
  std::map<std::string, Actor, std::less<>> actors_{};
};

void Lateral::add_place(const std::string& place, const std::string& agent, const std::string& name,
                        const std::vector<Participant>& roster,
                        const std::vector<std::string>& vault_ids, const Holdings& holdings) {
  if (agent.empty()) return;
  std::vector<std::pair<std::string, std::string>> present{{agent, name}};
  for (const Participant& entry : roster) {
    present.emplace_back(id_of(entry), entry.name);
    actor(agent, name).roster[id_of(entry)].insert(place);
  }
  for (const auto& [id, its_name] : present) {
    Actor& one = actor(id, its_name);
    one.places.insert(place);
    one.vaults.insert(vault_ids.begin(), vault_ids.end());
    for (const Mount& mount : holdings.stores) {
      one.reads.insert(mount.memory_store_id);
      if (mount.writes) one.writes.insert(mount.memory_store_id);
    }
  }
}

ValueList common(const Ids& one, const Ids& other) {
  ValueList both;
  for (const std::string& id : one) {
    if (other.contains(id)) both.emplace_back(id);
  }
  return both;
}

Value Lateral::relation(const std::string& from, const std::string& to) const {
  const Actor& one = actors_.at(from);
  const Actor& other = actors_.at(to);
  ValueList invokes;
  if (const auto called = one.roster.find(to); called != one.roster.end()) {
    for (const std::string& place : called->second) invokes.emplace_back(place);
  }
  const bool advises = from.starts_with("advisor:") || to.starts_with("advisor:");
  ValueList writes = common(one.writes, other.reads);
  // An advisor is asked and answers; it works in no sandbox.
  ValueList observes = advises ? invokes : common(one.places, other.places);
  ValueList shares = common(one.vaults, other.vaults);
  if (advises) {
    writes.clear();
    shares.clear();
  }
  if (writes.empty() && invokes.empty() && observes.empty() && shares.empty()) return {};
  return Value::map({{"from", from},
                     {"to", to},
                     {"writes", Value(std::move(writes))},
                     {"invokes", Value(std::move(invokes))},
                     {"observes", Value(std::move(observes))},
                     {"shares_vault", Value(std::move(shares))}});
}

Value Lateral::build() {
  for (const auto* sessions : {&reach_.sessions, &reach_.steered_sessions}) {
    for (const Session* session : *sessions) {
      std::vector<Participant> roster = session->roster;
      for (const Thread& thread : sight_.threads) {
        if (thread.session_id == session->id) roster.push_back(thread.agent);
      }
      add_place(session->id, session->agent_id, session->agent_name, roster, session->vault_ids,
                session->holdings);
    }
  }
  for (const auto* deployments : {&reach_.deployments, &reach_.steered_deployments}) {
    for (const Deployment* deployment : *deployments) {
      const auto agent = sight_.agents.find(deployment->agent_id);
      const bool is_known = agent != sight_.agents.end();
      add_place(deployment->id, deployment->agent_id, is_known ? agent->second.name : "",
                is_known ? agent->second.roster : std::vector<Participant>{}, deployment->vault_ids,
                deployment->holdings);
    }
  }
  ValueList agents;
  ValueList relations;
  for (const auto& [id, one] : actors_) {
    agents.push_back(
        Value::map({{"id", id}, {"name", text_or_null(one.name)}, {"named", one.named}}));
    for (const auto& [other, unused] : actors_) {
      if (id == other) continue;
      Value found = relation(id, other);
      if (!found.is_null()) relations.push_back(std::move(found));
    }
  }
  return Value::map(
      {{"agents", Value(std::move(agents))}, {"relations", Value(std::move(relations))}});
}

}  // namespace

Value graph_of(const ReachQuestion& question, const Sight& sight, const Reach& reach) {
  return Graph(question, sight, reach).build();
}

Value lateral_of(const ReachQuestion& question, const Sight& sight, const Reach& reach) {
  return Lateral(question, sight, reach).build();
}

}  // namespace quell::managed_agents
