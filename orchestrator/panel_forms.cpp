// What the forms of the panel ask for: each becomes a call of the API's own table.
#include "orchestrator/panel_forms.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include "orchestrator/access/access_routes.h"
#include "orchestrator/api/problem.h"
#include "orchestrator/panel/door_pages.h"
#include "orchestrator/panel/office_pages.h"
#include "orchestrator/panel/radius_page.h"
#include "orchestrator/panel/run_pages.h"
#include "orchestrator/panel_server.h"
#include "orchestrator/playbook_library.h"
#include "orchestrator/radius_routes.h"
#include "orchestrator/radius_scan.h"
#include "orchestrator/report/run_document.h"
#include "state/base/bytes.h"
#include "state/base/json.h"

namespace quell {

using panel::Page;

std::string in(const std::map<std::string, std::string, std::less<>>& form, std::string_view name) {
  const auto found = form.find(name);
  return found == form.end() ? std::string() : found->second;
}

HttpReply see(std::string path) {
  HttpReply reply;
  reply.status = 303;
  reply.headers = {{"location", std::move(path)}};
  return reply;
}

std::string safe_next(const std::string& next) {
  const bool is_ours = next.starts_with('/') && !next.starts_with("//") &&
                       next.find_first_of("\\\r\n") == std::string::npos &&
                       !next.starts_with("/api/");
  return is_ours ? next : "/";
}

std::vector<std::string> parts_behind(std::string_view path, std::string_view root) {
  std::vector<std::string> parts;
  if (!path.starts_with(root)) return parts;
  path.remove_prefix(root.size());
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::optional<std::string> part = decode_percent(path.substr(0, slash), false);
    parts.push_back(part.value_or(std::string()));
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  return parts;
}

namespace {

Value texts_behind(const std::map<std::string, std::string, std::less<>>& form,
                   std::string_view prefix) {
  ValueMap texts;
  for (const auto& [name, text] : form) {
    if (name.starts_with(prefix) && !text.empty()) texts.emplace(name.substr(prefix.size()), text);
  }
  return Value(std::move(texts));
}

Value commas(const std::string& text) {
  ValueList list;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    std::string_view word = rest.substr(0, comma);
    while (word.starts_with(' ')) word.remove_prefix(1);
    while (word.ends_with(' ')) word.remove_suffix(1);
    if (!word.empty()) list.emplace_back(word);
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
  }
  return Value(std::move(list));
}

}  // namespace

HttpReply PanelServer::through_api(const Caller& caller, const std::string& target,
                                   const Value& body) {
  HttpCall call{.method = "POST", .target = target, .body = to_json(body)};
  call.headers = {{"content-type", "application/json"}};
  return parts_.owner.api().answer(call, caller.actor);
}

HttpReply PanelServer::refuse(const Caller& caller, const std::string& what,
                              const std::string& sentence) {
  parts_.owner.engine().note(
      EntryKind::command_refused,
      {{"what", what}, {"who", caller.actor.who}, {"from", caller.actor.from}, {"why", sentence}});
  return page(panel::refusal_page(403, sentence, ""), caller, 403);
}

HttpReply PanelServer::carry_out(const HttpCall& call, const Caller& caller, std::string_view path,
                                 const Form& form) {
  if (path == "/logout") {
    const Result<std::string> cookie = parts_.door.sign_out(caller);
    if (!cookie) return problem_reply(cookie.error());
    HttpReply reply = see("/login");
    reply.headers.emplace_back("set-cookie", *cookie);
    reply.headers.emplace_back("clear-site-data", "\"cache\",\"cookies\",\"storage\"");
    return reply;
  }
  if (path == "/confirm") {
    const std::string next = safe_next(in(form, "next"));
    const Status confirmed =
        parts_.door.confirm(caller, Secret::copy_of(in(form, "password")), call);
    if (confirmed) return see(next);
    return page(panel::confirm_page(next, describe(confirmed.error()), frame_of(caller)), caller,
                confirmed.error().code == ErrorCode::throttled ? 429 : 403);
  }
  if (path.starts_with("/access/")) return change_access(caller, path, form);
  if (path.starts_with("/start/")) return ask_plan(caller, path, form);
  if (path == "/radius") return ask_radius(caller, form);
  if (path.starts_with("/plans/")) return start_plan(caller, path, form);
  if (path.starts_with("/kill-switch/")) return switch_changes(caller, path, form);
  if (path == "/check") return check_text(caller, form);
  if (path.starts_with("/alerts/") && path.ends_with("/plan"))
    return plan_alert(caller, parts_behind(path, "/alerts/").front());
  if (path.starts_with("/runs/") && path.ends_with("/approve"))
    return approve(call, caller, path, form);
  const bool is_run = path.starts_with("/runs/");
  const bool is_preflight = path == "/preflight";
  if (!is_run && !is_preflight && !path.starts_with("/alerts/"))
    return page(panel::refusal_page(404, "There is nothing at that path.", ""), caller, 404);
  // What is left has the API's own paths and members.
  ValueMap body;
  for (const std::string_view name : {"target", "reason"}) {
    if (const std::string text = in(form, name); !text.empty()) body[std::string(name)] = text;
  }
  if (path.ends_with("/done")) body["fields"] = texts_behind(form, "field.");
  const HttpReply done = through_api(caller, "/api/v1" + std::string(path), Value(std::move(body)));
  const std::size_t last = path.rfind('/');
  if (done.status == 200)
    return see(is_preflight ? "/preflight"
               : is_run     ? std::string(path.substr(0, last))
                            : std::string("/alerts"));
  const Result<Value> problem = parse_json(done.body);
  const Error error = error_of_problem(done.status, problem ? *problem : Value());
  return page(panel::refusal_page(done.status, describe(error), error.hint), caller, done.status);
}

