// Evidence: what the platform still shows of sessions, memory, vaults and deployments, copied page
// by page into files of the run. Sessions: API sheet 1.3 to 1.5; advisors show only in thread
// messages, some of them redacted by the platform itself (2.8). Memory: 1.7. Deployments: 1.9.
#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "connectors/managed_agents/calls.h"
#include "connectors/managed_agents/inventory.h"
#include "state/base/bytes.h"
#include "state/base/json.h"
#include "state/base/sha256.h"

namespace quell::managed_agents {
namespace {

/// A page that is larger is asked for again with fewer items, so that a transcript of huge events
/// costs requests and not memory; one item alone may have kItemBytesMax.
constexpr std::size_t kPageBytes = 4U << 20;
constexpr std::size_t kItemBytesMax = 16U << 20;
/// `view=full` of memory holds at most 20 (API sheet 0.3).
constexpr int kFullViewLimit = 20;
/// Pages of one list: two million events.
constexpr std::size_t kEvidencePagesMax = 20'000;
constexpr std::size_t kThreadsMax = 10'000;
constexpr std::size_t kFilesTold = 1'000;
constexpr std::size_t kGapsTold = 100;
constexpr std::size_t kGapBytesMax = 600;
constexpr std::string_view kAdvisor = "anthropic.advisor";

/// What can be named, by the parameter that names it.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kLists{{
    {"session", "session_ids"},
    {"memory", "memory_store_ids"},
    {"vault", "vault_ids"},
    {"deployment", "deployment_ids"},
}};

/// One list of a subject, copied in order.
struct Part {
  std::string name{};    // "events"
  std::string label{};   // what its lines are called: "event"
  std::string thread{};  // the thread that they are of, or empty
  ListCall call{};
  /// Which of them are copied; empty: all.
  std::function<bool(const Value& item)> wants{};
};

/// One file while it is written.
struct Filing {
  std::string kind{};
  std::string subject{};
  EvidenceFile file{};
  std::string gap{};
  bool is_full = false;

  void miss(const std::string& why) {
    if (gap.size() < kGapBytesMax) gap += (gap.empty() ? "" : " ") + why;
  }
};

/// What all files of one action come to.
struct Harvest {
  std::optional<Timestamp> since{};
  ValueList files{};
  std::int64_t files_total = 0;
  std::int64_t bytes = 0;
  EvidenceCounts counts{};
  ValueList gaps{};
  bool is_whole = true;
  bool is_full = false;
  Sha256 sums{};
};

/// What belongs to no subject but to the exchange: the attempt is made again and goes on where it
/// stopped.
bool breaks_off(const Error& error) {
  return error.code == ErrorCode::transient || error.code == ErrorCode::throttled ||
         error.code == ErrorCode::unknown || error.code == ErrorCode::internal;
}

std::string window(const std::optional<Timestamp>& since) {
  return since ? "created_at%5Bgte%5D=" + percent_encode(format_rfc3339(*since)) : std::string();
}

void count_event(const Value& event, EvidenceCounts& counts) {
  ++counts["events"];
  if (event["type"].string_or("") == "agent.thread_message_received" &&
      event["from_agent_name"].string_or("") == kAdvisor) {
    ++counts["advisor_messages"];
    const ValueList& content = event["content"].list_or_empty();
    if (std::any_of(content.begin(), content.end(), [](const Value& block) {
          return block["type"].string_or("") == "redacted";
        }))
      ++counts["advisor_redacted"];
  }
}

/// One line: the record as the platform gave it, and which list it is of.
std::string line_of(const std::string& label, const std::string& thread, const Value& record) {
  return to_json(Value::map({{"list", label},
                             {"thread", thread.empty() ? Value() : Value(thread)},
                             {"record", record}})) +
         '\n';
}

void count(const std::string& label, const Value& record, EvidenceCounts& counts) {
  ++counts["records"];
  if (label == "event" || label == "thread_event") count_event(record, counts);
  if (label == "thread") ++counts["threads"];
  if (label == "memory_version") ++counts["memory_versions"];
  if (label == "session")
    counts["outcome_evaluations"] +=
        static_cast<std::int64_t>(record["outcome_evaluations"].list_or_empty().size());
}

/// Puts `op` into the file. False where there is no room for more; an Error breaks the attempt off.
Task<Result<bool>> put(Io& io, Filing& filing, FileOp op) {
  op.kind = filing.kind;
  op.subject = filing.subject;
  Result<EvidenceFile> kept = co_await io.file(std::move(op));
  if (kept) {
    filing.file = *std::move(kept);
    co_return true;
  }
  if (kept.error().topic != "room") co_return kept.error();
  filing.is_full = true;
  filing.miss(kept.error().message);
  co_return false;
}

