#include "connectors/secret_text.h"

#include <doctest/doctest.h>

#include "connectors/wiping.h"
#include "tests/connectors/transport/exchange.h"

namespace quell {
namespace {

std::string rendered(const SecretText& text) { return std::string(text.render().reveal()); }

TEST_CASE("each encoding is what its place needs") {
  const std::string bytes = "a\"b\\c/\n\x01 +&=%\x7f\xc3\xa9";
  const auto as = [&](SecretEncoding encoding) {
    SecretText text("<");
    text.append(bound(bytes, {}), encoding).append(">");
    return rendered(text);
  };
  CHECK(as(SecretEncoding::raw) == "<" + bytes + ">");
  CHECK(as(SecretEncoding::form) == "<a%22b%5Cc%2F%0A%01+%2B%26%3D%25%7F%C3%A9>");
  CHECK(as(SecretEncoding::json) == "<a\\\"b\\\\c/\\u000a\\u0001 +&=%\\u007f\xc3\xa9>");
}

// Goal: Basic is base64 of the pair as a whole, not of its parts.
TEST_CASE("base64 is taken over the joined inner text") {
  SecretText pair("aladdin:");
  pair.append(bound("open sesame", {"https://a.example"}), SecretEncoding::raw);
  SecretText header("Basic ");
  header.append_base64(std::move(pair));
  CHECK(rendered(header) == "Basic YWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  CHECK(header.redacted() == "Basic [secret]");
  CHECK(header.has_secret());
  CHECK(header.may_go_to("https://a.example"));
  CHECK(!header.may_go_to("https://b.example"));
  SecretText open;
  open.append_base64("plain");
  CHECK(open.redacted() == "cGxhaW4=");
  CHECK(!open.has_secret());
}

TEST_CASE("every secret inside must be allowed") {
  SecretText text("a=");
  text.append(bound("one", {"https://a.example", "https://b.example"}), SecretEncoding::form)
      .append("&b=")
      .append(bound("two", {"https://b.example"}), SecretEncoding::form);
  CHECK(!text.may_go_to("https://a.example"));
  CHECK(text.may_go_to("https://b.example"));
  CHECK(!text.may_go_to(""));
  CHECK(text.redacted() == "a=[secret]&b=[secret]");
  CHECK(SecretText("no secret").may_go_to("https://anywhere.example"));
  CHECK(SecretText("no secret").may_go_to(""));
  CHECK(SecretText().empty());
  CHECK(SecretText("").empty());
}

TEST_CASE("a buffer that grows keeps its content") {
  std::string out;
  std::string expected;
  for (int i = 0; i < 2'000; ++i) {
    append_wiping(out, std::to_string(i));
    expected += std::to_string(i);
  }
  CHECK(out == expected);
}

}  // namespace
}  // namespace quell
