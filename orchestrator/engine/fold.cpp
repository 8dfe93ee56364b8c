#include "orchestrator/engine/fold.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "orchestrator/engine/decisions.h"
#include "orchestrator/engine/run_inputs.h"
#include "state/base/bytes.h"

namespace quell {
JournalFold::JournalFold(SecretStore* secrets, PlaybookLoader load_playbook,
                         const ConnectorSet& connectors)
    : secrets_(secrets), load_playbook_(std::move(load_playbook)), connectors_(connectors) {}

Status JournalFold::take(const StoredEntry& stored) {
  const Entry& entry = stored.entry;
  if (entry.run.number == 0) return ok();
  if (entry.kind == EntryKind::run_started) {
    begin(stored);
    return ok();
  }
  if (folded_.unreadable.contains(entry.run)) return ok();
  const auto run = folded_.runs.find(entry.run);
  if (run == folded_.runs.end()) {
    return make_error(ErrorCode::corrupt, "entry " + std::to_string(stored.seq) +
                                              " belongs to a run that never started");
  }
  apply(run->second, entry, connectors_);
  run->second.last_seq = stored.seq;
  return ok();
}

void JournalFold::forget(RunId run) {
  folded_.runs.erase(run);
  folded_.unreadable.erase(run);
}

Folded JournalFold::end(RunId last) {
  folded_.last = last;
  return std::move(folded_);
}

void JournalFold::begin(const StoredEntry& stored) {
  const Entry& entry = stored.entry;
  const std::string id = entry.body["playbook"].string_or("");
  std::map<std::string, std::string> called;
  if (const Value& sources = entry.body["called"]; sources.is_map()) {
    for (const auto& [name, source] : sources.as_map()) called[name] = source.string_or("");
  }
  const Result<std::shared_ptr<const Playbook>> playbook =
      load_playbook_(entry.body["source"].string_or(""), id, called);
  if (!playbook) {
    folded_.unreadable[entry.run] =
        to_string(entry.run) + ": its playbook " + id +
        " does not load with these connections: " + describe(playbook.error());
    return;
  }
  RunState run = begin_run(entry, *playbook,
                           open_inputs(entry.body["inputs"], **playbook, entry.run, secrets_));
  run.digest = plan_digest(run, connectors_);
  run.last_seq = stored.seq;
  folded_.runs.insert_or_assign(entry.run, std::move(run));
}

namespace {

/// Folds the runs of which `is_wanted` holds, from the entries behind `after`. `last` is that of
/// the entries before.
template <typename IsWanted>
Result<Folded> fold_where(Journal& journal, std::uint64_t after, RunId last, JournalFold folding,
                          const IsWanted& is_wanted) {
  const Status read = journal.read_some(
      after,
      [&](const EntryLabel& label) {
        if (label.kind == EntryKind::run_started) last = label.run;
        return is_wanted(label.run);
      },
      [&](const StoredEntry& stored) { return folding.take(stored); });
  if (!read) return read.error();
  return folding.end(last);
}

}  // namespace

Result<Folded> fold_journal(Journal& journal, SecretStore* secrets,
                            const PlaybookLoader& load_playbook, const ConnectorSet& connectors) {
  return fold_where(journal, 0, RunId{}, JournalFold(secrets, load_playbook, connectors),
                    [](RunId) { return true; });
}

namespace {

/// What labels alone tell of the runs that are not over.
struct OpenRuns {
  std::map<RunId, std::uint64_t> begun{};  // and the number of its first entry
  RunId last{};                            // of all, over or not
};

Result<OpenRuns> find_open_runs(Journal& journal) {
  OpenRuns open;
  std::set<RunId> finished;
  std::set<RunId> watched;
  const Status looked = journal.read_some(
      0,
      [&](const EntryLabel& label) {
        if (label.kind == EntryKind::run_started) {
          open.begun.emplace(label.run, label.seq);
          open.last = label.run;
        } else if (label.kind == EntryKind::run_finished) {
          finished.insert(label.run);
        } else if (label.kind == EntryKind::watch_started) {
          watched.insert(label.run);
        } else if (label.kind == EntryKind::watch_finished) {
          watched.erase(label.run);
        }
        return false;
      },
      [](const StoredEntry&) { return ok(); });
  if (!looked) return looked.error();
  std::erase_if(open.begun, [&](const auto& run) {
    return finished.contains(run.first) && !watched.contains(run.first);
  });
  return open;
}

}  // namespace

Result<std::set<RunId>> unfinished_runs(Journal& journal) {
  const Result<OpenRuns> open = find_open_runs(journal);
  if (!open) return open.error();
  std::set<RunId> runs;
  for (const auto& [id, seq] : open->begun) runs.insert(id);
  return runs;
}

Result<Folded> fold_unfinished(Journal& journal, SecretStore* secrets,
                               const PlaybookLoader& load_playbook,
                               const ConnectorSet& connectors) {
  const Result<OpenRuns> open = find_open_runs(journal);
  if (!open) return open.error();
  JournalFold folding(secrets, load_playbook, connectors);
  if (open->begun.empty()) return folding.end(open->last);
  std::uint64_t first = open->begun.begin()->second;
  for (const auto& [id, seq] : open->begun) first = std::min(first, seq);
  return fold_where(journal, first - 1, open->last, std::move(folding),
                    [&begun = open->begun](RunId run) { return begun.contains(run); });
}

Result<Folded> fold_run(Journal& journal, RunId id, SecretStore* secrets,
                        const PlaybookLoader& load_playbook, const ConnectorSet& connectors) {
  return fold_where(journal, 0, RunId{}, JournalFold(secrets, load_playbook, connectors),
                    [id](RunId run) { return run == id; });
}

Error no_such_run(std::string_view name) {
  const bool looks_right = name.size() > 1 && (name.front() == 'r' || name.front() == 'd');
  return make_error(ErrorCode::invalid, "run",
                    looks_right ? "no run has the id " + escape_untrusted(name) +
                                      "; its check letter may be wrong."
                                : "that is no run id.",
                    "quell runs lists them");
}

Result<RunState> fold_named(Journal& journal, std::string_view name,
                            const PlaybookLoader& load_playbook, const ConnectorSet& connectors) {
  RunId id;
  if (const std::optional<RunId> whole = parse_run_id(name)) {
    id = *whole;
  } else {
    const auto [end, fault] = std::from_chars(name.data(), name.data() + name.size(), id.number);
    const bool is_number = fault == std::errc{} && end == name.data() + name.size();
    if (!is_number && name != "last") return no_such_run(name);
    const Status looked = journal.read_some(
        0,
        [&](const EntryLabel& label) {
          if (label.kind == EntryKind::run_started && (!is_number || label.run.number == id.number))
            id = label.run;
          return false;
        },
        [](const StoredEntry&) { return ok(); });
    if (!looked) return looked.error();
  }
  Result<Folded> folded = fold_run(journal, id, nullptr, load_playbook, connectors);
  if (!folded) return folded.error();
  if (!folded->unreadable.empty())
    return make_error(ErrorCode::conflict, "run", folded->unreadable.begin()->second,
                      "quell journal show --run " + to_string(id));
  if (folded->runs.empty()) return no_such_run(name);
  return std::move(folded->runs.begin()->second);
}

Result<std::uint64_t> last_before(Journal& journal, Timestamp since) {
  const Result<Tip> tip = journal.tip();
  if (!tip) return tip.error();
  std::uint64_t before = 0;
  std::uint64_t from = tip->seq + 1;  // no entry below it is known to be late enough
  while (before + 1 < from) {
    const std::uint64_t middle = before + (from - before) / 2;
    std::optional<Timestamp> at;
    const Status read = journal.read(middle - 1, [&](const StoredEntry& stored) -> Status {
      at = stored.entry.at;
      return make_error(ErrorCode::conflict, "one is enough");
    });
    if (!at) return read.error();
    (*at < since ? before : from) = middle;
  }
  return before;
}

Result<Folded> fold_since(Journal& journal, Timestamp since, SecretStore* secrets,
                          const PlaybookLoader& load_playbook, const ConnectorSet& connectors) {
  const Result<std::uint64_t> before = last_before(journal, since);
  if (!before) return before.error();
  std::set<RunId> wanted;
  const Status looked = journal.read_some(
      *before,
      [&](const EntryLabel& label) {
        if (label.kind == EntryKind::run_started) wanted.insert(label.run);
        return false;
      },
      [](const StoredEntry&) { return ok(); });
  if (!looked) return looked.error();
  return fold_where(journal, *before, RunId{}, JournalFold(secrets, load_playbook, connectors),
                    [&wanted](RunId run) { return wanted.contains(run); });
}

}  // namespace quell
