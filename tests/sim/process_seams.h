#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "connectors/http_transport.h"
#include "orchestrator/engine/decisions.h"
#include "orchestrator/range/in_process_transport.h"
#include "state/journal.h"
#include "tests/sim/findings.h"
#include "tests/sim/site.h"
#include "tests/support/memory_journal.h"

namespace quell::sim {

/// Where one process ends before its work does. Counts are from 1; 0: not there.
struct Death {
  std::size_t at_append = 0;
  Loss loss = Loss::entry_lost;
  std::size_t at_request = 0;
  bool request_left = false;      // the request was on the wire already
  std::size_t disk_full_at = 0;   // appends fail from this one on
  std::size_t disk_full_for = 0;  // that many of them; 0: until the process ends
  Duration told_to_end{0};        // the orderly way, that long after it began; zero: never
};

/// What is durable of the intents of all processes, and what was sent of them.
struct Ledger {
  std::map<std::string, int> announced{};  // "METHOD url"
  std::map<std::string, int> sent{};
};

/// The disk as one process sees it: it dies, or is full, at the append that the seed says.
class SimJournal final : public Journal {
 public:
  /// `durable` sees every entry that the disk keeps, also of an append during which the process
  /// dies.
  SimJournal(MemoryJournal& disk, const Death& death, Ledger& ledger, Findings& findings,
             std::function<void(const Entry&)> durable)
      : disk_(disk),
        death_(death),
        ledger_(ledger),
        findings_(findings),
        durable_(std::move(durable)) {}

  Result<Tip> append(std::span<const Entry> entries) override;
  Status read(std::uint64_t after, const std::function<Status(const StoredEntry&)>& visit) override;
  Result<Tip> tip() override;
  Result<std::string> sign_head() override;

  /// True since an append that failed, until one succeeds.
  bool is_broken() const noexcept { return broken_; }

 private:
  Status die_or_fail();
  void keep(std::span<const Entry> entries);

  MemoryJournal& disk_;
  const Death& death_;
  Ledger& ledger_;
  Findings& findings_;
  std::function<void(const Entry&)> durable_;
  std::size_t appends_ = 0;
  bool dead_ = false;
  bool broken_ = false;
};

/// What the engine says of a request that is about to leave.
struct Departure {
  std::string request{};  // "METHOD url"
  std::string run{};
  RunMode mode = RunMode::live;
  bool send_probes = true;
};

/// The transport of one process over the world, and what must hold of every request that leaves.
class SimTransport final : public HttpTransport {
 public:
  SimTransport(Network& network, const range::WorldOptions& urls, ManualClock& clock,
               Duration latency, const Death& death, const SimJournal& journal, Ledger& ledger,
               std::vector<std::string> shielded, Findings& findings);

  /// From Engine::Parts::on_request.
  void departs(const RunState& run, const HttpRequest& request);
  /// The process is dead; what was on the wire arrives nevertheless.
  void drain();

  void start(Ticket ticket, HttpRequest request) override;
  std::vector<Completion> poll(Timestamp until) override;
  void wake() override { inner_.wake(); }

 private:
  /// Gives the run that the request belongs to.
  std::string check(const HttpRequest& request, const std::string& name);
  void check_rehearsal(const HttpRequest& request, const Departure& departure);

  Network& network_;
  ManualClock& clock_;
  range::InProcessTransport inner_;
  const Death& death_;
  const SimJournal& journal_;
  Ledger& ledger_;
  std::vector<std::string> shielded_;  // ids that policy protects
  Findings& findings_;
  std::deque<Departure> departures_{};
  std::vector<Completion> unreachable_{};
  std::size_t requests_ = 0;
  bool dead_ = false;
};

}  // namespace quell::sim
