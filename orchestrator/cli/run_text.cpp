#include "orchestrator/cli/run_text.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/engine/decisions.h"
#include "orchestrator/engine/step_walk.h"
#include "state/base/bytes.h"

namespace quell::cli {
namespace {

constexpr std::size_t kStepColumn = 17;
constexpr std::size_t kWordsColumn = 43;

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return out;
}

/// What a foreach is about, by what its items' claims kill: "deployments", "sessions".
std::string noun_of(const Step& step) {
  for (const Kill kill : step.kills) {
    switch (kill) {
      case Kill::schedule:
        return "deployment";
      case Kill::session:
        return "session";
      case Kill::refresh:
        return "credential";
      case Kill::key:
        return "key";
      case Kill::entry:
        return "entry";
      case Kill::refresh_token:
      case Kill::access_token:
        return "grant";
    }
  }
  return "item";
}

/// A few words about what an action found or did, from its outputs.
std::string words_of(const std::string& action, const ItemState& item) {
  if (item.outcome == OutcomeKind::failed && item.error)
    return escape_untrusted(item.error->message);
  const Value& out = item.outputs;
  if (action == "get_credential") {
    return out["id"].string_or("") + ", " + out["type"].string_or("") +
           (out["archived_at"].is_null() ? ", active" : ", archived");
  }
  if (action == "blast_radius") {
    return counted(static_cast<std::int64_t>(out["live_sessions"].list_or_empty().size()),
                   "live session") +
           ", " +
           counted(static_cast<std::int64_t>(out["deployments"].list_or_empty().size()),
                   "deployment") +
           ", " +
           counted(static_cast<std::int64_t>(out["vault_ids"].list_or_empty().size()), "vault");
  }
  if (action == "probe_token") {
    const std::string answer = out["answer"].string_or("unknown");
    const std::string status =
        out["http_status"].is_int() ? std::to_string(out["http_status"].as_int()) + ": " : "";
    if (answer == "alive") return status + "the leaked token works now";
    return status + "the leaked token is " + answer;
  }
  if (action == "validate_credential") {
    const std::string answer = out["refresh_answer"].string_or("");
    if (answer == "dead") return "the vault's own refresh fails";
    if (answer == "alive") return "the vault's own refresh still works";
    return "token still passes, no refresh was tried";
  }
  if (action == "revoke_grant") return "the issuer took the request";
  if (action == "bundle") return out["path"].string_or("");
  if (action == "residual_exposure") return counted(out["open"].int_or(0), "claim") + " open";
  return out["id"].string_or(out["credential_id"].string_or(""));
}

const UseStep* use_of(const RunState& run, std::string_view id) {
  const Step* const step = find_step(run, id);
  return step == nullptr ? nullptr : std::get_if<UseStep>(&step->kind);
}

const ItemState* item_of(const RunState& run, const Value& body) {
  const auto step = run.steps.find(body["step"].string_or(""));
  if (step == run.steps.end()) return nullptr;
  const auto index = step->second.item_index.find(body["item"].string_or(""));
  return index == step->second.item_index.end() ? nullptr : &step->second.items[index->second];
}

std::string step_line(const RunState& run, const Entry& entry, std::string_view step,
                      std::string words, std::string tail) {
  std::string line = clock_since(run.started, entry.at) + "  " + in_column(step, kStepColumn);
  line += tail.empty() ? words : padded(words, kWordsColumn) + "  " + tail;
  return line;
}

Grade weakest_grade(const std::vector<Claim>& claims, std::string_view step) {
  Grade grade = Grade::strong;
  for (const Claim& claim : claims) {
    if (claim.step == step) grade = std::min(grade, claim.grade);
  }
  return grade;
}

std::string finished_words(const RunState& run, const Step& step, const StepState& state) {
  if (step.foreach_items) {
    const auto done =
        std::count_if(state.items.begin(), state.items.end(), [](const ItemState& item) {
          return item.outcome && item.outcome != OutcomeKind::failed &&
                 item.outcome != OutcomeKind::unknown;
        });
    const auto total = static_cast<std::int64_t>(state.items.size());
    if (total == 0) return "no " + noun_of(step) + "s";
    return std::to_string(done) + " of " + counted(total, noun_of(step)) +
           (state.excluded.empty() ? ""
                                   : ", " + std::to_string(state.excluded.size()) + " beyond max");
  }
  const auto* const use = std::get_if<UseStep>(&step.kind);
  if (use != nullptr && !state.items.empty()) return words_of(use->action, state.items.front());
  if (state.error) return escape_untrusted(state.error->message);
  (void)run;
  return state.outcome ? std::string(to_string(*state.outcome)) : "";
}

/// True when another step's verify judges the claims of `id` and has not run yet.
bool is_judged_later(const RunState& run, const std::string& id) {
  bool later = false;
  for_each_step(run, run.playbook->steps, [&](const Step& step) {
    const auto found = run.steps.find(step.id);
    later |= step.proves == id &&
             (found == run.steps.end() || found->second.phase != StepState::Phase::finished);
  });
  return later;
}

std::string person_step_finished(const Stream& stream, const RunState& run, const Entry& entry,
                                 const ConnectorSet& connectors) {
  const std::string id = entry.body["step"].string_or("");
  const Step* const step = find_step(run, id);
  const auto state = run.steps.find(id);
  if (step == nullptr || state == run.steps.end() ||
      std::holds_alternative<ParallelStep>(step->kind))
    return "";
  std::string tail;
  if (state->second.verdict == Verdict::unproved && is_judged_later(run, id)) {
    tail = stream.paint(to_string(state->second.outcome.value_or(OutcomeKind::done)), Colour::grey);
  } else if (state->second.verdict) {
    tail =
        verdict_text(stream, *state->second.verdict, weakest_grade(claims_of(run, connectors), id));
  } else if (state->second.outcome == OutcomeKind::failed) {
    tail = stream.paint("failed", Colour::yellow);
  } else if (state->second.items.size() == 1 &&
             state->second.items.front().outputs["answer"].string_or("") == "alive") {
    tail = stream.paint(std::string(stream.sign("bang")) + " alive", Colour::red);
  } else if (!step->proves.empty() && !state->second.items.empty() &&
             !state->second.items.front().probes.empty()) {
    const Judgement& last = state->second.items.front().probes.front().last;
    tail = verdict_text(stream, last.verdict, last.grade);
  } else if (state->second.outcome == OutcomeKind::predicted) {
    tail = "withheld";
  } else if (const auto* const use = std::get_if<UseStep>(&step->kind); use != nullptr) {
    const ActionSpec* const spec = find_action(connectors, use->connection, use->action);
    if (spec != nullptr && spec->effect == Effect::mutate)
      tail = stream.paint("done", Colour::grey);
  }
  return step_line(run, entry, id, finished_words(run, *step, state->second), tail);
}

/// What a person is asked to do, until when, and which fields they will be asked for.
std::string manual_words(const RunState& run, const Entry& entry) {
  const std::string id = entry.body["step"].string_or("");
  std::string fields;
  if (const Step* const step = find_step(run, id)) {
    for (const InputSpec& field : std::get<ManualStep>(step->kind).fields) {
      fields += " -i " + field.name + "=...";
    }
  }
  return "by hand until " + format_clock_time(run.steps.at(id).manual.until, entry.at) + ": " +
         escape_untrusted(entry.body["ask"].string_or("")) + "; then quell done " +
         to_string(run.id) + " " + id + fields;
}

std::string approval_words(const RunState& run, const Entry& entry) {
  const Value& body = entry.body;
  return "approved by " + body["who"].string_or("") + " for " + run.digest.substr(0, 12);
}

/// Claims that read alike are one row: the items of a foreach.
struct ClaimRow {
  std::string what{};
  Plane plane = Plane::holder;
  OutcomeKind outcome = OutcomeKind::done;
  Verdict verdict = Verdict::unproved;
  Grade grade = Grade::none;
  std::string proof{};
  std::int64_t count = 0;
  std::string noun{};
};

/// Of a top-level `verify`, the run's own or that of a playbook it calls.
bool is_postcondition(const Claim& claim) {
  return claim.step == "verify" || claim.step.ends_with("/verify");
}

std::vector<ClaimRow> rows_of(const RunState& run, const std::vector<Claim>& claims) {
  std::vector<ClaimRow> rows;
  for (const Claim& claim : claims) {
    const Step* const step = find_step(run, claim.step);
    const bool many = step != nullptr && step->foreach_items.has_value() && !claim.item.empty();
    const std::string what = is_postcondition(claim) ? claim.item
                             : many                  ? claim.step
                                                     : claim.subject;
    const auto same = std::find_if(rows.begin(), rows.end(), [&](const ClaimRow& row) {
      return many && row.what == what && row.verdict == claim.verdict && row.grade == claim.grade &&
             row.outcome == claim.outcome;
    });
    if (same != rows.end()) {
      ++same->count;
      continue;
    }
    rows.push_back({.what = what,
                    .plane = claim.plane,
                    .outcome = claim.outcome,
                    .verdict = claim.verdict,
                    .grade = claim.grade,
                    .proof = claim.proof.empty() ? (claim.residual ? claim.residual->reason : "")
                                                 : claim.proof.back(),
                    .count = 1,
                    .noun = many ? noun_of(*step) : ""});
  }
  return rows;
}

std::string horizon_text(const std::optional<Timestamp>& until, Timestamp now) {
  if (!until) return "end unknown";
  const std::string relative = *until > now ? "in " + format_duration(*until - now) : "past";
  return "until " + format_clock_time(*until, now) + " (" + relative + ") at worst";
}

std::string shown(const std::string& text) { return escape_untrusted(text); }

}  // namespace

