// Credentials one by one: read, find, delete, validate, overwrite (API sheet 1.2, 2.1, 2.3).
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "connectors/managed_agents/calls.h"
#include "connectors/managed_agents/inventory.h"
#include "connectors/managed_agents/records.h"
#include "connectors/managed_agents/validation.h"
#include "connectors/url.h"

namespace quell::managed_agents {
namespace {

/// The platform contacts the MCP server and the issuer before it answers.
constexpr Duration kValidateTimeout{60'000};

/// Which credential a call names; both ids checked.
Result<Subject> credential_param(const Value& params) {
  const Result<std::string> vault_id = id_param(params, "vault_id");
  if (!vault_id) return vault_id.error();
  const Result<std::string> credential_id = id_param(params, "credential_id");
  if (!credential_id) return credential_id.error();
  return credential_subject(*vault_id, *credential_id);
}

Task<Result<Credential>> fetch_credential(Io& io, Api api, Subject subject) {
  const std::string vault_id = subject.holder;
  const Result<Value> object = co_await fetch(io, api, std::move(subject));
  if (!object) co_return object.error();
  co_return Credential::read(*object, vault_id);
}

/// Is the vault there for our key? Then a 404 below it is about the credential and not about the
/// workspace (threat T9).
Task<bool> vault_is_visible(Io& io, Api api, std::string vault_id) {
  Subject subject = vault_subject(vault_id);
  const Result<Value> vault = co_await fetch(io, api, std::move(subject));
  co_return vault.has_value();
}

Outcome deleted(OutcomeKind kind, const Subject& subject) {
  Outcome out;
  out.kind = kind;
  out.outputs = Value::map({{"id", subject.id}, {"vault_id", subject.holder}, {"deleted", true}});
  return out;
}

}  // namespace

ActionTask get_credential(Io& io, Api api, Value params) {
  const Result<Subject> named = credential_param(params);
  if (!named) co_return named.error();
  Subject subject = *named;
  const Result<Credential> credential = co_await fetch_credential(io, api, std::move(subject));
  if (!credential) co_return credential.error();
  Outcome out;
  out.outputs = credential->to_value();
  co_return out;
}

ActionTask find_credentials(Io& io, Api api, Value params) {
  const Result<std::optional<std::vector<std::string>>> vaults = ids_param(params, "vault_ids");
  if (!vaults) co_return vaults.error();
  const std::string url = params["mcp_server_url"].string_or("");
  const Value metadata = params["metadata"];
  CredentialScan scan;
  scan.vault_ids = *vaults;
  scan.include_archived = params["include_archived"].bool_or(false);
  const Result<CredentialInventory> found = co_await scan_credentials(io, api, std::move(scan));
  if (!found) co_return found.error();
  ValueList credentials;
  std::map<std::string, ValueList, std::less<>> active;  // by vault
  std::int64_t left_out = 0;
  for (const Credential& credential : found->credentials) {
    if (!url.empty() && !same_mcp_url(credential.mcp_server_url, url)) continue;
    bool matches = true;
    if (metadata.is_map()) {
      for (const auto& [key, wanted] : metadata.as_map()) {
        const auto has = credential.metadata.find(key);
        matches &= has != credential.metadata.end() && has->second == wanted.string_or("");
      }
    }
    if (!matches) {
      ++left_out;
      continue;
    }
    credentials.push_back(credential.to_value());
    if (!credential.archived_at) active[credential.vault_id].emplace_back(credential.id);
  }
  ValueList in_vaults;
  for (auto& [vault_id, ids] : active) {
    in_vaults.push_back(
        Value::map({{"vault_id", vault_id}, {"credential_ids", Value(std::move(ids))}}));
  }
  Outcome out;
  out.outputs = Value::map({{"credentials", Value(std::move(credentials))},
                            {"vaults", Value(std::move(in_vaults))},
                            {"vaults_scanned", static_cast<std::int64_t>(found->vaults_scanned)},
                            {"left_out_by_metadata", left_out}});
  co_return out;
}

ActionTask find_vaults(Io& io, Api api, Value params) {
  const std::string key(params["metadata_key"].string_or(""));
  const std::string wanted(params["metadata_value"].string_or(""));
  if (key.empty() || wanted.empty()) {
    co_return make_error(ErrorCode::invalid, "bad-input",
                         "vaults are found by a pair of their metadata.",
                         "give metadata_key and metadata_value");
  }
  std::vector<Vault> vaults;
  ListCall call = vault_list(api, false, vaults);
  const Status listed = co_await read_list(io, api, std::move(call));
  if (!listed) co_return listed.error();
  ValueList ids;
  std::int64_t without_key = 0;
  for (const Vault& vault : vaults) {
    const auto has = vault.metadata.find(key);
    if (has == vault.metadata.end()) ++without_key;
    if (has != vault.metadata.end() && has->second == wanted) ids.emplace_back(vault.id);
  }
  Outcome out;
  out.outputs = Value::map({{"vault_ids", Value(std::move(ids))},
                            {"vaults_scanned", static_cast<std::int64_t>(vaults.size())},
                            {"without_key", without_key}});
  co_return out;
}

ActionTask delete_credential(Io& io, Api api, Value params, Intent intent) {
  const Result<Subject> named = credential_param(params);
  if (!named) co_return named.error();
  const Subject subject = *named;
  Subject first = subject;
  const Result<Value> before = co_await fetch(io, api, std::move(first));
  if (!before) {
    if (before.error().code != ErrorCode::gone) co_return before.error();
    std::string vault_id = subject.holder;
    const bool visible = co_await vault_is_visible(io, api, std::move(vault_id));
    if (visible) co_return deleted(OutcomeKind::already, subject);
    co_return before.error();
  }
  if (intent == Intent::look) {
    co_return conflict(fmt::format("the delete of {} was not applied.", subject.words()), {});
  }

  HttpRequest request = api.erase(subject.path);
  const Result<HttpResponse> answer = co_await io.send(std::move(request));
  if (!answer) co_return api.unanswered(answer.error());
  const bool accepted = answer->status >= 200 && answer->status <= 299;
  Error refused;
  if (!accepted) {
    refused = refusal(api, *answer, Effect::mutate, subject, NotFound::object, io.now());
    if (is_final(refused.code)) co_return refused;
  }

  Subject again = subject;
  const Result<Value> after = co_await fetch(io, api, std::move(again));
  if (!after && after.error().code == ErrorCode::gone) {
    // Read before in this very attempt, so its absence is its end, whoever was faster.
    co_return deleted(accepted ? OutcomeKind::done : OutcomeKind::already, subject);
  }
  if (!accepted) {
    if (!after) co_return refused;
    Change change;
    change.subject = subject;
    change.verb = "delete";
    co_return settle_refusal(api, refused, answer->status, change, Reading{});
  }
  if (!after) {
    co_return wrap_unknown(
        fmt::format("the delete of {} was accepted, but it could not be read back",
                    subject.words()),
        after.error());
  }
  co_return make_error(ErrorCode::unknown, "unknown",
                       fmt::format("{} answered {} to the delete of {}, which is still there.",
                                   api.host(), answer->status, subject.words()),
                       "it is looked at again");
}

ActionTask validate_credential(Io& io, Api api, Value params, Intent /*act*/) {
  const Result<Subject> named = credential_param(params);
  if (!named) co_return named.error();
  const Subject subject = *named;
  Subject first = subject;
  const Result<Credential> before = co_await fetch_credential(io, api, std::move(first));
  if (!before) co_return before.error();
  if (before->archived_at) {
    co_return conflict(
        fmt::format("{} is archived: its refresh token is purged and can no longer be tried.",
                    subject.words()),
        "validate before the archive; now a probe of the issuer has to show it");
  }
  if (before->type != "mcp_oauth") {
    co_return make_error(ErrorCode::invalid, "invalid",
                         fmt::format("{} is {}; only mcp_oauth credentials can be validated.",
                                     subject.words(), before->type),
                         "what validating another type does is not documented, so it is not tried");
  }

  HttpRequest request = api.post(subject.path + "/mcp_oauth_validate");
  request.timeout = kValidateTimeout;
  const Result<HttpResponse> answer = co_await io.send(std::move(request));
  if (!answer) co_return api.unanswered(answer.error());
  if (answer->status < 200 || answer->status > 299) {
    Subject call = subject;
    call.path += "/mcp_oauth_validate";
    const Error refused = refusal(api, *answer, Effect::mutate, call, NotFound::object, io.now());
    if (is_final(refused.code)) co_return refused;
    Subject again = subject;
    const Result<Credential> after = co_await fetch_credential(io, api, std::move(again));
    if (!after) co_return refused.code == ErrorCode::gone ? after.error() : refused;
    Reading now;
    if (after->archived_at) now.obstacle = fmt::format("{} is archived now.", subject.words());
    Change change;
    change.subject = subject;
    change.verb = "validate";
    co_return settle_refusal(api, refused, answer->status, change, now);
  }
  const Result<Value> validation = read_object(api, answer, subject, io.now());
  if (!validation) co_return validation.error();
  Result<Value> outputs = validation_outputs(*validation, subject.holder, subject.id);
  if (!outputs) co_return outputs.error();
  Outcome out;
  out.outputs = std::move(*outputs);
  out.judgement = judge_validation(read_refresh_answer(*validation));
  if (passes_unrefreshed(*validation)) {
    out.doubts.push_back({.kill = Kill::access_token,
                          .reason = "the server takes the vault's access token of this grant from "
                                    "the platform"});
  }
  co_return out;
}

namespace {

/// The update's body for the stored type, which it has to repeat (API sheet 1.2). Tokens are bound
/// to the platform's own origin.
Result<SecretText> overwrite_body(const Api& api, const Value& params, const Credential& stored,
                                  const std::string& words) {
  const auto bound = [&api](const Value& secret) {
    return BoundSecret{.secret = secret.as_secret().secret,
                       .origins = {origin_of(api.config().base_url)}};
  };
  const Value& access = params["access_token"];
  const Value& refresh = params["refresh_token"];
  if (!access.is_secret() || !(refresh.is_null() || refresh.is_secret())) {
    return make_error(ErrorCode::invalid, "bad-input",
                      "a token to store was not handed over as a secret.",
                      "use an input of type secret");
  }
  SecretText body;
  if (stored.type == "static_bearer" && refresh.is_null()) {
    body.append(R"({"auth":{"type":"static_bearer","token":")");
    body.append(bound(access), SecretEncoding::json);
    body.append(R"("}})");
    return body;
  }
  if (stored.type != "mcp_oauth") {
    return make_error(
        ErrorCode::invalid, "invalid",
        fmt::format("{} is {}: these tokens have no place in it.", words, stored.type),
        "only mcp_oauth takes both tokens, static_bearer an access token alone");
  }
  if (refresh.is_secret() && !stored.has_refresh) {
    return conflict(fmt::format("{} has no refresh block to overwrite.", words),
                    "leave refresh_token out");
  }
  body.append(R"({"auth":{"type":"mcp_oauth","access_token":")");
  body.append(bound(access), SecretEncoding::json);
  body.append("\"");
  // Left out, the old expiry stays and describes a token that is gone.
  if (params["expires_at"].is_timestamp()) {
    body.append(R"(,"expires_at":")" + format_rfc3339(params["expires_at"].as_timestamp()) + "\"");
  }
  if (refresh.is_secret()) {
    body.append(R"(,"refresh":{"refresh_token":")");
    body.append(bound(refresh), SecretEncoding::json);
    body.append("\"}");
  }
  body.append("}}");
  return body;
}

}  // namespace

