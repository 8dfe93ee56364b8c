#include "orchestrator/engine/fold.h"

#include <set>
#include <utility>

#include "orchestrator/engine/decisions.h"
#include "orchestrator/engine/run_inputs.h"

namespace quell {

Result<Folded> fold_journal(Journal& journal, SecretStore* secrets,
                            const PlaybookLoader& load_playbook, const ConnectorSet& connectors) {
  Folded folded;
  std::set<RunId> unreadable;
  const Status read = journal.read(0, [&](const StoredEntry& stored) -> Status {
    const Entry& entry = stored.entry;
    if (entry.run.number == 0) return ok();
    if (entry.kind == EntryKind::run_started) {
      folded.last = entry.run;
      const std::string id = entry.body["playbook"].string_or("");
      std::map<std::string, std::string> called;
      if (const Value& sources = entry.body["called"]; sources.is_map()) {
        for (const auto& [name, source] : sources.as_map()) called[name] = source.string_or("");
      }
      const Result<std::shared_ptr<const Playbook>> playbook =
          load_playbook(entry.body["source"].string_or(""), id, called);
      if (!playbook) {
        unreadable.insert(entry.run);
        folded.unreadable.push_back(
            to_string(entry.run) + ": its playbook " + id +
            " does not load with these connections: " + describe(playbook.error()));
        return ok();
      }
      RunState run = begin_run(entry, *playbook,
                               open_inputs(entry.body["inputs"], **playbook, entry.run, secrets));
      run.digest = plan_digest(run, connectors);
      run.last_seq = stored.seq;
      folded.runs.insert_or_assign(entry.run, std::move(run));
      return ok();
    }
    if (unreadable.contains(entry.run)) return ok();
    const auto run = folded.runs.find(entry.run);
    if (run == folded.runs.end()) {
      return make_error(ErrorCode::corrupt, "entry " + std::to_string(stored.seq) +
                                                " belongs to a run that never started");
    }
    apply(run->second, entry, connectors);
    run->second.last_seq = stored.seq;
    return ok();
  });
  if (!read) return read.error();
  return folded;
}

}  // namespace quell
