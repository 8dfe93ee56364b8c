#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/oauth/profile.h"
#include "orchestrator/config.h"
#include "orchestrator/playbook/diagnostics.h"
#include "state/base/result.h"

namespace quell {

/// The vendor profiles that come with quell, as (file name, source); they are part of the program.
const std::vector<std::pair<std::string, std::string>>& shipped_issuer_profiles();

struct ProfileLoad {
  std::optional<IssuerProfile> profile{};  // only when no diagnostic is an error
  std::vector<Diagnostic> diagnostics{};   // sorted by line and column
};

/// Reads one profile (docs/issuers.md) under the file rules of playbooks; all findings in one pass.
/// `file` is for messages; its stem must equal the profile's id. Bounds: 64 KiB, 16 calls, 16 rules
/// of answer each, texts of 400 characters.
ProfileLoad load_issuer_profile(std::string_view source, std::string_view file);

/// The shipped profiles and those of the configured folders, by id; a file of one's own goes before
/// a shipped one of the same id. Errors: the first mistake of a file with its place; a file that
/// others may write, since it says where tokens go.
Result<std::shared_ptr<const IssuerProfiles>> load_issuer_profiles(
    const std::vector<std::string>& folders);

}  // namespace quell
