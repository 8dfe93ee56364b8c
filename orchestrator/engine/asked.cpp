#include "orchestrator/engine/asked.h"

#include <algorithm>
#include <utility>

#include "orchestrator/engine/fold.h"
#include "orchestrator/engine/run_inputs.h"
#include "state/base/json.h"
#include "state/base/sha256.h"

namespace quell {
namespace {

constexpr Duration kRemembered{std::chrono::hours{7 * 24}};

}  // namespace

std::string request_name(const RunState& run) {
  const std::string text =
      run.lock.empty()
          ? "playbook\n" + run.playbook->id + "\n" + to_json(journalled_inputs(run.inputs))
          : "lock\n" + run.lock;
  return sha256_hex(text).substr(0, 32);
}

void Asked::recall(const Entry& entry) {
  if (entry.kind == EntryKind::approval_requested) {
    const std::string name = entry.body["about"].string_or("");
    if (name.empty() || !names_.emplace(entry.run, name).second) return;
    requests_[name].push_back({.run = entry.run, .at = entry.at});
    return;
  }
  const auto name = names_.find(entry.run);
  if (entry.kind != EntryKind::approval_denied || name == names_.end()) return;
  for (Request& request : requests_[name->second]) {
    if (request.run != entry.run) continue;
    request.denied_by = entry.body["who"].string_or("");
    request.denied_why = entry.body["reason"].string_or("");
  }
}

bool Asked::take(const Entry& entry, const RunState& run) {
  recall(entry);
  if (entry.kind == EntryKind::approval_requested) waits(run);
  const auto waiting = waiting_.find(run.lock);
  if (waiting == waiting_.end() || waiting->second.run != run.id) return false;
  if (pending_approval(run) != nullptr && !run.aborted) return false;
  waiting_.erase(waiting);
  return true;
}

void Asked::waits(const RunState& run) {
  const bool asks = run.mode == RunMode::live && pending_approval(run) != nullptr;
  if (run.lock.empty() || !asks) return;
  Waiting& waiting =
      waiting_.try_emplace(run.lock, Waiting{.run = run.id, .automatic = run.automatic})
          .first->second;
  if (waiting.automatic && !run.automatic) waiting = {.run = run.id};
}

std::optional<RunId> Asked::waiting(const std::string& lock) const {
  const auto found = waiting_.find(lock);
  return found == waiting_.end() ? std::nullopt : std::optional<RunId>(found->second.run);
}

AskedBefore Asked::before(const std::string& name, RunId run, Timestamp now) const {
  AskedBefore before;
  const auto known = requests_.find(name);
  if (known == requests_.end()) return before;
  for (const Request& request : known->second) {
    if (request.run == run || request.at + kRemembered <= now) continue;
    ++before.number;
    if (request.denied_by.empty()) continue;
    before.denied_by = request.denied_by;
    before.denied_why = request.denied_why;
    before.denied_run = to_string(request.run);
  }
  return before;
}

Result<Asked> recently_asked(Journal& journal, Timestamp now) {
  const Result<std::uint64_t> before = last_before(journal, now - kRemembered);
  if (!before) return before.error();
  Asked asked;
  const Status read = journal.read_some(
      *before,
      [](const EntryLabel& label) {
        return label.kind == EntryKind::approval_requested ||
               label.kind == EntryKind::approval_denied;
      },
      [&](const StoredEntry& stored) {
        asked.recall(stored.entry);
        return ok();
      });
  if (!read) return read.error();
  return asked;
}

}  // namespace quell
