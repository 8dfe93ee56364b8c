#include "orchestrator/cli/drill_play.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <poll.h>
#include <string>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/cli/drill_text.h"
#include "orchestrator/cli/play_site.h"
#include "orchestrator/cli/run_loop.h"
#include "orchestrator/cli/run_text.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/drill/drill_site.h"
#include "orchestrator/drill/score.h"
#include "orchestrator/drill/script.h"
#include "orchestrator/engine/fold.h"
#include "orchestrator/engine/forgetful.h"
#include "orchestrator/playbook_library.h"
#include "orchestrator/range/faults.h"
#include "orchestrator/report/drill_record.h"
#include "state/base/json.h"
#include "state/private_file.h"

namespace quell::cli {
namespace {

constexpr int kPlayLookEveryMs = 200;
constexpr std::size_t kLineMax = 200;  // of what the facilitator types
constexpr std::string_view kWords =
    "type: next (the next event now), hint, pause, resume, where, end, help";

/// What the players were given, as `-i` takes it. Every secret in it is invented by the range.
std::string input_text(const Value& value) {
  if (value.is_secret()) return std::string(value.as_secret().secret->reveal());
  if (value.is_list()) {
    std::string text;
    for (const Value& item : value.as_list())
      text += (text.empty() ? "[" : ", ") + input_text(item);
    return text.empty() ? "[]" : text + "]";
  }
  return value.is_timestamp() ? format_rfc3339(value.as_timestamp()) : value.string_or("");
}

/// One drill that people play, as its facilitator sees it.
class Play {
 public:
  Play(Session& session, const Scenario& scenario, range::SocketFront& front, PlaySite& site)
      : session_(session),
        scenario_(scenario),
        front_(front),
        site_(site),
        begun_(session.clock().now()),
        teller_(session),
        fold_(nullptr, site.state().loader(), site.state().connectors()) {
    front_.with_world([&](range::World& world, Timestamp) {
      score_.emplace(scenario_, world, begun_);
    });
    happened("", begun_);
    if (scenario_.crash) prepare_crash();
  }

  /// Until the scenario is over, the facilitator ends it, or a signal comes.
  Status go_on() {
    while (!ended_ && StopSignals::received() == 0 && !is_over()) {
      if (!back_at_ && site_.is_gone())
        return make_error(ErrorCode::internal, "drill", "quell serve of the players has ended.",
                          "look at serve.log beside " + site_.config_file());
      listen();
      if (Status read = read_journal(); !read) return read;
      do_what_is_due();
      if (Status crashed = play_crash(); !crashed) return crashed;
      front_.with_world([&](range::World& world, Timestamp) { tell_intruder(world); });
    }
    return read_journal();
  }

  /// The score, or nothing where nobody began a run.
  std::optional<DrillRecord> finish() {
    if (paused_) go_on_after_pause();
    const RunState* const run = run_state();
    if (run == nullptr) return std::nullopt;
    std::optional<DrillRecord> record;
    front_.with_world([&](range::World&, Timestamp now) {
      record = score_->finish(*run, site_.state().connectors(), AlertCounts{}, now);
    });
    record->speed = 1;
    return record;
  }

 private:
  Timestamp now() const { return session_.clock().now(); }
  /// The last that was no rehearsal: what counts.
  const RunState* run_state() const {
    const RunState* last = nullptr;
    for (const auto& [id, run] : fold_.so_far().runs) {
      if (run.mode == RunMode::live) last = &run;
    }
    return last;
  }
  bool is_over() const {
    const RunState* const run = run_state();
    return run != nullptr && run->finished() && agenda_.empty() && !paused_ &&
           now() >= zero() + scenario_.lasts;
  }
  /// From which the clock on the terminal counts: pauses are none of the drill's time.
  Timestamp zero() const { return begun_ + stood_still_; }
  void say(const std::string& text) { teller_.note(text, paused_ ? *paused_ : now(), zero()); }

  void happened(std::string_view moment, Timestamp at) {
    for (const ScriptedDeed& deed : deeds_after(scenario_, moment, at))
      agenda_.emplace(deed.due, deed);
  }

  void do_what_is_due() {
    if (paused_) return;
    while (!agenda_.empty() && agenda_.begin()->first <= now()) carry_out_first();
    for (auto at = approvals_.begin(); at != approvals_.end() && at->first <= now();) {
      site_.approve(at->second.first, at->second.second);
      at = approvals_.erase(at);
    }
  }

