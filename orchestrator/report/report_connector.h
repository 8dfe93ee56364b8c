#pragma once

#include "connectors/connector.h"

namespace quell {

/// The built-in connection `report`: its one action is declared here like any other and carried out
/// by the engine itself, which writes below the state folder and sends nothing.
class ReportConnector final : public Connector {
 public:
  std::span<const ActionSpec> actions() const override;
  Task<Result<Outcome>> perform(const ActionSpec& action, Inputs inputs, Io& io) const override;
  Value predict(const ActionSpec& action, const Inputs& inputs) const override;
  Value pins() const override { return Value::map({{"kind", "report"}}); }
  std::string base_url() const override { return {}; }
};

}  // namespace quell
