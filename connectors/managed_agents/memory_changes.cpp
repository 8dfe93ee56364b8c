// Taking poison out of memory in the order that the platform demands: first the head is replaced by
// what was there before, or the memory deleted; only then can the poisoned versions be redacted
// (API sheet 2.7). A restored content goes from the version into the request and nowhere else.
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "connectors/managed_agents/calls.h"
#include "connectors/managed_agents/records.h"
#include "connectors/url.h"
#include "state/base/bytes.h"
#include "state/base/sha256.h"

namespace quell::managed_agents {
namespace {

constexpr std::string_view kFullView = "view=full";

Error written_meanwhile(const Subject& memory) {
  return conflict(
      fmt::format("{} holds other content than the version that was looked at.", memory.words()),
      "somebody wrote it meanwhile, and nothing was overwritten: look again with "
      "find_memory_versions");
}

/// Wiped when it is no longer needed, and shown as a secret wherever a request is shown.
SecretPtr hidden(std::string text) { return std::make_shared<const Secret>(std::move(text)); }

bool is_accepted(const HttpResponse& answer) {
  return answer.status >= 200 && answer.status <= 299;
}

struct Place {
  std::string store_id{};
  std::string memory_id{};

  Subject subject() const { return memory_subject(store_id, memory_id); }
};

Result<Place> place_param(const Value& params) {
  Result<std::string> store_id = id_param(params, "memory_store_id");
  if (!store_id) return store_id.error();
  Result<std::string> memory_id = id_param(params, "memory_id");
  if (!memory_id) return memory_id.error();
  return Place{.store_id = *std::move(store_id), .memory_id = *std::move(memory_id)};
}

/// What a memory holds now, and where.
struct Head {
  Memory memory{};
  std::string path{};
};

Task<Result<Head>> fetch_head(Io& io, Api api, Place place) {
  Subject subject = place.subject();
  const Result<Value> object = co_await fetch(io, api, std::move(subject));
  if (!object) co_return object.error();
  Result<Memory> memory = Memory::read(*object, place.store_id);
  if (!memory) co_return memory.error();
  co_return Head{.memory = *std::move(memory), .path = (*object)["path"].string_or("")};
}

/// The version to write back, whole.
struct Source {
  std::string content_sha256{};
  std::string path{};
  SecretPtr content{};
};

Task<Result<Source>> fetch_source(Io& io, Api api, Place place, std::string version_id) {
  Subject subject = memory_version_subject(place.store_id, version_id);
  subject.query = kFullView;
  const std::string words = subject.words();
  const Result<Value> object = co_await fetch(io, api, std::move(subject));
  if (!object) co_return object.error();
  const Result<MemoryVersion> version = MemoryVersion::read(*object, place.store_id);
  if (!version) co_return version.error();
  if (version->memory_id != place.memory_id) {
    co_return make_error(ErrorCode::invalid, "bad-input",
                         fmt::format("{} is a version of {}, not of {}.", words,
                                     version->memory_id, outside_text(place.memory_id)),
                         "compare memory_id and version_id");
  }
  if (version->redacted_at)
    co_return conflict(fmt::format("{} is redacted: what it held is gone.", words), {});
  if (version->operation == "deleted")
    co_return conflict(fmt::format("{} is a deletion and holds nothing.", words), {});
  const Value& content = (*object)["content"];
  if (!content.is_string() || sha256_hex(content.as_string()) != version->content_sha256) {
    co_return make_error(ErrorCode::invalid, "answer",
                         fmt::format("the content of {} does not have the hash that it names.",
                                     words),
                         "nothing was written back; " + api.compare_base_url());
  }
  co_return Source{.content_sha256 = version->content_sha256,
                   .path = (*object)["path"].string_or(""),
                   .content = hidden(content.as_string())};
}

bool holds(const Head& head, const Source& source) {
  return head.memory.content_sha256 == source.content_sha256 && head.path == source.path;
}

/// Writes over `content_sha256` and nothing else.
SecretText restore_body(const Api& api, const Head& head, const Source& source,
                        const std::string& content_sha256) {
  const auto bound = [&api](SecretPtr text) {
    return BoundSecret{.secret = std::move(text), .origins = {origin_of(api.config().base_url)}};
  };
  SecretText body;
  body.append(R"({"content":")");
  body.append(bound(source.content), SecretEncoding::json);
  body.append("\"");
  if (head.path != source.path) {
    body.append(R"(,"path":")");
    body.append(bound(hidden(source.path)), SecretEncoding::json);
    body.append("\"");
  }
  body.append(R"(,"precondition":{"type":"content_sha256","content_sha256":")" + content_sha256 +
              R"("}})");
  return body;
}

