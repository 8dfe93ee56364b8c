// One call of a profile: who may hear it, what it says, how its answer reads. API sheet section 8;
// threats T1 and T7.
#include "connectors/oauth/vendor_call.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "connectors/declared_call.h"
#include "connectors/oauth/client_auth.h"
#include "connectors/oauth/reading.h"
#include "connectors/url.h"
#include "state/base/bytes.h"

namespace quell {
namespace {

constexpr Duration kCallTimeout{10'000};

void add_once(std::vector<std::string>& list, std::string item) {
  if (std::ranges::find(list, item) == list.end()) list.push_back(std::move(item));
}

bool is_issuer_word(std::string_view name) {
  return name == "token_endpoint" || name == "revocation_endpoint";
}

/// The text that stands for `name`; empty: it is missing. Secrets have no text.
std::string piece(const CallScene& scene, std::string_view name) {
  const IssuerConfig* const entry = scene.entry;
  if (name == "client_id")
    return identify_client(entry, scene.what.grant.client_id).client_id;
  if (name == "user") return scene.what.user;
  if (name == "grant_id") return scene.what.grant_id;
  if (name == "token_endpoint") return scene.server.token_endpoint;
  if (name == "revocation_endpoint") return scene.server.revocation_endpoint;
  if (entry == nullptr) return {};
  if (name == "issuer") {
    std::string issuer = entry->issuer;
    if (!issuer.empty() && issuer.back() == '/') issuer.pop_back();
    return issuer;
  }
  if (name == "issuer_origin") return origin_of(entry->issuer);
  const auto value = entry->values.find(name);
  return value == entry->values.end() ? std::string{} : value->second;
}

std::string lack_of(std::string_view name) {
  if (name == "client_id") return "client_id of the entry";
  if (name == "user") return "`user`, whom the grant belongs to, as an input of the step";
  if (name == "grant_id") return "`grant_id` as an input of the step";
  if (name == "issuer" || name == "issuer_origin") return "`issuer:` of the entry";
  if (name == "token_endpoint") return "the token endpoint";
  if (name == "revocation_endpoint") return "the revocation endpoint";
  return fmt::format("`values: {{{}: ...}}` of the entry", name);
}

/// Is a part of the URL that begins with it whole, or one segment?
bool is_base(std::string_view name, const CallScene& scene) {
  if (name == "issuer" || name == "issuer_origin" || is_issuer_word(name)) return true;
  const IssuerProfile* const profile = scene.choice.profile;
  if (profile == nullptr) return false;
  return std::ranges::any_of(profile->values, [name](const ProfileValue& value) {
    return value.name == name && value.is_url;
  });
}

/// Origins that entry or record name for tokens; nothing that only metadata say.
std::vector<std::string> named_origins(const CallScene& scene) {
  std::vector<std::string> origins;
  if (scene.entry != nullptr) origins = configured_origins(*scene.entry);
  if (!origins.empty()) return origins;  // a pin is the operator's last word
  const GrantInputs& grant = scene.what.grant;
  for (const std::string& url : {grant.mcp_server_url, grant.token_endpoint}) {
    if (is_usable_url(url, scene.config->loopback_http)) add_once(origins, origin_of(url));
  }
  return origins;
}

/// Where the host of a call's URL comes from.
bool is_vouched(const CallScene& scene, const VendorCall& call) {
  const bool from_metadata =
      !call.url.empty() && is_issuer_word(call.url.front().name);
  return scene.choice.named && !from_metadata;
}

struct Audience {
  std::vector<std::string> token{};
  std::vector<std::string> client{};
};

/// Who may hear what of `call` at `origin`; an empty list: nobody.
Audience audience_of(const CallScene& scene, const VendorCall& call, const std::string& origin) {
  if (is_vouched(scene, call)) return {.token = {origin}, .client = {origin}};
  const auto only = [&origin](const std::vector<std::string>& origins) {
    const bool named = std::ranges::find(origins, origin) != origins.end();
    return named ? std::vector<std::string>{origin} : std::vector<std::string>{};
  };
  return {.token = only(named_origins(scene)),
          .client = scene.entry == nullptr ? std::vector<std::string>{}
                                           : only(client_secret_origins(*scene.entry))};
}

bool has_word(const CallTemplate& parts, std::string_view name) {
  return std::ranges::any_of(parts,
                             [name](const TemplatePart& part) { return part.name == name; });
}

bool shows_client_secret(const CallScene& scene, const VendorCall& call) {
  if (has_word(call.body, "client_secret")) return true;
  switch (call.auth) {
    case CallAuth::client_basic:
    case CallAuth::client_post:
    case CallAuth::client_word:
      return true;
    case CallAuth::client:
      return scene.entry != nullptr && scene.entry->method != ClientAuth::none;
    case CallAuth::none:
    case CallAuth::token:
    case CallAuth::admin:
      return false;
  }
  return false;
}

void add_credential_lacks(const CallScene& scene, const VendorCall& call,
                          std::vector<std::string>& missing) {
  const IssuerConfig* const entry = scene.entry;
  const bool has_secret = entry != nullptr && entry->client_secret != nullptr;
  if (has_word(call.body, "client_secret") && !has_secret)
    add_once(missing, "client_secret of the entry");
  switch (call.auth) {
    case CallAuth::client_basic:
    case CallAuth::client_post:
      if (!has_secret) add_once(missing, "client_secret of the entry");
      if (piece(scene, "client_id").empty()) add_once(missing, lack_of("client_id"));
      break;
    case CallAuth::client_word:
      if (!has_secret) add_once(missing, "client_secret of the entry");
      break;
    case CallAuth::client:
      if (piece(scene, "client_id").empty()) add_once(missing, lack_of("client_id"));
      break;
    case CallAuth::token:
      if (!scene.what.access) add_once(missing, "the leaked access token");
      break;
    case CallAuth::admin:
      if (entry == nullptr || !entry->admin_token) add_once(missing, "admin_token of the entry");
      break;
    case CallAuth::none:
      break;
  }
}

void add_token_lacks(const CallCase& what, const VendorCall& call,
                     std::vector<std::string>& missing) {
  switch (call.takes) {
    case CallToken::access_token:
      if (!what.access) add_once(missing, "the leaked access token");
      break;
    case CallToken::refresh_token:
      if (!what.refresh) add_once(missing, "the leaked refresh token");
      break;
    case CallToken::either:
      if (!what.access && !what.refresh) add_once(missing, "a leaked token");
      break;
    case CallToken::none:
      break;
  }
}

/// The grant as client_auth.h and grant.h know it, its secrets bound to this call alone.
Grant grant_for(const CallScene& scene, const VendorCall& call, const std::string& url) {
  const Audience audience = audience_of(scene, call, origin_of(url));
  Grant grant;
  grant.mcp_server_url = scene.what.grant.mcp_server_url;
  grant.server = scene.server;
  grant.token_origins = audience.token;
  grant.client = identify_client(scene.entry, scene.what.grant.client_id);
  grant.client.origins = audience.client;
  return grant;
}

HttpRequest begin_request(const CallScene& scene, const VendorCall& call, std::string url,
                          const Grant& grant, const SecretPtr& token, TokenKind kind) {
  HttpRequest request;
  request.method = call.method;
  request.url = std::move(url);
  request.effect = Effect::mutate;
  request.trust = Trust::untrusted;
  request.timeout = kCallTimeout;
  request.body_bytes_max = kAnswerBytesMax;
  if (call.body_kind != BodyKind::none) {
    request.headers.push_back({.name = "Content-Type",
                               .value = call.body_kind == BodyKind::json
                                            ? "application/json"
                                            : "application/x-www-form-urlencoded"});
  }
  bool accepts = false;
  for (const auto& [name, value] : call.headers) {
    accepts = accepts || name == "Accept";
    std::string text;
    for (const TemplatePart& part : value)
      text += part.name.empty() ? part.literal : piece(scene, part.name);
    request.headers.push_back({.name = name, .value = std::move(text)});
  }
  if (!accepts) request.headers.push_back({.name = "Accept", .value = "application/json"});
  const SecretEncoding encoding =
      call.body_kind == BodyKind::json ? SecretEncoding::json : SecretEncoding::form;
  for (const TemplatePart& part : call.body) {
    if (part.name.empty()) {
      request.body.append(part.literal);
    } else if (part.name == "token") {
      request.body.append(bind_token(grant, token), encoding);
    } else if (part.name == "client_secret") {
      request.body.append(
          BoundSecret{.secret = scene.entry->client_secret, .origins = grant.client.origins},
          encoding);
    } else if (part.name == "hint") {
      request.body.append(to_string(kind));
    } else {
      request.body.append(body_encoded(piece(scene, part.name), call.body_kind));
    }
  }
  return request;
}

void add_header_secret(HttpRequest& request, const char* scheme, BoundSecret secret) {
  SecretText value(scheme);
  value.append(std::move(secret), SecretEncoding::raw);
  request.headers.push_back({.name = "Authorization", .value = std::move(value)});
}

/// Adds what proves who asks; `client` is left to send_authenticated().
Status sign_in(const CallScene& scene, const VendorCall& call, HttpRequest& request, Grant& grant,
               Timestamp now, Random& random) {
  switch (call.auth) {
    case CallAuth::none:
    case CallAuth::client:
      return ok();
    case CallAuth::client_basic:
    case CallAuth::client_post:
      grant.client.method = call.auth == CallAuth::client_basic ? ClientAuth::client_secret_basic
                                                                : ClientAuth::client_secret_post;
      grant.client.secret = scene.entry->client_secret;
      return authenticate(request, grant.client, AuthForm::as_configured,
                          grant.audience(request.url), now, random);
    case CallAuth::client_word:
      add_header_secret(request, "Client ",
                        {.secret = scene.entry->client_secret, .origins = grant.client.origins});
      return ok();
    case CallAuth::token:
      add_header_secret(request, "Bearer ", bind_token(grant, scene.what.access));
      return ok();
    case CallAuth::admin:
      add_header_secret(request, "Bearer ",
                        {.secret = scene.entry->admin_token, .origins = {origin_of(request.url)}});
      return ok();
  }
  return ok();
}

}  // namespace

CallCase read_call_case(const Value& params) {
  return CallCase{.grant = read_grant_inputs(params),
                  .user = params["user"].string_or(""),
                  .grant_id = params["grant_id"].string_or(""),
                  .access = secret_input(params, "token"),
                  .refresh = secret_input(params, "refresh_token")};
}

CallScene make_scene(const OauthConfig& config, CallCase what) {
  CallScene scene;
  scene.config = &config;
  scene.entry = find_issuer(config, what.grant.mcp_server_url);
  scene.choice = choose_profile(config, scene.entry, what.grant.token_endpoint, {});
  if (scene.entry != nullptr) {
    scene.server.issuer = scene.entry->issuer;
    scene.server.token_endpoint = scene.entry->endpoints.token;
    scene.server.revocation_endpoint = scene.entry->endpoints.revocation;
    scene.server.introspection_endpoint = scene.entry->endpoints.introspection;
  }
  scene.what = std::move(what);
  return scene;
}

bool may_rotate(const CallScene& scene) {
  return scene.entry == nullptr || scene.entry->rotates_refresh_tokens;
}

bool needs_metadata(const CallScene& scene, const VendorCall& call) {
  return std::ranges::any_of(call.url, [&scene](const TemplatePart& part) {
    return is_issuer_word(part.name) && piece(scene, part.name).empty();
  });
}

std::string call_url(const CallScene& scene, const VendorCall& call) {
  std::string url;
  for (const TemplatePart& part : call.url) {
    if (part.name.empty()) {
      url += part.literal;
      continue;
    }
    const std::string text = piece(scene, part.name);
    if (text.empty()) return {};
    if (!url.empty() || !is_base(part.name, scene)) {
      url += percent_encode(text);
      continue;
    }
    url = text;
    const bool goes_on = &part != &call.url.back();
    if (goes_on && url.back() == '/') url.pop_back();
  }
  return url;
}

std::vector<std::string> missing_pieces(const CallScene& scene, const VendorCall& call) {
  std::vector<std::string> missing;
  add_token_lacks(scene.what, call, missing);
  add_credential_lacks(scene, call, missing);
  const auto need = [&](const CallTemplate& parts) {
    for (const TemplatePart& part : parts) {
      if (part.name.empty() || is_secret_word(part.name) || part.name == "hint") continue;
      if (piece(scene, part.name).empty()) add_once(missing, lack_of(part.name));
    }
  };
  need(call.url);
  need(call.body);
  for (const auto& header : call.headers) need(header.second);
  const std::string url = call_url(scene, call);
  if (url.empty()) return missing;
  if (!is_usable_url(url, scene.config->loopback_http)) {
    add_once(missing, fmt::format("an https URL: {} is none", outside_text(url)));
    return missing;
  }
  const Audience audience = audience_of(scene, call, origin_of(url));
  const bool shows_token = call.takes != CallToken::none || call.auth == CallAuth::token;
  const bool shows_admin = call.auth == CallAuth::admin && !is_vouched(scene, call);
  if ((shows_token && audience.token.empty()) ||
      (shows_client_secret(scene, call) && audience.client.empty()) || shows_admin) {
    const std::string_view id = scene.choice.id();
    add_once(missing, fmt::format("a name for {}, which would hear secrets: `profile: {}` in the "
                                  "entry, or `endpoints:`",
                                  outside_text(origin_of(url)), id));
  }
  return missing;
}

Result<CallAnswer> read_call_answer(const VendorCall& call, const HttpResponse& response,
                                    std::string_view subject, Timestamp now) {
  const Result<AnswerMeaning> meaning =
      read_answer(call.answers, response, answer_body(response), subject, {.now = now});
  if (!meaning) return meaning.error();
  return CallAnswer{.status = response.status, .meaning = *meaning};
}

Task<Result<CallAnswer>> make_call(Io& io, const CallScene& scene, const VendorCall& call,
                                   SecretPtr token, TokenKind kind, Random& random) {
  const std::string url = call_url(scene, call);
  Grant grant = grant_for(scene, call, url);
  HttpRequest request = begin_request(scene, call, url, grant, token, kind);
  const std::string subject = fmt::format("{} at {}", call.title, outside_text(origin_of(url)));
  if (Status signed_in = sign_in(scene, call, request, grant, io.now(), random); !signed_in)
    co_return signed_in.error();
  Result<HttpResponse> answer = make_error(ErrorCode::internal, "not sent");
  if (call.auth == CallAuth::client) {
    AuthForm form = AuthForm::as_configured;
    answer = co_await send_authenticated(io, grant, std::move(request), form, random);
  } else {
    answer = co_await io.send(std::move(request));
  }
  if (!answer) co_return wrap(subject, answer.error());
  co_return read_call_answer(call, *answer, subject, io.now());
}

std::string human_step(const ProfileChoice& choice) {
  if (choice.profile == nullptr || choice.profile->human_do.empty()) {
    return "remove the client's access at the issuer by hand: its page of connected apps, or its "
           "administrator";
  }
  const IssuerProfile& profile = *choice.profile;
  return profile.human_page.empty()
             ? profile.human_do
             : fmt::format("{}: {}", profile.human_page, profile.human_do);
}

const VendorCall* token_call(const ProfileChoice& choice, TokenKind kind) {
  if (choice.profile == nullptr) return nullptr;
  const CallToken exact =
      kind == TokenKind::refresh_token ? CallToken::refresh_token : CallToken::access_token;
  for (const VendorCall& call : choice.profile->calls) {
    if (call.reach != CallReach::token) continue;
    if (call.takes == exact || call.takes == CallToken::either) return &call;
  }
  return nullptr;
}

}  // namespace quell
