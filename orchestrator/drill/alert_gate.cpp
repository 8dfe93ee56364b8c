#include "orchestrator/drill/alert_gate.h"

#include <utility>
#include <variant>

namespace quell {
namespace {

AlertSource platform_source(const std::string& secret) {
  AlertSource source = preset_of(SourceKind::standard_webhooks);
  source.name = "platform";
  source.keys.push_back({.secret = std::make_shared<const Secret>(Secret::copy_of(secret)),
                         .named_at = "the range"});
  return source;
}

Route route_to(const Playbook& playbook,
               const std::vector<std::pair<std::string, Template>>& inputs) {
  return {.playbook = playbook.id, .inputs = inputs, .named_at = "the scenario"};
}

}  // namespace

AlertGate::AlertGate(Parts parts)
    : parts_(std::move(parts)),
      source_(platform_source(parts_.secret)),
      judge_({.routes = {route_to(*parts_.playbook, parts_.inputs)},
              .find_playbook = [this](std::string_view) -> Result<std::shared_ptr<const Playbook>> {
                return parts_.playbook;
              },
              .digest_of = [](const Route&, const Playbook&) { return std::string(); },
              .fingerprint =
                  [this](const Secret& secret) {
                    return parts_.owner.secrets().fingerprint(secret);
                  }}),
      desk_({.engine = parts_.owner.engine(),
             .journal = parts_.owner.journal(),
             .index = parts_.owner.alert_index(),
             .secrets = parts_.owner.secrets(),
             .clock = parts_.clock,
             .judge = judge_,
             .is_disarmed = [] { return false; },
             .drill = true}) {}

Status AlertGate::take(const range::Request& delivery) {
  const auto checked = verify_delivery(
      source_, {.body = delivery.body, .headers = delivery.headers}, parts_.clock.now());
  const auto* const verified = std::get_if<VerifiedDelivery>(&checked);
  if (verified == nullptr) {
    ++counts_.refused;
    return ok();
  }
  const Result<std::vector<FiledAlert>> filed = desk_.file(source_, *verified);
  if (!filed) return filed.error();
  for (const FiledAlert& alert : *filed) {
    counts_.repeated += alert.repeated ? 1 : 0;
    if (!alert.run || alert.joined || alert.repeated) continue;
    ++counts_.runs;
    if (!run_) run_ = alert.run;
  }
  return ok();
}

range::Request forged(range::Request delivery) {
  for (auto& [name, value] : delivery.headers) {
    if (name == "webhook-signature") value = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  }
  return delivery;
}

}  // namespace quell
