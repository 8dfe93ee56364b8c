#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/http_transport.h"
#include "state/base/clock.h"
#include "tests/support/run_action.h"

namespace quell {

/// A transport that answers from a script. Each expectation is met once, in the order given among
/// those with the same method and path; a request that nobody expects breaks with `internal`. As
/// the real one does, it refuses a secret bound to other origins.
class ScriptedTransport final : public HttpTransport {
 public:
  /// How one expected request ends. 200 and `{}` unless told otherwise.
  class Expectation {
   public:
    Expectation& replies(int status, std::string json,
                         std::vector<std::pair<std::string, std::string>> headers = {});
    /// The request arrived, its answer never came back: `unknown` for one that changes something.
    Expectation& drops_after_send();
    /// Nothing left: `transient`.
    Expectation& refuses_connection();
    /// No answer until the request's timeout is over by the clock, then as drops_after_send().
    Expectation& hangs();
    /// The answer came over loopback.
    Expectation& from_loopback();

   private:
    friend class ScriptedTransport;
    enum class Ending : std::uint8_t { replies, drops, refuses, hangs };
    std::string method_{};
    std::string path_{};
    Ending ending_ = Ending::replies;
    HttpResponse response_ = json_response(200, "{}");
    bool met_ = false;
  };

  /// `clock` outlives the transport; hangs() is timed by it.
  explicit ScriptedTransport(const Clock& clock) : clock_(clock) {}

  /// `path` with its query where that matters; without one, any query fits.
  Expectation& expect(std::string method, std::string path);

  /// "METHOD path" of every expectation that no request has met.
  std::vector<std::string> unmet() const;
  /// What was sent, in order: headers with `[secret]` in place of secrets, bodies as they went out.
  const std::vector<RecordedRequest>& log() const noexcept { return log_; }
  std::size_t wakes() const noexcept { return wakes_; }

  void start(Ticket ticket, HttpRequest request) override;
  /// Never blocks: the test moves the clock.
  std::vector<Completion> poll(Timestamp until) override;
  void wake() override { ++wakes_; }
  /// When the next hanging request times out; the largest time when none hangs.
  Timestamp next_timeout() const noexcept;

 private:
  struct Hanging {
    Ticket ticket = 0;
    Timestamp due{};
    Effect effect = Effect::read;
  };
  Result<HttpResponse> begin(Ticket ticket, const HttpRequest& request, bool& hangs);
  Expectation* find(const HttpRequest& request);

  const Clock& clock_;
  std::deque<Expectation> expectations_{};  // references that expect() gave stay valid
  std::vector<RecordedRequest> log_{};
  std::vector<Completion> ready_{};
  std::vector<Hanging> hanging_{};
  std::size_t wakes_ = 0;
};

}  // namespace quell
