// From an MCP server's URL to its authorization server: RFC 9728, RFC 8414, OpenID Connect
// Discovery 1.0; MCP specification revisions 2025-03-26 to 2026-07-28, chapter Authorization; API
// sheet 3 and 4.
#include "connectors/oauth/discovery.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "connectors/classify.h"
#include "connectors/oauth/challenge.h"
#include "connectors/url.h"
#include "state/base/json.h"

namespace quell {
namespace {

constexpr int kDocumentsMax = 14;
constexpr std::size_t kIssuersTriedMax = 4;
constexpr std::size_t kIssuersReadMax = 8;
constexpr std::size_t kMethodsMax = 16;
constexpr std::size_t kDocumentBytesMax = 256U << 10;  // threat T14
constexpr Duration kFetchTimeout{10'000};
constexpr JsonLimits kDocumentLimits{
    .bytes_max = kDocumentBytesMax, .depth_max = 32, .nodes_max = 20'000};

constexpr std::string_view kResourceSegment = "/.well-known/oauth-protected-resource";
constexpr std::string_view kServerSegment = "/.well-known/oauth-authorization-server";
constexpr std::string_view kOpenIdSegment = "/.well-known/openid-configuration";

std::string without_trailing_slash(std::string path) {
  if (!path.empty() && path.back() == '/') path.pop_back();
  return path;
}

void add_once(std::vector<std::string>& list, std::string item) {
  if (std::ranges::find(list, item) == list.end()) list.push_back(std::move(item));
}

std::string usable(const Value& member, bool loopback_http) {
  const std::string url = member.string_or("");
  return is_usable_url(url, loopback_http) ? url : std::string{};
}

std::vector<std::string> texts(const Value& list) {
  std::vector<std::string> out;
  for (const Value& item : list.list_or_empty()) {
    if (out.size() == kMethodsMax) break;
    if (item.is_string()) out.push_back(outside_text(item.as_string()));
  }
  return out;
}

std::string_view source_of(std::string_view metadata_url) {
  return metadata_url.find(kServerSegment) != std::string_view::npos ? "rfc8414" : "oidc";
}

/// Fetches documents within a bound and remembers the failure that is worth reporting when nothing
/// is found.
class Finder {
 public:
  Finder(Io& io, const LocateRequest& request)
      : io_(io), request_(request), origin_(origin_of(request.mcp_server_url)) {}

  Task<Result<AuthServer>> by_configuration() {
    const IssuerConfig& entry = *request_.entry;
    AuthServer server;
    const bool enough = !entry.endpoints.empty() && !lacks(entry.endpoints);
    const bool asks = request_.needs.asks && entry.endpoints.introspection.empty();
    if (!entry.issuer.empty() && (!enough || asks)) {
      std::optional<AuthServer> found = co_await issuer_metadata(entry.issuer);
      if (found) {
        server = *std::move(found);
      } else if (!enough && (entry.endpoints.empty() || soft_)) {
        co_return nothing_found(
            fmt::format("the pinned issuer {} publishes no metadata that names it", entry.issuer),
            "compare `issuer:` with the issuer's own document letter by letter, or write "
            "`endpoints:`");
      }
    }
    if (failed_ && !enough) co_return *failed_;
    server.issuer = entry.issuer;
    if (!entry.endpoints.token.empty()) server.token_endpoint = entry.endpoints.token;
    if (!entry.endpoints.revocation.empty())
      server.revocation_endpoint = entry.endpoints.revocation;
    if (!entry.endpoints.introspection.empty())
      server.introspection_endpoint = entry.endpoints.introspection;
    if (request_.needs.confirm) {
      co_await resource_metadata();  // may confirm, never change
      if (failed_) co_return *failed_;
      server.resource_metadata_url = resource_metadata_url_;
      server.authorization_servers = named_;
    }
    co_return server;
  }

  Task<Result<AuthServer>> by_discovery() {
    const bool resource_known = co_await resource_metadata();
    if (failed_) co_return *failed_;
    std::vector<std::string> candidates = candidate_issuers();
    for (std::size_t i = 0; i < candidates.size() && i < kIssuersTriedMax; ++i) {
      const std::string issuer = candidates[i];
      std::optional<AuthServer> server = co_await issuer_metadata(issuer);
      if (failed_) co_return *failed_;
      if (server && fits_record(*server)) co_return described(*std::move(server));
    }
    if (!resource_known || named_.empty()) {
      std::optional<AuthServer> server = co_await own_metadata();
      if (failed_) co_return *failed_;
      if (server && fits_record(*server)) co_return described(*std::move(server));
    }
    const std::string host = outside_text(request_.mcp_server_url);
    co_return nothing_found(fmt::format("no authorization server of {} could be found", host),
                            "add an entry with `issuer:` or `endpoints:` for it under issuers:");
  }

 private:
  bool lacks(const IssuerEndpoints& endpoints) const {
    const EndpointNeeds& needs = request_.needs;
    return (needs.token && endpoints.token.empty()) ||
           (needs.revocation && endpoints.revocation.empty()) ||
           (needs.introspection && endpoints.introspection.empty());
  }

  /// The document at `url`, or none when it is not there, no JSON object, or the bound is reached.
  Task<std::optional<Value>> document(std::string url) {
    if (documents_left_ == 0) co_return std::nullopt;
    --documents_left_;
    HttpRequest request = get(url);
    request.headers.push_back(HttpHeader{.name = "Accept", .value = "application/json"});
    const Result<HttpResponse> answer = co_await io_.send(std::move(request));
    if (!answer) {
      note_failure(answer.error());
      co_return std::nullopt;
    }
    if (answer->status != 200) {
      if (answer->status == 429 || answer->status >= 500)
        soft_ = classify(*answer, Effect::read, outside_text(url));
      co_return std::nullopt;
    }
    Result<Value> value = parse_json(answer->body, kDocumentLimits);
    if (!value || !value->is_map()) co_return std::nullopt;
    co_return *std::move(value);
  }

  /// The challenge of an unauthenticated GET; the token stays at home.
  Task<std::string> challenged_url() {
    --documents_left_;
    HttpRequest request = get(request_.mcp_server_url);
    request.headers.push_back(
        HttpHeader{.name = "Accept", .value = "application/json, text/event-stream"});
    request.first_event_only = true;
    const Result<HttpResponse> answer = co_await io_.send(std::move(request));
    if (!answer) {
      note_failure(answer.error());
      co_return std::string{};
    }
    if (answer->status != 401) co_return std::string{};
    const std::vector<Challenge> challenges =
        parse_challenges(answer->header_all("www-authenticate"));
    for (const Challenge& challenge : challenges) {
      const std::string_view url = challenge.param("resource_metadata");
      if (challenge.scheme == "bearer" && is_usable_url(url, request_.loopback_http))
        co_return std::string(url);
    }
    co_return std::string{};
  }

  /// Reads the protected-resource document into `named_`; false when there is none.
  Task<bool> resource_metadata() {
    std::vector<std::string> urls = resource_metadata_urls(request_.mcp_server_url);
    const std::string root = urls.empty() ? std::string{} : urls.back();
    std::string challenged = co_await challenged_url();
    if (!challenged.empty()) {
      std::erase(urls, challenged);
      urls.insert(urls.begin(), std::move(challenged));
    }
    for (const std::string& url : urls) {
      if (failed_) co_return false;
      std::string wanted = url;
      const std::optional<Value> value = co_await document(std::move(wanted));
      if (!value) continue;
      std::optional<std::vector<std::string>> servers = read_resource_metadata(
          *value, request_.mcp_server_url, url == root, request_.loopback_http);
      if (!servers) continue;
      resource_metadata_url_ = url;
      named_ = *std::move(servers);
      co_return true;
    }
    co_return false;
  }

  Task<std::optional<AuthServer>> issuer_metadata(std::string issuer) {
    const std::vector<std::string> urls = issuer_metadata_urls(issuer);
    for (const std::string& url : urls) {
      if (failed_) co_return std::nullopt;
      std::string wanted = url;
      const std::optional<Value> value = co_await document(std::move(wanted));
      if (!value) continue;
      std::optional<AuthServer> server =
          read_issuer_metadata(*value, issuer, request_.loopback_http);
      if (!server) continue;
      server->metadata_source = source_of(url);
      server->metadata_url = url;
      co_return server;
    }
    co_return std::nullopt;
  }

  /// Revision 2025-03-26: the MCP server's origin is the issuer. Its identifier may be spelled with
  /// a slash at the end; both spellings build this URL. A copy of another issuer's document only
  /// names that issuer, which must speak itself.
  Task<std::optional<AuthServer>> own_metadata() {
    const std::string url = origin_ + std::string(kServerSegment);
    std::string wanted = url;
    const std::optional<Value> value = co_await document(std::move(wanted));
    if (!value) co_return std::nullopt;
    const std::string issuer = (*value)["issuer"].string_or("");
    if (issuer != origin_ && issuer != origin_ + "/") {
      if (!is_usable_url(issuer, request_.loopback_http)) co_return std::nullopt;
      std::string named = issuer;
      co_return co_await issuer_metadata(std::move(named));
    }
    std::optional<AuthServer> server = read_issuer_metadata(*value, issuer, request_.loopback_http);
    if (server) {
      server->metadata_source = "rfc8414";
      server->metadata_url = url;
    }
    co_return server;
  }

  /// The named issuers, those on the record's host first: only the one that issued the credential
  /// matters.
  std::vector<std::string> candidate_issuers() const {
    std::vector<std::string> out;
    const std::string record = origin_of(request_.record_token_endpoint);
    for (const std::string& issuer : named_) {
      if (!record.empty() && origin_of(issuer) == record) add_once(out, issuer);
    }
    for (const std::string& issuer : named_) add_once(out, issuer);
    // A record that names its own token endpoint is better than no document at all.
    if (!record.empty()) add_once(out, record);
    return out;
  }

  /// Several issuers are independent: the credential's own is the one whose token endpoint the
  /// record has.
  bool fits_record(const AuthServer& server) const {
    const std::string record = origin_of(request_.record_token_endpoint);
    return record.empty() || server.token_endpoint == request_.record_token_endpoint ||
           origin_of(server.issuer) == record;
  }

  AuthServer described(AuthServer server) const {
    server.resource_metadata_url = resource_metadata_url_;
    server.authorization_servers = named_;
    return server;
  }

  HttpRequest get(std::string url) const {
    HttpRequest request;
    request.url = std::move(url);
    request.trust = Trust::untrusted;
    request.timeout = kFetchTimeout;
    request.body_bytes_max = kDocumentBytesMax;
    return request;
  }

  /// A refusal of our own policy ends the search; a server that does not answer may be made up for
  /// by another.
  void note_failure(const Error& error) {
    if (error.code == ErrorCode::transient || error.code == ErrorCode::unknown ||
        error.code == ErrorCode::throttled) {
      soft_ = error;
    } else {
      failed_ = error;
    }
  }

  Error nothing_found(std::string message, std::string hint) const {
    if (failed_) return *failed_;
    if (soft_) {
      Error error = wrap(std::move(message), *soft_);
      if (error.code == ErrorCode::unknown)
        error.code = ErrorCode::transient;  // only reads were sent
      return error;
    }
    return make_error(ErrorCode::unavailable_here, "unavailable_here", std::move(message),
                      std::move(hint));
  }

  Io& io_;
  const LocateRequest& request_;
  std::string origin_;
  int documents_left_ = kDocumentsMax;
  std::optional<Error> soft_{};
  std::optional<Error> failed_{};
  std::string resource_metadata_url_{};
  std::vector<std::string> named_{};
};

}  // namespace

std::vector<std::string> resource_metadata_urls(std::string_view mcp_server_url) {
  const Result<Url> url = parse_url(mcp_server_url);
  if (!url) return {};
  const std::string path = url->path == "/" ? std::string{} : url->path;
  const std::string query = url->query.empty() ? std::string{} : "?" + url->query;
  std::vector<std::string> out{url->origin() + std::string(kResourceSegment) + path + query};
  add_once(out, url->origin() + std::string(kResourceSegment));
  return out;
}

std::vector<std::string> issuer_metadata_urls(std::string_view issuer) {
  const Result<Url> url = parse_url(issuer);
  if (!url || !url->query.empty()) return {};
  const std::string origin = url->origin();
  const std::string path = without_trailing_slash(url->path);
  std::vector<std::string> out{origin + std::string(kServerSegment) + path,
                               origin + std::string(kOpenIdSegment) + path};
  if (!path.empty()) out.push_back(origin + path + std::string(kOpenIdSegment));
  return out;
}

std::optional<std::vector<std::string>> read_resource_metadata(const Value& document,
                                                               std::string_view mcp_server_url,
                                                               bool at_root, bool loopback_http) {
  std::string resource = document["resource"].string_or("");
  resource = resource.substr(0, resource.find('#'));
  const bool same = same_mcp_url(resource, mcp_server_url);
  const bool same_host = at_root && same_mcp_url(resource, origin_of(mcp_server_url));
  if (!same && !same_host) return std::nullopt;
  std::vector<std::string> servers;
  for (const Value& item : document["authorization_servers"].list_or_empty()) {
    if (servers.size() == kIssuersReadMax) break;
    if (std::string issuer = usable(item, loopback_http); !issuer.empty())
      add_once(servers, std::move(issuer));
  }
  return servers;
}

std::optional<AuthServer> read_issuer_metadata(const Value& document, std::string_view issuer,
                                               bool loopback_http) {
  if (issuer.empty() || document["issuer"].string_or("") != issuer) return std::nullopt;
  AuthServer server;
  server.issuer = issuer;
  server.token_endpoint = usable(document["token_endpoint"], loopback_http);
  server.revocation_endpoint = usable(document["revocation_endpoint"], loopback_http);
  server.introspection_endpoint = usable(document["introspection_endpoint"], loopback_http);
  server.revocation_auth_methods = texts(document["revocation_endpoint_auth_methods_supported"]);
  return server;
}

Task<Result<AuthServer>> locate_auth_server(Io& io, LocateRequest request) {
  Finder finder(io, request);
  const IssuerConfig* entry = request.entry;
  const bool pinned = entry != nullptr && (!entry->issuer.empty() || !entry->endpoints.empty());
  if (pinned) co_return co_await finder.by_configuration();
  co_return co_await finder.by_discovery();
}

}  // namespace quell
