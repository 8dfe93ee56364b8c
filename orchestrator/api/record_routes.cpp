#include "orchestrator/api/record_routes.h"

#include <charconv>
#include <memory>
#include <utility>

#include "orchestrator/api/problem.h"
#include "orchestrator/report/bundle.h"
#include "orchestrator/report/report.h"
#include "orchestrator/report/verify_document.h"
#include "state/base/json.h"

namespace quell {
namespace {

constexpr std::uint64_t kEntriesMax = 1'000;
constexpr std::size_t kPageBytesMax = 4U << 20U;

/// Entries as the journal export writes them, and where to go on.
HttpReply list_entries(RunBoard& board, const ApiCall& call) {
  const Result<std::uint64_t> after = call.number("after", 0, UINT64_MAX / 2);
  const Result<std::uint64_t> limit = call.number("limit", 200, kEntriesMax);
  if (!after) return problem_reply(after.error());
  if (!limit) return problem_reply(limit.error());
  std::optional<RunId> run;
  std::string run_name = call.path_or("run");
  if (const auto named = call.query.find("run"); named != call.query.end())
    run_name = named->second;
  if (!run_name.empty()) {
    run = parse_run_id(run_name);
    if (!run) return problem_reply(404, no_such_run(run_name));
  }
  std::optional<EntryKind> kind;
  if (const auto named = call.query.find("kind"); named != call.query.end()) {
    kind = entry_kind_from_string(named->second);
    if (!kind)
      return problem_reply(make_error(ErrorCode::invalid, "bad-input", "there is no such kind.",
                                      "docs/journal-format.md lists them"));
  }
  std::string page;
  std::uint64_t count = 0;
  std::uint64_t seen = *after;
  bool is_cut = false;
  const Error full = make_error(ErrorCode::conflict, "the page is full");
  const auto is_wanted = [&](const EntryLabel& label) {
    const bool wanted = (!run || label.run == *run) && (!kind || label.kind == *kind);
    if (!wanted) seen = label.seq;
    return wanted;
  };
  const auto take = [&](const StoredEntry& stored) -> Status {
    if (count == *limit || page.size() > kPageBytesMax) {
      is_cut = true;
      return full;
    }
    page += page.empty() ? "" : ",";
    page += journal_line(stored);
    seen = stored.seq;
    ++count;
    return ok();
  };
  const Status read = board.with_journal(
      [&](Journal& journal) { return journal.read_some(*after, is_wanted, take); });
  if (!read && !is_cut) return problem_reply(read.error());
  HttpReply reply = json_reply(200, Value());
  reply.body = "{\"entries\":[" + page + "],\"next\":" + (is_cut ? std::to_string(seen) : "null") +
               ",\"seen\":" + std::to_string(seen) + "}";
  return reply;
}

HttpReply show_journal(RunBoard& board) {
  Tip end;
  const Status read = board.with_journal([&end](Journal& journal) -> Status {
    const Result<Tip> tip = journal.tip();
    if (!tip) return tip.error();
    end = *tip;
    return ok();
  });
  if (!read) return problem_reply(read.error());
  return json_reply(
      200, Value::map({{"entries", static_cast<std::int64_t>(end.seq)}, {"head", head_text(end)}}));
}

HttpReply verify_journal(const JournalCheck& verify, const ApiCall& call) {
  VerifyOptions options;
  if (const auto head = call.query.find("head"); head != call.query.end()) {
    options.expected_head = parse_head(head->second);
    if (!options.expected_head) {
      return problem_reply(make_error(ErrorCode::invalid, "bad-input", "head is SEQ:HASH.",
                                      "as `quell run` printed it at its end"));
    }
  }
  const Result<VerifyReport> report = verify(options);
  return report ? json_reply(200, verify_document(*report)) : problem_reply(report.error());
}

/// Where a listener goes on: behind the event it saw last, or from now on.
HttpReply follow(const ChangeFeed& feed, std::optional<RunId> run, const ApiCall& call) {
  const std::string_view last = call.http.header("last-event-id");
  std::uint64_t seq = feed.last();
  if (!last.empty()) {
    const auto [end, fault] = std::from_chars(last.data(), last.data() + last.size(), seq);
    if (fault != std::errc{} || end != last.data() + last.size()) {
      return problem_reply(make_error(ErrorCode::invalid, "bad-input",
                                      "Last-Event-ID is no number.", "leave it out"));
    }
  }
  return stream_changes(feed, seq, run);
}

/// Evidence leaves quell: the record says with whom (threat T45). It is whole before the first byte
/// of the answer, so that what cannot be made is a problem and no half of a file.
HttpReply hand_out_evidence(const RecordParts& parts, const ApiCall& call) {
  const std::optional<RunId> run = parse_run_id(call.path_or("run"));
  if (!run) return problem_reply(404, no_such_run(call.path_or("run")));
  std::optional<std::uint64_t> as_of;
  if (call.query.contains("as_of")) {
    const Result<std::uint64_t> entry = call.number("as_of", 1, UINT64_MAX / 2);
    if (!entry) return problem_reply(entry.error());
    as_of = *entry;
  }
  Result<std::unique_ptr<Spool>> made = parts.evidence(*run, as_of);
  if (!made) return problem_reply(made.error());
  const std::shared_ptr<Spool> spool = *std::move(made);
  const std::string name = to_string(*run);
  parts.engine.note(EntryKind::access_noted, {{"what", "getEvidence"},
                                              {"who", call.actor.who},
                                              {"from", call.actor.from},
                                              {"whom", name}});
  const bool is_sealed = parts.is_evidence_encrypted;
  HttpReply reply;
  reply.headers = {{"content-type", is_sealed ? "application/pkcs7-mime" : "application/x-tar"},
                   {"content-disposition", "attachment; filename=\"quell-" + name +
                                               (is_sealed ? ".tar.cms\"" : ".tar\"")},
                   {"repr-digest", repr_digest(spool->sha256())}};
  reply.more = [spool]() -> std::optional<std::string> {
    Result<std::string> piece = spool->read();
    // Whoever compares the digest sees that something is missing.
    if (!piece || piece->empty()) return std::nullopt;
    return *std::move(piece);
  };
  return reply;
}

HttpReply show_report(const RecordParts& parts, const ApiCall& call) {
  const std::optional<RunId> run = parse_run_id(call.path_or("run"));
  if (!run) return problem_reply(404, no_such_run(call.path_or("run")));
  const auto asked = call.query.find("format");
  const std::string format = asked == call.query.end() ? "json" : asked->second;
  if (format != "json" && format != "md" && format != "html")
    return problem_reply(make_error(ErrorCode::invalid, "bad-input", "there is no such format.",
                                    "format is html, md or json"));
  Value report;
  const Status read = parts.board.with_journal([&](Journal& journal) -> Status {
    Result<Value> made = report_of(*run, journal, parts.load_playbook, parts.connectors);
    if (!made) return made.error();
    report = *std::move(made);
    return ok();
  });
  if (!read)
    return problem_reply(read.error().code == ErrorCode::invalid ? 404 : status_of(read.error()),
                         read.error());
  if (format == "json") return json_reply(200, report);
  HttpReply reply;
  const bool is_html = format == "html";
  reply.body = is_html ? parts.render_html(report) : report_markdown(report);
  reply.headers = {
      {"content-type", is_html ? "text/html; charset=utf-8" : "text/markdown; charset=utf-8"},
      {"content-security-policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'"}};
  return reply;
}

const std::vector<ApiField>& entry_query() {
  static const std::vector<ApiField> kFields{
      {.name = "after",
       .about = "Number of an entry: those behind it",
       .kind = ApiField::Kind::integer},
      {.name = "limit", .about = "At most this many, up to 1,000", .kind = ApiField::Kind::integer},
      {.name = "kind", .about = "Only entries of this kind"}};
  return kFields;
}

}  // namespace

std::vector<ApiRoute> record_routes(RecordParts parts) {
  RunBoard& board = parts.board;
  const ChangeFeed& feed = parts.feed;
  const auto shared = std::make_shared<const RecordParts>(std::move(parts));
  std::vector<ApiRoute> routes;
  constexpr std::string_view kPage =
      "Entries with number and hash; `next` is what to send as `after` for more, or null";
  routes.push_back({.method = "GET",
                    .path = "/api/v1/journal",
                    .operation = "getJournal",
                    .summary = "Where the journal ends",
                    .answer = "The number of its entries and its head, SEQ:HASH",
                    .handle = [&board](const ApiCall&) { return show_journal(board); }});
  routes.push_back({.method = "GET",
                    .path = "/api/v1/journal/verify",
                    .operation = "verifyJournal",
                    .summary = "Walk the whole journal: chain, head row, MACs, signatures",
                    .query = {{.name = "head", .about = "An outside anchor, SEQ:HASH"}},
                    .answer = "The document of quell journal verify --json",
                    .handle = [shared](const ApiCall& call) {
                      return verify_journal(shared->verify, call);
                    }});
  std::vector<ApiField> with_run = entry_query();
  with_run.push_back({.name = "run", .about = "Only entries of this run"});
  routes.push_back({.method = "GET",
                    .path = "/api/v1/journal/entries",
                    .operation = "listEntries",
                    .summary = "Entries of the journal, oldest first",
                    .query = std::move(with_run),
                    .answer = kPage,
                    .handle = [&board](const ApiCall& call) { return list_entries(board, call); }});
  routes.push_back({.method = "GET",
                    .path = "/api/v1/runs/{run}/entries",
                    .operation = "listRunEntries",
                    .summary = "Entries of one run, oldest first",
                    .query = entry_query(),
                    .answer = kPage,
                    .handle = [&board](const ApiCall& call) { return list_entries(board, call); }});
  routes.push_back({.method = "GET",
                    .path = "/api/v1/runs/{run}/evidence",
                    .operation = "getEvidence",
                    .summary = "The record of one run as a signed tar",
                    .right = Right::act,
                    .query = {{.name = "as_of",
                               .about = "As of this entry; else the run's last one",
                               .kind = ApiField::Kind::integer}},
                    .answer = "README.txt inside says how to check it; encrypted where evidence "
                              "has recipients. Repr-Digest (RFC 9530) is that of the whole",
                    .media = "application/x-tar",
                    .handle = [shared](const ApiCall& call) {
                      return hand_out_evidence(*shared, call);
                    }});
  routes.push_back({.method = "GET",
                    .path = "/api/v1/runs/{run}/report",
                    .operation = "getReport",
                    .summary = "What one run did, for people",
                    .query = {{.name = "format", .about = "html, md or json (default)"}},
                    .answer = "The report of quell report --format json; in the other formats as "
                              "they are",
                    .handle = [shared](const ApiCall& call) {
                      return show_report(*shared, call);
                    }});
  routes.push_back(
      {.method = "GET",
       .path = "/api/v1/events",
       .operation = "followAll",
       .summary = "What moves, as server-sent events",
       .answer = "Events of type change: {run, version, keys}; resume with Last-Event-ID",
       .media = "text/event-stream",
       .handle = [&feed](const ApiCall& call) { return follow(feed, std::nullopt, call); }});
  routes.push_back({.method = "GET",
                    .path = "/api/v1/runs/{run}/events",
                    .operation = "followRun",
                    .summary = "What moves in one run, as server-sent events",
                    .answer = "As of /api/v1/events",
                    .media = "text/event-stream",
                    .handle = [&feed](const ApiCall& call) {
                      const std::optional<RunId> id = parse_run_id(call.path_or("run"));
                      if (!id) return problem_reply(404, no_such_run(call.path_or("run")));
                      return follow(feed, *id, call);
                    }});
  return routes;
}

}  // namespace quell
