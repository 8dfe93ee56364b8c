#include "orchestrator/ballast.h"

#include <algorithm>
#include <cstdint>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <utility>

#include "state/owner_lock.h"
#include "state/private_file.h"

namespace quell {
namespace {

constexpr std::uint64_t kBallastBytes = 64U << 20U;
constexpr std::uint64_t kPartOfFree = 32;  // of a small disk only so much
constexpr std::uint64_t kJournalRoomBytes = 8U << 20U;

/// Bytes that this user may still write in `folder`; all of them where nobody can tell.
std::uint64_t free_bytes(const std::string& folder) {
  struct statvfs found {};
  if (statvfs(folder.c_str(), &found) != 0) return UINT64_MAX;
  return static_cast<std::uint64_t>(found.f_bavail) * found.f_frsize;
}

}  // namespace

std::string ballast_path(const std::string& database) {
  std::string path = owner_lock_path(database);
  path.replace(path.rfind('.'), std::string::npos, ".ballast");
  return path;
}

void take_ballast(const std::string& path) {
  const std::uint64_t size = std::min(kBallastBytes, free_bytes(folder_of(path)) / kPartOfFree);
  const FileDescriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) return;  // it is there already
  if (posix_fallocate(file.get(), 0, static_cast<off_t>(size)) != 0) ::unlink(path.c_str());
}

bool is_room_for_journal_only(const std::string& folder) {
  return free_bytes(folder) < kJournalRoomBytes;
}

Result<Tip> BallastedJournal::append(std::span<const Entry> entries) {
  Result<Tip> tip = below_.append(entries);
  // Any failure to write may be a want of room; without ballast the first answer stands.
  if (tip || ::unlink(ballast_.c_str()) != 0) return tip;
  Result<Tip> again = below_.append(entries);
  if (again && told_) told_("the disk is full; the journal goes on in the room of " + ballast_);
  return again;
}

}  // namespace quell