Task<Status> copy_object(Io& io, Api api, Filing& filing, std::string label, Subject subject) {
  if (filing.is_full || filing.file.parts.contains(label)) co_return ok();
  const Result<Value> object = co_await fetch(io, api, std::move(subject));
  if (!object) {
    if (breaks_off(object.error())) co_return object.error();
    filing.miss(object.error().message);
    co_return ok();
  }
  FileOp op{.part = label, .lines = line_of(label, {}, *object), .ends_part = true};
  count(label, *object, op.counts);
  const Result<bool> room = co_await put(io, filing, std::move(op));
  co_return room ? ok() : Status(room.error());
}

/// Where the copying of one list stands.
struct Copying {
  std::string cursor{};
  std::set<std::string> cursors{};  // followed by this attempt
  std::size_t pages = 0;
  int limit = 0;
  bool resumed = false;
};

/// The next page, with fewer items where it is too large and from the beginning where the cursor of
/// an earlier attempt is not taken any more.
Task<Result<ListPage>> next_page(Io& io, Api api, ListCall call, Copying& state) {
  while (true) {
    ListCall asked = call;
    asked.limit = state.limit;
    std::string cursor = state.cursor;
    const std::size_t most = state.limit == 1 ? kItemBytesMax : kPageBytes;
    Result<ListPage> page = co_await read_page(io, api, std::move(asked), std::move(cursor), most);
    if (page || page.error().code != ErrorCode::invalid) co_return std::move(page);
    if (state.limit > 1) {
      state.limit = std::max(1, state.limit / 10);
    } else if (state.resumed && !state.cursor.empty()) {
      state = Copying{.limit = call.limit};
    } else {
      co_return std::move(page);
    }
  }
}

Task<Status> copy_list(Io& io, Api api, Filing& filing, Part part) {
  if (filing.is_full || filing.file.parts.contains(part.name)) co_return ok();
  Copying state{.limit = part.call.limit};
  if (filing.file.part == part.name) state.cursor = filing.file.cursor;
  state.resumed = !state.cursor.empty();
  while (true) {
    ListCall call = part.call;
    const bool goes_on = !state.cursor.empty();
    const Result<ListPage> page = co_await next_page(io, api, std::move(call), state);
    if (!page) {
      if (breaks_off(page.error())) co_return page.error();
      filing.miss(page.error().message);
      co_return ok();
    }
    FileOp op{.part = part.name, .cursor = page->next};
    op.begins_part_anew = !goes_on || state.cursor.empty();
    for (const Value& item : page->items) {
      if (part.wants && !part.wants(item)) continue;
      op.lines += line_of(part.label, part.thread, item);
      count(part.label, item, op.counts);
    }
    ++state.pages;
    std::string cut_short;
    const bool is_first = state.cursor.empty();
    if (page->next.empty() && is_first && state.limit > 1 &&
        page->items.size() >= static_cast<std::size_t>(state.limit)) {
      // Full to the brim, and the last one? Cursors may get lost on the way (threat T9).
      ListCall shorter = part.call;
      shorter.limit = state.limit - 1;
      std::string first;
      const Result<ListPage> again =
          co_await read_page(io, api, std::move(shorter), std::move(first), kPageBytes);
      if (!again && breaks_off(again.error())) co_return again.error();
      if (!again || again->next.empty())
        cut_short = "its pages name no next one";
    }
    op.ends_part = page->next.empty();
    const bool is_loop = !op.ends_part && !state.cursors.insert(page->next).second;
    const bool is_long = !op.ends_part && state.pages >= kEvidencePagesMax;
    if (is_loop) cut_short = "a cursor came twice";
    if (is_long) cut_short = "it has too many pages";
    if (!cut_short.empty()) {
      filing.miss(fmt::format("{} did not come to its end: {}.", part.call.what, cut_short));
      op.gap = filing.gap;  // the part counts as read, so no later attempt finds this again
      op.ends_part = true;
    }
    const bool ends = op.ends_part;
    const Result<bool> room = co_await put(io, filing, std::move(op));
    if (!room) co_return room.error();
    if (!*room || ends) co_return ok();
    state.cursor = page->next;
  }
}

Part list_part(std::string name, std::string label, const Subject& of, std::string_view path,
               std::string query, int limit) {
  Part part{.name = std::move(name), .label = std::move(label)};
  part.call.what = fmt::format("the list of {} of {}", part.name, outside_text(of.id));
  part.call.path = of.path + std::string(path);
  part.call.query = std::move(query);
  part.call.limit = limit;
  part.call.held_by = of;
  return part;
}