HttpReply PanelServer::approve(const HttpCall& call, const Caller& caller, std::string_view path,
                               const Form& form) {
  const std::vector<std::string> parts = parts_behind(path, "/runs/");
  const std::optional<RunId> id = parse_run_id(parts.front());
  std::string expected;
  const auto again = [&](const std::string& problem, int status) {
    std::optional<Page> made;
    const panel::Frame frame = frame_of(caller);  // reads the board, which with_run() holds
    if (id) {
      static_cast<void>(parts_.owner.board().with_run(*id, [&](const RunState& run) {
        made = panel::approve_page(run, parts_.connectors, "", problem, frame);
      }));
    }
    if (!made) made = panel::refusal_page(404, "There is no such run.", "");
    return page(*made, caller, status);
  };
  if (id) {
    static_cast<void>(parts_.owner.board().with_run(*id, [&](const RunState& run) {
      expected = std::to_string(irreversible_left(run, parts_.connectors));
    }));
  }
  if (in(form, "count") != expected)
    return again("Not approved: type " + expected + ", the requests that cannot be undone.", 422);
  if (Status confirmed = parts_.door.confirm(caller, Secret::copy_of(in(form, "password")), call);
      !confirmed) {
    return again("Not approved: " + describe(confirmed.error()), 403);
  }
  const HttpReply done = through_api(caller, "/api/v1" + std::string(path),
                                     Value::map({{"digest", in(form, "digest")}}));
  if (done.status == 200) return see("/runs/" + parts.front());
  const Result<Value> problem = parse_json(done.body);
  return again(
      "Not approved: " + describe(error_of_problem(done.status, problem ? *problem : Value())),
      done.status);
}

HttpReply PanelServer::ask_plan(const Caller& caller, std::string_view path, const Form& form) {
  const std::vector<std::string> parts = parts_behind(path, "/start/");
  const std::vector<std::string> ids = playbook_ids(parts_.config);
  const bool is_known =
      !parts.empty() && std::find(ids.begin(), ids.end(), parts.front()) != ids.end();
  if (!is_known || !caller.actor.may(Right::act)) {
    if (is_known) return refuse(caller, "makePlan", "Responders may do this. You are not one.");
    return page(panel::refusal_page(404, "There is no such playbook.", ""), caller, 404);
  }
  const Result<PlaybookFile> file = find_playbook(parts.front(), parts_.config);
  if (!file) return problem_reply(file.error());
  const Result<std::shared_ptr<const Playbook>> playbook =
      load_checked(*file, parts_.connectors, others_beside(*file, parts_.config));
  if (!playbook) return problem_reply(playbook.error());
  StartCommand wish{.playbook_source = file->source,
                    .playbook_id = (*playbook)->id,
                    .called = (*playbook)->called,
                    .who = caller.actor.who,
                    .from = caller.actor.from};
  std::map<std::string, std::string> shown;
  for (const InputSpec& spec : (*playbook)->inputs) {
    const std::string text = in(form, "input." + spec.name);
    if (text.empty()) continue;
    if (spec.type.kind == Type::Kind::secret) {
      wish.secrets.emplace(spec.name, std::make_shared<const Secret>(Secret::copy_of(text)));
    } else {
      wish.texts.emplace(spec.name, text);
      shown.emplace(spec.name, text);
    }
  }
  const Result<std::string> id = parts_.owner.plans().ask(std::move(wish));
  if (id) return see("/plans/" + *id);
  return page(panel::inputs_page(**playbook, shown, describe(id.error()) + " " + id.error().hint,
                                 frame_of(caller)),
              caller, status_of(id.error()));
}

