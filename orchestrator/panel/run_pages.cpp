#include "orchestrator/panel/run_pages.h"

#include <algorithm>
#include <map>

#include "orchestrator/engine/step_walk.h"
#include "orchestrator/panel/now_parts.h"
#include "orchestrator/panel/run_timeline.h"
#include "orchestrator/panel/run_words.h"
#include "orchestrator/report/run_document.h"
#include "state/base/bytes.h"

namespace quell::panel {
namespace {

constexpr std::size_t kRowsInFull = 12;
constexpr std::size_t kItemsOfPage = 200;
constexpr std::size_t kExposuresShown = 8;
constexpr std::size_t kBoxesMax = 4;  // of what waits for people; the next moves up

Markup who_and_when(const RunState& run, Timestamp now) {
  const std::string incident = incident_of(run);
  return html(
      R"(<p class="meta"><span class="tag live">{}</span>{}<span>started by {}, {}</span><span>{} <span class="id">{}</span></span></p>)",
      run.mode == RunMode::dry_run ? "DRY RUN" : "LIVE",
      incident.empty() ? Markup() : html("<span>{}</span>", incident), run.who,
      time_of_day(run.started, now), run.playbook->id, run.playbook->sha256.substr(0, 8));
}

Markup head_of(const RunState& run, std::string_view heading, std::string_view crumb,
               Timestamp now) {
  const Markup last = crumb.empty() ? Markup() : html(" / {}", crumb);
  return html(
      R"(<p class="crumb"><a href="/">Now</a> / <a href="{}"><span class="id">{}</span></a>{}</p><h1>{}</h1>{})",
      url_of(run), to_string(run.id), last, heading, who_and_when(run, now));
}

/// How the claims of one plane stand, as a bar and in words.
Markup plane_row(const RunFacts& facts, Plane plane) {
  std::int64_t total = 0;
  std::int64_t proved = 0;
  std::int64_t refuted = 0;
  for (const Claim& claim : facts.claims) {
    if (claim.plane != plane) continue;
    ++total;
    proved += claim.verdict == Verdict::proved ? 1 : 0;
    refuted += claim.verdict == Verdict::refuted ? 1 : 0;
  }
  if (total == 0) {
    return html(R"(<div><dt>{}</dt><dd class="c">not in scope</dd></div>)", to_string(plane));
  }
  const auto share = [&](std::int64_t part) { return std::to_string(part * 100 / total) + "%"; };
  Markup more = refuted > 0       ? chip(Shape::refuted, grouped(refuted) + " refuted")
                : proved == total ? chip(Shape::proved, "all proved")
                                  : chip(Shape::working, grouped(total - proved) + " open");
  return html(
      R"(<div><dt>{}</dt><dd><svg class="wide" width="100%" height="8" aria-hidden="true"><rect width="100%" height="8" class="k-track"/><rect width="{}" height="8" class="k-proved"/><rect x="{}" width="{}" height="8" class="k-refuted"/></svg></dd><dd class="c">{} of {} proved</dd><dd>{}</dd></div>)",
      to_string(plane), share(proved), share(proved), share(refuted), grouped(proved),
      grouped(total), more);
}

Markup burning(const RunState& run, const RunFacts& facts, Timestamp now) {
  Markup planes;
  for (const Plane plane : kPlanes) planes += plane_row(facts, plane);
  return html(
      R"(<article class="card burn" id="burn-{}"><div class="hd"><div><h3><a href="{}">{}</a></h3><p class="meta">{}<span class="id">{}</span><span>{}</span><span>{}</span></p></div><div><p class="t">{}</p></div></div><dl class="planes">{}</dl></article>)",
      to_string(run.id), url_of(run), title_of(run), pill(facts.shape, facts.word),
      to_string(run.id), incident_of(run), run.who, running_clock(run.started, now, true), planes);
}

Markup decision_line(const RunState& run, const Decision& decision, Timestamp now) {
  const bool is_approval = decision.kind == Decision::Kind::approval;
  const std::string target = is_approval ? url_of(run, "/approve") : url_of(run, "#decide");
  const Markup until =
      decision.until ? html(" Expires {}.", time_and_distance(*decision.until, now)) : Markup();
  return html(
      R"(<li><div><h3>{}</h3><p>In <span class="id">{}</span>, asked by {}.{}</p></div><a class="btn{}" href="{}">{}</a></li>)",
      decision.question, to_string(run.id), run.who, until, is_approval ? " go" : "", target,
      is_approval ? "Read the plan" : "Answer");
}

/// What is not proved dead, worst first: no end known before any date.
std::vector<const Claim*> exposures_of(const RunFacts& facts) {
  std::vector<const Claim*> open;
  for (const Claim& claim : facts.claims)
    if (claim.verdict != Verdict::proved) open.push_back(&claim);
  std::stable_sort(open.begin(), open.end(), [](const Claim* a, const Claim* b) {
    const bool a_ends = a->residual && a->residual->until;
    const bool b_ends = b->residual && b->residual->until;
    if (a_ends != b_ends) return !a_ends;
    return a_ends && *a->residual->until > *b->residual->until;
  });
  return open;
}

std::string kills_of(const Claim& claim) {
  std::string kills;
  for (const Kill kill : claim.kills)
    kills += (kills.empty() ? "" : ", ") + std::string(to_string(kill));
  return kills;
}

Markup exposure_line(const Claim& claim, Timestamp now) {
  const bool is_dated = claim.residual && claim.residual->until && *claim.residual->until > now;
  const Markup left = is_dated ? countdown(*claim.residual->until, now) : end_of(claim, now);
  const Markup by =
      is_dated ? html("Dies by {} at the latest; ", time_of_day(*claim.residual->until, now))
               : Markup();
  return html(
      R"(<li><span class="what">{}: {}</span><span class="left">{}</span><span class="why">{}{}</span></li>)",
      claim.subject, kills_of(claim), left, by,
      claim.residual ? claim.residual->reason : std::string());
}

Markup claim_in_cell(const RunState& run, const Claim& claim) {
  const Shape shape = shape_of(claim.verdict, run);
  const std::string_view word = shape == Shape::working || shape == Shape::predicted
                                    ? to_string(shape)
                                    : quell::to_string(claim.verdict);
  const std::string proof = claim.proof.empty() ? std::string() : ", " + claim.proof.back();
  return html(
      R"(<div class="claim">{}<div><b>{}</b></div><small><i class="{}">{}</i>{}</small></div>)",
      glyph(shape), kills_of(claim), to_string(shape), word, proof);
}

/// Rows are subjects, columns planes; open rows first, and what is proved folds into a count.
Markup claim_matrix(const RunState& run, const RunFacts& facts) {
  struct Row {
    std::string subject{};
    std::array<std::vector<const Claim*>, 4> cells{};
    int grade = 0;  // 2 refuted, 1 open, 0 proved
  };
  std::map<std::string, std::size_t> places;
  std::vector<Row> rows;
  for (const Claim& claim : facts.claims) {
    const auto [place, is_new] = places.try_emplace(claim.subject, rows.size());
    if (is_new) rows.push_back({.subject = claim.subject});
    Row& row = rows[place->second];
    row.cells[static_cast<std::size_t>(claim.plane)].push_back(&claim);
    row.grade = std::max(row.grade, claim.verdict == Verdict::refuted  ? 2
                                    : claim.verdict == Verdict::proved ? 0
                                                                       : 1);
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.grade > b.grade; });
  Markup body;
  const std::size_t shown = std::min(rows.size(), kRowsInFull);
  for (std::size_t i = 0; i < shown; ++i) {
    Markup cells;
    for (const Plane plane : kPlanes) {
      const auto& claims = rows[i].cells[static_cast<std::size_t>(plane)];
      if (claims.empty()) {
        cells += html(R"(<td data-plane="{}" class="none">not in scope</td>)", to_string(plane));
        continue;
      }
      Markup inside;
      bool is_refuted = false;
      bool is_open = false;
      for (const Claim* claim : claims) {
        inside += claim_in_cell(run, *claim);
        is_refuted |= claim->verdict == Verdict::refuted;
        is_open |= claim->verdict == Verdict::unproved && run.finished();
      }
      cells += html(R"(<td data-plane="{}" class="{}">{}</td>)", to_string(plane),
                    is_refuted ? "bad"
                    : is_open  ? "doubt"
                               : "cell",
                    inside);
    }
    body += html(R"(<tr><th scope="row"><span class="id">{}</span></th>{}</tr>)", rows[i].subject,
                 cells);
  }
  if (rows.size() > shown) {
    std::size_t open = 0;
    for (std::size_t i = shown; i < rows.size(); ++i) open += rows[i].grade > 0 ? 1 : 0;
    const auto rest = static_cast<std::int64_t>(rows.size() - shown);
    const std::string more = open == 0 ? grouped(rest) + " more, all proved"
                                       : grouped(rest) + " more, " +
                                             grouped(static_cast<std::int64_t>(open)) +
                                             " of them not proved";
    body += html(R"(<tr><th scope="row" colspan="5"><a href="{}">{}</a></th></tr>)",
                 url_of(run, "/items"), more);
  }
  if (rows.empty()) return empty_state("No claims yet: the run has not found its targets.");
  Markup heads;
  for (const Plane plane : kPlanes)
    heads += html(R"(<th scope="col"><b>{}</b></th>)", to_string(plane));
  return html(
      R"(<div class="card"><table class="matrix"><thead><tr><th scope="col">Subject</th>{}</tr></thead><tbody>{}</tbody></table></div>)",
      heads, body);
}

Markup manual_form(const RunState& run, const Decision& decision, std::string_view group,
                   const Frame& frame) {
  const Step* const step = find_step(run, decision.target);
  Markup fields = html(R"(<input type="hidden" name="target" value="{}">)", decision.target);
  if (const auto* manual = step == nullptr ? nullptr : std::get_if<ManualStep>(&step->kind)) {
    for (const InputSpec& spec : manual->fields) {
      const std::string name = "field." + spec.name;
      fields +=
          field({.name = name,
                 .group = group,
                 .label = spec.name,
                 .hint = spec.help,
                 .required = spec.required});
    }
  }
  const std::string own = "done-" + std::string(group);
  fields += field({.name = "reason", .group = own, .label = "A note for the record"});
  return act(url_of(run, "/done"), frame.viewer, fields, "It is done");
}

/// The acts that settle one item; `group` sets these forms apart from others on the page.
Markup settle_forms(const RunState& run, const std::string& target, std::string_view group,
                    const Frame& frame) {
  const Markup hidden = html(R"(<input type="hidden" name="target" value="{}">)", target);
  Markup forms = act(url_of(run, "/retry"), frame.viewer, hidden, "Look, and try it again");
  Markup reason = hidden;
  reason += field({.name = "reason",
                   .group = group,
                   .label = "Leave it out, with a reason",
                   .hint = "It stays unproved, and the run can then be incomplete at best.",
                   .required = true});
  forms += act(url_of(run, "/skip"), frame.viewer, reason, "Leave this 1 item out");
  return forms;
}

/// How long it has taken, beside the targets of its playbook.
Markup clock_card(const RunState& run, Timestamp now) {
  const Timestamp end = run.finished() ? run.finished_at : now;
  Markup card = html(R"(<p class="t">{}</p>)", running_clock(run.started, end, !run.finished()));
  const auto& contain = run.playbook->slo_contain;
  const auto& prove = run.playbook->slo_prove;
  const Duration took = end - run.started;
  if (contain)
    card += html(R"(<p class="of{}">{} to contain it</p>)", took > *contain ? " late" : "",
                 took > *contain
                     ? format_duration(took - *contain) + " over the " + format_duration(*contain)
                     : "Target: " + format_duration(*contain));
  if (prove && prove->count() > 0) {
    const auto share = [&](Duration part) {
      return std::to_string(std::min<std::int64_t>(part.count() * 100 / prove->count(), 100)) + "%";
    };
    const Markup mark =
        contain ? html(R"(<rect x="{}" width="2" height="10" class="k-ink"/>)", share(*contain))
                : Markup();
    card += html(
        R"(<div class="meterbox"><svg class="wide" width="100%" height="10" aria-hidden="true"><rect width="100%" height="10" class="k-track"/><rect width="{}" height="10" class="{}"/>{}</svg><p><span>0</span><span>{} to prove it</span></p></div>)",
        share(took), took > *prove ? "k-refuted" : "k-work", mark, format_duration(*prove));
  }
  return html(R"(<div class="card pad clock">{}</div>)", card);
}

/// One question that the run has for people, the `number`-th from 1 on.
Markup decision_box(const RunState& run, const RunFacts& facts, std::size_t number,
                    const Frame& frame) {
  const Decision& decision = facts.decisions[number - 1];
  const std::string mark = number == 1 ? "" : "-" + std::to_string(number);
  const std::string group = number == 1 ? "" : "d" + std::to_string(number) + "-";
  Markup answer;
  if (decision.kind == Decision::Kind::approval) {
    answer = html(R"(<p class="btns"><a class="btn go" href="{}">Read the plan</a></p>)",
                  url_of(run, "/approve"));
  } else if (!may_answer(frame.viewer)) {
    answer = html("<p>Responders may answer this. You are not one.</p>");
  } else if (decision.kind == Decision::Kind::manual) {
    answer = manual_form(run, decision, group, frame);
  } else {
    answer = settle_forms(run, decision.target, group, frame);
  }
  const Markup until = decision.until
                           ? html("<p>Until {}.</p>", time_and_distance(*decision.until, frame.now))
                           : Markup();
  const Markup doubt =
      decision.kind == Decision::Kind::unknown
          ? html(
                "<p>The request left, and no answer came back. Nothing is sent again before you "
                "say so.</p>")
          : Markup();
  return html(
      R"(<section class="ask" id="decide{}" aria-labelledby="h-ask{}"><p class="small dim">Decision {} of {}</p><h2 id="h-ask{}">{}</h2>{}{}{}</section>)",
      mark, mark, number, facts.decisions.size(), mark, decision.question, doubt, until, answer);
}

/// What waits for people: one may be for others, and the next for whoever reads.
Markup decision_boxes(const RunState& run, const RunFacts& facts, const Frame& frame) {
  Markup boxes;
  for (std::size_t number = 1; number <= std::min(facts.decisions.size(), kBoxesMax); ++number)
    boxes += decision_box(run, facts, number, frame);
  return boxes;
}

/// Lifting what a finished run did; refused while it is exposed, so not offered then.
Markup undo_form(const RunState& run, const Frame& frame) {
  if (!run.finished() || run.result == RunResult::exposed) return {};
  std::int64_t liftable = 0;
  for (const auto& [step, state] : run.steps) {
    for (const ItemState& item : state.items) liftable += is_liftable(run, step, item) ? 1 : 0;
  }
  if (is_undoing(run)) return html("<p>What it did is being lifted.</p>");
  if (liftable == 0) return {};
  Markup inside;
  if (!run.undo.asked_by.empty()) {
    inside = html("<p>{} of {} asked for it, until {}: {}</p>", run.undo.asked_by.size(),
                  run.undo.need, time_of_day(run.undo.until, frame.now), run.undo.reason);
  }
  inside += field({.name = "reason",
                   .group = "undo-",
                   .label = "Lift it, with a reason",
                   .hint = "The last thing first. What cannot be undone stays.",
                   .required = true});
  return html(R"(<details><summary>Lift what it did</summary>{}</details>)",
              act(url_of(run, "/undo"), frame.viewer, inside,
                  "Lift " + counted(liftable, "thing", "things")));
}

Markup facts_and_acts(const RunState& run, const Frame& frame) {
  Markup rows = html(
      R"(<div><dt>Plan digest</dt><dd class="id">{}</dd></div><div><dt>Requests</dt><dd>{} reads, {} probes, {} changes</dd></div>)",
      in_fours(run.digest), grouped(run.requests.read), grouped(run.requests.probe),
      grouped(run.requests.mutate));
  if (!run.head.empty())
    rows += html(R"(<div><dt>Signed head</dt><dd class="id">{}</dd></div>)", run.head);
  const Markup evidence =
      may_answer(frame.viewer)
          ? html(R"(, <a href="/api/v1/runs/{}/evidence" download>signed evidence</a>)",
                 to_string(run.id))
          : Markup();
  Markup acts = html(
      R"(<dl class="sum card pad">{}</dl><p><a href="{}">All claims</a>, <a href="{}">report</a>, <a href="{}">handover sheet</a>, <a href="/journal?run={}">the record</a>, <a href="/api/v1/runs/{}">as JSON</a>{}</p>)",
      rows, url_of(run, "/items"), url_of(run, "/report"), url_of(run, "/handover"),
      to_string(run.id), to_string(run.id), evidence);
  if (!may_answer(frame.viewer)) return acts;
  acts += html(R"(<details><summary>Note, pause, abort</summary>)");
  acts += act(
      url_of(run, "/note"), frame.viewer,
      field(
          {.name = "reason", .group = "note-", .label = "A note for the record", .required = true}),
      "Write it down");
  if (!run.finished()) {
    acts += run.paused
                ? act(url_of(run, "/resume"), frame.viewer, Markup(), "Go on")
                : act(url_of(run, "/pause"), frame.viewer, Markup(), "Pause: begin nothing new");
    acts += act(url_of(run, "/abort"), frame.viewer,
                field({.name = "reason",
                       .group = "abort-",
                       .label = "Abort, with a reason",
                       .hint = "Aborting stops new calls. What is revoked stays revoked.",
                       .required = true}),
                "Abort " + to_string(run.id), true);
  }
  acts += html("</details>");
  acts += undo_form(run, frame);
  return acts;
}

std::string counts_of(const RunFacts& facts) {
  return counted(static_cast<std::int64_t>(facts.claims.size()), "claim", "claims") + ": " +
         grouped(facts.proved) + " proved, " + grouped(facts.refuted) + " refuted, " +
         grouped(facts.open) + " open.";
}

}  // namespace

