#include <doctest/doctest.h>

#include "issuer_fixture.h"
#include "orchestrator/range/mcp_call.h"

namespace quell::range::test {
namespace {

constexpr const char* kLegacyProbe =
    R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",)"
    R"("capabilities":{},"clientInfo":{"name":"quell","version":"1"}}})";

using Headers = std::vector<std::pair<std::string, std::string>>;

Response send(Pair& pair, Request request, Timestamp now = kStart) {
  request.host = Host::mcp_server;
  if (request.target.empty()) request.target = "/mcp";
  return pair.server.handle(request, now);
}

Request raw(const std::string& token, Headers headers, std::string body,
            std::string method = "POST") {
  if (!token.empty()) headers.emplace_back("authorization", "Bearer " + token);
  return {.host = Host::mcp_server,
          .method = std::move(method),
          .target = "/mcp",
          .headers = std::move(headers),
          .body = std::move(body)};
}

const Headers kUsual{{"content-type", "application/json"},
                     {"accept", "application/json, text/event-stream"}};

Request without(Request request, const std::string& name) {
  std::erase_if(request.headers, [&](const auto& header) { return header.first == name; });
  return request;
}

std::int64_t error_code(const Response& response) {
  return json_of(response)["error"]["code"].int_or(0);
}

}  // namespace

// Goal: the 401 of the measured SDK, the same with and without a token (API sheet 5 and 7.3).
TEST_CASE("a dead token and no token get the same challenge") {
  Pair pair;
  const std::string metadata = "http://127.0.0.1:8103/.well-known/oauth-protected-resource/mcp";
  for (const bool modern : {false, true}) {
    for (const std::string token : {"", "garbage"}) {
      for (const char* profile : {"", "only_modern"}) {
        Pair each(profile);
        const Response refused = send(each, mcp_request("initialize", token, modern));
        CHECK(refused.status == 401);
        const std::string challenge = header_of(refused, "www-authenticate");
        CHECK(challenge.starts_with(R"(Bearer error="invalid_token", error_description=")"));
        CHECK(challenge.find("resource_metadata=\"" + metadata + "\"") != std::string::npos);
        CHECK(json_of(refused)["error"].string_or("") == "invalid_token");
      }
    }
  }
  const Response scheme =
      send(pair, {.method = "POST", .headers = {{"authorization", "Basic eDp5"}}});
  CHECK(scheme.status == 401);
}

// Goal: the cross-era table of the API sheet 7.2 for a live token.
TEST_CASE("each era of probe at each kind of server") {
  struct Row {
    const char* profile;
    bool modern;
    int status;
    std::int64_t error;
  };
  constexpr Row kRows[] = {{"", false, 200, 0},
                           {"", true, 400, -32000},
                           {"only_modern", false, 400, -32022},
                           {"only_modern", true, 200, 0}};
  for (const Row& row : kRows) {
    CAPTURE(row.profile);
    CAPTURE(row.modern);
    Pair pair(row.profile);
    const Issuer::Grant grant = pair.mint();
    const Response probe = send(pair, mcp_request("initialize", grant.access_token, row.modern));
    CHECK(probe.status == row.status);
    CHECK(error_code(probe) == row.error);
    CHECK(header_of(probe, "mcp-session-id") == "(absent)");
    const Response tools = send(pair, mcp_request("tools/list", grant.access_token, row.modern));
    CHECK(tools.status == row.status);
    if (row.status == 200) {
      CHECK(json_of(tools)["result"]["tools"].list_or_empty().size() == 2);
    }
  }
  Pair modern("only_modern");
  const std::string token = modern.mint().access_token;
  const Value supported =
      json_of(send(modern, raw(token, kUsual, kLegacyProbe)))["error"]["data"]["supported"];
  REQUIRE(supported.list_or_empty().size() == 1);
  CHECK(supported.list_or_empty().at(0).string_or("") == "2026-07-28");
  const Value discovered =
      json_of(send(modern, mcp_request("server/discover", token, true)))["result"];
  CHECK(discovered["resultType"].string_or("") == "complete");
  CHECK(discovered["supportedVersions"].list_or_empty().size() == 1);
}

// Goal: the compulsory headers of 2026-07-28 are compulsory.
TEST_CASE("a modern request whose headers and _meta differ is -32020") {
  Pair pair("only_modern");
  const std::string token = pair.mint().access_token;
  const Request good = mcp_request("tools/list", token, true);
  for (const char* header : {"mcp-protocol-version", "mcp-method"}) {
    CAPTURE(header);
    const Response refused = send(pair, without(good, header));
    CHECK(refused.status == 400);
    CHECK(error_code(refused) == -32020);
  }
  Request other_version = without(good, "mcp-protocol-version");
  other_version.headers.emplace_back("mcp-protocol-version", "2025-11-25");
  CHECK(error_code(send(pair, other_version)) == -32020);
  Request other_method = without(good, "mcp-method");
  other_method.headers.emplace_back("mcp-method", "tools/call");
  CHECK(error_code(send(pair, other_method)) == -32020);
}

// Goal: 405, 406, 415 and 400 come after the bearer check, so each of them says "token accepted".
TEST_CASE("HTTP rules apply after the token was accepted, and 401 comes before them") {
  struct Row {
    const char* name;
    Headers headers;
    const char* body;
    const char* method;
    int status;
  };
  const Row rows[] = {
      {"accept without events",
       {{"content-type", "application/json"}, {"accept", "application/json"}},
       kLegacyProbe,
       "POST",
       406},
      {"no accept", {{"content-type", "application/json"}}, kLegacyProbe, "POST", 406},
      {"text body",
       {{"content-type", "text/plain"}, {"accept", "application/json, text/event-stream"}},
       kLegacyProbe,
       "POST",
       415},
      {"broken JSON", kUsual, "{", "POST", 400},
      {"not JSON-RPC", kUsual, "{}", "POST", 400},
      {"a batch", kUsual, "[]", "POST", 400},
      {"GET", kUsual, "", "GET", 405},
      {"DELETE", kUsual, "", "DELETE", 405},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Pair pair;
    const std::string token = pair.mint().access_token;
    CHECK(send(pair, raw(token, row.headers, row.body, row.method)).status == row.status);
    CHECK(send(pair, raw("garbage", row.headers, row.body, row.method)).status == 401);
  }
}

TEST_CASE("legacy revisions: versions, notifications and tools") {
  Pair pair;
  const std::string token = pair.mint().access_token;
  const auto ask = [&](const std::string& body, Headers more = {}) {
    Headers headers = kUsual;
    headers.insert(headers.end(), more.begin(), more.end());
    return send(pair, raw(token, headers, body));
  };
  const std::string unknown_version =
      R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"1999-01-01"}})";
  const Response agreed = ask(unknown_version);
  CHECK(agreed.status == 200);
  CHECK(json_of(agreed)["result"]["protocolVersion"].string_or("") == "2025-11-25");
  const std::string list = R"({"jsonrpc":"2.0","id":2,"method":"tools/list"})";
  CHECK(ask(list).status == 200);
  CHECK(ask(list, {{"mcp-protocol-version", "2025-06-18"}}).status == 200);
  const Response refused = ask(list, {{"mcp-protocol-version", "1999-01-01"}});
  CHECK(refused.status == 400);
  CHECK(error_code(refused) == -32000);
  CHECK(ask(R"({"jsonrpc":"2.0","method":"notifications/initialized"})").status == 202);
  const Response called =
      ask(R"({"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"list_invoices"}})");
  CHECK_FALSE(json_of(called)["result"]["isError"].bool_or(true));
  const Response no_tool =
      ask(R"({"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"rm"}})");
  CHECK(no_tool.status == 200);
  CHECK(error_code(no_tool) == -32602);
  CHECK(error_code(ask(R"({"jsonrpc":"2.0","id":5,"method":"what/ever"})")) == -32601);
}