HttpReply PanelServer::ask_radius(const Caller& caller, const Form& form) {
  if (!caller.actor.may(Right::act))
    return refuse(caller, "askRadius", "Responders may do this. You are not one.");
  const std::string start = in(form, "start");
  const std::string since = in(form, "since");
  std::vector<std::string> words;
  for (std::size_t at = 0; at < start.size();) {
    const std::size_t end = std::min(start.find_first_of(" ,\t", at), start.size());
    if (end > at) words.push_back(start.substr(at, end - at));
    at = end + 1;
  }
  Result<std::map<std::string, std::string>> texts =
      radius_texts(words, since, parts_.clock.now());
  Result<StartCommand> wish =
      texts ? radius_wish(parts_.connectors, "", *std::move(texts), caller.actor)
            : Result<StartCommand>(texts.error());
  const Result<std::string> id =
      wish ? parts_.owner.plans().ask(*std::move(wish)) : Result<std::string>(wish.error());
  if (id) return see("/radius/" + *id);
  return page(panel::radius_form_page(start, since, describe(id.error()) + " " + id.error().hint,
                                      frame_of(caller)),
              caller, status_of(id.error()));
}

HttpReply PanelServer::start_plan(const Caller& caller, std::string_view path, const Form& form) {
  const std::vector<std::string> parts = parts_behind(path, "/plans/");
  const bool is_dry = in(form, "mode") == "dry_run";
  if (!caller.actor.may(is_dry ? Right::act : Right::start))
    return refuse(caller, "startPlan", "Responders may do this. You are not one.");
  const std::string id = parts.empty() ? std::string() : parts.front();
  const Status begun = parts_.owner.plans().start(
      id, {.who = caller.actor.who, .from = caller.actor.from, .reason = in(form, "reason"),
           .dry_run = is_dry});
  if (begun) return see("/plans/" + id);
  const int status = status_of(begun.error());
  return page(panel::refusal_page(status, describe(begun.error()), begun.error().hint), caller,
              status);
}

HttpReply PanelServer::switch_changes(const Caller& caller, std::string_view path,
                                      const Form& form) {
  const bool arms = path == "/kill-switch/arm";
  if (arms && caller.actor.may(Right::approve) && !parts_.door.is_confirmed(caller))
    return see("/confirm?next=%2F%23switch");
  ValueMap body{{"reason", in(form, "reason")}};
  if (!arms) body["all"] = !in(form, "all").empty();
  const HttpReply done = through_api(caller, "/api/v1" + std::string(path), Value(std::move(body)));
  if (done.status == 200) return see("/");
  const Result<Value> problem = parse_json(done.body);
  const Error error = error_of_problem(done.status, problem ? *problem : Value());
  return page(panel::refusal_page(done.status, describe(error), error.hint), caller, done.status);
}

HttpReply PanelServer::change_access(const Caller& caller, std::string_view path,
                                     const Form& form) {
  if (!caller.actor.may(Right::administer))
    return refuse(caller, "changeAccess", "Admins may do this. You are not one.");
  if (!parts_.door.is_confirmed(caller)) return see("/confirm?next=%2Faccess");
  const std::string base = "/api/v1/access";
  HttpReply done;
  if (path == "/access/users/add") {
    ValueList roles;
    for (const auto& [name, value] : form) {
      if (name.starts_with("role.")) roles.emplace_back(name.substr(5));
    }
    done = through_api(caller, base + "/users",
                       Value::map({{"name", in(form, "name")},
                                   {"roles", Value(std::move(roles))},
                                   {"password", in(form, "password")}}));
  } else if (path == "/access/users/remove") {
    done = through_api(caller, base + "/users/" + percent_encode(in(form, "name")) + "/remove",
                       Value::map({}));
  } else if (path == "/access/tokens/add") {
    std::int64_t days = 0;
    const std::string text = in(form, "days");
    std::from_chars(text.data(), text.data() + text.size(), days);
    done = through_api(caller, base + "/tokens",
                       Value::map({{"name", in(form, "name")},
                                   {"role", in(form, "role")},
                                   {"days", days},
                                   {"networks", commas(in(form, "networks"))}}));
  } else if (path == "/access/tokens/revoke") {
    done = through_api(caller, base + "/tokens/" + percent_encode(in(form, "token")) + "/revoke",
                       Value::map({}));
  } else if (path == "/access/sessions/end") {
    done = through_api(caller, base + "/sessions/" + percent_encode(in(form, "session")) + "/end",
                       Value::map({}));
  } else {
    return page(panel::refusal_page(404, "There is nothing at that path.", ""), caller, 404);
  }
  const Result<Value> document = parse_json(done.body);
  if (done.status != 200) {
    const Error error = error_of_problem(done.status, document ? *document : Value());
    return show_access(caller, "", describe(error) + " " + error.hint);
  }
  if (path == "/access/tokens/add" && document)
    return show_access(caller, (*document)["token"].string_or(""), "");
  return see("/access");
}

}  // namespace quell