std::int64_t decisions_in(const std::vector<const RunState*>& runs) {
  std::int64_t count = 0;
  for (const RunState* run : runs) {
    if (run->finished()) continue;
    if (pending_approval(*run) != nullptr) ++count;
    for (const auto& [id, state] : run->steps) {
      if (state.phase != StepState::Phase::running) continue;
      if (state.manual.requested && !state.manual.done) ++count;
      count += std::count_if(state.items.begin(), state.items.end(), [](const ItemState& item) {
        return item.phase == ItemState::Phase::held;
      });
    }
  }
  return count;
}

Page now_page(const std::vector<const RunState*>& runs, const ConnectorSet& connectors,
              const std::vector<InterventionLine>& interventions, const Frame& frame) {
  Markup todo;
  Markup burn;
  Markup watch;
  Markup exposed;
  std::int64_t burns = 0;
  std::int64_t decisions = 0;
  std::size_t exposures = 0;
  for (const RunState* run : runs) {
    if (run->mode == RunMode::dry_run && run->finished()) continue;
    const RunFacts facts = facts_of(*run, connectors);
    const bool is_open = !run->finished() || run->result == RunResult::exposed;
    if (is_open) {
      ++burns;
      burn += burning(*run, facts, frame.now);
    } else if (run->is_watched()) {
      watch += html(
          R"(<li><div><h3><a href="{}">{}</a></h3><p class="meta">{}<span class="id">{}</span></p></div><span class="small soft">watched until {}</span></li>)",
          url_of(*run), title_of(*run), pill(facts.shape, facts.word), to_string(run->id),
          time_of_day(run->watch.until, frame.now));
    }
    for (const Decision& decision : facts.decisions) {
      ++decisions;
      todo += decision_line(*run, decision, frame.now);
    }
    if (run->mode == RunMode::dry_run || run->result == RunResult::contained) continue;
    for (const Claim* claim : exposures_of(facts)) {
      if (++exposures > kExposuresShown) break;
      exposed += exposure_line(*claim, frame.now);
    }
  }
  const std::string sentence =
      burns == 0
          ? "Nothing burns."
          : counted(burns, "run is burning.", "runs are burning.") +
                (decisions == 0
                     ? ""
                     : " " + counted(decisions, "decision needs", "decisions need") + " a person.");
  Page page{
      .title = sentence, .section = Section::now, .status = sentence, .live = "/api/v1/events"};
  page.head = html("<h1>{}</h1>", sentence);
  Markup main = stepped_in(interventions, frame.now);
  if (!todo.empty()) {
    main += section("todo", "Needs a person", html("The one that expires first is on top"),
                    html(R"(<ol class="card rows todo">{}</ol>)", todo));
  }
  main += section("burning", "Burning", html(R"(<a href="/start">Start a run</a>)"),
                  burn.empty() ? empty_state("No run is under way. quell drill leaked-mcp-oauth "
                                             "shows what one looks like.")
                               : burn);
  if (!watch.empty())
    main += section("watching", "Contained, watching for regrowth", Markup(),
                    html(R"(<ul class="card rows todo">{}</ul>)", watch));
  Markup rail =
      section("exposed", "Still exposed", Markup(),
              exposed.empty() ? empty_state("Nothing known to be exposed.")
                              : html(R"(<ol class="card rows expo">{}</ol>)", exposed));
  rail += kill_switch_section(frame);
  page.body =
      html(R"(<div class="cols"><div>{}</div><div class="rail">{}</div></div>)", main, rail);
  return page;
}

