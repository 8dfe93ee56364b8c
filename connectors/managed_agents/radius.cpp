// The blast radius: inventories are read whole and matched in reach.cpp (API sheet 2.6).
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "connectors/managed_agents/calls.h"
#include "connectors/managed_agents/inventory.h"
#include "connectors/managed_agents/reach.h"
#include "connectors/managed_agents/reach_graph.h"
#include "connectors/url.h"

namespace quell::managed_agents {
namespace {

Result<ReachQuestion> read_question(const Value& params) {
  ReachQuestion question;
  const std::pair<std::string_view, Ids*> lists[] = {
      {"vault_ids", &question.vault_ids},
      {"credential_ids", &question.credential_ids},
      {"session_ids", &question.session_ids},
      {"memory_store_ids", &question.memory_store_ids},
      {"agent_ids", &question.agent_ids}};
  bool names_something = false;
  for (const auto& [name, ids] : lists) {
    const Result<std::optional<std::vector<std::string>>> given = ids_param(params, name);
    if (!given) return given.error();
    if (*given) ids->insert((*given)->begin(), (*given)->end());
    names_something |= !ids->empty();
  }
  question.mcp_server_url = params["mcp_server_url"].string_or("");
  if (!question.mcp_server_url.empty() && !parse_url(question.mcp_server_url)) {
    return make_error(
        ErrorCode::invalid, "bad-input",
        fmt::format("mcp_server_url \"{}\" is no URL.", outside_text(question.mcp_server_url)),
        "for instance https://mcp.example.com/mcp");
  }
  if (params["since"].is_timestamp()) question.since = params["since"].as_timestamp();
  question.deep = params["deep"].bool_or(false);
  if (!names_something && question.mcp_server_url.empty()) {
    return make_error(ErrorCode::invalid, "bad-input",
                      "a blast radius needs something to start at.",
                      "give vault_ids, credential_ids, session_ids, memory_store_ids, agent_ids or "
                      "mcp_server_url");
  }
  return question;
}

ValueList texts_of(const Ids& ids) {
  ValueList texts;
  for (const std::string& id : ids) texts.emplace_back(id);
  return texts;
}

ValueList live_of(const std::vector<const Session*>& sessions) {
  ValueList live;
  for (const Session* session : sessions) {
    if (!session->is_stopped())
      live.push_back(Value::map({{"id", session->id}, {"status", session->status}}));
  }
  return live;
}

ValueList briefly(const std::vector<const Deployment*>& deployments) {
  ValueList list;
  for (const Deployment* deployment : deployments)
    list.push_back(Value::map({{"id", deployment->id}, {"status", deployment->status}}));
  return list;
}

Value outputs_of(const ReachQuestion& question, const Sight& sight, const Reach& reach) {
  ValueList credentials;
  for (const Credential* credential : reach.credentials)
    credentials.push_back(credential->to_value());
  ValueList sessions;
  for (const Session* session : reach.sessions) sessions.push_back(session->to_value());
  ValueList versions;
  for (const MemoryVersion& version : sight.versions) versions.push_back(version.to_value());
  ValueList sentences;
  for (const std::string& sentence : sight.unseen) sentences.emplace_back(sentence);
  ValueMap outputs{{"vault_ids", texts_of(reach.vault_ids)},
                   {"credentials", Value(std::move(credentials))},
                   {"sessions", Value(std::move(sessions))},
                   {"live_sessions", live_of(reach.sessions)},
                   {"deployments", briefly(reach.deployments)},
                   {"memory_store_ids", texts_of(reach.memory_store_ids)},
                   {"memory_versions", Value(std::move(versions))},
                   {"steered_sessions", live_of(reach.steered_sessions)},
                   {"steered_deployments", briefly(reach.steered_deployments)},
                   {"graph", Value()},
                   {"lateral", Value()},
                   {"closed", Value(sight.closed)},
                   {"unseen", Value(std::move(sentences))}};
  if (question.deep) {
    outputs["graph"] = graph_of(question, sight, reach);
    outputs["lateral"] = lateral_of(question, sight, reach);
  }
  return Value(std::move(outputs));
}

/// Named sessions are read one by one: one that ended long ago is in no list.
Task<Status> read_named_sessions(Io& io, Api api, const ReachQuestion& question, Sight& sight) {
  for (const std::string& id : question.session_ids) {
    Subject subject = session_subject(id);
    const Result<Value> object = co_await fetch(io, api, std::move(subject));
    if (!object) co_return object.error();
    Result<Session> session = Session::read(*object);
    if (!session) co_return session.error();
    sight.sessions.insert_or_assign(id, std::move(*session));
  }
  co_return ok();
}

/// A server may lack a part of what a question looks at, or close it to this key, where all else is
/// open (API sheet 5): that is said, and the rest goes on.
bool is_closed(const Status& result, std::string_view what, Sight& sight) {
  if (result) return false;
  const ErrorCode code = result.error().code;
  if (code != ErrorCode::unavailable_here && code != ErrorCode::denied) return false;
  sight.unseen.push_back(fmt::format("{}: {}", what, result.error().message));
  sight.closed.push_back(Value::map({{"part", what}, {"why", result.error().message}}));
  return true;
}

Task<Status> read_uses(Io& io, Api api, const ReachQuestion& question, Sight& sight) {
  std::vector<Session> sessions;
  bool ended_full = false;
  std::vector<ListCall> calls;
  calls.push_back(vault_list(api, false, sight.vaults));
  // The two lists of sessions do not overlap: all that are not archived, from before the window;
  // and all that began in it.
  if (question.since) calls.push_back(session_list(api, {.since = question.since}, sessions));
  calls.push_back(session_list(api, {.before = question.since, .archived_too = false}, sessions));
  for (ListCall& call : calls) call.ended_full = &ended_full;
  const std::vector<Status> results = co_await read_lists(io, api, std::move(calls));
  for (const Status& result : results) {
    if (!result) co_return result.error();
  }
  if (ended_full) {
    sight.unseen.emplace_back(
        "whether the list of vaults or sessions goes on: its last page was full");
  }
  for (Session& session : sessions) {
    // Read twice, it may have ended in between.
    const auto known = sight.sessions.find(session.id);
    if (known != sight.sessions.end() && known->second.is_stopped()) continue;
    std::string id = session.id;
    sight.sessions.insert_or_assign(std::move(id), std::move(session));
  }
  if (!question.since) {
    sight.unseen.emplace_back("sessions that were archived before now: give `since` to list them");
  }
  ListCall call = deployment_list(api, sight.deployments);
  const Status deployments = co_await read_list(io, api, std::move(call));
  if (is_closed(deployments, "deployments", sight))
    sight.deployments.clear();
  else if (!deployments)
    co_return deployments.error();
  co_return ok();
}

/// Every active credential, and archived ones where the question names the vault.
Task<Status> read_credentials(Io& io, Api api, const ReachQuestion& question, Sight& sight) {
  CredentialScan scan;
  Ids vaults = question.vault_ids;
  for (const Vault& vault : sight.vaults) vaults.insert(vault.id);
  scan.vault_ids = std::vector<std::string>(vaults.begin(), vaults.end());
  scan.archived_too.assign(question.vault_ids.begin(), question.vault_ids.end());
  Result<CredentialInventory> inventory = co_await scan_credentials(io, api, std::move(scan));
  if (!inventory) co_return inventory.error();
  sight.credentials = std::move(inventory->credentials);
  co_return ok();
}

/// What agents there are and whom they call, and what memory stores there are.
Task<Status> read_agents_and_stores(Io& io, Api api, Sight& sight) {
  std::vector<Agent> agents;
  ListCall of_agents = agent_list(api, agents);
  const Status listed = co_await read_list(io, api, std::move(of_agents));
  if (!is_closed(listed, "agents", sight)) {
    if (!listed) co_return listed.error();
    for (Agent& agent : agents) {
      std::string id = agent.id;
      sight.agents.insert_or_assign(std::move(id), std::move(agent));
    }
  }
  std::vector<MemoryStore> stores;
  ListCall of_stores = memory_store_list(api, stores);
  const Status read = co_await read_list(io, api, std::move(of_stores));
  if (is_closed(read, "memory stores", sight)) co_return ok();
  if (!read) co_return read.error();
  for (MemoryStore& store : stores) {
    std::string id = store.id;
    sight.stores.insert_or_assign(std::move(id), std::move(store));
  }
  co_return ok();
}

/// Threads of what may still run or ran in the window, and what was written to the stores in reach.
Task<Status> read_inside(Io& io, Api api, const ReachQuestion& question, const Reach& reach,
                         Sight& sight) {
  std::vector<ListCall> calls;
  std::vector<std::string> subjects;
  for (const Session* session : reach.sessions) {
    const bool is_new =
        question.since && session->created_at && *session->created_at >= *question.since;
    if (session->is_stopped() && !is_new) continue;
    calls.push_back(thread_list(api, session->id, sight.threads));
    subjects.push_back("threads of " + session->id);
  }
  if (question.since) {
    for (const std::string& id : reach.memory_store_ids) {
      calls.push_back(memory_version_list(api, id, *question.since, sight.versions));
      subjects.push_back("versions in " + id);
    }
  } else if (!reach.memory_store_ids.empty()) {
    sight.unseen.emplace_back("what was written to memory: give `since` to list it");
  }
  const std::vector<Status> results = co_await read_lists(io, api, std::move(calls));
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i] || is_closed(results[i], subjects[i], sight)) continue;
    if (results[i].error().code != ErrorCode::gone) co_return results[i].error();
    sight.unseen.push_back(fmt::format("{}: gone meanwhile, or never there", subjects[i]));
  }
  co_return ok();
}

