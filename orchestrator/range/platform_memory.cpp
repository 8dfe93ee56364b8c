// Memory stores, memories and their versions: API sheet sections 1.7 and 2.7.
#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "orchestrator/range/platform.h"
#include "state/base/sha256.h"

namespace quell::range {
namespace {

constexpr PageRule kStorePages{.list = "memory_stores"};
// Neither default nor maximum of versions is documented.
constexpr PageRule kVersionPages{.list = "memory_versions"};
constexpr std::int64_t kFullPageMax = 20;
constexpr std::size_t kDescriptionBytesMax = 1024;
constexpr std::size_t kContentBytesMax = 102'400;
constexpr std::size_t kMemoriesPerStoreMax = 2'000;
constexpr std::size_t kVersionsPerStoreMax = 20'000;
constexpr std::size_t kPathBytesMax = 1'024;
constexpr std::ptrdiff_t kPathSegmentsMax = 20;

bool is_path(std::string_view path) {
  if (!path.starts_with('/') || path.size() > kPathBytesMax || path.ends_with('/')) return false;
  if (std::ranges::count(path, '/') > kPathSegmentsMax) return false;
  return path.find("//") == std::string_view::npos;
}

/// One is the other's folder, or they are the same.
bool is_in_the_way(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  return b.starts_with(a) && (a.size() == b.size() || b[a.size()] == '/');
}

Value actor(const std::string& api_key_id) {
  return Value::map({{"type", "api_actor"}, {"api_key_id", api_key_id}});
}

Answer memory_conflict(std::string_view type, std::string_view message, ValueMap more) {
  Answer answer = conflict("");
  more["type"] = type;
  more["message"] = message;
  answer.body = Value::map({{"type", "error"}, {"error", Value(std::move(more))}});
  return answer;
}

Answer stale() {
  return memory_conflict("memory_precondition_failed_error", "The memory has other content now.",
                         {});
}

/// `view=basic|full`.
std::optional<Answer> read_view(const Call& call, bool& full) {
  const auto text = call.param("view");
  if (!text) return std::nullopt;
  if (*text != "basic" && *text != "full") return bad_request("view: must be basic or full.");
  full = *text == "full";
  return std::nullopt;
}

PageRule rule_for(PageRule rule, bool full) {
  if (full) rule.limit_max = kFullPageMax;
  return rule;
}

std::optional<Answer> check_content(const Value& content) {
  if (content.is_null()) return std::nullopt;
  if (content.is_string() && content.as_string().size() <= kContentBytesMax) return std::nullopt;
  return bad_request("content: a string of at most 102400 bytes, or null.");
}

/// What a list of memories has in one place: a memory, or the folder that holds deeper ones.
struct MemoryRow {
  std::uint64_t seq = 0;
  Timestamp created_at{};
  Value body{};
};

}  // namespace

MemoryStoreRecord* Platform::store_of(const Call& call) { return find(stores_, call.id(0)); }

MemoryRecord* Platform::memory_of(MemoryStoreRecord& store, std::string_view id) {
  const auto found = store.memories.find(id);
  return found == store.memories.end() ? nullptr : &found->second;
}

std::optional<Answer> Platform::fill_store(const Value& body, MemoryStoreRecord& store) {
  constexpr std::array<std::string_view, 3> kMembers = {"name", "description", "metadata"};
  if (auto refused = check_members(body, kMembers)) return refused;
  const Value& name = body["name"];
  if (!name.is_null()) store.name = name.string_or("");
  if (store.name.empty() || store.name.size() > kNameBytesMax) {
    return bad_request("name: 1 to 255 characters.");
  }
  if (!body["description"].is_null()) store.description = body["description"].string_or("");
  if (store.description.size() > kDescriptionBytesMax) {
    return bad_request("description: at most 1024 characters.");
  }
  return patch_metadata(store.metadata, body["metadata"]);
}

Answer Platform::create_store(const Call& call) {
  if (elsewhere()) return refusal(403, "permission_error", "This key may not create stores.");
  MemoryStoreRecord store{.created_at = call.now, .updated_at = call.now};
  if (auto refused = fill_store(call.body, store)) return *std::move(refused);
  store.id = make_id("memstore_");
  store.seq = ++seq_;
  store_order_.push_back(store.id);
  tell(call.now, "memory_store.created", store.id);
  return {.body = to_value(stores_.emplace(store.id, store).first->second)};
}

Answer Platform::get_store(const Call& call) {
  const MemoryStoreRecord* store = store_of(call);
  if (store == nullptr) return not_found("memory store", call.id(0));
  return {.body = to_value(*store)};
}

Answer Platform::update_store(const Call& call) {
  MemoryStoreRecord* store = store_of(call);
  if (store == nullptr) return not_found("memory store", call.id(0));
  if (store->archived_at) return bad_request("The memory store is archived.");
  MemoryStoreRecord changed{
      .name = store->name, .description = store->description, .metadata = store->metadata};
  if (auto refused = fill_store(call.body, changed)) return *std::move(refused);
  store->name = std::move(changed.name);
  store->description = std::move(changed.description);
  store->metadata = std::move(changed.metadata);
  store->updated_at = call.now;
  return {.body = to_value(*store)};
}

Answer Platform::list_stores(const Call& call) {
  bool archived = false;
  Range range;
  if (auto refused = read_flag(call, "include_archived", archived)) return *std::move(refused);
  if (auto refused = read_range(call, range)) return *std::move(refused);
  auto all = rows(stores_, store_order_);
  std::erase_if(all, [&](const MemoryStoreRecord* one) {
    return (one->archived_at && !archived) || !range.contains(one->created_at);
  });
  return page_of(call, kStorePages, all, range, list_is_cut(),
                 [](const MemoryStoreRecord& store) { return to_value(store); });
}

/// Archiving again is accepted and sends no webhook (API sheet section 2.1).
Answer Platform::archive_store(const Call& call) {
  MemoryStoreRecord* store = store_of(call);
  if (store == nullptr) return not_found("memory store", call.id(0));
  if (store->archived_at) return {.body = to_value(*store)};
  store->archived_at = call.now;
  store->updated_at = call.now;
  tell(call.now, "memory_store.archived", store->id);
  return {.body = to_value(*store)};
}

Answer Platform::delete_store(const Call& call) {
  if (store_of(call) == nullptr) return not_found("memory store", call.id(0));
  std::erase(store_order_, call.id(0));
  stores_.erase(call.id(0));
  tell(call.now, "memory_store.deleted", call.id(0));
  return {.body = Value::map({{"id", call.id(0)}, {"type", "memory_store_deleted"}})};
}

/// 409 when another memory lies at `path`, above it or below it.
std::optional<Answer> Platform::path_is_taken(const MemoryStoreRecord& store, std::string_view path,
                                              std::string_view own_id) {
  for (const auto& [id, memory] : store.memories) {
    if (id == own_id || !is_in_the_way(memory.path, path)) continue;
    return memory_conflict("memory_path_conflict_error", "Another memory is in the way.",
                           {{"conflicting_memory_id", id}, {"conflicting_path", memory.path}});
  }
  return std::nullopt;
}

void Platform::add_version(MemoryStoreRecord& store, MemoryRecord& memory,
                           std::string_view operation, const Value& author, Timestamp now) {
  MemoryVersionRecord version{.id = make_id("memver_"),
                              .seq = ++seq_,
                              .memory_id = memory.id,
                              .store_id = store.id,
                              .operation = std::string(operation),
                              .path = memory.path,
                              .created_by = author,
                              .created_at = now};
  if (operation != "deleted") version.content = memory.content;
  memory.version_id = version.id;
  memory.updated_at = now;
  store.versions.push_back(std::move(version));
}

Answer Platform::create_memory(const Call& call) {
  constexpr std::array<std::string_view, 2> kMembers = {"path", "content"};
  bool full = false;
  MemoryStoreRecord* store = store_of(call);
  if (store == nullptr) return not_found("memory store", call.id(0));
  if (auto refused = read_view(call, full)) return *std::move(refused);
  if (auto refused = check_members(call.body, kMembers)) return *std::move(refused);
  if (store->archived_at) return bad_request("The memory store is archived.");
  if (auto refused = check_content(call.body["content"])) return *std::move(refused);
  const std::string path = call.body["path"].string_or("");
  if (!is_path(path)) return bad_request("path: / and 1 to 20 segments, at most 1024 bytes.");
  if (store->memories.size() >= kMemoriesPerStoreMax ||
      store->versions.size() >= kVersionsPerStoreMax) {
    return bad_request("The memory store is full.");
  }
  if (auto refused = path_is_taken(*store, path, "")) return *std::move(refused);
  MemoryRecord memory{.id = make_id("mem_"),
                      .seq = ++seq_,
                      .store_id = store->id,
                      .path = path,
                      .content = call.body["content"].string_or(""),
                      .created_at = call.now};
  add_version(*store, memory, "created", actor(caller_), call.now);
  const std::string id = memory.id;
  return {.body = to_value(store->memories.emplace(id, std::move(memory)).first->second, full)};
}

Answer Platform::get_memory(const Call& call) {
  bool full = true;
  MemoryStoreRecord* store = store_of(call);
  if (store == nullptr) return not_found("memory store", call.id(0));
  if (auto refused = read_view(call, full)) return *std::move(refused);
  const MemoryRecord* memory = memory_of(*store, call.id(1));
  if (memory == nullptr) return not_found("memory", call.id(1));
  return {.body = to_value(*memory, full)};
}

Answer Platform::update_memory(const Call& call) {
  constexpr std::array<std::string_view, 3> kMembers = {"content", "path", "precondition"};
  bool full = false;
  MemoryStoreRecord* store = store_of(call);
  if (store == nullptr) return not_found("memory store", call.id(0));
  if (auto refused = read_view(call, full)) return *std::move(refused);
  MemoryRecord* memory = memory_of(*store, call.id(1));
  if (memory == nullptr) return not_found("memory", call.id(1));
  if (auto refused = check_members(call.body, kMembers)) return *std::move(refused);
  if (store->archived_at) return bad_request("The memory store is archived.");
  if (auto refused = check_content(call.body["content"])) return *std::move(refused);
  const std::string path = call.body["path"].string_or(memory->path);
  const std::string content = call.body["content"].string_or(memory->content);
  if (!is_path(path)) return bad_request("path: / and 1 to 20 segments, at most 1024 bytes.");
  const Value& condition = call.body["precondition"];
  if (!condition.is_null()) {
    if (condition["type"].string_or("") != "content_sha256") {
      return bad_request("precondition: its type must be content_sha256.");
    }
    const std::string wanted = condition["content_sha256"].string_or("");
    if (wanted != sha256_hex(memory->content)) return stale();
  }
  if (store->versions.size() >= kVersionsPerStoreMax) {
    return bad_request("The memory store is full.");
  }
  if (auto refused = path_is_taken(*store, path, memory->id)) return *std::move(refused);
  if (path == memory->path && content == memory->content) return {.body = to_value(*memory, full)};
  memory->path = path;
  memory->content = content;
  add_version(*store, *memory, "modified", actor(caller_), call.now);
  return {.body = to_value(*memory, full)};
}

Answer Platform::delete_memory(const Call& call) {
  MemoryStoreRecord* store = store_of(call);
  if (store == nullptr) return not_found("memory store", call.id(0));
  MemoryRecord* memory = memory_of(*store, call.id(1));
  if (memory == nullptr) return not_found("memory", call.id(1));
  const auto wanted = call.param("expected_content_sha256");
  if (wanted && *wanted != sha256_hex(memory->content)) return stale();
  add_version(*store, *memory, "deleted", actor(caller_), call.now);
  store->memories.erase(call.id(1));
  return {.body = Value::map({{"id", call.id(1)}, {"type", "memory_deleted"}})};
}

Answer Platform::list_memories(const Call& call) {
  bool full = false;
  MemoryStoreRecord* store = store_of(call);
  if (store == nullptr) return not_found("memory store", call.id(0));
  if (auto refused = read_view(call, full)) return *std::move(refused);
  const std::string prefix(call.param("path_prefix").value_or("/"));
  if (!prefix.starts_with('/') || !prefix.ends_with('/')) {
    return bad_request("path_prefix: must begin and end with /.");
  }
  const std::string_view depth = call.param("depth").value_or("0");
  if (depth != "0" && depth != "1") return bad_request("depth: must be 0 or 1.");
  std::vector<const MemoryRecord*> below;
  for (const auto& [id, memory] : store->memories) {
    if (memory.path.starts_with(prefix)) below.push_back(&memory);
  }
  std::ranges::sort(below, {}, &MemoryRecord::seq);
  std::vector<MemoryRow> found;
  std::set<std::string, std::less<>> folders;
  for (const MemoryRecord* memory : below) {
    const std::size_t slash = memory->path.find('/', prefix.size());
    MemoryRow row{.seq = memory->seq, .created_at = memory->created_at};
    if (depth == "0" || slash == std::string::npos) {
      row.body = to_value(*memory, full);
    } else if (const std::string folder = memory->path.substr(0, slash + 1);
               folders.insert(folder).second) {
      row.body = Value::map({{"type", "memory_prefix"}, {"path", folder}});
    } else {
      continue;
    }
    found.push_back(std::move(row));
  }
  std::vector<const MemoryRow*> all;
  all.reserve(found.size());
  for (const MemoryRow& row : found) all.push_back(&row);
  const PageRule rule = rule_for({.list = "memories", .descending = false}, full);
  return page_of(call, rule, all, {}, list_is_cut(), [](const MemoryRow& row) { return row.body; });
}

MemoryVersionRecord* Platform::version_of(MemoryStoreRecord& store, std::string_view id) {
  const auto found = std::ranges::find(store.versions, id, &MemoryVersionRecord::id);
  return found == store.versions.end() ? nullptr : &*found;
}

Answer Platform::get_version(const Call& call) {
  bool full = true;
  MemoryStoreRecord* store = store_of(call);
  if (store == nullptr) return not_found("memory store", call.id(0));
  if (auto refused = read_view(call, full)) return *std::move(refused);
  const MemoryVersionRecord* version = version_of(*store, call.id(1));
  if (version == nullptr) return not_found("memory version", call.id(1));
  return {.body = to_value(*version, full)};
}

Answer Platform::list_versions(const Call& call) {
  bool full = false;
  Range range;
  MemoryStoreRecord* store = store_of(call);
  if (store == nullptr) return not_found("memory store", call.id(0));
  if (auto refused = read_view(call, full)) return *std::move(refused);
  if (auto refused = read_range(call, range)) return *std::move(refused);
  const auto differs = [&](std::string_view name, std::string_view value) {
    const auto wanted = call.param(name);
    return wanted && *wanted != value;
  };
  std::vector<const MemoryVersionRecord*> all;
  for (const MemoryVersionRecord& one : store->versions) {
    const auto author = [&one](std::string_view member) {
      return one.created_by[member].string_or("");
    };
    // No service account wrote any version here.
    if (!range.contains(one.created_at) || differs("memory_id", one.memory_id) ||
        differs("operation", one.operation) || differs("session_id", author("session_id")) ||
        differs("api_key_id", author("api_key_id")) || differs("service_account_id", "")) {
      continue;
    }
    all.push_back(&one);
  }
  return page_of(call, rule_for(kVersionPages, full), all, range, list_is_cut(),
                 [&](const MemoryVersionRecord& version) { return to_value(version, full); });
}

/// The head of a live memory cannot be redacted: write or delete first (API sheet section 2.7).
Answer Platform::redact_version(const Call& call) {
  MemoryStoreRecord* store = store_of(call);
  if (store == nullptr) return not_found("memory store", call.id(0));
  MemoryVersionRecord* version = version_of(*store, call.id(1));
  if (version == nullptr) return not_found("memory version", call.id(1));
  const MemoryRecord* memory = memory_of(*store, version->memory_id);
  if (memory != nullptr && memory->version_id == version->id) {
    return bad_request("The newest version of a memory cannot be redacted.");
  }
  if (!version->redacted_at) {
    version->content.reset();
    version->path.reset();
    version->redacted_at = call.now;
    version->redacted_by = actor(caller_);
  }
  return {.body = to_value(*version, true)};
}

}  // namespace quell::range
