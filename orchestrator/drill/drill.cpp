#include "orchestrator/drill/drill.h"

#include <algorithm>
#include <utility>

#include "connectors/managed_agents/managed_agents_connector.h"
#include "connectors/oauth/oauth_connector.h"
#include "orchestrator/owner.h"
#include "orchestrator/playbook/inputs.h"
#include "orchestrator/playbook_library.h"
#include "orchestrator/range/in_process_transport.h"
#include "orchestrator/report/report_connector.h"
#include "orchestrator/report/run_document.h"

namespace quell {
namespace {

// Where the hosts of the world are reached. Nothing listens there: the transport is in process.
constexpr std::string_view kPlatformUrl = "http://127.0.0.1:8471";
constexpr std::string_view kIssuerUrl = "http://127.0.0.1:8472";
constexpr std::string_view kMcpUrl = "http://127.0.0.1:8473";
constexpr std::string_view kControlUrl = "http://127.0.0.1:8474";

constexpr std::string_view kApprover = "the drill's approver";
constexpr Duration kTurnMax{1'000};
/// A drill that has not ended by then never will.
constexpr Duration kDrillMax{std::chrono::hours(12)};

SecretPtr secret_of(const std::string& text) {
  return std::make_shared<const Secret>(Secret::copy_of(text));
}

Result<ConnectorSet> drill_connectors(
    const range::World& world, Random& random,
    const std::function<std::string(const Secret&)>& fingerprint) {
  ConnectorSet connectors;
  connectors["report"] = std::make_shared<const ReportConnector>();
  ManagedAgentsConfig platform;
  platform.base_url = kPlatformUrl;
  platform.api_key = BoundSecret{.secret = secret_of(world.keys().api_key),
                                 .origins = {std::string(kPlatformUrl)}};
  platform.key_fingerprint = fingerprint(*platform.api_key.secret);
  BoundSecret admin{.secret = secret_of(world.keys().admin_key),
                    .origins = {std::string(kPlatformUrl)}};
  platform.admin_key = [admin] { return Result<BoundSecret>(admin); };
  Result<std::unique_ptr<ManagedAgentsConnector>> agents =
      ManagedAgentsConnector::make(std::move(platform));
  if (!agents) return agents.error();
  connectors["platform"] = std::move(*agents);
  IssuerConfig issuer;
  issuer.match_mcp_server_url = std::string(kMcpUrl) + "/mcp";
  issuer.issuer = kIssuerUrl;
  issuer.client_id = world.keys().client_id;
  issuer.method = ClientAuth::client_secret_basic;
  issuer.client_secret = secret_of(world.keys().client_secret);
  OauthConfig oauth;
  oauth.loopback_http = true;
  oauth.issuers.push_back(std::move(issuer));
  Result<std::unique_ptr<OauthConnector>> connector =
      OauthConnector::make(std::move(oauth), random);
  if (!connector) return connector.error();
  connectors["issuer"] = std::move(*connector);
  return connectors;
}

/// The playbook's inputs as the scenario gives them.
Result<Value> scenario_inputs(const Scenario& scenario, const Playbook& playbook,
                              range::World& world, Timestamp now, SecretStore& secrets) {
  const auto secret = [&](const std::string& text) {
    SecretValue value{.secret = secret_of(text)};
    value.fingerprint = secrets.fingerprint(*value.secret);
    return Value(std::move(value));
  };
  const range::Leaked& leaked = world.leaked();
  const range::FreshGrant fresh = world.mint_fresh(now);
  Scope scope;
  scope.names["leaked"] = Value::map({{"vault_id", leaked.vault_id},
                                      {"credential_id", leaked.credential_id},
                                      {"mcp_server_url", leaked.mcp_server_url},
                                      {"access_token", secret(leaked.access_token)},
                                      {"refresh_token", secret(leaked.refresh_token)},
                                      {"api_key", secret(world.keys().leaked_api_key)},
                                      {"api_key_id", world.keys().leaked_api_key_id},
                                      {"deployment_ids", Value(ValueList(
                                                             leaked.deployment_ids.begin(),
                                                             leaked.deployment_ids.end()))},
                                      {"at", leaked.at}});
  const range::Injected injected = world.injected();
  scope.names["injected"] = Value::map({{"session_id", injected.session_id},
                                        {"agent_id", injected.agent_id},
                                        {"memory_store_id", injected.memory_store_id}});
  scope.names["fresh"] = Value::map({{"access_token", secret(fresh.access_token)},
                                     {"refresh_token", secret(fresh.refresh_token)}});
  ValueMap inputs;
  for (const InputSpec& spec : playbook.inputs)
    inputs.emplace(spec.name, spec.fallback.value_or(Value()));
  for (const auto& [name, text] : scenario.inputs) {
    if (!inputs.contains(name)) {
      return make_error(
          ErrorCode::invalid, "drill",
          "scenario " + scenario.id + ": " + playbook.id + " has no input " + name + ".",
          "quell run " + playbook.id + " --help");
    }
    Result<Value> value = text.evaluate(scope);
    if (!value) return wrap("scenario " + scenario.id + ", input " + name, value.error());
    inputs[name] = std::move(*value);
  }
  return Value(std::move(inputs));
}

/// A drill while it goes on.
class Play {
 public:
  Play(const Scenario& scenario, const DrillEvents& events, const Clock& clock, range::World& world)
      : scenario_(scenario), events_(events), clock_(clock), world_(world), begun_(clock.now()) {}

  Timestamp begun() const { return begun_; }

  void see(const RunState& run, const Entry& entry, const ConnectorSet& connectors) {
    tell_intruder();
    if (events_.entry) events_.entry(run, entry, connectors, begun_);
    if (entry.kind == EntryKind::approval_requested)
      approve_at_ = entry.at + scenario_.approve_after;
    if (entry.kind == EntryKind::manual_requested)
      done_at_.emplace(entry.at + scenario_.approve_after, entry.body["step"].string_or(""));
  }

  /// Tells what the intruder did since the last time.
  void tell_intruder() {
    const std::vector<range::LogLine>& log = world_.intruder_log();
    for (; told_ < log.size(); ++told_) {
      if (events_.intruder) events_.intruder(log[told_], begun_);
    }
  }

  /// The drill's people approve, and do what a run asks them to.
  void act_if_due(Engine& engine, RunId run) {
    const RunState& state = *engine.find(run);
    if (approve_at_ && clock_.now() >= *approve_at_) {
      approve_at_.reset();
      engine.submit({.kind = Command::Kind::approve,
                     .run = run,
                     .who = std::string(kApprover),
                     .digest = state.digest});
    }
    while (!done_at_.empty() && clock_.now() >= done_at_.begin()->first) {
      const std::string step = done_at_.begin()->second;
      done_at_.erase(done_at_.begin());
      std::map<std::string, std::string> fields;
      for (const InputSpec& field : std::get<ManualStep>(find_step(state, step)->kind).fields) {
        if (!field.fallback && field.required) fields[field.name] = example_text(field);
      }
      engine.submit({.kind = Command::Kind::done,
                     .run = run,
                     .who = std::string(kApprover),
                     .target = step,
                     .fields = std::move(fields)});
    }
  }

  bool is_stopped() const { return events_.stopped && events_.stopped(); }
  /// When people act next, at most one turn away.
  Timestamp next_turn() const {
    const Timestamp turn = clock_.now() + kTurnMax;
    const Timestamp acts = approve_at_.value_or(turn);
    return std::min({turn, acts, done_at_.empty() ? turn : done_at_.begin()->first});
  }

 private:
  const Scenario& scenario_;
  const DrillEvents& events_;
  const Clock& clock_;
  range::World& world_;
  Timestamp begun_;
  std::size_t told_ = 0;
  std::optional<Timestamp> approve_at_{};
  std::multimap<Timestamp, std::string> done_at_{};  // manual steps
};

void fill_intruder(DrillOutcome& outcome, const range::World& world) {
  outcome.intruder = world.intruder_log();
  for (const range::LogLine& line : outcome.intruder) {
    const bool success = line.status >= 200 && line.status < 300;
    if (success) {
      outcome.last_success = line.at - outcome.begun;
      outcome.first_failure.reset();  // a refusal that a refresh undid did not keep him out
    } else if (!outcome.first_failure) {
      outcome.first_failure = line.at - outcome.begun;
    }
  }
}

Result<PlaybookFile> playbook_of(const Scenario& scenario) {
  if (!scenario.folder.empty()) {
    Result<PlaybookFile> beside =
        read_playbook_file(scenario.folder + "/../" + scenario.playbook + ".yaml");
    if (beside) return beside;
  }
  return find_playbook(scenario.playbook, Config{});
}

}  // namespace

Result<DrillOutcome> run_drill(const Scenario& scenario, const DrillOptions& options,
                               Random& random, const DrillEvents& events) {
  // The one clock of a drill: scaled for people, jumping from event to event where nobody watches.
  ScaledClock scaled(options.speed > 0 ? options.speed : 1);
  ManualClock jumping(scaled.now());
  const Clock* const clock = options.speed > 0 ? static_cast<const Clock*>(&scaled) : &jumping;
  const range::WorldOptions world_options{.seed = options.seed,
                                          .profile = scenario.profile,
                                          .start = clock->now(),
                                          .platform_url = std::string(kPlatformUrl),
                                          .issuer_url = std::string(kIssuerUrl),
                                          .mcp_url = std::string(kMcpUrl),
                                          .control_url = std::string(kControlUrl)};
  Result<std::unique_ptr<range::World>> world = range::World::create(world_options);
  if (!world) return world.error();
  const std::unique_ptr<range::InProcessTransport> transport =
      options.speed > 0
          ? std::make_unique<range::InProcessTransport>(**world, world_options, scaled)
          : std::make_unique<range::InProcessTransport>(**world, world_options, jumping);
  Play play(scenario, events, *clock, **world);

  std::unique_ptr<Owner> owner;
  Result<std::unique_ptr<Owner>> opened =
      Owner::open({.database = options.database,
                   .keys = options.keys,
                   .clock = *clock,
                   .random = random,
                   .transport = *transport,
                   .make_connectors =
                       [&](const std::function<std::string(const Secret&)>& fingerprint) {
                         return drill_connectors(**world, random, fingerprint);
                       },
                   .on_entry =
                       [&](const RunState& run, const Entry& entry) {
                         if (owner) play.see(run, entry, owner->connectors());
                       },
                   .drill = true,
                   .sibling_database = options.incidents_database});
  if (!opened) return opened.error();
  owner = std::move(*opened);
  Engine& engine = owner->engine();

  const Result<PlaybookFile> file = playbook_of(scenario);
  if (!file) return file.error();
  const Result<std::shared_ptr<const Playbook>> playbook =
      load_checked(*file, owner->connectors(), others_beside(*file, Config{}));
  if (!playbook) return playbook.error();

  const Timestamp respond_at = play.begun() + scenario.respond_after;
  while (clock->now() < respond_at && !play.is_stopped()) {
    if (Status turned = engine.turn(std::min(respond_at, play.next_turn())); !turned)
      return turned.error();
    play.tell_intruder();
  }
  const Result<Value> inputs =
      scenario_inputs(scenario, **playbook, **world, clock->now(), owner->secrets());
  if (!inputs) return inputs.error();
  const Result<RunId> run = engine.start(
      {.playbook = *playbook, .inputs = *inputs, .mode = RunMode::drill, .who = "the drill"});
  if (!run) return run.error();

  const Timestamp lasts_until = play.begun() + scenario.lasts;
  const Timestamp never = play.begun() + kDrillMax;
  while (!play.is_stopped() && clock->now() < never) {
    const bool over = engine.find(*run)->finished() && clock->now() >= lasts_until;
    if (over || engine.find(*run)->held) break;
    Timestamp until = play.next_turn();
    if (engine.find(*run)->finished()) until = std::min(until, lasts_until);
    if (Status turned = engine.turn(until); !turned) return turned.error();
    play.act_if_due(engine, *run);
    play.tell_intruder();
  }

  const RunState& state = *engine.find(*run);
  DrillOutcome outcome;
  outcome.run = *run;
  outcome.stopped = !state.finished();
  outcome.result = state.result.value_or(RunResult::failed);
  outcome.document = run_document(state, owner->connectors());
  outcome.begun = play.begun();
  outcome.lasted = clock->now() - play.begun();
  fill_intruder(outcome, **world);
  outcome.truth = (*world)->truth(clock->now());
  outcome.thief_in = outcome.truth["thief_in"].bool_or(true);
  const bool truth_agrees = scenario.ends == RunResult::exposed
                                ? outcome.thief_in
                                : scenario.ends != RunResult::contained || !outcome.thief_in;
  outcome.as_expected = !outcome.stopped && outcome.result == scenario.ends && truth_agrees;
  if (state.finished()) {
    if (Status closed = engine.close(*run); !closed) return closed.error();
  }
  return outcome;
}

}  // namespace quell
