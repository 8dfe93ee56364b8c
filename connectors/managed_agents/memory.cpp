#include "connectors/managed_agents/memory.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "connectors/managed_agents/inventory.h"

namespace quell::managed_agents {
namespace {

constexpr std::string_view kDeleted = "deleted";
constexpr std::string_view kCreated = "created";

/// Versions of one second cannot be put in order, but for the first of all.
bool is_before(const MemoryVersion& version, const MemoryVersion& other) {
  if (version.created_at != other.created_at) return version.created_at < other.created_at;
  return version.operation == kCreated && other.operation != kCreated;
}

bool can_be_restored(const MemoryVersion& version) {
  return version.operation != kDeleted && !version.redacted_at && !version.content_sha256.empty();
}

MemoryFinding judge(const StoreSight& store, const std::vector<const MemoryVersion*>& history,
                    const Suspicion& suspicion) {
  MemoryFinding found;
  found.memory_store_id = store.id;
  found.memory_id = history.front()->memory_id;
  for (const MemoryVersion* version : history) {
    if (suspicion.holds(*version)) found.suspects.push_back(version);
  }
  if (found.suspects.empty()) return found;
  const MemoryVersion& first = *found.suspects.front();
  bool has_before = false;
  for (const MemoryVersion* version : history) {
    if (suspicion.holds(*version)) {
      found.was_deleted_by_suspect |= version->operation == kDeleted;
    } else if (is_before(*version, first)) {
      has_before = true;
      if (can_be_restored(*version)) found.good = version;
    } else if (version->operation != kDeleted) {
      found.later.push_back(version);
    }
  }
  found.is_cut = !has_before && first.operation != kCreated;
  const auto head = std::ranges::find(store.heads, found.memory_id, &Memory::id);
  if (head == store.heads.end()) return found;
  found.head = *head;
  if (found.good == nullptr) {
    found.remedy = Remedy::remove;
  } else if (head->content_sha256 != found.good->content_sha256) {
    found.remedy = Remedy::restore;
  }
  return found;
}

}  // namespace

Result<Authors> Authors::read(const Value& params) {
  Authors authors;
  const std::pair<std::string_view, Ids*> lists[] = {{"session_ids", &authors.session_ids},
                                                     {"api_key_ids", &authors.api_key_ids}};
  for (const auto& [name, ids] : lists) {
    const Result<std::optional<std::vector<std::string>>> given = ids_param(params, name);
    if (!given) return given.error();
    if (*given) ids->insert((*given)->begin(), (*given)->end());
  }
  return authors;
}

bool Authors::wrote(const MemoryVersion& version) const {
  if (version.author_kind == "session_actor") return session_ids.contains(version.author_id);
  if (version.author_kind == "api_actor") return api_key_ids.contains(version.author_id);
  return false;
}

bool Suspicion::holds(const MemoryVersion& version) const {
  if (authors.any() && !authors.wrote(version)) return false;
  // Records may carry whole seconds; what was written in the same second counts as since.
  return !since || !version.created_at ||
         *version.created_at >= std::chrono::floor<std::chrono::seconds>(*since);
}

std::vector<MemoryFinding> find_poisoned(const StoreSight& store, const Suspicion& suspicion) {
  std::map<std::string_view, std::vector<const MemoryVersion*>> histories;
  for (const MemoryVersion& version : store.versions)
    histories[version.memory_id].push_back(&version);
  std::vector<MemoryFinding> found;
  for (auto& [memory_id, history] : histories) {
    std::ranges::stable_sort(history, [](const MemoryVersion* one, const MemoryVersion* other) {
      return is_before(*one, *other);
    });
    MemoryFinding finding = judge(store, history, suspicion);
    if (!finding.suspects.empty()) found.push_back(std::move(finding));
  }
  return found;
}

}  // namespace quell::managed_agents
