// The simulated MCP server: Streamable HTTP of the Model Context Protocol, revisions 2025-11-25 and
// 2026-07-28, and RFC 9728 metadata; answers as measured in the API sheet oauth-mcp-revocation
// sections 4, 5 and 7.
#include "orchestrator/range/mcp_server.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "connectors/url.h"
#include "orchestrator/range/issuer_form.h"
#include "orchestrator/range/mcp_call.h"
#include "state/base/json.h"

namespace quell::range {

/// A JSON-RPC message whose HTTP rules hold.
struct McpMessage {
  std::string method{};
  Value id{};
  Value params{};
  bool is_notification = false;
  bool prefers_events = false;
  std::optional<std::string> version_header{};
  std::optional<std::string> method_header{};
};

namespace {

constexpr std::string_view kLegacyNewest = "2025-11-25";
constexpr std::string_view kLegacyRevisions[] = {"2025-03-26", "2025-06-18", kLegacyNewest};
constexpr std::string_view kMetadataPath = "/.well-known/oauth-protected-resource/mcp";

// JSON-RPC 2.0 section 5.1 and the protocol's own codes.
constexpr std::int64_t kParseError = -32700;
constexpr std::int64_t kInvalidRequest = -32600;
constexpr std::int64_t kMethodNotFound = -32601;
constexpr std::int64_t kInvalidParams = -32602;
constexpr std::int64_t kTransportError = -32000;
constexpr std::int64_t kHeaderMismatch = -32020;

constexpr JsonLimits kBodyLimits{.bytes_max = 256U << 10U, .depth_max = 32, .nodes_max = 10'000};

bool is_legacy_revision(std::string_view text) {
  for (const std::string_view revision : kLegacyRevisions) {
    if (text == revision) return true;
  }
  return false;
}

Value server_info() { return Value::map({{"name", "tracker"}, {"version", "1.4.0"}}); }
Value capabilities() { return Value::map({{"tools", Value(ValueMap{})}}); }

Response rpc_error(int status, const Value& id, std::int64_t code, std::string_view message,
                   Value data = {}) {
  ValueMap error{{"code", code}, {"message", message}};
  if (!data.is_null()) error["data"] = std::move(data);
  return Response{.status = status,
                  .headers = {{"content-type", "application/json"}},
                  .body = to_json(Value::map(
                      {{"jsonrpc", "2.0"}, {"id", id}, {"error", Value(std::move(error))}}))};
}

/// The answer to a request, as one JSON document or as a stream of one event.
Response rpc_answer(const McpMessage& message, std::string_view member, Value content) {
  const std::string json = to_json(Value::map(
      {{"jsonrpc", "2.0"}, {"id", message.id}, {std::string(member), std::move(content)}}));
  if (!message.prefers_events) {
    return Response{.headers = {{"content-type", "application/json"}}, .body = json};
  }
  return Response{.headers = {{"content-type", "text/event-stream"}, {"cache-control", "no-cache"}},
                  .body = "event: message\ndata: " + json + "\n\n"};
}

Response unknown_method(const McpMessage& message) {
  return rpc_answer(message, "error",
                    Value::map({{"code", kMethodNotFound}, {"message", "Method not found"}}));
}

Value tool(std::string_view name, std::string_view description) {
  return Value::map({{"name", name},
                     {"description", description},
                     {"inputSchema", Value::map({{"type", "object"}})}});
}

Value tools() {
  return Value::map({{"tools", Value::list({tool("list_invoices", "The newest invoices."),
                                            tool("export_customers", "All customers as CSV.")})}});
}

/// The result of a tool, or none if there is no such tool.
std::optional<Value> call_tool(const Value& params) {
  const std::string name = params["name"].string_or("");
  std::string_view text;
  if (name == "list_invoices") text = "INV-1001, INV-1002, INV-1003";
  if (name == "export_customers") text = "id,name\n1,Invented Ltd\n2,Madeup GmbH\n";
  if (text.empty()) return std::nullopt;
  const Value content = Value::map({{"type", "text"}, {"text", text}});
  return Value::map({{"content", Value::list({content})}, {"isError", false}});
}

/// tools/list and tools/call, alike in both eras but for `resultType`.
Response tools_answer(const McpMessage& message, bool modern) {
  std::optional<Value> result =
      message.method == "tools/list" ? tools() : call_tool(message.params);
  if (!result) {
    return rpc_answer(message, "error",
                      Value::map({{"code", kInvalidParams}, {"message", "Unknown tool"}}));
  }
  if (!modern) return rpc_answer(message, "result", *std::move(result));
  ValueMap members = result->as_map();
  members["resultType"] = "complete";
  return rpc_answer(message, "result", Value(std::move(members)));
}

bool is_tools_method(std::string_view method) {
  return method == "tools/list" || method == "tools/call";
}

std::optional<std::string> text_of(std::optional<std::string_view> text) {
  return text ? std::optional<std::string>(*text) : std::nullopt;
}

bool says_quell(std::string_view body) {
  return body.find(R"(clientInfo":{"name":"quell")") != std::string_view::npos;  // in either era
}

/// Reads a POST that passed the bearer check, or gives the refusal. A client must accept both
/// content types; the one it names first is what it gets.
std::optional<McpMessage> read_message(const Request& request, Response& refusal) {
  const std::string_view accept = header_of(request, "accept").value_or("");
  const std::size_t json_at = accept.find("application/json");
  const std::size_t events_at = accept.find("text/event-stream");
  if (json_at == std::string_view::npos || events_at == std::string_view::npos) {
    refusal = rpc_error(406, {}, kTransportError,
                        "Not Acceptable: Client must accept both application/json and "
                        "text/event-stream");
    return std::nullopt;
  }
  const std::string_view type = header_of(request, "content-type").value_or("");
  if (!type.starts_with("application/json")) {
    refusal = rpc_error(415, {}, kTransportError,
                        "Unsupported Media Type: Content-Type must be application/json");
    return std::nullopt;
  }
  const Result<Value> body = parse_json(request.body, kBodyLimits);
  if (!body) {
    refusal = rpc_error(400, {}, kParseError, "Parse error");
    return std::nullopt;
  }
  const std::string method = (*body)["method"].string_or("");
  const Value& id = (*body)["id"];
  const bool id_fits = id.is_null() || id.is_int() || id.is_string();
  if ((*body)["jsonrpc"].string_or("") != "2.0" || method.empty() || !id_fits) {
    refusal = rpc_error(400, {}, kInvalidRequest, "Invalid Request");
    return std::nullopt;
  }
  return McpMessage{.method = method,
                    .id = id,
                    .params = (*body)["params"],
                    .is_notification = !body->has("id"),
                    .prefers_events = events_at < json_at,
                    .version_header = text_of(header_of(request, "mcp-protocol-version")),
                    .method_header = text_of(header_of(request, "mcp-method"))};
}

}  // namespace

McpServer::McpServer(const WorldOptions& options, const Issuer& issuer, const ProfileSet& profiles)
    : url_(options.mcp_url),
      issuer_url_(options.issuer_url),
      issuer_(issuer),
      profiles_(profiles) {}

std::string McpServer::endpoint() const { return url_ + "/mcp"; }

bool McpServer::accepts(std::string_view token, Timestamp now) const {
  if (profiles_.has("rejects_all")) return false;
  const std::optional<TokenFacts> facts = issuer_.facts(token);
  if (profiles_.has("jwt_offline")) {
    const std::optional<std::string> audience = issuer_.jwt_audience(token, now);
    if (audience) return same_mcp_url(*audience, endpoint());
  }
  if (!facts || facts->expires_at <= now || !same_mcp_url(facts->resource, endpoint())) {
    return false;
  }
  if (!facts->revoked_at) return true;
  return profiles_.has("slow_cache") && now < *facts->revoked_at + kCacheLifetime;
}

Response McpServer::handle(const Request& request, Timestamp now) {
  const std::string_view target = request.target;
  const std::string_view path = target.substr(0, target.find('?'));
  if (path == kMetadataPath && (request.method == "GET" || request.method == "HEAD")) {
    return resource_metadata();
  }
  if (path != "/mcp") return json_response(404, Value::map({{"error", "not_found"}}));
  const std::optional<std::string_view> authorization = header_of(request, "authorization");
  if (!authorization) return unauthorized("Missing Authorization header");
  const std::optional<std::string_view> token = after_scheme(*authorization, "Bearer");
  if (!token) return unauthorized("Invalid Authorization header format, expected Bearer");
  const bool is_refused =
      profiles_.has("refuses_us") && issuer_.was_told() && says_quell(request.body);
  if (is_refused || !accepts(*token, now)) return unauthorized("Invalid or expired token");
  if (request.method != "POST") {  // no stream to open, no session to end
    Response refusal = rpc_error(405, {}, kTransportError, "Method not allowed.");
    refusal.headers.emplace_back("allow", "POST");
    return refusal;
  }
  Response refusal;
  const std::optional<McpMessage> message = read_message(request, refusal);
  if (!message) return refusal;
  return profiles_.has("only_modern") ? modern(*message) : legacy(*message);
}

Response McpServer::resource_metadata() const {
  return json_response(200,
                       Value::map({{"resource", endpoint()},
                                   {"authorization_servers", Value::list({issuer_url_})},
                                   {"scopes_supported", Value::list({"mcp:use", "offline_access"})},
                                   {"bearer_methods_supported", Value::list({"header"})},
                                   {"resource_name", "Tracker"}}));
}

/// The same challenge with and without a token, as the measured SDK sends it.
Response McpServer::unauthorized(std::string_view description) const {
  if (profiles_.has("bare_401")) {
    return Response{
        .status = 401, .headers = {{"content-type", "text/plain"}}, .body = "Unauthorized\n"};
  }
  Response response = oauth_error_response(401, "invalid_token", description);
  response.headers.emplace_back("www-authenticate",
                                R"(Bearer error="invalid_token", error_description=")" +
                                    std::string(description) + R"(", resource_metadata=")" + url_ +
                                    std::string(kMetadataPath) + R"(")");
  return response;
}

/// Revisions 2025-03-26 to 2025-11-25, stateless: no Mcp-Session-Id is given out.
Response McpServer::legacy(const McpMessage& message) const {
  if (message.method == "initialize") {
    const std::string asked = message.params["protocolVersion"].string_or("");
    if (asked.empty()) return rpc_error(400, message.id, kInvalidParams, "Invalid params");
    return rpc_answer(
        message, "result",
        Value::map({{"protocolVersion", is_legacy_revision(asked) ? asked : kLegacyNewest},
                    {"capabilities", capabilities()},
                    {"serverInfo", server_info()}}));
  }
  if (message.version_header && !is_legacy_revision(*message.version_header)) {
    return rpc_error(400, {}, kTransportError, "Bad Request: Unsupported protocol version");
  }
  if (message.is_notification) return Response{.status = 202};
  if (message.method == "ping") return rpc_answer(message, "result", Value(ValueMap{}));
  if (is_tools_method(message.method)) return tools_answer(message, false);
  return unknown_method(message);
}

/// Revision 2026-07-28: every request stands alone and says its revision in header and `_meta`.
Response McpServer::modern(const McpMessage& message) const {
  const std::string in_meta =
      message.params["_meta"]["io.modelcontextprotocol/protocolVersion"].string_or("");
  const std::string asked = message.version_header.value_or(in_meta);
  const bool differ = message.version_header && !in_meta.empty() && in_meta != asked;
  if (asked != kModernRevision && !differ) {
    return rpc_error(400, message.id, kUnsupportedRevision, "Unsupported protocol version",
                     Value::map({{"requested", asked},
                                 {"supported", Value::list({kModernRevision})}}));
  }
  if (in_meta != kModernRevision || message.version_header != kModernRevision) {
    return rpc_error(400, message.id, kHeaderMismatch,
                     "Header mismatch: MCP-Protocol-Version and _meta differ");
  }
  if (message.method_header != message.method) {
    return rpc_error(400, message.id, kHeaderMismatch,
                     "Header mismatch: Mcp-Method and the method differ");
  }
  if (message.is_notification) return Response{.status = 202};
  if (message.method == "server/discover") {
    return rpc_answer(message, "result",
                      Value::map({{"supportedVersions", Value::list({kModernRevision})},
                                  {"capabilities", capabilities()},
                                  {"serverInfo", server_info()},
                                  {"resultType", "complete"}}));
  }
  if (is_tools_method(message.method)) return tools_answer(message, true);
  return unknown_method(message);
}

}  // namespace quell::range
