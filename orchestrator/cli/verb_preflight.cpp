#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "orchestrator/cli/drill_record.h"
#include "orchestrator/cli/preflight_text.h"
#include "orchestrator/cli/run_loop.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/preflight.h"

namespace quell::cli {
namespace {

constexpr std::string_view kPreflightHelp =
    R"(quell preflight - which credentials could not be killed today, and what is missing
usage: quell preflight [--all] [--connection NAME] [--json]
Looks at every active credential in every vault: could quell close it now in the vault (holder),
where it was issued (issuer), and where it is used (runtime)? Reads only; no token is sent
anywhere. It also writes the paragraph that a threat model needs: what flows into memory, who can
read it, how access is revoked.
--all               list the credentials that are ready everywhere too
--connection NAME   of kind managed_agents; without it the first one of quell.yaml. The others are
                    not asked, and named under what is not established
Exit codes  0 every credential could be killed at its issuer  1 some could not  2 not started
            5 a read failed
Examples    quell preflight
            quell preflight --json | jq '.by_missing'
)";

/// How often a remote one is asked for.
constexpr std::chrono::milliseconds kLookEvery{500};

struct PreflightOptions {
  bool all = false;
  std::string connection{};
};

int tell(Session& session, const Value& document, bool all) {
  if (session.options().json) {
    session.print_json(document);
  } else {
    session.out().write(preflight_text(session.out(), document, all, session.clock().now()));
  }
  return document["not_revocable"].int_or(0) == 0 ? kExitOk : kExitNo;
}

/// Asks the quell behind `server` for one, made with its own configuration and keys.
Result<Value> made_by(const ApiClient& server) {
  const std::string target = "/api/v1/preflight";
  if (const Result<Value> asked = server.post(target, Value()); !asked) return asked.error();
  while (StopSignals::received() == 0) {
    const Result<Value> answer = server.get(target);
    if (!answer) return answer.error();
    const std::string state = (*answer)["state"].string_or("");
    if (state == "ready") return (*answer)["preflight"];
    if (state != "computing") {
      const Value& error = (*answer)["error"];
      return make_error(ErrorCode::conflict, error["type"].string_or("preflight"),
                        error["detail"].string_or("there is no preflight."),
                        error["hint"].string_or(""));
    }
    std::this_thread::sleep_for(kLookEvery);
  }
  return make_error(ErrorCode::invalid, "stopped", "stopped by a signal; nothing was changed.", "");
}

int preflight_there(Session& session, const PreflightOptions& options) {
  const Result<ApiClient> server = session.owner_of(RunId{});
  if (!server) return session.fail(server.error());
  const Result<Value> document = made_by(*server);
  if (!document) return session.fail(document.error(), kExitFailed);
  return tell(session, *document, options.all);
}

int preflight(Session& session, const PreflightOptions& options) {
  const StopSignals signals;
  if (!session.options().server.empty()) return preflight_there(session, options);
  const Config* const config = session.config();
  if (config == nullptr) return kExitNotStarted;
  KeyPaths paths = session.key_paths();
  Result<std::unique_ptr<KeyRing>> keys =
      KeyRing::open_or_create(paths, missing_keys_for(config->database.value), session.random());
  if (!keys) return session.fail(keys.error());
  const auto fingerprint =
      session.guarded([&keys](const Secret& secret) { return (*keys)->fingerprint(secret); });
  const Result<ConnectorSet> connectors = make_connectors(
      *config, session.sources(), session.random(), [](const std::string&) { return true; },
      fingerprint);
  if (!connectors) return session.fail(connectors.error());
  const Result<std::unique_ptr<HttpTransport>> transport = session.make_transport(session.clock());
  if (!transport) return session.fail(transport.error());
  PreflightParts parts{.clock = session.clock(),
                       .transport = **transport,
                       .connectors = *connectors,
                       .config = *config,
                       .connection = options.connection,
                       .who = Session::who(),
                       .should_stop = [] { return StopSignals::received() != 0; }};
  parts.drills = passed_drills(session, parts.not_established);
  const Result<Value> document = make_preflight(parts);
  if (!document) {
    const bool has_begun = document.error().topic != "config";
    return session.fail(document.error(), has_begun ? kExitFailed : kExitNotStarted);
  }
  return tell(session, *document, options.all);
}

}  // namespace

Verb preflight_verb() {
  auto options = std::make_shared<PreflightOptions>();
  return {.name = "preflight",
          .help = kPreflightHelp,
          .is_remote = true,
          .declare =
              [options](CLI::App& app) {
                app.add_flag("--all", options->all);
                app.add_option("--connection", options->connection);
              },
          .run = [options](Session& session) { return preflight(session, *options); }};
}

}  // namespace quell::cli
