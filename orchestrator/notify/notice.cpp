#include "orchestrator/notify/notice.h"

#include <algorithm>
#include <array>
#include <utility>

namespace quell {
namespace {

/// A storm of an hour is one page, and what was shed meanwhile stands in the next one (threat T18).
constexpr Duration kShedQuiet{std::chrono::hours{1}};

constexpr std::array<std::pair<NoticeEvent, std::string_view>, 10> kEvents{
    {{NoticeEvent::proposed, "proposed"},
     {NoticeEvent::approval_wanted, "approval_wanted"},
     {NoticeEvent::refuted, "refuted"},
     {NoticeEvent::break_glass, "break_glass"},
     {NoticeEvent::finished, "finished"},
     {NoticeEvent::disarmed, "disarmed"},
     {NoticeEvent::intervened, "intervened"},
     {NoticeEvent::alerts_shed, "alerts_shed"},
     {NoticeEvent::preflight_worse, "preflight_worse"},
     {NoticeEvent::test, "test"}}};

/// Answers that alerts were not taken for want of room; other refusals are the sender's doing and
/// page nobody.
constexpr std::array<std::string_view, 3> kShedCauses{"rate", "busy", "state"};

/// Parameters of a look that name what it looks at.
constexpr std::array<std::string_view, 4> kTargetIds{"credential_id", "deployment_id", "session_id",
                                                     "vault_id"};

std::string target_of(const Value& body) {
  std::string item = body["item"].string_or("");
  if (!item.empty()) return item;
  for (const std::string_view name : kTargetIds) {
    std::string id = body["params"][name].string_or("");
    if (!id.empty()) return id;
  }
  return {};
}

/// The furthest place that answers have come from so far.
void heed_origins(std::optional<AnswerOrigin>& origin, const Value& body) {
  for (const Value& word : body["origins"].list_or_empty()) {
    const auto one = from_string<AnswerOrigin>(word.string_or(""));
    if (one && (!origin || *one > *origin)) origin = one;
  }
}

std::optional<std::int64_t> count_of(const Value& counts, std::string_view name) {
  return counts[name].is_int() ? std::optional<std::int64_t>(counts[name].int_or(0)) : std::nullopt;
}

}  // namespace

std::string_view to_string(NoticeEvent event) noexcept {
  return std::ranges::find(kEvents, event, &std::pair<NoticeEvent, std::string_view>::first)
      ->second;
}

std::optional<NoticeEvent> notice_event_from_string(std::string_view text) noexcept {
  for (const auto& [event, word] : kEvents) {
    if (word == text && event != NoticeEvent::test) return event;
  }
  return std::nullopt;
}

Notice for_destination(const Notice& notice, bool confidential) {
  if (confidential || notice.result == RunResult::contained) return notice;
  Notice bare;
  bare.event = notice.event;
  bare.at = notice.at;
  bare.seq = notice.seq;
  bare.run = notice.run;
  bare.shed = notice.shed;
  return bare;
}

bool NoticeReader::wants(EntryKind kind) noexcept {
  constexpr std::array<EntryKind, 17> kWanted{
      EntryKind::run_started,     EntryKind::attempt_finished,   EntryKind::attempt_unknown,
      EntryKind::probe_finished,  EntryKind::approval_requested, EntryKind::approval_given,
      EntryKind::attempt_settled, EntryKind::run_finished,       EntryKind::watch_observed,
      EntryKind::disarmed,        EntryKind::alerts_refused,     EntryKind::note_added,
      EntryKind::armed,           EntryKind::run_aborted,        EntryKind::step_skipped,
      EntryKind::undo_requested,  EntryKind::alert_dismissed};
  return std::ranges::find(kWanted, kind) != kWanted.end();
}

std::optional<Notice> NoticeReader::take(std::uint64_t seq, const Entry& entry) {
  const Value& body = entry.body;
  if (entry.kind == EntryKind::alerts_refused) return of_shed(seq, entry);
  if (entry.kind == EntryKind::note_added) return of_preflight(seq, entry);
  if (entry.kind == EntryKind::disarmed) {
    return Notice{.event = NoticeEvent::disarmed,
                  .at = entry.at,
                  .seq = seq,
                  .who = body["who"].string_or("")};
  }
  if (entry.kind == EntryKind::armed || entry.kind == EntryKind::alert_dismissed) {
    return Notice{.event = NoticeEvent::intervened,
                  .at = entry.at,
                  .seq = seq,
                  .who = body["who"].string_or(""),
                  .act = intervention_of(entry)};
  }
  if (entry.kind == EntryKind::run_started) {
    if (runs_.size() >= kRunsMax) runs_.erase(runs_.begin());
    runs_.insert_or_assign(
        entry.run,
        Facts{.playbook = body["playbook"].string_or(""),
              .live = body["mode"].string_or("") == to_string(RunMode::live) && !entry.run.drill,
              .by_alert = body["automatic"].bool_or(false) || body["proposed"].bool_or(false)});
    return std::nullopt;
  }
  const auto facts = runs_.find(entry.run);
  if (facts == runs_.end()) return std::nullopt;
  heed_origins(facts->second.origin, body);
  std::optional<Notice> notice = of_run(seq, entry, facts->second);
  return facts->second.live ? std::move(notice) : std::nullopt;
}

std::optional<Notice> NoticeReader::of_run(std::uint64_t seq, const Entry& entry,
                                           Facts& facts) const {
  const Value& body = entry.body;
  Notice notice{.at = entry.at,
                .seq = seq,
                .run = entry.run,
                .playbook = facts.playbook,
                .origin = facts.origin};
  if (entry.kind == EntryKind::approval_requested) {
    notice.event = facts.by_alert ? NoticeEvent::proposed : NoticeEvent::approval_wanted;
    notice.need = count_of(body, "need");
    return notice;
  }
  if (body["break_glass"].bool_or(false)) {  // of approval_given, attempt_settled
    notice.event = NoticeEvent::break_glass;
    notice.who = body["who"].string_or("");
    return notice;
  }
  if (const std::string_view act = intervention_of(entry); !act.empty()) {
    notice.event = NoticeEvent::intervened;
    notice.who = body["who"].string_or("");
    notice.act = act;
    return notice;
  }
  if (entry.kind == EntryKind::run_finished) {
    facts.finished = true;
    facts.refuted_told = false;  // what grows again afterwards is news
    notice.event = NoticeEvent::finished;
    notice.result = from_string<RunResult>(body["result"].string_or(""));
    notice.proved = count_of(body["claims"], "proved");
    notice.refuted = count_of(body["claims"], "refuted");
    notice.unproved = count_of(body["claims"], "unproved");
    notice.targets = facts.targets;
    return notice;
  }
  const bool is_look =
      entry.kind == EntryKind::probe_finished || entry.kind == EntryKind::watch_observed;
  // A look that is repeated may yet prove it.
  const bool is_refuted = is_look && body["verdict"].string_or("") == to_string(Verdict::refuted) &&
                          body["due"].is_null();
  if (!is_refuted) return std::nullopt;
  const std::string target = target_of(body);
  const bool is_new = std::ranges::find(facts.targets, target) == facts.targets.end();
  if (!target.empty() && is_new && facts.targets.size() < Notice::kTargetsMax)
    facts.targets.push_back(target);
  if (std::exchange(facts.refuted_told, true)) return std::nullopt;
  notice.event = NoticeEvent::refuted;
  notice.targets = facts.targets;
  return notice;
}

/// Other notes are people's words and tell nobody.
std::optional<Notice> NoticeReader::of_preflight(std::uint64_t seq, const Entry& entry) {
  const Value& worse = entry.body["preflight"]["worse"];
  if (entry.run.number != 0 || worse.list_or_empty().empty()) return std::nullopt;
  Notice notice{.event = NoticeEvent::preflight_worse, .at = entry.at, .seq = seq};
  for (const Value& id : worse.as_list()) {
    if (notice.targets.size() == Notice::kTargetsMax) break;
    notice.targets.push_back(id.string_or(""));
  }
  return notice;
}

std::optional<Notice> NoticeReader::of_shed(std::uint64_t seq, const Entry& entry) {
  if (const Value& sources = entry.body["refused"]; sources.is_map()) {
    for (const auto& [source, causes] : sources.as_map()) {
      for (const std::string_view cause : kShedCauses) shed_ += causes[cause].int_or(0);
    }
  }
  const bool is_quiet = shed_told_ && entry.at - *shed_told_ < kShedQuiet;
  if (shed_ == 0 || is_quiet) return std::nullopt;
  shed_told_ = entry.at;
  return Notice{.event = NoticeEvent::alerts_shed,
                .at = entry.at,
                .seq = seq,
                .shed = std::exchange(shed_, 0)};
}

}  // namespace quell
