// Memory stores: API sheet sections 1.7 and 2.7.
#include <fmt/format.h>

#include "state/base/sha256.h"
#include "tests/orchestrator/range/world_client.h"

namespace quell::range {
namespace {

/// A client that says the beta value of memory stores, and one store.
class MemoryClient {
 public:
  MemoryClient() {
    store = "/v1/memory_stores/" + post("/v1/memory_stores", R"({"name":"s"})").id();
  }

  Reply call(std::string_view method, std::string_view target, std::string_view body = "") {
    Request request = client.request(method, target, body);
    request.headers.back().second = beta;
    return client.send(std::move(request));
  }
  Reply get(std::string_view target) { return call("GET", target); }
  Reply post(std::string_view target, std::string_view body = "") {
    return call("POST", target, body);
  }
  Reply remember(std::string_view path, std::string_view content) {
    return post(store + "/memories",
                fmt::format(R"({{"path":"{}","content":"{}"}})", path, content));
  }

  WorldClient client{};
  std::string beta = "agent-memory-2026-07-22";
  std::string store{};
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("memory stores demand their own beta value and no other") {
  MemoryClient memory;
  memory.beta = "managed-agents-2026-04-01";
  CHECK(memory.get("/v1/memory_stores").status == 400);
  memory.beta = "managed-agents-2026-04-01, agent-memory-2026-07-22";
  CHECK(memory.get("/v1/memory_stores").status == 400);
  CHECK(memory.get("/v1/vaults").status == 200);
  memory.beta = "agent-memory-2026-07-22";
  CHECK(memory.get("/v1/memory_stores").status == 200);
  CHECK(memory.get("/v1/vaults").status == 400);
}

TEST_CASE("memory objects carry every field of the sheet") {
  MemoryClient memory;
  CHECK(keys_of(memory.get(memory.store).body) == Names{"archived_at", "created_at", "description",
                                                        "id", "metadata", "name", "type",
                                                        "updated_at"});
  const Value one = memory.remember("/a.md", "hello").body;
  CHECK(keys_of(one) == Names{"content", "content_sha256", "content_size_bytes", "created_at", "id",
                              "memory_store_id", "memory_version_id", "path", "type",
                              "updated_at"});
  CHECK(one["content"].is_null());
  CHECK(one["content_sha256"] == Value(sha256_hex("hello")));
  CHECK(one["content_size_bytes"] == Value(5));
  const std::string id = one["memory_version_id"].as_string();
  const Value version = memory.get(memory.store + "/memory_versions/" + id).body;
  CHECK(keys_of(version) == Names{"content", "content_sha256", "content_size_bytes", "created_at",
                                  "created_by", "id", "memory_id", "memory_store_id", "operation",
                                  "path", "redacted_at", "redacted_by", "type"});
  CHECK(version["content"] == Value("hello"));
  CHECK(version["created_by"]["type"] == Value("api_actor"));
}

// Goal: a path that is another's, lies under it or over it is a conflict that names it.
TEST_CASE("paths that are in each other's way conflict") {
  MemoryClient memory;
  const std::string id = memory.remember("/a/b.md", "x").id();
  for (const char* path : {"/a/b.md", "/a", "/a/b.md/c"}) {
    CAPTURE(path);
    const Reply taken = memory.remember(path, "y");
    CHECK(taken.status == 409);
    CHECK(taken.error_type() == "memory_path_conflict_error");
    CHECK(taken.body["error"]["conflicting_memory_id"] == Value(id));
    CHECK(taken.body["error"]["conflicting_path"] == Value("/a/b.md"));
  }
  CHECK(memory.remember("/a/b.mdx", "y").status == 200);
  for (const char* path : {"", "a", "/", "/a/", "//a"}) {
    CAPTURE(path);
    CHECK(memory.remember(path, "y").status == 400);
  }
  CHECK(memory.remember("/" + std::string(1'100, 'a'), "y").status == 400);
}

TEST_CASE("a write on old content is refused, and one without a change makes no version") {
  MemoryClient memory;
  const std::string path = memory.store + "/memories/" + memory.remember("/a", "one").id();
  const auto write = [&](std::string_view content, std::string_view on) {
    return memory.post(path, fmt::format(R"({{"content":"{}","precondition":{{)"
                                         R"("type":"content_sha256","content_sha256":"{}"}}}})",
                                         content, sha256_hex(on)));
  };
  CHECK(write("two", "one").status == 200);
  const Reply late = write("three", "one");
  CHECK(late.status == 409);
  CHECK(late.error_type() == "memory_precondition_failed_error");
  CHECK(write("two", "two").status == 200);
  CHECK(memory.get(memory.store + "/memory_versions").body["data"].as_list().size() == 2);
  CHECK(memory.call("DELETE", path + "?expected_content_sha256=" + sha256_hex("one")).status ==
        409);
  CHECK(memory.call("DELETE", path + "?expected_content_sha256=" + sha256_hex("two")).status ==
        200);
}

TEST_CASE("a level of memories shows the folders below it") {
  MemoryClient memory;
  for (const char* path : {"/n/a", "/n/d/b", "/n/d/c", "/top", "/n-else/e"}) {
    REQUIRE(memory.remember(path, "x").status == 200);
  }
  const auto paths = [&](const std::string& query) {
    Names names;
    std::string next;
    do {
      const Reply page = memory.get(memory.store + "/memories?limit=1" + query +
                                    (next.empty() ? "" : "&page=" + next));
      REQUIRE(page.status == 200);
      for (const Value& one : page.body["data"].list_or_empty()) {
        names.push_back(one["type"].string_or("") + " " + one["path"].string_or(""));
      }
      next = page.body["next_page"].string_or("");
    } while (!next.empty());
    return names;
  };
  CHECK(paths("").size() == 5);
  CHECK(paths("&path_prefix=/n/") == Names{"memory /n/a", "memory /n/d/b", "memory /n/d/c"});
  CHECK(paths("&path_prefix=/n/&depth=1") == Names{"memory /n/a", "memory_prefix /n/d/"});
  CHECK(paths("&depth=1") == Names{"memory_prefix /n/", "memory /top", "memory_prefix /n-else/"});
  CHECK(memory.get(memory.store + "/memories?depth=2").status == 400);
  CHECK(memory.get(memory.store + "/memories?path_prefix=/n").status == 400);
  CHECK(memory.get(memory.store + "/memories?view=full&limit=21").status == 400);
}

// Goal: what an intruder left can be cleared: not the newest version, then each of them, on an
// archived store too.
TEST_CASE("redaction clears what is not the newest version of a live memory") {
  MemoryClient memory;
  const Reply made = memory.remember("/a", "poison");
  const std::string path = memory.store + "/memories/" + made.id();
  const auto redact = [&](const std::string& version) {
    return memory.post(memory.store + "/memory_versions/" + version + "/redact");
  };
  const std::string first = made.body["memory_version_id"].as_string();
  CHECK(redact(first).status == 400);
  REQUIRE(memory.post(path, R"({"content":"clean"})").status == 200);
  const Reply redacted = redact(first);
  CHECK(redacted.status == 200);
  for (const char* gone : {"content", "path", "content_sha256", "content_size_bytes"}) {
    CHECK(redacted.body[gone].is_null());
  }
  CHECK(redacted.body["redacted_at"] == Value(format_rfc3339(memory.client.now)));
  REQUIRE(memory.post(memory.store + "/archive").status == 200);
  CHECK(memory.post(memory.store + "/archive").status == 200);
  CHECK(memory.post(path, R"({"content":"late"})").status == 400);
  CHECK(memory.remember("/b", "late").status == 400);
  CHECK(memory.call("DELETE", path).status == 200);
  const Value versions = memory.get(memory.store + "/memory_versions").body;
  REQUIRE(versions["data"].as_list().size() == 3);
  for (const Value& one : versions["data"].as_list()) {
    CHECK(redact(one["id"].as_string()).status == 200);
  }
  CHECK(memory.call("DELETE", memory.store).body["type"] == Value("memory_store_deleted"));
  CHECK(memory.get(memory.store).status == 404);
}

}  // namespace quell::range
