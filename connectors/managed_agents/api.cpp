#include "connectors/managed_agents/api.h"

#include <algorithm>
#include <memory>
#include <optional>
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

/// First segment of the admin API's paths.
constexpr std::string_view kOrganization = "organizations";

Error with_code(Error error, std::string message, std::string hint) {
  error.message = std::move(message);
  error.hint = std::move(hint);
  return error;
}

/// The first segment of a path behind the base path.
std::string_view resource_of(std::string_view path) {
  path.remove_prefix(std::min<std::size_t>(1, path.size()));
  return path.substr(0, path.find('/'));
}

/// "the runtime plane is not reached this way", of the call behind `path`.
Error not_offered(const Api& api, std::string_view path, int status) {
  const std::string what = path.ends_with("/mcp_oauth_validate") ? "to validate credentials"
                           : resource_of(path).empty()           ? "this call"
                                                                 : std::string(resource_of(path));
  return make_error(
      ErrorCode::unavailable_here, "unavailable_here",
      fmt::format("{} does not offer {} ({}): nothing is done or proved there in the "
                  "{} plane.",
                  api.host(), what, status, plane_words(path)),
      api.compare_base_url() + "; do by hand, or prove in another plane, what is left");
}

std::string_view parameter_of(std::string_view kind) {
  if (kind == "vault") return "vlt_";
  if (kind == "credential") return "vcrd_";
  if (kind == "session") return "sesn_";
  if (kind == "memory store") return "memstore_";
  if (kind == "agent") return "agent_";
  if (kind == "API key") return "apikey_";
  return "depl_";
}

}  // namespace

bool may_lack(const ManagedAgentsConfig& config, std::string_view path) {
  const std::string_view last = path.substr(path.rfind('/') + 1);
  return std::ranges::any_of(config.may_lack, [&](const std::string& call) {
    return call == resource_of(path) || call == last;
  });
}

std::string Subject::words() const {
  return holder.empty() ? outside_text(id)
                        : fmt::format("{} in {}", outside_text(id), outside_text(holder));
}

Subject vault_subject(std::string_view vault_id) {
  return Subject{
      .kind = "vault", .id = std::string(vault_id), .path = "/vaults/" + percent_encode(vault_id)};
}

Subject credential_subject(std::string_view vault_id, std::string_view credential_id) {
  return Subject{.kind = "credential",
                 .id = std::string(credential_id),
                 .holder = std::string(vault_id),
                 .path = "/vaults/" + percent_encode(vault_id) + "/credentials/" +
                         percent_encode(credential_id)};
}

Subject session_subject(std::string_view session_id) {
  return Subject{.kind = "session",
                 .id = std::string(session_id),
                 .path = "/sessions/" + percent_encode(session_id)};
}

Subject agent_subject(std::string_view agent_id) {
  return Subject{
      .kind = "agent", .id = std::string(agent_id), .path = "/agents/" + percent_encode(agent_id)};
}

Subject memory_store_subject(std::string_view memory_store_id) {
  return Subject{.kind = "memory store",
                 .id = std::string(memory_store_id),
                 .path = "/memory_stores/" + percent_encode(memory_store_id)};
}

namespace {

Subject inside_store(std::string_view store_id, std::string_view kind, std::string_view collection,
                     std::string_view id) {
  return Subject{.kind = std::string(kind),
                 .id = std::string(id),
                 .holder = std::string(store_id),
                 .path = fmt::format("{}/{}/{}", memory_store_subject(store_id).path, collection,
                                     percent_encode(id)),
                 .query = "view=basic"};
}

}  // namespace

Subject memory_subject(std::string_view memory_store_id, std::string_view memory_id) {
  return inside_store(memory_store_id, "memory", "memories", memory_id);
}

Subject memory_version_subject(std::string_view memory_store_id, std::string_view version_id) {
  return inside_store(memory_store_id, "memory version", "memory_versions", version_id);
}

Subject api_key_subject(std::string_view api_key_id) {
  return Subject{.kind = "API key",
                 .id = std::string(api_key_id),
                 .path = "/organizations/api_keys/" + percent_encode(api_key_id)};
}

Subject deployment_subject(std::string_view deployment_id) {
  return Subject{.kind = "deployment",
                 .id = std::string(deployment_id),
                 .path = "/deployments/" + percent_encode(deployment_id)};
}

