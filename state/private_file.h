#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "state/base/random.h"
#include "state/base/result.h"
#include "state/base/secret.h"

namespace quell {

/// Owns one descriptor.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept;
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  int get() const noexcept { return fd_; }
  bool valid() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// True for a system error that says that a write found no room: a full disk, a quota, a limit on
/// the size of files.
bool is_out_of_room(int system_code) noexcept;
/// What to say of it, for files in `folder`; code `transient`, topic "state".
Error out_of_room(int system_code, const std::string& folder);

/// The folder that holds `path`; "." for a bare name.
std::string folder_of(const std::string& path);

/// Makes the folder and its missing parents with mode 0700 whatever the umask is, then checks them
/// as `check_folders` does.
Status make_private_folder(const std::string& folder);

/// Refuses a file whose folder, or any folder above it, somebody else may write to: all users, or a
/// group that is neither root's nor ours, without the sticky bit. Both the path as written and the
/// path behind symbolic links are walked.
Status check_folders(const std::string& path);

/// Refuses an open file that is not regular, is owned by somebody other than root and us, or that
/// group or others can touch. `path` only names it in the message.
Status check_private(const FileDescriptor& file, const std::string& path);

/// Refuses an open file that somebody other than root and us could have written, by its owner, its
/// mode or a folder above it (threat T24). `path` names it in the message and leads to its folders.
Status check_trusted(const FileDescriptor& file, const std::string& path);

/// The content of a file that only its owner can read (threat model section 4, "Files"); nothing
/// when it does not exist. Symbolic links are followed, since secrets are mounted through them;
/// what was opened is checked.
Result<std::optional<Secret>> read_private_file(const std::string& path, std::size_t bytes_max);

/// Writes a new file of mode 0600 so that it is either there in full or not at all, and durable on
/// return. `conflict` when `path` exists.
Status create_private_file(const std::string& path, std::string_view bytes, Random& random);

/// Overwrites, unlinks and syncs; a file that is not there is fine. Copies that a file system or a
/// disk keeps by itself are out of reach.
Status destroy_private_file(const std::string& path);

/// Makes the names in `folder` durable.
Status sync_folder(const std::string& folder);

}  // namespace quell
