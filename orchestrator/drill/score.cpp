#include "orchestrator/drill/score.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/engine/step_walk.h"
#include "orchestrator/range/faults.h"

namespace quell {
namespace {

constexpr std::size_t kMomentsMax = 400;
constexpr std::size_t kExclusionsMax = 500;
constexpr std::size_t kExposuresMax = 100;
constexpr std::size_t kMinutesMax = 12 * 60;
// What the intruder's log calls its uses of what it stole.
constexpr std::string_view kUse = "tools/list";
constexpr std::string_view kRefresh = "refresh";
constexpr std::string_view kKeyUse = "sessions";
constexpr std::array<std::string_view, 3> kUses{kUse, kRefresh, kKeyUse};

bool passed(const range::LogLine& line) { return line.status >= 200 && line.status < 300; }

/// Who has to come back to a thing: what follows "owner" in the reason that a person gave.
std::string owner_in(std::string_view reason) {
  const std::size_t at = reason.find("owner");
  if (at == std::string_view::npos) return {};
  std::string_view rest = reason.substr(at + 5);
  while (!rest.empty() && (rest.front() == ' ' || rest.front() == ':')) rest.remove_prefix(1);
  return std::string(rest.substr(0, rest.find_first_of(",;.")));
}

std::string name_of(const RunState& run, const std::string& id) {
  const Step* const step = find_step(run, id);
  return step == nullptr || step->title.empty() ? id : step->title;
}

bool has_kill(const Claim& claim, Kill kill) {
  return std::ranges::find(claim.kills, kill) != claim.kills.end();
}

Verdict worse(Verdict a, Verdict b) {
  if (a == Verdict::refuted || b == Verdict::refuted) return Verdict::refuted;
  return a == Verdict::unproved ? a : b;
}

/// What the intruder did, in words for the timeline.
std::string words_for(const range::LogLine& line) {
  const bool in = passed(line);
  if (line.note == kUse) return in ? "The stolen token works" : "Refused";
  if (line.note == kRefresh) return in ? "Refreshed: new tokens" : "Refresh refused";
  if (line.note == kKeyUse) return in ? "The stolen key works" : "Refused";
  return line.note + " in the " + line.path + (in ? "" : ", refused");
}

void add_difference(std::vector<std::string>& out, std::string_view what, std::string_view wanted,
                    std::string_view seen) {
  if (wanted != seen) out.push_back(fmt::format("{} is {}, not {}", what, seen, wanted));
}

}  // namespace

Duration ScoreKeeper::since(Timestamp at) const {
  Duration whole = at - begun_;
  for (const auto& [from, until] : pauses_)
    if (at > from) whole -= std::min(at, until) - from;
  return whole;
}

void ScoreKeeper::moment(Timestamp at, DrillMoment::Side side, std::string text, bool is_bad) {
  if (timeline_.size() < kMomentsMax)
    timeline_.push_back({.at = since(at), .side = side, .text = std::move(text), .is_bad = is_bad});
}

void ScoreKeeper::see(const RunState& run, const Entry& entry, const ConnectorSet& connectors) {
  const auto told = [&](std::string text, bool is_bad = false) {
    moment(entry.at, DrillMoment::Side::defender, std::move(text), is_bad);
  };
  const EntryKind kind = entry.kind;
  if (kind == EntryKind::run_started) {
    if (!started_) started_ = entry.at;
    told("Started " + run.playbook->id + " as " + to_string(run.id));
  } else if (kind == EntryKind::approval_requested) {
    if (!planned_) planned_ = entry.at;
    told("The plan waits for a yes");
  } else if (kind == EntryKind::approval_given) {
    see_approval(entry);
  } else if (kind == EntryKind::approval_timed_out) {
    told("Nobody approved in time", true);
  } else if (kind == EntryKind::request_sent) {
    if (!planned_) planned_ = started_;
    if (!decided_ && entry.body["effect"].string_or("") == "mutate") decided_ = entry.at;
  } else if (kind == EntryKind::step_started || kind == EntryKind::step_skipped) {
    see_exclusions(entry);
  } else if (kind == EntryKind::step_finished) {
    see_step(run, entry);
  } else if (kind == EntryKind::probe_finished || kind == EntryKind::watch_observed) {
    see_look(run, entry, connectors);
  } else if (kind == EntryKind::run_finished) {
    if (!first_result_) first_result_ = run.result;
    told("Result: " + std::string(to_string(*run.result)), run.result == RunResult::exposed);
    if (run.result != RunResult::contained) return;
    for (const std::string_view use : kUses)
      greens_.push_back({.subject = "the run's result", .use = std::string(use), .at = entry.at});
  }
}

void ScoreKeeper::see_approval(const Entry& entry) {
  if (!decided_) decided_ = entry.at;
  const std::string who = entry.body["who"].string_or("");
  const bool broke = entry.body["break_glass"].bool_or(false);
  approvals_.push_back({.who = who,
                        .how = entry.body["how"].string_or(""),
                        .at = since(entry.at),
                        .needs_review = broke});
  moment(entry.at, DrillMoment::Side::defender,
         who + (broke ? " broke the glass" : " approved"), broke);
}

void ScoreKeeper::see(const Inject& inject, Timestamp at) {
  moment(at, DrillMoment::Side::inject, inject.from + ": " + inject.text,
         inject.kind == Inject::Kind::claim);
}

void ScoreKeeper::announce(Duration contain, Timestamp at) {
  announced_ = contain;
  announced_at_ = at;
  if (!planned_) planned_ = at;
  moment(at, DrillMoment::Side::defender, "The plan says " + format_duration(contain));
}

void ScoreKeeper::leave_out(const std::string& item, const Exclusion& exclusion, Timestamp at) {
  const std::string owner = owner_in(exclusion.because);
  moment(at, DrillMoment::Side::defender, exclusion.by + " left out " + item, owner.empty());
  if (excluded_.size() < kExclusionsMax) {
    excluded_.push_back(
        {.item = item, .by = exclusion.by, .reason = exclusion.because, .owner = owner});
  }
}

void ScoreKeeper::died(Timestamp at) {
  died_ = at;
  moment(at, DrillMoment::Side::defender, "The process died", true);
}

void ScoreKeeper::restarted(Timestamp at) {
  moment(at, DrillMoment::Side::defender, "Another process took the run up");
}

void ScoreKeeper::see_step(const RunState& run, const Entry& entry) {
  const std::string id = entry.body["step"].string_or("");
  const Step* const step = find_step(run, id);
  if (step == nullptr || step->kills.empty()) return;
  const std::string outcome = entry.body["outcome"].string_or("");
  if (outcome == "done" || outcome == "already") {
    last_kill_ = entry.at;
    if (step->plane) plane_done_[*step->plane] = entry.at;
  }
  moment(entry.at, DrillMoment::Side::defender, name_of(run, id) + ": " + outcome);
}

void ScoreKeeper::see_exclusions(const Entry& entry) {
  const std::string step = entry.body["step"].string_or("");
  const auto add = [&](DrillExclusion one) {
    if (excluded_.size() < kExclusionsMax) excluded_.push_back(std::move(one));
  };
  for (const Value& key : entry.body["excluded"].list_or_empty()) {
    add({.item = step + "/" + key.string_or(""),
         .by = "the playbook",
         .reason = "beyond the step's max"});
  }
  const std::string who = entry.body["who"].string_or("");
  if (entry.kind != EntryKind::step_skipped || who.empty()) return;
  const std::string item = entry.body["item"].string_or("");
  const std::string reason = entry.body["reason"].string_or("");
  add({.item = item.empty() ? step : step + "/" + item,
       .by = who,
       .reason = reason,
       .owner = owner_in(reason)});
  moment(entry.at, DrillMoment::Side::defender, who + " left out " + (item.empty() ? step : item),
         owner_in(reason).empty());
}

void ScoreKeeper::see_look(const RunState& run, const Entry& entry,
                           const ConnectorSet& connectors) {
  if (entry.body["result"].is_string()) {
    moment(entry.at, DrillMoment::Side::defender,
           "The watch saw it again: " + entry.body["result"].as_string(),
           entry.body["result"].as_string() == "exposed");
  }
  const std::string verdict = entry.body["verdict"].string_or("");
  if (verdict == "refuted" && !refuted_) refuted_ = entry.at;
  if (verdict.empty()) return;
  const std::string id = entry.body["step"].string_or("");
  const auto probe = static_cast<std::size_t>(entry.body["probe"].int_or(0));
  const Step* const step = id.empty() ? nullptr : find_step(run, id);
  if (step != nullptr && verdict == "proved")
    judge_platform(*step, entry.body["item"].string_or(""), entry.at);
  const ProbeSpec* spec = nullptr;
  if (step != nullptr && probe < step->verify.size()) spec = &step->verify[probe];
  if (id.empty() && probe < run.verify.size()) spec = run.verify[probe].spec;
  const bool of_key =
      step != nullptr && std::ranges::find(step->kills, Kill::key) != step->kills.end();
  const bool of_tokens = spec != nullptr && (spec->connection == "issuer" || of_key ||
                                             (step != nullptr && !step->proves.empty()));
  if (of_tokens) judge_tokens(run, connectors, entry.at);
}

/// From the moment that a claim about a token or key is called proved, the intruder's next use of
/// that kind must fail.
void ScoreKeeper::judge_tokens(const RunState& run, const ConnectorSet& connectors, Timestamp at) {
  constexpr std::array<std::pair<Kill, std::string_view>, 3> kUseOf{
      {{Kill::access_token, kUse}, {Kill::refresh_token, kRefresh}, {Kill::key, kKeyUse}}};
  for (const Claim& claim : claims_of(run, connectors)) {
    for (const auto& [kill, use] : kUseOf) {
      if (!has_kill(claim, kill)) continue;
      const std::pair key(claim.step + " " + claim.subject, std::string(to_string(kill)));
      if (claim.verdict != Verdict::proved) {
        green_now_.erase(key);
      } else if (green_now_.insert(key).second) {
        greens_.push_back({.subject = claim.subject, .use = std::string(use), .at = at});
      }
    }
  }
}

void ScoreKeeper::judge_platform(const Step& step, const std::string& item, Timestamp at) {
  const Value truth = world_.truth(at);
  const auto names = [&](std::string_view member) {
    return std::ranges::any_of(truth[member].list_or_empty(),
                               [&](const Value& id) { return id.string_or("") == item; });
  };
  const range::Leaked& leaked = world_.leaked();
  for (const Kill kill : step.kills) {
    const bool of_leaked =
        item.empty() || item == leaked.credential_id || item == leaked.vault_id;
    const bool refreshes = of_leaked && truth["vault_refreshes"].bool_or(false);
    const bool alive = (kill == Kill::session && names("sessions_running")) ||
                       (kill == Kill::schedule && names("deployments_active")) ||
                       (kill == Kill::refresh && refreshes);
    if (!alive) continue;
    false_greens_.push_back({.subject = item.empty() ? step.id : item,
                             .proved_at = since(at),
                             .worked_at = since(at),
                             .how = std::string(to_string(kill))});
  }
}

void ScoreKeeper::add_false_greens(DrillRecord& record) const {
  record.false_greens = false_greens_;
  for (const Green& green : greens_) {
    for (const range::LogLine& line : world_.intruder_log()) {
      if (line.note != green.use || line.at <= green.at) continue;
      if (passed(line)) {
        record.false_greens.push_back({.subject = green.subject,
                                       .proved_at = since(green.at),
                                       .worked_at = since(line.at),
                                       .how = green.use});
      }
      break;
    }
  }
}

void ScoreKeeper::add_times(DrillRecord& record, const std::vector<Claim>& claims,
                            const RunState& run) const {
  const auto took = [&](const std::optional<Timestamp>& at) -> std::optional<Duration> {
    if (!at) return std::nullopt;
    return since(*at);
  };
  record.times.push_back({"plan", scenario_.goals.plan, took(planned_ ? planned_ : started_)});
  record.times.push_back({"decide", scenario_.goals.decide, took(decided_)});
  for (const Plane plane : {Plane::holder, Plane::runtime, Plane::issuer, Plane::resource}) {
    bool any = false;
    bool all_proved = true;
    for (const Claim& claim : claims) {
      if (claim.plane != plane || claim.step == "verify") continue;
      any = true;
      all_proved &= claim.verdict == Verdict::proved;
    }
    if (!any) continue;
    const auto done = plane_done_.find(plane);
    std::optional<Timestamp> at;
    if (all_proved && done != plane_done_.end()) at = done->second;
    record.times.push_back(
        {"contain " + std::string(to_string(plane)), scenario_.goals.contain, took(at)});
  }
  const bool proved = run.result == RunResult::contained;
  record.times.push_back(
      {"prove", scenario_.goals.prove, proved ? took(run.finished_at) : std::nullopt});
}

void ScoreKeeper::add_exposures(DrillRecord& record, const std::vector<Claim>& claims) const {
  for (const Claim& claim : claims) {
    if (claim.verdict == Verdict::proved) continue;
    if (record.exposed.size() == kExposuresMax) break;
    const bool has_end = claim.residual && claim.residual->until;
    record.exposed.push_back({.subject = claim.subject,
                              .verdict = std::string(to_string(claim.verdict)),
                              .until = has_end ? format_rfc3339(*claim.residual->until) : "",
                              .reason = claim.residual ? claim.residual->reason : ""});
  }
}

void ScoreKeeper::add_intruder(DrillRecord& record, Timestamp now) const {
  const auto minutes = static_cast<std::size_t>((since(now).count() + 59'999) / 60'000);
  record.minutes.resize(std::clamp<std::size_t>(minutes, 1, kMinutesMax));
  std::map<std::string, bool> last;
  for (const range::LogLine& line : world_.intruder_log()) {
    const bool in = passed(line);
    const auto minute =
        static_cast<std::size_t>(std::max<std::int64_t>(since(line.at).count() / 60'000, 0));
    if (minute < record.minutes.size()) {
      DrillMinute& cell = record.minutes[minute];
      (in ? cell.passed : cell.refused) += 1;
    }
    if (std::ranges::find(kUses, line.note) != kUses.end()) {
      if (in) {
        record.last_success = since(line.at);
        record.first_failure.reset();  // a refusal that a refresh undid did not keep him out
      } else if (!record.first_failure) {
        record.first_failure = since(line.at);
      }
    }
    const auto [known, is_new] = last.try_emplace(line.note, in);
    const bool changed = std::exchange(known->second, in) != in;
    const bool tells = is_new || changed || (in && line.note != kUse && line.note != kKeyUse);
    if (tells && record.timeline.size() < 2 * kMomentsMax) {
      record.timeline.push_back({.at = since(line.at),
                                 .side = DrillMoment::Side::intruder,
                                 .text = words_for(line),
                                 .is_bad = in});
    }
  }
  record.inside_at_the_end = world_.truth(now)["thief_in"].bool_or(true);
}

/// Changes that the new process sent to where the old one died before it had looked at anything.
std::int64_t ScoreKeeper::blind_repeats() const {
  if (!died_ || !scenario_.crash) return 0;
  std::int64_t repeats = 0;
  for (const range::LogLine& line : world_.request_log()) {
    if (line.who != "client" || line.at <= *died_) continue;
    if (line.effect != Effect::mutate && line.host != "platform") break;  // it looked
    const bool same = line.host == range::to_string(scenario_.crash->host) &&
                      line.path.find(scenario_.crash->path) != std::string::npos;
    repeats += line.effect == Effect::mutate && same ? 1 : 0;
  }
  return repeats;
}

void ScoreKeeper::compare(DrillRecord& record, const std::vector<Claim>& claims,
                          const RunState& run, const AlertCounts& alerts, Timestamp end) const {
  std::vector<std::string>& out = record.differences;
  const Truth& truth = scenario_.truth;
  const auto count = [&](std::string_view what, const std::optional<std::int64_t>& wanted,
                         std::int64_t seen) {
    if (wanted) add_difference(out, what, std::to_string(*wanted), std::to_string(seen));
  };
  add_difference(out, "the result", to_string(scenario_.ends), to_string(record.result));
  if (truth.first_result && first_result_)
    add_difference(out, "the first result", to_string(*truth.first_result),
                   to_string(*first_result_));
  // Where the scenario does not say it, the result does.
  std::optional<bool> wanted_in = truth.intruder_in;
  if (!wanted_in && scenario_.ends == RunResult::exposed) wanted_in = true;
  if (!wanted_in && scenario_.ends == RunResult::contained) wanted_in = false;
  if (wanted_in)
    add_difference(out, "the intruder", *wanted_in ? "in" : "out",
                   record.inside_at_the_end ? "in" : "out");
  if (truth.memory_clean) {
    const Value now = world_.truth(end);
    const bool clean = now["memory_poisoned"].list_or_empty().empty() &&
                       now["memory_poisoned_versions"].list_or_empty().empty() &&
                       now["memory_restored"].bool_or(false);
    add_difference(out, "the memory", *truth.memory_clean ? "clean" : "poisoned",
                   clean ? "clean" : "poisoned");
  }
  for (const auto& [kill, wanted] : truth.claims) {
    std::optional<Verdict> worst;
    for (const Claim& claim : claims) {
      if (has_kill(claim, kill)) worst = worst ? worse(*worst, claim.verdict) : claim.verdict;
    }
    add_difference(out, "the claim " + std::string(to_string(kill)), to_string(wanted),
                   worst ? to_string(*worst) : "not made");
  }
  count("exclusions without owner", truth.excluded_without_owner, record.without_owner());
  count("open reviews", truth.open_reviews, record.open_reviews());
  count("runs begun by alerts", truth.runs, alerts.runs);
  count("repeated alerts", truth.alerts_repeated, alerts.repeated);
  count("refused alerts", truth.alerts_refused, alerts.refused);
  count("blind repeats", truth.blind_repeats, blind_repeats());
  if (truth.announced_within) {
    const bool known = record.announced && record.contained_after;
    const auto real = known ? static_cast<double>(record.contained_after->count()) : 1.0;
    const double off =
        known ? 100.0 * std::abs(static_cast<double>(record.announced->count()) - real) / real
              : 100.0;
    if (off > *truth.announced_within)
      out.push_back(fmt::format("the announced time is {:.0f} % off the real one", off));
  }
  if (!run.finished()) out.emplace_back("the run did not end");
}

DrillRecord ScoreKeeper::finish(const RunState& run, const ConnectorSet& connectors,
                                const AlertCounts& alerts, Timestamp now) {
  DrillRecord record{.drill = to_string(run.id),
                     .scenario = scenario_.id,
                     .title = scenario_.title,
                     .teaches = scenario_.teaches,
                     .playbook = run.playbook->id,
                     .playbook_sha256 = run.playbook->sha256,
                     .played_at = begun_,
                     .lasted = since(now),
                     .result = run.result.value_or(RunResult::failed),
                     .ends = scenario_.ends,
                     .excluded = excluded_,
                     .approvals = approvals_,
                     .announced = announced_,
                     .timeline = timeline_,
                     .questions = scenario_.questions};
  if (refuted_) record.refuted_after = since(*refuted_);
  if (last_kill_ && decided_) record.contained_after = since(*last_kill_) - since(*decided_);
  const std::vector<Claim> claims = claims_of(run, connectors);
  add_intruder(record, now);
  add_false_greens(record);
  for (const FalseGreen& green : record.false_greens) {
    record.timeline.push_back({.at = green.worked_at,
                               .side = DrillMoment::Side::defender,
                               .text = "False green: " + green.subject + " still worked",
                               .is_bad = true});
  }
  add_times(record, claims, run);
  add_exposures(record, claims);
  compare(record, claims, run, alerts, now);
  std::ranges::stable_sort(record.timeline, {}, &DrillMoment::at);
  return record;
}

}  // namespace quell
