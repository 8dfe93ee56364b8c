// Looks at memory that prove or refute. Hashes are compared, contents never read; a memory that is
// gone proves something only beside the version that records its deletion (threat T9).
#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "connectors/managed_agents/calls.h"
#include "connectors/managed_agents/inventory.h"
#include "connectors/managed_agents/memory.h"
#include "connectors/managed_agents/verdicts.h"
#include "state/base/bytes.h"

namespace quell::managed_agents {
namespace {

/// What a poisoned entry is known by, and who must not have written again since.
struct Poison {
  Ids hashes{};
  Suspicion again{};

  static Result<Poison> read(const Value& params);
  /// Why `version`, the head of a memory, is not clean; empty when nothing speaks against it.
  std::string fault(const MemoryVersion& version) const;
};

Result<Poison> Poison::read(const Value& params) {
  Poison poison;
  Result<std::optional<std::vector<std::string>>> hashes = ids_param(params, "poisoned_sha256");
  if (!hashes) return hashes.error();
  if (*hashes) poison.hashes.insert((*hashes)->begin(), (*hashes)->end());
  Result<Authors> authors = Authors::read(params);
  if (!authors) return authors.error();
  poison.again.authors = *std::move(authors);
  if (params["since"].is_timestamp()) poison.again.since = params["since"].as_timestamp();
  if (poison.again.authors.any() != poison.again.since.has_value()) {
    return make_error(ErrorCode::invalid, "bad-input",
                      "authors and since belong together: who wrote again, and since when.",
                      "give session_ids or api_key_ids, and since: ${run.started_at}");
  }
  if (poison.hashes.empty() && !poison.again.authors.any()) {
    return make_error(ErrorCode::invalid, "bad-input", "nothing is given that would be poison.",
                      "give poisoned_sha256, or authors and since");
  }
  return poison;
}

std::string Poison::fault(const MemoryVersion& version) const {
  if (hashes.contains(version.content_sha256))
    return fmt::format("holds the poisoned content {:.12}", version.content_sha256);
  if (again.authors.any() && again.holds(version))
    return fmt::format("was written by {} since", version.author_id);
  return {};
}

/// The versions that are left of one memory, all of them.
Task<Result<std::vector<MemoryVersion>>> read_history(Io& io, Api api, std::string store_id,
                                                      std::string memory_id) {
  std::vector<MemoryVersion> versions;
  ListCall call = memory_version_list(api, store_id, {}, versions);
  call.query = "memory_id=" + percent_encode(memory_id);
  const Status listed = co_await read_list(io, api, std::move(call));
  if (!listed) co_return listed.error();
  // The filter is the server's; another memory's versions say nothing here.
  std::erase_if(versions, [&](const MemoryVersion& one) { return one.memory_id != memory_id; });
  co_return versions;
}

/// 404 on the memory: what its versions have to say.
ActionTask absent_memory(Io& io, Api api, std::string store_id, std::string memory_id) {
  const Value outputs = Value::map({{"id", memory_id},
                                    {"live", false},
                                    {"memory_version_id", Value()},
                                    {"content_sha256", Value()}});
  std::string store = store_id;
  std::string memory = memory_id;
  const Result<std::vector<MemoryVersion>> history =
      co_await read_history(io, api, std::move(store), std::move(memory));
  if (!history) {
    if (history.error().code != ErrorCode::gone) co_return history.error();
    co_return unproved("404 on its store too: this key may be of another workspace", outputs);
  }
  const auto end = std::ranges::find(*history, "deleted", &MemoryVersion::operation);
  if (end == history->end()) {
    co_return unproved("404, and no version of it records a deletion", outputs);
  }
  co_return judged(Verdict::proved, Grade::strong,
                   fmt::format("404, and {} records its deletion", end->id), outputs);
}

}  // namespace

ActionTask memory_is_clean(Io& io, Api api, Value params) {
  const Result<std::string> store_id = id_param(params, "memory_store_id");
  if (!store_id) co_return store_id.error();
  const Result<std::string> memory_id = id_param(params, "memory_id");
  if (!memory_id) co_return memory_id.error();
  const Result<Poison> poison = Poison::read(params);
  if (!poison) co_return poison.error();
  Subject subject = memory_subject(*store_id, *memory_id);
  const std::string words = subject.words();
  const Result<Value> object = co_await fetch(io, api, std::move(subject));
  if (!object && object.error().code == ErrorCode::gone) {
    std::string store = *store_id;
    std::string memory = *memory_id;
    co_return co_await absent_memory(io, api, std::move(store), std::move(memory));
  }
  if (!object) co_return object.error();
  const Result<Memory> memory = Memory::read(*object, *store_id);
  if (!memory) co_return memory.error();
  const Value outputs = Value::map({{"id", memory->id},
                                    {"live", true},
                                    {"memory_version_id", memory->version_id},
                                    {"content_sha256", memory->content_sha256}});
  Subject of_head = memory_version_subject(*store_id, memory->version_id);
  const Result<Value> head = co_await fetch(io, api, std::move(of_head));
  if (!head) co_return head.error();
  const Result<MemoryVersion> version = MemoryVersion::read(*head, *store_id);
  if (!version) co_return version.error();
  if (version->memory_id != memory->id || version->content_sha256 != memory->content_sha256)
    co_return unproved("it was written while it was looked at", outputs);
  const std::string fault = poison->fault(*version);
  if (!fault.empty()) co_return refuted(fmt::format("{} {}", words, fault), outputs);
  if (poison->hashes.empty()) {
    co_return judged(Verdict::proved, Grade::weak,
                     "not written again by its authors; no hash of the poison is left to compare",
                     outputs);
  }
  const std::string good = params["good_sha256"].string_or("");
  if (!good.empty() && memory->content_sha256 != good) {
    co_return judged(Verdict::proved, Grade::weak,
                     fmt::format("{} is neither the poison nor what was restored: written since by "
                                 "{}",
                                 memory->version_id,
                                 version->author_id.empty() ? "nobody on record"
                                                            : version->author_id),
                     outputs);
  }
  co_return judged(Verdict::proved, Grade::strong,
                   fmt::format("{} read back, content {:.12}", memory->version_id,
                               memory->content_sha256),
                   outputs);
}

ActionTask no_poisoned_memory(Io& io, Api api, Value params) {
  const Result<std::vector<std::string>> store_ids = some_ids_param(params, "memory_store_ids");
  if (!store_ids) co_return store_ids.error();
  const Result<Poison> poison = Poison::read(params);
  if (!poison) co_return poison.error();
  std::vector<StoreSight> stores;
  for (const std::string& id : *store_ids) stores.push_back({.id = id});
  std::vector<ListCall> calls;
  for (StoreSight& store : stores) {
    calls.push_back(memory_list(api, store.id, store.heads));
    if (poison->again.since) {
      // Records may carry whole seconds.
      const Timestamp from = std::chrono::floor<std::chrono::seconds>(*poison->again.since);
      calls.push_back(memory_version_list(api, store.id, from, store.versions));
    }
  }
  for (ListCall& call : calls) call.confirms_end = true;
  const std::vector<Status> results = co_await read_lists(io, api, std::move(calls));
  std::size_t heads = 0;
  std::vector<std::string> faults;
  for (const StoreSight& store : stores) {
    heads += store.heads.size();
    for (const Memory& head : store.heads) {
      if (poison->hashes.contains(head.content_sha256))
        faults.push_back(fmt::format("{} holds it", head.id));
    }
    for (const MemoryVersion& version : store.versions) {
      if (!version.redacted_at && poison->again.holds(version))
        faults.push_back(fmt::format("{} wrote {}", version.author_id, version.id));
    }
  }
  const Value outputs =
      Value::map({{"memories_seen", static_cast<std::int64_t>(heads)},
                  {"faults", static_cast<std::int64_t>(faults.size())}});
  // What was seen refutes, whatever else could not be read.
  if (!faults.empty()) co_return refuted(named(faults), outputs);
  for (const Status& result : results) {
    if (result) continue;
    if (result.error().code != ErrorCode::gone) co_return result.error();
    co_return unproved("404 on a store: this key may be of another workspace", outputs);
  }
  // A list without memories is the same as that of a store which this key does not see.
  for (const StoreSight& store : stores) {
    if (!store.heads.empty()) continue;
    Subject subject = memory_store_subject(store.id);
    const Result<Value> seen = co_await fetch(io, api, std::move(subject));
    if (seen) continue;
    if (seen.error().code != ErrorCode::gone) co_return seen.error();
    co_return unproved(fmt::format("{}: 404, so that it lists nothing proves nothing", store.id),
                       outputs);
  }
  co_return judged(Verdict::proved, Grade::strong,
                   fmt::format("complete list of {} memories in {} store{}: none is poisoned",
                               heads, stores.size(), stores.size() == 1 ? "" : "s"),
                   outputs);
}

ActionTask memory_version_is_redacted(Io& io, Api api, Value params) {
  const Result<std::string> store_id = id_param(params, "memory_store_id");
  if (!store_id) co_return store_id.error();
  const Result<std::string> version_id = id_param(params, "memory_version_id");
  if (!version_id) co_return version_id.error();
  Subject subject = memory_version_subject(*store_id, *version_id);
  const std::string words = subject.words();
  const Result<Value> object = co_await fetch(io, api, std::move(subject));
  const auto outputs = [&](bool found, const std::optional<Timestamp>& redacted_at) {
    return Value::map(
        {{"id", *version_id}, {"found", found}, {"redacted_at", time_or_null(redacted_at)}});
  };
  if (!object && object.error().code == ErrorCode::gone) {
    co_return unproved("404: past the platform's 30 days, gone with its store, or of another "
                       "workspace",
                       outputs(false, {}));
  }
  if (!object) co_return object.error();
  const Result<MemoryVersion> version = MemoryVersion::read(*object, *store_id);
  if (!version) co_return version.error();
  const Value seen = outputs(true, version->redacted_at);
  if (!version->redacted_at) co_return refuted(fmt::format("{} is not redacted", words), seen);
  if (!version->content_sha256.empty()) {
    co_return refuted(fmt::format("{} reads redacted and still names a content", words), seen);
  }
  co_return judged(Verdict::proved, Grade::strong, "redacted_at read back, content gone", seen);
}

ActionTask memory_store_is_archived(Io& io, Api api, Value params) {
  const Result<std::string> store_id = id_param(params, "memory_store_id");
  if (!store_id) co_return store_id.error();
  Subject subject = memory_store_subject(*store_id);
  const std::string words = subject.words();
  const Result<Value> object = co_await fetch(io, api, std::move(subject));
  if (!object && object.error().code == ErrorCode::gone) {
    co_return unproved(std::string(kNeverRead), not_found(*store_id));
  }
  if (!object) co_return object.error();
  const Result<MemoryStore> store = MemoryStore::read(*object);
  if (!store) co_return store.error();
  const Value outputs =
      seen(store->id, store->archived_at ? "archived" : "active", store->archived_at);
  if (!store->archived_at) co_return refuted(fmt::format("{} is active", words), outputs);
  co_return judged(Verdict::proved, Grade::weak,
                   "archived_at read back: no session can be given it any more", outputs);
}

}  // namespace quell::managed_agents
