#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "connectors/connector.h"
#include "connectors/http_transport.h"
#include "orchestrator/engine/engine.h"
#include "state/base/clock.h"
#include "tests/support/memory_journal.h"

namespace quell::test {

/// A vendor of a few things that can be killed, stricter than a real one: it remembers every
/// request and who was killed how often. It outlives the engine, as the real one does.
struct Vendor {
  std::set<std::string> alive{"a", "b", "c"};
  std::map<std::string, int> kills{};   // requests per thing that took effect or would have
  std::vector<std::string> requests{};  // "METHOD path"
  bool lies = false;                    // answers 200 and kills nothing
  bool refuses = false;                 // 403 to every kill
  std::optional<int>
      lose_answer_of_kill{};  // the n-th kill request takes effect and its answer is lost
  std::optional<int>
      lose_request_of_kill{};   // the n-th kill request never takes effect and its answer is lost
  bool loses_requests = false;  // so does every one
  int throttled_kills = 0;      // so many kill requests are answered 429 first
  int throttled_reads = 0;      // and so many reads
  int kill_requests = 0;

  Result<HttpResponse> handle(const HttpRequest& request);
};

/// Answers at once, in the engine's own thread; time moves only to what the engine waits for.
class VendorTransport final : public HttpTransport {
 public:
  VendorTransport(Vendor& vendor, ManualClock& clock) : vendor_(vendor), clock_(clock) {}
  void start(Ticket ticket, HttpRequest request) override;
  std::vector<Completion> poll(Timestamp until) override;
  void wake() override {}

 private:
  Vendor& vendor_;
  ManualClock& clock_;
  std::vector<Completion> ready_{};
};

/// The vendor's connector: list_things (read), thing_is_dead (probe), kill_thing (mutate; `look`
/// reads), poke (a read that sends a POST: a bug).
std::shared_ptr<const Connector> vendor_connector(Repeat repeat = Repeat::look_first,
                                                  bool can_look = true);

ConnectorSet vendor_connectors(Repeat repeat = Repeat::look_first, bool can_look = true);

/// Sources of playbooks that others call, by id.
using Library = std::map<std::string, std::string>;

/// Loads `source` with these connectors and the playbooks of `others`; fails the test with its
/// findings.
std::shared_ptr<const Playbook> playbook_from(const std::string& source,
                                              const ConnectorSet& connectors,
                                              const Library& others = {});

/// One process: an engine over a disk, a vendor and a clock that outlive it.
struct ProcessRun {
  ConnectorSet connectors;
  VendorTransport transport;
  Policy policy{};           // to be changed before the first turn
  KillSwitch kill_switch{};  // as the file says
  Engine engine;

  ProcessRun(Journal& journal, SecretStore& secrets, Vendor& vendor, ManualClock& clock,
             ConnectorSet set, std::string machine = {});
};

/// Turns until the run has its result, is held, or nothing is left to wait for.
void run_on(Engine& engine, RunId run, ManualClock& clock);

/// Turns until the clock has moved on by `span`.
void turn_for(Engine& engine, ManualClock& clock, Duration span);

/// Hands over a person's command and gives its answer.
Status say(Engine& engine, ManualClock& clock, Command command);

RunRequest request_for(std::shared_ptr<const Playbook> playbook, RunMode mode = RunMode::live);

/// What outlives a process.
struct Bench {
  ManualClock clock{*parse_rfc3339("2031-03-04T05:06:07Z")};
  MemoryJournal journal{};
  MemorySecretStore secrets{};
  Vendor vendor{};

  RunState run(const std::string& source, RunMode mode = RunMode::live,
               ConnectorSet connectors = vendor_connectors(), const Library& others = {});
};

/// Goes through the run once to count its appends, then kills the process at each of them in turn,
/// with and without the entry on the disk; a new process takes the run up. `look` is shown each
/// end.
void crash_everywhere(const std::string& source, const Library& others,
                      const std::function<void(Bench& bench, const RunState& run)>& look);

bool every_kill_was_announced(MemoryJournal& journal, const Vendor& vendor);

}  // namespace quell::test
