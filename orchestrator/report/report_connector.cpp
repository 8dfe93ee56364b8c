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
  ActionSpec exposure;
  exposure.name = "residual_exposure";
  exposure.summary =
      "List what is not proved dead as the claims stand now, and until when at worst.";
  exposure.effect = Effect::read;
  exposure.inputs = {{.name = "since",
                      .type = Type::of(Type::Kind::timestamp),
                      .required = false,
                      .help = "also of the other runs that began since then"}};
  const Type row = Type::object({{"run", Type::of(Type::Kind::string)},
                                 {"subject", Type::of(Type::Kind::string)},
                                 {"plane", Type::of(Type::Kind::string)},
                                 {"verdict", Type::of(Type::Kind::string)},
                                 {"until", Type::of(Type::Kind::timestamp).or_null()},
                                 {"reason", Type::of(Type::Kind::string)}});
  exposure.outputs =
      Type::object({{"open", Type::of(Type::Kind::integer)}, {"exposures", Type::list_of(row)}});
  exposure.errors = {ErrorCode::internal};
  exposure.note = "sends nothing; at most 1,000 rows, `open` counts all";
  return {std::move(bundle), std::move(exposure)};
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
  return Value(ValueMap{});  // both are reads, which a rehearsal runs
}

}  // namespace quell
