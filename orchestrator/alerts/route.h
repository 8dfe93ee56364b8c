#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "orchestrator/alerts/source.h"
#include "orchestrator/expression/expression.h"
#include "state/base/secret.h"
#include "state/base/value.h"

namespace quell {

/// What a matching alert may do.
enum class RouteMode : std::uint8_t {
  plan,       // a run that reads and then waits for a person
  automatic,  // a run that goes as far as policy and scope let it
  dry_run     // a rehearsal: reads, and what it would have sent is in the record
};
std::string_view to_string(RouteMode mode) noexcept;

/// One entry under `alerts.routes`.
struct Route {
  std::vector<std::string> from{};   // names of sources; empty: any
  std::optional<Expression> when{};  // over `alert`; none: every alert
  std::string playbook{};
  std::vector<std::pair<std::string, Template>> inputs{};
  RouteMode mode = RouteMode::plan;
  bool armed = false;
  bool irreversible = false;         // past what can be undone, without a person
  std::vector<std::string> scope{};  // ids and URLs, `*` and `?` wild
  std::string digest{};              // of what was armed, at least 8 hex digits
  std::string terms{};               // the entry as written, without `armed` and `digest`
  std::string named_at{};            // `quell.yaml:31`
};

/// An alert as a route sees it: `alert` with `source`, `kind`, `event`, `id`, `received_at` and
/// `body`. Its texts are literals: nothing in them is evaluated or resolved (threat T4). A leaked
/// token stands in it as a secret.
Value alert_value(const AlertSource& source, const ReceivedAlert& alert, std::string_view id,
                  Timestamp received, const std::vector<SecretValue>& secrets);

/// A template as it is written: `${alert.body.data.id}`.
std::string text_of(const Template& text);

/// Inputs as a run takes them.
struct MappedInputs {
  std::map<std::string, std::string> texts{};
  std::map<std::string, SecretPtr> secrets{};
};

/// The first route that `alert` matches, and why each one before did not.
struct RouteMatch {
  const Route* route = nullptr;
  std::string why_not{};  // when there is none
};
RouteMatch match_route(const std::vector<Route>& routes, const Value& alert);

/// The inputs that `route` makes of `alert`, or one sentence why they cannot be made.
std::variant<MappedInputs, std::string> map_inputs(const Route& route, const Value& alert);

}  // namespace quell
