#include <cstdio>
#include <utility>

#include "orchestrator/cli/open_record.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/panel/report_page.h"
#include "orchestrator/report/report.h"
#include "state/base/json.h"
#include "state/base/sha256.h"
#include "state/private_file_writer.h"

namespace quell::cli {
namespace {

constexpr std::string_view kEvidenceHelp =
    R"(quell evidence - the record of one run as a signed tar
usage: quell evidence RUN -o FILE [--as-of N] [--drills] [--json]
RUN         r17x, 17 or last
-o FILE     a new file, readable by its owner alone; - writes to standard output
--as-of N   as it was when entry N was written; the run's last entry without it
Inside: the report, run.json, journal.jsonl, what was collected and attached, MANIFEST.json, and SHA256SUMS
with its Ed25519 signature. README.txt says how to check it with sha256sum and openssl alone. The same run as
of the same entry makes the same bytes. With `evidence: {recipients: [team.pem]}` in quell.yaml it is encrypted
to those certificates: openssl cms -decrypt -binary -inform DER -in FILE -inkey KEY.pem -recip team.pem
Examples    quell evidence last -o case.tar
            quell evidence r17x -o - | tar -x
)";
constexpr std::string_view kReportHelp =
    R"(quell report - what one run did, for people
usage: quell report RUN [--format md|html|json] [-o FILE] [--drills]
RUN         r17x, 17 or last
--format    md for a ticket (default), html as one file that asks nobody for anything, json
-o FILE     a new file, readable by its owner alone
Timeline, claims by plane, proofs, residual exposure, approvals, what was left out and why, undo, open items.
Examples    quell report last
            quell report r17x --format html -o case.html
)";

struct EvidenceOptions {
  std::string run{};
  std::string file{};
  std::string format = "md";
  std::uint64_t as_of = 0;
  bool drills = false;
};

Error stdout_is_short() {
  return make_error(ErrorCode::transient, "state", "standard output did not take all of it.",
                    "try again");
}

Status write_to_stdout(std::string_view bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size()) return ok();
  return stdout_is_short();
}

int evidence(Session& session, const EvidenceOptions& options) {
  const std::unique_ptr<StateReader> reader =
      open_record(session, means_drill(options.drills, options.run));
  if (!reader) return kExitNotStarted;
  const Result<RunState> run = reader->fold_named(options.run);
  if (!run) return session.fail(run.error());
  std::optional<std::uint64_t> as_of;
  if (options.as_of > 0) as_of = options.as_of;
  if (options.file == "-") {
    const Status put = reader->evidence(run->id, as_of, write_to_stdout);
    if (!put) return session.fail(put.error());
    if (std::fflush(stdout) == 0) return kExitOk;
    return session.fail(stdout_is_short());
  }
  const Result<std::unique_ptr<PrivateFileWriter>> file =
      PrivateFileWriter::open(options.file, session.random());
  if (!file) return session.fail(file.error());
  std::int64_t bytes = 0;
  Sha256 hash;
  Status written = reader->evidence(run->id, as_of, [&](std::string_view piece) {
    hash.update(piece);
    bytes += static_cast<std::int64_t>(piece.size());
    return (*file)->write(piece);
  });
  if (written) written = (*file)->finish();
  if (!written) return session.fail(written.error());
  if (session.options().json) {
    session.print_json(Value::map({{"run", to_string(run->id)},
                                   {"file", options.file},
                                   {"bytes", bytes},
                                   {"sha256", hash.hex()}}));
  } else {
    session.out().line(options.file + ", " + with_commas(bytes) + " bytes, SHA-256 " + hash.hex());
  }
  return kExitOk;
}

int report(Session& session, const EvidenceOptions& options) {
  const std::unique_ptr<StateReader> reader =
      open_record(session, means_drill(options.drills, options.run));
  if (!reader) return kExitNotStarted;
  const Result<RunState> run = reader->fold_named(options.run);
  if (!run) return session.fail(run.error());
  const Result<Value> document = reader->report(run->id);
  if (!document) return session.fail(document.error());
  std::string text;
  if (options.format == "html") {
    text = panel::report_html(*document);
  } else if (options.format == "json" || session.options().json) {
    text = to_pretty_json(*document) + "\n";
  } else {
    text = report_markdown(*document);
  }
  if (options.file.empty()) {
    session.out().write(text);
    return kExitOk;
  }
  const Result<std::unique_ptr<PrivateFileWriter>> file =
      PrivateFileWriter::open(options.file, session.random());
  if (!file) return session.fail(file.error());
  Status written = (*file)->write(text);
  if (written) written = (*file)->finish();
  if (!written) return session.fail(written.error());
  session.out().line(options.file);
  return kExitOk;
}

}  // namespace

Verb evidence_verb() {
  auto options = std::make_shared<EvidenceOptions>();
  return {.name = "evidence",
          .help = kEvidenceHelp,
          .is_remote = true,
          .declare =
              [options](CLI::App& app) {
                app.add_option("run", options->run)->required();
                app.add_option("-o,--output", options->file)->required();
                app.add_option("--as-of", options->as_of);
                app.add_flag("--drills", options->drills);
              },
          .run = [options](Session& session) { return evidence(session, *options); }};
}

Verb report_verb() {
  auto options = std::make_shared<EvidenceOptions>();
  return {.name = "report",
          .help = kReportHelp,
          .is_remote = true,
          .declare =
              [options](CLI::App& app) {
                app.add_option("run", options->run)->required();
                app.add_option("--format", options->format)
                    ->check(CLI::IsMember({"md", "html", "json"}));
                app.add_option("-o,--output", options->file);
                app.add_flag("--drills", options->drills);
              },
          .run = [options](Session& session) { return report(session, *options); }};
}

}  // namespace quell::cli
