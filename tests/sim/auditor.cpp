#include "tests/sim/auditor.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "orchestrator/engine/step_walk.h"
#include "orchestrator/report/run_document.h"
#include "state/base/json.h"

namespace quell::sim {
namespace {

/// Worlds in which a thief may have rotated the refresh token away before anybody looked. Of one
/// that nobody holds, nobody can tell: a weak proof may be wrong there, a strong one never.
constexpr std::array<std::string_view, 3> kRotating{"spent_refresh_200", "rotation",
                                                    "rotation_family"};

bool is_limit(const std::string& profiles, const Claim& claim) {
  return claim.grade == Grade::weak && claim.subject == "refresh token (not held)" &&
         std::any_of(kRotating.begin(), kRotating.end(), [&](std::string_view profile) {
           return ("," + profiles + ",").find("," + std::string(profile) + ",") !=
                  std::string::npos;
         });
}

std::string_view last_part(std::string_view id) {
  return id.substr(id.rfind('/') == std::string_view::npos ? 0 : id.rfind('/') + 1);
}

/// The steps that clean up: they begin after an abort too.
std::set<std::string> tail_steps(const Playbook& playbook) {
  std::set<std::string> names;
  const auto add = [&](const Step& step) { names.insert(step.id); };
  for_each_step(playbook.finally_steps, add);
  for_each_step(playbook.steps, [&](const Step& step) {
    if (const auto* const block = std::get_if<BlockStep>(&step.kind))
      for_each_step(block->rescue, add);
    if (const auto* const call = std::get_if<CallStep>(&step.kind))
      for_each_step(call->callee->finally_steps, add);
  });
  return names;
}

const ActionSpec* spec_of(const Step& step, const ConnectorSet& connectors) {
  const auto* const use = std::get_if<UseStep>(&step.kind);
  return use == nullptr ? nullptr : find_action(connectors, use->connection, use->action);
}

std::string told(const Claim& claim) {
  std::string text = claim.step + "/" + claim.item + " " + claim.subject + " " +
                     std::string(to_string(claim.grade)) + ":";
  for (const std::string& proof : claim.proof) text += " " + proof + ";";
  return text;
}

}  // namespace

void Auditor::see(const Entry& entry, const RunState* run, const ConnectorSet& connectors) {
  if (run == nullptr) return;
  if (entry.kind == EntryKind::run_aborted) aborted_.insert(run->id);
  if (entry.kind == EntryKind::approval_given)
    approved_by_[run->id].insert(entry.body["who"].string_or(""));
  if (entry.kind == EntryKind::probe_finished && !entry.body.has("step"))
    last_look_[run->id] = entry.at;
  begins_nothing_after_abort(entry, *run, connectors);
  is_approved(entry, *run, connectors);
  looks_before_it_repeats(entry, *run);
}

/// After an abort no new change begins, except what cleans up.
void Auditor::begins_nothing_after_abort(const Entry& entry, const RunState& run,
                                         const ConnectorSet& connectors) {
  if (entry.kind != EntryKind::attempt_started || !aborted_.contains(run.id)) return;
  if (entry.body.has("intent") || run.mode == RunMode::dry_run) return;
  const std::string id = entry.body["step"].string_or("");
  const Step* const step = find_step(run, id);
  const ActionSpec* const spec = step == nullptr ? nullptr : spec_of(*step, connectors);
  if (spec == nullptr || spec->effect != Effect::mutate) return;
  if (!tail_steps(*run.playbook).contains(std::string(last_part(id))))
    findings_.violated("after an abort no new change begins", id);
}

/// An attempt whose change has no known end is not made again before its action or a probe looked,
/// or a person decided.
void Auditor::looks_before_it_repeats(const Entry& entry, const RunState& run) {
  const Value& body = entry.body;
  if (!body.has("step")) return;
  const std::string work =
      to_string(run.id) + " " + body["step"].string_or("") + " " + body["item"].string_or("");
  const bool of_probe = body.has("probe");
  if (entry.kind == EntryKind::request_sent && !of_probe) {
    if (body["effect"].string_or("") == "mutate") in_doubt_.insert(work);
  } else if (entry.kind == EntryKind::attempt_finished) {
    if (body["error"]["class"].string_or("") != "unknown") in_doubt_.erase(work);
  } else if (entry.kind == EntryKind::attempt_settled || entry.kind == EntryKind::probe_finished) {
    in_doubt_.erase(work);
  } else if (entry.kind == EntryKind::attempt_started) {
    if (!body.has("intent") && in_doubt_.contains(work))
      findings_.violated("no change is repeated without a look", work);
    if (body.has("intent")) in_doubt_.erase(work);
  }
}

/// No change leaves before the people that policy demands have approved it.
void Auditor::is_approved(const Entry& entry, const RunState& run, const ConnectorSet& connectors) {
  if (entry.kind != EntryKind::request_sent || entry.body.has("probe")) return;
  if (entry.body["effect"].string_or("") != "mutate") return;
  const Step* const step = find_step(run, entry.body["step"].string_or(""));
  const ActionSpec* const spec = step == nullptr ? nullptr : spec_of(*step, connectors);
  if (spec == nullptr) return;
  int floor = policy_.floor_change;
  if (step->irreversible || spec->irreversible) floor = std::max(floor, policy_.floor_irreversible);
  if (spec->wide) floor = std::max(floor, policy_.floor_wide);
  std::set<std::string> people = approved_by_[run.id];
  bool enough = floor == 0;
  if (policy_.strict) {
    people.erase(run.who);
    enough |= static_cast<int>(people.size()) >= floor;
  } else {
    enough |= run.confirmed || run.approved_in_advance || !people.empty();
  }
  if (run.automatic && entry.body["account"].string_or("") == kByAutomation) {
    std::set<std::string>& targets = targets_of_alert_[run.id];
    targets.insert(step->id + "/" + entry.body["item"].string_or(""));
    if (static_cast<int>(targets.size()) > policy_.auto_irreversible_per_run && people.empty() &&
        !run.break_glass)
      findings_.violated("no alert does more than policy allows without a person", step->id);
  }
  if (!enough)
    findings_.violated(
        "no change leaves below the floor of policy",
        step->id + " with " + std::to_string(people.size()) + " of " + std::to_string(floor));
}

/// Every item of a foreach is named: it was done, excluded, or stands among the open claims.
void Auditor::names_every_item(const RunState& run, const ConnectorSet& connectors) {
  const auto find = run.steps.find("find");
  if (find == run.steps.end() || find->second.items.empty()) return;
  std::set<std::string> expected;
  for (const Value& credential :
       find->second.items.front().outputs["credentials"].list_or_empty()) {
    expected.insert(credential["id"].string_or(""));
  }
  const std::vector<Claim> claims = claims_of(run, connectors);
  for_each_step(run.playbook->steps, [&](const Step& step) {
    if (!step.foreach_items || (step.id != "purge" && step.id != "each")) return;
    const auto state = run.steps.find(step.id);
    if (state == run.steps.end() || state->second.phase == StepState::Phase::idle) return;
    if (state->second.outcome == OutcomeKind::skipped) return;
    std::set<std::string> named(state->second.excluded.begin(), state->second.excluded.end());
    for (const ItemState& item : state->second.items) {
      named.insert(item.key);
      const bool claimed = std::any_of(claims.begin(), claims.end(), [&](const Claim& claim) {
        return claim.item == item.key || claim.step.starts_with(step.id + "[" + item.key + "]");
      });
      if (!claimed && !(item.outcome && *item.outcome == OutcomeKind::done))
        findings_.violated("no item is left out", step.id + "/" + item.key + " has no claim");
      if (run.result == RunResult::contained && !item.outcome)
        findings_.violated("no item is left out", step.id + "/" + item.key + " has no outcome");
    }
    if (named != expected && !state->second.error)
      findings_.violated("no item is left out", step.id + " names " + std::to_string(named.size()) +
                                                    " of " + std::to_string(expected.size()));
  });
}

/// A run is contained only when every claim is proved.
void Auditor::contained_means_all_proved(const RunState& run, const ConnectorSet& connectors) {
  if (run.result != RunResult::contained) return;
  for (const Claim& claim : claims_of(run, connectors)) {
    if (claim.verdict != Verdict::proved)
      findings_.violated("contained means that every claim is proved", told(claim));
  }
}

/// True when a session that names the incident's vault began since the run did, before the last
/// look, and runs.
bool Auditor::session_came(const RunState& run, Timestamp now) {
  const Timestamp looked = last_look_[run.id];
  const Value truth = site_.world().truth(now);
  for (const Value& id : truth["sessions_running"].list_or_empty()) {
    const std::optional<Timestamp> created = site_.session_created(id.string_or(""), now);
    constexpr Duration kBesideTheLook{5'000};
    if (created && *created >= run.started && *created + kBesideTheLook < looked) return true;
  }
  return false;
}

bool Auditor::lives(const RunState& run, const Claim& claim, Kill kill, Timestamp now) {
  const bool of_run = last_part(claim.step) == "verify";
  const range::Leaked& leaked = site_.world().leaked();
  const Value truth = site_.world().truth(now);
  switch (kill) {
    case Kill::access_token:
      return truth["leaked_access_token_works"].bool_or(true);
    case Kill::refresh_token:
      return truth["refresh_token_works"].bool_or(true);
    case Kill::refresh:
      if (of_run) return site_.credential_lives(leaked.vault_id, leaked.credential_id, now);
      return site_.credential_lives(site_.vault_of(claim.subject), claim.subject, now);
    case Kill::session:
      if (!of_run) return site_.session_lives(claim.subject, now);
      return run.playbook->id == "leaked-mcp-oauth" && session_came(run, now);
    case Kill::schedule:
      return site_.deployment_lives(claim.subject, now);
    case Kill::key:
    case Kill::entry:
      break;
  }
  return false;
}

/// Nothing is called proved that the world says is alive.
void Auditor::finished(const RunState& run, const ConnectorSet& connectors, Timestamp now) {
  contained_means_all_proved(run, connectors);
  names_every_item(run, connectors);
  const std::string profiles = site_.world().truth(now)["profile"].string_or("");
  for (const Claim& claim : claims_of(run, connectors)) {
    if (claim.verdict != Verdict::proved) continue;
    for (const Kill kill : claim.kills) {
      if (lives(run, claim, kill, now) && !is_limit(profiles, claim)) {
        findings_.violated("nothing alive is called proved",
                           std::string(to_string(kill)) + " of " + told(claim));
      }
    }
  }
}

void Auditor::chain_verifies(const MemoryJournal& disk) {
  if (disk.verify().failure.has_value()) findings_.violated("the chain verifies", "it does not");
}

void Auditor::folds_the_same(MemoryJournal& disk, SecretStore& secrets, const Engine& engine,
                             const PlaybookLoader& load, const ConnectorSet& connectors) {
  const Result<Folded> folded = fold_journal(disk, &secrets, load, connectors);
  if (!folded) {
    findings_.violated("the journal folds to what the engine knows", describe(folded.error()));
    return;
  }
  for (const auto& [id, run] : engine.runs()) {
    const auto again = folded->runs.find(id);
    const std::string live = to_json(run_document(run, connectors));
    const std::string read =
        again == folded->runs.end() ? "" : to_json(run_document(again->second, connectors));
    if (live == read) continue;
    const auto differs = std::mismatch(live.begin(), live.end(), read.begin(), read.end());
    const auto at = static_cast<std::size_t>(differs.first - live.begin());
    constexpr std::size_t kAround = 60;
    findings_.violated("the journal folds to what the engine knows",
                       live.substr(at < kAround ? 0 : at - kAround, 2 * kAround));
  }
}

void Auditor::holds_no_secret(MemoryJournal& disk, const std::set<std::string>& secrets) {
  for (const MemoryJournal::Row& row : disk.rows()) {
    for (const std::string& secret : secrets) {
      if (row.bytes.find(secret) != std::string::npos)
        findings_.violated("no secret stands in the journal",
                           secret.substr(0, 4) + "... in " + row.bytes.substr(0, 80));
    }
  }
}

}  // namespace quell::sim
