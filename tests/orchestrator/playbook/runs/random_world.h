#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/connector.h"
#include "connectors/http_transport.h"
#include "state/base/clock.h"
#include "state/base/random.h"
#include "state/base/value.h"

namespace quell::test {

/// A value of `type`, null now and then where it may be.
Value random_value(const Type& type, Random& random);

/// Why `value` is not of `type`; empty when it is.
std::string misfit(const Value& value, const Type& type);

/// What the actions of a run were given that their tables do not allow, one sentence each.
using Complaints = std::vector<std::string>;

/// Answers the actions of `table` without any request: now with an error, else with outputs and
/// judgements at random, of the declared types. Checks what each action is given.
std::shared_ptr<const Connector> random_connector(std::string name,
                                                  std::span<const ActionSpec> table, Random& random,
                                                  Complaints& complaints);

/// The first words of every error that such a connector gives.
inline constexpr std::string_view kWorldSays = "the random world";

/// Nothing is ever sent; time moves to whatever the engine waits for.
class SilentTransport final : public HttpTransport {
 public:
  explicit SilentTransport(ManualClock& clock) : clock_(clock) {}
  void start(Ticket ticket, HttpRequest request) override;
  std::vector<Completion> poll(Timestamp until) override;
  void wake() override {}

 private:
  ManualClock& clock_;
};

}  // namespace quell::test
