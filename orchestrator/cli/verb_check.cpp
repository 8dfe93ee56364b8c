#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "orchestrator/cli/verb.h"
#include "orchestrator/drill/drill_site.h"
#include "orchestrator/drill/scenario.h"
#include "orchestrator/playbook/warnings.h"
#include "orchestrator/playbook_check.h"
#include "orchestrator/playbook_library.h"
#include "state/private_file.h"

namespace quell::cli {
namespace {

constexpr std::string_view kCheckHelp =
    R"(quell check - find every mistake in a playbook before the night does
usage: quell check PLAYBOOK... [--short] [--json]
PLAYBOOK    a path, or the id of a shipped playbook or of one under playbooks:; or the path of a
            drill's scenario
--short     the first line of each finding only
--server    of this machine's files, against the connections of that quell
Exit codes  0 no errors  2 errors, or a file that is not there
Examples    quell check leaked-mcp-oauth
            quell check playbooks/*.yaml --short
)";

struct CheckOptions {
  std::vector<std::string> playbooks{};
  bool short_form = false;
};

/// A drill of the same name: for a playbook that comes with quell among those that do too, else in
/// the folder drills/ beside its file.
bool has_drill(const PlaybookFile& file, const std::string& id) {
  const std::filesystem::path path(file.file);
  const auto named = [&](const auto& shipped) { return shipped.first == id + ".yaml"; };
  if (!path.has_parent_path()) {
    const auto& playbooks = shipped_playbooks();
    const auto& drills = shipped_scenarios();
    const auto own = std::find_if(playbooks.begin(), playbooks.end(), named);
    if (own != playbooks.end() && own->second == file.source)
      return std::any_of(drills.begin(), drills.end(), named);
  }
  std::error_code failed;
  return std::filesystem::is_regular_file(path.parent_path() / "drills" / (id + ".yaml"), failed);
}

/// The loaded file with the warnings that need to look beside it.
LoadResult load_and_warn(const PlaybookFile& file, const ActionCatalog& catalog,
                         const Config& config) {
  LoadResult loaded = load_playbook(file.source, file.file, catalog, others_beside(file, config));
  if (!loaded.playbook) return loaded;
  std::vector<Diagnostic>& all = loaded.diagnostics;
  for (Diagnostic& warning : unreachable_approvals(*loaded.playbook)) {
    all.push_back(std::move(warning));
  }
  if (!has_drill(file, loaded.playbook->id)) {
    all.push_back(no_drill(file.source, loaded.playbook->id));
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Diagnostic& a, const Diagnostic& b) { return a.at.line < b.at.line; });
  return loaded;
}

/// A scenario beside the playbook that it names, as far as that can be found.
LoadResult check_as_scenario(const PlaybookFile& file, const ActionCatalog& catalog,
                             const Config& config) {
  LoadResult rehearsed;
  if (Result<Scenario> scenario = load_scenario(file.source, file.file)) {
    scenario->folder = folder_of(file.file);
    if (const Result<PlaybookFile> own = playbook_of(*scenario))
      rehearsed = load_playbook(own->source, own->file, catalog, others_beside(*own, config));
  }
  const Playbook* const playbook = rehearsed.playbook ? &*rehearsed.playbook : nullptr;
  LoadResult checked;
  checked.diagnostics = check_scenario(file.source, playbook);
  return checked;
}

/// Tells one file's findings; gives how many were errors.
std::int64_t tell(Session& session, const PlaybookFile& file, const LoadResult& loaded,
                  bool short_form) {
  std::int64_t errors = 0;
  std::int64_t warnings = 0;
  bool rehearsed = true;
  for (const Diagnostic& diagnostic : loaded.diagnostics) {
    if (diagnostic.code == "no-drill") rehearsed = false;
    const bool is_error = diagnostic.severity == Diagnostic::Severity::error;
    (is_error ? errors : warnings) += 1;
    if (session.options().json) continue;
    session.out().write(render(diagnostic, file.file, file.source, short_form));
    if (!short_form) session.out().write("\n");
  }
  if (session.options().json) return errors;
  if (errors == 0 && !loaded.playbook) {
    session.out().line(file.file + ": ok, a drill");
  } else if (errors == 0) {
    session.out().line(file.file + ": " + playbook_summary(*loaded.playbook) +
                       (rehearsed ? ", drill of the same name" : "") +
                       (warnings == 0 ? "" : ", " + counted(warnings, "warning")));
  } else {
    session.out().line(
        padded(file.file + ": " + counted(errors, "error") + ", " + counted(warnings, "warning"),
               72) +
        "  exit 2");
  }
  return errors;
}

int check(Session& session, const CheckOptions& options) {
  const std::optional<ConnectorSet> connectors = session.bare_connectors();
  if (!connectors) return kExitNotStarted;
  const ActionCatalog catalog = catalog_of(*connectors);
  std::int64_t errors = 0;
  ValueList files;
  for (const std::string& name : options.playbooks) {
    const Result<PlaybookFile> file = find_playbook(name, *session.config());
    if (!file) return session.fail(file.error());
    const LoadResult loaded = is_scenario(file->source)
                                  ? check_as_scenario(*file, catalog, *session.config())
                                  : load_and_warn(*file, catalog, *session.config());
    const std::int64_t found = tell(session, *file, loaded, options.short_form);
    errors += found;
    ValueList diagnostics;
    for (const Diagnostic& diagnostic : loaded.diagnostics)
      diagnostics.push_back(diagnostic_document(diagnostic));
    files.push_back(Value::map({{"file", file->file},
                                {"ok", found == 0},
                                {"diagnostics", Value(std::move(diagnostics))}}));
  }
  if (session.options().json) session.print_json(Value::map({{"files", Value(std::move(files))}}));
  return errors == 0 ? kExitOk : kExitNotStarted;
}

}  // namespace

Verb check_verb() {
  auto options = std::make_shared<CheckOptions>();
  return {.name = "check",
          .help = kCheckHelp,
          .is_remote = true,
          .declare =
              [options](CLI::App& app) {
                app.add_option("playbooks", options->playbooks)->required();
                app.add_flag("--short", options->short_form);
              },
          .run = [options](Session& session) { return check(session, *options); }};
}

}  // namespace quell::cli
