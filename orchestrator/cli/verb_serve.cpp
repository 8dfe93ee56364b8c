#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include "orchestrator/alert_setup.h"
#include "orchestrator/alerts/desk.h"
#include "orchestrator/alerts/intake.h"
#include "orchestrator/alerts/key_set.h"
#include "orchestrator/catalog_routes.h"
#include "orchestrator/cli/notify_service.h"
#include "orchestrator/cli/drill_apart.h"
#include "orchestrator/cli/drill_record.h"
#include "orchestrator/cli/own_state.h"
#include "orchestrator/cli/panel_front.h"
#include "orchestrator/cli/run_loop.h"
#include "orchestrator/cli/serve_log.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/drill/drill_desk.h"
#include "orchestrator/http_server.h"
#include "orchestrator/kill_switch.h"
#include "orchestrator/notify_routes.h"
#include "orchestrator/owner_api.h"
#include "orchestrator/preflight.h"
#include "orchestrator/preflight_desk.h"
#include "orchestrator/serve_meters.h"
#include "orchestrator/socket_activation.h"
#include "state/alert_index.h"
#include "state/private_file.h"

namespace quell::cli {
namespace {

constexpr Duration kTurn{500};
/// People whom another process has added or removed are known after that.
constexpr Duration kPeopleEvery{2'000};
/// An engine that has not turned for so long is not ready.
constexpr Duration kTurnMax{10'000};
/// What is in flight when the process is told to end is settled until then.
constexpr Duration kSettleMax{7'000};
/// A run that was cut off longer ago is a person's to take up (threat T28).
constexpr Duration kResumeMaxAge{std::chrono::hours{1}};

constexpr std::string_view kServeHelp =
    R"(quell serve - own the state: the panel, alerts in, go on with runs that were cut off
usage: quell serve
panel:   in quell.yaml says where people come in: pages for a browser, /api/v1 for --server, /metrics.
hooks:   says where alerts come in, alerts: from whom and what they may begin. Either may be left out.
The first start shows a link, for one use within 15 minutes, with which the first admin signs in; without a terminal it is in the file set-up-link beside the database.
It ends with SIGTERM or Ctrl-C: nothing new starts, what is in flight is settled, runs stay resumable.
SIGHUP reads the listeners' certificates anew. Under systemd it takes its sockets from the manager (FileDescriptorName=hooks, FileDescriptorName=panel).
Examples    quell serve
            quell serve --json >>/var/log/quell.jsonl
)";

volatile std::sig_atomic_t reload_wanted = 0;
extern "C" void on_reload_signal(int /*signal*/) { reload_wanted = 1; }

/// A run that is over is watched if its playbook says so; after that its secrets are erased, and it
/// is forgotten until somebody asks.
Status tend_runs(Engine& engine, std::set<RunId>& closed) {
  std::vector<RunId> over;
  for (const auto& [id, run] : engine.runs()) {
    if (run.is_over()) over.push_back(id);
  }
  for (const RunId id : over) {
    if (!closed.contains(id)) {
      if (!engine.find(id)->watch.started) {
        if (Status watched = engine.watch(id); !watched) return watched;
        if (engine.find(id)->is_watched()) continue;
      }
      if (Status erased = engine.close(id); !erased) return erased;
      closed.insert(id);
    }
    if (engine.forget(id)) closed.erase(id);
  }
  return ok();
}

/// What alerts begin is decided by a file that nobody else can write (threat T24).
Status check_config_file(const std::string& path) {
  if (path.empty()) return ok();
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid())
    return make_error(ErrorCode::invalid, "state", path + " cannot be opened.", "look at its mode");
  return check_trusted(file, path);
}

void take_up_runs(Session& session, Engine& engine, ServeLog& log) {
  std::vector<std::pair<RunId, bool>> runs;
  for (const auto& [id, run] : engine.runs())
    runs.emplace_back(id, session.clock().now() - run.now <= kResumeMaxAge);
  for (const auto& [id, fresh] : runs) {
    const std::string name = to_string(id);
    const Status taken = fresh ? engine.take_up(id, "quell serve")
                               : Status(make_error(ErrorCode::conflict, "run",
                                                   "it was cut off more than an hour ago", ""));
    if (taken) {
      log.event("resumed", name, {{"run", name}});
    } else {
      log.event("waits", name + ": " + describe(taken.error()) + "; quell resume " + name,
                {{"run", name}, {"why", describe(taken.error())}});
    }
  }
}

Result<std::unique_ptr<HttpServer>> listen_for_alerts(const ListenSettings& hooks,
                                                      const std::map<std::string, int>& activated,
                                                      std::size_t body_bytes_max) {
  HttpServerOptions options;
  options.host = hooks.host;
  options.port = hooks.port;
  options.tls = hooks.tls;
  options.body_bytes_max = body_bytes_max;
  if (const auto socket = activated.find("hooks"); socket != activated.end())
    options.listen_fd = socket->second;
  if (!options.listen_fd && !hooks.tls && !hooks.is_loopback()) {
    return make_error(ErrorCode::invalid, "config",
                      hooks.named_at + ": " + hooks.host + " is open to others and has no TLS.",
                      "set hooks.tls, or listen on 127.0.0.1 behind a proxy that has it");
  }
  return HttpServer::bind(options);
}

/// Preflights are made with the owner's own connections, by a transport of their own. What one came
/// to is a note in the journal, which tells people where it got worse.
void open_preflights(Session& session, Owner& owner, PreflightDesk& desk) {
  const Config& config = *session.config();
  EngineDoor& engine = owner.api().engine();
  const auto make = [&session, &owner, &config](
                        const std::function<bool()>& should_stop) -> Result<Value> {
    const Result<std::unique_ptr<HttpTransport>> transport =
        session.make_transport(session.clock());
    if (!transport) return transport.error();
    PreflightParts parts{.clock = session.clock(),
                         .transport = **transport,
                         .connectors = owner.connectors(),
                         .config = config,
                         .who = "quell serve",
                         .should_stop = should_stop};
    parts.drills = passed_drills(session, parts.not_established);
    return make_preflight(parts);
  };
  const auto made = [&engine](const Value& preflight, const std::vector<std::string>& worse) {
    const auto all = static_cast<std::int64_t>(preflight["credentials"].list_or_empty().size());
    const std::int64_t open = preflight["not_revocable"].int_or(0);
    engine.note(EntryKind::note_added,
                {{"who", "quell itself"},
                 {"text", "preflight: " + std::to_string(open) + " of " + std::to_string(all) +
                              " credentials could not be killed at the issuer"},
                 {"preflight",
                  Value::map({{"credentials", all},
                              {"not_revocable", open},
                              {"worse", Value(ValueList(worse.begin(), worse.end()))}})}});
  };
  desk.open({.clock = session.clock(),
             .random = session.random(),
             .file = preflight_file(config.database.value),
             .daily_at = config.preflight_daily_at,
             .make = make,
             .made = made,
             .failed = [&engine](const Error& why) {
               engine.note(EntryKind::note_added, {{"who", "quell itself"},
                                                   {"text", "no preflight: " + describe(why)}});
             }});
}

/// Declared behind the owner: no preflight works with its connections when it goes.
class PreflightLeave {
 public:
  explicit PreflightLeave(PreflightDesk& desk) : desk_(desk) {}
  ~PreflightLeave() { desk_.close(); }
  PreflightLeave(const PreflightLeave&) = delete;
  PreflightLeave& operator=(const PreflightLeave&) = delete;

 private:
  PreflightDesk& desk_;
};

int serve(Session& session) {
  const StopSignals signals;
  const Timestamp begun = session.clock().now();
  struct sigaction reload {};
  reload.sa_handler = on_reload_signal;
  sigemptyset(&reload.sa_mask);
  sigaction(SIGHUP, &reload, nullptr);
  const Config* const config = session.config();
  if (config == nullptr) return kExitNotStarted;
  if (!config->hooks && !config->panel) {
    return session.fail(make_error(ErrorCode::invalid, "config",
                                   "nothing says where people or alerts come in.",
                                   "panel: {listen: \"127.0.0.1:8440\"} in quell.yaml, or hooks: "
                                   "{listen: \"127.0.0.1:8441\"}"));
  }
  if (Status trusted = check_config_file(config->file); !trusted)
    return session.fail(trusted.error());
  const auto activated = activated_sockets(session.sources().environment);
  if (!activated) return session.fail(activated.error());
  ServeLog log(session);
  Metrics metrics(serve_metrics());
  ServeMeters meters(metrics);
  std::unique_ptr<PeopleDesk> people;  // null without a panel
  if (config->panel) {
    Result<std::unique_ptr<PeopleDesk>> desk = PeopleDesk::open(session);
    if (!desk) return session.fail(desk.error());
    people = *std::move(desk);
  }
  PreflightDesk preflights;                    // outlives the owner, whose API asks it
  DrillDesk drills(session.random(), [config](const DrillWish& wish,
                                              const std::function<bool()>& should_stop) {
    return play_drill_apart(config->file, wish, should_stop);
  });
  std::optional<NotifyService> notifications;  // outlives the owner: nobody waits for its end
  // What cannot be resolved is a warning of the service that tells them of runs.
  Result<std::vector<Destination>> told = destinations_of(session);
  const Result<OwnedState> state = own_state(
      session,
      [&log, &notifications, &meters](const RunState& run, const Entry& entry) {
        if (notifications) notifications->wake();
        meters(run, entry);
        if (entry.kind != EntryKind::run_finished) return;
        const std::string result(to_string(*run.result));
        log.event("result", to_string(run.id) + " " + result,
                  {{"run", to_string(run.id)}, {"result", result}});
      },
      [&](EngineDoor& engine, const ConnectorSet& connectors) {
        std::vector<ApiRoute> routes = preflight_routes(preflights);
        for (ApiRoute& route : drill_desk_routes(drills)) routes.push_back(std::move(route));
        for (ApiRoute& route : catalog_routes(*config, connectors))
          routes.push_back(std::move(route));
        for (ApiRoute& route : notify_routes(
                 {.destinations = told ? *std::move(told) : std::vector<Destination>(),
                  .make_transport = [&session] { return session.make_transport(session.clock()); },
                  .clock = session.clock(),
                  .random = session.random()}))
          routes.push_back(std::move(route));
        if (!people) return routes;
        for (ApiRoute& route : people->routes(engine)) routes.push_back(std::move(route));
        return routes;
      });
  if (!state) return session.fail(state.error());
  Owner& owner = *state->owner;
  if (people) people->rule(*state->policy);
  const JournalLeave leave(notifications);
  notifications.emplace(session);
  const ConnectorSet& connectors = owner.connectors();
  Engine& engine = owner.engine();
  if (Status routes = check_routes(*config, connectors); !routes)
    return session.fail(routes.error());
  const SecretSource secrets{.directory = config->directory,
                             .environment = session.sources().environment,
                             .warn = [&session](const std::string& text) { session.warn(text); }};
  Result<std::vector<AlertSource>> sources = resolve_sources(config->alerts.sources, secrets);
  if (!sources) return session.fail(sources.error());
  std::size_t body_bytes_max = 0;
  const bool asks_for_certificates =
      config->hooks && config->hooks->tls && !config->hooks->tls->client_ca_file.empty();
  for (const AlertSource& source : *sources) {
    if (config->hooks && source.mutual_tls && !asks_for_certificates)
      return session.fail(
          make_error(ErrorCode::invalid, "config",
                     config->hooks->named_at + ": source " + source.name +
                         " wants a client certificate, and the listener asks for none.",
                     "hooks: {tls: {cert: ..., key: ..., client_ca: FILE}}"));
    body_bytes_max = std::max(body_bytes_max, source.body_bytes_max);
    for (const SourceKey& key : source.keys)
      state->fingerprint(*key.secret);  // the filter knows it now
  }
  std::unique_ptr<HttpServer> hooks;  // null where no alerts come in
  if (config->hooks) {
    Result<std::unique_ptr<HttpServer>> server =
        listen_for_alerts(*config->hooks, *activated, body_bytes_max);
    if (!server) return session.fail(server.error());
    hooks = *std::move(server);
  }

  const std::string kill_switch = kill_switch_path(config->database.value);
  SqliteAlertIndex& index = owner.alert_index();
  if (Status pruned = index.prune(session.clock().now()); !pruned)
    return session.fail(pruned.error());
  const std::unique_ptr<AlertJudge> judge =
      make_judge(*config, connectors,
                 [&owner](const Secret& secret) { return owner.secrets().fingerprint(secret); });
  AlertDesk desk({.engine = engine,
                  .journal = owner.journal(),
                  .index = index,
                  .secrets = owner.secrets(),
                  .clock = session.clock(),
                  .judge = *judge,
                  .is_disarmed = [&kill_switch] {
                    const KillSwitch found = read_kill_switch(kill_switch);
                    return found.automation || found.people;
                  }});
  owner.api().open_alerts([&desk, &sources = *sources](const AlertCommand& command) {
    return desk.obey(command, sources);
  });
  const std::size_t source_count = sources->size();
  std::map<std::string, std::unique_ptr<FetchedKeys>, std::less<>> fetched_keys;
  for (const AlertSource& source : *sources) {
    if (source.key_endpoint.empty()) continue;
    Result<std::unique_ptr<HttpTransport>> own = session.make_transport(session.clock());
    if (!own) return session.fail(own.error());
    fetched_keys.emplace(
        source.name,
        std::make_unique<FetchedKeys>(FetchedKeys::Parts{
            .clock = session.clock(),
            .transport = std::move(*own),
            .url = source.key_endpoint,
            .read = source.proof == Proof::jws ? read_key_set : read_partner_keys,
            .fetch_every = std::chrono::minutes{source.proof == Proof::jws ? 5 : 1}}));
  }
  AlertIntake intake({.engine = engine,
                      .desk = desk,
                      .clock = session.clock(),
                      .sources = *sources,
                      .fetched_keys = std::move(fetched_keys),
                      .tell = [&log, &meters](const IntakeEvent& event) {
                        meters(event);
                        log(event);
                      }});
  open_preflights(session, owner, preflights);
  const PreflightLeave preflights_leave(preflights);
  take_up_runs(session, engine, log);
  std::atomic<Timestamp> turned_at{session.clock().now()};
  std::unique_ptr<PanelFront> panel;  // goes before the owner
  ValueMap ready{{"pid", static_cast<std::int64_t>(::getpid())}};
  std::string words;
  if (people) {
    const auto socket = activated->find("panel");
    Result<std::unique_ptr<PanelFront>> front = PanelFront::open(
        {.session = session,
         .owner = owner,
         .people = *people,
         .metrics = metrics,
         .judge = *judge,
         .sources = *sources,
         .listen_fd = socket == activated->end() ? std::nullopt : std::optional(socket->second),
         .obstacle =
             [&turned_at, &clock = session.clock()] {
               return clock.now() - turned_at.load() > kTurnMax ? "the engine does not turn"
                                                                : std::string();
             },
         .tell = [&log](const AccessEvent& event) { log(event); }});
    if (!front) return session.fail(front.error());
    panel = *std::move(front);
    ready["panel"] = panel->url();
    words += "panel " + panel->url() + "  ";
  }
  if (hooks) {
    if (Status served =
            hooks->serve([&intake](const HttpCall& call) { return intake.handle(call); });
        !served) {
      return session.fail(served.error());
    }
    const std::string address = config->hooks->host + ":" + std::to_string(hooks->port());
    ready["hooks"] = address;
    ready["sources"] = static_cast<std::int64_t>(source_count);
    words += "hooks " + address + "  " + std::to_string(source_count) +
             (source_count == 1 ? " source  " : " sources  ");
  }
  if (panel) {
    const Result<std::string> link = offer_set_up(session, people->store(), panel->url());
    if (!link) return session.fail(link.error());
    if (!link->empty()) {
      log.event("set_up", "nobody can sign in yet: open the link in " + *link, {{"file", *link}});
    }
  }
  log.event("ready", words + format_duration(session.clock().now() - begun), std::move(ready));

  const auto stop_listening = [&panel, &hooks] {
    panel.reset();
    if (hooks) hooks->stop();
  };
  std::set<RunId> closed;
  Timestamp people_at = session.clock().now();
  bool people_known = true;
  while (StopSignals::received() == 0) {
    const Timestamp now = session.clock().now();
    turned_at = now;
    intake.summarize(now);
    notifications->tell_warnings();
    if (people && now - people_at >= kPeopleEvery) {
      people_at = now;
      const Status read = people->refresh();
      // Nobody comes in or goes while it cannot be read; runs go on.
      if (!read && people_known)
        log.event("people_unread", describe(read.error()), {{"why", describe(read.error())}},
                  "warn");
      people_known = static_cast<bool>(read);
    }
    Status worked = tend_runs(engine, closed);
    if (worked) worked = engine.turn(now + kTurn);
    if (!worked) {
      stop_listening();
      return session.fail(worked.error(), kExitNotFinished);
    }
    if (reload_wanted != 0) {
      reload_wanted = 0;
      Status reloaded = panel ? panel->reload_tls() : ok();
      if (reloaded && hooks) reloaded = hooks->reload_tls();
      log.event("reload", reloaded ? "the certificates were read anew" : describe(reloaded.error()),
                {{"ok", static_cast<bool>(reloaded)},
                 {"why", reloaded ? Value() : Value(describe(reloaded.error()))}});
    }
  }
  engine.stop_starting();
  const Timestamp since = session.clock().now();
  while (engine.has_changes_in_flight() && session.clock().now() - since < kSettleMax) {
    if (Status turned = engine.turn(session.clock().now() + Duration{100}); !turned) break;
  }
  const bool settled = !engine.has_changes_in_flight();
  if (const Status wound_up = engine.wind_up(); !wound_up)
    return session.fail(wound_up.error(), kExitNotFinished);
  stop_listening();
  owner.api().open_alerts({});
  const auto left =
      std::ranges::count_if(engine.runs(), [](const auto& run) { return !run.second.is_over(); });
  log.event("stop",
            (settled ? "what was in flight is settled"
                     : "what was in flight is written down as unknown") +
                std::string(", ") + std::to_string(left) + " runs resumable, " +
                format_duration(session.clock().now() - since),
            {{"settled", settled}, {"resumable", static_cast<std::int64_t>(left)}});
  return StopSignals::received() == SIGTERM ? kExitTerminated : kExitInterrupted;
}

}  // namespace

Verb serve_verb() {
  return {.name = "serve",
          .help = kServeHelp,
          .declare = [](CLI::App& /*app*/) {},
          .run = [](Session& session) { return serve(session); }};
}

}  // namespace quell::cli
