#include "orchestrator/report/bundle.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "orchestrator/report/run_document.h"
#include "state/base/bytes.h"
#include "state/base/json.h"

namespace quell {
namespace {

constexpr mode_t kFolderMode = 0700;
constexpr mode_t kFileMode = 0600;

Error cannot_write(const std::string& path) {
  return make_error(ErrorCode::invalid, "state", path + " cannot be written.",
                    "free space there, or make it writable for this user");
}

Status write_file(const std::string& path, const std::string& content) {
  const std::string fresh = path + ".new";
  unlink(fresh.c_str());
  const int file =
      open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kFileMode);
  if (file < 0) return cannot_write(path);
  std::size_t at = 0;
  bool good = true;
  while (good && at < content.size()) {
    const ssize_t wrote = write(file, content.data() + at, content.size() - at);
    if (wrote < 0 && errno == EINTR) continue;
    good = wrote > 0;
    if (good) at += static_cast<std::size_t>(wrote);
  }
  good = good && fsync(file) == 0;
  good = close(file) == 0 && good;
  if (!good || std::rename(fresh.c_str(), path.c_str()) != 0) {
    unlink(fresh.c_str());
    return cannot_write(path);
  }
  return ok();
}

}  // namespace

std::string journal_line(const StoredEntry& stored) {
  return "{\"seq\":" + std::to_string(stored.seq) + ",\"hash\":\"" + hex_encode(stored.hash) +
         "\",\"entry\":" + stored.bytes + "}";
}

Result<std::string> write_bundle(const std::string& folder, const RunState& run,
                                 const ConnectorSet& connectors, Journal& journal) {
  const std::string target = folder + "/" + to_string(run.id);
  std::error_code failed;
  std::filesystem::create_directories(target, failed);
  if (failed || chmod(folder.c_str(), kFolderMode) != 0 || chmod(target.c_str(), kFolderMode) != 0)
    return cannot_write(target);
  std::string excerpt;
  const auto is_asked = [&](const EntryLabel& label) { return label.run == run.id; };
  const Status read = journal.read_some(0, is_asked, [&](const StoredEntry& stored) {
    excerpt += journal_line(stored) + '\n';
    return ok();
  });
  if (!read) return read.error();
  if (Status wrote = write_file(target + "/journal.jsonl", excerpt); !wrote) return wrote.error();
  if (Status wrote =
          write_file(target + "/run.json", to_pretty_json(run_document(run, connectors)) + "\n");
      !wrote)
    return wrote.error();
  return target;
}

}  // namespace quell
