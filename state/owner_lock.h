#pragma once

#include <optional>
#include <string>
#include <sys/types.h>

#include "state/base/result.h"
#include "state/private_file.h"

namespace quell {

/// `quell.lock` for `quell.db`: beside the database, with the ending changed.
std::string owner_lock_path(const std::string& database_path);
/// `quell.sock` for `quell.db`; the owner serves its commands there.
std::string owner_socket_path(const std::string& database_path);

/// Who owns a SQLite state: the one process that holds this. The kernel lets go of it when the
/// process dies, however it dies.
class OwnerLock {
 public:
  /// `conflict` with topic `locked` while another process is the owner. Makes the folder (0700) and
  /// the file (0600); the file stays when the lock is let go.
  static Result<OwnerLock> acquire(const std::string& database_path);

  /// False once somebody put another file in the lock's place: then two could own the state, so a
  /// sender asks before it sends (threat T50).
  bool still_held() const;

 private:
  OwnerLock(FileDescriptor file, std::string path)
      : file_(std::move(file)), path_(std::move(path)) {}

  FileDescriptor file_;
  std::string path_;
};

/// The process that owns the state now, or nothing. 0: somebody does, and has not said who yet.
Result<std::optional<pid_t>> owner_of(const std::string& database_path);

}  // namespace quell
