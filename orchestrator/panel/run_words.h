#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/engine/claims.h"
#include "orchestrator/panel/components.h"

namespace quell::panel {

inline constexpr std::array<Plane, 4> kPlanes{Plane::holder, Plane::issuer, Plane::runtime,
                                              Plane::resource};

/// Something that only a person can settle.
struct Decision {
  enum class Kind : std::uint8_t { approval, manual, unknown, held } kind = Kind::held;
  std::string target{};  // STEP or STEP/ITEM; empty: policy's approval
  std::string question{};
  std::optional<Timestamp> until{};
};

/// What a run comes to, for every page that tells of it.
struct RunFacts {
  std::vector<Claim> claims{};
  std::int64_t proved = 0;
  std::int64_t refuted = 0;
  std::int64_t open = 0;              // neither
  std::vector<Decision> decisions{};  // soonest expiry first
  Shape shape = Shape::working;
  std::string word{};   // of the pill: `not contained`, `waiting for 1 of 2 approvals`
  std::string first{};  // of the banner
};

RunFacts facts_of(const RunState& run, const ConnectorSet& connectors);

Shape shape_of(Verdict verdict, const RunState& run) noexcept;
/// What the run is called: its playbook's title.
const std::string& title_of(const RunState& run) noexcept;
/// `dies by 03:41:00Z at the latest, in 53 min`, or `no end known`.
Markup end_of(const Claim& claim, Timestamp now);
std::string url_of(const RunState& run, std::string_view more = {});

}  // namespace quell::panel
