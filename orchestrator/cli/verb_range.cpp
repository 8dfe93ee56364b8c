#include <chrono>
#include <thread>
#include <unistd.h>
#include <utility>

#include "orchestrator/cli/run_loop.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/range/crowd.h"
#include "orchestrator/range/front.h"

namespace quell::cli {
namespace {

constexpr std::chrono::milliseconds kSignalEvery{100};

constexpr std::string_view kRangeHelp =
    R"(quell range - the simulated platform, issuer and MCP server on this machine
usage: quell range [--port N] [--profile NAME[,NAME...]] [--seed N] [--crowd SIZES]
--port N     the first of four ports; any free ones without it
--profile    how the hosts deviate from what is documented; `quell range --profile list` names them
--seed N     the same seed makes the same ids and secrets (7)
--crowd      an organization around the leak, of the same seed: large, or
             vaults=700,credentials=3000,sessions=2000,stores=200,deployments=50, which is large
Prints one JSON line with URLs and keys when it is ready, then serves until a signal. Everything listens on 127.0.0.1.
A credential may also live at an http issuer and MCP server of yours on this machine; the platform then calls those.
Examples    quell range
            quell range --profile jwt_offline --seed 11
)";

struct RangeOptions {
  std::uint16_t port = 0;
  std::string profile{};
  std::uint64_t seed = 7;
  std::string crowd{};
};

int serve(Session& session, const RangeOptions& options) {
  if (options.profile == "list") {
    std::vector<std::vector<std::string>> rows;
    for (const auto& [name, what] : range::profiles()) rows.push_back({name, what});
    session.out().write(table(rows, "  "));
    return kExitOk;
  }
  const Result<range::Population> crowd = range::parse_crowd(options.crowd);
  if (!crowd) return session.fail(crowd.error());
  const StopSignals signals;
  Result<std::unique_ptr<range::SocketFront>> front = range::SocketFront::start(
      {.seed = options.seed,
       .profile = options.profile,
       .start = session.clock().now(),
       .population = *crowd},
      session.clock(), options.port);
  if (!front) return session.fail(front.error());
  (*front)->with_world([&](range::World& world, Timestamp) {
    session.out().line(range::ready_line(world, (*front)->options(), getpid()));
  });
  while (StopSignals::received() == 0) std::this_thread::sleep_for(kSignalEvery);
  (*front)->stop();
  return kExitOk;
}

}  // namespace

Verb range_verb() {
  auto options = std::make_shared<RangeOptions>();
  return {.name = "range",
          .help = kRangeHelp,
          .declare =
              [options](CLI::App& app) {
                app.add_option("--port", options->port);
                app.add_option("--profile", options->profile);
                app.add_option("--seed", options->seed)->check(CLI::NonNegativeNumber);
                app.add_option("--crowd", options->crowd);
              },
          .run = [options](Session& session) { return serve(session, *options); }};
}

}  // namespace quell::cli
