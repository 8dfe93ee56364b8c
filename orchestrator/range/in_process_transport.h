#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "connectors/http_transport.h"
#include "orchestrator/range/world.h"
#include "state/base/clock.h"

namespace quell::range {

struct InProcessOptions {
  /// Of one exchange, half of it on each way.
  Duration latency{0};
  /// True: the world took the request and its answer is lost. Called once per request, after it was
  /// handled.
  std::function<bool(const Request& request, Timestamp at)> loses_answer{};
};

/// A World behind the HttpTransport seam, without sockets: requests arrive and answers come back in
/// the time of one Clock. Given a ManualClock, poll() itself moves it from event to event, so that
/// a simulation is exact; with other clocks it sleeps until the next one.
///
/// As the real transport it gives a secret to the origins it is bound to only, and knows no host
/// but the world's. World and clock are borrowed; one thread owns all of it, wake() excepted.
class InProcessTransport final : public HttpTransport {
 public:
  InProcessTransport(World& world, const WorldOptions& urls, ManualClock& clock,
                     InProcessOptions options = {});
  InProcessTransport(World& world, const WorldOptions& urls, const Clock& clock,
                     InProcessOptions options = {});

  void start(Ticket ticket, HttpRequest request) override;
  std::vector<Completion> poll(Timestamp until) override;
  void wake() override;

  /// Exchanges that have begun and not been given out by poll().
  std::size_t in_flight() const { return events_.size(); }

 private:
  struct Arrival {
    Ticket ticket = 0;
    Request request{};
    Effect effect = Effect::read;
    std::size_t body_bytes_max = 0;
    bool first_event_only = false;
    Timestamp gives_up_at{};
  };
  using Event = std::variant<Arrival, Completion>;

  Timestamp now();
  void push(Timestamp at, Event event);
  void arrive(const Arrival& arrival, Timestamp at);
  /// Lets everything up to `until` happen, in order, and gives the answers that came.
  std::vector<Completion> run(Timestamp until);
  bool take_wake();
  void sleep_until(Timestamp due);

  World& world_;
  const Clock& clock_;
  ManualClock* manual_;  // null: other threads or real time move the clock
  InProcessOptions options_;
  std::array<std::pair<std::string, Host>, 4> origins_;
  std::map<std::pair<Timestamp, std::uint64_t>, Event> events_{};  // by time, then by order
  std::uint64_t event_next_ = 0;
  Timestamp newest_{};
  std::mutex mutex_{};
  std::condition_variable woken_changed_{};
  bool woken_ = false;  // guarded by mutex_
};

}  // namespace quell::range