Page runs_page(const std::vector<RunLine>& lines, const std::string& next, const Frame& frame) {
  Page page{.title = "Runs", .section = Section::runs};
  page.head = html("<h1>{}</h1>",
                   lines.empty() ? "No runs yet" : "Every run of this journal, newest first");
  Markup rows;
  for (const RunLine& line : lines) {
    const Shape shape = !line.result                            ? Shape::working
                        : *line.result == RunResult::contained  ? Shape::proved
                        : *line.result == RunResult::rehearsed  ? Shape::predicted
                        : *line.result == RunResult::incomplete ? Shape::unproved
                        : *line.result == RunResult::aborted    ? Shape::skipped
                                                                : Shape::refuted;
    rows += html(
        R"(<tr><th scope="row"><a class="id" href="/runs/{}">{}</a></th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>)",
        line.run, line.run, time_of_day(line.started, frame.now), line.playbook, line.incident,
        line.who,
        chip(shape, line.result ? quell::to_string(*line.result) : std::string_view("unfinished")));
  }
  page.body =
      lines.empty()
          ? empty_state("A dry run changes nothing: Start a run, then Start a dry run.")
          : html(
                R"(<div class="card scroll" role="region" tabindex="0" aria-label="Runs"><table class="list"><thead><tr><th scope="col">Run</th><th scope="col">Started</th><th scope="col">Playbook</th><th scope="col">Incident</th><th scope="col">By</th><th scope="col">Result</th></tr></thead><tbody>{}</tbody></table></div>{})",
                rows,
                next.empty() ? Markup()
                             : html(R"(<p><a href="/runs?before={}">Older runs</a></p>)", next));
  return page;
}

