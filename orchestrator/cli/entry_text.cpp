// The line of one journal entry, for a person at a terminal and for a pipe.
#include <algorithm>
#include <utility>

#include "orchestrator/cli/run_text.h"
#include "state/base/bytes.h"

namespace quell::cli {
namespace {

constexpr std::size_t kStepColumn = 17;
constexpr std::size_t kWordsColumn = 43;

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
    std::string closed;
    for (const Value& part : out["closed"].list_or_empty())
      closed += "; NOT SEEN: " + escape_untrusted(part["why"].string_or(""));
    return counted(static_cast<std::int64_t>(out["live_sessions"].list_or_empty().size()),
                   "live session") +
           ", " +
           counted(static_cast<std::int64_t>(out["deployments"].list_or_empty().size()),
                   "deployment") +
           ", " +
           counted(static_cast<std::int64_t>(out["vault_ids"].list_or_empty().size()), "vault") +
           closed;
  }
  if (action == "find_memory_versions") {
    return counted(static_cast<std::int64_t>(out["versions"].list_or_empty().size()), "version") +
           " of " +
           counted(static_cast<std::int64_t>(out["memories"].list_or_empty().size()), "memory",
                   "memories");
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
  const auto judges = run.judges.find(id);
  if (judges == run.judges.end()) return false;
  return std::any_of(judges->second.begin(), judges->second.end(), [&](const Step* judge) {
    const auto found = run.steps.find(judge->id);
    return found == run.steps.end() || found->second.phase != StepState::Phase::finished;
  });
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
  const bool is_empty = step->foreach_items && state->second.items.empty();
  if (is_empty && state->second.outcome != OutcomeKind::failed) {
    tail = "";  // nothing was claimed
  } else if (state->second.verdict == Verdict::unproved && is_judged_later(run, id)) {
    tail = stream.paint(to_string(state->second.outcome.value_or(OutcomeKind::done)), Colour::grey);
  } else if (state->second.verdict) {
    tail = verdict_text(stream, *state->second.verdict,
                        weakest_grade(claims_of_step(run, connectors, *step), id));
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

/// Until when the approval is waited for that `step`, or policy, asked for.
Timestamp asked_until(const RunState& run, const std::string& step) {
  return step.empty() ? run.gate.until : run.steps.at(step).approval.until;
}

/// The step or item that an entry is about, and a blank; empty for the whole run.
std::string place_of(const Value& body) {
  const std::string step = body["step"].string_or("");
  const std::string item = body["item"].string_or("");
  return step.empty() ? "" : item.empty() ? step + " " : step + "/" + item + " ";
}

}  // namespace

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
      return step_line(run, entry, step.empty() ? "approval" : step,
                       "waits for " + counted(body["need"].int_or(1), "approver") + " until " +
                           format_clock_time(asked_until(run, step), entry.at) +
                           (step.empty() ? ": " + body["why"].string_or("") : "") +
                           (body["voids"].is_null() ? "" : ", as the plan has changed"),
                       "");
    case EntryKind::approval_given:
      return step_line(run, entry, step.empty() ? "approval" : step, approval_words(run, entry),
                       "");
    case EntryKind::approval_denied:
      return step_line(run, entry, step.empty() ? "approval" : step,
                       "denied by " + body["who"].string_or(""), "");
    case EntryKind::approval_timed_out:
      return step_line(run, entry, step.empty() ? "approval" : step, "nobody approved in time", "");
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
      return step_line(run, entry, "paused", place_of(body) + "by " + body["who"].string_or(""),
                       "");
    case EntryKind::run_resumed:
      return step_line(run, entry, "resumed", place_of(body) + "by " + body["who"].string_or(""),
                       "");
    case EntryKind::undo_requested:
      return step_line(run, entry, "undo", "asked for by " + body["who"].string_or(""), "");
    case EntryKind::undo_finished:
      return step_line(
          run, entry, "undo",
          place_of(body) +
              (body["error"].is_map() ? shown(body["error"]["message"].string_or("")) : "lifted"),
          "");
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
    case EntryKind::undo_started:
    case EntryKind::disarmed:
    case EntryKind::armed:
    case EntryKind::key_rotated:
    case EntryKind::alert_received:
    case EntryKind::alert_dismissed:
    case EntryKind::alerts_refused:
    case EntryKind::command_refused:
    case EntryKind::access_noted:
      return "";
  }
  return "";
}

std::string line_for_pipe(const RunState& run, const Entry& entry, const ConnectorSet& connectors) {
  const Value& body = entry.body;
  const std::string step = body["step"].string_or("");
  const std::string place = place_of(body);
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
              format_clock_time(asked_until(run, step), entry.at) + " for plan " +
              run.digest.substr(0, 12) + (step.empty() ? ": " + body["why"].string_or("") : "") +
              (body["voids"].is_null() ? "" : ", as the plan has changed");
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
      const Grade grade =
          weakest_grade(claims_of_step(run, connectors, *find_step(run, step)), step);
      words = place + body["verdict"].string_or("") +
              (grade == Grade::none ? "" : " " + std::string(to_string(grade)));
      break;
    }
    case EntryKind::run_held:
      words = place + "held: " + shown(body["why"].string_or(""));
      break;
    case EntryKind::run_paused:
      words = place + "paused by " + body["who"].string_or("");
      break;
    case EntryKind::run_resumed:
      words = place + "resumed by " + body["who"].string_or("");
      break;
    case EntryKind::undo_requested:
      words = "undo asked for by " + body["who"].string_or("");
      break;
    case EntryKind::undo_finished:
      words = "undo " + place +
              (body["error"].is_map() ? shown(body["error"]["message"].string_or("")) : "lifted");
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
    case EntryKind::undo_started:
    case EntryKind::disarmed:
    case EntryKind::armed:
    case EntryKind::key_rotated:
    case EntryKind::alert_received:
    case EntryKind::alert_dismissed:
    case EntryKind::alerts_refused:
    case EntryKind::access_noted:
      return "";
    case EntryKind::command_refused:
      words = body["what"].string_or("") + " by " + body["who"].string_or("") +
              " refused: " + shown(body["why"].string_or(""));
      break;
  }
  return format_clock_time(entry.at, entry.at) + " " + to_string(run.id) + " " +
         clock_since(run.started, entry.at) + " " + words;
}

}  // namespace quell::cli
