#include "tests/connectors/oauth/web.h"

#include <algorithm>

#include <doctest/doctest.h>

#include "connectors/io.h"
#include "connectors/url.h"
#include "state/base/bytes.h"
#include "state/base/sha256.h"

namespace quell::test {
namespace {

std::string lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

Seen read(const HttpRequest& request) {
  Seen seen{.method = request.method,
            .url = request.url,
            .effect = request.effect,
            .trust = request.trust};
  for (const HttpHeader& header : request.headers) {
    const Secret value = header.value.render();
    seen.headers[lower(header.name)] = std::string(value.reveal());
  }
  const Secret body = request.body.render();
  seen.body = std::string(body.reveal());
  return seen;
}

bool is_well_directed(const HttpRequest& request) {
  const std::string origin = origin_of(request.url);
  return request.body.may_go_to(origin) &&
         std::ranges::all_of(request.headers, [&origin](const HttpHeader& header) {
           return header.value.may_go_to(origin);
         });
}

}  // namespace

std::string Seen::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "(absent)" : found->second;
}

std::string Seen::form(const std::string& name) const {
  std::size_t start = 0;
  while (start <= body.size()) {
    const std::size_t end = std::min(body.find('&', start), body.size());
    const std::string pair = body.substr(start, end - start);
    const std::size_t equals = pair.find('=');
    if (equals != std::string::npos && pair.substr(0, equals) == name)
      return form_decode(pair.substr(equals + 1));
    start = end + 1;
  }
  return "(absent)";
}

bool Seen::mentions(std::string_view text) const {
  const auto has = [text](const std::string& place) {
    return place.find(text) != std::string::npos;
  };
  return has(url) || has(body) ||
         std::ranges::any_of(headers, [&has](const auto& header) { return has(header.second); });
}

Web& Web::on(const std::string& method, const std::string& url, Reply reply) {
  replies_[method + " " + url].push_back(std::move(reply));
  return *this;
}

Web& Web::on(const std::string& method, const std::string& url, HttpResponse response) {
  return on(method, url, [response](const Seen&) -> Result<HttpResponse> { return response; });
}

Web& Web::document(const std::string& url, const std::string& json) {
  return on("GET", url, json_reply(200, json));
}

Result<HttpResponse> Web::handle(const HttpRequest& request) {
  if (!is_well_directed(request)) {
    ++misdirected_;
    return make_error(ErrorCode::invalid, "egress", "a secret may not be sent there", "");
  }
  log_.push_back(read(request));
  const auto found = replies_.find(request.method + " " + request.url);
  if (found == replies_.end()) return reply(404);
  std::vector<Reply>& queue = found->second;
  const Reply next = queue.front();
  if (queue.size() > 1) queue.erase(queue.begin());
  return next(log_.back());
}

std::vector<std::string> Web::lines() const {
  std::vector<std::string> out;
  for (const Seen& seen : log_) out.push_back(seen.method + " " + seen.url);
  return out;
}

std::vector<Seen> Web::to(const std::string& url) const {
  std::vector<Seen> out;
  std::ranges::copy_if(log_, std::back_inserter(out),
                       [&url](const Seen& seen) { return seen.url == url; });
  return out;
}

std::size_t Web::mentions(const std::string& origin, std::string_view text) const {
  return static_cast<std::size_t>(std::ranges::count_if(log_, [&](const Seen& seen) {
    return origin_of(seen.url) == origin && seen.mentions(text);
  }));
}

HttpResponse reply(int status, std::string body,
                   std::vector<std::pair<std::string, std::string>> headers) {
  HttpResponse response(status, std::move(body));
  response.headers = std::move(headers);
  return response;
}

HttpResponse json_reply(int status, std::string body) {
  return reply(status, std::move(body), {{"content-type", "application/json"}});
}

Error broken(ErrorCode code) { return make_error(code, "the line is broken"); }

Timestamp at(std::string_view rfc3339) { return *parse_rfc3339(rfc3339); }

SecretPtr secret_ptr(std::string text) { return std::make_shared<const Secret>(std::move(text)); }

Value secret(std::string text) {
  std::string fingerprint = sha256_hex(text).substr(0, 32);
  return Value(
      SecretValue{.secret = secret_ptr(std::move(text)), .fingerprint = std::move(fingerprint)});
}

std::string make_jwt(const std::string& claims) {
  return base64url_encode(R"({"alg":"RS256","typ":"at+jwt"})") + "." + base64url_encode(claims) +
         "." + base64url_encode("signature");
}

Result<Outcome> run(const OauthConfig& config, std::string_view action, Run what, Web& web) {
  SeededRandom random(7);
  Result<std::unique_ptr<OauthConnector>> connector = OauthConnector::make(config, random);
  REQUIRE_MESSAGE(connector.has_value(), (connector ? std::string{} : describe(connector.error())));
  const ActionSpec* spec = find_action((*connector)->actions(), action);
  REQUIRE(spec != nullptr);
  ManualClock clock(at(kNow));
  Io io;
  io.set_now(clock.now());
  Inputs inputs{.params = std::move(what.params),
                .intent = what.intent,
                .baseline = std::move(what.baseline)};
  Task<Result<Outcome>> task = (*connector)->perform(*spec, std::move(inputs), io);
  task.resume();
  while (!task.done()) {
    IoOp op = io.take();
    web.meanwhile = io.doubts();
    if (auto* send = std::get_if<SendOp>(&op)) {
      Answers answers;
      for (const HttpRequest& request : send->requests) answers.push_back(web.handle(request));
      io.resume_sent(std::move(answers), clock.now());
    } else if (auto* wait = std::get_if<WaitOp>(&op)) {
      web.note("wait " + format_duration(wait->delay));
      clock.advance(wait->delay);
      io.resume_waited(clock.now());
    } else if (auto* keep = std::get_if<KeepOp>(&op)) {
      web.note("keep " + keep->name.substr(0, keep->name.find('.')) + " after " +
               std::to_string(web.log().size()));
      SecretValue kept{.secret = std::make_shared<const Secret>(std::move(keep->secret)),
                       .fingerprint = "00"};
      io.resume_kept(std::move(kept), clock.now());
    } else {
      FAIL("the action waits for nothing");
    }
  }
  return task.take();
}

std::string issuer_document(const std::string& issuer, const std::string& endpoints_at) {
  return R"({"issuer":")" + issuer + R"(","token_endpoint":")" + endpoints_at +
         R"(/token","revocation_endpoint":")" + endpoints_at +
         R"(/revoke","introspection_endpoint":")" + endpoints_at + R"(/introspect"})";
}

std::string resource_document(const std::string& resource, const std::string& issuer) {
  return R"({"resource":")" + resource + R"(","authorization_servers":[")" + issuer + R"("]})";
}

OauthConfig pinned_config(ClientAuth method) {
  IssuerConfig entry;
  entry.match_mcp_server_url = kMcp;
  entry.issuer = kIssuer;
  entry.client_id = "client-1";
  entry.method = method;
  if (method != ClientAuth::none) entry.client_secret = secret_ptr("s3cret-of-the-client");
  OauthConfig config;
  config.issuers.push_back(std::move(entry));
  return config;
}

}  // namespace quell::test
