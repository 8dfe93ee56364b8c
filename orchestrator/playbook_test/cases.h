#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/action.h"
#include "orchestrator/playbook/diagnostics.h"
#include "orchestrator/playbook/loader.h"
#include "orchestrator/playbook/model.h"
#include "state/base/result.h"
#include "state/base/secret.h"
#include "state/base/value.h"
#include "state/model/vocabulary.h"

namespace quell {

// Bounds of a tests file beside those of YAML.
inline constexpr std::size_t kTestCasesMax = 200;
inline constexpr std::size_t kAnswersMax = 200;  // of one action in one place
inline constexpr Duration kAnswerTakesMax{24LL * 3600'000};

/// What one call of an action is answered in a test.
struct ScriptedAnswer {
  Value with{};          // inputs that the call must have, a map; others do not matter
  bool of_look = false;  // answers a look for an earlier attempt, not an act
  Duration takes{0};
  Outcome outcome{};
  std::optional<Error> error{};  // instead of the outcome
};

/// The answers by `connection.action`. A call meets those of the first `with` that fits it, in
/// turn; the last one repeats. Each set of inputs goes through them from the start.
using AnswerScript = std::map<std::string, std::vector<ScriptedAnswer>, std::less<>>;

/// What a person does who is asked to approve or to do something.
enum class PersonActs : std::uint8_t { helps, denies, absent };

/// Claims that a test looks at, and what it expects of every one of them.
struct ExpectedClaim {
  std::optional<std::string> step{};
  std::optional<std::string> item{};
  std::optional<std::string> subject{};
  std::optional<Plane> plane{};
  std::optional<Kill> kill{};
  std::optional<Verdict> verdict{};
  std::optional<Grade> grade{};
};

struct Expectation {
  std::string result{};  // a RunResult's word, or held
  std::optional<std::int64_t> exit{};
  std::vector<ExpectedClaim> claims{};
  std::vector<std::string> journal{};  // `KIND` or `KIND STEP`, in this order, others between them
  std::vector<std::string> journal_lacks{};
  std::map<std::string, std::string> outcomes{};  // by step; not_started where it never began
  std::map<std::string, std::int64_t> calls{};    // by connection.action, looks included
};

struct TestCase {
  std::string name{};
  Value inputs{};  // typed; secrets as SecretValue
  RunMode mode = RunMode::live;
  AnswerScript answers{};
  PersonActs people = PersonActs::helps;
  std::map<std::string, PersonActs> people_of{};  // by step
  Expectation expect{};
  Position at{};
};

struct PlaybookTests {
  std::optional<std::vector<TestCase>> cases{};  // only when no diagnostic is an error
  std::vector<Diagnostic> diagnostics{};
};

/// Reads and checks the tests of `playbook` (docs/playbooks.md, "Testing a playbook"): keys, words,
/// inputs and outputs against their declared types. All findings in one pass.
PlaybookTests read_playbook_tests(std::string_view source, const Playbook& playbook,
                                  const ActionCatalog& catalog,
                                  const std::function<std::string(const Secret&)>& fingerprint);

/// The tests that come with quell, as (file name, source), under the names of their playbooks.
const std::vector<std::pair<std::string, std::string>>& shipped_playbook_tests();

}  // namespace quell