Page run_page(const RunState& run, const ConnectorSet& connectors, const Frame& frame) {
  const RunFacts facts = facts_of(run, connectors);
  const std::string name = to_string(run.id);
  Page page{.title = facts.word + ": " + name,
            .section = Section::runs,
            .status = facts.first + " " + counts_of(facts),
            .live = "/api/v1/runs/" + name + "/events"};
  page.head = head_of(run, title_of(run), "", frame.now);
  const std::vector<const Claim*> open = exposures_of(facts);
  std::vector<Markup> sentences;
  if (!open.empty() && run.mode != RunMode::dry_run)
    sentences.push_back(
        html("Worst: {}, {}.", open.front()->subject, end_of(*open.front(), frame.now)));
  sentences.push_back(html("{}", counts_of(facts)));
  Markup main = banner(facts.shape, facts.first, sentences);
  main += decision_boxes(run, facts, frame);
  main +=
      section("claims", "Claims",
              html(R"({} of {} proved. <a href="{}">Show all</a>)", grouped(facts.proved),
                   grouped(static_cast<std::int64_t>(facts.claims.size())), url_of(run, "/items")),
              claim_matrix(run, facts));
  main += section("timeline", "Timeline", Markup(), timeline(run, facts.claims, frame.now));
  Markup exposed;
  for (std::size_t i = 0; i < std::min(open.size(), kExposuresShown); ++i)
    exposed += exposure_line(*open[i], frame.now);
  Markup rail = section("clock", "Containment clock", Markup(), clock_card(run, frame.now));
  rail += section("exposed", "Still exposed", Markup(),
                  run.mode == RunMode::dry_run
                      ? empty_state("A dry run kills nothing, and proves nothing dead.")
                  : exposed.empty() ? empty_state("Nothing known to be exposed.")
                                    : html(R"(<ol class="card rows expo">{}</ol>)", exposed));
  rail += section("facts", "Facts and acts", Markup(), facts_and_acts(run, frame));
  page.body =
      html(R"(<div class="cols mix"><div>{}</div><div class="rail">{}</div></div>)", main, rail);
  if (!facts.decisions.empty()) {
    const Decision& decision = facts.decisions.front();
    page.bottom_bar =
        html(R"(<div class="bound"><span>{}</span><a class="btn go" href="{}">{}</a></div>)",
             decision.until ? html("Expires {}", time_and_distance(*decision.until, frame.now))
                            : html("Waits for a person"),
             decision.kind == Decision::Kind::approval ? url_of(run, "/approve") : "#decide",
             decision.kind == Decision::Kind::approval ? "Read the plan" : "Answer");
  }
  return page;
}

