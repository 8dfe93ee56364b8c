#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/action.h"
#include "state/base/result.h"
#include "state/base/value.h"
#include "tests/connectors/managed_agents/script.h"

namespace quell::test {

/// Vaults that remember what was done to them, with the answers that the platform does not document
/// as switches.
struct Vaults {
  struct Credential {
    std::string id{};
    bool archived = false;
  };
  std::map<std::string, std::vector<Credential>> credentials{};  // by vault
  std::map<std::string, bool> archived{};                        // vaults
  std::map<std::string, int> refuses{};  // credential or vault id: status of its archive
  bool cascades = true;                  // a vault archive reaches its credentials
  bool shows = true;                     // the answer to an archive is the record, else `{}`
  bool hides_archived_vaults = false;    // and lists nothing of them

  bool all_archived(const std::string& vault_id) const;
};

/// `count` active credentials in `vault_id`, named by it: "vlt_3.7".
void add_vault(Vaults& vaults, const std::string& vault_id, int count);

/// Answers for every vault and credential that `vaults` has now, and for the list of vaults.
void furnish(Script& script, const std::shared_ptr<Vaults>& vaults);

/// One call of several that are made at once.
struct Call {
  Value params{};
  Value known{};  // the record as read a moment ago, or null
};

/// Runs `action` once for each of `calls` side by side, as the items of one step. As the engine's
/// driver does it, a read that several ask for at the same time is sent once for all of them.
std::vector<Result<Outcome>> run_together(Script& script, std::string_view action,
                                          const std::vector<Call>& calls);

}  // namespace quell::test
