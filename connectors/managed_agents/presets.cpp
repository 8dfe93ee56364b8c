// What is known of each server: API sheet 0.1 (the first-party API), 5 (AWS) and 6 (the others).
#include "connectors/managed_agents/presets.h"

#include <algorithm>
#include <array>
#include <utility>

namespace quell {
namespace {

ManagedAgentsPreset anthropic() {
  ManagedAgentsPreset preset;
  preset.name = "anthropic";
  preset.base_url_variable = "ANTHROPIC_BASE_URL";
  return preset;
}

/// Self-hosted. Vaults and sessions ask for the query and no beta header, deployments for the exact
/// version and beta headers; which is the older wire form, with the query where it is asked for.
ManagedAgentsPreset open_managed_agents() {
  ManagedAgentsPreset preset;
  preset.name = "open-managed-agents";
  preset.wire = managed_agents_wire("2023-06-01");
  preset.wire.base_url = "http://localhost:38080";
  preset.wire.key_variable.clear();
  preset.wire.resources["deployments"].extra_query = "";
  return preset;
}

ManagedAgentsPreset zhipu() {
  ManagedAgentsPreset preset;
  preset.name = "zhipu";
  preset.wire.base_url = "https://agent-api.bigmodel.cn/api/agent/managed";
  preset.wire.key_variable.clear();
  preset.wire.version_header = "zai-version";
  preset.wire.api_version = "2026-05-26";
  preset.wire.beta_header = "zai-beta";
  preset.wire.betas = {"managed-agents-2026-05-26"};
  preset.wire.resources.clear();
  return preset;
}

/// No `/v1` of its own; no version or beta header is asked for, though its clients can send the
/// latter.
ManagedAgentsPreset qoder() {
  ManagedAgentsPreset preset;
  preset.name = "qoder";
  preset.wire.base_url = "https://api.qoder.com/api/v1/cloud";
  preset.wire.base_path.clear();
  preset.wire.key_variable.clear();
  preset.wire.api_version.clear();
  preset.wire.beta_header = "x-qoder-beta";
  preset.wire.betas.clear();
  preset.wire.resources.clear();
  preset.wire.workspace_header = "qoder-workspace-id";
  preset.wire.pagination = Pagination::after_id;
  return preset;
}

/// With an API key, as its clients of August 2026 send it: in `x-api-key`, with the older version.
/// Signing with AWS keys is another scheme, which this connector does not speak.
ManagedAgentsPreset aws() {
  ManagedAgentsPreset preset;
  preset.name = "aws";
  preset.wire = managed_agents_wire("2023-06-01");
  preset.wire.base_url = "https://aws-external-anthropic.{region}.api.aws";
  preset.wire.key_variable = "ANTHROPIC_AWS_API_KEY";
  preset.wire.needs_workspace = true;
  preset.wire.may_lack = {"deployments", "mcp_oauth_validate"};
  preset.base_url_variable = "ANTHROPIC_AWS_BASE_URL";
  preset.workspace_variable = "ANTHROPIC_AWS_WORKSPACE_ID";
  preset.region_variables = {"AWS_REGION", "AWS_DEFAULT_REGION"};
  return preset;
}

}  // namespace

std::span<const ManagedAgentsPreset> managed_agents_presets() {
  static const std::array<ManagedAgentsPreset, 5> kPresets{anthropic(), open_managed_agents(),
                                                           zhipu(), qoder(), aws()};
  return kPresets;
}

const ManagedAgentsPreset* find_preset(std::string_view name) noexcept {
  for (const ManagedAgentsPreset& preset : managed_agents_presets()) {
    if (preset.name == name) return &preset;
  }
  return nullptr;
}

}  // namespace quell