TEST_CASE("the content type that the client names first is the one it gets") {
  Pair pair;
  const std::string token = pair.mint().access_token;
  const Response document = send(pair, raw(token, kUsual, kLegacyProbe));
  CHECK(header_of(document, "content-type") == "application/json");
  const Response events = send(pair, raw(token,
                                         {{"content-type", "application/json"},
                                          {"accept", "text/event-stream, application/json"}},
                                         kLegacyProbe));
  CHECK(header_of(events, "content-type") == "text/event-stream");
  CHECK(events.body.starts_with("event: message\ndata: {"));
  CHECK(events.body.ends_with("}\n\n"));
}

// Goal: threat T8 and gateways: a 401 that proves nothing can be had here.
TEST_CASE("bare_401 and rejects_all") {
  Pair bare("bare_401");
  const std::string token = bare.mint().access_token;
  CHECK(send(bare, mcp_request("initialize", token, false)).status == 200);
  const Response refused = send(bare, mcp_request("initialize", "dead", false));
  CHECK(refused.status == 401);
  CHECK(header_of(refused, "www-authenticate") == "(absent)");
  Pair all("rejects_all");
  const Issuer::Grant grant = all.mint();
  const Response rejected = send(all, mcp_request("initialize", grant.access_token, false));
  CHECK(rejected.status == 401);
  CHECK(header_of(rejected, "www-authenticate").starts_with("Bearer"));
  CHECK(all.issuer.access_token_works(grant.access_token, kStart));
}

TEST_CASE("protected-resource metadata leads to the issuer") {
  Pair pair;
  const Response answer =
      send(pair, {.method = "GET", .target = "/.well-known/oauth-protected-resource/mcp"});
  CHECK(answer.status == 200);
  const Value document = json_of(answer);
  CHECK(document["resource"].string_or("") == pair.server.endpoint());
  REQUIRE(document["authorization_servers"].list_or_empty().size() == 1);
  CHECK(document["authorization_servers"].list_or_empty().at(0).string_or("") == pair.issuer.url());
  CHECK(send(pair, {.method = "GET", .target = "/elsewhere"}).status == 404);
}

TEST_CASE("a token for another resource is not accepted") {
  Pair pair;
  const Issuer::Grant grant =
      pair.issuer.mint(pair.issuer.client_id(), "http://127.0.0.1:9999/mcp", kStart);
  CHECK(pair.issuer.access_token_works(grant.access_token, kStart));
  CHECK(send(pair, mcp_request("initialize", grant.access_token, false)).status == 401);
}

}  // namespace quell::range::test