Page items_page(const RunState& run, const ConnectorSet& connectors, std::size_t from,
                const Frame& frame) {
  const RunFacts facts = facts_of(run, connectors);
  Page page{.title = "Claims of " + to_string(run.id), .section = Section::runs};
  page.head = head_of(run, counts_of(facts), "claims", frame.now);
  Markup rows;
  const std::size_t end = std::min(facts.claims.size(), from + kItemsOfPage);
  for (std::size_t i = from; i < end; ++i) {
    const Claim& claim = facts.claims[i];
    const std::string target = claim.step + (claim.item.empty() ? "" : "/" + claim.item);
    const bool is_of_step = run.steps.contains(claim.step);
    const Markup name =
        is_of_step
            ? html(R"(<a href="{}">{}</a>)",
                   url_of(run, "/items/" + percent_encode(claim.step) +
                                   (claim.item.empty() ? "" : "/" + percent_encode(claim.item))),
                   target)
            : html("{}", target);
    std::string proof;
    for (const std::string& one : claim.proof) proof += (proof.empty() ? "" : "; ") + one;
    rows += html(
        R"(<tr><th scope="row"><span class="id">{}</span></th><td>{}</td><td class="id">{}</td><td>{}</td><td>{}</td><td>{}</td></tr>)",
        claim.subject, to_string(claim.plane), name, quell::to_string(claim.outcome),
        chip(shape_of(claim.verdict, run), quell::to_string(claim.verdict)), proof);
  }
  page.body =
      rows.empty()
          ? empty_state("No claims yet: the run has not found its targets.")
          : html(
                R"(<div class="card scroll" role="region" tabindex="0" aria-label="Claims"><table class="list"><thead><tr><th scope="col">Subject</th><th scope="col">Plane</th><th scope="col">Step</th><th scope="col">Outcome</th><th scope="col">Verdict</th><th scope="col">Proof</th></tr></thead><tbody>{}</tbody></table></div>)",
                rows);
  if (end < facts.claims.size())
    page.body += html(R"(<p><a href="{}?from={}">The next {}</a></p>)", url_of(run, "/items"), end,
                      std::min(kItemsOfPage, facts.claims.size() - end));
  return page;
}

