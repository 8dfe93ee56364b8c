#include <algorithm>
#include <utility>

#include "orchestrator/cli/follow.h"
#include "orchestrator/cli/open_record.h"
#include "orchestrator/cli/run_loop.h"
#include "orchestrator/cli/run_text.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/report/bundle.h"
#include "orchestrator/report/verify_document.h"
#include "state/base/bytes.h"
#include "state/base/json.h"
#include "state/verify.h"

namespace quell::cli {
namespace {

constexpr std::string_view kRunsHelp = R"(quell runs - every run of this journal, newest first
usage: quell runs [--drills] [--json]
--drills    the runs of drills, which have a journal of their own
)";
constexpr std::string_view kShowHelp = R"(quell show - what one run did and what it proved
usage: quell show RUN [--items] [--entries] [--drills] [--json]
RUN         r17x, 17 or last
--items     every claim in a line of its own
--entries   the journal entries of the run
Examples    quell show last
            quell show r17x --json
)";
constexpr std::string_view kFollowHelp = R"(quell follow - watch a run that another process drives
usage: quell follow RUN
Ends when the run has its result, with the run's exit code; Ctrl-C ends the looking, not the run.
Examples    quell follow r17x
)";
constexpr std::string_view kJournalHelp = R"(quell journal - the record itself
usage: quell journal verify [--head SEQ:HASH] [--drills]
       quell journal show [--run RUN] [--drills] [--json]
       quell journal export [--drills]
verify      walks every entry: chain, head row, MACs, signatures
--head      an outside anchor; the only thing that shows a rollback of the whole file
export      JSON lines: seq, hash, entry
Exit codes  0 whole  1 damaged  2 there is no journal
Examples    quell journal verify
            quell journal export > journal.jsonl
)";

struct RecordOptions {
  std::string what{};
  std::string run{};
  std::string head{};
  bool drills = false;
  bool items = false;
  bool entries = false;
};

std::string open_words(const RunState& run, const ConnectorSet& connectors, Timestamp now) {
  const Value open = run_summary(run, connectors)["open"];
  if (open["claims"].int_or(0) == 0) return "nothing";
  if (!open["until"].is_null()) return "to " + format_clock_time(open["until"].as_timestamp(), now);
  return counted(open["claims"].int_or(0), "claim");
}

int runs(Session& session, const RecordOptions& options) {
  const std::unique_ptr<StateReader> reader = open_record(session, options.drills);
  if (!reader) return kExitNotStarted;
  const Result<Folded> folded = reader->fold();
  if (!folded) return session.fail(folded.error());
  for (const auto& [id, sentence] : folded->unreadable) session.warn(sentence);
  const Timestamp now = session.clock().now();
  ValueList list;
  std::vector<std::vector<std::string>> rows{
      {"run", "started", "playbook", "incident", "result", "open"}};
  for (auto at = folded->runs.rbegin(); at != folded->runs.rend(); ++at) {
    const RunState& run = at->second;
    list.push_back(run_summary(run, reader->connectors()));
    rows.push_back({to_string(run.id), format_clock_time(run.started, now), run.playbook->id,
                    escape_untrusted(incident_of(run)),
                    run.result ? result_text(session.out(), *run.result, origin_of_answers(run))
                               : "unfinished",
                    open_words(run, reader->connectors(), now)});
  }
  if (session.options().json) {
    session.print_json(Value::map({{"runs", Value(std::move(list))}}));
  } else if (list.empty()) {
    session.out().line("no runs yet");
  } else {
    session.out().write(table(rows, "  "));
  }
  return kExitOk;
}

Status tell_entries(Session& session, StateReader& reader, std::optional<RunId> run) {
  const auto is_asked = [&](const EntryLabel& label) { return !run || label.run == *run; };
  return reader.journal().read_some(0, is_asked, [&](const StoredEntry& stored) {
    if (session.options().json) {
      session.out().line(journal_line(stored));
    } else {
      session.out().line(with_commas(static_cast<std::int64_t>(stored.seq)) + "  " +
                         format_rfc3339(stored.entry.at) + "  " + to_string(stored.entry.run) +
                         "  " + std::string(to_string(stored.entry.kind)) + "  " +
                         escape_untrusted(to_json(stored.entry.body)));
    }
    return ok();
  });
}

