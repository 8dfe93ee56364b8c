#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "orchestrator/range/world.h"
#include "state/base/clock.h"
#include "tests/sim/dice.h"
#include "tests/sim/findings.h"

namespace quell::sim {

// Where the hosts of the world are reached. Nothing listens there.
inline constexpr std::string_view kPlatformUrl = "http://127.0.0.1:8471";
inline constexpr std::string_view kIssuerUrl = "http://127.0.0.1:8472";
inline constexpr std::string_view kMcpUrl = "http://127.0.0.1:8473";
inline constexpr std::string_view kControlUrl = "http://127.0.0.1:8474";
inline constexpr std::string_view kMcpEndpoint = "http://127.0.0.1:8473/mcp";

/// Numbers a request on its way from the transport to the network between it and the world.
inline constexpr std::string_view kTicketHeader = "x-sim-ticket";
/// Whose request it is: two runs may change one object at the same time.
inline constexpr std::string_view kRunHeader = "x-sim-run";

/// How the network treats requests, in percent of them.
struct Weather {
  int lost_before = 0;   // never arrives, and nobody knows
  int lost_after = 0;    // takes effect, and nobody knows
  int throttled = 0;     // 429 with Retry-After
  int refused = 0;       // 503 or 529 before it takes effect
  int failed_after = 0;  // 500 although it took effect
  int slow = 0;          // up to 40 s
  int garbage = 0;       // an answer that is no JSON
  int unreachable = 0;   // no connection: surely nothing left
};

/// Objects that the simulation put into the world beside its own incident.
struct Extras {
  std::vector<std::string> vault_ids{};
  std::map<std::string, std::vector<std::string>> credential_ids{};  // by vault
  std::vector<std::string> session_ids{};
  std::vector<std::string> deployment_ids{};
  std::vector<std::string> secrets{};  // tokens that lie in the vaults
};

/// The world, seen by somebody who knows all of it.
class Site {
 public:
  Site(std::uint64_t seed, Timestamp start, const std::string& born_with, bool intruder);

  range::World& world() { return *world_; }
  const range::WorldOptions& urls() const { return options_; }
  const Extras& extras() const { return extras_; }

  /// Fills the platform over its own API. `credentials` are spread over `vaults`, 20 each at most.
  void furnish(int vaults, int credentials, int sessions, int deployments, Dice& dice,
               Timestamp now);
  /// Switches profiles on that are no part of the world's birth.
  void add_profiles(const std::string& names, Timestamp now);

  // What is true now, whatever anybody was told. Objects of a workspace that the key cannot see
  // count as alive.
  bool credential_lives(const std::string& vault_id, const std::string& id, Timestamp now);
  bool session_lives(const std::string& id, Timestamp now);
  std::optional<Timestamp> session_created(const std::string& id, Timestamp now);
  bool deployment_lives(const std::string& id, Timestamp now);
  /// The vault that holds `credential_id`; empty for one that nobody here made.
  std::string vault_of(const std::string& credential_id) const;

 private:
  Value get(const std::string& path, int& status, Timestamp now);
  std::string create(const std::string& path, const Value& body, Timestamp now);

  range::WorldOptions options_;
  std::unique_ptr<range::World> world_;
  Extras extras_{};
  std::string environment_{};
  std::string agent_{};
};

/// Everything that must hold between a run and the world at the network, and the faults there. Sits
/// between the transport and the world.
class Network final : public range::World {
 public:
  Network(range::World& world, Weather weather, Dice dice, Findings& findings)
      : world_(world), weather_(weather), dice_(std::move(dice)), findings_(findings) {}

  /// The storm is over.
  void calm() { weather_ = Weather{}; }
  /// The answer of `ticket` came and leaves no doubt about what it did.
  void answered(std::uint64_t ticket);
  /// A new process numbers its requests anew, and what the old one sent is never answered.
  void forget_tickets() { changes_.clear(); }
  /// A person decided what happens to what is in doubt.
  void person_decided() { in_doubt_.clear(); }
  bool is_unreachable() { return dice_.chance(weather_.unreachable); }
  /// Every token and key that was seen on the wire.
  const std::set<std::string>& secrets() const { return secrets_; }

  range::Response handle(const range::Request& request, Timestamp now) override;
  std::optional<Timestamp> next_timer() const override { return world_.next_timer(); }
  void advance(Timestamp now) override { world_.advance(now); }
  range::FreshGrant mint_fresh(Timestamp now) override { return world_.mint_fresh(now); }
  range::StreamPart follow(range::EventStream& stream, Timestamp now) override {
    return world_.follow(stream, now);
  }
  std::optional<Timestamp> next_delivery() const override { return world_.next_delivery(); }
  std::vector<range::Delivery> take_deliveries(Timestamp now) override {
    return world_.take_deliveries(now);
  }
  void delivered(std::uint64_t number, int status, Timestamp now) override {
    world_.delivered(number, status, now);
  }
  const range::Leaked& leaked() const override { return world_.leaked(); }
  range::Injected injected() const override { return world_.injected(); }
  range::LogLine act(const range::Act& act, Timestamp now) override { return world_.act(act, now); }
  void hold_intruder(bool held, Timestamp now) override { world_.hold_intruder(held, now); }
  const range::Keys& keys() const override { return world_.keys(); }
  const std::vector<range::LogLine>& request_log() const override { return world_.request_log(); }
  const std::vector<range::LogLine>& intruder_log() const override { return world_.intruder_log(); }
  Value truth(Timestamp now) const override { return world_.truth(now); }

 private:
  range::Response with_weather(const range::Request& request, Timestamp now);
  void repeats_only_after_a_look(const range::Request& request, std::uint64_t ticket,
                                 const std::string& run);
  void remember_secrets(const range::Request& request);

  range::World& world_;
  Weather weather_;
  Dice dice_;
  Findings& findings_;
  std::set<std::string> in_doubt_{};                // changes whose fate nobody looked at
  std::map<std::uint64_t, std::string> changes_{};  // by ticket
  std::set<std::string> secrets_{};
};

/// True for a request that changes something at its host, by what it is and not by what anybody
/// says of it.
bool changes_something(std::string_view method, std::string_view url);

}  // namespace quell::sim
