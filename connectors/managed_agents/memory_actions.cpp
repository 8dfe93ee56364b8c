// The rows of the memory plane (API sheet 1.7, 2.7).
#include <utility>

#include "connectors/managed_agents/action_rows.h"

namespace quell::managed_agents {
namespace {

ParamSpec store_id() { return required("memory_store_id", Type::of(Kind::string), "memstore_..."); }
ParamSpec memory_id() { return required("memory_id", Type::of(Kind::string), "mem_..."); }
ParamSpec version_id() {
  return required("memory_version_id", Type::of(Kind::string), "memver_...");
}
ParamSpec head_sha256() {
  return optional("head_sha256", Type::of(Kind::string),
                  "what it holds as it was found; with other content nothing is overwritten");
}
std::vector<ParamSpec> poison() {
  return {optional("poisoned_sha256", texts(), "hashes of the poisoned contents"),
          optional("session_ids", texts(), "who must not have written again"),
          optional("api_key_ids", texts(), "likewise"),
          optional("since", Type::of(Kind::timestamp), "since when; goes with the authors")};
}

ActionSpec find_memory_versions() {
  ActionSpec spec = read("find_memory_versions",
                         "what was written to memory by whom or since when, and what was there "
                         "before",
                         Plane::resource);
  spec.inputs = {
      optional("memory_store_ids", texts(), "only in these stores; else in every one"),
      optional("session_ids", texts(), "versions that these sessions wrote"),
      optional("api_key_ids", texts(), "versions that these API keys wrote"),
      optional("since", Type::of(Kind::timestamp),
               "versions written since then, by those named or else by anyone")};
  Type memory = Type::object(
      {field("id", Kind::string), field("memory_store_id", Kind::string),
       field("live", Kind::boolean), field("remedy", Kind::string),
       nullable("good_version_id", Kind::string), nullable("good_sha256", Kind::string),
       nullable("head_version_id", Kind::string), nullable("head_sha256", Kind::string),
       Field{.name = "poisoned_version_ids", .type = texts()},
       Field{.name = "poisoned_sha256", .type = texts()},
       Field{.name = "later_version_ids", .type = texts()}});
  const auto work = [](std::vector<Field> more) {
    std::vector<Field> fields{
        field("memory_store_id", Kind::string), field("memory_id", Kind::string),
        field("head_sha256", Kind::string), Field{.name = "poisoned_sha256", .type = texts()}};
    fields.insert(fields.end(), more.begin(), more.end());
    return Type::object(std::move(fields));
  };
  spec.outputs = Type::object(
      {list_field("versions", memory_version_object()), list_field("memories", std::move(memory)),
       list_field("to_restore", work({field("version_id", Kind::string),
                                      field("good_sha256", Kind::string)})),
       list_field("to_delete", work({})), Field{.name = "session_ids", .type = texts()},
       list_field("to_redact", Type::object({field("memory_store_id", Kind::string),
                                             field("memory_version_id", Kind::string)})),
       Field{.name = "memory_store_ids", .type = texts()},
       Field{.name = "poisoned_sha256", .type = texts()}, field("stores_scanned", Kind::integer),
       Field{.name = "unseen", .type = texts()}});
  spec.errors = list_errors();
  spec.cost = {.read = 3};
  spec.note =
      "one request per store and per 100 of its versions, and one more where something was found; "
      "`remedy` is restore, delete or none; contents and paths are not among the outputs";
  return spec;
}

ActionSpec memory_is_clean() {
  ActionSpec spec = probe("memory_is_clean", "does it hold none of the poison, or is it deleted?",
                          Plane::resource, Kill::entry);
  spec.inputs = poison();
  spec.inputs.insert(spec.inputs.begin(), {store_id(), memory_id()});
  spec.inputs.push_back(optional("good_sha256", Type::of(Kind::string),
                                 "what was restored; other content is weak proof"));
  spec.outputs = Type::object({field("id", Kind::string), field("live", Kind::boolean),
                               nullable("memory_version_id", Kind::string),
                               nullable("content_sha256", Kind::string)});
  spec.cost = {.read = 2};
  return spec;
}

ActionSpec no_poisoned_memory() {
  ActionSpec spec = probe("no_poisoned_memory", "does nothing in these stores hold the poison?",
                          Plane::resource, Kill::entry);
  spec.inputs = poison();
  spec.inputs.insert(spec.inputs.begin(),
                     required("memory_store_ids", texts(), "the stores to look through"));
  spec.outputs =
      Type::object({field("memories_seen", Kind::integer), field("faults", Kind::integer)});
  spec.errors = list_errors();
  spec.cost = {.read = 2};
  spec.note = "finds copies under other paths, and authors that write again";
  return spec;
}

ActionSpec memory_version_is_redacted() {
  ActionSpec spec = probe("memory_version_is_redacted", "is its content gone from the history?",
                          Plane::resource, Kill::entry);
  spec.inputs = {store_id(), version_id()};
  spec.outputs = Type::object({field("id", Kind::string), field("found", Kind::boolean),
                               nullable("redacted_at", Kind::timestamp)});
  return spec;
}

ActionSpec memory_store_is_archived() {
  ActionSpec spec = probe("memory_store_is_archived", "can no session be given the store any more?",
                          Plane::resource, Kill::entry);
  spec.inputs = {store_id()};
  spec.outputs = found_object();
  spec.note = "weak: sessions that hold it already may go on";
  return spec;
}

ActionSpec restore_memory() {
  ActionSpec spec =
      change("restore_memory", "Write an earlier version back over what it holds now.",
             Plane::resource);
  spec.kills = {Kill::entry};
  spec.inputs = {store_id(), memory_id(),
                 required("version_id", Type::of(Kind::string), "memver_..., the last good one"),
                 head_sha256()};
  spec.outputs = Type::object({field("id", Kind::string), field("memory_store_id", Kind::string),
                               field("memory_version_id", Kind::string),
                               field("content_sha256", Kind::string)});
  spec.repeat = Repeat::look_first;
  spec.requests = {post("/memory_stores/{memory_store_id}/memories/{memory_id}")};
  spec.cost = {.read = 3, .mutate = 1};
  spec.proofs = {"memory_is_clean", "no_poisoned_memory"};
  spec.note =
      "a write that comes between is a conflict; the poison stays in the history until it is "
      "redacted";
  return spec;
}

ActionSpec delete_memory() {
  ActionSpec spec =
      change("delete_memory", "Delete a memory that had no good version.", Plane::resource);
  spec.kills = {Kill::entry};
  spec.inputs = {store_id(), memory_id(), head_sha256()};
  spec.outputs = Type::object({field("id", Kind::string), field("memory_store_id", Kind::string),
                               field("deleted", Kind::boolean)});
  spec.repeat = Repeat::look_first;
  spec.irreversible = true;
  spec.requests = {{.method = "DELETE",
                    .url = "{base}/memory_stores/{memory_store_id}/memories/{memory_id}",
                    .effect = Effect::mutate}};
  spec.cost = {.read = 2, .mutate = 1};
  spec.proofs = {"memory_is_clean", "no_poisoned_memory"};
  spec.note = "its versions stay until they are redacted or 30 days old";
  return spec;
}

ActionSpec redact_memory_version() {
  ActionSpec spec = change("redact_memory_version",
                           "Clear content, path and hash of a version that is no head.",
                           Plane::resource);
  spec.kills = {Kill::entry};
  spec.inputs = {store_id(), version_id()};
  spec.outputs = Type::object({field("id", Kind::string), field("memory_store_id", Kind::string),
                               nullable("redacted_at", Kind::timestamp)});
  spec.irreversible = true;
  spec.requests = {
      post("/memory_stores/{memory_store_id}/memory_versions/{memory_version_id}/redact")};
  spec.proofs = {"memory_version_is_redacted"};
  spec.note = "restore or delete the memory first; events of sessions keep what they read";
  return spec;
}

ActionSpec archive_memory_store() {
  ActionSpec spec = change("archive_memory_store",
                           "Close a store: nothing is written by the API, no session is given it.",
                           Plane::resource);
  spec.kills = {Kill::entry};
  spec.inputs = {store_id()};
  spec.outputs = archived_object();
  spec.irreversible = true;
  spec.wide = true;
  spec.requests = {post("/memory_stores/{memory_store_id}/archive")};
  spec.proofs = {"memory_store_is_archived"};
  spec.note =
      "clean it first: afterwards a memory can only be deleted; sessions that mounted it go on";
  return spec;
}

}  // namespace

std::vector<ActionSpec> memory_actions() {
  return {find_memory_versions(),
          memory_is_clean(),
          no_poisoned_memory(),
          memory_version_is_redacted(),
          memory_store_is_archived(),
          restore_memory(),
          delete_memory(),
          redact_memory_version(),
          archive_memory_store()};
}

}  // namespace quell::managed_agents
