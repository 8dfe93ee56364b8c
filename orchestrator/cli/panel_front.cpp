#include "orchestrator/cli/panel_front.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "connectors/url.h"
#include "orchestrator/access/access_routes.h"
#include "orchestrator/api/run_routes.h"
#include "orchestrator/drill/scenario.h"
#include "orchestrator/people.h"
#include "state/private_file.h"

namespace quell::cli {
namespace {

/// What strangers can cause in the journal, in entries a minute.
constexpr std::int64_t kRefusalsPerMinute = 20;
/// Threads of the panel: pages are quick, a password is hashed on one of them, each keeps memory.
constexpr std::size_t kWorkers = 4;
constexpr int kNiceness = 10;  // who looks at a run does not slow it down

bool can_sign_in(const std::vector<Account>& accounts) {
  return std::any_of(accounts.begin(), accounts.end(),
                     [](const Account& account) { return !account.password.empty(); });
}

std::string bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

/// The Host headers of whoever means this panel.
std::vector<std::string> host_names(const ListenSettings& panel, const std::string& public_origin,
                                    std::uint16_t port) {
  std::vector<std::string> names{bracketed(panel.host)};
  if (panel.is_loopback()) names.insert(names.end(), {"127.0.0.1", "localhost", "[::1]"});
  for (const std::string& host : panel.hosts) names.push_back(host);
  const std::size_t bare = names.size();
  for (std::size_t i = 0; i < bare; ++i) names.push_back(names[i] + ":" + std::to_string(port));
  constexpr std::string_view kScheme = "https://";
  if (!public_origin.empty()) names.push_back(public_origin.substr(kScheme.size()));
  return names;
}

/// `https://quell.example` of `public_url`; empty without one.
std::string origin_named_by(const std::string& public_url) {
  const Result<Url> url = parse_url(public_url);
  return url && url->scheme == "https" ? url->origin() : std::string();
}

Error not_open(const ListenSettings& panel, const std::string& what) {
  return make_error(
      ErrorCode::invalid, "panel",
      panel.host + ":" + std::to_string(panel.port) + " is public and the panel has " + what + ".",
      "set panel.tls and create a user (quell user add NAME --role admin), or listen "
      "on 127.0.0.1:" +
          std::to_string(panel.port));
}

/// The shipped drills, for the page that lists them.
std::vector<panel::ScenarioLine> scenario_lines() {
  std::vector<panel::ScenarioLine> lines;
  for (const auto& [file, source] : shipped_scenarios()) {
    const Result<Scenario> scenario = load_scenario(source, file);
    if (!scenario) continue;  // the program's own; a test loads each
    lines.push_back({.id = scenario->id,
                     .title = scenario->title,
                     .teaches = scenario->teaches,
                     .ends = std::string(to_string(scenario->ends))});
  }
  return lines;
}

}  // namespace

PeopleDesk::PeopleDesk(const Config& config, std::unique_ptr<AccessStore> store, Random& random)
    : config_(config), store_(std::move(store)), passwords_(ScryptCost{}, random) {}

Result<std::unique_ptr<PeopleDesk>> PeopleDesk::open(Session& session) {
  const Config& config = *session.config();
  const std::string path = access_database(config.database.value);
  if (Status made = make_private_folder(folder_of(path)); !made) return made.error();
  Result<std::unique_ptr<AccessStore>> store =
      AccessStore::open(path, session.clock(), session.random());
  if (!store) return store.error();
  return std::unique_ptr<PeopleDesk>(new PeopleDesk(config, *std::move(store), session.random()));
}

Status PeopleDesk::refresh() {
  Policy policy = config_.policy;
  if (Status added = add_people(policy, *store_); !added) return added;
  *policy_ = std::move(policy);
  return ok();
}

void PeopleDesk::changed(EngineDoor& engine) {
  // An engine that does not answer reads them with its next turn.
  static_cast<void>(engine.run([this] { return refresh(); }));
}

std::vector<ApiRoute> PeopleDesk::routes(EngineDoor& engine) {
  return access_routes(
      *store_, passwords_,
      [this, &engine](const Actor& by, const std::string& what, const std::string& whom) {
        engine.note(EntryKind::access_noted,
                    {{"what", what}, {"who", by.who}, {"from", by.from}, {"whom", whom}});
        changed(engine);
      });
}

Result<std::unique_ptr<PanelFront>> PanelFront::open(Parts parts) {
  const Config& config = *parts.session.config();
  const ListenSettings& panel = *config.panel;
  const Result<std::vector<Account>> accounts = parts.people.store().accounts();
  if (!accounts) return accounts.error();
  if (!panel.is_loopback() && !panel.tls) return not_open(panel, "no TLS");
  if (!panel.is_loopback() && !can_sign_in(*accounts)) return not_open(panel, "no users");
  HttpServerOptions options;
  options.host = panel.host;
  options.port = panel.port;
  options.listen_fd = parts.listen_fd;
  options.tls = panel.tls;
  options.body_bytes_max = kStartBytesMax;
  options.workers_max = kWorkers;
  options.niceness = kNiceness;
  const std::string public_origin = origin_named_by(config.notify.public_url);
  options.fixed_headers =
      PanelServer::fixed_headers(panel.tls.has_value() || !public_origin.empty());
  Result<std::unique_ptr<HttpServer>> server = HttpServer::bind(std::move(options));
  if (!server) return server.error();

  std::unique_ptr<PanelFront> front(new PanelFront());
  front->server_ = *std::move(server);
  const std::uint16_t port = front->server_->port();
  front->url_ = (panel.tls ? "https://" : "http://") +
                (panel.hosts.empty() ? bracketed(panel.host) + ":" + std::to_string(port)
                                     : panel.hosts.front());
  EngineDoor& engine = parts.owner.api().engine();
  front->door_ = std::make_unique<Authenticator>(Authenticator::Parts{
      .store = parts.people.store(),
      .passwords = parts.people.passwords(),
      .clock = parts.session.clock(),
      .random = parts.session.random(),
      .hosts = host_names(panel, public_origin, port),
      .tls = panel.tls.has_value(),
      .public_origin = public_origin,
      .tell = [self = front.get(), &engine, tell = std::move(parts.tell),
               &clock = parts.session.clock()](const AccessEvent& event) {
        if (!self->is_worth_a_note(event, clock.now())) return;
        engine.note(EntryKind::access_noted,
                    {{"what", event.what}, {"who", event.who}, {"from", event.from}});
        tell(event);
      }});
  front->pages_ = std::make_unique<PanelServer>(PanelServer::Parts{
      .owner = parts.owner.api(),
      .door = *front->door_,
      .store = parts.people.store(),
      .passwords = parts.people.passwords(),
      .metrics = parts.metrics,
      .config = config,
      .connectors = parts.owner.connectors(),
      .judge = parts.judge,
      .sources = parts.sources,
      .clock = parts.session.clock(),
      .random = parts.session.random(),
      .scenarios = scenario_lines(),
      .obstacle = std::move(parts.obstacle),
      .people_changed = [&people = parts.people, &engine] { people.changed(engine); }});
  if (Status served = front->server_->serve(
          [pages = front->pages_.get()](const HttpCall& call) { return pages->handle(call); });
      !served) {
    return served.error();
  }
  return front;
}

bool PanelFront::is_worth_a_note(const AccessEvent& event, Timestamp now) {
  if (event.what != "sign_in_refused" && event.what != "dead_token_used") return true;
  const std::lock_guard lock(mutex_);
  if (now - minute_ >= std::chrono::minutes{1}) {
    minute_ = now;
    refusals_ = 0;
  }
  return ++refusals_ <= kRefusalsPerMinute;
}

Result<std::string> offer_set_up(Session& session, AccessStore& store, const std::string& url) {
  const std::string path = folder_of(session.config()->database.value) + "/set-up-link";
  if (Status gone = destroy_private_file(path); !gone) return gone.error();
  const Result<std::vector<Account>> accounts = store.accounts();
  if (!accounts) return accounts.error();
  if (can_sign_in(*accounts)) return std::string();
  const Result<Secret> code = store.add_setup_link();
  if (!code) return code.error();
  const std::string link = url + "/setup#" + std::string(code->reveal());
  if (session.err().is_terminal()) {
    session.err().line("Nobody can sign in yet. Open this within 15 minutes; it works once:");
    session.err().line("  " + link);
    session.err().flush();
    return std::string();
  }
  if (Status written = create_private_file(path, link + "\n", session.random()); !written)
    return written.error();
  return path;
}

}  // namespace quell::cli
