#include "orchestrator/report/report.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "orchestrator/report/run_document.h"
#include "state/hash_chain.h"

namespace quell {
namespace {

constexpr std::size_t kTimelineMax = 2'000;
/// Sentences of one step about what it could not see.
constexpr std::size_t kNotSeenMax = 100;
constexpr std::array<Plane, 4> kPlanes{Plane::holder, Plane::issuer, Plane::runtime,
                                       Plane::resource};

std::string place_of(const Value& body) {
  const std::string step = body["step"].string_or("");
  const std::string item = body["item"].string_or("");
  return item.empty() ? step : step + "/" + item;
}

/// `place` and then `words`.
std::string at_place(const Value& body, const std::string& words) {
  const std::string place = place_of(body);
  return place.empty() ? words : place + " " + words;
}

std::string attempt_words(const Value& body) {
  const std::string outcome = body["outcome"].string_or("");
  if (keeps_evidence(body))
    return at_place(body, "kept evidence: " +
                              std::to_string(body["outputs"]["files_total"].int_or(0)) + " files");
  if (outcome != "failed") return {};
  return at_place(body, "failed: " + body["error"]["message"].string_or(""));
}

/// What the entry says to somebody who was not there; empty where it says nothing of its own.
std::string words_of(const Entry& entry) {
  const Value& body = entry.body;
  const auto by = [&](const std::string& words) {
    return at_place(body, words + body["who"].string_or(""));
  };
  const auto why = [&](const std::string& words, std::string_view name) {
    return words + ": " + body[name].string_or("");
  };
  switch (entry.kind) {
    case EntryKind::run_started:
      return "begun by " + body["who"].string_or("");
    case EntryKind::step_skipped:
      if (body["who"].is_null()) return {};
      return why(by("left out by "), "reason");
    case EntryKind::request_sent:
      return at_place(body, body["method"].string_or("") + " " + body["url"].string_or(""));
    case EntryKind::attempt_finished:
      return attempt_words(body);
    case EntryKind::attempt_unknown:
      return at_place(body, "sent, answer never seen");
    case EntryKind::attempt_settled:
      return by("settled by ");
    case EntryKind::probe_finished: {
      if (body["skipped"].bool_or(false) || !body["due"].is_null()) return {};
      const std::string place = place_of(body);
      return (place.empty() ? "verify" : place) + " " + body["verdict"].string_or("") + " " +
             why(body["grade"].string_or(""), "proof");
    }
    case EntryKind::approval_requested:
      return at_place(body,
                      "waits for " + std::to_string(body["need"].int_or(1)) + " approvals" +
                          (body["voids"].is_null() ? "" : ", as the plan has changed"));
    case EntryKind::approval_given:
      return by("approved by ");
    case EntryKind::approval_denied:
      return why(by("denied by "), "reason");
    case EntryKind::approval_timed_out:
      return at_place(body, "approved by nobody in time");
    case EntryKind::manual_requested:
      return at_place(body, why("asked a person", "ask"));
    case EntryKind::manual_done:
      return by("done by ");
    case EntryKind::run_held:
      return at_place(body, why("held", "why"));
    case EntryKind::run_paused:
      return by("paused by ");
    case EntryKind::run_resumed:
      return by("resumed by ");
    case EntryKind::run_aborted:
      return why(by("aborted by "), "reason");
    case EntryKind::note_added:
      return why(by("note by "), "text");
    case EntryKind::run_finished:
      return "result " + body["result"].string_or("");
    case EntryKind::watch_started:
      return "watched for regrowth from now on";
    case EntryKind::watch_observed:
      return body["result"].is_null() ? "" : "the result is now " + body["result"].string_or("");
    case EntryKind::watch_finished:
      return "watch over";
    case EntryKind::undo_requested:
      return why(by("undo asked for by "), "reason");
    case EntryKind::undo_finished:
      return at_place(body, body["error"].is_map()
                                ? "not lifted: " + body["error"]["message"].string_or("")
                                : "lifted");
    case EntryKind::secret_sealed:
    case EntryKind::step_started:
    case EntryKind::attempt_started:
    case EntryKind::retry_scheduled:
    case EntryKind::step_finished:
    case EntryKind::undo_started:
    case EntryKind::disarmed:
    case EntryKind::armed:
    case EntryKind::key_rotated:
    case EntryKind::alert_received:
    case EntryKind::alert_dismissed:
    case EntryKind::alerts_refused:
    case EntryKind::command_refused:
    case EntryKind::access_noted:
      return {};
  }
  return {};
}

/// What the platform calls the thing, where the item of a foreach says so.
Value shown_name(const Value& item) {
  for (const std::string_view name : {"display_name", "title", "name"}) {
    if (item[name].is_string()) return item[name];
  }
  return {};
}

Value row(const std::string& place, const Value& name, const std::string& why) {
  return Value::map({{"what", place}, {"name", name}, {"reason", why}});
}

std::string_view undo_word(ItemState::Undo undo) {
  switch (undo) {
    case ItemState::Undo::none:
      return "can be lifted";
    case ItemState::Undo::wanted:
    case ItemState::Undo::running:
      return "is being lifted";
    case ItemState::Undo::done:
      return "lifted";
    case ItemState::Undo::failed:
      return "could not be lifted";
  }
  return "";
}

/// What no look of the run could see, each sentence once.
ValueList rows_of(const std::map<std::string, ValueList>& not_seen) {
  ValueList rows;
  std::set<std::string> told;
  for (const auto& [place, sentences] : not_seen) {
    std::size_t number = 0;
    for (const Value& sentence : sentences) {
      std::string words = sentence.string_or("");
      if (!told.insert(words).second) continue;
      if (++number > kNotSeenMax) {
        rows.push_back(row(place, {}, "and more, which the entries of the run have"));
        break;
      }
      rows.push_back(row(place, {}, words));
    }
  }
  return rows;
}

bool has_contained_something(const RunState& run) {
  return run.result == RunResult::contained || run.result == RunResult::incomplete ||
         run.result == RunResult::exposed;
}

std::string number_of(std::size_t number, std::string_view one, std::string_view many) {
  return std::to_string(number) + " " + std::string(number == 1 ? one : many);
}

struct Ledgers {
  ValueList exclusions{};
  ValueList undo{};
  ValueList open{};
};

void read_item(const RunState& run, const std::string& step, const ItemState& item,
               const std::map<std::string, std::string>& reasons, Ledgers& ledgers) {
  const std::string place = item.key.empty() ? step : step + "/" + item.key;
  const Value name = shown_name(item.item);
  if (!item.skipped_by.empty()) {
    const auto reason = reasons.find(place);
    ledgers.exclusions.push_back(
        row(place, name,
            "left out by " + item.skipped_by +
                (reason == reasons.end() ? std::string() : ": " + reason->second)));
  }
  if (item.error && item.error->topic == "protected")
    ledgers.exclusions.push_back(row(place, name, item.error->message));
  if (item.undo != ItemState::Undo::none || is_liftable(run, step, item))
    ledgers.undo.push_back(row(place, name, std::string(undo_word(item.undo))));
  if (item.phase == ItemState::Phase::held)
    ledgers.open.push_back(
        row(place, name, "may or may not have been done: quell retry or quell skip"));
}

Ledgers ledgers_of(const RunState& run, const std::map<std::string, std::string>& reasons) {
  Ledgers ledgers;
  for (const auto& [id, state] : run.steps) {
    for (const std::string& key : state.excluded)
      ledgers.exclusions.push_back(row(id + "/" + key, {}, "beyond the step's max"));
    if (!state.skipped_by.empty()) {
      const auto reason = reasons.find(id);
      ledgers.exclusions.push_back(
          row(id, {}, "left out by " + state.skipped_by +
                          (reason == reasons.end() ? std::string() : ": " + reason->second)));
    }
    if (state.manual.requested && !state.manual.done && !run.finished())
      ledgers.open.push_back(row(id, {}, "waits for a person: " + state.manual.ask));
    for (const ItemState& item : state.items) read_item(run, id, item, reasons, ledgers);
  }
  if (pending_approval(run) != nullptr && !run.finished())
    ledgers.open.push_back(row(pending_approval_step(run), {}, "waits for an approval"));
  return ledgers;
}

/// For whoever takes over: how it stands, until when it hurts, and what waits for a person.
ValueList handover_of(const RunState& run, const std::vector<Claim>& claims,
                      const Ledgers& ledgers, std::size_t not_seen) {
  std::array<std::size_t, 3> counts{};
  std::size_t endless = 0;
  std::optional<Timestamp> until;
  for (const Claim& claim : claims) {
    ++counts[static_cast<std::size_t>(claim.verdict)];
    if (claim.verdict == Verdict::proved) continue;
    if (!claim.residual || !claim.residual->until) {
      ++endless;
    } else if (!until || *claim.residual->until > *until) {
      until = claim.residual->until;
    }
  }
  ValueList lines;
  lines.emplace_back((run.result ? std::string(to_string(*run.result)) : "not over") + ": " +
                     std::to_string(counts[0]) + " proved, " + std::to_string(counts[1]) +
                     " refuted, " + std::to_string(counts[2]) + " unproved");
  if (endless > 0)
    lines.emplace_back(number_of(endless, "claim has", "claims have") +
                       " no known end: see residual exposure");
  if (until) lines.emplace_back("the others end at worst " + format_rfc3339(*until));
  if (run.is_watched())
    lines.emplace_back("watched until " + format_rfc3339(run.watch.until));
  if (!ledgers.open.empty())
    lines.emplace_back(number_of(ledgers.open.size(), "open item waits", "open items wait") +
                       " for a person");
  if (!ledgers.exclusions.empty())
    lines.emplace_back(number_of(ledgers.exclusions.size(), "thing was", "things were") +
                       " left out: each needs an owner");
  if (not_seen > 0)
    lines.emplace_back(number_of(not_seen, "thing", "things") + " quell could not see");
  const auto liftable = std::ranges::count_if(ledgers.undo, [](const Value& one) {
    return one["reason"].string_or("") == undo_word(ItemState::Undo::none);
  });
  if (liftable > 0)
    lines.emplace_back(number_of(static_cast<std::size_t>(liftable), "change", "changes") +
                       " can be lifted: quell undo " + to_string(run.id) + " --reason TEXT");
  return lines;
}

}  // namespace

bool keeps_evidence(const Value& body) {
  const Value& outputs = body["outputs"];
  return outputs.has("files_total") && outputs.has("digest") &&
         body["outcome"].string_or("") != "predicted";
}

void ReportReader::take(const StoredEntry& stored) {
  const Entry& entry = stored.entry;
  const Value& body = entry.body;
  as_of_ = Value::map({{"seq", stored.seq},
                       {"head", head_text(Tip{.seq = stored.seq, .hash = stored.hash})},
                       {"at", Value(entry.at)}});
  if (entry.kind == EntryKind::approval_given) {
    approvers_.insert(body["who"].string_or(""));
    approvals_.push_back(Value::map({{"step", body["step"].string_or("")},
                                     {"who", body["who"].string_or("")},
                                     {"at", Value(entry.at)},
                                     {"digest", body["digest"].string_or("")},
                                     {"entry", stored.seq}}));
  }
  if (entry.kind == EntryKind::step_skipped && !body["who"].is_null())
    reasons_[place_of(body)] = body["reason"].string_or("");
  if (entry.kind == EntryKind::attempt_finished && keeps_evidence(body)) {
    ValueMap kept = body["outputs"].as_map();
    kept.erase("files");  // the bundle's manifest has them
    kept["step"] = place_of(body);
    evidence_.emplace_back(std::move(kept));
  }
  if (entry.kind == EntryKind::attempt_finished && body["outputs"]["unseen"].is_list())
    not_seen_[place_of(body)] = body["outputs"]["unseen"].as_list();
  if (entry.kind == EntryKind::note_added)
    notes_.push_back(Value::map({{"at", Value(entry.at)},
                                 {"who", body["who"].string_or("")},
                                 {"text", body["text"].string_or("")}}));
  const std::string words = words_of(entry);
  if (words.empty()) return;
  if (timeline_.size() >= kTimelineMax) {
    ++timeline_left_out_;
    return;
  }
  timeline_.push_back(
      Value::map({{"at", Value(entry.at)}, {"entry", stored.seq}, {"what", words}}));
}

Value ReportReader::document(const RunState& run, const ConnectorSet& connectors) const {
  const std::vector<Claim> claims = claims_of(run, connectors);
  ValueList planes;
  for (const Plane plane : kPlanes) {
    std::array<std::int64_t, 3> counts{};
    for (const Claim& claim : claims) {
      if (claim.plane == plane) ++counts[static_cast<std::size_t>(claim.verdict)];
    }
    planes.push_back(Value::map({{"plane", to_string(plane)},
                                 {"proved", counts[0]},
                                 {"refuted", counts[1]},
                                 {"unproved", counts[2]}}));
  }
  ValueList exposures;
  for (const Claim& claim : claims) {
    if (claim.verdict != Verdict::proved) exposures.push_back(to_value(claim));
  }
  Ledgers ledgers = ledgers_of(run, reasons_);
  for (const Value& kept : evidence_) {
    for (const Value& gap : kept["gaps"].list_or_empty())
      ledgers.open.push_back(row(kept["step"].string_or(""), {}, gap.string_or("")));
  }
  if (!run.finished()) ledgers.open.push_back(row("run", {}, "it is not over"));
  if (has_contained_something(run) && run.mode == RunMode::live && run.playbook->watch &&
      !run.watch.started)
    ledgers.open.push_back(
        row("watch", {}, "nobody watches whether it grows back: quell run --watch stays for it"));
  ValueList not_seen = rows_of(not_seen_);
  std::set<std::string> approvers = approvers_;
  if (run.approved_in_advance) approvers.insert(run.who);
  ValueMap document = run_document(run, connectors).as_map();
  document["title"] = run.playbook->title;
  document["purpose"] = run.playbook->purpose;
  document["as_of"] = as_of_;
  document["planes"] = Value(std::move(planes));
  document["exposures"] = Value(std::move(exposures));
  document["timeline"] = Value(timeline_);
  document["timeline_left_out"] = timeline_left_out_;
  document["approvals"] = Value(approvals_);
  document["approved_in_advance"] = run.approved_in_advance;
  document["approved_by_one_person"] = approvers.size() == 1;
  document["handover"] = Value(handover_of(run, claims, ledgers, not_seen.size()));
  document["exclusions"] = Value(std::move(ledgers.exclusions));
  document["undo"] = Value(std::move(ledgers.undo));
  document["open_items"] = Value(std::move(ledgers.open));
  document["not_seen"] = Value(std::move(not_seen));
  document["evidence"] = Value(evidence_);
  document["notes"] = Value(notes_);
  return Value(std::move(document));
}

Result<Value> report_of(RunId run, Journal& journal, const PlaybookLoader& load_playbook,
                        const ConnectorSet& connectors) {
  JournalFold fold(nullptr, load_playbook, connectors);
  ReportReader reader;
  const auto is_asked = [&](const EntryLabel& label) { return label.run == run; };
  const Status read = journal.read_some(0, is_asked, [&](const StoredEntry& stored) -> Status {
    if (Status taken = fold.take(stored); !taken) return taken;
    reader.take(stored);
    return ok();
  });
  if (!read) return read.error();
  const Folded& folded = fold.so_far();
  if (const auto fault = folded.unreadable.find(run); fault != folded.unreadable.end())
    return make_error(ErrorCode::conflict, "run", fault->second,
                      "quell journal export has its entries");
  const auto state = folded.runs.find(run);
  if (state == folded.runs.end()) return no_such_run(to_string(run));
  return reader.document(state->second, connectors);
}

}  // namespace quell
