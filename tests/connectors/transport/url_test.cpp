#include "connectors/url.h"

#include <doctest/doctest.h>

namespace quell {
namespace {

// Goal: one spelling per origin, since secrets are bound to origins by text (threats T2, T7).
TEST_CASE("an origin has one spelling") {
  struct Row {
    std::string text;
    std::string origin;
  };
  const Row rows[] = {
      {"https://as.example", "https://as.example"},
      {"HTTPS://AS.Example/", "https://as.example"},
      {"https://as.example:443/x", "https://as.example"},
      {"https://as.example./x", "https://as.example"},
      {"https://as.example:8443/x?y", "https://as.example:8443"},
      {"http://as.example:80", "http://as.example"},
      {"http://as.example:443", "http://as.example:443"},
      {"https://[::1]:9/", "https://[::1]:9"},
      {"https://[0:0:0:0:0:0:0:1]/", "https://[::1]"},
      {"https://2130706433/", "https://127.0.0.1"},
      {"https://0x7f.1/", "https://127.0.0.1"},
      {"https://%31%32%37.0.0.1/", "https://127.0.0.1"},
      {"https://xn--bcher-kva.example/", "https://xn--bcher-kva.example"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(origin_of(row.text) == row.origin);
  }
}

// Goal: what two parsers could read differently is refused altogether.
TEST_CASE("unusable URLs") {
  for (const std::string text : {"",
                                 "as.example",
                                 "//as.example",
                                 "https:as.example",
                                 "https:/as.example",
                                 "https:///as.example",
                                 "https://",
                                 "https:///",
                                 "ftp://as.example/",
                                 "file:///etc/passwd",
                                 "gopher://as.example/",
                                 "https://user@as.example/",
                                 "https://user:pw@as.example/",
                                 "https://@as.example/",
                                 "https://as.example\\@evil.example/",
                                 "https://as.example/a\\b",
                                 "https://as.example/#f",
                                 "https://as.example#",
                                 "https://as.example/ x",
                                 " https://as.example/",
                                 "https://as.example/\n",
                                 "https://as.example/\x7f",
                                 "https://as.example:0/",
                                 "https://as.example:65536/",
                                 "https://as.example:-1/",
                                 "https://as.example:x/",
                                 "https://as..example../",
                                 "https://as.example../",
                                 "https://[fe80::1%25eth0]/",
                                 "https://[::1",
                                 "https://[not-an-address]/",
                                 "https://as%00.example/",
                                 "https://as%2f.example/",
                                 "https://as%40evil.example/",
                                 "https://as,evil.example/",
                                 "https://as;evil.example/",
                                 "https://a(b.example/",
                                 "https://b\xc3\xbc.example/",
                                 "https://as.example/\xc3\xbc"}) {
    CAPTURE(text);
    const Result<Url> url = parse_url(text);
    CHECK(!url);
    CHECK(origin_of(text).empty());
    if (!url) CHECK(url.error().code == ErrorCode::invalid);
  }
  CHECK(!parse_url("https://as.example/" + std::string(8'192, 'a')));
  CHECK(!parse_url("https://" + std::string(254, 'a') + "/"));
  CHECK(!parse_url(std::string("https://as.example/\0", 20)));
}

TEST_CASE("the path is kept as given") {
  const Result<Url> url = parse_url("https://as.example/a/../b//c/%2e?x=/../&y");
  REQUIRE(url);
  CHECK(url->path == "/a/../b//c/%2e");
  CHECK(url->query == "x=/../&y");
  CHECK(url->to_string() == "https://as.example/a/../b//c/%2e?x=/../&y");
  CHECK(parse_url("https://as.example")->to_string() == "https://as.example/");
}

TEST_CASE("loopback by spelling") {
  for (const std::string host : {"localhost", "127.0.0.1", "127.255.255.254", "[::1]", "::1"}) {
    CAPTURE(host);
    CHECK(is_loopback_host(host));
  }
  for (const std::string host :
       {"", "localhost.evil.example", "127.0.0.1.evil.example", "127.1", "127.0.0.256", "128.0.0.1",
        "127.evil.example", "127.0.0.1.2", "[::2]"}) {
    CAPTURE(host);
    CHECK(!is_loopback_host(host));
  }
}

TEST_CASE("the same MCP server in other words") {
  CHECK(same_mcp_url("https://MCP.example:443/mcp/", "https://mcp.example/mcp"));
  CHECK(same_mcp_url("https://mcp.example", "https://mcp.example/"));
  CHECK(!same_mcp_url("https://mcp.example/MCP", "https://mcp.example/mcp"));
  CHECK(!same_mcp_url("http://mcp.example/mcp", "https://mcp.example/mcp"));
  CHECK(!same_mcp_url("https://mcp.example/mcp?a", "https://mcp.example/mcp"));
  CHECK(!same_mcp_url("https://mcp.example:444/mcp", "https://mcp.example/mcp"));
  CHECK(same_mcp_url("not a url", "not a url"));
  CHECK(!same_mcp_url("not a url", "https://mcp.example/"));
}

}  // namespace
}  // namespace quell
