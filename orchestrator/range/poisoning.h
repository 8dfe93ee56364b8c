#pragma once

#include <map>
#include <string>
#include <vector>

#include "orchestrator/range/platform.h"
#include "orchestrator/range/world.h"
#include "state/base/value.h"

namespace quell::range {

/// What profile `poisoned` adds to an incident: a session that has written to a memory store what
/// nobody asked for, and writes it again as long as it runs; sessions and a deployment that mount
/// the store; agents that call each other.
struct Poisoning {
  std::string store_id{};
  std::string writer_session_id{};  // running, mounts the store to write
  std::string reader_session_id{};  // running, mounts it to read
  std::string coordinator_id{};     // the agent of the writer
  std::vector<std::string> contents{};                           // that were injected
  std::map<std::string, std::string, std::less<>> overwritten{};  // memory id: what it held before
  std::map<std::string, std::string, std::less<>> untouched{};    // memory id: its head's version
};

/// Fills the platform with it: objects by the platform's own API, what agents do by what they do.
Poisoning seed_poisoning(Platform& platform, const Keys& keys, const std::string& vault_id,
                         const std::string& mcp_endpoint, Timestamp start);

/// What is true of it now: `memory_sessions_not_archived` (they mount the store), `memory_poisoned`
/// (ids of memories that hold an injected content), `memory_poisoned_versions` (ids of versions
/// that still do), `memory_restored` (what was overwritten is back, byte for byte) and
/// `memory_untouched` (nobody wrote to what was good).
ValueMap truth_of(const Poisoning& poisoning, const Platform& platform);

}  // namespace quell::range
