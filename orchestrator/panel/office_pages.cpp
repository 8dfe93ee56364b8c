#include "orchestrator/panel/office_pages.h"

#include <algorithm>

#include "orchestrator/panel/components.h"
#include "state/base/json.h"

namespace quell::panel {
namespace {

constexpr std::size_t kAlertsMax = 200;
constexpr std::size_t kRequestsShown = 40;

/// What it tells, in the sender's words where it has some.
const std::string& name_of(const AlertRecord& record) {
  if (!record.event.empty()) return record.event;
  return record.about.empty() ? record.id : record.about;
}

Markup fate_of(const AlertRecord& record) {
  if (record.run) {
    return html(R"({} <a class="id" href="/runs/{}">{}</a>)", record.joined ? "joined" : "became",
                to_string(*record.run), to_string(*record.run));
  }
  if (!record.dismissed_by.empty())
    return html("dismissed by {}: {}", record.dismissed_by, record.dismissed_why);
  return html("{}", record.why);
}

Markup alert_rows(const std::vector<const AlertRecord*>& records, const Frame& frame) {
  Markup rows;
  for (const AlertRecord* record : records) {
    rows +=
        html(R"(<li><div><h3><a href="/alerts/{}">{}</a></h3><p>{}, from {}. {}</p></div></li>)",
             record->id, name_of(*record), time_of_day(record->received, frame.now), record->source,
             fate_of(*record));
  }
  return html(R"(<ul class="card rows todo">{}</ul>)", rows);
}

Markup input_field(const InputSpec& spec, const std::map<std::string, std::string>& given) {
  const auto typed = given.find(spec.name);
  const bool is_secret = spec.type.kind == Type::Kind::secret;
  std::string hint = spec.help;
  if (!spec.values.empty()) {
    hint += hint.empty() ? "one of" : "; one of";
    for (const std::string& value : spec.values) hint += " " + value;
  }
  const std::string name = "input." + spec.name;
  return field({.name = name,
                .label = spec.name + (spec.required ? "" : " (may stay empty)"),
                .type = is_secret ? "password" : "text",
                .value = is_secret || typed == given.end() ? std::string() : typed->second,
                .hint = hint,
                .required = spec.required});
}

}  // namespace

Page alerts_page(const std::vector<AlertRecord>& records, const Frame& frame) {
  std::vector<const AlertRecord*> open;
  std::vector<const AlertRecord*> rest;
  for (auto at = records.rbegin(); at != records.rend() && rest.size() < kAlertsMax; ++at)
    (at->is_open() ? open : rest).push_back(&*at);
  const auto count = static_cast<std::int64_t>(open.size());
  const std::string sentence = counted(count, "alert needs a look.", "alerts need a look.");
  Page page{
      .title = sentence, .section = Section::alerts, .status = sentence, .live = "/api/v1/events"};
  page.head = html("<h1>{}</h1>", sentence);
  page.body = section("open", "Needs a look", Markup(),
                      open.empty() ? empty_state("No alert waits. What no route takes would stand "
                                                 "here, with the reason.")
                                   : alert_rows(open, frame));
  if (!rest.empty())
    page.body +=
        section("rest", "Became a run, or was put aside", Markup(), alert_rows(rest, frame));
  return page;
}

namespace {

/// Which field of the alert became which input, and what would come of it.
Markup reading_of(const AlertRecord& record, const AlertReading& reading, const Frame& frame) {
  if (reading.route.empty())
    return empty_state("No route of today takes it: " + reading.why);
  Markup rows;
  for (const MappedInput& input : reading.inputs) {
    rows += html(
        R"(<tr><th scope="row"><span class="id">{}</span></th><td class="id">{}</td><td class="id">{}</td></tr>)",
        input.name, breakable(input.value), breakable(input.from));
  }
  Markup body = html(
      R"(<p class="soft">The route at <span class="id">{}</span> begins <a href="/playbooks/{}">{}</a>, mode {}.{}</p>)",
      reading.route, reading.playbook, reading.playbook, reading.mode,
      reading.why.empty() ? std::string() : " It goes no further: " + reading.why + ".");
  body += html(
      R"(<div class="card scroll" role="region" tabindex="0" aria-label="Mapping"><table class="list"><thead><tr><th scope="col">Input</th><th scope="col">Is</th><th scope="col">Taken from</th></tr></thead><tbody>{}</tbody></table></div>)",
      rows);
  if (may_answer(frame.viewer)) {
    body += act("/alerts/" + record.id + "/plan", frame.viewer,
                html(R"(<p class="soft small">What it would have planned: reads only.</p>)"),
                "Show me the plan");
  }
  return body;
}

}  // namespace

Page alert_page(const AlertRecord& record, const std::optional<AlertReading>& reading,
                const Frame& frame) {
  Page page{.title = "Alert " + record.id, .section = Section::alerts};
  page.head = html(
      R"(<p class="crumb"><a href="/alerts">Alerts</a> / <span class="id">{}</span></p><h1>{}</h1><p class="meta"><span>{} ({})</span><span>{}</span></p>)",
      record.id, name_of(record), record.source, record.kind,
      time_and_distance(record.received, frame.now));
  page.body = html(R"(<p class="card pad">{}</p>)", fate_of(record));
  for (const std::string& path : record.secret_paths)
    page.body += html("<p>{} held a token; it was taken out of the text.</p>", id(path));
  if (reading)
    page.body += section("mapping", "How it was read", html("by the routes of today"),
                         reading_of(record, *reading, frame));
  page.body += section(
      "text", "What it says", Markup(),
      record.is_long
          ? empty_state("Its text was too long to be kept.")
          : html(R"(<pre class="card pad" tabindex="0" role="region" aria-label="Text">{}</pre>)",
                 to_pretty_json(record.body)));
  if (record.is_open() && may_answer(frame.viewer)) {
    Markup forms = act("/alerts/" + record.id + "/replay", frame.viewer, Markup(),
                       "File it again, as a proposal at most");
    forms +=
        act("/alerts/" + record.id + "/dismiss", frame.viewer,
            field({.name = "reason", .label = "Put it aside, with a reason", .required = true}),
            "Put it aside");
    page.body +=
        section("acts", "What now", Markup(), html(R"(<div class="card pad">{}</div>)", forms));
  }
  return page;
}

Page playbooks_page(const std::vector<PlaybookLine>& lines, bool to_start, const Frame& frame) {
  Page page{.title = to_start ? "What happened?" : "Playbooks",
            .section = to_start ? Section::start : Section::playbooks};
  page.head =
      html("<h1>{}</h1>{}", to_start ? "What happened?" : "What could quell do?",
           to_start ? html(R"(<p class="lede">Nothing is sent when you continue.</p>)") : Markup());
  Markup rows;
  for (const PlaybookLine& line : lines) {
    if (!line.fault.empty()) {
      if (!to_start)
        rows +=
            html(
                R"(<li><div><h3><a class="id" href="/playbooks/{}">{}</a></h3><p class="bad">{}</p></div></li>)",
                line.id, line.id, line.fault);
      continue;
    }
    const std::string_view root = to_start ? "/start/" : "/playbooks/";
    rows += html(
        R"(<li><div><h3><a href="{}{}">{}</a></h3><p>{}</p></div><span class="id">{}</span></li>)",
        root, line.id, line.title, line.purpose, line.id);
  }
  if (!to_start && frame.viewer.has_role("author"))
    page.head += html(R"(<p class="btns"><a class="btn" href="/check">Check a text</a></p>)");
  page.body = html(R"(<ul class="card rows todo">{}</ul>)", rows);
  return page;
}

Page inputs_page(const Playbook& playbook, const std::map<std::string, std::string>& given,
                 const std::string& problem, const Frame& frame) {
  Page page{.title = "Start: " + playbook.title, .section = Section::start};
  page.head = html(
      R"(<p class="crumb"><a href="/start">Start a run</a> / <span class="id">{}</span></p><h1>What do you know?</h1><p class="lede">{}. Nothing is sent when you continue: quell reads, and shows the plan.</p>)",
      playbook.id, playbook.title);
  if (!may_answer(frame.viewer)) {
    page.body = html(R"(<p class="card pad">Responders may do this. You are not one.</p>)");
    return page;
  }
  Markup inside;
  if (!problem.empty())
    inside += html(R"(<p class="oops" role="alert" tabindex="-1">{}</p>)", problem);
  for (const InputSpec& spec : playbook.inputs) inside += input_field(spec, given);
  page.body = html(R"(<div class="card pad">{}</div>)",
                   act("/start/" + playbook.id, frame.viewer, inside, "Show me the plan"));
  return page;
}

Page plan_page(const PlanView& view, const Frame& frame) {
  Page page{.title = "Plan for " + view.playbook, .section = Section::start};
  const std::string_view heading = view.is_busy           ? "The plan is being made: reads only."
                                   : view.plan != nullptr ? "Is this the plan?"
                                                          : "There is no plan.";
  page.head = html(
      R"(<p class="crumb"><a href="/start">Start a run</a> / <span class="id">{}</span></p><h1>{}</h1>)",
      view.playbook, heading);
  if (view.is_busy) {
    page.live = "poll";
    page.body = empty_state("Look again in a moment; this page does so by itself.");
    return page;
  }
  if (view.plan == nullptr) {
    page.body = html(
        R"(<section class="say refuted" aria-label="Why">{}<p class="first">{}</p><p>{}</p></section>)",
        glyph(Shape::refuted), view.error, view.hint);
    return page;
  }
  const Plan& plan = *view.plan;
  Markup main;
  if (view.has_changed) {
    main = banner(Shape::unproved, "The plan has changed since you looked, so nothing was started.",
                  {html("This is how it is now. Look at it again.")});
  }
  if (!view.error.empty())
    main += banner(Shape::unproved, "Nothing was started: " + view.error, {html("{}", view.hint)});
  main += html(
      R"(<dl class="card big"><div class="hot"><dt>Cannot be undone</dt><dd>{}<small>of {} changes</small></dd></div><div><dt>Time to contain</dt><dd>{}<small>{}</small></dd></div><div><dt>Proved by</dt><dd>{}</dd></div></dl>)",
      plan.irreversible, grouped(plan.counts.mutate), format_duration(plan.contain), plan.limit,
      format_duration(plan.prove));
  Markup rows;
  std::size_t shown = 0;
  std::size_t changes = 0;
  for (const PlannedRequest& request : plan.requests) {
    if (request.effect != Effect::mutate) continue;
    if (++changes > kRequestsShown) continue;
    ++shown;
    rows += html(
        R"(<tr><th scope="row"><span class="id">{}</span></th><td>{} {}</td><td>{}</td></tr>)",
        request.item.empty() ? request.step : request.step + "/" + request.item, request.method,
        breakable(request.url), request.irreversible ? "cannot be undone" : "can be undone");
  }
  main += section(
      "requests", "What would be sent",
      changes > shown ? html("{} of {}", shown, changes) : Markup(),
      rows.empty()
          ? empty_state("Nothing would be changed.")
          : html(
                R"(<div class="card scroll" role="region" tabindex="0" aria-label="Requests"><table class="list"><thead><tr><th scope="col">Step</th><th scope="col">Request</th><th scope="col">Undo</th></tr></thead><tbody>{}</tbody></table></div>)",
                rows));
  Markup doubts;
  for (const std::string& doubt : plan.not_established) doubts += html("<li>{}</li>", doubt);
  Markup rail = section("doubts", "Not established", Markup(),
                        doubts.empty() ? empty_state("Nothing.")
                                       : html(R"(<ul class="card rows small">{}</ul>)", doubts));
  rail += section("digest", "Plan digest", Markup(),
                  html(R"(<p class="digest">{}</p>)", in_fours(plan.digest)));
  const std::string action = "/plans/" + view.id + "/start";
  Markup start =
      act(action, frame.viewer, html(R"(<input type="hidden" name="mode" value="dry_run">)"),
          "Start a dry run: reads only");
  Markup live = html(R"(<input type="hidden" name="mode" value="live">)");
  if (view.wants_reason)
    live += field({.name = "reason",
                   .label = "Why it is asked for again",
                   .hint = "Whoever approves sees it, beside who denied it.",
                   .required = true});
  start += act(action, frame.viewer, live,
               "Start for real: " + counted(plan.irreversible, "request", "requests") + " for good",
               plan.irreversible > 0);
  rail += section("start", "Start", Markup(), start);
  page.body =
      html(R"(<div class="cols"><div>{}</div><div class="rail">{}</div></div>)", main, rail);
  return page;
}

Page journal_page(const std::vector<EntryLine>& lines, std::uint64_t entries,
                  const std::string& head, const std::string& run, std::uint64_t next,
                  const Frame& frame) {
  Page page{.title = "Journal", .section = Section::journal};
  page.head = html(
      R"(<h1>{}.</h1><p class="meta"><span class="id">head {}</span></p>)",
      counted(static_cast<std::int64_t>(entries), "entry in the record", "entries in the record"),
      head);
  Markup rows;
  for (const EntryLine& line : lines) {
    const Markup of_run = line.run.empty()
                              ? Markup()
                              : html(R"(<a class="id" href="/runs/{}">{}</a>)", line.run, line.run);
    rows += html(
        R"(<tr><th scope="row">{}</th><td>{}</td><td>{}</td><td>{}</td><td><details><summary>body</summary><pre>{}</pre></details></td></tr>)",
        grouped(static_cast<std::int64_t>(line.seq)), time_of_day(line.at, frame.now), of_run,
        line.kind, line.body);
  }
  page.body = html(
      R"(<p class="card pad">It is checked with <code>quell journal verify --head {}</code>, on this machine or through --server.</p><form class="card pad" method="get" action="/journal">{}<p class="btns field"><button type="submit">Show</button></p></form>)",
      head, field({.name = "run", .label = "Entries of one run", .value = run}));
  page.body +=
      rows.empty()
          ? empty_state("No entries here.")
          : html(
                R"(<div class="card scroll" role="region" tabindex="0" aria-label="Entries"><table class="list"><thead><tr><th scope="col">Entry</th><th scope="col">At</th><th scope="col">Run</th><th scope="col">Kind</th><th scope="col">Says</th></tr></thead><tbody>{}</tbody></table></div>)",
                rows);
  if (next != 0)
    page.body += html(R"(<p><a href="/journal?run={}&after={}">Later entries</a></p>)", run, next);
  return page;
}

}  // namespace quell::panel