ActionTask overwrite_credential(Io& io, Api api, Value params, Intent intent) {
  const Result<Subject> named = credential_param(params);
  if (!named) co_return named.error();
  const Subject subject = *named;
  Subject first = subject;
  const Result<Credential> before = co_await fetch_credential(io, api, std::move(first));
  if (!before) co_return before.error();
  if (intent == Intent::look) {
    co_return make_error(
        ErrorCode::unknown, "unknown",
        fmt::format("secrets are write-only: no read tells whether {} was overwritten.",
                    subject.words()),
        "a person decides; writing the same tokens again is harmless unless they were rotated "
        "since");
  }
  if (before->archived_at) {
    co_return conflict(
        fmt::format("{} is archived: there is nothing to overwrite.", subject.words()), {});
  }
  Result<SecretText> body = overwrite_body(api, params, *before, subject.words());
  if (!body) co_return body.error();

  HttpRequest request = api.post_json(subject.path, std::move(*body));
  const Result<HttpResponse> answer = co_await io.send(std::move(request));
  if (!answer) co_return api.unanswered(answer.error());
  const bool accepted = answer->status >= 200 && answer->status <= 299;
  Error refused;
  if (!accepted) {
    refused = refusal(api, *answer, Effect::mutate, subject, NotFound::object, io.now());
    if (is_final(refused.code)) co_return refused;
  }
  Subject again = subject;
  const Result<Credential> after = co_await fetch_credential(io, api, std::move(again));
  if (!accepted) {
    if (!after) co_return refused.code == ErrorCode::gone ? after.error() : refused;
    Reading now;
    if (after->archived_at) now.obstacle = fmt::format("{} is archived now.", subject.words());
    Change change;
    change.subject = subject;
    change.verb = "overwrite";
    co_return settle_refusal(api, refused, answer->status, change, now);
  }
  if (!after) {
    co_return wrap_unknown(
        fmt::format("the overwrite of {} was accepted, but it could not be read back",
                    subject.words()),
        after.error());
  }
  Outcome out;
  out.outputs = Value::map({{"id", after->id},
                            {"vault_id", after->vault_id},
                            {"expires_at", time_or_null(after->expires_at)},
                            {"refresh_overwritten", params["refresh_token"].is_secret()}});
  co_return out;
}

}  // namespace quell::managed_agents
