#include "orchestrator/engine/claims.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "orchestrator/engine/expansion.h"
#include "orchestrator/engine/step_walk.h"
#include "state/base/contains.h"

namespace quell {
namespace {

/// `fp:` and eight digits: what people compare.
constexpr std::size_t kShortFingerprintSize = 11;

/// What `probe` can prove: its action's declaration; a self probe proves what the step's own action
/// declares.
std::vector<Kill> provable(const Step& step, const ProbeSpec& probe,
                           const ConnectorSet& connectors) {
  const auto* const use = std::get_if<UseStep>(&step.kind);
  const ActionSpec* spec = nullptr;
  if (!probe.self) {
    spec = find_action(connectors, probe.connection, probe.action);
  } else if (use != nullptr) {
    spec = find_action(connectors, use->connection, use->action);
  }
  return spec == nullptr ? std::vector<Kill>{} : spec->proves;
}

/// Adds what one series of looks says to a claim. A refutation outweighs any proof, a proof
/// outweighs silence.
void judge(Claim& claim, const ProbeState& probe) {
  if (probe.looks == 0) return;
  const Judgement& last = probe.last;
  if (!last.proof.empty()) claim.proof.push_back(last.proof);
  if (last.verdict == Verdict::refuted) {
    claim.verdict = Verdict::refuted;
    claim.grade = last.grade;
    claim.residual = last.residual;
    return;
  }
  if (claim.verdict == Verdict::refuted) return;
  if (last.verdict == Verdict::proved) {
    claim.verdict = Verdict::proved;
    claim.grade = std::max(claim.grade, last.grade);
    claim.corroborated = claim.corroborated || last.corroborated;
    claim.residual.reset();
  } else if (claim.verdict == Verdict::unproved && last.residual) {
    claim.residual = last.residual;
  }
}

/// A series of looks that may judge a claim, and what it looks with.
struct Series {
  const ProbeSpec* spec = nullptr;
  const ProbeState* state = nullptr;
};

bool has_evidence(const ProbeState& probe) {
  return probe.looks > 0 && probe.last.verdict != Verdict::unproved;
}

/// A later step that looked at the same thing in the same way, and saw something, has the newer
/// word: as within one series, the last look counts. Only of a series that made its own last look
/// before the other began. A self probe judges its own step's result alone.
bool is_outdated(const Series& series, const std::vector<Series>& all) {
  const ProbeState& mine = *series.state;
  if (series.spec->self || !mine.finished()) return false;
  const Timestamp last = std::max(mine.started, mine.due);
  return std::any_of(all.begin(), all.end(), [&](const Series& other) {
    return other.state != &mine && !other.spec->self && has_evidence(*other.state) &&
           other.spec->connection == series.spec->connection &&
           other.spec->action == series.spec->action && other.state->params == mine.params &&
           other.state->started > last;
  });
}

/// The word for what a kill ends, when it is a token that may or may not be in hand.
std::string_view token_param(Kill kill) {
  switch (kill) {
    case Kill::access_token:
      return "token";
    case Kill::refresh_token:
      return "refresh_token";
    case Kill::refresh:
    case Kill::session:
    case Kill::schedule:
    case Kill::key:
    case Kill::entry:
      return "";
  }
  return "";
}

std::string subject_of(const ItemState& item, Kill kill) {
  if (const std::string_view param = token_param(kill); !param.empty()) {
    const std::string word = kill == Kill::access_token ? "access token" : "refresh token";
    const Value& token = item.params[param];
    if (token.is_null()) return word + " (not held)";
    return word + " " + token.string_or("").substr(0, kShortFingerprintSize);
  }
  constexpr std::array<std::string_view, 8> kIds{
      "credential_id", "deployment_id",     "session_id", "api_key_id",
      "vault_id",      "memory_version_id", "memory_id",  "memory_store_id"};
  for (const std::string_view id : kIds) {
    if (item.params[id].is_string()) return item.params[id].as_string();
  }
  return item.key;
}

/// The end that a record read beside `claim`'s step gives for the access token, if any.
std::optional<Timestamp> recorded_expiry(const RunState& run, const Claim& claim) {
  const Value steps = frame_named(run, frame_of(claim.step)).steps;
  if (!steps.is_map()) return std::nullopt;
  for (const auto& [id, step] : steps.as_map()) {
    if (step["expires_at"].is_timestamp()) return step["expires_at"].as_timestamp();
  }
  return std::nullopt;
}

/// What the act itself found out bounds what a probe can prove.
void heed_doubts(Claim& claim, const ItemState& item) {
  for (const Doubt& doubt : item.doubts) {
    if (!contains(claim.kills, doubt.kill)) continue;
    // It comes from another token of the grant: who saw this one alive knows better.
    if (doubt.kill == Kill::access_token && claim.verdict == Verdict::refuted) continue;
    if (claim.verdict == Verdict::refuted && doubt.at_best == Grade::none) {
      // That it works is known; what else may live is not.
      std::string seen = claim.residual ? claim.residual->reason : "it was seen to work";
      if (!claim.residual) claim.residual.emplace();
      claim.residual->reason = std::move(seen) + "; " + doubt.reason;
    }
    if (claim.verdict != Verdict::proved) continue;
    claim.grade = std::min(claim.grade, doubt.at_best);
    if (doubt.at_best == Grade::none) {
      claim.verdict = Verdict::unproved;
      claim.residual = Residual{.reason = doubt.reason};
    } else {
      claim.proof.push_back(doubt.reason);
    }
  }
}

/// Where a part of a grant is seen alive, a server that refuses its access token may refuse quell
/// alone, or everybody (T8): its word counts with the issuer's beside it.
void heed_contradiction(std::span<Claim> grant, const RunState& run) {
  const bool lives = std::any_of(grant.begin(), grant.end(), [](const Claim& claim) {
    return claim.verdict == Verdict::refuted;
  });
  if (!lives) return;
  for (Claim& claim : grant) {
    if (claim.verdict != Verdict::proved || claim.corroborated ||
        !contains(claim.kills, Kill::access_token))
      continue;
    claim.verdict = Verdict::unproved;
    claim.grade = Grade::none;
    claim.residual = Residual{.until = recorded_expiry(run, claim),
                              .reason = "its server refuses it, but the grant lives: that the "
                                        "server refuses the thief too is not known"};
  }
}

/// A resource server may honour a token a little past its end (oauth sheet 6.5).
constexpr Duration kClockSkew{60'000};

/// An access token whose recorded end passed while the run was watched is dead by age. Only the
/// platform's record counts: an unverified claim inside a token may lengthen a horizon, never
/// shorten it (threat T12).
void let_horizon_pass(Claim& claim, const RunState& run) {
  if (!run.watch.started || claim.verdict != Verdict::unproved ||
      !contains(claim.kills, Kill::access_token))
    return;
  const std::optional<Timestamp> recorded = recorded_expiry(run, claim);
  if (!recorded) return;
  const Timestamp end = claim.residual && claim.residual->until
                            ? std::max(*recorded, *claim.residual->until)
                            : *recorded;
  if (run.now < end + kClockSkew) return;
  claim.verdict = Verdict::proved;
  claim.grade = Grade::weak;
  claim.proof.push_back("its end passed at " + format_rfc3339(end));
}

void explain(Claim& claim, const RunState& run, const ItemState* item) {
  if (claim.verdict == Verdict::proved) {
    claim.residual.reset();
    return;
  }
  if (claim.residual) return;
  Residual residual;
  if (run.mode == RunMode::dry_run) {
    residual.reason = "a rehearsal proves nothing";
  } else if (item != nullptr && item->outcome == OutcomeKind::failed && item->error) {
    residual.reason = item->error->message;
  } else if (item != nullptr && item->outcome == OutcomeKind::unknown) {
    residual.reason = "the request may or may not have been applied";
  } else if (item == nullptr || !item->outcome || item->outcome == OutcomeKind::skipped) {
    residual.reason = item != nullptr && !item->skipped_by.empty()
                          ? "skipped by " + item->skipped_by
                          : "the step did not run";
  } else if (claim.verdict == Verdict::refuted) {
    residual.reason = "it was seen to work";
  } else {
    residual.reason = "no probe could look at it";
  }
  if (contains(claim.kills, Kill::access_token)) {
    residual.until = recorded_expiry(run, claim);
    if (residual.until) residual.reason += "; the record says it expires then";
  }
  claim.residual = std::move(residual);
}

void add_step_claims(std::vector<Claim>& claims, const RunState& run, const Step& step,
                     const ConnectorSet& connectors) {
  if (step.kills.empty()) return;
  const auto found = run.steps.find(step.id);
  const StepState empty;
  const StepState& state = found == run.steps.end() ? empty : found->second;
  const auto* const use = std::get_if<UseStep>(&step.kind);
  const ActionSpec* const spec =
      use == nullptr ? nullptr : find_action(connectors, use->connection, use->action);
  const auto judges = run.judges.find(step.id);
  const auto base = [&](Kill kill) {
    Claim claim;
    claim.kills = {kill};
    claim.step = step.id;
    claim.plane = step.plane.value_or(
        spec != nullptr && !spec->planes.empty() ? spec->planes.front() : Plane::holder);
    return claim;
  };
  for (const ItemState& item : state.items) {
    const std::size_t first = claims.size();
    for (const Kill kill : step.kills) {
      Claim claim = base(kill);
      claim.item = item.key;
      claim.subject = subject_of(item, kill);
      claim.outcome = item.outcome.value_or(OutcomeKind::skipped);
      std::vector<Series> looks;
      const auto add_looks = [&](const Step& of, const ItemState& at) {
        for (std::size_t i = 0; i < at.probes.size(); ++i) {
          if (contains(provable(of, of.verify[i], connectors), kill))
            looks.push_back({.spec = &of.verify[i], .state = &at.probes[i]});
        }
      };
      if (step.proves.empty()) add_looks(step, item);
      std::vector<const ItemState*> later;
      if (judges != run.judges.end()) {
        for (const Step* const other : judges->second) {
          const auto judge_step = run.steps.find(other->id);
          if (judge_step == run.steps.end()) continue;
          // Of a foreach each item judges its own: one dead grant says nothing of another.
          const auto same = judge_step->second.item_index.find(item.key);
          if (same == judge_step->second.item_index.end()) continue;
          const ItemState& judging = judge_step->second.items[same->second];
          add_looks(*other, judging);
          later.push_back(&judging);
        }
      }
      for (const Series& series : looks) {
        if (!is_outdated(series, looks)) judge(claim, *series.state);
      }
      // A person skipped the act: that it is dead all the same was somebody else's doing.
      if (!item.skipped_by.empty() && claim.verdict == Verdict::proved) claim.grade = Grade::weak;
      heed_doubts(claim, item);
      for (const ItemState* const judging : later) heed_doubts(claim, *judging);
      claims.push_back(std::move(claim));
    }
    const auto grant = std::span(claims).subspan(first);
    heed_contradiction(grant, run);
    for (Claim& claim : grant) {
      let_horizon_pass(claim, run);
      explain(claim, run, &item);
    }
  }
  if (state.items.empty() && !(step.foreach_items && state.phase == StepState::Phase::finished &&
                               state.outcome == OutcomeKind::done)) {
    for (const Kill kill : step.kills) {
      Claim claim = base(kill);
      claim.subject = step.title.empty() ? step.id : step.title;
      explain(claim, run, nullptr);
      claims.push_back(std::move(claim));
    }
  }
  for (const std::string& key : state.excluded) {
    for (const Kill kill : step.kills) {
      Claim claim = base(kill);
      claim.item = key;
      claim.subject = key;
      claim.residual = Residual{.reason = "beyond the step's max: not done"};
      claims.push_back(std::move(claim));
    }
  }
}

/// A call or a loop over steps that never began: what its steps would have claimed stays open.
// Calls are at most kCallDepthMax deep.
// NOLINTNEXTLINE(misc-no-recursion)
void add_unmade_claims(std::vector<Claim>& claims, const RunState& run, const Step& step,
                       const std::string& id) {
  const auto visit = [&](const Step& inner) {  // NOLINT(misc-no-recursion)
    const std::string name = id + "/" + std::string(local_name(inner.id));
    for (const Kill kill : inner.kills) {
      Claim claim;
      claim.kills = {kill};
      claim.step = name;
      claim.subject = inner.title.empty() ? name : inner.title;
      claim.plane = inner.plane.value_or(Plane::holder);
      explain(claim, run, nullptr);
      claims.push_back(std::move(claim));
    }
    if (std::holds_alternative<CallStep>(inner.kind)) add_unmade_claims(claims, run, inner, name);
  };
  if (const auto* const call = std::get_if<CallStep>(&step.kind)) {
    for_each_step(call->callee->steps, visit);
  } else {
    for_each_inner_list(step, [&](const std::vector<Step>& list) { for_each_step(list, visit); });
  }
}

/// The claims of `steps` and of what is in them.
void add_claims(std::vector<Claim>& claims, const RunState& run, const std::vector<Step>& steps,
                const ConnectorSet& connectors) {
  for_each_step(run, steps, [&](const Step& step) {
    add_step_claims(claims, run, step, connectors);
    if (is_expanded(step) && !run.expansions.contains(step.id)) {
      add_unmade_claims(claims, run, step, step.id);
    }
  });
}

void add_postcondition(std::vector<Claim>& claims, const RunState& run,
                       const Postcondition& condition, const ConnectorSet& connectors) {
  const ProbeSpec& probe = *condition.spec;
  if (condition.probe.skipped && run.mode != RunMode::dry_run) return;
  Claim claim;
  claim.subject = condition.frame.empty() ? "run" : condition.frame;
  claim.step = condition.frame.empty() ? "verify" : condition.frame + "/verify";
  claim.item = probe.connection + "." + probe.action;
  claim.outcome = run.mode == RunMode::dry_run ? OutcomeKind::predicted : OutcomeKind::done;
  if (const ActionSpec* const spec = find_action(connectors, probe.connection, probe.action)) {
    claim.kills = spec->proves;
    if (!spec->planes.empty()) claim.plane = spec->planes.front();
  }
  judge(claim, condition.probe);
  if (claim.verdict != Verdict::proved && !claim.residual) {
    claim.residual = Residual{.reason = run.mode == RunMode::dry_run ? "a rehearsal proves nothing"
                                        : condition.probe.looks == 0 ? "the look was not made"
                                                                     : "the look settled nothing"};
  }
  claims.push_back(std::move(claim));
}

}  // namespace

std::vector<Claim> claims_of(const RunState& run, const ConnectorSet& connectors) {
  std::vector<Claim> claims;
  add_claims(claims, run, run.playbook->steps, connectors);
  for (const Postcondition& condition : run.verify) {
    add_postcondition(claims, run, condition, connectors);
  }
  return claims;
}

std::vector<Claim> claims_of_step(const RunState& run, const ConnectorSet& connectors,
                                  const Step& step) {
  std::vector<Claim> claims;
  add_step_claims(claims, run, step, connectors);
  if (!is_expanded(step)) return claims;
  const auto made = run.expansions.find(step.id);
  if (made == run.expansions.end()) {
    add_unmade_claims(claims, run, step, step.id);
    return claims;
  }
  for (const Expansion& time : *made->second) {
    const std::vector<Claim> more = claims_of_time(run, connectors, time);
    claims.insert(claims.end(), more.begin(), more.end());
  }
  return claims;
}

std::vector<Claim> claims_of_time(const RunState& run, const ConnectorSet& connectors,
                                  const Expansion& time) {
  std::vector<Claim> claims;
  add_claims(claims, run, time.steps, connectors);
  add_claims(claims, run, time.last, connectors);
  for (const Postcondition& condition : run.verify) {
    const bool inside =
        condition.frame == time.frame || condition.frame.starts_with(time.frame + "/");
    if (inside) add_postcondition(claims, run, condition, connectors);
  }
  return claims;
}

std::optional<Verdict> verdict_of(const std::vector<Claim>& claims) {
  if (claims.empty()) return std::nullopt;
  bool all_proved = true;
  for (const Claim& claim : claims) {
    if (claim.verdict == Verdict::refuted) return Verdict::refuted;
    all_proved &= claim.verdict == Verdict::proved;
  }
  return all_proved ? Verdict::proved : Verdict::unproved;
}

Value to_value(const Claim& claim) {
  ValueList kills;
  for (const Kill kill : claim.kills) kills.emplace_back(to_string(kill));
  ValueList proof;
  for (const std::string& words : claim.proof) proof.emplace_back(words);
  Value residual;
  if (claim.residual) {
    residual =
        Value::map({{"until", claim.residual->until ? Value(*claim.residual->until) : Value()},
                    {"reason", claim.residual->reason}});
  }
  return Value::map({{"subject", claim.subject},
                     {"plane", to_string(claim.plane)},
                     {"kills", Value(std::move(kills))},
                     {"step", claim.step},
                     {"item", claim.item},
                     {"outcome", to_string(claim.outcome)},
                     {"verdict", to_string(claim.verdict)},
                     {"grade", to_string(claim.grade)},
                     {"proof", Value(std::move(proof))},
                     {"residual", std::move(residual)}});
}

}  // namespace quell