  /// The answer to the change that the players' process does not survive never comes.
  void prepare_crash() {
    const Value fault = Value::map({{"host", range::to_string(scenario_.crash->host)},
                                    {"path", scenario_.crash->path},
                                    {"effect", "mutate"},
                                    {"hang", "after"}});
    front_.with_world([&](range::World& world, Timestamp at) {
      world.handle({.host = range::Host::control,
                    .method = "POST",
                    .target = "/faults",
                    .body = to_json(Value::map({{"fail_next", fault}}))},
                   at);
    });
  }

  /// Kills the players' process once that change has arrived, and starts another one later.
  Status play_crash() {
    if (back_at_ && !paused_ && now() >= *back_at_) {
      back_at_.reset();
      score_->restarted(now());
      say("another process takes the run up");
      return site_.start_again();
    }
    if (!scenario_.crash || has_died_) return ok();
    front_.with_world([&](range::World& world, Timestamp) {
      const std::vector<range::LogLine>& log = world.request_log();
      for (; requests_seen_ < log.size() && !has_died_; ++requests_seen_) {
        const range::LogLine& line = log[requests_seen_];
        has_died_ = line.who == "client" && line.effect == Effect::mutate &&
                    line.host == range::to_string(scenario_.crash->host) &&
                    line.path.find(scenario_.crash->path) != std::string::npos;
      }
    });
    if (!has_died_) return ok();
    site_.kill();
    score_->died(now());
    say("the process dies: the change was sent, its answer is not recorded");
    back_at_ = now() + scenario_.crash->restart_after;
    return ok();
  }

  void carry_out_first() {
    const ScriptedDeed deed = agenda_.extract(agenda_.begin()).mapped();
    const Inject* inject = nullptr;
    front_.with_world([&](range::World& world, Timestamp at) {
      inject = carry_out(world, deed, at);
      if (inject != nullptr) score_->see(*inject, at);
    });
    if (inject == nullptr) return;
    teller_.inject(*inject, now(), zero());
    if (inject->kind != Inject::Kind::silence && !site_.deliver(*inject))
      say("the panel did not take it: tell the players yourself");
  }

  Status read_journal() {
    return site_.state().journal().read_some(
        seen_,
        [this](const EntryLabel& label) {
          seen_ = label.seq;
          return label.run.number != 0;
        },
        [this](const StoredEntry& stored) {
          if (Status taken = fold_.take(stored); !taken) return taken;
          const auto run = fold_.so_far().runs.find(stored.entry.run);
          if (run != fold_.so_far().runs.end()) see(run->second, stored.entry);
          return ok();
        });
  }

  void see(const RunState& run, const Entry& entry) {
    if (run.mode != RunMode::live) return;  // a dry run contains nothing
    const ConnectorSet& connectors = site_.state().connectors();
    front_.with_world([&](range::World& world, Timestamp) {
      tell_intruder(world);
      score_->see(run, entry, connectors);
      if (entry.kind != EntryKind::run_started || !scenario_.exclusion) return;
      for (const std::string& vault : world.leaked().idle_vault_ids)
        score_->leave_out(vault, *scenario_.exclusion, entry.at);
    });
    teller_.entry(run, entry, connectors, zero());
    if (entry.kind == EntryKind::approval_requested && scenario_.approve_after)
      approvals_.emplace(entry.at + *scenario_.approve_after,
                         std::pair(run.id, entry.body["digest"].string_or("")));
    if (entry.kind == EntryKind::run_finished)
      say(to_string(run.id) + " is over: " + std::string(to_string(*run.result)));
    if (const auto moment = moment_of(entry)) happened(*moment, entry.at);
  }

  void tell_intruder(const range::World& world) {
    const std::vector<range::LogLine>& log = world.intruder_log();
    for (; told_ < log.size(); ++told_) teller_.intruder(log[told_], zero());
  }

  /// Waits a moment for a line of the facilitator's.
  void listen() {
    pollfd input{.fd = has_input_ ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0};
    if (::poll(&input, 1, kPlayLookEveryMs) <= 0 || input.revents == 0) return;
    char byte = 0;
    const ssize_t count = ::read(STDIN_FILENO, &byte, 1);
    if (count <= 0) {
      has_input_ = false;  // nobody types any more; the drill goes on
    } else if (byte != '\n') {
      if (line_.size() < kLineMax) line_ += byte;
    } else {
      obey(std::exchange(line_, {}));
    }
  }

