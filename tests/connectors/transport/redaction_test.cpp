#include "connectors/redaction.h"

#include <doctest/doctest.h>

#include "state/base/bytes.h"
#include "state/base/json.h"
#include "state/base/value.h"

namespace quell {
namespace {

constexpr std::string_view kFingerprint = "1a2b3c4d5e6f70811a2b3c4d5e6f7081";
constexpr std::string_view kMark = "[fp:1a2b3c4d]";
// Every kind of character that some encoding changes.
constexpr std::string_view kSecret = "tok/en+1~\"2\\3 4=%&\n\x01\xc3\xa9-end";

void add(RedactionFilter& filter, std::string_view secret,
         std::string_view fingerprint = kFingerprint) {
  filter.add(Secret::copy_of(secret), fingerprint);
}

std::string url_form(std::string text) {
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

// Goal: no form in which a secret leaks gets through (threat model section 4, "Filter last").
TEST_CASE("every form of a live secret is replaced") {
  RedactionFilter filter;
  add(filter, kSecret);
  const std::string secret(kSecret);
  std::string upper_hex = hex_encode(secret);
  for (char& c : upper_hex) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  std::string lower_percent = percent_encode(secret);
  for (char& c : lower_percent) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const std::string json = to_json(Value(secret));
  const std::string forms[] = {secret,
                               hex_encode(secret),
                               upper_hex,
                               percent_encode(secret),
                               lower_percent,
                               form_encode(secret),
                               json.substr(1, json.size() - 2)};
  std::uint64_t hits = 0;
  for (const std::string& form : forms) {
    CAPTURE(form);
    CHECK(filter.redact(form) == kMark);
    CHECK(filter.redact("before " + form + " after " + form) ==
          "before " + std::string(kMark) + " after " + std::string(kMark));
    hits += 3;
  }
  CHECK(filter.hits() == hits);
}

// Goal: base64 is found whatever stands before the secret, so an HTTP Basic pair is too.
TEST_CASE("base64 at every offset, in both alphabets, and the Basic pair") {
  RedactionFilter filter;
  add(filter, kSecret);
  const std::string secret(kSecret);
  for (const std::string before : {"", "a", "ab", "abc", "client:", "client-1:"}) {
    for (const std::string after : {"", "x", "xy", "xyz"}) {
      for (const std::string& inner : {secret, form_encode(secret)}) {
        const std::string encoded = base64_encode(before + inner + after);
        CAPTURE(encoded);
        CHECK(filter.redact("Basic " + encoded + ".") == "Basic " + std::string(kMark) + ".");
        CHECK(filter.redact("x=" + url_form(encoded) + "\n") == "x=" + std::string(kMark) + "\n");
      }
    }
  }
}

TEST_CASE("innocent text passes byte for byte") {
  RedactionFilter filter;
  const std::string text =
      "tok/en+1 is not the token\n" + std::string("\0\xff", 2) + "tok/en+1~\"2";
  CHECK(filter.redact(text) == text);
  add(filter, kSecret);
  CHECK(filter.redact(text) == text);
  CHECK(filter.redact("").empty());
  CHECK(filter.redact("short") == "short");
  const std::string almost(kSecret.substr(0, kSecret.size() - 1));
  CHECK(filter.redact(almost) == almost);
  CHECK(filter.hits() == 0);
}

TEST_CASE("short secrets are not looked for") {
  RedactionFilter filter;
  add(filter, "elevenbytes");
  CHECK(filter.redact("elevenbytes") == "elevenbytes");
  add(filter, "twelve bytes");
  CHECK(filter.redact("twelve bytes") == kMark);
}

TEST_CASE("several secrets, one the beginning of another") {
  RedactionFilter filter;
  add(filter, "common-prefix", "aaaaaaaa00000000aaaaaaaa00000000");
  add(filter, "common-prefix-and-more", "bbbbbbbb00000000bbbbbbbb00000000");
  add(filter, "another secret here", "cccccccc00000000cccccccc00000000");
  CHECK(filter.redact("common-prefix-and-more, common-prefix; another secret here") ==
        "[fp:bbbbbbbb], [fp:aaaaaaaa]; [fp:cccccccc]");
  CHECK(filter.redact("common-prefixcommon-prefix") == "[fp:aaaaaaaa][fp:aaaaaaaa]");
}

TEST_CASE("a secret is looked for as long as somebody holds it") {
  RedactionFilter filter;
  add(filter, kSecret);
  add(filter, kSecret);
  filter.remove(kFingerprint);
  CHECK(filter.redact(kSecret) == kMark);
  filter.remove(kFingerprint);
  filter.remove(kFingerprint);
  CHECK(filter.redact(kSecret) == kSecret);
}

// Goal: a token in a reason or a note is refused before it is recorded (threat T40). The samples
// are put together here, so that no scanner takes this file for a leak.
TEST_CASE("token shapes") {
  const auto joined = [](const char* prefix, const char* tail) {
    return std::string(prefix) + tail;
  };
  const std::string samples[] = {
      joined("sk-ant-", "oat01-abcdefghij"),
      joined("sk-ant-", "api03-ABCDEFGHIJ"),
      joined("ghp", "_0123456789abcdefABCD"),
      joined("gho", "_0123456789abcdefABCD"),
      joined("ghs", "_0123456789abcdefABCD"),
      joined("github_pat", "_0123456789abcdefABCD"),
      joined("xoxb", "-1234567890-abcdef"),
      joined("xoxp", "-1234567890-abcdef"),
      joined("xapp", "-1-A0123456789-abc"),
      joined("whsec", "_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
      joined("whsec", "_ab+/cdefghijklmnop=="),
      joined("eyJhbGciOiJSUzI1NiJ9", ".eyJpc3MiOiJodHRwczovL2EifQ.c2lnbmF0dXJl"),
      joined("eyJhbGciOiJub25lIn0", ".eyJpc3MiOiJodHRwczovL2EifQ."),
      joined("d0a1f9e27b3c4d5e", "8f9a0b1c2d3e4f5a"),
      joined("D0A1F9E27B3C4D5E", "8F9A0B1C2D3E4F5A"),
      joined("V9x2-Lq8_Zt0PfY4rKw1", "MnB7cHs3GdJ5uEa6"),
      joined("rt_7hG2kQ9zX4vB1nM8", "cT5wL0pR3yF6dJsA"),
      joined("token_ghp", "_0123456789abcdefABCD"),
  };
  for (const std::string& sample : samples) {
    CAPTURE(sample);
    CHECK(looks_like_token(sample));
    CHECK(looks_like_token("the token was " + sample + ", please revoke"));
    CHECK(looks_like_token("(\"" + sample + "\")"));
  }
  for (const std::string text :
       {"",
        "rotate",
        "INC-2026-1122",
        "leaked in the build log of 2026-11-20, see INC-4711",
        "vcrd_011CZkZDLs7fYzm1hXNPeRjv",
        "session_011CZkZDLs7fYzm1hXNPeRjv is stopped",
        "deployment_011CZkZDLs7fYzm1hXNPeRjv",
        "123e4567-e89b-12d3-a456-426614174000",
        "https://mcp.tracker.example/v1/workspaces/production-europe-west/mcp",
        "a-rather-long-playbook-name-that-somebody-thought-good",
        "/var/lib/quell/runs/2026/11/22/evidence-of-the-incident.tar",
        "thisisasinglewordwithoutanyspacesbutitisonlyletters",
        "sk-ant- is the prefix",
        "ghp_short",
        "xoxb-",
        "eyJ is how JWTs begin",
        "eyJhbGciOiJub25lIn0",
        "11111111111111111111111111111111111111",
        "2026-11-22T02:31:40.112Z",
        "--------------------------------------------------",
        "REVOKE_ALL_REFRESH_TOKENS_OF_TENANT"}) {
    CAPTURE(text);
    CHECK(!looks_like_token(text));
  }
}

}  // namespace
}  // namespace quell
