// Requests of simulated clients. The eras and their headers: sheet on OAuth and MCP, section 7.
#include "orchestrator/range/mcp_call.h"

#include <string>
#include <utility>

#include <fmt/format.h>

#include "state/base/bytes.h"
#include "state/base/json.h"
#include "state/base/value.h"

namespace quell::range {
namespace {

constexpr std::string_view kLegacy = "2025-11-25";

Value client_info() { return Value::map({{"name", "range"}, {"version", "1"}}); }

Value parameters(std::string_view method, bool modern) {
  if (modern) {
    return Value::map(
        {{"_meta", Value::map({{"io.modelcontextprotocol/protocolVersion", kModernRevision},
                               {"io.modelcontextprotocol/clientInfo", client_info()},
                               {"io.modelcontextprotocol/clientCapabilities", ValueMap{}}})}});
  }
  if (method != "initialize") return Value(ValueMap{});
  return Value::map(
      {{"protocolVersion", kLegacy}, {"capabilities", ValueMap{}}, {"clientInfo", client_info()}});
}

bool wants_modern(const Response& response) {
  if (response.status != 400) return false;
  const Result<Value> body = parse_json(response.body);
  return body && (*body)["error"]["code"].int_or(0) == kUnsupportedRevision;
}

void add(std::string& form, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  if (!form.empty()) form += '&';
  form += fmt::format("{}={}", name, form_encode(value));
}

}  // namespace

Request mcp_request(std::string_view method, std::string_view token, bool modern,
                    std::string_view session_id) {
  if (modern && method == "initialize") method = "server/discover";
  Request request{.host = Host::mcp_server,
                  .method = "POST",
                  .headers = {{"content-type", "application/json"},
                              {"accept", "application/json, text/event-stream"}}};
  if (!token.empty())
    request.headers.emplace_back("authorization", fmt::format("Bearer {}", token));
  if (modern) {
    request.headers.emplace_back("mcp-protocol-version", kModernRevision);
    request.headers.emplace_back("mcp-method", method);
  } else if (method != "initialize") {
    request.headers.emplace_back("mcp-protocol-version", kLegacy);
  }
  if (!session_id.empty()) request.headers.emplace_back("mcp-session-id", session_id);
  ValueMap message{{"jsonrpc", "2.0"}, {"method", method}};
  if (!method.starts_with("notifications/")) {
    message["id"] = 1;
    message["params"] = parameters(method, modern);
  }
  request.body = to_json(Value(std::move(message)));
  return request;
}

std::optional<Response> call_mcp(const Fetch& fetch, std::string_view url, std::string_view method,
                                 std::string_view token, bool& modern, Timestamp now,
                                 std::string_view session_id) {
  auto response = fetch(url, mcp_request(method, token, modern, session_id), now);
  if (modern || !response || !wants_modern(*response)) return response;
  modern = true;
  return fetch(url, mcp_request(method, token, modern), now);
}

std::optional<Response> open_mcp(const Fetch& fetch, std::string_view url, std::string_view token,
                                 bool& modern, std::string& session_id, Timestamp now) {
  session_id.clear();
  auto response = call_mcp(fetch, url, "initialize", token, modern, now);
  if (!response || response->status != 200 || modern) return response;
  for (const auto& [name, value] : response->headers) {
    if (name == "mcp-session-id") session_id = value;
  }
  if (session_id.empty()) return response;
  fetch(url, mcp_request("notifications/initialized", token, modern, session_id), now);
  return response;
}

void close_mcp(const Fetch& fetch, std::string_view url, std::string_view token,
               std::string_view session_id, Timestamp now) {
  if (session_id.empty()) return;
  Request request = mcp_request("", token, false, session_id);
  request.method = "DELETE";
  request.body.clear();
  fetch(url, std::move(request), now);
}

Request refresh_request(const RefreshRequest& grant) {
  Request request{.host = Host::issuer,
                  .method = "POST",
                  .headers = {{"content-type", "application/x-www-form-urlencoded"},
                              {"accept", "application/json"}}};
  add(request.body, "grant_type", "refresh_token");
  add(request.body, "refresh_token", grant.refresh_token);
  add(request.body, "resource", grant.resource);
  add(request.body, "scope", grant.scope);
  if (grant.auth_type == "client_secret_basic") {
    const std::string pair =
        fmt::format("{}:{}", form_encode(grant.client_id), form_encode(grant.client_secret));
    request.headers.emplace_back("authorization", "Basic " + base64_encode(pair));
    return request;
  }
  add(request.body, "client_id", grant.client_id);
  if (grant.auth_type == "client_secret_post") {
    add(request.body, "client_secret", grant.client_secret);
  }
  return request;
}

}  // namespace quell::range
