// Taking an MCP server from a session that does not run, and giving it back (API sheet 1.3, 2.4): a
// freeze that can be undone. It holds for the session's own agent from its next turn on; those on
// its roster keep theirs, and any client can set it again.
#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "connectors/managed_agents/calls.h"
#include "connectors/managed_agents/records.h"
#include "connectors/url.h"
#include "state/base/json.h"

namespace quell::managed_agents {
namespace {

/// Of both arrays as JSON; they are kept for the undo.
constexpr std::size_t kToolsBytesMax = 256U << 10U;

/// What a session's agent may call.
struct Tools {
  ValueList servers{};
  ValueList tools{};

  static Result<Tools> read(const Value& agent);
  /// Canonical, so that two are the same when their texts are.
  std::string text() const {
    return to_json(Value::map({{"mcp_servers", servers}, {"tools", tools}}));
  }
  /// Without the servers at `url` and the toolsets that name them.
  Tools without(const std::string& url) const;
};

Result<Tools> Tools::read(const Value& agent) {
  const Value& servers = agent["mcp_servers"];
  const Value& tools = agent["tools"];
  if (!servers.is_list() || !tools.is_list()) {
    return make_error(ErrorCode::invalid, "answer",
                      "a session's agent has no usable mcp_servers and tools.",
                      "it counts as unread; compare base_url in quell.yaml");
  }
  return Tools{.servers = servers.as_list(), .tools = tools.as_list()};
}

Tools Tools::without(const std::string& url) const {
  Tools left;
  std::vector<std::string> names;
  for (const Value& server : servers) {
    if (same_mcp_url(server["url"].string_or(""), url)) {
      names.push_back(server["name"].string_or(""));
    } else {
      left.servers.push_back(server);
    }
  }
  for (const Value& tool : tools) {
    const bool is_of_it =
        tool["type"].string_or("") == "mcp_toolset" &&
        std::ranges::find(names, tool["mcp_server_name"].string_or("")) != names.end();
    if (!is_of_it) left.tools.push_back(tool);
  }
  return left;
}

struct Seat {
  Session session{};
  Tools tools{};
};

Task<Result<Seat>> fetch_seat(Io& io, Api api, std::string session_id) {
  Subject subject = session_subject(session_id);
  const Result<Value> object = co_await fetch(io, api, std::move(subject));
  if (!object) co_return object.error();
  Result<Session> session = Session::read(*object);
  if (!session) co_return session.error();
  Result<Tools> tools = Tools::read((*object)["agent"]);
  if (!tools) co_return tools.error();
  Seat seat;
  seat.session = *std::move(session);
  seat.tools = *std::move(tools);
  co_return seat;
}

Outcome changed(OutcomeKind kind, const Seat& seat) {
  Outcome out;
  out.kind = kind;
  out.outputs = Value::map({{"id", seat.session.id},
                            {"status", seat.session.status},
                            {"mcp_servers", static_cast<std::int64_t>(seat.tools.servers.size())}});
  return out;
}

/// Sets the tools of a session that does not run to what `wanted` makes of them.
ActionTask change_tools(Io& io, Api api, std::string session_id, std::string verb, Intent intent,
                        std::function<Tools(const Tools&)> wanted) {
  const Subject subject = session_subject(session_id);
  std::string first = session_id;
  const Result<Seat> before = co_await fetch_seat(io, api, std::move(first));
  if (!before) co_return before.error();
  const Tools goal = wanted(before->tools);
  if (before->tools.text() == goal.text()) co_return changed(OutcomeKind::already, *before);
  std::string obstacle;
  if (intent == Intent::look)
    obstacle = fmt::format("the change of {} was not applied.", subject.words());
  else if (before->session.is_stopped())
    obstacle = fmt::format("{} is {}: it calls nothing any more.", subject.words(),
                           before->session.status);
  else if (before->session.is_running())
    obstacle = fmt::format("{} is {}, and its tools can be changed only while it is not.",
                           subject.words(), before->session.status);
  if (!obstacle.empty()) {
    co_return make_error(ErrorCode::conflict, "conflict", std::move(obstacle),
                         "stop_session ends a running one for good");
  }
  SecretText body{R"({"agent":)" + goal.text() + "}"};
  HttpRequest request = api.post_json(subject.path, std::move(body));
  const Result<HttpResponse> answer = co_await io.send(std::move(request));
  if (!answer) co_return api.unanswered(answer.error());
  const bool accepted = answer->status >= 200 && answer->status <= 299;
  Error refused;
  if (!accepted) {
    refused = refusal(api, *answer, Effect::mutate, subject, NotFound::object, io.now());
    if (is_final(refused.code)) co_return refused;
  }
  std::string again = session_id;
  const Result<Seat> after = co_await fetch_seat(io, api, std::move(again));
  if (!after) {
    if (!accepted) co_return refused.code == ErrorCode::gone ? after.error() : refused;
    co_return wrap_unknown(
        fmt::format("the change of {} was accepted, but it could not be read back",
                    subject.words()),
        after.error());
  }
  if (after->tools.text() == goal.text())
    co_return changed(accepted ? OutcomeKind::done : OutcomeKind::already, *after);
  if (accepted) {
    co_return make_error(ErrorCode::unknown, "unknown",
                         fmt::format("{} answered {} to the change of {}, which reads back "
                                     "otherwise.",
                                     api.host(), answer->status, subject.words()),
                         "it is looked at again");
  }
  Change change;
  change.subject = subject;
  change.verb = verb;
  Reading now;
  if (after->session.is_running())
    now.obstacle = fmt::format("{} runs again.", subject.words());
  co_return settle_refusal(api, refused, answer->status, change, now);
}

}  // namespace

ActionTask get_session_tools(Io& io, Api api, Value params) {
  const Result<std::string> named = id_param(params, "session_id");
  if (!named) co_return named.error();
  std::string id = *named;
  const Result<Seat> seat = co_await fetch_seat(io, api, std::move(id));
  if (!seat) co_return seat.error();
  std::string text = seat->tools.text();
  if (text.size() > kToolsBytesMax) {
    co_return make_error(ErrorCode::invalid, "answer",
                         fmt::format("the tools of {} take more than {} bytes.",
                                     outside_text(*named), kToolsBytesMax),
                         "too much to be kept for an undo: stop the session instead");
  }
  ValueList urls;
  for (const Value& server : seat->tools.servers)
    urls.emplace_back(outside_text(server["url"].string_or(""), 2'048));
  Outcome out;
  out.outputs = Value::map({{"id", seat->session.id},
                            {"status", seat->session.status},
                            {"mcp_server_urls", Value(std::move(urls))},
                            {"tools", std::move(text)}});
  co_return out;
}

ActionTask detach_mcp_server(Io& io, Api api, Value params, Intent intent) {
  const Result<std::string> named = id_param(params, "session_id");
  if (!named) return fails(named.error());
  const std::string url = params["mcp_server_url"].string_or("");
  if (!parse_url(url)) {
    return fails(make_error(ErrorCode::invalid, "bad-input",
                            fmt::format("mcp_server_url \"{}\" is no URL.", outside_text(url)),
                            "for instance https://mcp.example.com/mcp"));
  }
  return change_tools(io, api, *named, "detach the server from", intent,
                      [url](const Tools& now) { return now.without(url); });
}

ActionTask set_session_tools(Io& io, Api api, Value params, Intent intent) {
  const Result<std::string> named = id_param(params, "session_id");
  if (!named) return fails(named.error());
  const Result<Value> agent =
      parse_json(params["tools"].string_or(""), JsonLimits{.bytes_max = kToolsBytesMax});
  const Result<Tools> tools = agent ? Tools::read(*agent) : Result<Tools>(agent.error());
  if (!tools) {
    return fails(make_error(ErrorCode::invalid, "bad-input",
                            "tools is not what get_session_tools gave.",
                            "pass its output `tools` as it is"));
  }
  return change_tools(io, api, *named, "set the tools of", intent,
                      [goal = *tools](const Tools& /*now*/) { return goal; });
}

}  // namespace quell::managed_agents