Outcome restored(OutcomeKind kind, const Head& head) {
  Outcome out;
  out.kind = kind;
  out.outputs = Value::map({{"id", head.memory.id},
                            {"memory_store_id", head.memory.memory_store_id},
                            {"memory_version_id", head.memory.version_id},
                            {"content_sha256", head.memory.content_sha256}});
  return out;
}

Outcome deleted(OutcomeKind kind, const Place& place) {
  Outcome out;
  out.kind = kind;
  out.outputs = Value::map(
      {{"id", place.memory_id}, {"memory_store_id", place.store_id}, {"deleted", true}});
  return out;
}

/// Is the store there for our key? Then a 404 below it is about the memory and not about the
/// workspace (threat T9).
Task<Status> see_store(Io& io, Api api, std::string store_id) {
  Subject subject = memory_store_subject(store_id);
  const Result<Value> store = co_await fetch(io, api, std::move(subject));
  if (!store) co_return store.error();
  co_return ok();
}

}  // namespace

ActionTask restore_memory(Io& io, Api api, Value params, Intent intent) {
  const Result<Place> place = place_param(params);
  if (!place) co_return place.error();
  const Result<std::string> version_id = id_param(params, "version_id");
  if (!version_id) co_return version_id.error();
  const Subject subject = place->subject();
  Place holder = *place;
  std::string from = *version_id;
  const Result<Source> source =
      co_await fetch_source(io, api, std::move(holder), std::move(from));
  if (!source) co_return source.error();
  Place first = *place;
  const Result<Head> before = co_await fetch_head(io, api, std::move(first));
  if (!before) co_return before.error();
  if (holds(*before, *source)) co_return restored(OutcomeKind::already, *before);
  if (intent == Intent::look)
    co_return conflict(fmt::format("{} was not restored.", subject.words()), {});
  const std::string over = params["head_sha256"].string_or(before->memory.content_sha256);
  if (over != before->memory.content_sha256) co_return written_meanwhile(subject);

  HttpRequest request = api.post_json(subject.path, restore_body(api, *before, *source, over));
  const Result<HttpResponse> answer = co_await io.send(std::move(request));
  if (!answer) co_return api.unanswered(answer.error());
  Error refused;
  if (!is_accepted(*answer)) {
    refused = refusal(api, *answer, Effect::mutate, subject, NotFound::object, io.now());
    if (is_final(refused.code)) co_return refused;
  }
  Place again = *place;
  const Result<Head> after = co_await fetch_head(io, api, std::move(again));
  if (!after) {
    if (!is_accepted(*answer)) co_return refused.code == ErrorCode::gone ? after.error() : refused;
    co_return wrap_unknown(
        fmt::format("the restore of {} was accepted, but it could not be read back",
                    subject.words()),
        after.error());
  }
  if (holds(*after, *source))
    co_return restored(is_accepted(*answer) ? OutcomeKind::done : OutcomeKind::already, *after);
  if (after->memory.content_sha256 != over) co_return written_meanwhile(subject);
  if (is_accepted(*answer)) {
    co_return make_error(
        ErrorCode::unknown, "unknown",
        fmt::format("{} answered {} to the restore of {}, which reads back unchanged.", api.host(),
                    answer->status, subject.words()),
        "it is looked at again");
  }
  Change change;
  change.subject = subject;
  change.verb = "restore";
  co_return settle_refusal(api, refused, answer->status, change, Reading{});
}

