#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "connectors/managed_agents/records.h"
#include "state/base/clock.h"
#include "state/base/result.h"
#include "state/base/value.h"

// What agents wrote to memory and must not stay there: told apart here by author and time, since
// the platform knows no good and bad (API sheet 1.7, 2.7). Contents never leave the process: what
// is said about them is ids, hashes and sizes.
namespace quell::managed_agents {

using Ids = std::set<std::string, std::less<>>;

/// Whose versions are suspected.
struct Authors {
  Ids session_ids{};
  Ids api_key_ids{};

  /// `session_ids` and `api_key_ids` of an action.
  static Result<Authors> read(const Value& params);
  bool any() const { return !session_ids.empty() || !api_key_ids.empty(); }
  bool wrote(const MemoryVersion& version) const;
};

/// By these authors, or by anyone where none is named, at or after `since`.
struct Suspicion {
  Authors authors{};
  std::optional<Timestamp> since{};

  bool holds(const MemoryVersion& version) const;
};

/// One store as it was read; every version has its time.
struct StoreSight {
  std::string id{};
  std::vector<MemoryVersion> versions{};
  std::vector<Memory> heads{};  // of what is live
};

/// What is to be done to one memory.
enum class Remedy : std::uint8_t {
  none,     // its head holds what the last good version holds, or it is deleted
  restore,  // write the last good version back
  remove,   // there is no good version: delete it
};

struct MemoryFinding {
  std::string memory_id{};
  std::string memory_store_id{};
  Remedy remedy = Remedy::none;
  std::optional<Memory> head{};               // none: deleted
  const MemoryVersion* good = nullptr;        // the last one before the first suspect
  std::vector<const MemoryVersion*> suspects{};
  std::vector<const MemoryVersion*> later{};  // by others, over what a suspect had left there
  bool is_cut = false;  // its history begins with a suspect change: what was before is not kept
  bool was_deleted_by_suspect = false;

  /// A suspect version that says what the good one says is no poison.
  bool is_poison(const MemoryVersion& version) const {
    return good == nullptr || version.content_sha256 != good->content_sha256;
  }
};

/// The memories of `store` that hold suspects, by id; they point into it.
std::vector<MemoryFinding> find_poisoned(const StoreSight& store, const Suspicion& suspicion);

}  // namespace quell::managed_agents