  void obey(const std::string& word) {
    if (word == "end") {
      ended_ = true;
    } else if (word == "pause") {
      if (!paused_) pause();
      say("paused: script, intruder and score stand still; the players' quell does not");
    } else if (word == "resume") {
      if (paused_) go_on_after_pause();
      say("it goes on");
    } else if (word == "next") {
      if (agenda_.empty())
        say("nothing waits" + after_what());
      else
        carry_out_first();
    } else if (word == "hint") {
      say(hints_ < scenario_.questions.size()
              ? "ask them: " + scenario_.questions[hints_++]
              : "what it teaches: " + scenario_.teaches);
    } else if (word == "where") {
      for (const auto& [due, deed] : agenda_)
        say(fmt::format("at {}: {}", clock_since(zero(), due), words_for(deed)));
      say("players: " + site_.panel() + ", goals: " + goals());
    } else if (!word.empty()) {
      say(std::string(kWords));
    }
  }

  void pause() {
    front_.with_world([&](range::World& world, Timestamp at) {
      paused_ = at;
      world.hold_intruder(true, at);
    });
  }

  /// Whatever was to come comes that much later.
  void go_on_after_pause() {
    front_.with_world([&](range::World& world, Timestamp at) {
      world.hold_intruder(false, at);
      score_->paused(*paused_, at);
      const Duration stood = at - *std::exchange(paused_, std::nullopt);
      stood_still_ += stood;
      if (back_at_) *back_at_ += stood;
      agenda_ = later(std::move(agenda_), stood);
      approvals_ = later(std::move(approvals_), stood);
    });
  }

  template <typename Deed>
  static std::multimap<Timestamp, Deed> later(std::multimap<Timestamp, Deed> agenda, Duration by) {
    std::multimap<Timestamp, Deed> moved;
    for (auto& [due, deed] : agenda) moved.emplace(due + by, std::move(deed));
    return moved;
  }

  static std::string words_for(const ScriptedDeed& deed) {
    if (const auto* const inject = std::get_if<const Inject*>(&deed.what))
      return std::string(to_string((*inject)->kind)) + " from " + (*inject)->from + ": " +
             (*inject)->text;
    if (const auto* const act = std::get_if<const ScriptedAct*>(&deed.what))
      return (*act)->act.who + ": " + std::string(to_string((*act)->act.kind));
    return "a fault of the range begins";
  }

  /// What the rest of the script waits for.
  std::string after_what() const {
    std::string text;
    for (const Inject& inject : scenario_.injects) {
      if (!inject.when.on.empty() && text.find(inject.when.on) == std::string::npos)
        text += (text.empty() ? "; events follow " : ", ") + inject.when.on;
    }
    return text;
  }

  std::string goals() const {
    std::string text;
    const auto add = [&text](std::string_view word, const std::optional<Duration>& goal) {
      if (goal) text += (text.empty() ? "" : ", ") + std::string(word) + " " + format_duration(*goal);
    };
    add("plan", scenario_.goals.plan);
    add("decide", scenario_.goals.decide);
    add("contain", scenario_.goals.contain);
    add("prove", scenario_.goals.prove);
    return text.empty() ? "none" : text;
  }