/// The ids of all threads of a session, its primary one among them.
Task<Result<std::vector<std::string>>> thread_ids(Io& io, Api api, Subject session,
                                                  Filing& filing) {
  std::vector<std::string> ids;
  Part part = list_part("threads", "thread", session, "/threads", {}, api.config().page_limit);
  ListCall call = std::move(part.call);
  call.take = [&ids](const Value& item) -> Status {
    const std::string id = item["id"].string_or("");
    if (!is_valid_id(id))
      return make_error(ErrorCode::invalid, "answer", "a thread has no id.", "");
    if (ids.size() < kThreadsMax) ids.push_back(id);
    return ok();
  };
  call.enough = [&ids](std::size_t) { return ids.size() >= kThreadsMax; };
  const Status read = co_await read_list(io, api, std::move(call));
  if (!read) {
    if (breaks_off(read.error())) co_return read.error();
    filing.miss(read.error().message);
  }
  if (ids.size() >= kThreadsMax) filing.miss("It has more threads than are copied.");
  co_return std::move(ids);
}

Task<Status> copy_session(Io& io, Api api, Filing& filing, std::optional<Timestamp> since) {
  const Subject subject = session_subject(filing.subject);
  Subject record = subject;
  Status copied = co_await copy_object(io, api, filing, "session", std::move(record));
  if (!copied) co_return copied;
  const int limit = api.config().page_limit;
  Part threads = list_part("threads", "thread", subject, "/threads", {}, limit);
  copied = co_await copy_list(io, api, filing, std::move(threads));
  if (!copied) co_return copied;
  Part events = list_part("events", "event", subject, "/events", window(since), limit);
  copied = co_await copy_list(io, api, filing, std::move(events));
  if (!copied) co_return copied;
  Subject holder = subject;
  const Result<std::vector<std::string>> ids =
      co_await thread_ids(io, api, std::move(holder), filing);
  if (!ids) co_return ids.error();
  for (const std::string& id : *ids) {
    // No filter by time there (API sheet 1.5): all of them.
    Part part = list_part("events of thread " + id, "thread_event", subject,
                          "/threads/" + percent_encode(id) + "/events", {}, limit);
    part.thread = id;
    copied = co_await copy_list(io, api, filing, std::move(part));
    if (!copied) co_return copied;
  }
  co_return ok();
}

Task<Status> copy_memory(Io& io, Api api, Filing& filing, std::optional<Timestamp> since) {
  const Subject subject = memory_store_subject(filing.subject);
  Subject record = subject;
  Status copied = co_await copy_object(io, api, filing, "memory_store", std::move(record));
  if (!copied) co_return copied;
  const int limit = std::min(kFullViewLimit, api.config().page_limit);
  Part heads = list_part("memories", "memory", subject, "/memories", "view=full", limit);
  copied = co_await copy_list(io, api, filing, std::move(heads));
  if (!copied) co_return copied;
  std::string query = window(since);
  query += query.empty() ? "view=full" : "&view=full";
  Part versions = list_part("memory versions", "memory_version", subject, "/memory_versions",
                            std::move(query), limit);
  copied = co_await copy_list(io, api, filing, std::move(versions));
  co_return copied;
}

Task<Status> copy_vault(Io& io, Api api, Filing& filing,
                        std::optional<std::vector<std::string>> only) {
  const Subject subject = vault_subject(filing.subject);
  Subject record = subject;
  Status copied = co_await copy_object(io, api, filing, "vault", std::move(record));
  if (!copied) co_return copied;
  Part credentials = list_part("credentials", "credential", subject, "/credentials",
                               "include_archived=true", api.config().page_limit);
  if (only) {
    credentials.wants = [ids = *std::move(only)](const Value& item) {
      return std::binary_search(ids.begin(), ids.end(), item["id"].string_or(""));
    };
  }
  copied = co_await copy_list(io, api, filing, std::move(credentials));
  co_return copied;
}

Task<Status> copy_deployment(Io& io, Api api, Filing& filing, std::optional<Timestamp> since) {
  const Subject subject = deployment_subject(filing.subject);
  Subject record = subject;
  Status copied = co_await copy_object(io, api, filing, "deployment", std::move(record));
  if (!copied) co_return copied;
  std::string query = "deployment_id=" + percent_encode(filing.subject);
  if (since) query += "&" + window(since);
  Part runs = list_part("runs", "deployment_run", subject, {}, std::move(query),
                        api.config().page_limit);
  runs.call.path = "/deployment_runs";
  copied = co_await copy_list(io, api, filing, std::move(runs));
  co_return copied;
}

std::int64_t counted(const EvidenceCounts& counts, const std::string& word) {
  const auto found = counts.find(word);
  return found == counts.end() ? 0 : found->second;
}

