#include "connectors/managed_agents/api.h"

#include <memory>
#include <utility>

#include <fmt/format.h>

#include "connectors/managed_agents/records.h"
#include "connectors/url.h"
#include "state/base/bytes.h"
#include "state/base/json.h"

namespace quell::managed_agents {
namespace {

/// One object; a session carries the whole definition of its agent.
constexpr std::size_t kObjectBytesMax = 4U << 20;

Error with_code(Error error, std::string message, std::string hint) {
  error.message = std::move(message);
  error.hint = std::move(hint);
  return error;
}

std::string_view parameter_of(std::string_view kind) {
  if (kind == "vault") return "vlt_";
  if (kind == "credential") return "vcrd_";
  if (kind == "session") return "sesn_";
  return "depl_";
}

}  // namespace

std::string Subject::words() const {
  return holder.empty() ? outside_text(id)
                        : fmt::format("{} in {}", outside_text(id), outside_text(holder));
}

Subject vault_subject(std::string_view vault_id) {
  return Subject{.kind = "vault",
                 .id = std::string(vault_id),
                 .path = "/v1/vaults/" + percent_encode(vault_id)};
}

Subject credential_subject(std::string_view vault_id, std::string_view credential_id) {
  return Subject{.kind = "credential",
                 .id = std::string(credential_id),
                 .holder = std::string(vault_id),
                 .path = "/v1/vaults/" + percent_encode(vault_id) + "/credentials/" +
                         percent_encode(credential_id)};
}

Subject session_subject(std::string_view session_id) {
  return Subject{.kind = "session",
                 .id = std::string(session_id),
                 .path = "/v1/sessions/" + percent_encode(session_id)};
}

Subject deployment_subject(std::string_view deployment_id) {
  return Subject{.kind = "deployment",
                 .id = std::string(deployment_id),
                 .path = "/v1/deployments/" + percent_encode(deployment_id)};
}

HttpRequest Api::make(std::string method, const std::string& path, const std::string& query) const {
  HttpRequest request;
  request.method = std::move(method);
  request.url = config_->base_url + path;
  std::string all = query;
  if (!config_->extra_query.empty()) all += (all.empty() ? "" : "&") + config_->extra_query;
  if (!all.empty()) request.url += "?" + all;
  request.body_bytes_max = kObjectBytesMax;
  const auto header = [&request](std::string name, SecretText value) {
    request.headers.push_back(HttpHeader{.name = std::move(name), .value = std::move(value)});
  };
  header("accept", "application/json");
  if (!config_->api_version.empty()) header(config_->version_header, config_->api_version);
  std::string betas;
  for (const std::string& beta : config_->betas) betas += (betas.empty() ? "" : ",") + beta;
  if (!betas.empty()) header(config_->beta_header, betas);
  if (!config_->workspace_id.empty()) header(config_->workspace_header, config_->workspace_id);
  if (config_->api_key.secret) {
    SecretText key;
    if (config_->key_header == KeyHeader::authorization_bearer) key.append("Bearer ");
    key.append(config_->api_key, SecretEncoding::raw);
    const bool bearer = config_->key_header == KeyHeader::authorization_bearer;
    header(bearer ? "authorization" : "x-api-key", std::move(key));
  }
  return request;
}

HttpRequest Api::get(const std::string& path, const std::string& query) const {
  return make("GET", path, query);
}

HttpRequest Api::post(const std::string& path) const {
  HttpRequest request = make("POST", path, {});
  request.effect = Effect::mutate;
  return request;
}

HttpRequest Api::post_json(const std::string& path, SecretText body) const {
  HttpRequest request = post(path);
  request.headers.push_back(HttpHeader{.name = "content-type", .value = "application/json"});
  request.body = std::move(body);
  return request;
}

HttpRequest Api::erase(const std::string& path) const {
  HttpRequest request = make("DELETE", path, {});
  request.effect = Effect::mutate;
  return request;
}

std::string Api::host() const {
  const Result<Url> url = parse_url(config_->base_url);
  return url ? url->host : std::string("the platform");
}

Error refusal(const Api& api, const HttpResponse& response, Effect effect, const Subject& subject,
              NotFound where, Timestamp now) {
  Error error =
      classify(response, effect, fmt::format("{} at {}", subject.words(), api.host()), where);
  switch (error.code) {
    case ErrorCode::denied: {
      const std::string& print = api.config().key_fingerprint;
      const std::string key =
          print.empty() ? "the configured key" : "the key " + short_fingerprint(print);
      const std::string& place = api.config().key_named_at;
      return with_code(std::move(error),
                       response.status == 403
                           ? fmt::format("{} may not do this to {} (403).", key, subject.words())
                           : fmt::format("the platform refused {} ({}).", key, response.status),
                       response.status == 403 ? "use a key of the right workspace and role"
                       : place.empty()        ? "set ANTHROPIC_API_KEY, or the connection's api_key"
                                              : "set ANTHROPIC_API_KEY, or " + place);
    }
    case ErrorCode::gone:
      if (!subject.holder.empty()) {
        return with_code(std::move(error),
                         fmt::format("{} has no {} {} ({}).", outside_text(subject.holder),
                                     subject.kind, outside_text(subject.id), response.status),
                         "compare both ids, and whether the key belongs to their workspace");
      }
      return with_code(
          std::move(error),
          fmt::format("{} has no {} {} ({}).", api.host(), subject.kind, outside_text(subject.id),
                      response.status),
          fmt::format("check the id ({}...) and the workspace of the key; a key of another "
                      "workspace sees 404 too",
                      parameter_of(subject.kind)));
    case ErrorCode::unavailable_here:
      return with_code(
          std::move(error),
          fmt::format("{} does not offer this call ({}).", api.host(), response.status),
          "compare base_url in quell.yaml");
    case ErrorCode::throttled:
      error.retry_after = retry_after(response, now);
      return error;
    case ErrorCode::invalid:
    case ErrorCode::transient:
    case ErrorCode::unknown:
    case ErrorCode::conflict:
    case ErrorCode::corrupt:
    case ErrorCode::internal:
      return error;
  }
  return error;
}

Result<Value> read_object(const Api& api, const Result<HttpResponse>& answer,
                          const Subject& subject, Timestamp now) {
  if (!answer) return answer.error();
  if (answer->status < 200 || answer->status > 299) {
    return refusal(api, *answer, Effect::read, subject, NotFound::object, now);
  }
  Result<Value> object = parse_json(answer->body, JsonLimits{.bytes_max = kObjectBytesMax});
  if (!object || !object->is_map()) {
    return make_error(
        ErrorCode::invalid, "answer",
        fmt::format("{} answered no JSON object for {}.", api.host(), subject.words()),
        "compare base_url in quell.yaml: a proxy or login page may stand "
        "before the platform");
  }
  return object;
}

Task<Result<Value>> fetch(Io& io, Api api, Subject subject) {
  constexpr int kLooksMax = 2;
  for (int look = 1;; ++look) {
    HttpRequest request = api.get(subject.path);
    const Result<HttpResponse> answer = co_await io.send(std::move(request));
    Result<Value> object = read_object(api, answer, subject, io.now());
    if (!object) {
      if (object.error().code == ErrorCode::gone && look < kLooksMax) continue;
      co_return object;
    }
    if ((*object)["id"].string_or("") != subject.id) {
      co_return make_error(
          ErrorCode::invalid, "answer",
          fmt::format("{} answered another record than {}.", api.host(), subject.words()),
          "compare base_url in quell.yaml");
    }
    co_return object;
  }
}

Error wrap_unknown(std::string message, Error cause) {
  Error error = make_error(ErrorCode::unknown, "unknown", std::move(message),
                           "it is looked at again before anything is repeated");
  error.retry_after = cause.retry_after;
  error.cause = std::make_shared<const Error>(std::move(cause));
  return error;
}

Result<std::string> id_param(const Value& params, std::string_view name) {
  const Value& id = params[name];
  if (!id.is_string() || !is_valid_id(id.as_string())) {
    return make_error(
        ErrorCode::invalid, "bad-input",
        fmt::format("{} \"{}\" is no id.", name, outside_text(id.string_or(""), 64)),
        fmt::format("up to {} visible ASCII characters without slashes", kIdBytesMax));
  }
  return id.as_string();
}

}  // namespace quell::managed_agents
