// How long the playbook language takes: `when` conditions against plain lookups of the same fields,
// and files and expressions that were made to cost the parsers dearly. Figures for people, so no
// test: a shared machine has slow moments.

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "connectors/managed_agents/managed_agents_connector.h"
#include "connectors/oauth/oauth_connector.h"
#include "orchestrator/expression/expression.h"
#include "orchestrator/playbook/loader.h"
#include "tests/orchestrator/playbook/bombs.h"

namespace quell::test {
namespace {

constexpr std::string_view kHelp =
    R"(bench_language - times of the playbook language, on the standard output
usage: bench_language [--help]
First 1,000 evaluations of a `when` over an object of 200 fields, in milliseconds, and as a multiple of plain lookups
of the same fields in the same run. Then the slowest of three loads of each hostile file and expression; 100 ms is the
bound that a release build should keep. Exit codes: 0 always, 2 for an unknown argument.
)";

constexpr int kEvaluations = 1'000;
constexpr int kFields = 200;
constexpr int kRounds = 20;  // the fastest of them counts
constexpr int kBombRounds = 3;

template <typename Work>
double milliseconds(const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

template <typename Work>
double fastest(const Work& work) {
  double best = milliseconds(work);
  for (int i = 1; i < kRounds; ++i) best = std::min(best, milliseconds(work));
  return best;
}

ActionCatalog catalog() {
  return {.connections = {"issuer", "platform"},
          .actions_of = [](std::string_view connection) -> std::span<const ActionSpec> {
            if (connection == "platform") return managed_agents_actions();
            if (connection == "issuer") return oauth_actions();
            return {};
          }};
}

void conditions() {
  ValueMap fields;
  for (int i = 0; i < kFields; ++i) fields.emplace(fmt::format("field_{}", i), i);
  Scope scope;
  scope.names["result"] = Value(std::move(fields));
  const std::vector<std::string> read{"field_150", "field_7", "field_199", "field_1"};
  const auto parsed = Expression::parse(
      "result.field_150 == 150 && (result.field_7 < 3 || result.field_199 - result.field_1 == "
      "198)");
  const auto& when = std::get<Expression>(parsed);

  int held = 0;
  const double evaluated = fastest([&] {
    for (int i = 0; i < kEvaluations; ++i) {
      const Result<Value> value = when.evaluate(scope);
      if (value && value->as_bool()) ++held;
    }
  });
  std::int64_t sum = 0;
  const double looked_up = fastest([&] {
    for (int i = 0; i < kEvaluations; ++i) {
      const Value& result = scope.names.find("result")->second;
      for (const std::string& name : read) sum += result[name].as_int();
    }
  });
  fmt::print("{} when conditions    {:8.3f} ms   {} held\n", kEvaluations, evaluated,
             held / kRounds);
  fmt::print("the same lookups       {:8.3f} ms   sum {}\n", looked_up, sum / kRounds);
  fmt::print("ratio                  {:8.1f}\n\n", evaluated / looked_up);
}

void bombs() {
  const ActionCatalog actions = catalog();
  const auto slowest = [](const Bomb& bomb, std::string_view kind, const auto& work) {
    double worst = 0;
    for (int i = 0; i < kBombRounds; ++i) worst = std::max(worst, milliseconds(work));
    fmt::print("{:<10}  {:<40} {:8.1f} ms  {}\n", kind, bomb.what, worst, bomb.says);
  };
  for (const Bomb& bomb : playbook_bombs()) {
    slowest(bomb, "playbook",
            [&] { static_cast<void>(load_playbook(bomb.source, "p.yaml", actions)); });
  }
  for (const Bomb& bomb : expression_bombs()) {
    slowest(bomb, "expression", [&] { static_cast<void>(Expression::parse(bomb.source)); });
  }
}

int run(const std::vector<std::string_view>& arguments) {
  if (!arguments.empty()) {
    fmt::print("{}", kHelp);
    return arguments.front() == "--help" ? 0 : 2;
  }
  conditions();
  bombs();
  return 0;
}

}  // namespace
}  // namespace quell::test

int main(int argc, char** argv) { return quell::test::run({argv + 1, argv + argc}); }
