// Target: read_alerts of every kind of source, and what is made of alerts afterwards. The first
// byte chooses the kind, the rest is the body. Whatever a sender writes, what comes out is bounded
// and holds no token that its kind names.

#include <chrono>
#include <string>
#include <string_view>
#include <variant>

#include "orchestrator/alerts/route.h"
#include "orchestrator/alerts/source.h"
#include "orchestrator/alerts/tripwire.h"
#include "state/base/assert.h"
#include "state/base/bytes.h"
#include "state/base/json.h"
#include "tests/fuzz/target.h"

namespace {

constexpr std::size_t kAlertsMax = 1'000;
constexpr std::size_t kEventBytesMax = 100;
constexpr std::size_t kKinds = static_cast<std::size_t>(quell::SourceKind::bearer) + 1;

/// A route that hands texts of several depths on.
const quell::Route& route() {
  static const quell::Route kRoute = [] {
    quell::Route made;
    for (const char* const text :
         {"${alert.body.data.id}", "${alert.event}", "${alert.body.token}"}) {
      made.inputs.emplace_back("i" + std::to_string(made.inputs.size()),
                               std::get<quell::Template>(quell::Template::parse(text)));
    }
    return made;
  }();
  return kRoute;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  quell::AlertSource source = quell::preset_of(static_cast<quell::SourceKind>(data[0] % kKinds));
  source.name = "fuzz";
  const std::string_view body = quell::fuzz::text_of(data + 1, size - 1);
  const quell::Timestamp now{std::chrono::hours{24 * 365 * 55}};
  const auto read = quell::read_alerts(source, {.body = body}, now);
  const auto* const alerts = std::get_if<std::vector<quell::ReceivedAlert>>(&read);
  if (alerts == nullptr) return 0;
  QUELL_ASSERT(alerts->size() <= kAlertsMax);
  for (const quell::ReceivedAlert& alert : *alerts) {
    QUELL_ASSERT(alert.event.size() <= kEventBytesMax);
    for (const quell::LeakedSecret& leaked : alert.secrets)
      QUELL_ASSERT(alert.body[leaked.path].is_null());
    const std::string text = to_json(alert.body);
    QUELL_ASSERT(quell::is_valid_utf8(text));
    const quell::Value seen = quell::alert_value(source, alert, "a000000000000", now, {});
    quell::map_inputs(route(), seen);
    quell::tripwire_of(alert);
  }
  return 0;
}
