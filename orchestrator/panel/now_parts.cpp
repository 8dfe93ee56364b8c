#include "orchestrator/panel/now_parts.h"

#include "orchestrator/panel/components.h"

namespace quell::panel {
namespace {

constexpr std::size_t kInterventionsShown = 5;

}  // namespace

Markup stepped_in(const std::vector<InterventionLine>& interventions, Timestamp now) {
  Markup lines;
  for (std::size_t i = 0; i < interventions.size() && i < kInterventionsShown; ++i) {
    const InterventionLine& one = interventions[i];
    Markup where;
    if (!one.run.empty()) where = html(R"( <a class="id" href="/runs/{}">{}</a>)", one.run, one.run);
    if (!one.about.empty()) where += html(R"( <span class="id">{}</span>)", one.about);
    lines += html(R"(<li><div><h3>{} {}:{}</h3><p>{}, {}.</p></div></li>)", one.who, one.what,
                  where, one.reason.empty() ? "no reason given" : one.reason,
                  time_and_distance(one.at, now));
  }
  if (lines.empty()) return {};
  const Markup more = interventions.size() > kInterventionsShown
                          ? html(R"(<a href="/journal">{} more in the record</a>)",
                                 interventions.size() - kInterventionsShown)
                          : html("within the last day");
  return section("stepped-in", "Somebody stepped in", more,
                 html(R"(<ol class="card rows todo">{}</ol>)", lines));
}

Markup kill_switch_section(const Frame& frame) {
  const bool is_off = !frame.disarmed.empty();
  Markup body;
  if (is_off && frame.viewer.has_role("approver")) {
    body = act("/kill-switch/arm", frame.viewer,
               field({.name = "reason",
                      .group = "arm-",
                      .label = "Switch changes on, with a reason",
                      .hint = "Not by whoever switched them off.",
                      .required = true}),
               "Switch changes on");
  } else if (is_off) {
    body = html("<p>Approvers may switch them on again. You are not one.</p>");
  } else if (may_answer(frame.viewer)) {
    Markup inside = field({.name = "reason",
                           .group = "disarm-",
                           .label = "Switch changes off, with a reason",
                           .hint = "What is in flight is finished. An approver switches them on.",
                           .required = true});
    inside += html(
        R"(<p class="field"><label class="pick"><input type="checkbox" name="all" value="on"> people's runs too</label></p>)");
    body = html(R"(<details><summary>Switch changes off</summary>{}</details>)",
                act("/kill-switch/disarm", frame.viewer, inside, "Switch changes off"));
  } else {
    return {};
  }
  return section("switch", "Changes", html("{}", is_off ? "switched off" : "switched on"),
                 html(R"(<div class="card pad">{}</div>)", body));
}

}  // namespace quell::panel