ActionTask delete_memory(Io& io, Api api, Value params, Intent intent) {
  const Result<Place> place = place_param(params);
  if (!place) co_return place.error();
  const Subject subject = place->subject();
  Place first = *place;
  const Result<Head> before = co_await fetch_head(io, api, std::move(first));
  if (!before) {
    if (before.error().code != ErrorCode::gone) co_return before.error();
    std::string store_id = place->store_id;
    const Status visible = co_await see_store(io, api, std::move(store_id));
    if (!visible) co_return visible.error();
    co_return deleted(OutcomeKind::already, *place);
  }
  if (intent == Intent::look)
    co_return conflict(fmt::format("the delete of {} was not applied.", subject.words()), {});
  const std::string over = params["head_sha256"].string_or(before->memory.content_sha256);
  if (over != before->memory.content_sha256) co_return written_meanwhile(subject);

  HttpRequest request =
      api.erase(subject.path, "expected_content_sha256=" + percent_encode(over));
  const Result<HttpResponse> answer = co_await io.send(std::move(request));
  if (!answer) co_return api.unanswered(answer.error());
  Error refused;
  if (!is_accepted(*answer)) {
    refused = refusal(api, *answer, Effect::mutate, subject, NotFound::object, io.now());
    if (is_final(refused.code)) co_return refused;
  }
  Place again = *place;
  const Result<Head> after = co_await fetch_head(io, api, std::move(again));
  if (!after && after.error().code == ErrorCode::gone) {
    // Read before in this very attempt, so its absence is its end, whoever was faster.
    co_return deleted(is_accepted(*answer) ? OutcomeKind::done : OutcomeKind::already, *place);
  }
  if (!is_accepted(*answer)) {
    if (!after) co_return refused;
    if (after->memory.content_sha256 != over) co_return written_meanwhile(subject);
    Change change;
    change.subject = subject;
    change.verb = "delete";
    co_return settle_refusal(api, refused, answer->status, change, Reading{});
  }
  if (!after) {
    co_return wrap_unknown(
        fmt::format("the delete of {} was accepted, but it could not be read back",
                    subject.words()),
        after.error());
  }
  co_return make_error(ErrorCode::unknown, "unknown",
                       fmt::format("{} answered {} to the delete of {}, which is still there.",
                                   api.host(), answer->status, subject.words()),
                       "it is looked at again");
}

ActionTask redact_memory_version(Io& io, Api api, Value params, Intent intent) {
  const Result<std::string> store_id = id_param(params, "memory_store_id");
  if (!store_id) co_return store_id.error();
  const Result<std::string> version_id = id_param(params, "memory_version_id");
  if (!version_id) co_return version_id.error();
  Place place{.store_id = *store_id};
  Change change;
  change.subject = memory_version_subject(*store_id, *version_id);
  change.verb = "redact";
  change.path = change.subject.path + "/redact";
  change.read = [&place](const Value& object) -> Result<Reading> {
    const Result<MemoryVersion> version = MemoryVersion::read(object, place.store_id);
    if (!version) return version.error();
    place.memory_id = version->memory_id;
    Reading reading;
    reading.applied = version->redacted_at && version->content_sha256.empty();
    reading.outputs = Value::map({{"id", version->id},
                                  {"memory_store_id", version->memory_store_id},
                                  {"redacted_at", time_or_null(version->redacted_at)}});
    return reading;
  };
  const std::string words = change.subject.words();
  Result<Outcome> outcome = co_await apply_change(io, api, std::move(change), intent);
  const bool is_refused = !outcome && intent == Intent::act && !place.memory_id.empty() &&
                          (outcome.error().code == ErrorCode::invalid ||
                           outcome.error().code == ErrorCode::conflict);
  if (!is_refused) co_return outcome;
  // The head of a live memory cannot be redacted (API sheet 2.7); the refusal need not say so.
  Place holder = place;
  const Result<Head> head = co_await fetch_head(io, api, std::move(holder));
  if (head && head->memory.version_id == *version_id) {
    co_return conflict(fmt::format("{} is what {} holds now, and no head can be redacted.", words,
                                   place.memory_id),
                       "restore or delete the memory first");
  }
  co_return outcome;
}

ActionTask archive_memory_store(Io& io, Api api, Value params, Intent intent) {
  const Result<std::string> store_id = id_param(params, "memory_store_id");
  if (!store_id) co_return store_id.error();
  Change change;
  change.subject = memory_store_subject(*store_id);
  change.verb = "archive";
  change.path = change.subject.path + "/archive";
  change.read = [](const Value& object) -> Result<Reading> {
    const Result<MemoryStore> store = MemoryStore::read(object);
    if (!store) return store.error();
    Reading reading;
    reading.applied = store->archived_at.has_value();
    reading.outputs =
        Value::map({{"id", store->id}, {"archived_at", time_or_null(store->archived_at)}});
    return reading;
  };
  Result<Outcome> outcome = co_await apply_change(io, api, std::move(change), intent);
  if (outcome) {
    // Not documented (API sheet 2.1, 8): what sessions that hold it already may go on to do.
    outcome->doubts.push_back(
        {.kill = Kill::entry,
         .at_best = Grade::weak,
         .reason = "what is in the store stays, and sessions that mounted it go on reading it"});
  }
  co_return outcome;
}

}  // namespace quell::managed_agents
