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

/// Loads `source` with these connectors; fails the test with its findings.
std::shared_ptr<const Playbook> playbook_from(const std::string& source,
                                              const ConnectorSet& connectors);

}  // namespace quell::test
