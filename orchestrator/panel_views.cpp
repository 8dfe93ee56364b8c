// The pages of the panel, out of what the journal says.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <utility>

#include "orchestrator/api/problem.h"
#include "orchestrator/api_client.h"
#include "orchestrator/panel/door_pages.h"
#include "orchestrator/panel/office_pages.h"
#include "orchestrator/panel/preflight_page.h"
#include "orchestrator/panel/radius_page.h"
#include "orchestrator/panel/radius_picture.h"
#include "orchestrator/panel/report_page.h"
#include "orchestrator/panel/run_pages.h"
#include "orchestrator/panel_forms.h"
#include "orchestrator/panel_server.h"
#include "orchestrator/playbook_library.h"
#include "orchestrator/radius_scan.h"
#include "orchestrator/report/report.h"
#include "state/base/json.h"
#include "state/hash_chain.h"

namespace quell {
namespace {

constexpr std::uint64_t kEntriesOfPage = 100;
constexpr std::size_t kRunsOfPage = 50;
constexpr std::size_t kEventsOfItem = 500;

}  // namespace

using panel::Page;

HttpReply PanelServer::show(const HttpCall& call, const Caller& caller, std::string_view path) {
  const std::size_t mark = call.target.find('?');
  const Result<Form> read =
      parse_form(mark == std::string::npos ? "" : std::string_view(call.target).substr(mark + 1));
  if (!read) return outside(panel::refusal_page(422, "The address cannot be read.", ""), 422);
  const Form& query = *read;
  const panel::Frame frame = frame_of(caller);
  if (path == "/") {
    const Result<std::vector<Intervention>> acts =
        parts_.owner.board().interventions(frame.now);
    if (!acts) return problem_reply(acts.error());
    std::vector<panel::InterventionLine> lines;
    for (const Intervention& one : *acts) {
      lines.push_back({.at = one.at,
                       .who = one.who,
                       .what = one.what,
                       .run = one.run.number > 0 ? to_string(one.run) : std::string(),
                       .about = one.about,
                       .reason = one.reason});
    }
    Page made;
    const Status looked = parts_.owner.board().with_present_runs(
        frame.now, [&](const std::vector<const RunState*>& runs) {
          made = panel::now_page(runs, parts_.connectors, lines, frame);
        });
    return looked ? page(made, caller) : problem_reply(looked.error());
  }
  if (path == "/runs") {
    const std::optional<RunId> before = parse_run_id(in(query, "before"));
    const Result<std::vector<RunRow>> rows = parts_.owner.board().rows(before, kRunsOfPage + 1);
    if (!rows) return problem_reply(rows.error());
    std::vector<panel::RunLine> lines;
    for (const RunRow& row : *rows) {
      if (lines.size() == kRunsOfPage) break;
      lines.push_back({.run = to_string(row.id),
                       .playbook = row.playbook,
                       .incident = row.incident,
                       .who = row.who,
                       .is_dry_run = row.mode == RunMode::dry_run,
                       .started = row.started,
                       .result = row.result});
    }
    return page(panel::runs_page(lines, rows->size() > kRunsOfPage ? lines.back().run : "", frame),
                caller);
  }
  if (path.starts_with("/runs/")) return show_run(caller, path, query);
  if (path == "/start" || path == "/playbooks" || path.starts_with("/start/") ||
      path.starts_with("/playbooks/") || path.starts_with("/plans/"))
    return show_start(caller, path);
  if (path == "/alerts" || path.starts_with("/alerts/")) return show_alerts(caller, path);
  if (path == "/radius" || path.starts_with("/radius/")) return show_radius(caller, path);
  if (path == "/preflight") {
    const Result<Value> answer =
        ApiClient::in_process(parts_.owner.api(), caller.actor).get("/api/v1/preflight");
    return answer ? page(panel::preflight_page(*answer, frame), caller)
                  : problem_reply(answer.error());
  }
  if (path == "/check") return page(panel::check_page(nullptr, frame), caller);
  if (path == "/drills" || path.starts_with("/drills/")) return show_drills(caller, path);
  if (path == "/journal") return show_journal(caller, query);
  if (path == "/access") return show_access(caller, "", "");
  if (path == "/confirm")
    return page(panel::confirm_page(safe_next(in(query, "next")), "", frame), caller);
  return page(panel::refusal_page(404, "There is nothing at that path.", "The menu leads on."),
              caller, 404);
}

HttpReply PanelServer::show_run(const Caller& caller, std::string_view path, const Form& query) {
  const std::vector<std::string> parts = parts_behind(path, "/runs/");
  const std::optional<RunId> id = parse_run_id(parts.front());
  const panel::Frame frame = frame_of(caller);
  const std::string what = parts.size() > 1 ? parts[1] : std::string();
  if (id && what == "items" && parts.size() > 2)
    return show_item(caller, *id, parts[2], parts.size() > 3 ? parts[3] : std::string());
  std::optional<Page> made;
  if (id && what == "report") {
    const Status read = parts_.owner.board().with_journal([&](Journal& journal) -> Status {
      const Result<Value> report =
          report_of(*id, journal, loader_for(parts_.connectors), parts_.connectors);
      if (!report) return report.error();
      made = panel::report_page(*report);
      return ok();
    });
    if (!read && read.error().topic != "run") return problem_reply(read.error());
  } else if (id) {
    const Status looked = parts_.owner.board().with_run(*id, [&](const RunState& run) {
      if (what.empty()) made = panel::run_page(run, parts_.connectors, frame);
      if (what == "items") {
        std::size_t from = 0;
        const std::string text = in(query, "from");
        std::from_chars(text.data(), text.data() + text.size(), from);
        made = panel::items_page(run, parts_.connectors, from, frame);
      }
      if (what == "handover") made = panel::handover_page(run, parts_.connectors, frame);
      if (what == "approve") {
        const bool began = caller.actor.who == run.who;
        const std::string may =
            !caller.actor.may(Right::approve) ? "Approvers may do this. You are not one."
            : began ? "You asked for this run, so somebody else must approve it."
                    : "";
        made = panel::approve_page(run, parts_.connectors, may, "", frame);
      }
    });
    if (!looked && looked.error().topic != "run") return problem_reply(looked.error());
  }
  if (made) return page(*made, caller);
  return page(panel::refusal_page(404, "There is no such run, or no such page of it.",
                                  "Runs lists them; the check letter may be wrong."),
              caller, 404);
}

HttpReply PanelServer::show_drills(const Caller& caller, std::string_view path) {
  const panel::Frame frame = frame_of(caller);
  const std::vector<std::string> parts = parts_behind(path, "/drills/");
  Result<std::vector<DrillRecord>> records = read_drill_records(parts_.owner.drill_scores());
  if (!records) return problem_reply(records.error());
  if (parts.empty()) return page(panel::drills_page(parts_.scenarios, *records, frame), caller);
  const auto found = std::ranges::find_if(*records, [&](const DrillRecord& record) {
    return parts.size() == 1 && record.drill == parts.front();
  });
  if (found == records->end()) {
    return page(panel::refusal_page(404, "There is no such drill.", "Drills lists them."), caller,
                404);
  }
  const DrillRecord record = *found;
  std::erase_if(*records,
                [&](const DrillRecord& one) { return one.scenario != record.scenario; });
  return page(panel::drill_page(record, *records, frame), caller);
}

/// The scalars of an entry, in words.
std::string words_of(const Value& body) {
  std::string words;
  const auto add = [&words](const std::string& name, const Value& value) {
    if (name == "step" || name == "item" || value.is_null() || value.is_map() || value.is_list())
      return;
    const std::string text = value.is_string() ? value.as_string() : to_json(value);
    words += (words.empty() ? "" : ", ") + name + " " + text;
  };
  if (!body.is_map()) return words;
  for (const auto& [name, value] : body.as_map()) {
    add(name, value);
    if (!value.is_map()) continue;
    for (const auto& [inner, part] : value.as_map()) add(inner, part);
  }
  return words;
}

HttpReply PanelServer::show_item(const Caller& caller, RunId id, const std::string& step,
                                 const std::string& key) {
  std::vector<panel::ItemEvent> events;
  const Status read = parts_.owner.board().with_journal([&](Journal& journal) -> Status {
    return journal.read_some(
        0, [&](const EntryLabel& label) { return label.run == id; },
        [&](const StoredEntry& stored) -> Status {
          const Value& body = stored.entry.body;
          const bool is_of_item =
              body["step"].string_or("") == step && body["item"].string_or("") == key;
          if (!is_of_item || events.size() == kEventsOfItem) return ok();
          std::string what(to_string(stored.entry.kind));
          std::replace(what.begin(), what.end(), '_', ' ');
          events.push_back({.at = stored.entry.at, .what = what, .words = words_of(body)});
          return ok();
        });
  });
  if (!read) return problem_reply(read.error());
  const panel::Frame frame = frame_of(caller);
  std::optional<Page> made;
  const Status looked = parts_.owner.board().with_run(id, [&](const RunState& run) {
    const auto state = run.steps.find(step);
    if (state == run.steps.end()) return;
    const bool is_known = std::any_of(state->second.items.begin(), state->second.items.end(),
                                      [&](const ItemState& item) { return item.key == key; });
    if (is_known || key.empty())
      made = panel::item_page(run, parts_.connectors, step, key, events, frame);
  });
  if (!looked && looked.error().topic != "run") return problem_reply(looked.error());
  if (made) return page(*made, caller);
  return page(
      panel::refusal_page(404, "There is no such item of that run.", "All claims lists them."),
      caller, 404);
}

HttpReply PanelServer::show_start(const Caller& caller, std::string_view path) {
  const panel::Frame frame = frame_of(caller);
  const auto lost = [&] {
    return page(panel::refusal_page(404, "There is no such playbook or plan.",
                                    "Plans are kept for half an hour."),
                caller, 404);
  };
  if (path == "/start" || path == "/playbooks") {
    std::vector<panel::PlaybookLine> lines;
    for (const std::string& id : playbook_ids(parts_.config)) {
      panel::PlaybookLine line{.id = id};
      const Result<PlaybookFile> file = find_playbook(id, parts_.config);
      const Result<std::shared_ptr<const Playbook>> loaded =
          file ? load_checked(*file, parts_.connectors, others_beside(*file, parts_.config))
               : Result<std::shared_ptr<const Playbook>>(file.error());
      if (loaded) {
        line.title = (*loaded)->title;
        line.purpose = (*loaded)->purpose;
      } else {
        line.fault = describe(loaded.error());
      }
      lines.push_back(std::move(line));
    }
    return page(panel::playbooks_page(lines, path == "/start", frame), caller);
  }
  if (const std::vector<std::string> parts = parts_behind(path, "/plans/"); !parts.empty()) {
    const std::shared_ptr<const PlanDesk::Entry> entry =
        parts_.owner.plans().find(parts.front(), caller.actor.who);
    if (!entry) return lost();
    if (entry->run) return see("/runs/" + to_string(*entry->run));
    return page(panel::plan_page({.id = entry->id,
                                  .playbook = entry->wish.playbook_id,
                                  .is_busy = entry->state == PlanDesk::State::computing ||
                                             entry->state == PlanDesk::State::starting,
                                  .has_changed = entry->has_changed,
                                  .error = entry->error ? describe(*entry->error) : std::string(),
                                  .wants_reason = entry->error && entry->error->topic == "asked-before",
                                  .hint = entry->error ? entry->error->hint : std::string(),
                                  .plan = entry->rehearsal ? &entry->rehearsal->plan : nullptr},
                                 frame),
                caller);
  }
  if (path.starts_with("/playbooks/")) {
    const std::vector<std::string> named = parts_behind(path, "/playbooks/");
    return show_playbook(caller, named.empty() ? std::string() : named.front());
  }
  const std::vector<std::string> parts = parts_behind(path, "/start/");
  const std::vector<std::string> ids = playbook_ids(parts_.config);
  if (parts.empty() || std::find(ids.begin(), ids.end(), parts.front()) == ids.end()) return lost();
  const Result<PlaybookFile> file = find_playbook(parts.front(), parts_.config);
  if (!file) return lost();
  const Result<std::shared_ptr<const Playbook>> playbook =
      load_checked(*file, parts_.connectors, others_beside(*file, parts_.config));
  if (!playbook)
    return page(
        panel::refusal_page(409, "That playbook does not load.", describe(playbook.error())),
        caller, 409);
  return page(panel::inputs_page(**playbook, {}, "", frame), caller);
}

HttpReply PanelServer::show_radius(const Caller& caller, std::string_view path) {
  const panel::Frame frame = frame_of(caller);
  const std::vector<std::string> parts = parts_behind(path, "/radius/");
  if (parts.empty()) return page(panel::radius_form_page("", "", "", frame), caller);
  const std::shared_ptr<const PlanDesk::Entry> entry =
      parts_.owner.plans().find(parts.front(), caller.actor.who);
  if (!entry || entry->wish.playbook_id != kRadiusId) {
    return page(panel::refusal_page(404, "There is no such blast radius.",
                                    "They are kept for half an hour: ask again."),
                caller, 404);
  }
  panel::RadiusView view{.id = entry->id,
                         .is_busy = entry->state == PlanDesk::State::computing,
                         .error = entry->error ? describe(*entry->error) : std::string(),
                         .hint = entry->error ? entry->error->hint : std::string()};
  for (const auto& [name, text] : entry->wish.texts) {
    if (name == "since")
      view.since = text;
    else
      view.asked += (view.asked.empty() ? "" : " ") + text;
  }
  std::replace(view.asked.begin(), view.asked.end(), ',', ' ');
  if (!entry->rehearsal) return page(panel::radius_page(view, frame), caller);
  const Radius radius = radius_of(*entry->rehearsal);
  const std::string kind = parts.size() > 1 ? parts[1] : std::string();
  const auto file = [](std::string body, std::string_view media, std::string_view name) {
    HttpReply reply{.body = std::move(body)};
    reply.headers = {{"Content-Type", std::string(media)},
                     {"Content-Disposition", "attachment; filename=\"" + std::string(name) + "\""}};
    return reply;
  };
  if (kind == "svg")
    return file(panel::radius_svg(radius.graph, "Blast radius of " + view.asked), "image/svg+xml",
                "radius.svg");
  if (kind == "dot") return file(radius_dot(radius.graph), "text/vnd.graphviz", "radius.dot");
  if (kind == "json")
    return file(to_pretty_json(radius_document(radius, *entry->rehearsal)), "application/json",
                "radius.json");
  view.radius = &radius;
  view.scanned_at = entry->rehearsal->state.started;
  view.took = entry->rehearsal->took;
  view.requests = entry->rehearsal->plan.counts.read;
  return page(panel::radius_page(view, frame), caller);
}

HttpReply PanelServer::show_journal(const Caller& caller, const Form& query) {
  std::uint64_t after = 0;
  const std::string text = in(query, "after");
  std::from_chars(text.data(), text.data() + text.size(), after);
  const std::string named = in(query, "run");
  const std::optional<RunId> run = parse_run_id(named);
  std::vector<panel::EntryLine> lines;
  Tip tip;
  std::uint64_t next = 0;
  const Error full = make_error(ErrorCode::conflict, "the page is full");
  const Status read = parts_.owner.board().with_journal([&](Journal& journal) -> Status {
    const Result<Tip> end = journal.tip();
    if (!end) return end.error();
    tip = *end;
    if (!run && text.empty() && tip.seq > kEntriesOfPage) after = tip.seq - kEntriesOfPage;
    return journal.read_some(
        after, [&](const EntryLabel& label) { return !run || label.run == *run; },
        [&](const StoredEntry& stored) -> Status {
          if (lines.size() == kEntriesOfPage) {
            next = lines.back().seq;
            return full;
          }
          lines.push_back({.seq = stored.seq,
                           .at = stored.entry.at,
                           .run = stored.entry.run.number == 0 ? "" : to_string(stored.entry.run),
                           .kind = std::string(to_string(stored.entry.kind)),
                           .body = to_pretty_json(stored.entry.body)});
          return ok();
        });
  });
  if (!read && next == 0) return problem_reply(read.error());
  return page(
      panel::journal_page(lines, tip.seq, head_text(tip), run ? named : "", next, frame_of(caller)),
      caller);
}

HttpReply PanelServer::show_access(const Caller& caller, const std::string& shown_once,
                                   const std::string& problem) {
  const panel::Frame frame = frame_of(caller);
  const Result<std::vector<Account>> accounts = parts_.store.accounts();
  const Result<std::vector<TokenRow>> tokens = parts_.store.tokens();
  const Result<std::vector<SessionRow>> sessions = parts_.store.sessions();
  if (!accounts) return problem_reply(accounts.error());
  if (!tokens) return problem_reply(tokens.error());
  if (!sessions) return problem_reply(sessions.error());
  std::vector<panel::PersonLine> people;
  std::map<std::string, std::string> names;
  for (const Account& account : *accounts) {
    names[account.id] = account.name;
    people.push_back({.name = account.name,
                      .roles = account.roles,
                      .can_sign_in = !account.password.empty(),
                      .since = account.created});
  }
  std::vector<panel::TokenLine> programs;
  for (const TokenRow& token : *tokens) {
    const bool is_live = !token.revoked && token.expires > frame.now;
    programs.push_back(
        {.id = token.id,
         .name = token.name,
         .role = token.role,
         .state = token.revoked ? "revoked"
                  : is_live     ? "until " + format_rfc3339(token.expires).substr(0, 10)
                                : "expired",
         .is_live = is_live,
         .last_used = token.last_used ? format_clock_time(*token.last_used, frame.now) : "never"});
  }
  std::vector<panel::SessionLine> browsers;
  for (const SessionRow& session : *sessions) {
    browsers.push_back({.id = session.id,
                        .name = names[session.account],
                        .address = session.address,
                        .agent = session.agent,
                        .since = session.created});
  }
  return page(panel::access_page(people, programs, browsers, shown_once, problem, frame), caller,
              problem.empty() ? 200 : 422);
}

}  // namespace quell