HttpRequest Api::make(std::string method, const std::string& path, const std::string& query) const {
  static const ResourceForm kAsTheRest;
  const auto own = config_->resources.find(resource_of(path));
  const ResourceForm& form = own == config_->resources.end() ? kAsTheRest : own->second;
  const std::string& version = form.api_version ? *form.api_version : config_->api_version;
  const std::string& extra = form.extra_query ? *form.extra_query : config_->extra_query;
  HttpRequest request;
  request.method = std::move(method);
  request.url = config_->base_url + config_->base_path + path;
  std::string all = query;
  if (!extra.empty()) all += (all.empty() ? "" : "&") + extra;
  if (!all.empty()) request.url += "?" + all;
  request.body_bytes_max = kObjectBytesMax;
  const auto header = [&request](std::string name, SecretText value) {
    request.headers.push_back(HttpHeader{.name = std::move(name), .value = std::move(value)});
  };
  header("accept", "application/json");
  if (!version.empty()) header(config_->version_header, version);
  std::string betas;
  for (const std::string& beta : form.betas ? *form.betas : config_->betas) {
    betas += (betas.empty() ? "" : ",") + beta;
  }
  if (!betas.empty()) header(config_->beta_header, betas);
  // The organization's own calls know no workspace (API sheet 1.11).
  if (!config_->workspace_id.empty() && resource_of(path) != kOrganization)
    header(config_->workspace_header, config_->workspace_id);
  const BoundSecret& secret = key_ ? *key_ : config_->api_key;
  if (secret.secret) {
    SecretText key;
    if (config_->key_header == KeyHeader::authorization_bearer) key.append("Bearer ");
    key.append(secret, SecretEncoding::raw);
    const bool bearer = config_->key_header == KeyHeader::authorization_bearer;
    header(bearer ? "authorization" : "x-api-key", std::move(key));
  }
  return request;
}

Result<Api> Api::as_admin() const {
  if (!config_->admin_key) {
    return make_error(ErrorCode::invalid, "secret", "the connection has no admin API key.",
                      "admin_api_key: secret://... beside api_key in quell.yaml");
  }
  Result<BoundSecret> key = config_->admin_key();
  if (!key) return key.error();
  return with_key(*std::move(key), "the admin API key");
}

Api Api::with_key(BoundSecret key, std::string words) const {
  Api other = *this;
  other.key_ = std::make_shared<const BoundSecret>(std::move(key));
  other.key_words_ = std::move(words);
  return other;
}

