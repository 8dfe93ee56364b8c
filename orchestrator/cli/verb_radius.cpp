#include <utility>

#include "orchestrator/cli/radius_text.h"
#include "orchestrator/cli/run_loop.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/engine/run_inputs.h"
#include "orchestrator/panel/radius_picture.h"
#include "orchestrator/radius_scan.h"
#include "state/private_file.h"

namespace quell::cli {
namespace {

constexpr std::string_view kRadiusHelp =
    R"(quell radius - who can use it, what runs with it, what that can steer; reads only
usage: quell radius START ... [--since TIME] [--format text|json|dot|svg] [-o FILE] [--all]
START         vcrd_..., vlt_..., sesn_..., memstore_..., agent_..., or the URL of an MCP server; of a
              compatible server with other prefixes credential=ID, vault=ID, session=ID, ...
--since TIME  when it leaked: RFC 3339, or a duration ago; lists past sessions and what memory got
--format      dot is for Graphviz; svg is a picture that needs nothing else; --json is json
-o FILE       a new file, readable by its owner alone
--all         every id, where else the first few stand for the rest
--connection  of several platforms the one to ask
Exit codes  0 there it is  2 not started  5 a read failed
Examples    quell radius vcrd_01QX --since 2026-11-20T14:00Z
            quell radius https://mcp.tracker.example/mcp --since 36h --format svg -o radius.svg
)";

struct RadiusOptions {
  std::vector<std::string> start{};
  std::string since{};
  std::string format = "text";
  std::string file{};
  std::string connection{};
  bool all = false;
};

std::string shown_as(Session& session, const RadiusOptions& options, const Radius& radius,
                     const std::string& format) {
  if (format == "dot") return radius_dot(radius.graph);
  if (format == "svg")
    return panel::radius_svg(radius.graph, "Blast radius of " + options.start[0]);
  if (format == "json") return to_json(radius.outputs) + "\n";
  return radius_text(session.out(), radius, options.all);
}

/// `document` as the options want it.
int show_radius(Session& session, const RadiusOptions& options, Value document) {
  const std::string format = session.options().json ? "json" : options.format;
  const Radius radius = radius_from(std::move(document));
  if (format == "json" && options.file.empty()) {
    session.print_json(radius.outputs);
    return kExitOk;
  }
  const std::string text = shown_as(session, options, radius, format);
  if (options.file.empty()) {
    session.out().write(text);
    return kExitOk;
  }
  const Status written = create_private_file(options.file, text, session.random());
  if (!written) return session.fail(written.error());
  session.out().line(options.file + ": " + radius_sentence(radius.graph));
  return kExitOk;
}

int radius_through_server(Session& session, const RadiusOptions& options) {
  const Result<ApiClient> server = session.remote();
  if (!server) return session.fail(server.error());
  const Result<Value> document =
      server->radius(options.start, options.since, options.connection);
  if (!document) return session.fail(document.error(), kExitFailed);
  return show_radius(session, options, *document);
}

int radius(Session& session, const RadiusOptions& options) {
  const StopSignals signals;
  if (!session.options().server.empty()) return radius_through_server(session, options);
  const Config* const config = session.config();
  if (config == nullptr) return kExitNotStarted;
  const Result<std::map<std::string, std::string>> texts =
      radius_texts(options.start, options.since, session.clock().now());
  if (!texts) return session.fail(texts.error());
  const auto fingerprint = session.guarded([](const Secret&) { return std::string(); });
  const Result<ConnectorSet> connectors = make_connectors(
      *config, session.sources(), session.random(), [](const std::string&) { return true; },
      fingerprint);
  if (!connectors) return session.fail(connectors.error());
  const Result<std::string> connection = radius_connection(*connectors, options.connection);
  if (!connection) return session.fail(connection.error());
  const Result<std::shared_ptr<const Playbook>> playbook =
      load_checked(radius_playbook(*connection), *connectors, {});
  if (!playbook) return session.fail(playbook.error());
  const Result<Value> inputs = inputs_from_texts(**playbook, *texts, {}, fingerprint);
  if (!inputs) return session.fail(inputs.error());
  const Result<Rehearsal> rehearsal = rehearse_here(session, *connectors, *playbook, *inputs);
  if (!rehearsal) return session.fail(rehearsal.error(), kExitFailed);
  if (const std::optional<Error> failure = failure_of(*rehearsal))
    return session.fail(*failure, kExitFailed);
  return show_radius(session, options, radius_document(radius_of(*rehearsal), *rehearsal));
}

}  // namespace

Verb radius_verb() {
  auto options = std::make_shared<RadiusOptions>();
  return {.name = "radius",
          .help = kRadiusHelp,
          .is_remote = true,
          .declare =
              [options](CLI::App& app) {
                app.add_option("start", options->start)->required();
                app.add_option("--since", options->since);
                app.add_option("--format", options->format)
                    ->check(CLI::IsMember({"text", "json", "dot", "svg"}));
                app.add_option("-o,--output", options->file);
                app.add_option("--connection", options->connection);
                app.add_flag("--all", options->all);
              },
          .run = [options](Session& session) { return radius(session, *options); }};
}

}  // namespace quell::cli