std::string clock_since(Timestamp start, Timestamp now) {
  const std::int64_t s = std::max<std::int64_t>(0, (now - start).count() / 1'000);
  if (s >= 3'600) return fmt::format("T+{}:{:02}:{:02}", s / 3'600, s / 60 % 60, s % 60);
  return fmt::format("T+{:02}:{:02}", s / 60, s % 60);
}

std::string verdict_text(const Stream& stream, Verdict verdict, Grade grade) {
  switch (verdict) {
    case Verdict::proved:
      return stream.paint(std::string(stream.sign("check")) + " proved", Colour::green) +
             (grade == Grade::weak ? ", weak" : "");
    case Verdict::refuted:
      return stream.paint(std::string(stream.sign("cross")) + " refuted", Colour::red);
    case Verdict::unproved:
      return stream.paint(std::string(stream.sign("question")) + " unproved", Colour::yellow);
  }
  return "";
}

std::string result_text(const Stream& stream, RunResult result, AnswerOrigin origin) {
  Colour colour = Colour::yellow;
  switch (result) {
    case RunResult::contained:
      colour = Colour::green;
      break;
    case RunResult::exposed:
    case RunResult::failed:
      colour = Colour::red;
      break;
    case RunResult::incomplete:
    case RunResult::aborted:
      colour = Colour::yellow;
      break;
    case RunResult::rehearsed:
      colour = Colour::plain;
      break;
  }
  std::string text = stream.paint(upper(to_string(result)), colour);
  if (origin != AnswerOrigin::outside) text += " " + upper(to_string(origin));
  return text;
}

std::string line_for_person(const Stream& stream, const RunState& run, const Entry& entry,
                            const ConnectorSet& connectors) {
  const Value& body = entry.body;
  const std::string step = body["step"].string_or("");
  switch (entry.kind) {
    case EntryKind::run_started: {
      std::string line = to_string(run.id) + "  " + run.playbook->id;
      if (const std::string incident = incident_of(run); !incident.empty())
        line += "  " + shown(incident);
      line += "  started " + format_clock_time(run.started, entry.at);
      if (run.inputs["leaked_at"].is_timestamp())
        line += "  leaked " + format_duration(entry.at - run.inputs["leaked_at"].as_timestamp()) +
                " ago";
      return line;
    }
    case EntryKind::step_skipped:
      return step_line(run, entry, step,
                       body["who"].is_null() ? "skipped, " + body["why"].string_or("")
                                             : "skipped by " + body["who"].string_or(""),
                       "");
    case EntryKind::step_finished:
      return body["item"].is_null() && find_step(run, step) != nullptr &&
                     !run.steps.at(step).approval.requested && !run.steps.at(step).manual.requested
                 ? person_step_finished(stream, run, entry, connectors)
                 : "";
    case EntryKind::approval_requested:
      return step_line(run, entry, step,
                       "waits for " + counted(body["need"].int_or(1), "approver") + " until " +
                           format_clock_time(run.steps.at(step).approval.until, entry.at),
                       "");
    case EntryKind::approval_given:
      return step_line(run, entry, step, approval_words(run, entry), "");
    case EntryKind::approval_denied:
      return step_line(run, entry, step, "denied by " + body["who"].string_or(""), "");
    case EntryKind::approval_timed_out:
      return step_line(run, entry, step, "nobody approved in time", "");
    case EntryKind::manual_requested:
      return step_line(run, entry, step, manual_words(run, entry), "");
    case EntryKind::manual_done:
      return step_line(run, entry, step, "done by " + body["who"].string_or(""), "");
    case EntryKind::attempt_unknown:
      return step_line(run, entry, step, "sent, answer never seen: looking, not repeating", "");
    case EntryKind::attempt_finished:
      if (body["found"].is_null()) return "";
      return step_line(run, entry, step, body["found"].string_or(""), "");
    case EntryKind::retry_scheduled:
      return step_line(run, entry, step, "again: " + shown(body["why"].string_or("")), "");
    case EntryKind::probe_finished: {
      if (step.empty()) {
        // A postcondition is told once it is settled.
        if (!body["due"].is_null() || body["skipped"].bool_or(false)) return "";
        const auto verdict =
            from_string<Verdict>(body["verdict"].string_or("")).value_or(Verdict::unproved);
        const ProbeSpec& probe_spec =
            *run.verify[static_cast<std::size_t>(body["probe"].int_or(0))].spec;
        return step_line(
            run, entry, "verify", probe_spec.action + ": " + shown(body["proof"].string_or("")),
            verdict_text(stream, verdict,
                         from_string<Grade>(body["grade"].string_or("")).value_or(Grade::none)));
      }
      // A look that refutes is news at once; the rest is told with its step.
      if (body["verdict"].string_or("") != "refuted" || body["look"].int_or(1) != 1) return "";
      const auto index = static_cast<std::size_t>(body["probe"].int_or(0));
      const std::string probe = find_step(run, step)->verify[index].action;
      if (probe.empty()) return "";
      return step_line(run, entry, "  " + probe, shown(body["proof"].string_or("")),
                       verdict_text(stream, Verdict::refuted, Grade::strong));
    }
    case EntryKind::run_held:
      return step_line(run, entry, step, "held: " + shown(body["why"].string_or("")), "");
    case EntryKind::run_paused:
      return step_line(run, entry, "paused", "by " + body["who"].string_or(""), "");
    case EntryKind::run_resumed:
      return step_line(run, entry, "resumed", "by " + body["who"].string_or(""), "");
    case EntryKind::run_aborted:
      return step_line(
          run, entry, "aborted",
          "by " + body["who"].string_or("") + ": " + shown(body["reason"].string_or("")), "");
    case EntryKind::note_added:
      return step_line(run, entry, "note",
                       body["who"].string_or("") + ": " + shown(body["text"].string_or("")), "");
    case EntryKind::watch_observed:
      if (body["result"].is_null()) return "";
      return step_line(
          run, entry, "watch",
          "the result is now " + result_text(stream, *run.result, origin_of_answers(run)), "");
    case EntryKind::secret_sealed:
    case EntryKind::step_started:
    case EntryKind::attempt_started:
    case EntryKind::request_sent:
    case EntryKind::attempt_settled:
    case EntryKind::run_finished:
    case EntryKind::watch_started:
    case EntryKind::watch_finished:
    case EntryKind::key_rotated:
      return "";
  }
  return "";
}

std::string line_for_pipe(const RunState& run, const Entry& entry, const ConnectorSet& connectors) {
  const Value& body = entry.body;
  const std::string step = body["step"].string_or("");
  const std::string item = body["item"].string_or("");
  const std::string place = step.empty() ? "" : item.empty() ? step + " " : step + "/" + item + " ";
  std::string words;
  switch (entry.kind) {
    case EntryKind::run_started:
      words = "run started " + run.playbook->id +
              (incident_of(run).empty() ? "" : " " + shown(incident_of(run)));
      break;
    case EntryKind::step_skipped:
      words = place + "skipped" +
              (body["who"].is_null() ? " " + body["why"].string_or("")
                                     : " by " + body["who"].string_or(""));
      break;
    case EntryKind::approval_requested:
      words = place + "waiting for " + counted(body["need"].int_or(1), "approver") + " until " +
              format_clock_time(run.steps.at(step).approval.until, entry.at) + " for plan " +
              run.digest.substr(0, 12);
      break;
    case EntryKind::approval_given:
      words = place + approval_words(run, entry);
      break;
    case EntryKind::approval_denied:
      words = place + "denied by " + body["who"].string_or("");
      break;
    case EntryKind::approval_timed_out:
      words = place + "nobody approved in time";
      break;
    case EntryKind::manual_requested:
      words = place + manual_words(run, entry);
      break;
    case EntryKind::manual_done:
      words = place + "done by " + body["who"].string_or("");
      break;
    case EntryKind::attempt_unknown:
      words = place + "unknown: sent, answer never seen";
      break;
    case EntryKind::attempt_finished: {
      const ItemState* const state = item_of(run, body);
      const UseStep* const use = use_of(run, step);
      if (state == nullptr || use == nullptr) return "";
      words = place + body["outcome"].string_or("");
      if (!body["found"].is_null()) words += ", " + body["found"].string_or("");
      if (const std::string more = words_of(use->action, *state); !more.empty())
        words += " " + more;
      break;
    }
    case EntryKind::retry_scheduled:
      words = place + "again: " + shown(body["why"].string_or(""));
      break;
    case EntryKind::probe_finished:
      if (body["skipped"].bool_or(false)) return "";
      words = (step.empty() ? "verify " : place) + body["verdict"].string_or("") + " " +
              body["grade"].string_or("");
      if (!body["proof"].is_null()) words += " " + shown(body["proof"].string_or(""));
      break;
    case EntryKind::step_finished: {
      if (!body["item"].is_null() || body["verdict"].is_null()) return "";
      if (body["verdict"].string_or("") == "unproved" && is_judged_later(run, step)) return "";
      const Grade grade = weakest_grade(claims_of(run, connectors), step);
      words = place + body["verdict"].string_or("") +
              (grade == Grade::none ? "" : " " + std::string(to_string(grade)));
      break;
    }
    case EntryKind::run_held:
      words = place + "held: " + shown(body["why"].string_or(""));
      break;
    case EntryKind::run_paused:
      words = "paused by " + body["who"].string_or("");
      break;
    case EntryKind::run_resumed:
      words = "resumed by " + body["who"].string_or("");
      break;
    case EntryKind::run_aborted:
      words =
          "aborted by " + body["who"].string_or("") + ": " + shown(body["reason"].string_or(""));
      break;
    case EntryKind::note_added:
      words = "note by " + body["who"].string_or("") + ": " + shown(body["text"].string_or(""));
      break;
    case EntryKind::run_finished:
      words = "result " + upper(body["result"].string_or("")) +
              (origin_of_answers(run) == AnswerOrigin::outside
                   ? ""
                   : " " + upper(to_string(origin_of_answers(run)))) +
              " exit " + std::to_string(body["exit"].int_or(5));
      break;
    case EntryKind::watch_started:
      words = "watching until " + format_clock_time(run.watch.until, entry.at);
      break;
    case EntryKind::watch_observed:
      if (body["result"].is_null()) return "";
      words = "result is now " + upper(body["result"].string_or(""));
      break;
    case EntryKind::watch_finished:
      words = "watch over";
      break;
    case EntryKind::secret_sealed:
    case EntryKind::step_started:
    case EntryKind::attempt_started:
    case EntryKind::request_sent:
    case EntryKind::attempt_settled:
    case EntryKind::key_rotated:
      return "";
  }
  return format_clock_time(entry.at, entry.at) + " " + to_string(run.id) + " " +
         clock_since(run.started, entry.at) + " " + words;
}

std::string closing_text(const Stream& stream, const RunState& run, const ConnectorSet& connectors,
                         Timestamp now) {
  const std::vector<Claim> claims = claims_of(run, connectors);
  std::int64_t refuted = 0;
  std::int64_t unproved = 0;
  for (const Claim& claim : claims) {
    refuted += claim.verdict == Verdict::refuted ? 1 : 0;
    unproved += claim.verdict == Verdict::unproved ? 1 : 0;
  }
  const RunResult result = *run.result;
  std::string head = result_text(stream, result, origin_of_answers(run)) + "  " + to_string(run.id);
  if (const std::string incident = incident_of(run); !incident.empty())
    head += "  " + shown(incident);
  head += "  after " + format_duration(run.finished_at - run.started);
  switch (result) {
    case RunResult::contained:
      break;
    case RunResult::exposed:
      head += ": " + (refuted == 1 ? std::string("one way in still works")
                                   : with_commas(refuted) + " ways in still work");
      break;
    case RunResult::incomplete:
      head += unproved == 0 ? ": something was continued past or left out"
                            : ": " + counted(unproved, "claim") +
                                  (unproved == 1 ? " has no proof" : " have no proof");
      break;
    case RunResult::failed:
      head += run.requests.mutate == 0 ? ": nothing was revoked" : ": it could not do its work";
      break;
    case RunResult::aborted:
      head += ", by " + run.aborted_by + ": " + with_commas(run.requests.mutate) +
              " mutations were sent";
      break;
    case RunResult::rehearsed:
      head += ": every mutation was withheld";
      break;
  }
  std::string text = padded(head, 72) + "  exit " + std::to_string(exit_code(result)) + "\n";
  if (result == RunResult::rehearsed) return text;
  std::vector<std::vector<std::string>> rows{{"what", "plane", "outcome", "verdict", "proof"}};
  for (const ClaimRow& row : rows_of(run, claims)) {
    const std::string what = row.noun.empty() ? shown(row.what) : counted(row.count, row.noun);
    std::string proof = shown(row.proof);
    if (row.grade == Grade::strong && row.verdict == Verdict::proved) proof += ", strong";
    rows.push_back({what, std::string(to_string(row.plane)), std::string(to_string(row.outcome)),
                    verdict_text(stream, row.verdict, row.grade), proof});
  }
  if (rows.size() > 1) text += table(rows, "  ");
  std::string open;
  for (const Claim& claim : claims) {
    if (claim.verdict == Verdict::proved || !claim.residual) continue;
    const std::string what = is_postcondition(claim) ? claim.item : claim.subject;
    const std::string line = "  " + padded(shown(what), 27) + "  " +
                             horizon_text(claim.residual->until, now) + "\n    " +
                             shown(claim.residual->reason) + "\n";
    if (open.find(line) == std::string::npos) open += line;
  }
  if (!open.empty()) text += "still exposed, or not known to be closed\n" + open;
  if (result == RunResult::contained) text += "nothing is known to be exposed\n";
  std::string goals;
  for (const Goal& goal : goals_of(run)) {
    goals += (goals.empty() ? "goals   " : ", ") +
             (goal.took ? std::string(goal.word) + " after " + format_duration(*goal.took)
                        : "not " + std::string(goal.word)) +
             " (goal " + format_duration(goal.limit) + (goal.met() ? ")" : ", missed)");
  }
  if (!goals.empty()) text += goals + "\n";
  if (!run.head.empty()) text += "record  quell journal verify --head " + run.head + "\n";
  return text;
}

std::vector<std::string> live_text(const Stream& stream, const RunState& run, Timestamp now) {
  std::vector<std::string> lines;
  std::size_t finished = 0;
  std::size_t total = 0;
  for_each_step(run, run.playbook->steps, [&](const Step& step) {
    ++total;
    const auto found = run.steps.find(step.id);
    if (found == run.steps.end()) return;
    if (found->second.phase == StepState::Phase::finished) ++finished;
    if (found->second.phase != StepState::Phase::running ||
        std::holds_alternative<ParallelStep>(step.kind))
      return;
    std::string line = std::string(stream.sign("spinner")) + " " + step.id;
    if (found->second.approval.requested) {
      line += "  waiting for approval    " +
              format_duration(std::max(Duration{0}, found->second.approval.until - now)) + " left";
      lines.push_back(line);
      lines.push_back("      another terminal:  quell approve " + to_string(run.id));
      return;
    }
    if (found->second.manual.requested) {
      line += "  waiting for a person    " +
              format_duration(std::max(Duration{0}, found->second.manual.until - now)) + " left";
      lines.push_back(line);
      lines.push_back("      another terminal:  quell done " + to_string(run.id) + " " + step.id);
      return;
    }
    if (step.foreach_items) {
      const auto done = std::count_if(found->second.items.begin(), found->second.items.end(),
                                      [](const ItemState& item) { return item.finished(); });
      line += fmt::format("  {} of {} done", done, found->second.items.size());
    }
    lines.push_back(line + "    " + format_duration(now - found->second.started));
  });
  lines.push_back(fmt::format("{}  {} of {} steps {} {} requests sent",
                              clock_since(run.started, now), finished, total, stream.sign("dot"),
                              run.requests.read + run.requests.probe + run.requests.mutate));
  return lines;
}

std::string plan_text(const Stream& stream, const Plan& plan, const RunState& rehearsal,
                      const ConnectorSet& connectors, Duration took, bool all_requests) {
  std::string text = "plan  " + plan.playbook;
  if (const std::string incident = incident_of(rehearsal); !incident.empty())
    text += "  " + shown(incident);
  text = padded(text, 55) + "nothing has been changed\n";
  std::int64_t reads = 0;
  for (const PlannedRequest& request : plan.requests) reads += request.predicted ? 0 : 1;
  text += "looked  " + counted(reads, "read") + " in " + format_duration(took) + "\n";
  std::vector<std::vector<std::string>> rows{{"step", "plane", "what it does", "requests", ""}};
  for_each_step(rehearsal, rehearsal.playbook->steps, [&](const Step& step) {
    const auto found = rehearsal.steps.find(step.id);
    if (found == rehearsal.steps.end()) return;
    if (const auto* approve = std::get_if<ApproveStep>(&step.kind)) {
      rows.push_back(
          {step.id, "-",
           counted(approve->need, "approver") + ", within " + format_duration(approve->within), "-",
           ""});
      return;
    }
    if (const auto* manual = std::get_if<ManualStep>(&step.kind)) {
      rows.push_back({step.id, "-",
                      "a person, within " + format_duration(manual->within) + ": " +
                          (step.title.empty() ? found->second.manual.ask : step.title),
                      "-", ""});
      return;
    }
    const auto* const use = std::get_if<UseStep>(&step.kind);
    const ActionSpec* const spec =
        use == nullptr ? nullptr : find_action(connectors, use->connection, use->action);
    if (spec == nullptr || spec->effect == Effect::read) return;
    const auto items = static_cast<std::int64_t>(found->second.items.size());
    std::string what = step.title.empty() ? spec->summary : step.title;
    if (step.foreach_items) what = counted(items, noun_of(step));
    if (found->second.outcome == OutcomeKind::skipped)
      what = "skipped: " + (step.when ? step.when->text() : std::string());
    const std::int64_t requests =
        items * std::max(1, spec->effect == Effect::probe ? spec->cost.probe : spec->cost.mutate);
    const Plane plane =
        step.plane.value_or(spec->planes.empty() ? Plane::holder : spec->planes.front());
    std::string mark;
    if (step.undo) mark = "undo";
    if (step.irreversible && items > 0)
      mark = stream.paint(std::string(stream.sign("bang")), Colour::yellow);
    rows.push_back({step.id, std::string(to_string(plane)), what,
                    with_commas(requests) + " " + std::string(to_string(spec->effect)), mark});
  });
  rows.push_back(
      {"total", "",
       fmt::format("{}, {} irreversible (!), {}, {}", counted(plan.counts.mutate, "mutation"),
                   plan.irreversible, counted(plan.counts.probe, "probe"),
                   counted(plan.counts.read, "read")),
       "", ""});
  text += table(rows, "  ");
  text += "estimate  contained " + format_duration(plan.contain) + " after approval, proved by " +
          format_duration(plan.prove) + "; limited by " + plan.limit + "\n";
  text += "a plan cannot know\n";
  for (const std::string& unknown : plan.not_established)
    text += "  " + std::string(stream.sign("question")) + " " + unknown + "\n";
  if (all_requests) {
    std::vector<std::vector<std::string>> lines{{"step", "effect", "request"}};
    for (const PlannedRequest& request : plan.requests) {
      lines.push_back(
          {request.item.empty() ? request.step : request.step + "/" + shown(request.item),
           std::string(to_string(request.effect)) + (request.irreversible ? " !" : ""),
           request.method + " " + request.url});
    }
    text += table(lines, "  ");
  }
  text += "digest  " + plan.digest.substr(0, 12) +
          (all_requests ? ""
                        : fmt::format("   --requests lists all {}, --json has everything",
                                      plan.requests.size())) +
          "\n";
  return text;
}

}  // namespace quell::cli