/// A credential that was named and is in no vault: an error where that leaves nothing to look at.
Status settle_missing(const ReachQuestion& question, const Reach& reach, Sight& sight) {
  Ids missing = question.credential_ids;
  for (const Credential* credential : reach.credentials) missing.erase(credential->id);
  if (!missing.empty() && reach.primary.empty()) {
    return make_error(
        ErrorCode::gone, "gone",
        fmt::format("no vault that this key sees holds {}.", *missing.begin()),
        "give vault_ids too, since archived credentials are listed only there; check the "
        "workspace of the key");
  }
  for (const std::string& id : missing)
    sight.unseen.push_back(fmt::format("{}: in no vault that was listed", id));
  return ok();
}

}  // namespace

ActionTask blast_radius(Io& io, Api api, Value params) {
  const Result<ReachQuestion> question = read_question(params);
  if (!question) co_return question.error();
  Sight sight;
  const Status named = co_await read_named_sessions(io, api, *question, sight);
  if (!named) co_return named.error();
  const Status uses = co_await read_uses(io, api, *question, sight);
  if (!uses) co_return uses.error();
  const Status credentials = co_await read_credentials(io, api, *question, sight);
  if (!credentials) co_return credentials.error();
  if (question->deep) {
    const Status around = co_await read_agents_and_stores(io, api, sight);
    if (!around) co_return around.error();
  }
  const Reach reach = match_reach(*question, sight);
  if (const Status settled = settle_missing(*question, reach, sight); !settled)
    co_return settled.error();
  if (question->deep) {
    const Status inside = co_await read_inside(io, api, *question, reach, sight);
    if (!inside) co_return inside.error();
  }
  sight.unseen.emplace_back(
      "who created a session, vault or credential: the platform records no creator");
  sight.unseen.emplace_back("workflow runs inside sessions: no call lists them");
  sight.unseen.emplace_back("use of the tokens outside the platform");
  Outcome out;
  out.outputs = outputs_of(*question, sight, reach);
  co_return out;
}

}  // namespace quell::managed_agents
