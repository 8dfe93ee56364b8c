#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "orchestrator/playbook/loader.h"
#include "orchestrator/playbook/steps.h"
#include "state/base/result.h"

namespace quell {

/// Playbooks that call playbooks that call playbooks, and so on, at most.
inline constexpr std::size_t kCallDepthMax = 8;

/// A playbook that another one calls.
struct Callee {
  std::shared_ptr<const Playbook> playbook{};
  std::vector<UseFact> uses{};  // for the rules of the whole; without places
};

/// The playbooks that a file calls, and those that these call: each is loaded and checked once.
class Callees {
 public:
  Callees(const ActionCatalog& catalog, const PlaybookSources& sources)
      : catalog_(catalog), sources_(sources) {}

  /// Reads `source` as the playbook of `file`, which may not call itself.
  LoadResult load(std::string_view source, std::string_view file, std::vector<UseFact>* uses);

  /// The playbook `id`. The error's topic is the finding's code.
  Result<const Callee*> find(const std::string& id);

  const ActionCatalog& catalog() const noexcept { return catalog_; }

 private:
  const ActionCatalog& catalog_;
  const PlaybookSources& sources_;
  std::map<std::string, Callee, std::less<>> loaded_{};
  std::vector<std::string> under_way_{};  // ids, outermost first
};

}  // namespace quell
