// Looks that prove or refute. A record says for itself what it is; absence proves only beside
// something known in the same complete scan (threat T9), for a key of another workspace sees empty
// lists and 404 everywhere.
#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "connectors/classify.h"
#include "connectors/managed_agents/calls.h"
#include "connectors/managed_agents/inventory.h"
#include "connectors/managed_agents/records.h"
#include "connectors/managed_agents/verdicts.h"
#include "connectors/url.h"

namespace quell::managed_agents {
namespace {

/// 404 on the credential: what its vault has to say.
ActionTask absent_credential(Io& io, Api api, Subject subject, bool was_read) {
  const Value outputs = not_found(subject.id);
  if (!was_read) co_return unproved(std::string(kNeverRead), outputs);
  CredentialScan scan;
  scan.vault_ids = std::vector<std::string>{subject.holder};
  scan.include_archived = true;
  const Result<CredentialInventory> vault = co_await scan_credentials(io, api, std::move(scan));
  if (!vault) {
    if (vault.error().code != ErrorCode::gone) co_return vault.error();
    co_return unproved("404 on its vault too: this key may be of another workspace", outputs);
  }
  const auto is_subject = [&subject](const Credential& other) { return other.id == subject.id; };
  if (std::ranges::any_of(vault->credentials, is_subject)) {
    co_return unproved("404 by its id, and yet in the list of its vault", outputs);
  }
  co_return judged(Verdict::proved, Grade::weak,
                   "read before in this run, now 404 and in no list of its vault", outputs);
}

/// How far the platform's clock may be behind ours before its dates cannot be compared with ours.
constexpr Duration kBehindMax = std::chrono::minutes{10};

/// What a probe asks about, each list sorted.
struct RuntimeScope {
  std::vector<std::string> vaults{};
  std::vector<std::string> agents{};
  std::vector<std::string> deployments{};
  bool everywhere = false;

