#include "orchestrator/panel_server.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <utility>

#include "orchestrator/api/problem.h"
#include "orchestrator/kill_switch.h"
#include "orchestrator/panel/assets.h"
#include "orchestrator/panel/door_pages.h"
#include "orchestrator/panel/run_pages.h"
#include "orchestrator/panel_forms.h"
#include "state/base/bytes.h"

namespace quell {
namespace {

using panel::Page;

constexpr std::size_t kFormFieldsMax = 200;
constexpr std::string_view kApi = "/api/";
/// How long somebody may go on hearing what they may hear no more.
constexpr Duration kAskAgainEvery{1'000};

bool is_api(std::string_view path) { return path.starts_with(kApi); }

bool is_form(const HttpCall& call) {
  const std::string_view media = call.header("content-type");
  return media.substr(0, media.find(';')) == "application/x-www-form-urlencoded";
}

}  // namespace

PanelServer::PanelServer(Parts parts) : parts_(std::move(parts)) {}

std::vector<std::pair<std::string, std::string>> PanelServer::fixed_headers(bool tls) {
  std::vector<std::pair<std::string, std::string>> headers{
      {"Content-Security-Policy",
       "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src "
       "'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
       "object-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'"},
      {"X-Frame-Options", "DENY"},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"},
      {"Permissions-Policy",
       "camera=(), microphone=(), geolocation=(), payment=(), usb=(), clipboard-read=()"},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
      {"Cross-Origin-Embedder-Policy", "require-corp"},
      {"Cache-Control", "no-store"}};
  if (tls) headers.emplace_back("Strict-Transport-Security", "max-age=31536000");
  return headers;
}

void PanelServer::count(const HttpCall& call, std::string_view path, int status) {
  const ApiRoute* const route = is_api(path) ? parts_.owner.api().find(call.method, path) : nullptr;
  const std::size_t slash = path.find('/', 1);
  const std::string first(path.substr(0, slash));
  constexpr std::array<std::string_view, 17> kPages{
      "/",          "/runs",    "/start",   "/plans",       "/alerts",    "/radius",
      "/playbooks", "/drills",  "/journal", "/access",      "/preflight", "/check",
      "/login",     "/setup",   "/healthz", "/kill-switch", "/metrics"};
  const bool is_known = std::find(kPages.begin(), kPages.end(), first) != kPages.end();
  const std::string name = route != nullptr ? std::string(route->path)
                           : is_known       ? first
                                            : std::string("other");
  const bool is_usual = call.method == "GET" || call.method == "POST" || call.method == "HEAD";
  parts_.metrics.add("quell_http_requests",
                     {"panel", name, is_usual ? call.method : "other", std::to_string(status)});
}

HttpReply PanelServer::handle(const HttpCall& call) {
  const std::string_view target = call.target;
  const std::string_view path = target.substr(0, target.find('?'));
  HttpReply reply = answer(call, path);
  count(call, path, reply.status);
  return reply;
}

HttpReply PanelServer::answer(const HttpCall& call, std::string_view path) {
  const bool asks = call.method == "GET" || call.method == "HEAD";
  if (asks && path == "/healthz") {
    HttpReply reply;
    reply.headers = {{"content-type", "text/plain"}};
    reply.body = "ok\n";
    return reply;
  }
  if (asks && path == "/readyz") {
    const bool is_ready = parts_.obstacle().empty();
    return json_reply(is_ready ? 200 : 503, Value::map({{"ready", is_ready}}));
  }
  if (std::optional<HttpReply> foreign = parts_.door.refuse_foreign(call))
    return *std::move(foreign);
  if (path.starts_with("/assets/") || path == "/login" || path == "/setup")
    return open_paths(call, path);
  Result<std::optional<Caller>> caller = parts_.door.identify(call);
  if (!caller) return problem_reply(caller.error());
  if (!*caller) {
    if (asks && !is_api(path) && path != "/metrics")
      return see("/login?next=" + percent_encode(safe_next(call.target)));
    HttpReply reply = problem_reply(
        401, make_error(ErrorCode::denied, "login", "nobody is signed in.",
                        "sign in at /login, or send Authorization: Bearer and an API token"));
    reply.headers.emplace_back("www-authenticate", "Bearer realm=\"quell\"");
    return reply;
  }
  if (const std::optional<Duration> wait = parts_.door.throttle(**caller)) {
    Error error = make_error(ErrorCode::throttled, "rate", "too many calls with one token.",
                             "ten a second are let in");
    error.retry_after = *wait;
    return problem_reply(error);
  }
  if (asks && path == "/metrics") return metrics(call);
  if (is_api(path)) return answer_api(call, **caller);
  if (asks) return show(call, **caller, path);
  if (call.method != "POST" || !is_form(call)) {
    return outside(panel::refusal_page(405, "That page takes a form.", "Go back and try again."),
                   405);
  }
  const Result<Form> form = parse_form(call.body);
  if (!form || form->size() > kFormFieldsMax)
    return outside(panel::refusal_page(422, "The form cannot be read.", "Go back and try again."),
                   422);
  if (std::optional<HttpReply> forged =
          parts_.door.refuse_forged(call, **caller, in(*form, "csrf"))) {
    return outside(panel::refusal_page(403, "The form does not come from a page of quell.",
                                       "Open the page again and repeat what you did."),
                   403);
  }
  return carry_out(call, **caller, path, *form);
}

HttpReply PanelServer::open_paths(const HttpCall& call, std::string_view path) {
  if (path == "/login" && call.method == "POST") return sign_in(call);
  if (path == "/setup" && call.method == "POST") return set_up(call);
  if (call.method != "GET" && call.method != "HEAD")
    return outside(panel::refusal_page(405, "That path is only read.", ""), 405);
  if (path == "/login") {
    const std::size_t mark = call.target.find('?');
    const Result<Form> query =
        parse_form(mark == std::string::npos ? "" : std::string_view(call.target).substr(mark + 1));
    return outside(panel::sign_in_page(query ? safe_next(in(*query, "next")) : "/", ""), 200);
  }
  if (path == "/setup") return outside(panel::setup_page(""), 200);
  for (const auto& [name, text] : panel_assets()) {
    if (path != "/assets/" + name) continue;
    HttpReply reply;
    reply.headers = {{"content-type", name.ends_with(".css") ? "text/css" : "text/javascript"}};
    reply.body = text;
    return reply;
  }
  return outside(panel::refusal_page(404, "There is nothing at that path.", ""), 404);
}

HttpReply PanelServer::sign_in(const HttpCall& call) {
  const Result<Form> form = parse_form(call.body);
  if (!form || !is_form(call))
    return outside(panel::sign_in_page("/", "The form cannot be read."), 422);
  const std::string next = safe_next(in(*form, "next"));
  // No session yet, so no token of a page.
  if (!parts_.door.is_from_own_page(call))
    return outside(panel::sign_in_page(next, "The form came from another page."), 403);
  const Result<std::string> cookie =
      parts_.door.sign_in(in(*form, "name"), Secret::copy_of(in(*form, "password")), call);
  parts_.metrics.add("quell_login_attempts", {cookie ? "ok" : "refused"});
  if (!cookie) {
    HttpReply reply = outside(panel::sign_in_page(next, describe(cookie.error())),
                              cookie.error().code == ErrorCode::throttled ? 429 : 403);
    if (cookie.error().retry_after) {
      const auto seconds = std::chrono::ceil<std::chrono::seconds>(*cookie.error().retry_after);
      reply.headers.emplace_back("retry-after", std::to_string(seconds.count()));
    }
    return reply;
  }
  HttpReply reply = see(next);
  reply.headers.emplace_back("set-cookie", *cookie);
  return reply;
}

HttpReply PanelServer::set_up(const HttpCall& call) {
  const std::lock_guard one_at_a_time(set_up_mutex_);
  const Result<Form> form = parse_form(call.body);
  if (!form || !is_form(call)) return outside(panel::setup_page("The form cannot be read."), 422);
  const std::string code = in(*form, "code");
  const Result<bool> known = parts_.store.knows_setup_link(code);
  if (!known) return problem_reply(known.error());
  if (!*known)
    return outside(panel::setup_page("That code does not work: it is used, too old or mistyped. "
                                     "quell serve prints a new one when it starts."),
                   403);
  const auto again = [&](const std::string& problem) {
    return outside(panel::setup_page(problem, code), 422);
  };
  const std::string password = in(*form, "password");
  if (password != in(*form, "again")) return again("The two passwords differ.");
  const Result<std::string> hash = parts_.passwords.hash(Secret::copy_of(password));
  if (!hash) return again(describe(hash.error()));
  // A name that cannot be does not use the code up.
  const Result<Account> account =
      parts_.store.add_account(in(*form, "name"), "", {"admin", "approver", "responder"}, *hash);
  if (!account) return again(describe(account.error()));
  const Result<bool> used = parts_.store.use_setup_link(code);
  if (!used) return problem_reply(used.error());
  parts_.owner.engine().note(EntryKind::access_noted, {{"what", "set_up"},
                                                       {"who", account->name},
                                                       {"from", "panel " + call.remote_address},
                                                       {"whom", account->name}});
  parts_.people_changed();
  const Result<std::string> cookie = parts_.door.open_session(*account, call);
  if (!cookie) return problem_reply(cookie.error());
  HttpReply reply = see("/");
  reply.headers.emplace_back("set-cookie", *cookie);
  return reply;
}

HttpReply PanelServer::answer_api(const HttpCall& call, const Caller& caller) {
  if (std::optional<HttpReply> forged = parts_.door.refuse_forged(call, caller, "")) return *forged;
  const std::string_view target = call.target;
  const ApiRoute* const route =
      parts_.owner.api().find(call.method, target.substr(0, target.find('?')));
  const bool is_grave = route != nullptr && route->method == "POST" &&
                        (route->right == Right::approve || route->right == Right::administer);
  if (is_grave && caller.is_person && !parts_.door.is_confirmed(caller)) {
    return problem_reply(make_error(ErrorCode::denied, "confirm",
                                    "that takes your password within the last five minutes.",
                                    "give it again at /confirm"));
  }
  HttpReply reply = parts_.owner.api().answer(call, caller.actor);
  if (reply.more) {
    // Whoever is signed out, or whose token is revoked, hears no more.
    reply.more = [this, call, more = std::move(reply.more),
                  asked = parts_.clock.now()]() mutable -> std::optional<std::string> {
      const Timestamp now = parts_.clock.now();
      if (now - asked >= kAskAgainEvery) {
        if (!parts_.door.still_knows(call)) return std::nullopt;
        asked = now;
      }
      return more();
    };
  }
  return reply;
}

panel::Frame PanelServer::frame_of(const Caller& caller) {
  const Timestamp now = parts_.clock.now();
  panel::Frame frame{.viewer = {.name = caller.actor.who,
                                .roles = caller.roles,
                                .signed_in_until = caller.signed_in_until,
                                .confirmed_at = caller.confirmed,
                                .csrf = caller.csrf},
                     .now = now,
                     .place = parts_.config.panel ? parts_.config.panel->place : std::string()};
  const KillSwitch off = read_kill_switch(kill_switch_path(parts_.config.database.value));
  if (off.people || off.automation) {
    frame.disarmed = std::string(off.people ? "Changes are" : "Automation is") +
                     " switched off by " + off.who + ": " + off.reason;
  }
  static_cast<void>(
      parts_.owner.board().with_present_runs(now, [&](const std::vector<const RunState*>& runs) {
        frame.decisions = panel::decisions_in(runs);
      }));
  static_cast<void>(parts_.owner.board().with_journal([&](Journal& journal) -> Status {
    const Result<Tip> tip = journal.tip();
    if (!tip) return tip.error();
    frame.record = "The journal has " + std::to_string(tip->seq) + " entries";
    return ok();
  }));
  return frame;
}

HttpReply PanelServer::page(const Page& page, const Caller& caller, int status) {
  HttpReply reply;
  reply.status = status;
  reply.headers = {{"content-type", "text/html; charset=utf-8"}, {"vary", "Cookie"}};
  reply.body = panel::render(page, frame_of(caller));
  return reply;
}

HttpReply PanelServer::outside(const Page& page, int status) {
  HttpReply reply;
  reply.status = status;
  reply.headers = {{"content-type", "text/html; charset=utf-8"}};
  reply.body = panel::render_outside(page, parts_.clock.now());
  return reply;
}

HttpReply PanelServer::metrics(const HttpCall& call) {
  measure_process(parts_.metrics);
  std::error_code failed;
  const auto size = std::filesystem::file_size(parts_.config.database.value, failed);
  if (!failed) parts_.metrics.set("quell_store_size_bytes", {}, static_cast<double>(size));
  static_cast<void>(parts_.owner.board().with_journal([&](Journal& journal) -> Status {
    const Result<Tip> tip = journal.tip();
    if (!tip) return tip.error();
    parts_.metrics.set("quell_audit_head_sequence", {}, static_cast<double>(tip->seq));
    return ok();
  }));
  const KillSwitch off = read_kill_switch(kill_switch_path(parts_.config.database.value));
  parts_.metrics.set("quell_disarmed", {}, off.automation || off.people ? 1 : 0);
  const bool open =
      call.header("accept").find("application/openmetrics-text") != std::string_view::npos;
  HttpReply reply;
  reply.headers = {
      {"content-type", open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                            : "text/plain; version=0.0.4; charset=utf-8"}};
  reply.body = parts_.metrics.text(open);
  return reply;
}

}  // namespace quell
