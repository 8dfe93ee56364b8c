#include "orchestrator/report/preflight.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "connectors/url.h"
#include "orchestrator/report/preflight_memory.h"

namespace quell {
namespace {

/// Could quell close one plane of a credential now?
struct Readiness {
  std::string_view state = "ready";  // ready, slow, missing, unknown
  std::string word{};                // what is missing, in two words
  std::string detail{};              // what that means and what to do
};

Readiness missing(std::string word, std::string detail) {
  return {.state = "missing", .word = std::move(word), .detail = std::move(detail)};
}

Value text_or_null(std::string_view text) { return text.empty() ? Value() : Value(text); }

/// As text, so that a document that was kept reads like a new one.
Value time_text(const Value& time) {
  return time.is_timestamp() ? Value(format_rfc3339(time.as_timestamp())) : Value();
}

Value value_of(const Readiness& readiness) {
  return Value::map({{"state", readiness.state},
                     {"missing", text_or_null(readiness.word)},
                     {"detail", text_or_null(readiness.detail)}});
}

std::string host_of(std::string_view url) {
  const Result<Url> parsed = parse_url(url);
  return parsed ? parsed->host : std::string(url);
}

const ServerLook* find_server(const PreflightFacts& facts, std::string_view url) {
  for (const ServerLook& server : facts.servers) {
    if (same_mcp_url(server.mcp_server_url, url)) return &server;
  }
  return nullptr;
}

bool offers(const Value& list, std::string_view word) {
  return std::ranges::any_of(list.list_or_empty(), [word](const Value& item) {
    return item.string_or("") == word;
  });
}

std::string add_client(const PreflightFacts& facts, const std::string& host) {
  return fmt::format("add a client for {} under issuers:{}", host,
                     facts.issuers_place.empty() ? "" : " at " + facts.issuers_place);
}

Readiness unfound(const Error& why, const std::string& host) {
  switch (why.code) {
    case ErrorCode::unavailable_here:
    case ErrorCode::gone:
    case ErrorCode::denied:
      return missing("no endpoint",
                     fmt::format("{} names no issuer: write it under issuers:, else a person there "
                                 "has to do it",
                                 host));
    case ErrorCode::transient:
    case ErrorCode::throttled:
    case ErrorCode::unknown:
      return {.state = "unknown", .word = "unreachable", .detail = why.message};
    case ErrorCode::invalid:
    case ErrorCode::conflict:
    case ErrorCode::corrupt:
    case ErrorCode::internal:
      break;
  }
  return missing("refused", why.message + (why.hint.empty() ? "" : "; " + why.hint));
}

std::string joined(const Value& list) {
  std::string text;
  for (const Value& item : list.list_or_empty())
    text += (text.empty() ? "" : ", ") + item.string_or("");
  return text;
}

/// The rungs that a call can take, narrowest first.
std::vector<Value> callable_rungs(const Value& ladder) {
  std::vector<Value> rungs;
  for (const Value& rung : ladder["rungs"].list_or_empty()) {
    if (rung["action"].string_or("") != "a person") rungs.push_back(rung);
  }
  return rungs;
}

std::string name_of(const Value& rung) {
  return rung["call"].string_or("").empty() ? rung["action"].string_or("")
                                            : rung["call"].string_or("");
}

/// Of an issuer that has a profile of its own: a rung that lacks nothing will do.
Readiness judge_profile(const Value& ladder, const Value& expires_at) {
  const std::string profile = ladder["profile"].string_or("");
  std::optional<Value> lacking;
  std::optional<Value> unsure;
  std::optional<Value> slow;
  for (const Value& rung : callable_rungs(ladder)) {
    if (!rung["missing"].list_or_empty().empty()) {
      if (!lacking) lacking = rung;
    } else if (!offers(rung["kills"], "access_token")) {
      if (!slow) slow = rung;
    } else if (rung["unsure"].list_or_empty().empty()) {
      return {};
    } else if (!unsure) {
      unsure = rung;
    }
  }
  if (unsure)
    return {.state = "slow",
            .word = "unverified",
            .detail = fmt::format("{}: {} is not verified ({}); a person confirms", profile,
                                  name_of(*unsure), joined((*unsure)["unsure"]))};
  if (slow)
    return {.state = "slow",
            .word = "slow death",
            .detail = fmt::format("{}: no call ends the access token, which works until {}",
                                  profile,
                                  expires_at.is_timestamp()
                                      ? format_rfc3339(expires_at.as_timestamp())
                                      : std::string("it expires"))};
  if (lacking)
    return missing("no key", fmt::format("{}: {} lacks {}", profile, name_of(*lacking),
                                         joined((*lacking)["missing"])));
  return missing("by hand", fmt::format("{}: {}", profile, ladder["human"].string_or("")));
}

/// What revoking at the issuer of `credential` would lack.
Readiness judge_issuer(const PreflightFacts& facts, const Value& credential,
                       const ServerLook* server) {
  const std::string type = credential["type"].string_or("");
  if (server == nullptr) {
    const std::string name = credential["secret_name"].string_or("");
    return missing("no issuer",
                   fmt::format("{} is a fixed secret, and no record says who issued it: end it "
                               "where it was made",
                               name.empty() ? type : name));
  }
  const std::string host = host_of(server->mcp_server_url);
  if (type != "mcp_oauth" && !server->is_configured)
    return missing("no grant",
                   fmt::format("a fixed token: a person at {} has to end it", host));
  if (server->connection.empty())
    return missing("no client", "no connection of kind oauth: " + add_client(facts, host));
  if (server->has_profile) return judge_profile(server->ladder, credential["expires_at"]);
  if (!server->discovered) return unfound(server->discovered.error(), host);
  const Value& found = *server->discovered;
  if (found["revocation_endpoint"].string_or("").empty())
    return missing("no endpoint",
                   fmt::format("{} cannot revoke by API: a person there has to do it",
                               host_of(found["issuer"].string_or(server->mcp_server_url))));
  if (!found["revocable"].bool_or(false))
    return missing("not pinned", found["obstacle"].string_or(""));
  // A record's client has no secret that quell could show, so the issuer must take it without.
  const bool as_record = !credential["client_id"].string_or("").empty() &&
                         offers(found["revocation_auth_methods"], "none");
  if (!server->has_client && !as_record) return missing("no client", add_client(facts, host));
  if (!found["introspection_endpoint"].string_or("").empty()) return {};
  const Value& until = credential["expires_at"];
  return {.state = "slow",
          .word = "slow death",
          .detail = until.is_timestamp()
                        ? fmt::format("no introspection: a JWT would work until expires_at, {}",
                                      format_rfc3339(until.as_timestamp()))
                        : std::string("no introspection: a JWT would work until it expires, and "
                                      "the record does not say when")};
}

/// A list that is closed hides what runs, so it cannot be stopped.
Readiness judge_runtime(const Value& survey) {
  for (const Value& closed : survey["closed"].list_or_empty()) {
    const std::string part = closed["part"].string_or("");
    if (part == "sessions" || part == "deployments")
      return missing("no " + part, closed["why"].string_or(""));
  }
  return {};
}

Value judge_credential(const PreflightFacts& facts, const Value& credential) {
  const std::string url = credential["mcp_server_url"].string_or("");
  const ServerLook* const server = url.empty() ? nullptr : find_server(facts, url);
  const std::string type = credential["type"].string_or("");
  const std::string_view playbook = playbook_for(type);
  const auto drilled = facts.drills.find(playbook);
  return Value::map(
      {{"credential_id", credential["id"]},
       {"vault_id", credential["vault_id"]},
       {"name", credential["display_name"]},
       {"type", type},
       {"mcp_server_url", text_or_null(url)},
       {"expires_at", time_text(credential["expires_at"])},
       {"holder", value_of({})},
       {"issuer", value_of(judge_issuer(facts, credential, server))},
       {"runtime", value_of(judge_runtime(facts.survey))},
       {"playbook", playbook},
       {"last_drill", drilled == facts.drills.end() ? Value() : time_text(drilled->second)}});
}

/// What would be used for one MCP server, and what is there of it.
Value describe_server(const ServerLook& server) {
  const bool found = server.discovered.has_value();
  const Value nothing;
  const Value& seen = found ? *server.discovered : nothing;
  const auto has = [&seen](std::string_view name) {
    return !seen[name].string_or("").empty();
  };
  ValueList lacks;
  if (!server.is_configured) lacks.emplace_back("configuration entry");
  if (server.has_profile) {
    const std::vector<Value> rungs = callable_rungs(server.ladder);
    const bool can = std::ranges::any_of(
        rungs, [](const Value& rung) { return rung["missing"].list_or_empty().empty(); });
    if (!can && !rungs.empty()) {
      for (const Value& piece : rungs.front()["missing"].list_or_empty()) lacks.push_back(piece);
    }
  } else {
    if (!found) lacks.emplace_back("discovery");
    if (found && !has("revocation_endpoint")) lacks.emplace_back("revocation endpoint");
    if (!server.has_client) lacks.emplace_back("client");
    if (found && !has("introspection_endpoint")) lacks.emplace_back("introspection");
  }
  return Value::map({{"mcp_server_url", server.mcp_server_url},
                     {"profile", server.ladder["profile"]},
                     {"chosen_by", server.ladder["chosen_by"]},
                     {"rungs", server.ladder["rungs"]},
                     {"configured", server.is_configured},
                     {"client", server.has_client},
                     {"issuer", seen["issuer"]},
                     {"metadata_source", seen["metadata_source"]},
                     {"revocation_endpoint", seen["revocation_endpoint"]},
                     {"introspection_endpoint", seen["introspection_endpoint"]},
                     {"missing", Value(std::move(lacks))},
                     {"error", found ? Value() : Value(server.discovered.error().message)}});
}

bool is_killable(const Value& credential) {
  const std::string state = credential["issuer"]["state"].string_or("");
  return state == "ready" || state == "slow";
}

ValueList sentences_of(const PreflightFacts& facts) {
  ValueList list{"whether the key may archive",
                 "whether refresh tokens work",
                 "whether a leaked token will be in hand: no vault gives one out, and revoking at "
                 "an issuer needs it"};
  if (!facts.clock_difference) list.emplace_back("the clock difference: the platform says no time");
  for (const Value& closed : facts.survey["closed"].list_or_empty())
    list.emplace_back(closed["part"].string_or("") + ": " + closed["why"].string_or(""));
  for (const std::string& sentence : facts.not_established) list.emplace_back(sentence);
  return list;
}

}  // namespace

std::string_view playbook_for(std::string_view credential_type) noexcept {
  return credential_type == "mcp_oauth" ? "leaked-mcp-oauth" : "leaked-vault";
}

Value judge_preflight(const PreflightFacts& facts) {
  ValueList credentials;
  std::map<std::string, std::int64_t> by_missing;
  std::int64_t not_revocable = 0;
  for (const Value& credential : facts.survey["credentials"].list_or_empty()) {
    Value judged = judge_credential(facts, credential);
    if (!is_killable(judged)) {
      ++not_revocable;
      ++by_missing[judged["issuer"]["missing"].string_or("")];
    }
    credentials.push_back(std::move(judged));
  }
  ValueMap counts;
  for (const auto& [word, count] : by_missing) counts.emplace(word, count);
  ValueList servers;
  for (const ServerLook& server : facts.servers) servers.push_back(describe_server(server));
  ValueList keys;
  for (const KeyFinding& key : facts.keys)
    keys.push_back(Value::map({{"level", key.grave ? "red" : "yellow"},
                               {"what", key.what},
                               {"remedy", key.remedy}}));
  const auto seconds = [](Duration time) { return static_cast<double>(time.count()) / 1000.0; };
  return Value::map(
      {{"at", format_rfc3339(facts.at)},
       {"platform",
        Value::map({{"connection", facts.connection},
                    {"host", facts.host},
                    {"key", text_or_null(facts.key)},
                    {"clock_difference_s", facts.clock_difference
                                               ? Value(seconds(*facts.clock_difference))
                                               : Value()}})},
       {"vaults",
        static_cast<std::int64_t>(facts.survey["vaults"].list_or_empty().size())},
       {"reads", facts.reads},
       {"took_s", seconds(facts.took)},
       {"credentials", Value(std::move(credentials))},
       {"issuers", Value(std::move(servers))},
       {"not_revocable", not_revocable},
       {"by_missing", Value(std::move(counts))},
       {"keys", Value(std::move(keys))},
       {"memory", memory_document(facts.survey)},
       {"not_established", Value(sentences_of(facts))}});
}

std::vector<std::string> worse_than(const Value& before, const Value& now) {
  std::vector<std::string> worse;
  if (!before.is_map()) return worse;
  std::set<std::string, std::less<>> known;
  for (const Value& credential : before["credentials"].list_or_empty()) {
    if (!is_killable(credential)) known.insert(credential["credential_id"].string_or(""));
  }
  for (const Value& credential : now["credentials"].list_or_empty()) {
    std::string id = credential["credential_id"].string_or("");
    if (!is_killable(credential) && !known.contains(id)) worse.push_back(std::move(id));
  }
  return worse;
}

}  // namespace quell
