#include <map>

#include "orchestrator/engine/step_walk.h"
#include "orchestrator/panel/run_pages.h"
#include "orchestrator/panel/run_words.h"
#include "orchestrator/report/run_document.h"

namespace quell::panel {
namespace {

std::string counted_items(const RunState& run, const Step& step) {
  const auto state = run.steps.find(step.id);
  if (!step.foreach_items) return "";
  if (state != run.steps.end() && !state->second.items.empty())
    return counted(static_cast<std::int64_t>(state->second.items.size()), "item", "items");
  return "up to " + counted(step.foreach_items->max, "item", "items");
}

/// The steps that are still to come, in their order.
Markup plan_list(const RunState& run, const ConnectorSet& connectors) {
  Markup lines;
  std::int64_t number = 0;
  for_each_step(run, run.playbook->steps, [&](const Step& step) {
    const auto state = run.steps.find(step.id);
    if (state != run.steps.end() && state->second.phase == StepState::Phase::finished) return;
    const auto* const use = std::get_if<UseStep>(&step.kind);
    const ActionSpec* const spec =
        use == nullptr ? nullptr : find_action(connectors, use->connection, use->action);
    if (spec == nullptr) return;
    const bool is_grave = step.irreversible || spec->irreversible;
    const Markup mark =
        spec->effect != Effect::mutate
            ? html(R"(<span class="back">{} only</span>)", quell::to_string(spec->effect))
        : is_grave
            ? html(
                  R"(<span class="once"><svg class="g refuted" viewBox="0 0 16 16" aria-hidden="true"><use href="#g-once"/></svg>cannot be undone</span>)")
            : html(R"(<span class="back">can be undone</span>)");
    const std::string items = counted_items(run, step);
    lines += html(
        R"(<li><div class="hd"><span class="no">{}</span><span class="what">{}{}</span>{}<span class="sub">{}.{}: {}</span></div></li>)",
        ++number, step.id, items.empty() ? std::string() : ", " + items, mark, use->connection,
        use->action, spec->summary);
  });
  return lines.empty() ? empty_state("Nothing more would be sent.")
                       : html(R"(<ol class="card plan">{}</ol>)", lines);
}

std::string ordinal(std::int64_t number) {
  const std::int64_t tens = number % 100;
  const std::int64_t ones = number % 10;
  const bool is_teen = tens > 10 && tens < 14;
  const std::string_view end = is_teen     ? "th"
                               : ones == 1 ? "st"
                               : ones == 2 ? "nd"
                               : ones == 3 ? "rd"
                                           : "th";
  return std::to_string(number) + std::string(end);
}

/// Whoever is asked again and again sees that they are (threat T31).
Markup asked_before(const RunState& run) {
  if (run.asked.number < 2) return {};
  const bool was_denied = !run.asked.denied_by.empty();
  std::vector<Markup> more;
  if (was_denied) {
    more.push_back(html(R"(In <a class="id" href="/runs/{}">{}</a>: {})", run.asked.denied_run,
                        run.asked.denied_run,
                        run.asked.denied_why.empty() ? "no reason given" : run.asked.denied_why));
    more.push_back(html("{} asks again: {}", run.who, run.reason));
  }
  return banner(Shape::unproved,
                ordinal(run.asked.number) + " request for the same" +
                    (was_denied ? ", denied by " + run.asked.denied_by : std::string()) + ".",
                more);
}

Markup answered(const RunState& run, const ApprovalState& approval) {
  Markup lines;
  for (const std::string& who : approval.given_by)
    lines += html("<li>{} {}</li>", chip(Shape::proved, "approved"), who);
  for (int i = static_cast<int>(approval.given_by.size()); i < approval.need; ++i)
    lines += html("<li>{}</li>", chip(Shape::waiting, "waiting"));
  lines += html(R"(<li class="dim">{} asked for it</li>)", run.who);
  return html(R"(<ol class="card rows small">{}</ol>)", lines);
}

Markup answer_forms(const RunState& run, std::int64_t grave, const std::string& problem,
                    const Frame& frame) {
  const std::string digest = run.digest;
  Markup inside = html(
      R"(<p class="soft small">You approve exactly this plan. If it changes beyond what is shown, your approval is void and you are asked again.</p><p class="digest">{}<small>SHA-256 {}</small></p><input type="hidden" name="digest" value="{}">)",
      in_fours(digest), digest, digest);
  if (!problem.empty()) inside += html(R"(<p class="oops" role="alert">{}</p>)", problem);
  inside +=
      field({.name = "count",
             .label = "Type " + std::to_string(grave) + ", the requests that cannot be undone",
             .required = true});
  inside += field({.name = "password",
                   .label = "Your password again",
                   .type = "password",
                   .required = true,
                   .autocomplete = "current-password"});
  const std::string button =
      "Approve this plan, " + counted(grave, "request", "requests") + " for good";
  Markup forms = html(R"(<div class="ask">{}</div>)",
                      act(url_of(run, "/approve"), frame.viewer, inside, button, grave > 0));
  forms += act(
      url_of(run, "/deny"), frame.viewer,
      field(
          {.name = "reason", .label = "Or deny it. Everybody sees your reason.", .required = true}),
      "Deny, change nothing");
  return forms;
}

}  // namespace

Page approve_page(const RunState& run, const ConnectorSet& connectors, const std::string& may,
                  const std::string& problem, const Frame& frame) {
  Page page{.title = "Approve or deny " + to_string(run.id), .section = Section::runs};
  const ApprovalState* const approval = run.finished() ? nullptr : pending_approval(run);
  page.head = html(
      R"(<p class="crumb"><a href="/">Now</a> / <a href="{}"><span class="id">{}</span></a> / approval</p><h1>{}</h1>)",
      url_of(run), to_string(run.id),
      approval == nullptr
          ? to_string(run.id) + " waits for no approval"
          : "Approve " + counted(irreversible_left(run, connectors), "request", "requests") +
                " for good: " + title_of(run) + "?");
  if (approval == nullptr) {
    page.body = empty_state("It was answered, it timed out, or the run is over.");
    return page;
  }
  const std::int64_t grave = irreversible_left(run, connectors);
  page.status = "This approval expires in " + format_duration(approval->until - frame.now) + ".";
  Markup main = html(
      R"(<section aria-label="Size of the plan"><dl class="card big"><div class="hot"><dt>Cannot be undone</dt><dd>{}<small>requests</small></dd></div><div><dt>Answers</dt><dd>{}<small>of {}</small></dd></div><div><dt>Expires</dt><dd>{}</dd></div></dl></section>)",
      grouped(grave), approval->given_by.size(), approval->need,
      time_of_day(approval->until, frame.now));
  main += asked_before(run);
  if (!approval->why.empty()) main += banner(Shape::unproved, approval->why + ".", {});
  if (!approval->voids.empty()) {
    main += banner(Shape::unproved, "The plan has changed since people were asked.",
                   {html("What was said to {} is void.", in_fours(approval->voids.substr(0, 12)))});
  }
  main += section("plan", "What will be sent", html("in this order"), plan_list(run, connectors));
  Markup rail = section("who", "Who has answered",
                        html("{} of {}", approval->given_by.size(), approval->need),
                        answered(run, *approval));
  rail += section(
      "digest", "Plan digest", Markup(),
      html(
          R"(<p class="digest">{}</p><p class="hint">Read it out on the bridge. If {} reads something else, deny.</p>)",
          in_fours(run.digest), run.who));
  const Markup answer = may.empty() ? answer_forms(run, grave, problem, frame)
                                    : html(R"(<p class="card pad">{}</p>)", may);
  page.body = html(
      R"(<div class="cols answer"><div>{}</div><div class="rail">{}</div><section id="answer" aria-labelledby="h-answer"><h2 id="h-answer" class="sr">Your answer</h2>{}</section></div>)",
      main, rail, answer);
  page.bottom_bar = html(
      R"(<div class="bound"><span>Expires {}</span><a class="btn go" href="#answer">Answer</a></div>)",
      time_and_distance(approval->until, frame.now));
  return page;
}

}  // namespace quell::panel
