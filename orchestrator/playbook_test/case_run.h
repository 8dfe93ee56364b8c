#pragma once

#include <memory>
#include <string>
#include <vector>

#include "orchestrator/engine/run_state.h"
#include "orchestrator/playbook_test/cases.h"

namespace quell {

/// Something that a case expected and did not see.
struct Difference {
  std::string what{};  // "result", "journal", "claim plane holder"
  std::string expected{};
  std::string seen{};
};

/// How a case went. It passed when there are no differences.
struct CaseOutcome {
  RunState run{};
  std::vector<std::string> journal{};  // `KIND` or `KIND STEP`, in order
  Duration lasted{};                   // in the case's own time
  std::vector<Difference> differences{};
};

/// Fingerprints of test secrets: alike in every process, and of no use outside tests.
class TestFingerprints {
 public:
  TestFingerprints();
  ~TestFingerprints();
  TestFingerprints(const TestFingerprints&) = delete;
  TestFingerprints& operator=(const TestFingerprints&) = delete;
  std::string operator()(const Secret& secret) const;

 private:
  struct Keys;
  std::unique_ptr<const Keys> keys_;
};

/// Plays `one` by itself: the real engine in time of its own, answers from the script, a journal
/// that nobody keeps. Sends nothing and touches no file. `connectors` give the tables of the
/// actions. An Error means that the case could not be played at all.
Result<CaseOutcome> run_case(const TestCase& one, std::shared_ptr<const Playbook> playbook,
                             const ConnectorSet& connectors, const TestFingerprints& fingerprints);

}  // namespace quell
