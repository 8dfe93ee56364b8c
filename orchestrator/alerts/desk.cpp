#include "orchestrator/alerts/desk.h"

#include <algorithm>
#include <utility>

#include "connectors/redaction.h"
#include "orchestrator/alerts/signature.h"
#include "orchestrator/alerts/tripwire.h"
#include "state/base/bytes.h"
#include "state/base/json.h"

namespace quell {
namespace {

constexpr std::size_t kIdDigits = 12;
constexpr std::size_t kBodyBytesMax = 64U << 10U;  // of an alert, as the journal keeps it
/// Proposals of one source that may wait for people at a time; what comes then lies in the inbox.
constexpr int kOpenProposalsMax = 20;

std::string maker_of(const AlertSource& source) { return "alert:" + source.name; }

/// Keeps out of the record what a route took for a secret, and whatever looks like one.
class Mask {
 public:
  Mask(const std::vector<SecretPtr>& sealed, SecretStore& secrets) : sealed_(sealed) {
    for (const SecretPtr& secret : sealed) filter_.add(*secret, secrets.fingerprint(*secret));
  }

  std::string text(const std::string& text) const {
    for (const SecretPtr& secret : sealed_) {
      if (is_secret(*secret, text)) return std::string(kTakenOut);
    }
    std::string kept = filter_.redact(text);
    return kept == text && looks_like_token(text) && !is_hash(text) ? std::string(kTakenOut) : kept;
  }

  // NOLINTNEXTLINE(misc-no-recursion): whoever parsed the body bounded its depth
  Value value(const Value& given) const {
    if (given.is_string()) return text(given.as_string());
    if (given.is_list()) {
      ValueList items;
      for (const Value& item : given.as_list()) items.push_back(value(item));
      return Value(std::move(items));
    }
    if (!given.is_map()) return given;
    ValueMap members;
    for (const auto& [name, member] : given.as_map()) members.emplace(name, value(member));
    return Value(std::move(members));
  }

 private:
  static constexpr std::string_view kTakenOut = "[token]";

  /// A commit or a SHA-256: senders name things by them.
  static bool is_hash(std::string_view text) {
    return (text.size() == 40 || text.size() == 64) &&
           text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  }

