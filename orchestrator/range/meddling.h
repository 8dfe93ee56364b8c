#pragma once

#include <set>
#include <string>
#include <vector>

#include "orchestrator/range/inhabitant.h"
#include "orchestrator/range/profile.h"
#include "orchestrator/range/world.h"

namespace quell::range {

/// What others do with the platform around the leak, before and in the middle of a containment, as
/// the profiles `twin_credential`, `archived_deployment`, `runs_by_hand`, `late_session`,
/// `recreated_credential` and `plants_deployment` say. Each does it once.
class Meddling {
 public:
  Meddling(const ProfileSet& profiles, Platform& platform, const Keys& keys, const Leaked& leaked,
           const std::string& mcp_endpoint)
      : profiles_(profiles),
        platform_(platform),
        by_(platform, keys),
        thief_(keys),
        leaked_(leaked),
        mcp_endpoint_(mcp_endpoint) {
    thief_.api_key = keys.leaked_api_key;
  }

  /// What stands there from the start.
  void begin(Timestamp now);
  /// Sees what the platform answered; the answer does not change.
  void after(const Request& request, const Response& response, Timestamp now);
  /// Ids of the deployments that were made with the stolen key.
  const std::vector<std::string>& planted() const { return planted_; }

 private:
  bool once(std::string_view profile);
  /// One of the sessions that use the leaked credential.
  const SessionRecord& session() const;
  Value static_bearer() const;
  void start_session(const std::vector<std::string>& vault_ids, Timestamp now);
  void plant_deployment(Timestamp now);

  const ProfileSet& profiles_;
  Platform& platform_;
  Inhabitant by_;
  Keys thief_;  // whose API key is the stolen one
  const Leaked& leaked_;
  std::string mcp_endpoint_;
  std::set<std::string, std::less<>> done_{};
  std::vector<std::string> planted_{};
};

}  // namespace quell::range
