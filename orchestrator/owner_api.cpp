#include "orchestrator/owner_api.h"

#include <utility>

#include "orchestrator/api/run_routes.h"
#include "orchestrator/drill_routes.h"
#include "orchestrator/http_server.h"
#include "orchestrator/kill_switch.h"
#include "orchestrator/panel/report_page.h"
#include "orchestrator/playbook_check.h"
#include "orchestrator/playbook_library.h"
#include "orchestrator/report/drill_record.h"
#include "orchestrator/radius_routes.h"
#include "orchestrator/remote_state.h"

namespace quell {
namespace {

/// Whoever can open a socket of mode 0600 is the owner of the process, and could as well use its
/// keys.
Actor actor_at_socket(const HttpCall& call) {
  Actor actor{.who = std::string(call.header(kWhoHeader)), .from = "socket"};
  for (const Right right :
       {Right::read, Right::act, Right::start, Right::approve, Right::author, Right::administer})
    actor.grant(right);
  return actor;
}

}  // namespace

OwnerApi::OwnerApi(Parts parts)
    : engine_(parts.engine),
      drill_scores_(drill_scores_folder(parts.database)),
      board_({.database = parts.database,
              .load_playbook = parts.load_playbook,
              .connectors = parts.connectors,
              .feed = parts.feed}),
      plans_({.clock = parts.clock,
              .random = parts.random,
              .connectors = parts.connectors,
              .load_playbook = std::move(parts.load_playbook),
              .make_transport = parts.make_transport,
              .fingerprint = std::move(parts.fingerprint),
              .limits = std::move(parts.limits),
              .begin = [this](StartCommand command) { return engine_.begin(std::move(command)); }}),
      api_({.clock = parts.clock, .on_refusal = [this](const Actor& actor, const ApiRoute& route) {
              engine_.note(EntryKind::command_refused,
                           {{"what", route.operation},
                            {"who", actor.who},
                            {"from", actor.from},
                            {"why", "no right to " + std::string(to_string(route.right))}});
            }}) {
  api_.add(run_reading_routes(board_, parts.connectors));
  api_.add(run_command_routes(engine_, board_));
  api_.add(record_routes({.board = board_,
                          .feed = parts.feed,
                          .connectors = parts.connectors,
                          .engine = engine_,
                          .verify = std::move(parts.verify),
                          .load_playbook = loader_for(parts.connectors),
                          .render_html = panel::report_html,
                          .evidence = std::move(parts.evidence),
                          .is_evidence_encrypted = parts.is_evidence_encrypted}));
  api_.add(connection_routes(parts.connectors));
  api_.add(alert_routes(engine_, board_, alerts_));
  api_.add(playbook_check_routes(parts.connectors));
  api_.add(kill_switch_routes(engine_, parts.engine, parts.database, parts.clock, parts.random));
  api_.add(drill_routes(drill_scores_));
  if (parts.make_transport) {
    api_.add(plan_routes(plans_));
    api_.add(radius_routes(plans_, parts.connectors, parts.clock));
  }
}

OwnerApi::~OwnerApi() = default;

Status OwnerApi::serve(const std::string& socket_path) {
  HttpServerOptions options;
  options.unix_socket = socket_path;
  options.body_bytes_max = kStartBytesMax;
  Result<std::unique_ptr<HttpServer>> server = HttpServer::start(
      options, [this](const HttpCall& call) { return api_.answer(call, actor_at_socket(call)); });
  if (!server) return server.error();
  server_ = std::move(*server);
  return ok();
}

}  // namespace quell