  const std::vector<SecretPtr>& sealed_;
  mutable RedactionFilter filter_{};
};

/// Ends a reading of the journal after the first entry.
Error enough() { return make_error(ErrorCode::gone, "enough"); }

Result<StoredEntry> entry_at(Journal& journal, std::uint64_t seq) {
  std::optional<StoredEntry> found;
  const Status read = journal.read(seq - 1, [&](const StoredEntry& stored) -> Status {
    found = stored;
    return enough();
  });
  if (found) return *std::move(found);
  if (!read) return read.error();
  return make_error(ErrorCode::gone, "alert", "there is no such alert.", "quell alerts --all");
}

}  // namespace

ReceivedAlert alert_of(const Entry& entry) {
  return {.correlation = entry.body["about"].string_or(""),
          .event = entry.body["event"].string_or(""),
          .body = entry.body["body"]};
}

std::string alert_id(std::string_view replay_key) {
  return "a" + hex_encode(replay_key).substr(0, kIdDigits);
}

Result<std::vector<FiledAlert>> AlertDesk::file(const AlertSource& source,
                                                const VerifiedDelivery& delivery) {
  const Timestamp now = parts_.clock.now();
  std::vector<FiledAlert> all;
  std::vector<bool> known;
  for (const ReceivedAlert& alert : delivery.alerts) {
    const Result<std::optional<std::uint64_t>> found = parts_.index.find(alert.replay_key, now);
    if (!found) return found.error();
    known.push_back(found->has_value());
  }
  for (std::size_t i = 0; i < delivery.alerts.size(); ++i) {
    const ReceivedAlert& alert = delivery.alerts[i];
    FiledAlert filed{.id = alert_id(alert.replay_key), .event = alert.event};
    if (known[i] || !of_this_turn_.insert(alert.replay_key).second) {
      filed.repeated = true;
      all.push_back(std::move(filed));
      continue;
    }
    std::vector<SecretPtr> sealed;
    filed = decide(source, alert, std::move(filed), sealed);
    write_down(source, alert, filed, sealed,
               {{"key", hex_encode(alert.replay_key)}, {"expires", Value(now + source.retention)}});
    all.push_back(std::move(filed));
  }
  return all;
}

Result<FiledAlert> AlertDesk::obey(const AlertCommand& command,
                                   std::span<const AlertSource> sources) {
  const Result<StoredEntry> stored = entry_at(parts_.journal, command.seq);
  if (!stored) return stored.error();
  const Entry& entry = stored->entry;
  if (entry.kind != EntryKind::alert_received || entry.body["alert"].string_or("") != command.id)
    return make_error(ErrorCode::gone, "alert", "there is no such alert.", "quell alerts --all");
  if (command.kind == AlertCommand::Kind::dismiss) {
    if (Status said = check_reason(command.reason); !said) return said.error();
    parts_.engine.note(EntryKind::alert_dismissed, {{"alert", command.id},
                                                    {"who", command.who},
                                                    {"from", command.from},
                                                    {"why", command.reason}});
    return FiledAlert{.id = command.id, .why = command.reason};
  }
  const std::string name = entry.body["source"].string_or("");
  const auto source = std::ranges::find(sources, name, &AlertSource::name);
  if (source == sources.end())
    return make_error(ErrorCode::invalid, "alert", "its source is configured no longer.",
                      "alerts.sources in quell.yaml");
  if (entry.body["too_long"].bool_or(false))
    return make_error(ErrorCode::invalid, "alert", "its text was too long to be kept.",
                      "begin a run by hand: quell run");
  const ReceivedAlert alert = alert_of(entry);
  Ruling ruling = parts_.judge.judge(*source, alert, command.id, entry.at);
  // Whoever replays it looked at it, and then at the plan: that is two steps, never one.
  ruling.mode = RouteMode::plan;
  FiledAlert filed = begin(*source, ruling, {.id = command.id});
  write_down(*source, alert, filed, ruling.sealed,
             {{"replayed_by", command.who}, {"replayed_from", command.from}});
  return filed;
}

void AlertDesk::turn_is_durable() { of_this_turn_.clear(); }

FiledAlert AlertDesk::decide(const AlertSource& source, const ReceivedAlert& alert,
                             FiledAlert filed, std::vector<SecretPtr>& sealed) {
  if (const std::optional<RunId> watched = trip(alert, filed.id)) {
    filed.run = watched;
    filed.joined = true;
    filed.why = "its watch looks now";
    return filed;
  }
  Ruling ruling = parts_.judge.judge(source, alert, filed.id, parts_.clock.now());
  sealed = std::move(ruling.sealed);
  return begin(source, ruling, std::move(filed));
}

std::optional<RunId> AlertDesk::trip(const ReceivedAlert& alert, const std::string& id) {
  const std::optional<Tripwire> wire = tripwire_of(alert);
  if (!wire) return std::nullopt;
  std::optional<RunId> tripped;
  for (const auto& [run_id, run] : parts_.engine.runs()) {
    if (!run.is_watched() || !concerns(*wire, run)) continue;
    parts_.engine.look_now(run_id, id);
    tripped = run_id;
  }
  return tripped;
}

FiledAlert AlertDesk::begin(const AlertSource& source, const Ruling& ruling, FiledAlert filed) {
  filed.why = ruling.why;
  if (ruling.route == nullptr) return filed;
  const auto inbox = [&filed](std::string why) {
    filed.why = std::move(why);
    return std::move(filed);
  };
  if (parts_.is_disarmed()) return inbox("automation is disarmed");
  const bool rehearses = ruling.mode == RouteMode::dry_run;
  const bool proposed = ruling.mode == RouteMode::plan;
  if (!rehearses) {
    const auto same = parts_.engine.find_like(*ruling.playbook, ruling.inputs);
    // A run that may act by itself does not wait behind a proposal (threat T20).
    if (same && (proposed || !parts_.engine.find(*same)->proposed)) {
      filed.run = same;
      filed.joined = true;
      return filed;
    }
  }
  if (proposed || rehearses) {
    const auto open = std::ranges::count_if(parts_.engine.runs(), [&](const auto& run) {
      return !run.second.finished() && run.second.who == maker_of(source);
    });
    if (open >= kOpenProposalsMax) return inbox("twenty runs of this source wait already");
  }
  const Route& route = *ruling.route;
  const RunMode in_earnest = parts_.drill ? RunMode::drill : RunMode::live;
  const Result<RunId> run =
      parts_.engine.enroll({.playbook = ruling.playbook,
                            .inputs = ruling.inputs,
                            .mode = rehearses ? RunMode::dry_run : in_earnest,
                            .send_probes = !rehearses,
                            .who = maker_of(source),
                            .approved_in_advance = !proposed && route.irreversible,
                            .automatic = true,
                            .proposed = proposed,
                            .alert = filed.id,
                            .scope = proposed ? std::vector<std::string>{} : route.scope});
  if (!run) return inbox(describe(run.error()));
  filed.run = *run;
  filed.mode = ruling.mode;
  return filed;
}

void AlertDesk::write_down(const AlertSource& source, const ReceivedAlert& alert,
                           const FiledAlert& filed, const std::vector<SecretPtr>& sealed,
                           ValueMap more) {
  const Mask mask(sealed, parts_.secrets);
  ValueMap body = std::move(more);
  body["alert"] = filed.id;
  body["source"] = source.name;
  body["kind"] = std::string(to_string(source.kind));
  if (!alert.correlation.empty()) body["about"] = mask.text(alert.correlation);
  if (!alert.event.empty()) body["event"] = mask.text(alert.event);
  if (filed.run) body["run"] = to_string(*filed.run);
  if (filed.joined) body["joined"] = true;
  if (!filed.why.empty()) body["why"] = filed.why;
  ValueList leaked;
  for (const LeakedSecret& one : alert.secrets) {
    leaked.push_back(
        Value::map({{"path", one.path}, {"fingerprint", parts_.secrets.fingerprint(*one.secret)}}));
  }
  if (!leaked.empty()) body["secrets"] = Value(std::move(leaked));
  if (to_json(alert.body).size() <= kBodyBytesMax) {
    body["body"] = mask.value(alert.body);
  } else {
    body["too_long"] = true;
  }
  parts_.engine.note(EntryKind::alert_received, std::move(body));
}

}  // namespace quell