  Session& session_;
  const Scenario& scenario_;
  range::SocketFront& front_;
  PlaySite& site_;
  Timestamp begun_;
  DrillTeller teller_;
  JournalFold fold_;
  std::optional<ScoreKeeper> score_{};
  std::multimap<Timestamp, ScriptedDeed> agenda_{};
  std::multimap<Timestamp, std::pair<RunId, std::string>> approvals_{};  // run and digest
  std::uint64_t seen_ = 0;
  std::size_t told_ = 0;
  std::size_t hints_ = 0;
  std::string line_{};
  bool has_input_ = true;
  std::optional<Timestamp> paused_{};  // since then everything stands still
  Duration stood_still_{0};            // in pauses that are over
  bool ended_ = false;
  std::size_t requests_seen_ = 0;
  bool has_died_ = false;               // the players' process, as the scenario wants it
  std::optional<Timestamp> back_at_{};  // nothing runs until then
};

/// What the players are told at the start: on the facilitator's terminal, or as a line of JSON.
Status brief(Session& session, const Scenario& scenario, std::uint64_t seed,
             range::SocketFront& front, const PlaySite& site) {
  const Result<PlaybookFile> file = playbook_of(scenario);
  if (!file) return file.error();
  std::optional<Result<Value>> inputs;
  Status loaded = ok();
  front.with_world([&](range::World& world, Timestamp now) {
    const Result<ConnectorSet> set =
        drill_connectors(world, session.random(), [](const Secret&) { return std::string(); });
    if (!set) {
      loaded = set.error();
      return;
    }
    const Result<std::shared_ptr<const Playbook>> playbook =
        load_checked(*file, *set, others_beside(*file, Config{}));
    if (!playbook) {
      loaded = playbook.error();
      return;
    }
    ForgetfulStore secrets([](const Secret&) { return std::string(); });
    inputs = scenario_inputs(scenario, **playbook, world, now, secrets);
  });
  if (!loaded) return loaded;
  if (!*inputs) return inputs->error();
  ValueMap found;
  for (const auto& [name, value] : (*inputs)->as_map()) {
    if (std::string text = input_text(value); !text.empty()) found.emplace(name, std::move(text));
  }
  if (session.options().json) {
    session.print_json(Value::map({{"panel", site.panel()},
                                   {"link", site.set_up_link()},
                                   {"config", site.config_file()},
                                   {"playbook", scenario.playbook},
                                   {"inputs", Value(std::move(found))}}));
    session.out().flush();
    return ok();
  }
  Stream& out = session.out();
  out.line(std::string(out.sign("arrow")) + " " + scenario.id + "  " + scenario.title +
           fmt::format("   seed {}, in real time", seed));
  out.line("Players   " + (site.set_up_link().empty() ? site.panel() : site.set_up_link()));
  out.line("          or quell --config " + site.config_file());
  out.line("Playbook  " + scenario.playbook + ", with what was found:");
  for (const auto& [name, value] : found)
    out.line("          " + padded(name, 22) + value.as_string());
  out.line(std::string(kWords));
  out.line("");
  return ok();
}

}  // namespace

int play_with_people(Session& session, const Config& config, const Scenario& scenario,
                     std::uint64_t seed, const std::string& team, bool expect) {
  if (scenario.alerts) {
    return session.fail(make_error(ErrorCode::conflict, "drill",
                                   scenario.id + " begins by alerts, which people cannot play.",
                                   "quell drill " + scenario.id + " plays it alone"));
  }
  const StopSignals signals;
  const std::string drills = drills_database(config.database.value);
  const Timestamp begun = session.clock().now();
  const RunId name{.number = static_cast<std::uint64_t>(begun.time_since_epoch().count() / 1'000),
                   .drill = true};
  Result<std::unique_ptr<range::SocketFront>> front =
      range::SocketFront::start({.seed = seed,
                                 .profile = scenario.profile,
                                 .start = begun,
                                 .population = scenario.population},
                                session.clock());
  if (!front) return session.fail(front.error());
  Result<std::unique_ptr<PlaySite>> site =
      PlaySite::open(session, scenario, **front,
                     std::filesystem::absolute(folder_of(drills) + "/plays").string(), name);
  if (!site) return session.fail(site.error());
  if (Status told = brief(session, scenario, seed, **front, **site); !told)
    return session.fail(told.error());
  Play play(session, scenario, **front, **site);
  const Status played = play.go_on();
  if (!played) return session.fail(played.error(), kExitFailed);
  std::optional<DrillRecord> record = play.finish();
  if (!record) {
    session.err().line("Nobody began a run, so nothing is scored.");
    return kExitNo;
  }
  record->drill = to_string(name);
  record->seed = seed;
  record->team = team;
  record->people = true;
  if (Status kept = keep_drill_record(drill_scores_folder(drills), *record, session.random());
      !kept)
    return session.fail(kept.error());
  if (session.options().json) {
    session.print_json(to_value(*record));
  } else {
    session.out().write("\n" + score_text(session.out(), *record, AnswerOrigin::range));
    session.next("quell drill report " + record->drill);
  }
  if (expect) return record->agrees() ? kExitOk : kExitNo;
  return exit_code(record->result);
}

}  // namespace quell::cli