/// "done by mara, ticket OPS-7, attached photo.png 9a70a76d4898"
std::string done_by_hand(const Value& body) {
  constexpr std::size_t kShortDigest = 12;
  std::string words = "done by " + body["who"].string_or("");
  if (!body["reason"].is_null()) words += ": " + escape_untrusted(body["reason"].string_or(""));
  if (body["fields"].is_map()) {
    for (const auto& [name, value] : body["fields"].as_map()) {
      words += ", " + name + " " +
               escape_untrusted(value.is_string() ? value.as_string() : to_json(value));
    }
  }
  for (const Value& file : body["attachments"].list_or_empty()) {
    words += ", attached " + escape_untrusted(file["name"].string_or("")) + " " +
             file["sha256"].string_or("").substr(0, kShortDigest);
  }
  return words;
}

int show(Session& session, const RecordOptions& options) {
  const std::unique_ptr<StateReader> reader = open_record(session, means_drill(options.drills, options.run));
  if (!reader) return kExitNotStarted;
  const Result<RunState> named = reader->fold_named(options.run);
  if (!named) return session.fail(named.error());
  const RunState& run = *named;
  const ConnectorSet& connectors = reader->connectors();
  if (session.options().json) {
    session.print_json(run_document(run, connectors));
    return kExitOk;
  }
  Stream& out = session.out();
  std::string head = to_string(run.id) + "  " + run.playbook->id;
  if (!incident_of(run).empty()) head += "  " + escape_untrusted(incident_of(run));
  head += "  " + (run.result ? result_text(out, *run.result, origin_of_answers(run))
                             : std::string("unfinished"));
  out.line(head + "  started by " + run.who + " at " +
           format_clock_time(run.started, session.clock().now()));
  const auto is_asked = [&](const EntryLabel& label) {
    return label.run == run.id && !options.entries;
  };
  const Status told = reader->journal().read_some(0, is_asked, [&](const StoredEntry& stored) {
    const Value& body = stored.entry.body;
    const auto tell = [&](const std::string& words) {
      out.line("  " + format_clock_time(stored.entry.at, stored.entry.at) + "  " +
               in_column(body["step"].string_or("verify"), 17) + words);
    };
    if (stored.entry.kind == EntryKind::request_sent) {
      tell(body["method"].string_or("") + " " + escape_untrusted(body["url"].string_or("")) +
           ", entry " + with_commas(static_cast<std::int64_t>(stored.seq)));
    } else if (stored.entry.kind == EntryKind::approval_given) {
      tell("approved by " + body["who"].string_or("") + ", digest " +
           body["digest"].string_or("").substr(0, 12));
    } else if (stored.entry.kind == EntryKind::manual_requested) {
      tell("asked: " + escape_untrusted(body["ask"].string_or("")));
    } else if (stored.entry.kind == EntryKind::manual_done) {
      tell(done_by_hand(body));
    }
    return ok();
  });
  if (!told) return session.fail(told.error());
  if (options.entries) {
    if (Status entries = tell_entries(session, *reader, run.id); !entries)
      return session.fail(entries.error());
  }
  if (options.items) {
    std::vector<std::vector<std::string>> rows;
    for (const Claim& claim : claims_of(run, connectors)) {
      rows.push_back({claim.step + (claim.item.empty() ? "" : "/" + escape_untrusted(claim.item)),
                      escape_untrusted(claim.subject), std::string(to_string(claim.outcome)),
                      verdict_text(out, claim.verdict, claim.grade),
                      claim.proof.empty() ? "" : escape_untrusted(claim.proof.back())});
    }
    out.write(table(rows, "  "));
  }
  if (run.result) {
    out.write(closing_text(out, run, connectors, session.clock().now()));
  } else {
    session.next("quell resume " + to_string(run.id) + ", or quell follow " + to_string(run.id) +
                 " while another process drives it");
  }
  return kExitOk;
}

