// Who can use a credential and what runs with it (API sheet 2.6): read everything, match here.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "connectors/managed_agents/calls.h"
#include "connectors/managed_agents/inventory.h"
#include "connectors/managed_agents/records.h"
#include "connectors/url.h"

namespace quell::managed_agents {
namespace {

using Ids = std::set<std::string, std::less<>>;

struct Question {
  Ids vault_ids{};
  Ids credential_ids{};
  Ids session_ids{};
  std::string mcp_server_url{};
  std::optional<Timestamp> since{};
};

/// Everything that was read, before it is matched.
struct Sight {
  std::vector<std::string> vaults{};  // not archived
  std::map<std::string, Session, std::less<>> sessions{};
  std::vector<Deployment> deployments{};
  std::vector<Credential> credentials{};
  std::vector<std::string> unseen{};
};

/// The answer while it is put together.
struct Radius {
  Ids primary{};  // vaults that were named or hold what was named
  Ids vault_ids{};
  std::vector<const Credential*> credentials{};
  std::vector<const Session*> sessions{};
  std::vector<const Deployment*> deployments{};
};

Result<Question> read_question(const Value& params) {
  Question question;
  const std::pair<std::string_view, Ids*> lists[] = {{"vault_ids", &question.vault_ids},
                                                     {"credential_ids", &question.credential_ids},
                                                     {"session_ids", &question.session_ids}};
  for (const auto& [name, ids] : lists) {
    const Result<std::optional<std::vector<std::string>>> given = ids_param(params, name);
    if (!given) return given.error();
    if (*given) ids->insert((*given)->begin(), (*given)->end());
  }
  question.mcp_server_url = params["mcp_server_url"].string_or("");
  if (!question.mcp_server_url.empty() && !parse_url(question.mcp_server_url)) {
    return make_error(
        ErrorCode::invalid, "bad-input",
        fmt::format("mcp_server_url \"{}\" is no URL.", outside_text(question.mcp_server_url)),
        "for instance https://mcp.example.com/mcp");
  }
  if (params["since"].is_timestamp()) question.since = params["since"].as_timestamp();
  if (question.vault_ids.empty() && question.credential_ids.empty() &&
      question.session_ids.empty() && question.mcp_server_url.empty()) {
    return make_error(ErrorCode::invalid, "bad-input",
                      "a blast radius needs something to start at.",
                      "give vault_ids, credential_ids, session_ids or mcp_server_url");
  }
  return question;
}

bool names_any(const std::vector<std::string>& vault_ids, const Ids& wanted) {
  return std::ranges::any_of(vault_ids,
                             [&wanted](const std::string& id) { return wanted.contains(id); });
}

bool same_url_as_any(const Credential& credential, const std::vector<std::string>& urls) {
  return !credential.mcp_server_url.empty() &&
         std::ranges::any_of(urls, [&credential](const std::string& url) {
           return same_mcp_url(credential.mcp_server_url, url);
         });
}

/// The credentials in question and their vaults; then others that answer for the same URL.
void match_credentials(const Question& question, const Sight& sight, Radius& radius) {
  const bool whole_vaults = question.credential_ids.empty() && question.mcp_server_url.empty();
  std::vector<std::string> urls;
  if (!question.mcp_server_url.empty()) urls.push_back(question.mcp_server_url);
  const Ids start = radius.primary;
  std::set<const Credential*> targets;
  for (const Credential& credential : sight.credentials) {
    const bool active = !credential.archived_at.has_value();
    const bool by_id = question.credential_ids.contains(credential.id);
    const bool by_url = active && !question.mcp_server_url.empty() &&
                        same_mcp_url(credential.mcp_server_url, question.mcp_server_url);
    const bool by_vault = active && whole_vaults && start.contains(credential.vault_id);
    if (!by_id && !by_url && !by_vault) continue;
    targets.insert(&credential);
    radius.primary.insert(credential.vault_id);
    if (!credential.mcp_server_url.empty() && !same_url_as_any(credential, urls)) {
      urls.push_back(credential.mcp_server_url);
    }
  }
  radius.vault_ids = radius.primary;
  for (const Credential& credential : sight.credentials) {
    // The first vault of a session that has the URL wins, so another one takes over when it is
    // archived (API sheet 2.2). It is named; its vault is in reach only where it is attached
    // beside.
    const bool takes_over = !credential.archived_at && same_url_as_any(credential, urls);
    if (targets.contains(&credential) || takes_over) radius.credentials.push_back(&credential);
  }
}

/// What runs, or may start, with a vault in question, and the vaults attached beside it.
void match_uses(const Question& question, const Sight& sight, Radius& radius) {
  const auto beside = [&radius](const std::vector<std::string>& ids) {
    radius.vault_ids.insert(ids.begin(), ids.end());
  };
  for (const auto& [id, session] : sight.sessions) {
    if (!question.session_ids.contains(id) && !names_any(session.vault_ids, radius.primary)) {
      continue;
    }
    radius.sessions.push_back(&session);
    if (!session.is_stopped()) beside(session.vault_ids);
  }
  for (const Deployment& deployment : sight.deployments) {
    if (deployment.archived_at || !names_any(deployment.vault_ids, radius.primary)) continue;
    radius.deployments.push_back(&deployment);
    beside(deployment.vault_ids);
  }
}

Value outputs_of(const Radius& radius, std::vector<std::string> unseen) {
  ValueList vault_ids;
  for (const std::string& id : radius.vault_ids) vault_ids.emplace_back(id);
  ValueList credentials;
  for (const Credential* credential : radius.credentials) {
    credentials.push_back(credential->to_value());
  }
  ValueList sessions;
  ValueList live;
  for (const Session* session : radius.sessions) {
    sessions.push_back(session->to_value());
    if (session->is_stopped()) continue;
    live.push_back(Value::map({{"id", session->id}, {"status", session->status}}));
  }
  ValueList deployments;
  for (const Deployment* deployment : radius.deployments) {
    deployments.push_back(Value::map({{"id", deployment->id}, {"status", deployment->status}}));
  }
  ValueList sentences;
  for (std::string& sentence : unseen) sentences.emplace_back(std::move(sentence));
  return Value::map({{"vault_ids", Value(std::move(vault_ids))},
                     {"credentials", Value(std::move(credentials))},
                     {"sessions", Value(std::move(sessions))},
                     {"live_sessions", Value(std::move(live))},
                     {"deployments", Value(std::move(deployments))},
                     {"unseen", Value(std::move(sentences))}});
}

/// Named sessions are read one by one: one that ended long ago is in no list.
Task<Status> read_named_sessions(Io& io, Api api, const Question& question, Sight& sight) {
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

Task<Status> read_uses(Io& io, Api api, const Question& question, Sight& sight) {
  std::vector<Session> sessions;
  std::vector<ListCall> calls;
  calls.push_back(vault_list(api, false, sight.vaults));
  calls.push_back(session_list(api, std::nullopt, false, sessions));
  if (question.since) calls.push_back(session_list(api, question.since, true, sessions));
  const std::vector<Status> results = co_await read_lists(io, api, std::move(calls));
  for (const Status& result : results) {
    if (!result) co_return result.error();
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
  // A server may lack deployments, or close them to this key, where all else is open (API sheet 5).
  ListCall call = deployment_list(api, sight.deployments);
  const Status deployments = co_await read_list(io, api, std::move(call));
  if (!deployments) {
    const ErrorCode code = deployments.error().code;
    if (code != ErrorCode::unavailable_here && code != ErrorCode::denied) {
      co_return deployments.error();
    }
    sight.deployments.clear();
    sight.unseen.push_back("deployments: " + deployments.error().message);
  }
  co_return ok();
}

/// Every active credential, and archived ones where the question names the vault.
Task<Status> read_credentials(Io& io, Api api, const Question& question, Sight& sight) {
  CredentialScan scan;
  Ids vaults(sight.vaults.begin(), sight.vaults.end());
  vaults.insert(question.vault_ids.begin(), question.vault_ids.end());
  scan.vault_ids = std::vector<std::string>(vaults.begin(), vaults.end());
  scan.archived_too.assign(question.vault_ids.begin(), question.vault_ids.end());
  Result<CredentialInventory> inventory = co_await scan_credentials(io, api, std::move(scan));
  if (!inventory) co_return inventory.error();
  sight.credentials = std::move(inventory->credentials);
  co_return ok();
}

}  // namespace

ActionTask blast_radius(Io& io, Api api, Value params) {
  const Result<Question> question = read_question(params);
  if (!question) co_return question.error();
  Sight sight;
  const Status named = co_await read_named_sessions(io, api, *question, sight);
  if (!named) co_return named.error();
  const Status uses = co_await read_uses(io, api, *question, sight);
  if (!uses) co_return uses.error();
  const Status credentials = co_await read_credentials(io, api, *question, sight);
  if (!credentials) co_return credentials.error();

  Radius radius;
  radius.primary = question->vault_ids;
  for (const std::string& id : question->session_ids) {
    const Session& session = sight.sessions.at(id);
    radius.primary.insert(session.vault_ids.begin(), session.vault_ids.end());
  }
  const Ids open(sight.vaults.begin(), sight.vaults.end());
  for (const std::string& id : radius.primary) {
    if (open.contains(id) || question->vault_ids.contains(id)) continue;
    sight.unseen.push_back(fmt::format("{}: archived, deleted or of another workspace", id));
  }
  match_credentials(*question, sight, radius);
  Ids missing = question->credential_ids;
  for (const Credential* credential : radius.credentials) missing.erase(credential->id);
  if (!missing.empty() && radius.primary.empty()) {
    co_return make_error(
        ErrorCode::gone, "gone",
        fmt::format("no vault that this key sees holds {}.", *missing.begin()),
        "give vault_ids too, since archived credentials are listed only there; check the "
        "workspace of the key");
  }
  for (const std::string& id : missing) {
    sight.unseen.push_back(fmt::format("{}: in no vault that was listed", id));
  }
  match_uses(*question, sight, radius);
  sight.unseen.emplace_back(
      "who created a session, vault or credential: the platform records no creator");
  sight.unseen.emplace_back("workflow runs inside sessions: no call lists them");
  sight.unseen.emplace_back("use of the tokens outside the platform");
  Outcome out;
  out.outputs = outputs_of(radius, std::move(sight.unseen));
  co_return out;
}

}  // namespace quell::managed_agents
