#include "orchestrator/report/report_connector.h"

#include <utility>
#include <vector>

namespace quell {
namespace {

std::vector<ActionSpec> make_actions() {
  ActionSpec bundle;
  bundle.name = "bundle";
  bundle.summary = "Write the run's document and its journal excerpt into the state folder.";
  bundle.effect = Effect::read;
  bundle.inputs = {{.name = "incident",
                    .type = Type::of(Type::Kind::string),
                    .required = true,
                    .help = "what people file it under"}};
  bundle.outputs = Type::object({{"path", Type::of(Type::Kind::string)}});
  bundle.errors = {ErrorCode::invalid, ErrorCode::internal};
  bundle.note = "sends nothing; the folder is readable by its owner alone";
  return {std::move(bundle)};
}

}  // namespace

std::span<const ActionSpec> ReportConnector::actions() const {
  static const std::vector<ActionSpec> kActions = make_actions();
  return kActions;
}

Task<Result<Outcome>> ReportConnector::perform(const ActionSpec& action, Inputs, Io&) const {
  co_return make_error(ErrorCode::internal,
                       "report." + action.name + " is carried out by the engine");
}

Value ReportConnector::predict(const ActionSpec&, const Inputs&) const {
  return Value::map({{"path", ""}});
}

}  // namespace quell