namespace {

bool is_held(const RunState& run, const std::string& step, const std::string& key) {
  const auto state = run.steps.find(step);
  return state != run.steps.end() &&
         std::any_of(state->second.items.begin(), state->second.items.end(),
                     [&](const ItemState& item) {
                       return item.key == key && item.phase == ItemState::Phase::held;
                     });
}

}  // namespace

Page item_page(const RunState& run, const ConnectorSet& connectors, const std::string& step,
               const std::string& key, const std::vector<ItemEvent>& events, const Frame& frame) {
  const std::string target = step + (key.empty() ? "" : "/" + key);
  Page page{.title = target + " of " + to_string(run.id),
            .section = Section::runs,
            .live = "/api/v1/runs/" + to_string(run.id) + "/events"};
  page.head = head_of(run, target, "claims", frame.now);
  std::vector<Claim> claims = claims_of(run, connectors);
  std::erase_if(claims,
                [&](const Claim& claim) { return claim.step != step || claim.item != key; });
  Markup lines;
  bool is_proved = !claims.empty();
  for (const Claim& claim : claims) {
    is_proved &= claim.verdict == Verdict::proved;
    std::string proof;
    for (const std::string& one : claim.proof) proof += (proof.empty() ? "" : "; ") + one;
    lines += html(R"(<li>{} {} of {}{}</li>)",
                  chip(shape_of(claim.verdict, run), quell::to_string(claim.verdict)),
                  kills_of(claim), claim.subject, proof.empty() ? proof : ": " + proof);
  }
  Markup main = section("verdict", "Verdict", Markup(),
                        lines.empty() ? empty_state("Nothing is claimed of it.")
                                      : html(R"(<ul class="card rows">{}</ul>)", lines));
  Markup rows;
  for (const ItemEvent& event : events) {
    rows += html(R"(<tr><th scope="row">{}</th><td>{}</td><td>{}</td></tr>)",
                 time_of_day(event.at, frame.now), event.what, event.words);
  }
  main += section(
      "attempts", "What was done", Markup(),
      rows.empty()
          ? empty_state("Nothing yet.")
          : html(
                R"(<div class="card scroll" role="region" tabindex="0" aria-label="What was done"><table class="list"><thead><tr><th scope="col">At</th><th scope="col">What</th><th scope="col">Says</th></tr></thead><tbody>{}</tbody></table></div>)",
                rows));
  Markup rail;
  if (!may_answer(frame.viewer)) {
    rail = empty_state("Responders may act on it. You are not one.");
  } else if (is_proved) {
    rail = empty_state("It is proved: nothing is left to do.");
  } else if (run.finished()) {
    rail = html(
        R"(<p class="card pad">The run is over. <a href="/start/{}">Start again</a>: what is dead already is found dead.</p>)",
        run.playbook->id);
  } else if (!is_held(run, step, key)) {
    rail = empty_state("quell works on it by itself; nothing waits for you here.");
  } else {
    rail = html(R"(<div class="card pad">{}</div>)", settle_forms(run, target, "", frame));
  }
  page.body = html(R"(<div class="cols mix"><div>{}</div><div class="rail">{}</div></div>)", main,
                   section("acts", "What now", Markup(), rail));
  return page;
}

