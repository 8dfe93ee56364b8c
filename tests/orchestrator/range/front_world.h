#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "orchestrator/range/front.h"
#include "orchestrator/range/world.h"

namespace quell::range::test {

/// A world that echoes, ticks once a second, and does to a line what the path says: `/hang`,
/// `/reset`, `/delay` (500 ms), `/large` (2,000 bytes), `/events` (a stream),
/// `/follow/ID` (one that goes on).
class EchoWorld final : public World {
 public:
  explicit EchoWorld(WorldOptions options) : options_(std::move(options)) {
    tick_ = options_.start + Duration(1'000);
  }

  Response handle(const Request& request, Timestamp now) override {
    seen.push_back({request, now});
    Response response{.headers = {{"content-type", "text/plain"}, {"x-quell-range", "1"}},
                      .body = request.method + " " + request.target + " " + request.body};
    if (request.target == "/hang") response.line = Response::Line::hangs;
    if (request.target == "/reset") response.line = Response::Line::resets;
    if (request.target == "/delay") response.delay = Duration(500);
    if (request.target.starts_with("/follow/")) {
      response.headers[0].second = "text/event-stream";
      response.body.clear();
      response.stream = EventStream{.session_id = request.target.substr(8)};
    }
    if (request.target == "/large") response.body.assign(2'000, 'x');
    if (request.target == "/events") {
      response.headers[0].second = "text/event-stream";
      response.body = "id: 1\ndata:\n\nevent: message\ndata: {\"a\":1}\n\ndata: {\"b\":2}\n\n";
    }
    return response;
  }
  std::optional<Timestamp> next_timer() const override { return tick_; }
  void advance(Timestamp now) override {
    while (tick_ && *tick_ <= now) {
      ticks.push_back(*tick_);
      *tick_ += Duration(1'000);
    }
  }
  void silence() { tick_.reset(); }

  /// Three events and an end; the fourth line of a session called "endless" never comes.
  StreamPart follow(EventStream& stream, Timestamp) override {
    if (stream.seq >= 3) return {.ended = stream.session_id != "endless"};
    ++stream.seq;
    return {.text = "event: tick\ndata: {}\n\n"};
  }
  std::optional<Timestamp> next_delivery() const override { return std::nullopt; }
  std::vector<Delivery> take_deliveries(Timestamp) override { return {}; }
  void delivered(std::uint64_t, int, Timestamp) override {}

  LogLine act(const Act&, Timestamp now) override { return {.at = now}; }
  void hold_intruder(bool, Timestamp) override {}
  const Leaked& leaked() const override { return leaked_; }
  Injected injected() const override { return {}; }
  const Keys& keys() const override { return keys_; }
  const std::vector<LogLine>& request_log() const override { return log_; }
  const std::vector<LogLine>& intruder_log() const override { return log_; }
  Value truth(Timestamp) const override { return {}; }
  FreshGrant mint_fresh(Timestamp) override { return {}; }

  struct Seen {
    Request request{};
    Timestamp at{};
  };
  std::vector<Seen> seen{};
  std::vector<Timestamp> ticks{};

 private:
  WorldOptions options_;
  std::optional<Timestamp> tick_{};
  Leaked leaked_{.vault_id = "vlt_1",
                 .credential_id = "vcrd_1",
                 .access_token = "at_1",
                 .refresh_token = "rt_1"};
  Keys keys_{.api_key = "key_1",
             .admin_key = "admin_1",
             .webhook_secret = "whsec_1",
             .client_id = "client_1",
             .client_secret = "secret_1"};
  std::vector<LogLine> log_{};
};

inline Result<std::unique_ptr<World>> make_echo(WorldOptions options) {
  return std::unique_ptr<World>(std::make_unique<EchoWorld>(std::move(options)));
}

/// A front on sockets of the system's choice.
inline std::unique_ptr<SocketFront> start(const Clock& clock, MakeWorld make = make_echo) {
  Result<std::unique_ptr<SocketFront>> front = SocketFront::start({}, clock, 0, std::move(make));
  REQUIRE(front);
  return *std::move(front);
}

}  // namespace quell::range::test