void gather(const Filing& filing, Harvest& harvest) {
  const EvidenceFile& file = filing.file;
  harvest.is_full |= filing.is_full;
  const std::string& gap = file.gap.empty() ? filing.gap : file.gap;
  if (!gap.empty()) {
    harvest.is_whole = false;
    if (harvest.gaps.size() < kGapsTold)
      harvest.gaps.emplace_back(filing.kind + " " + outside_text(filing.subject) + ": " + gap);
  }
  if (file.name.empty()) return;  // there was no room even to begin it
  ++harvest.files_total;
  harvest.bytes += file.bytes;
  for (const auto& [word, number] : file.counts) harvest.counts[word] += number;
  harvest.sums.update(file.sha256 + "  " + file.name + "\n");
  if (harvest.files.size() >= kFilesTold) return;
  harvest.files.push_back(Value::map({{"name", file.name},
                                      {"kind", filing.kind},
                                      {"subject", filing.subject},
                                      {"records", counted(file.counts, "records")},
                                      {"bytes", file.bytes},
                                      {"sha256", file.sha256},
                                      {"whole", gap.empty()}}));
}

Outcome outcome_of(Harvest& harvest) {
  const auto number = [&](const std::string& word) { return counted(harvest.counts, word); };
  std::int64_t shapes = 0;
  constexpr std::string_view kShape = "token_shape.";
  for (const auto& [word, found] : harvest.counts) {
    if (word.starts_with(kShape)) shapes += found;
  }
  Outcome out;
  out.outputs = Value::map({{"whole", harvest.is_whole},
                            {"files", Value(std::move(harvest.files))},
                            {"files_total", harvest.files_total},
                            {"bytes", harvest.bytes},
                            {"digest", harvest.sums.hex()},
                            {"records", number("records")},
                            {"events", number("events")},
                            {"threads", number("threads")},
                            {"advisor_messages", number("advisor_messages")},
                            {"advisor_redacted", number("advisor_redacted")},
                            {"outcome_evaluations", number("outcome_evaluations")},
                            {"memory_versions", number("memory_versions")},
                            {"token_shapes", shapes},
                            {"gaps", Value(std::move(harvest.gaps))}});
  return out;
}

struct Wanted {
  std::string kind{};
  std::vector<std::string> subjects{};
};

}  // namespace

ActionTask collect_evidence(Io& io, Api together, Value params) {
  const Api api = together.alone();
  Harvest harvest;
  if (params["since"].is_timestamp()) harvest.since = params["since"].as_timestamp();
  std::vector<Wanted> all;
  bool names_something = false;
  for (const auto& [kind, name] : kLists) {
    Result<std::optional<std::vector<std::string>>> ids = ids_param(params, name);
    if (!ids) co_return ids.error();
    names_something |= ids->has_value();
    if (*ids) all.push_back({.kind = std::string(kind), .subjects = **std::move(ids)});
  }
  const Result<std::optional<std::vector<std::string>>> credentials =
      ids_param(params, "credential_ids");
  if (!credentials) co_return credentials.error();
  const bool has_vaults = params["vault_ids"].is_list();
  if (!names_something || (*credentials && !has_vaults)) {
    co_return make_error(ErrorCode::invalid, "bad-input",
                         names_something ? "credential_ids need the vault_ids that hold them."
                                         : "nothing is named whose evidence is to be kept.",
                         "give session_ids, memory_store_ids, vault_ids or deployment_ids");
  }
  for (const Wanted& wanted : all) {
    for (const std::string& subject : wanted.subjects) {
      Filing filing{.kind = wanted.kind, .subject = subject};
      FileOp question;
      const Result<bool> known = co_await put(io, filing, std::move(question));
      if (!known) co_return known.error();
      filing.gap = filing.file.gap;
      if (!filing.file.is_over && !filing.is_full) {
        Status copied = ok();
        if (wanted.kind == "session") {
          copied = co_await copy_session(io, api, filing, harvest.since);
        } else if (wanted.kind == "memory") {
          copied = co_await copy_memory(io, api, filing, harvest.since);
        } else if (wanted.kind == "vault") {
          std::optional<std::vector<std::string>> only = *credentials;
          copied = co_await copy_vault(io, api, filing, std::move(only));
        } else {
          copied = co_await copy_deployment(io, api, filing, harvest.since);
        }
        if (!copied) co_return copied.error();
        FileOp end{.ends_file = true, .gap = filing.gap};
        const Result<bool> ended = co_await put(io, filing, std::move(end));
        if (!ended) co_return ended.error();
      }
      gather(filing, harvest);
      if (harvest.is_full) co_return outcome_of(harvest);
    }
  }
  co_return outcome_of(harvest);
}

}  // namespace quell::managed_agents
