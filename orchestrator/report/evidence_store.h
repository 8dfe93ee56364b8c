#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "connectors/evidence.h"
#include "orchestrator/report/evidence_limits.h"
#include "state/base/result.h"
#include "state/model/ids.h"

namespace quell {

/// A file of collected evidence as its manifest tells it.
struct CollectedFile {
  std::string step{};  // STEP or STEP/ITEM that collected it
  std::string kind{};
  std::string subject{};
  EvidenceFile file{};
};

/// The folder of what one run collected: `RUN/collected` below the folder of evidence.
std::string collected_folder(const std::string& evidence_folder, RunId run);

/// What lies there, in the order in which it was begun; nothing when nothing does. Error `corrupt`
/// names the line of a manifest that cannot be read.
Result<std::vector<CollectedFile>> read_collected(const std::string& folder);

/// Writes what steps collect: JSON lines, hashed while they are written, under names of quell's own
/// (threat T46). `manifest.jsonl` beside them says after each page how far each file has come, so
/// that whoever goes on after a kill cuts off what is more than that. A file is durable when it
/// ends. One thread, one process.
class EvidenceStore {
 public:
  EvidenceStore(std::string evidence_folder, EvidenceLimits limits);
  ~EvidenceStore();

  /// Carries out `op` for the step of that name. Error topic "room" past a limit and on a full
  /// disk: nothing more is written, what is there stays and `ends_file` still works.
  Result<EvidenceFile> file(RunId run, const std::string& step, FileOp op);

 private:
  struct Entry;
  struct Run;

  Result<Run*> open(RunId run);
  Result<Entry*> entry_of(Run& run, const std::string& step, const FileOp& op);
  Status settle(Run& run, Entry& entry);
  Status append(Run& run, Entry& entry, FileOp op);
  Status write_row(Run& run, const Entry& entry, const FileOp& op);

  std::string folder_;
  EvidenceLimits limits_;
  std::map<RunId, std::shared_ptr<Run>> runs_{};
};

}  // namespace quell
