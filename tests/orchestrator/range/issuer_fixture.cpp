#include "issuer_fixture.h"

#include <doctest/doctest.h>

#include "state/base/bytes.h"
#include "state/base/json.h"

namespace quell::range::test {
namespace {

WorldOptions issuer_urls() {
  return {.platform_url = "http://127.0.0.1:8101",
          .issuer_url = "http://127.0.0.1:8102",
          .mcp_url = "http://127.0.0.1:8103",
          .control_url = "http://127.0.0.1:8104"};
}

ProfileSet parsed(std::string_view profile) {
  Result<ProfileSet> set = ProfileSet::parse(profile);
  REQUIRE(set);
  return *std::move(set);
}

}  // namespace

Pair::Pair(std::string_view profile, std::uint64_t seed)
    : options(issuer_urls()),
      profiles(parsed(profile)),
      random(seed),
      issuer(options, random, profiles),
      server(options, issuer, profiles) {}

std::string form_of(const Fields& fields) {
  std::string body;
  for (const auto& [name, value] : fields) {
    if (!body.empty()) body += '&';
    body += form_encode(name) + "=" + form_encode(value);
  }
  return body;
}

Value json_of(const Response& response) {
  Result<Value> body = parse_json(response.body);
  return body ? *std::move(body) : Value{};
}

std::string header_of(const Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return "(absent)";
}

std::string Pair::basic() const {
  return "Basic " +
         base64_encode(form_encode(issuer.client_id()) + ":" + form_encode(issuer.client_secret()));
}

Response Pair::post(std::string_view path, const Fields& fields, Timestamp now) {
  return post_as(basic(), path, fields, now);
}

Response Pair::post_as(std::string_view authorization, std::string_view path, const Fields& fields,
                       Timestamp now) {
  Request request{.host = Host::issuer,
                  .method = "POST",
                  .target = std::string(path),
                  .headers = {{"content-type", "application/x-www-form-urlencoded"}},
                  .body = form_of(fields)};
  if (!authorization.empty()) request.headers.emplace_back("authorization", authorization);
  return issuer.handle(request, now);
}

Response Pair::get(std::string_view path) {
  return issuer.handle({.host = Host::issuer, .method = "GET", .target = std::string(path)},
                       kStart);
}

Response Pair::refresh(std::string_view refresh_token, Timestamp now) {
  return post("/token",
              {{"grant_type", "refresh_token"}, {"refresh_token", std::string(refresh_token)}},
              now);
}

Response Pair::revoke(std::string_view token, std::string_view hint, Timestamp now) {
  Fields fields{{"token", std::string(token)}};
  if (!hint.empty()) fields.emplace_back("token_type_hint", hint);
  return post("/revoke", fields, now);
}

bool Pair::is_active(std::string_view token, Timestamp now) {
  return json_of(post("/introspect", {{"token", std::string(token)}}, now))["active"].bool_or(
      false);
}

}  // namespace quell::range::test