  static Result<RuntimeScope> read(const Value& params);
  bool names_none() const { return vaults.empty() && agents.empty() && deployments.empty(); }
  /// "vaults or agents": the kinds that the scope names, joined by `joint`.
  std::string words(std::string_view joint) const;
  bool has_vault_of(const std::vector<std::string>& ids) const {
    return std::ranges::any_of(
        ids, [this](const std::string& id) { return std::ranges::binary_search(vaults, id); });
  }
  /// It names a vault, was started by a deployment or runs an agent of the scope, the latter by its
  /// roster too.
  bool has(const Session& session) const;
};

Result<RuntimeScope> RuntimeScope::read(const Value& params) {
  RuntimeScope scope;
  for (const auto& [name, ids] : {std::pair{"vault_ids", &scope.vaults},
                                  std::pair{"agent_ids", &scope.agents},
                                  std::pair{"deployment_ids", &scope.deployments}}) {
    Result<std::optional<std::vector<std::string>>> given = ids_param(params, name);
    if (!given) return given.error();
    if (*given) *ids = **std::move(given);
  }
  scope.everywhere = params["everywhere"].bool_or(false);
  return scope;
}

std::string RuntimeScope::words(std::string_view joint) const {
  std::string text;
  for (const auto& [ids, word] : {std::pair{&vaults, "vaults"}, std::pair{&agents, "agents"},
                                  std::pair{&deployments, "deployments"}}) {
    if (ids->empty()) continue;
    if (!text.empty()) text += fmt::format(" {} ", joint);
    text += word;
  }
  return text;
}

/// Whether this key sees one of what the scope names. A list of what uses them may rightly be
/// empty, so they are what is known: a key that sees none would not see their users either. Where
/// nothing is named any agent will do, since nothing runs without one.
Task<Result<bool>> sees_one(Io& io, Api api, const RuntimeScope& scope) {
  if (scope.names_none()) {
    std::vector<Agent> agents;
    ListCall call = agent_list(api, agents);
    call.enough = [&agents](std::size_t) { return !agents.empty(); };
    const Status listed = co_await read_list(io, api, std::move(call));
    if (!listed) co_return listed.error();
    co_return !agents.empty();
  }
  std::vector<Subject> known;
  for (const std::string& id : scope.vaults) known.push_back(vault_subject(id));
  for (const std::string& id : scope.agents) known.push_back(agent_subject(id));
  for (const std::string& id : scope.deployments) known.push_back(deployment_subject(id));
  for (const Subject& one : known) {
    Subject subject = one;
    const Result<Value> object = co_await fetch(io, api, std::move(subject));
    if (object) co_return true;
    if (object.error().code != ErrorCode::gone) co_return object.error();
  }
  co_return false;
}

Outcome sees_none(const RuntimeScope& scope, std::string_view what, Value outputs) {
  if (scope.names_none()) {
    return unproved(fmt::format("this key sees no agent at all, so no {} proves nothing", what),
                    std::move(outputs));
  }
  return unproved(fmt::format("this key sees none of the {} (404), so no {} proves nothing",
                              scope.words("and"), what),
                  std::move(outputs));
}

bool RuntimeScope::has(const Session& session) const {
  if (everywhere || has_vault_of(session.vault_ids)) return true;
  if (std::ranges::binary_search(deployments, session.deployment_id)) return true;
  const auto is_one = [this](const std::string& id) {
    return std::ranges::binary_search(agents, id);
  };
  return is_one(session.agent_id) ||
         std::ranges::any_of(session.roster,
                             [&](const Participant& one) { return is_one(one.id); });
}

}  // namespace

ActionTask credential_is_archived(Io& io, Api api, Value params) {
  const Result<std::string> vault_id = id_param(params, "vault_id");
  if (!vault_id) co_return vault_id.error();
  const Result<std::string> credential_id = id_param(params, "credential_id");
  if (!credential_id) co_return credential_id.error();
  const Subject subject = credential_subject(*vault_id, *credential_id);
  Subject first = subject;
  const Result<Value> object = co_await fetch(io, api, std::move(first));
  if (!object && object.error().code == ErrorCode::gone) {
    const bool was_read = params["was_read"].bool_or(false);
    Subject missing = subject;
    co_return co_await absent_credential(io, api, std::move(missing), was_read);
  }
  if (!object) co_return object.error();
  const Result<Credential> credential = Credential::read(*object, *vault_id);
  if (!credential) co_return credential.error();
  const bool archived = credential->archived_at.has_value();
  const Value outputs =
      seen(credential->id, archived ? "archived" : "active", credential->archived_at);
  if (archived) {
    co_return judged(Verdict::proved, Grade::strong, "archived_at read back", outputs);
  }
  co_return refuted(fmt::format("{} is active", subject.words()), outputs);
}

ActionTask credentials_are_archived(Io& io, Api api, Value params) {
  const Result<std::string> vault_id = id_param(params, "vault_id");
  if (!vault_id) co_return vault_id.error();
  const Result<std::vector<std::string>> ids = some_ids_param(params, "credential_ids");
  if (!ids) co_return ids.error();
  std::string holder = *vault_id;
  std::vector<std::string> wanted = *ids;
  const Result<VaultStanding> standing =
      co_await read_standing(io, api, std::move(holder), std::move(wanted));
  if (!standing && standing.error().code != ErrorCode::gone) co_return standing.error();
  std::vector<std::string> archived;
  std::vector<std::string> active;
  const std::vector<std::string> missing = standing ? standing->missing : *ids;
  if (standing) {
    for (const Credential& credential : standing->named) {
      (credential.archived_at ? archived : active).push_back(credential.id);
    }
  }
  const auto list = [](const std::vector<std::string>& some) {
    return Value(ValueList(some.begin(), some.end()));
  };
  const Value outputs = Value::map({{"vault_id", *vault_id},
                                    {"archived", list(archived)},
                                    {"active", list(active)},
                                    {"missing", list(missing)}});
  if (!active.empty()) co_return refuted(fmt::format("active: {}", named(active)), outputs);
  if (!standing) {
    co_return unproved("404 on the vault: this key may be of another workspace", outputs);
  }
  if (!missing.empty()) {
    co_return unproved(fmt::format("{}: {}", named(missing), kNeverRead), outputs);
  }
  co_return judged(Verdict::proved, Grade::strong,
                   fmt::format("archived_at of {} read back", named(archived)), outputs);
}

ActionTask no_active_credential(Io& io, Api api, Value params) {
  const std::string url = params["mcp_server_url"].string_or("");
  if (!parse_url(url)) {
    co_return make_error(ErrorCode::invalid, "bad-input",
                         fmt::format("mcp_server_url \"{}\" is no URL.", outside_text(url)),
                         "credentials of type environment_variable have none");
  }
  const Result<std::optional<std::vector<std::string>>> vaults = ids_param(params, "vault_ids");
  if (!vaults) co_return vaults.error();
  CredentialScan scan;
  scan.vault_ids = *vaults;
  scan.include_archived = true;
  const Result<CredentialInventory> found = co_await scan_credentials(io, api, std::move(scan));
  if (!found) co_return found.error();

  ValueList active;
  std::vector<std::string> names;
  std::vector<std::string> known;
  for (const Credential& credential : found->credentials) {
    if (!same_mcp_url(credential.mcp_server_url, url)) continue;
    if (credential.archived_at) {
      known.push_back(credential.id);
      continue;
    }
    active.push_back(Value::map({{"id", credential.id}, {"vault_id", credential.vault_id}}));
    names.push_back(credential.id + " in " + credential.vault_id);
  }
  const bool none = active.empty();
  const Value outputs =
      Value::map({{"active", Value(std::move(active))},
                  {"archived_seen", static_cast<std::int64_t>(known.size())},
                  {"vaults_scanned", static_cast<std::int64_t>(found->vaults_scanned)}});
  if (!none) {
    co_return refuted(fmt::format("active for this URL: {}", named(names)), outputs);
  }
  if (known.empty()) {
    co_return unproved(
        "no active credential seen, but no archived one for this URL either: this key may see "
        "another workspace",
        outputs);
  }
  co_return judged(Verdict::proved, Grade::strong,
                   fmt::format("complete list of {} vaults: archived {}, none active",
                               found->vaults_scanned, named(known)),
                   outputs);
}

ActionTask deployment_is_paused(Io& io, Api api, Value params) {
  const Result<std::string> id = id_param(params, "deployment_id");
  if (!id) co_return id.error();
  Subject subject = deployment_subject(*id);
  const Result<Value> object = co_await fetch(io, api, std::move(subject));
  if (!object && object.error().code == ErrorCode::gone) {
    co_return unproved(std::string(kNeverRead), not_found(*id));
  }
  if (!object) co_return object.error();
  const Result<Deployment> deployment = Deployment::read(*object);
  if (!deployment) co_return deployment.error();
  const Value outputs = seen(deployment->id, deployment->status, deployment->archived_at);
  if (deployment->archived_at) {
    co_return judged(Verdict::proved, Grade::strong, "archived_at read back", outputs);
  }
  if (deployment->status == "paused") {
    co_return judged(Verdict::proved, Grade::strong, "status paused read back", outputs);
  }
  if (deployment->status == "active") {
    co_return refuted(fmt::format("{} is active", deployment->id), outputs);
  }
  co_return unproved(fmt::format("{} reads {}", deployment->id, deployment->status), outputs);
}

ActionTask session_is_stopped(Io& io, Api api, Value params) {
  const Result<std::string> id = id_param(params, "session_id");
  if (!id) co_return id.error();
  Subject subject = session_subject(*id);
  const Result<Value> object = co_await fetch(io, api, std::move(subject));
  if (!object && object.error().code == ErrorCode::gone) {
    co_return unproved(std::string(kNeverRead), not_found(*id));
  }
  if (!object) co_return object.error();
  const Result<Session> session = Session::read(*object);
  if (!session) co_return session.error();
  const Value outputs = seen(session->id, session->status, session->archived_at);
  if (session->archived_at) {
    co_return judged(Verdict::proved, Grade::strong, "archived_at read back", outputs);
  }
  if (session->is_stopped()) {
    co_return judged(Verdict::proved, Grade::strong, "status terminated read back", outputs);
  }
  if (session->is_running()) {
    co_return refuted(fmt::format("{} is {}", session->id, session->status), outputs);
  }
  co_return unproved(fmt::format("{} is {} and not archived: any message starts it again",
                                 session->id, session->status),
                     outputs);
}

ActionTask no_active_deployment(Io& io, Api api, Value params) {
  const Result<RuntimeScope> scope = RuntimeScope::read(params);
  if (!scope) co_return scope.error();
  std::optional<Timestamp> since;
  if (params["since"].is_timestamp())
    since = std::chrono::floor<std::chrono::seconds>(params["since"].as_timestamp());
  if (scope->names_none() && !since) {
    co_return make_error(ErrorCode::invalid, "bad-input",
                         "no_active_deployment needs vault_ids, agent_ids or since.",
                         "for instance vault_ids: [vlt_01HQ]");
  }
  const auto outputs = [](ValueList active, std::size_t seen) {
    return Value::map({{"active", Value(std::move(active))},
                       {"deployments_seen", static_cast<std::int64_t>(seen)}});
  };
  const Result<bool> sees = co_await sees_one(io, api, *scope);
  if (!sees) co_return sees.error();
  if (!*sees) co_return sees_none(*scope, "deployment", outputs({}, 0));
  std::vector<Deployment> deployments;
  ListCall call = deployment_list(api, deployments);
  const std::string call_path = call.path;
  call.confirms_end = true;
  const Status listed = co_await read_list(io, api, std::move(call));
  if (!listed && listed.error().code == ErrorCode::unavailable_here) {
    // An answer alone is none: a wrong base path says the same.
    if (!may_lack(api.config(), call_path)) {
      co_return unproved("this server answers that it offers no deployments, and nobody has "
                         "declared so (may_lack)",
                         outputs({}, 0));
    }
    co_return judged(Verdict::proved, Grade::weak,
                     "this server is declared to offer no deployments, and says so",
                     outputs({}, 0));
  }
  if (!listed) co_return listed.error();
  ValueList active;
  std::vector<std::string> names;
  for (const Deployment& deployment : deployments) {
    const bool is_theirs = scope->has_vault_of(deployment.vault_ids) ||
                           std::ranges::binary_search(scope->agents, deployment.agent_id) ||
                           (since && deployment.is_since(*since));
    if (!is_theirs || deployment.archived_at || deployment.status == "paused") continue;
    active.push_back(Value::map({{"id", deployment.id}, {"status", deployment.status}}));
    names.push_back(deployment.id);
  }
  const bool none = active.empty();
  const std::string which = scope->names_none() ? "made or changed since"
                            : since ? fmt::format("with these {}, or made or changed since",
                                                  scope->words("or"))
                                    : fmt::format("with these {}", scope->words("or"));
  const Value told = outputs(std::move(active), deployments.size());
  if (!none) {
    co_return refuted(fmt::format("neither paused nor archived: {}", named(names)), told);
  }
  co_return judged(Verdict::proved, Grade::strong,
                   fmt::format("complete list of {} deployments: none {} starts by itself",
                               deployments.size(), which),
                   told);
}

ActionTask no_new_session(Io& io, Api api, Value params) {
  const Result<RuntimeScope> scope = RuntimeScope::read(params);
  if (!scope) co_return scope.error();
  const Value& since = params["since"];
  if ((scope->names_none() && !scope->everywhere) || !since.is_timestamp()) {
    co_return make_error(ErrorCode::invalid, "bad-input",
                         "no_new_session needs vault_ids, agent_ids, deployment_ids or "
                         "everywhere, and since.",
                         "for instance vault_ids: [vlt_01HQ], since: ${run.started_at}");
  }
  // Records may carry whole seconds; a session of the same second counts as started since.
  Timestamp from = std::chrono::floor<std::chrono::seconds>(since.as_timestamp());
  std::optional<Timestamp> until;
  if (params["before"].is_timestamp()) until = params["before"].as_timestamp();
  const Result<bool> sees = co_await sees_one(io, api, *scope);
  if (!sees) co_return sees.error();
  if (!*sees) {
    co_return sees_none(*scope, "session",
                        Value::map({{"sessions", Value(ValueList{})}, {"running", 0}}));
  }
  std::vector<Session> sessions;
  ListCall call =
      session_list(api, {.since = from - kBehindMax, .archived_too = false}, sessions);
  call.confirms_end = true;
  // Sessions are dated by the platform's clock: where that is behind ours, one that was started
  // after `since` reads as older; where it is ahead, one from before `before` reads as newer. Its
  // answers say what time it is there, in whole seconds.
  Duration behind{0};
  Duration ahead{0};
  call.sees = [&behind, &ahead](const HttpResponse& answer, Timestamp now) {
    const std::optional<Timestamp> theirs = parse_http_date(answer.header("date"));
    if (!theirs) return;
    behind = std::max(behind, now - *theirs);
    ahead = std::max(ahead, *theirs + std::chrono::seconds{1} - now);
  };
  const Status listed = co_await read_list(io, api, std::move(call));
  if (!listed) co_return listed.error();
  if (behind > kBehindMax) {
    co_return unproved(fmt::format("the platform's clock is {} min behind: what it dates before "
                                   "the run may have come after",
                                   std::chrono::floor<std::chrono::minutes>(behind).count()),
                       Value::map({{"sessions", Value(ValueList{})}, {"running", 0}}));
  }
  if (behind > std::chrono::seconds{1}) from -= behind;
  if (until && ahead > std::chrono::seconds{1}) *until += ahead;

  ValueList matching;
  std::vector<std::string> running;
  std::vector<std::string> waiting;
  for (const Session& session : sessions) {
    // The filter is the server's; a session that says it is older stays out all the same.
    if (session.created_at && *session.created_at < from) continue;
    if (until && session.created_at && *session.created_at >= *until) continue;
    if (!scope->has(session)) continue;
    matching.push_back(Value::map({{"id", session.id}, {"status", session.status}}));
    if (session.is_running()) {
      running.push_back(session.id);
    } else if (!session.is_stopped()) {
      waiting.push_back(session.id);
    }
  }
  const Value outputs = Value::map({{"sessions", Value(std::move(matching))},
                                    {"running", static_cast<std::int64_t>(running.size())}});
  if (!running.empty()) {
    co_return refuted(fmt::format("started since and running: {}", named(running)), outputs);
  }
  if (!waiting.empty()) {
    co_return judged(Verdict::proved, Grade::weak,
                     fmt::format("none runs; started since and idle: {}", named(waiting)), outputs);
  }
  co_return judged(Verdict::proved, Grade::strong,
                   fmt::format("complete list of {} sessions since: none {}runs", sessions.size(),
                               scope->everywhere
                                   ? std::string()
                                   : fmt::format("names these {} and ", scope->words("or"))),
                   outputs);
}

}  // namespace quell::managed_agents
