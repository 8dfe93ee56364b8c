// Who wrote what to memory: every store in scope is read whole and matched here (API sheet 1.7,
// 2.6).
#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "connectors/managed_agents/calls.h"
#include "connectors/managed_agents/inventory.h"
#include "connectors/managed_agents/memory.h"

namespace quell::managed_agents {
namespace {

/// What the platform keeps at least (API sheet 2.7).
constexpr Duration kKept = std::chrono::days{30};
/// Between the platform's clock and ours.
constexpr Duration kClockSkew{60'000};

struct Question {
  Suspicion suspicion{};
  std::optional<std::vector<std::string>> store_ids{};  // none: every store
};

Result<Question> read_suspicion(const Value& params) {
  Question question;
  Result<Authors> authors = Authors::read(params);
  if (!authors) return authors.error();
  question.suspicion.authors = *std::move(authors);
  if (params["since"].is_timestamp()) question.suspicion.since = params["since"].as_timestamp();
  Result<std::optional<std::vector<std::string>>> stores = ids_param(params, "memory_store_ids");
  if (!stores) return stores.error();
  question.store_ids = *std::move(stores);
  if (!question.suspicion.authors.any() && !question.suspicion.since) {
    return make_error(ErrorCode::invalid, "bad-input",
                      "without author or time every version would be suspect.",
                      "give session_ids, api_key_ids or since");
  }
  return question;
}

/// The stores to read: those named, or all of them, archived ones too.
Task<Result<std::vector<StoreSight>>> stores_in_scope(Io& io, Api api, const Question& question) {
  std::vector<StoreSight> stores;
  if (question.store_ids) {
    for (const std::string& id : *question.store_ids) stores.push_back({.id = id});
    co_return stores;
  }
  std::vector<MemoryStore> listed;
  ListCall call = memory_store_list(api, listed);
  call.confirms_end = true;
  const Status read = co_await read_list(io, api, std::move(call));
  if (!read) co_return read.error();
  std::set<std::string, std::less<>> seen;
  for (const MemoryStore& store : listed) {
    // A store made meanwhile shifts the pages: one may come twice.
    if (seen.insert(store.id).second) stores.push_back({.id = store.id});
  }
  co_return stores;
}

struct Look {
  std::vector<StoreSight> stores{};
  std::vector<std::string> unseen{};  // sentences
};

/// A version that shifts to the next page while pages are read comes twice.
void drop_copies(StoreSight& store) {
  const auto by_id = [](const MemoryVersion& one, const MemoryVersion& other) {
    return one.id < other.id;
  };
  std::ranges::stable_sort(store.versions, by_id);
  const auto copies = std::ranges::unique(store.versions, {}, &MemoryVersion::id);
  store.versions.erase(copies.begin(), copies.end());
}

/// A version without a time can be neither before nor after another.
Status check_times(const StoreSight& store) {
  for (const MemoryVersion& version : store.versions) {
    if (version.created_at) continue;
    return make_error(ErrorCode::invalid, "answer",
                      fmt::format("{} in {} has no usable created_at.", outside_text(version.id),
                                  outside_text(store.id)),
                      "what was written when cannot be told; compare base_url in quell.yaml");
  }
  return ok();
}

/// Drops the stores whose list failed since they were deleted meanwhile, and says so; every other
/// failure, and that of a store that was named, is one of the whole look.
Status leave_out_deleted(const std::vector<Status>& results, bool are_named, Look& look) {
  std::vector<StoreSight> kept;
  for (std::size_t i = 0; i < results.size(); ++i) {
    StoreSight& store = look.stores[i];
    if (results[i]) {
      kept.push_back(std::move(store));
      continue;
    }
    if (are_named || results[i].error().code != ErrorCode::gone) return results[i].error();
    look.unseen.push_back(
        fmt::format("{}: deleted while it was read, with all it held", outside_text(store.id)));
  }
  look.stores = std::move(kept);
  return ok();
}

Task<Status> read_versions(Io& io, Api api, bool are_named, Look& look) {
  std::vector<ListCall> calls;
  for (StoreSight& store : look.stores) {
    calls.push_back(memory_version_list(api, store.id, {}, store.versions));
    calls.back().confirms_end = true;
  }
  const std::vector<Status> results = co_await read_lists(io, api, std::move(calls));
  if (const Status left = leave_out_deleted(results, are_named, look); !left) co_return left;
  for (StoreSight& store : look.stores) {
    if (const Status timed = check_times(store); !timed) co_return timed.error();
    drop_copies(store);
  }
  co_return ok();
}

/// A head that was there before the list of versions was read, and not in that list: it was cut
/// off, and what it left out may be the poison. The platform drops versions of more than 30 days
/// itself.
Status check_whole(const StoreSight& store, const MemoryVersion& version, Timestamp began) {
  const Timestamp written = *version.created_at;
  if (written > began - kClockSkew || written < began - kKept) return ok();
  return make_error(ErrorCode::invalid, "answer",
                    fmt::format("the versions of {} were listed without {}, which was there.",
                                outside_text(store.id), outside_text(version.id)),
                    "a list that is cut off hides suspects: compare the pagination of this "
                    "platform in quell.yaml");
}

/// What the stores hold now, and the heads that were written while this was read.
Task<Status> read_heads(Io& io, Api api, bool are_named, Timestamp began, Look& look) {
  std::vector<ListCall> calls;
  for (StoreSight& store : look.stores) {
    calls.push_back(memory_list(api, store.id, store.heads));
    calls.back().confirms_end = true;
  }
  const std::vector<Status> results = co_await read_lists(io, api, std::move(calls));
  if (const Status left = leave_out_deleted(results, are_named, look); !left) co_return left;
  for (StoreSight& store : look.stores) {
    std::set<std::string, std::less<>> known;
    for (const MemoryVersion& version : store.versions) known.insert(version.id);
    for (const Memory& head : store.heads) {
      if (!known.insert(head.version_id).second) continue;
      Subject subject = memory_version_subject(store.id, head.version_id);
      const Result<Value> object = co_await fetch(io, api, std::move(subject));
      if (!object) co_return object.error();
      Result<MemoryVersion> version = MemoryVersion::read(*object, store.id);
      if (!version) co_return version.error();
      store.versions.push_back(*std::move(version));
      if (const Status timed = check_times(store); !timed) co_return timed.error();
      const Status whole = check_whole(store, store.versions.back(), began);
      if (!whole) co_return whole.error();
    }
  }
  co_return ok();
}

std::string_view word_of(Remedy remedy) {
  switch (remedy) {
    case Remedy::none:
      return "none";
    case Remedy::restore:
      return "restore";
    case Remedy::remove:
      return "delete";
  }
  return "none";
}

ValueList ids_of(const std::vector<const MemoryVersion*>& versions) {
  ValueList ids;
  for (const MemoryVersion* version : versions) ids.emplace_back(version->id);
  return ids;
}

struct Told {
  ValueList versions{};
  ValueList memories{};
  ValueList to_restore{};
  ValueList to_delete{};
  ValueList to_redact{};
  Ids hashes{};
  Ids stores{};
  Ids sessions{};  // that wrote suspects
  std::size_t already_redacted = 0;
};

ValueList list_of(const Ids& ids) { return ValueList(ids.begin(), ids.end()); }

void tell(const MemoryFinding& found, Told& told, std::vector<std::string>& unseen) {
  Ids hashes;
  for (const MemoryVersion* version : found.suspects) {
    told.versions.push_back(version->to_value());
    if (version->author_kind == "session_actor") told.sessions.insert(version->author_id);
    if (version->redacted_at) {
      ++told.already_redacted;
    } else if (found.is_poison(*version)) {
      told.to_redact.push_back(Value::map({{"memory_store_id", found.memory_store_id},
                                           {"memory_version_id", version->id}}));
      if (!version->content_sha256.empty()) hashes.insert(version->content_sha256);
    }
  }
  told.stores.insert(found.memory_store_id);
  told.hashes.insert(hashes.begin(), hashes.end());
  Value good;
  Value good_hash;
  if (found.good != nullptr) {
    good = found.good->id;
    good_hash = found.good->content_sha256;
  }
  told.memories.push_back(
      Value::map({{"id", found.memory_id},
                  {"memory_store_id", found.memory_store_id},
                  {"live", found.head.has_value()},
                  {"remedy", word_of(found.remedy)},
                  {"good_version_id", std::move(good)},
                  {"good_sha256", std::move(good_hash)},
                  {"head_version_id", found.head ? Value(found.head->version_id) : Value()},
                  {"head_sha256", found.head ? Value(found.head->content_sha256) : Value()},
                  {"poisoned_version_ids", Value(ids_of(found.suspects))},
                  {"poisoned_sha256", Value(list_of(hashes))},
                  {"later_version_ids", Value(ids_of(found.later))}}));
  if (found.remedy != Remedy::none) {
    ValueMap work{{"memory_store_id", found.memory_store_id},
                  {"memory_id", found.memory_id},
                  {"head_sha256", found.head->content_sha256},
                  {"poisoned_sha256", Value(list_of(hashes))}};
    if (found.remedy == Remedy::restore) {
      work["version_id"] = found.good->id;
      work["good_sha256"] = found.good->content_sha256;
    }
    (found.remedy == Remedy::restore ? told.to_restore : told.to_delete)
        .push_back(Value(std::move(work)));
  }
  const std::string memory =
      fmt::format("{} in {}", found.memory_id, outside_text(found.memory_store_id));
  if (found.is_cut && found.good == nullptr) {
    unseen.push_back(fmt::format(
        "{}: what it held before the first suspect version is past the platform's 30 days",
        memory));
  }
  if (found.was_deleted_by_suspect && !found.head && found.good != nullptr) {
    unseen.push_back(
        fmt::format("{}: a suspect deleted it; what it held is kept in {}, and no call brings it "
                    "back as it was",
                    memory, found.good->id));
  }
  if (!found.later.empty()) {
    unseen.push_back(
        fmt::format("{}: {} later version{} by others may carry on what they read there", memory,
                    found.later.size(), found.later.size() == 1 ? "" : "s"));
  }
}

/// What no record of these stores can show.
void tell_limits(const Question& question, const Look& look, const Told& told,
                 std::vector<std::string>& unseen, Timestamp now) {
  if (!question.suspicion.since || now - *question.suspicion.since > kKept)
    unseen.emplace_back("versions older than 30 days: the platform keeps only recent ones longer");
  if (told.already_redacted > 0)
    unseen.push_back(fmt::format("what {} suspect version{} held: redacted before",
                                 told.already_redacted, told.already_redacted == 1 ? "" : "s"));
  std::size_t nameless = 0;
  const Suspicion by_time{.since = question.suspicion.since};
  for (const StoreSight& store : look.stores) {
    nameless += static_cast<std::size_t>(
        std::ranges::count_if(store.versions, [&by_time](const MemoryVersion& version) {
          return version.author_kind.empty() && by_time.holds(version);
        }));
  }
  if (nameless > 0 && question.suspicion.authors.any())
    unseen.push_back(fmt::format("who wrote {} version{}: no author is recorded", nameless,
                                 nameless == 1 ? "" : "s"));
  if (!question.suspicion.authors.api_key_ids.empty())
    unseen.emplace_back(
        "what sessions wrote that such a key started: it is recorded under the session alone");
  unseen.emplace_back(
      "what sessions have read already: it stays in their events and contexts, which no redaction "
      "reaches");
}

}  // namespace

ActionTask find_memory_versions(Io& io, Api api, Value params) {
  const Result<Question> question = read_suspicion(params);
  if (!question) co_return question.error();
  const Timestamp began = io.now();
  Result<std::vector<StoreSight>> scope = co_await stores_in_scope(io, api, *question);
  if (!scope) co_return scope.error();
  Look look{.stores = *std::move(scope)};
  const auto scanned = static_cast<std::int64_t>(look.stores.size());
  const Status versions = co_await read_versions(io, api, question->store_ids.has_value(), look);
  if (!versions) co_return versions.error();

  const Status heads =
      co_await read_heads(io, api, question->store_ids.has_value(), began, look);
  if (!heads) co_return heads.error();

  std::vector<std::string> unseen = std::move(look.unseen);
  Told told;
  for (const StoreSight& store : look.stores) {
    for (const MemoryFinding& found : find_poisoned(store, question->suspicion))
      tell(found, told, unseen);
  }
  tell_limits(*question, look, told, unseen, io.now());
  Outcome out;
  out.outputs = Value::map({{"versions", Value(std::move(told.versions))},
                            {"memories", Value(std::move(told.memories))},
                            {"to_restore", Value(std::move(told.to_restore))},
                            {"to_delete", Value(std::move(told.to_delete))},
                            {"to_redact", Value(std::move(told.to_redact))},
                            {"session_ids", Value(list_of(told.sessions))},
                            {"memory_store_ids", Value(list_of(told.stores))},
                            {"poisoned_sha256", Value(list_of(told.hashes))},
                            {"stores_scanned", scanned},
                            {"unseen", Value(ValueList(unseen.begin(), unseen.end()))}});
  co_return out;
}

}  // namespace quell::managed_agents
