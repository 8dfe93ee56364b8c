#pragma once

#include <set>
#include <string>

#include "orchestrator/range/inhabitant.h"
#include "orchestrator/range/profile.h"
#include "orchestrator/range/world.h"

namespace quell::range {

/// What others do with the platform around the leak, before and in the middle of a containment, as
/// the profiles `twin_credential`, `archived_deployment`, `runs_by_hand`, `late_session` and
/// `recreated_credential` say. Each does it once.
class Meddling {
 public:
  Meddling(const ProfileSet& profiles, Platform& platform, const Keys& keys, const Leaked& leaked,
           const std::string& mcp_endpoint)
      : profiles_(profiles),
        platform_(platform),
        by_(platform, keys),
        leaked_(leaked),
        mcp_endpoint_(mcp_endpoint) {}

  /// What stands there from the start.
  void begin(Timestamp now);
  /// Sees what the platform answered; the answer does not change.
  void after(const Request& request, const Response& response, Timestamp now);

 private:
  bool once(std::string_view profile);
  /// One of the sessions that use the leaked credential.
  const SessionRecord& session() const;
  Value static_bearer() const;
  void start_session(const std::vector<std::string>& vault_ids, Timestamp now);

  const ProfileSet& profiles_;
  Platform& platform_;
  Inhabitant by_;
  const Leaked& leaked_;
  std::string mcp_endpoint_;
  std::set<std::string, std::less<>> done_{};
};

}  // namespace quell::range
