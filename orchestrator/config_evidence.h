#pragma once

#include <string>
#include <vector>

#include "orchestrator/playbook/yaml_tree.h"
#include "orchestrator/report/evidence_limits.h"

namespace quell {

/// `evidence:` of the configuration.
struct EvidenceSettings {
  EvidenceLimits limits{};
  /// Certificates (PEM files) to which whatever leaves as evidence is encrypted; none: it leaves in
  /// clear.
  std::vector<std::string> recipients{};
};

/// Reads it; relative paths start at `directory`, mistakes become findings with their place.
EvidenceSettings read_evidence(const YamlNode& node, const std::string& directory,
                               Findings& findings);

}  // namespace quell