Page handover_page(const RunState& run, const ConnectorSet& connectors, const Frame& frame) {
  const RunFacts facts = facts_of(run, connectors);
  Page page{.title = "Handover of " + to_string(run.id), .section = Section::runs};
  page.head = head_of(run, "Handover: " + title_of(run), "handover", frame.now);
  Markup open;
  for (const Claim* claim : exposures_of(facts)) open += exposure_line(*claim, frame.now);
  Markup decisions;
  for (const Decision& decision : facts.decisions)
    decisions += decision_line(run, decision, frame.now);
  Markup left_out;
  for (const auto& [id_of_step, state] : run.steps) {
    for (const std::string& key : state.excluded)
      left_out +=
          html(R"(<li><span class="id">{}/{}</span>: beyond the step's max</li>)", id_of_step, key);
    if (!state.skipped_by.empty())
      left_out += html(R"(<li><span class="id">{}</span>: left out by {}</li>)", id_of_step,
                       state.skipped_by);
    for (const ItemState& item : state.items) {
      if (!item.skipped_by.empty())
        left_out += html(R"(<li><span class="id">{}/{}</span>: left out by {}</li>)", id_of_step,
                         item.key, item.skipped_by);
    }
  }
  page.body = banner(facts.shape, facts.first, {html("{}", counts_of(facts))});
  page.body +=
      section("open", "Open items", Markup(),
              decisions.empty() ? empty_state("Nobody is asked for anything.")
                                : html(R"(<ul class="card rows todo">{}</ul>)", decisions));
  page.body += section("exposed", "Still exposed", Markup(),
                       open.empty() ? empty_state("Nothing known to be exposed.")
                                    : html(R"(<ol class="card rows expo">{}</ol>)", open));
  page.body += section("left", "Left out", Markup(),
                       left_out.empty() ? empty_state("Nothing was left out.")
                                        : html(R"(<ul class="card rows small">{}</ul>)", left_out));
  return page;
}

}  // namespace quell::panel