std::string Api::key_words() const {
  if (key_) return key_words_;
  const std::string& print = config_->key_fingerprint;
  return print.empty() ? "the configured key" : "the key " + short_fingerprint(print);
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

HttpRequest Api::erase(const std::string& path, const std::string& query) const {
  HttpRequest request = make("DELETE", path, query);
  request.effect = Effect::mutate;
  return request;
}

std::string Api::host() const {
  const Result<Url> url = parse_url(config_->base_url);
  return url ? url->host : std::string("the platform");
}

std::string Api::compare_base_url() const {
  const std::string& place = config_->base_url_named_at;
  return "compare " + (place.empty() ? std::string("base_url in quell.yaml") : place);
}

Error Api::unanswered(Error error) const {
  // The transport knows no settings: where it says to compare the URL, we say which line has it.
  constexpr std::string_view kAnyUrl = "compare the URL";
  constexpr std::string_view kAnyFile = "quell.yaml";
  const std::size_t file = error.hint.find(kAnyFile);
  if (error.hint.empty()) {
    error.hint = compare_base_url();
  } else if (error.hint.starts_with(kAnyUrl) && file != std::string::npos) {
    error.hint.replace(0, file + kAnyFile.size(), compare_base_url());
  }
  return error;
}

std::string_view plane_words(std::string_view path) {
  const std::string_view resource = resource_of(path);
  if (resource == kOrganization) return "issuer";
  if (resource == "vaults") return "holder";
  return resource == "memory_stores" ? "resource" : "runtime";
}

Error refusal(const Api& api, const HttpResponse& response, Effect effect, const Subject& subject,
              NotFound where, Timestamp now) {
  const bool absent = response.status == 403 || response.status == 404;
  if (absent && may_lack(api.config(), subject.path)) {
    return not_offered(api, subject.path, response.status);
  }
  Error error =
      classify(response, effect, fmt::format("{} at {}", subject.words(), api.host()), where);
  switch (error.code) {
    case ErrorCode::denied: {
      const std::string key = api.key_words();
      if (!api.has_own_key())
        return with_code(std::move(error),
                         fmt::format("{} answered {} to {} ({}).", api.host(), key, subject.words(),
                                     response.status),
                         "look at the key and what it may do");
      const std::string& place = api.config().key_named_at;
      const std::string& variable = api.config().key_variable;
      std::string remedy = "set " + (place.empty() ? "the connection's api_key" : place);
      if (!variable.empty() && place != variable) remedy.insert(4, variable + ", or ");
      return with_code(
          std::move(error),
          response.status == 403
              ? fmt::format("{} may not do this to {} (403).", key, subject.words())
              : fmt::format("the platform refused {} ({}).", key, response.status),
          response.status == 403 ? "use a key of the right workspace and role" : remedy);
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
      return not_offered(api, subject.path, response.status);
    case ErrorCode::throttled:
      error.retry_after = retry_after(response, now);
      error.hint = "start again later, or ask the platform for more quota";
      return error;
    case ErrorCode::transient:
      error.hint = "the platform's own fault: start again once it answers; nothing was changed";
      return error;
    case ErrorCode::unknown:
      error.hint = "it is looked at before anything is sent again";
      return error;
    case ErrorCode::invalid:
      error.hint = api.compare_base_url() + ", api_version and headers with the server's";
      return error;
    case ErrorCode::conflict:
    case ErrorCode::corrupt:
    case ErrorCode::internal:
      return error;
  }
  return error;
}

Result<Value> read_object(const Api& api, const Result<HttpResponse>& answer,
                          const Subject& subject, Timestamp now) {
  if (!answer) return api.unanswered(answer.error());
  if (answer->status < 200 || answer->status > 299) {
    return refusal(api, *answer, Effect::read, subject, NotFound::object, now);
  }
  Result<Value> object = parse_json(answer->body, JsonLimits{.bytes_max = kObjectBytesMax});
  if (!object || !object->is_map()) {
    return make_error(
        ErrorCode::invalid, "answer",
        fmt::format("{} answered no JSON object for {}.", api.host(), subject.words()),
        api.compare_base_url() + ": a proxy or login page may stand before the platform");
  }
  return object;
}

namespace {

/// The list that shows `subject`, the same for all who ask side by side. Of a vault's credentials
/// it is read whole; others belong to the whole workspace and are searched only as far as that
/// costs less than the reads that it saves.
std::optional<ListCall> list_with(const Api& api, const Subject& subject) {
  ListCall call;
  call.query = "include_archived=true";
  call.limit = api.config().page_limit;
  if (subject.kind == "credential") {
    call.what = "the list of credentials of " + outside_text(subject.holder);
    call.held_by = vault_subject(subject.holder);
    call.path = call.held_by.path + "/credentials";
    return call;
  }
  if (subject.kind == "session") {
    call.what = "the list of sessions";
    call.path = "/sessions";
    call.limit = api.config().sessions_page_limit;
  } else if (subject.kind == "deployment") {
    call.what = "the list of deployments";
    call.path = "/deployments";
  } else {
    return {};
  }
  const std::size_t pages_max = static_cast<std::size_t>(std::max(api.together(), 2)) / 2;
  call.enough = [pages_max](std::size_t pages) { return pages >= pages_max; };
  return call;
}

/// `subject` as `call` shows it; null when it does not.
Task<Result<Value>> fetch_from_list(Io& io, Api api, ListCall call, std::string id) {
  Value found;
  call.take = [&found, &id](const Value& item) {
    // A record that shifts to the next page while pages are read comes twice: of two credentials
    // the one that was still active counts.
    const bool counts = found.is_null() || item["archived_at"].is_null();
    if (item["id"].string_or("") == id && counts) found = item;
    return ok();
  };
  if (call.enough) {
    call.enough = [&found, out_of_pages = call.enough](std::size_t pages) {
      return !found.is_null() || out_of_pages(pages);
    };
  }
  const Status listed = co_await read_list(io, api, std::move(call));
  if (!listed && listed.error().code != ErrorCode::gone &&
      listed.error().code != ErrorCode::unavailable_here) {
    co_return listed.error();
  }
  co_return found;
}

}  // namespace

Task<Result<Value>> fetch(Io& io, Api api, Subject subject) {
  if (api.reads_together()) {
    std::optional<ListCall> list = list_with(api, subject);
    if (list) {
      std::string id = subject.id;
      Result<Value> found = co_await fetch_from_list(io, api, std::move(*list), std::move(id));
      if (!found || !found->is_null()) co_return found;
    }
  }
  constexpr int kLooksMax = 2;
  for (int look = 1;; ++look) {
    HttpRequest request = api.get(subject.path, subject.query);
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
          api.compare_base_url());
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
