#pragma once

#include <memory>
#include <span>
#include <string>

#include "connectors/connector.h"
#include "connectors/managed_agents/config.h"
#include "state/base/result.h"

namespace quell {

/// Connections of kind `managed_agents`: the holder's and the runtime's plane. Finds who uses a
/// credential, stops it, purges it and reads back. Absence counts only where the same complete scan
/// shows something known (threat T9); what names or metadata say protects nothing (T44).
class ManagedAgentsConnector final : public Connector {
 public:
  /// Code `invalid` when check_config() finds a mistake.
  static Result<std::unique_ptr<ManagedAgentsConnector>> make(ManagedAgentsConfig config);

  std::span<const ActionSpec> actions() const override;
  Task<Result<Outcome>> perform(const ActionSpec& action, Inputs inputs, Io& io) const override;
  Value predict(const ActionSpec& action, const Inputs& inputs) const override;
  /// `{kind, base_url, api_version, account, key}`; `account` is the workspace, `key` the
  /// fingerprint, each null where unknown.
  Value pins() const override;
  std::string base_url() const override { return config_.base_url + config_.base_path; }

 private:
  explicit ManagedAgentsConnector(ManagedAgentsConfig config) : config_(std::move(config)) {}

  ManagedAgentsConfig config_;
};

/// The action table of kind `managed_agents`; needs no configuration, for `quell check` and
/// `quell actions`.
std::span<const ActionSpec> managed_agents_actions();

}  // namespace quell
