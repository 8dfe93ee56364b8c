// Goal: a playbook that loads cannot fail on an unknown name or a wrong type (the promise of the
// playbook language).
// Method: random playbooks over the real action tables, kept as far as the loader takes them, run
// in the engine against random outputs of the declared types and random failures. Whatever error a
// run then has comes from that world, from a null that an action may declare, or from a false
// assertion; and no action is given what its table does not allow. QUELL_SEED=N runs the playbooks
// of N alone.

#include <cstdlib>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "connectors/managed_agents/managed_agents_connector.h"
#include "connectors/oauth/oauth_connector.h"
#include "orchestrator/engine/engine.h"
#include "orchestrator/report/report_connector.h"
#include "tests/orchestrator/playbook/runs/generator.h"
#include "tests/orchestrator/playbook/runs/random_world.h"
#include "tests/support/memory_journal.h"

namespace quell::test {
namespace {

constexpr std::uint64_t kSeeds = 30;
constexpr int kPlaybooksPerSeed = 10;
constexpr int kRunsPerPlaybook = 3;
constexpr int kTurnsMax = 20'000;

ActionCatalog catalog_of(const ConnectorSet& connectors) {
  ActionCatalog catalog;
  for (const auto& [name, connector] : connectors) catalog.connections.push_back(name);
  catalog.actions_of = [&connectors](std::string_view name) {
    const auto found = connectors.find(name);
    return found == connectors.end() ? std::span<const ActionSpec>() : found->second->actions();
  };
  return catalog;
}

/// May a run that was checked fail so?
bool is_allowed(std::string_view message) {
  const auto says = [&](std::string_view part) {
    return message.find(part) != std::string_view::npos;
  };
  return says(kWorldSays) || message == "held?" ||
         // Declared nullable by the action itself: the language leaves it to the run.
         (says("the required parameter") && says("is null")) ||
         // Items are data: the language says what happens with them.
         (says("`foreach.key` gives") && says("twice")) || says("the condition did not come true");
}

// Depth is that of an entry's body, which the journal bounds.
void collect_errors(const Value& value,
                    std::vector<std::string>& found) {  // NOLINT(misc-no-recursion)
  if (value.is_map()) {
    for (const auto& [name, member] : value.as_map()) {
      const std::string text = member["message"].string_or("");
      if (name == "error" && !text.empty() && !is_allowed(text)) found.push_back(text);
      collect_errors(member, found);
    }
  }
  for (const Value& item : value.list_or_empty()) collect_errors(item, found);
}

struct RandomRuns {
  explicit RandomRuns(std::uint64_t seed) : random(seed) {}

  SeededRandom random;
  Complaints complaints{};
  std::size_t runs = 0;
  std::size_t finished_steps = 0;
  ConnectorSet connectors{
      {"platform", random_connector("platform", managed_agents_actions(), random, complaints)},
      {"issuer", random_connector("issuer", oauth_actions(), random, complaints)},
      {"report", std::make_shared<const ReportConnector>()}};
  ActionCatalog catalog = catalog_of(connectors);
  Generator generator{catalog, random};

  void run(const std::shared_ptr<const Playbook>& playbook) {
    ManualClock clock{*parse_rfc3339("2031-03-04T05:06:07Z")};
    MemoryJournal journal;
    MemorySecretStore secrets;
    SilentTransport transport(clock);
    Engine engine({.clock = clock,
                   .transport = transport,
                   .journal = journal,
                   .secrets = secrets,
                   .connectors = connectors,
                   .load_playbook = [](const std::string&, const std::string&,
                                       const std::map<std::string, std::string>&)
                       -> Result<std::shared_ptr<const Playbook>> {
                     return make_error(ErrorCode::internal, "no run is taken up here");
                   },
                   .write_bundle = [](const RunState&, const std::string&) -> Result<std::string> {
                     return std::string("bundle");
                   }});
    ValueMap inputs;
    for (const InputSpec& spec : playbook->inputs) {
      inputs.emplace(spec.name, spec.values.empty() ? random_value(spec.type, random)
                                                    : Value(spec.values.front()));
    }
    const Result<RunId> id =
        engine.start({.playbook = playbook, .inputs = Value(std::move(inputs)), .who = "mara", .confirmed = true});
    REQUIRE(id);
    int turns = 0;
    while (!engine.find(*id)->finished() && !engine.find(*id)->held && ++turns < kTurnsMax) {
      REQUIRE(engine.turn(clock.now() + std::chrono::hours(1)));
    }
    CHECK(turns < kTurnsMax);
    std::vector<std::string> errors;
    for (const StoredEntry& stored : journal.read_all()) {
      collect_errors(stored.entry.body, errors);
      if (stored.entry.kind == EntryKind::step_finished) ++finished_steps;
    }
    CHECK(fmt::format("{}", fmt::join(errors, "; ")) == "");
    CHECK(fmt::format("{}", fmt::join(complaints, "; ")) == "");
    complaints.clear();
    ++runs;
  }
};

void run_seed(std::uint64_t seed, std::size_t& runs, std::size_t& steps) {
  CAPTURE(seed);
  RandomRuns world(seed);
  for (int i = 0; i < kPlaybooksPerSeed; ++i) {
    const std::string source = world.generator.playbook();
    CAPTURE(source);
    LoadResult loaded = load_playbook(source, "p.yaml", world.catalog);
    REQUIRE(loaded.playbook);
    const auto playbook = std::make_shared<const Playbook>(std::move(*loaded.playbook));
    for (int run = 0; run < kRunsPerPlaybook; ++run) world.run(playbook);
  }
  // A generator that the loader always refuses would prove nothing.
  CHECK(world.generator.taken() >= kPlaybooksPerSeed);
  runs += world.runs;
  steps += world.finished_steps;
}

TEST_CASE("what loads never fails on an unknown name or a wrong type") {
  std::size_t runs = 0;
  std::size_t steps = 0;
  if (const char* const seed = std::getenv("QUELL_SEED")) {  // NOLINT(concurrency-mt-unsafe)
    run_seed(std::strtoull(seed, nullptr, 10), runs, steps);
  } else {
    for (std::uint64_t one = 1; one <= kSeeds; ++one) run_seed(one, runs, steps);
    CHECK(steps > runs);
  }
  MESSAGE(runs << " runs, " << steps << " steps finished");
}

}  // namespace
}  // namespace quell::test
