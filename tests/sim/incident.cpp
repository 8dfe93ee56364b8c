#include "tests/sim/incident.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "connectors/managed_agents/managed_agents_connector.h"
#include "connectors/oauth/oauth_connector.h"
#include "orchestrator/engine/run_inputs.h"
#include "orchestrator/playbook_library.h"
#include "orchestrator/report/report_connector.h"
#include "state/base/assert.h"
#include "state/base/bytes.h"
#include "tests/sim/auditor.h"
#include "tests/sim/faulty_connector.h"
#include "tests/sim/people.h"
#include "tests/sim/playbooks.h"
#include "tests/sim/process_seams.h"

namespace quell::sim {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

// Dice of their own for each part of an incident.
enum Part : std::uint64_t { world_part, weather_part, people_part, deaths_part, runs_part };

constexpr int kProcessesMax = 12;
constexpr int kDeathsMax = 5;
constexpr int kTurnsMax = 20'000;  // of one process
constexpr int kMorningsMax = 8;
/// Turns in a row in which no time passes and nothing is written, before they count as spinning.
constexpr int kIdleTurnsMax = 200;
/// Nothing happened for so long: everybody sleeps until the morning.
constexpr Duration kQuiet{minutes{12}};
constexpr Duration kTurn{minutes{2}};
constexpr Duration kSettle{7'000};  // of a process that is told to end

SecretPtr secret_of(const std::string& text) {
  return std::make_shared<const Secret>(Secret::copy_of(text));
}

/// What policy a seed demands.
Policy draw_policy(Dice& dice, const Site& site) {
  Policy policy;
  policy.strict = dice.chance(30);
  policy.users = {{.name = "mara", .roles = {"responder"}},
                  {.name = "ann", .roles = {"approver"}},
                  {.name = "bo", .roles = {"approver"}},
                  {.name = "cy", .roles = {"approver", "admin"}}};
  policy.floor_change = dice.chance(20) ? 1 : 0;
  policy.floor_irreversible = dice.chance(15) ? 0 : dice.between(1, 2);
  policy.wide_above = dice.chance(20) ? dice.between(1, 10) : 25;
  policy.canary_above = dice.chance(20) ? dice.between(1, 5) : 20;
  policy.auto_irreversible_per_run = dice.between(0, 6);
  policy.auto_irreversible_per_hour = dice.between(0, 12);
  policy.auto_runs_per_hour = dice.between(0, 3);
  policy.irreversible_per_hour = dice.chance(20) ? dice.between(1, 10) : 2'000;
  if (dice.chance(15)) {
    for (const auto& [vault, ids] : site.extras().credential_ids) {
      if (!ids.empty()) policy.protected_targets.push_back(dice.pick(ids));
    }
  }
  return policy;
}

Weather draw_weather(Dice& dice) {
  Weather weather;
  if (dice.chance(30)) return weather;
  const int storm = dice.chance(25) ? 15 : 4;
  for (int* const percent :
       {&weather.lost_before, &weather.lost_after, &weather.throttled, &weather.refused,
        &weather.failed_after, &weather.slow, &weather.garbage, &weather.unreachable}) {
    if (dice.chance(40)) *percent = dice.between(1, storm);
  }
  return weather;
}

/// Profiles of the world: those that it has to be born with, or those that come later.
std::string draw_profiles(Dice& dice, bool born_with) {
  static const std::vector<std::string> kBorn{"lying_200",
                                              "access_token_survives",
                                              "spent_refresh_200",
                                              "jwt_offline",
                                              "rotation",
                                              "rotation_family",
                                              "no_revocation_endpoint",
                                              "issuer_503",
                                              "html_200",
                                              "no_introspection",
                                              "bare_401",
                                              "rejects_all",
                                              "only_modern",
                                              "slow_cache",
                                              "validate_inconclusive",
                                              "slow_propagation",
                                              "archive_again_400",
                                              "session_restarts",
                                              "archive_while_running_409"};
  static const std::vector<std::string> kLater{"throttles", "drops_next_page", "other_workspace"};
  std::string names;
  const auto add = [&](const std::string& name) {
    if (("," + names + ",").find("," + name + ",") == std::string::npos)
      names += (names.empty() ? "" : ",") + name;
  };
  if (!born_with) {
    if (dice.chance(12)) add(dice.pick(kLater));
    return names;
  }
  if (dice.chance(35)) return names;
  for (int i = dice.between(1, 3); i > 0; --i) add(dice.pick(kBorn));
  return names;
}

Death draw_death(Dice& dice, int process) {
  Death death;
  if (process >= kDeathsMax || dice.chance(30)) return death;
  const auto number = [&](int most) { return static_cast<std::size_t>(dice.between(1, most)); };
  switch (dice.between(0, 4)) {
    case 0:
    case 1:
      death.at_append = number(dice.chance(50) ? 8 : 60);
      death.loss = dice.chance(50) ? Loss::entry_kept : Loss::entry_lost;
      break;
    case 2:
      death.at_request = number(dice.chance(50) ? 12 : 120);
      death.request_left = dice.chance(50);
      break;
    case 3:
      death.disk_full_at = number(40);
      death.disk_full_for = dice.chance(50) ? number(3) : 0;
      break;
    default:
      death.told_to_end = dice.span(Duration{1}, Duration{120'000});
      break;
  }
  return death;
}

Result<ConnectorSet> connectors_for(Site& site, Random& random, SecretStore& secrets,
                                    const std::optional<Misbehaviour>& fault) {
  const range::Keys& keys = site.world().keys();
  ConnectorSet connectors;
  connectors["report"] = std::make_shared<const ReportConnector>();
  ManagedAgentsConfig platform;
  platform.base_url = kPlatformUrl;
  platform.api_key =
      BoundSecret{.secret = secret_of(keys.api_key), .origins = {std::string(kPlatformUrl)}};
  platform.key_fingerprint = secrets.fingerprint(*platform.api_key.secret);
  Result<std::unique_ptr<ManagedAgentsConnector>> agents =
      ManagedAgentsConnector::make(std::move(platform));
  if (!agents) return agents.error();
  connectors["platform"] = std::move(*agents);
  if (fault) connectors["platform"] = misbehaving(connectors["platform"], *fault);
  IssuerConfig issuer;
  issuer.match_mcp_server_url = kMcpEndpoint;
  issuer.issuer = kIssuerUrl;
  issuer.client_id = keys.client_id;
  issuer.method = ClientAuth::client_secret_basic;
  issuer.client_secret = secret_of(keys.client_secret);
  OauthConfig oauth;
  oauth.loopback_http = true;
  oauth.issuers.push_back(std::move(issuer));
  Result<std::unique_ptr<OauthConnector>> connector =
      OauthConnector::make(std::move(oauth), random);
  if (!connector) return connector.error();
  connectors["issuer"] = std::move(*connector);
  return connectors;
}

/// A run that somebody begins.
struct Beginning {
  DrawnPlaybook playbook{};
  RunMode mode = RunMode::live;
  bool send_probes = true;
  bool confirmed = false;
  bool approved_in_advance = false;
  bool automatic = false;
};

/// When the kill switch is on, and for whom.
struct Disarmed {
  Timestamp from{};
  Timestamp until{};
  bool people = false;
};

/// What outlives every process of a seed: the world, the disk, the people.
class Show {
 public:
  Show(std::uint64_t seed, Findings& findings);

  void play();
  MemoryJournal& disk() { return disk_; }
  int processes() const { return processes_; }
  const std::vector<std::string>& results() const { return results_; }

 private:
  enum class End : std::uint8_t { done, again };
  End process(const Death& death);
  End drive(Engine& engine, const SimJournal& journal, const Death& death,
            const ConnectorSet& connectors);
  Status begin_or_go_on(Engine& engine, const ConnectorSet& connectors);
  void after_the_end(Engine& engine, const ConnectorSet& connectors);
  bool is_over(const Engine& engine) const;
  KillSwitch kill_switch() const;
  void check_finished(const Engine& engine, const ConnectorSet& connectors);

  std::uint64_t seed_;
  Findings& findings_;
  Dice dice_;
  Timestamp start_;
  ManualClock clock_;
  SeededRandom random_;
  std::unique_ptr<Site> site_;
  std::unique_ptr<Network> network_;
  Policy policy_{};
  MemoryJournal disk_{};
  MemorySecretStore secrets_{};
  Ledger ledger_{};
  std::unique_ptr<People> people_;
  std::unique_ptr<Auditor> auditor_;
  std::vector<Beginning> beginnings_{};
  std::optional<Misbehaviour> misbehaviour_{};
  std::optional<Disarmed> disarmed_{};
  Duration latency_{};
  std::set<RunId> checked_{};
  Timestamp last_entry_{};
  bool undoes_ = false;
  /// When somebody sets the machine's clock, and by how much.
  std::optional<std::pair<Timestamp, Duration>> clock_set_{};
  bool watches_ = false;
  bool asked_after_ = false;
  int processes_ = 0;
  std::vector<std::string> results_{};
};

Timestamp start_of(std::uint64_t seed) {
  constexpr Timestamp kNewYear = std::chrono::sys_days{std::chrono::year{2031} / 1 / 1};
  constexpr std::uint64_t kStep = 7'919'000;  // another time of day for each seed
  return kNewYear + Duration(static_cast<std::int64_t>(seed % 3'000 * kStep));
}

Show::Show(std::uint64_t seed, Findings& findings)
    : seed_(seed),
      findings_(findings),
      dice_(seed, runs_part),
      start_(start_of(seed)),
      clock_(start_),
      random_(seed) {
  Dice dice(seed, world_part);
  const bool intruder = dice.chance(70);
  const std::string born_with = draw_profiles(dice, true);
  site_ = std::make_unique<Site>(seed, start_, born_with, intruder);
  const int vaults = dice.between(0, 3);
  const int credentials = vaults == 0 ? 0 : dice.between(1, dice.chance(20) ? 40 : 8);
  site_->furnish(vaults, credentials, dice.between(0, 3), dice.between(0, 2), dice, start_);
  const std::string later = draw_profiles(dice, false);
  site_->add_profiles(later, start_);
  policy_ = draw_policy(dice, *site_);
  latency_ = dice.span(Duration{0}, Duration{200});
  network_ = std::make_unique<Network>(site_->world(), draw_weather(dice), Dice(seed, weather_part),
                                       findings);
  people_ = std::make_unique<People>(Dice(seed, people_part), start_);
  auditor_ = std::make_unique<Auditor>(*site_, policy_, findings);
  for (int i = dice_.chance(15) ? 2 : 1; i > 0; --i) {
    const int kind = dice_.between(1, 100);
    Beginning beginning;
    beginning.playbook =
        kind <= 30   ? shipped_playbook("leaked-mcp-oauth", site_->world(), dice_, clock_.now())
        : kind <= 38 ? shipped_playbook("rotate-only", site_->world(), dice_, clock_.now())
                     : generated_playbook(*site_, dice_);
    if (dice_.chance(15)) beginning.mode = RunMode::dry_run;
    beginning.send_probes = dice_.chance(50);
    beginning.confirmed = dice_.chance(45);
    beginning.approved_in_advance = dice_.chance(20);
    beginning.automatic = dice_.chance(15);
    beginnings_.push_back(std::move(beginning));
  }
  if (dice_.chance(15))
    misbehaviour_ = Misbehaviour{.claims = dice_.chance(50) ? Effect::read : Effect::mutate};
  if (dice_.chance(12)) {
    const Timestamp from = start_ + dice_.span(Duration{0}, Duration{60'000});
    disarmed_ = Disarmed{.from = from,
                         .until = from + dice_.span(Duration{1'000}, Duration{600'000}),
                         .people = dice_.chance(70)};
  }
  if (dice_.chance(15)) {
    clock_set_ = {start_ + dice_.span(Duration{0}, Duration{120'000}),
                  dice_.span(hours{1}, hours{9}) - Duration{hours{5}}};
  }
  undoes_ = dice_.chance(25);
  watches_ = dice_.chance(25);
  findings_.tell("seed " + std::to_string(seed) + ", profiles " + born_with + " " + later +
                 (policy_.strict ? ", strict" : ", solo"));
}

KillSwitch Show::kill_switch() const {
  if (!disarmed_ || clock_.now() < disarmed_->from || clock_.now() >= disarmed_->until) return {};
  return {.automation = true, .people = disarmed_->people, .who = "ann", .reason = "simulated"};
}

/// Begins the runs of the seed that the journal does not have, and takes up the others.
Status Show::begin_or_go_on(Engine& engine, const ConnectorSet& connectors) {
  for (RunId id{.number = 1}; id <= engine.last(); ++id.number) {
    if (Status known = engine.recall(id); !known) return known;
    // Whoever asked for an undo asks again.
    if (engine.is_undoing(id))
      engine.submit({.kind = Command::Kind::undo, .run = id, .who = "ann", .reason = "again"});
    if (engine.find(id)->is_over()) continue;
    if (Status taken = engine.take_up(id, "mara"); !taken) return taken;
  }
  for (std::size_t i = engine.last().number; i < beginnings_.size(); ++i) {
    const Beginning& beginning = beginnings_[i];
    const DrawnPlaybook& drawn = beginning.playbook;
    const Result<std::shared_ptr<const Playbook>> playbook =
        load_checked({.file = drawn.id + ".yaml", .source = drawn.source}, connectors,
                     others_beside({.file = drawn.id + ".yaml", .source = {}}, Config{}));
    if (!playbook) {
      findings_.violated("every drawn playbook loads",
                         describe(playbook.error()) + "\n" + drawn.source);
      return ok();
    }
    std::map<std::string, SecretPtr> secrets;
    for (const auto& [name, text] : drawn.secrets) secrets[name] = secret_of(text);
    const Result<Value> inputs =
        inputs_from_texts(**playbook, drawn.texts, secrets,
                          [&](const Secret& secret) { return secrets_.fingerprint(secret); });
    QUELL_ASSERT(inputs.has_value());
    const Result<RunId> run =
        engine.start({.playbook = *playbook,
                      .inputs = *inputs,
                      .mode = beginning.mode,
                      .send_probes = beginning.send_probes,
                      .who = "mara",
                      .approved_in_advance = beginning.approved_in_advance && !policy_.strict,
                      .confirmed = beginning.confirmed,
                      .reason = "simulated",
                      .automatic = beginning.automatic});
    if (!run) return run.error();
  }
  return ok();
}

void Show::check_finished(const Engine& engine, const ConnectorSet& connectors) {
  for (const auto& [id, run] : engine.runs()) {
    if (!run.finished() || !checked_.insert(id).second) continue;
    auditor_->finished(run, connectors, clock_.now());
  }
}

bool Show::is_over(const Engine& engine) const {
  return engine.runs().size() == beginnings_.size() &&
         std::ranges::all_of(engine.runs(), [&](const auto& row) {
           const RunState& run = row.second;
           return run.finished() && !engine.is_undoing(run.id) && !run.is_watched();
         });
}

/// What people do with a finished run: watch it, or lift what can be lifted.
void Show::after_the_end(Engine& engine, const ConnectorSet&) {
  if (asked_after_) return;
  asked_after_ = true;
  for (const auto& [id, run] : engine.runs()) {
    if (run.mode != RunMode::live) continue;
    // Refusals (an exposed run, a playbook without a watch) are answers too.
    const bool short_watch = run.playbook->id == "drawn" && run.playbook->watch.has_value();
    if (watches_ && short_watch) {
      if (Status watched = engine.watch(id); !watched) findings_.tell(describe(watched.error()));
    }
    if (undoes_) {
      engine.submit(
          {.kind = Command::Kind::undo, .run = id, .who = "ann", .reason = "all is well"});
    }
  }
}

Show::End Show::drive(Engine& engine, const SimJournal& journal, const Death& death,
                      const ConnectorSet& connectors) {
  const Timestamp began = clock_.now();
  std::optional<Timestamp> stopping;
  int idle = 0;
  for (int turns = 0; turns < kTurnsMax && findings_.none(); ++turns) {
    const Timestamp now = clock_.now();
    if (is_over(engine)) {
      if (asked_after_) return End::done;
      after_the_end(engine, connectors);
    }
    if (!stopping) people_->turn(engine, now);
    if (clock_set_ && now >= clock_set_->first) {
      clock_.jump(clock_set_->second);
      clock_set_.reset();
    }
    if (death.told_to_end > Duration{0} && !stopping && now >= began + death.told_to_end) {
      findings_.tell(format_rfc3339(now) + " --- told to end");
      engine.stop_starting();
      stopping = now;
    }
    if (stopping && (!engine.has_changes_in_flight() || now > *stopping + kSettle)) {
      if (Status wound_up = engine.wind_up(); !wound_up) return End::again;
      auditor_->folds_the_same(disk_, secrets_, engine, loader_for(connectors), connectors);
      return End::again;
    }
    if (now > last_entry_ + kQuiet && !is_over(engine)) {
      last_entry_ = now;
      network_->calm();
      disarmed_.reset();
      people_->morning(engine, now);
      findings_.tell(format_rfc3339(now) + " --- morning");
      if (people_->mornings() > kMorningsMax) {
        findings_.violated("a run ends", "nothing ends it, not even an abort");
        return End::done;
      }
      continue;
    }
    Timestamp until = stopping ? now + Duration{500} : people_->next(now + kTurn);
    if (death.told_to_end > Duration{0} && !stopping)
      until = std::min(until, began + death.told_to_end);
    const std::uint64_t entries = disk_.tip()->seq;
    if (Status turned = engine.turn(until); !turned) {
      if (!journal.is_broken())
        findings_.violated("a turn fails only with its disk", describe(turned.error()));
      return End::again;
    }
    idle = clock_.now() == now && disk_.tip()->seq == entries ? idle + 1 : 0;
    if (idle > kIdleTurnsMax) findings_.violated("the engine sleeps while it waits", "it spins");
    check_finished(engine, connectors);
  }
  if (findings_.none()) findings_.violated("a run ends", "one process made too many turns");
  return End::done;
}

Show::End Show::process(const Death& death) {
  Result<ConnectorSet> connectors = connectors_for(*site_, random_, secrets_, misbehaviour_);
  QUELL_ASSERT(connectors.has_value());
  Engine* working = nullptr;
  SimJournal journal(disk_, death, ledger_, findings_, [&](const Entry& entry) {
    last_entry_ = clock_.now();
    auditor_->see(entry, working == nullptr ? nullptr : working->find(entry.run), *connectors);
  });
  network_->forget_tickets();
  clock_.jump(-clock_.jumped());  // a new process takes the clock as it stands
  asked_after_ = false;           // whoever watched or lifted asks again
  SimTransport transport(*network_, site_->urls(), clock_, latency_, death, journal, ledger_,
                         policy_.protected_targets, findings_);
  End end = End::again;
  try {
    Engine engine(
        {.clock = clock_,
         .transport = transport,
         .journal = journal,
         .secrets = secrets_,
         .connectors = *connectors,
         .load_playbook = loader_for(*connectors),
         .write_bundle = [](const RunState&, const std::string&) -> Result<std::string> {
           return std::string("bundle");
         },
         .on_entry =
             [&](const RunState&, const Entry& entry) {
               if (entry.kind == EntryKind::attempt_settled) network_->person_decided();
             },
         .on_request = [&](const RunState& run, const WorkId&,
                           const HttpRequest& request) { transport.departs(run, request); },
         .policy = &policy_,
         .kill_switch = [this] { return kill_switch(); }});
    working = &engine;
    if (Status loaded = engine.load(); !loaded) {
      findings_.violated("the chain verifies", describe(loaded.error()));
      return End::done;
    }
    if (Status begun = begin_or_go_on(engine, *connectors); begun) {
      end = drive(engine, journal, death, *connectors);
    } else {
      findings_.tell("could not go on: " + describe(begun.error()));
    }
    if (end == End::done && findings_.none()) {
      auditor_->folds_the_same(disk_, secrets_, engine, loader_for(*connectors), *connectors);
      for (const auto& [id, run] : engine.runs()) {
        results_.emplace_back(to_string(*run.result));
      }
    }
  } catch (const SimulatedCrash&) {
    findings_.tell(format_rfc3339(clock_.now()) + " --- the process dies");
    transport.drain();
  }
  return end;
}

void Show::play() {
  Dice dice(seed_, deaths_part);
  last_entry_ = start_;
  for (; processes_ < kProcessesMax && findings_.none(); ++processes_) {
    findings_.tell("--- process " + std::to_string(processes_ + 1));
    if (process(draw_death(dice, processes_)) == End::done) {
      ++processes_;
      break;
    }
    // Somebody notices at once, or hours later.
    clock_.advance(dice.chance(8) ? dice.span(hours{1}, hours{3})
                                  : dice.span(Duration{0}, Duration{90'000}));
    last_entry_ = clock_.now();
  }
  if (processes_ == kProcessesMax && results_.empty() && findings_.none())
    findings_.violated("a run ends", "no process ended it");
  auditor_->chain_verifies(disk_);
  std::set<std::string> secrets = network_->secrets();
  secrets.insert(site_->extras().secrets.begin(), site_->extras().secrets.end());
  const range::Leaked& leaked = site_->world().leaked();
  const range::Keys& keys = site_->world().keys();
  secrets.insert({leaked.access_token, leaked.refresh_token, keys.api_key, keys.admin_key,
                  keys.client_secret, keys.webhook_secret});
  auditor_->holds_no_secret(disk_, secrets);
}

}  // namespace

Incident play(std::uint64_t seed, std::function<void(std::string_view)> trace) {
  Findings findings(std::move(trace));
  Show show(seed, findings);
  show.play();
  const Result<Tip> tip = show.disk().tip();
  QUELL_ASSERT(tip.has_value());
  return {.violations = findings.violations(),
          .head = hex_encode(tip->hash),
          .entries = tip->seq,
          .processes = show.processes(),
          .results = show.results()};
}

}  // namespace quell::sim
