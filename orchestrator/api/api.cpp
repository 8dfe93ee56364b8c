#include "orchestrator/api/api.h"

#include <algorithm>
#include <utility>

#include "orchestrator/api/problem.h"
#include "state/base/json.h"
#include "state/base/sha256.h"

namespace quell {
namespace {

constexpr std::size_t kKeyBytesMax = 200;

Error bad_value(std::string sentence) {
  return make_error(ErrorCode::invalid, "bad-input", std::move(sentence),
                    "GET /api/v1/openapi.json lists the members");
}

bool fits(const ApiField& field, const Value& value) {
  switch (field.kind) {
    case ApiField::Kind::text:
      return value.is_string() && value.as_string().size() <= field.bytes_max;
    case ApiField::Kind::boolean:
      return value.is_bool();
    case ApiField::Kind::integer:
      return value.is_int();
    case ApiField::Kind::list:
      return value.is_list();
    case ApiField::Kind::texts:
      return value.is_map() &&
             std::all_of(value.as_map().begin(), value.as_map().end(), [&](const auto& member) {
               return member.second.is_string() &&
                      member.second.as_string().size() <= field.bytes_max;
             });
  }
  return false;
}

std::string_view words_of(ApiField::Kind kind) {
  switch (kind) {
    case ApiField::Kind::text:
      return "a text";
    case ApiField::Kind::boolean:
      return "true or false";
    case ApiField::Kind::integer:
      return "a whole number";
    case ApiField::Kind::list:
      return "a list";
    case ApiField::Kind::texts:
      return "an object of texts";
  }
  return "";
}

/// The body as the route declares it: every member known and of its kind, none missing.
Result<Value> read_body(const ApiRoute& route, const HttpCall& call) {
  if (route.body.empty()) {
    if (call.body.empty() || call.body == "{}") return Value();
    return bad_value("this call takes no body.");
  }
  const std::string_view media = call.header("content-type");
  if (media.substr(0, media.find(';')) != "application/json")
    return bad_value("the body is no application/json.");
  Result<Value> body =
      parse_json(call.body.empty() ? std::string_view("{}") : std::string_view(call.body),
                 {.bytes_max = route.body_bytes_max, .depth_max = 4, .nodes_max = 1'000});
  if (!body || !body->is_map()) return bad_value("the body is no JSON object.");
  for (const auto& [name, value] : body->as_map()) {
    const auto field = std::find_if(route.body.begin(), route.body.end(),
                                    [&name = name](const ApiField& f) { return f.name == name; });
    if (field == route.body.end()) return bad_value("the body has a member that nobody asked for.");
    if (!value.is_null() && !fits(*field, value)) {
      return bad_value(std::string(field->name) + " is not " + std::string(words_of(field->kind)) +
                       " of its size.");
    }
  }
  for (const ApiField& field : route.body) {
    const Value& value = (*body)[field.name];
    const bool is_blank = value.is_null() || (value.is_string() && value.as_string().empty());
    if (field.required && is_blank)
      return bad_value(std::string(field.name) + " is missing.");
  }
  return body;
}

/// Status by what kind of mistake the caller made; 400 where the request itself cannot be read.
HttpReply unreadable(const Error& error) { return problem_reply(422, error); }

}  // namespace

Api::Api(Parts parts) : parts_(std::move(parts)) {
  routes_.push_back(
      {.method = "GET",
       .path = "/api/v1/openapi.json",
       .operation = "describeApi",
       .summary = "This interface as OpenAPI 3.1",
       .answer = "The document",
       .handle = [this](const ApiCall&) { return json_reply(200, openapi_document(routes_)); }});
}

void Api::add(std::vector<ApiRoute> routes) {
  for (ApiRoute& route : routes) routes_.push_back(std::move(route));
}

const ApiRoute* Api::find(std::string_view method, std::string_view path) const {
  for (const ApiRoute& route : routes_) {
    if (route.method == method && fit_path(route.path, path)) return &route;
  }
  return nullptr;
}

HttpReply Api::answer(const HttpCall& call, const Actor& actor) {
  const std::string_view target = call.target;
  const std::size_t mark = target.find('?');
  const std::string_view path = target.substr(0, mark);
  const std::string_view method = call.method == "HEAD" ? "GET" : std::string_view(call.method);
  const ApiRoute* const route = find(method, path);
  if (route == nullptr) {
    std::string allowed;
    for (const ApiRoute& other : routes_) {
      if (!fit_path(other.path, path)) continue;
      allowed += (allowed.empty() ? "" : ", ") + std::string(other.method);
    }
    if (allowed.empty()) {
      return problem_reply(make_error(ErrorCode::gone, "route", "there is nothing at that path.",
                                      "GET /api/v1/openapi.json lists the paths"));
    }
    HttpReply reply = problem_reply(
        405, make_error(ErrorCode::invalid, "route", "that path takes another method.", allowed));
    reply.headers.emplace_back("allow", allowed);
    return reply;
  }
  if (!actor.may(route->right)) {
    if (parts_.on_refusal) parts_.on_refusal(actor, *route);
    return problem_reply(make_error(ErrorCode::denied, "role",
                                    actor.who + " may not do that: it takes the right to " +
                                        std::string(to_string(route->right)) + ".",
                                    "quell user list names who may"));
  }
  auto parts = fit_path(route->path, path);
  Result<std::map<std::string, std::string, std::less<>>> query =
      parse_form(mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1));
  if (!query) return unreadable(query.error());
  for (const auto& [name, value] : *query) {
    const bool is_known =
        std::any_of(route->query.begin(), route->query.end(),
                    [&name = name](const ApiField& field) { return field.name == name; });
    if (!is_known) return unreadable(bad_value("the query has a name that nobody asked for."));
  }
  Result<Value> body = read_body(*route, call);
  if (!body) return unreadable(body.error());
  return carry_out(*route, {.http = call,
                            .actor = actor,
                            .path = *std::move(parts),
                            .query = *std::move(query),
                            .body = *std::move(body)});
}

HttpReply Api::carry_out(const ApiRoute& route, ApiCall call) {
  const std::string_view key = call.http.header("idempotency-key");
  if (route.method != "POST" || key.empty()) return route.handle(call);
  if (key.size() > kKeyBytesMax)
    return unreadable(bad_value("Idempotency-Key is longer than 200 bytes."));
  const std::string name = call.actor.who + '\n' + std::string(key);
  const AnswerCache::Look look = answers_.begin(
      name, sha256_hex(call.http.target + '\n' + call.http.body), parts_.clock.now());
  switch (look.found) {
    case AnswerCache::Found::answered:
      return look.reply;
    case AnswerCache::Found::different:
      return unreadable(make_error(ErrorCode::conflict, "bad-input",
                                   "that Idempotency-Key belongs to another call.",
                                   "use a new key for each thing that is to happen once"));
    case AnswerCache::Found::under_way:
      return problem_reply(make_error(ErrorCode::conflict, "bad-input",
                                      "the first call with that Idempotency-Key has no answer yet.",
                                      "ask again in a moment"));
    case AnswerCache::Found::fresh:
      break;
  }
  HttpReply reply = route.handle(call);
  // What failed for a reason of ours may be tried again with the same key.
  if (reply.status < 500 && reply.status != 429) {
    answers_.keep(name, reply);
  } else {
    answers_.drop(name);
  }
  return reply;
}

}  // namespace quell