int follow(Session& session, const RecordOptions& options) {
  const StopSignals signals;
  const std::unique_ptr<StateReader> reader = open_record(session, means_drill(options.drills, options.run));
  if (!reader) return kExitNotStarted;
  const Result<RunState> named = reader->fold_named(options.run);
  if (!named) return session.fail(named.error());
  return follow_run(session, *reader, named->id, true);
}

int verify(Session& session, StateReader& reader, const RecordOptions& options) {
  VerifyOptions wanted;
  if (!options.head.empty()) {
    wanted.expected_head = parse_head(options.head);
    if (!wanted.expected_head)
      return session.fail(make_error(ErrorCode::invalid, "usage", "--head is SEQ:HASH.",
                                     "as `quell run` printed it at its end"));
  }
  const Result<VerifyReport> report = reader.verify(wanted);
  if (!report) return session.fail(report.error(), kExitNo);
  const bool whole = !report->failure;
  if (session.options().json) {
    session.print_json(verify_document(*report));
  } else {
    std::string text = verify_text(*report);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    session.out().line(text);
  }
  return whole ? kExitOk : kExitNo;
}

int journal(Session& session, const RecordOptions& options) {
  const std::unique_ptr<StateReader> reader = open_record(session, means_drill(options.drills, options.run));
  if (!reader) return kExitNotStarted;
  if (options.what == "verify") return verify(session, *reader, options);
  const bool as_lines = options.what == "export";
  std::optional<RunId> run;
  if (!options.run.empty()) {
    run = parse_run_id(options.run);
    if (!run)
      return session.fail(
          make_error(ErrorCode::invalid, "run", "that is no run id.", "quell runs lists them"));
  }
  if (as_lines) {
    const Status told = reader->journal().read(0, [&](const StoredEntry& stored) -> Status {
      session.out().line(journal_line(stored));
      return ok();
    });
    session.out().flush();
    return told ? kExitOk : session.fail(told.error(), kExitNo);
  }
  const Status told = tell_entries(session, *reader, run);
  return told ? kExitOk : session.fail(told.error(), kExitNo);
}

}  // namespace

Verb runs_verb() {
  auto options = std::make_shared<RecordOptions>();
  return {.name = "runs",
          .help = kRunsHelp,
          .is_remote = true,
          .declare = [options](CLI::App& app) { app.add_flag("--drills", options->drills); },
          .run = [options](Session& session) { return runs(session, *options); }};
}

Verb show_verb() {
  auto options = std::make_shared<RecordOptions>();
  return {.name = "show",
          .help = kShowHelp,
          .is_remote = true,
          .declare =
              [options](CLI::App& app) {
                app.add_option("run", options->run)->required();
                app.add_flag("--items", options->items);
                app.add_flag("--entries", options->entries);
                app.add_flag("--drills", options->drills);
              },
          .run = [options](Session& session) { return show(session, *options); }};
}

Verb follow_verb() {
  auto options = std::make_shared<RecordOptions>();
  return {.name = "follow",
          .help = kFollowHelp,
          .is_remote = true,
          .declare = [options](CLI::App& app) { app.add_option("run", options->run)->required(); },
          .run = [options](Session& session) { return follow(session, *options); }};
}

Verb journal_verb() {
  auto options = std::make_shared<RecordOptions>();
  return {.name = "journal",
          .help = kJournalHelp,
          .is_remote = true,
          .declare =
              [options](CLI::App& app) {
                app.add_option("what", options->what)
                    ->required()
                    ->check(CLI::IsMember({"verify", "show", "export"}));
                app.add_option("--run", options->run);
                app.add_option("--head", options->head);
                app.add_flag("--drills", options->drills);
              },
          .run = [options](Session& session) { return journal(session, *options); }};
}

}  // namespace quell::cli
