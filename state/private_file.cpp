#include "state/private_file.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "state/base/assert.h"
#include "state/private_file_writer.h"

namespace quell {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kOwnerFolder = S_IRWXU;
constexpr mode_t kGroupAndOthers = S_IRWXG | S_IRWXO;
constexpr std::size_t kPathPartsMax = 256;

/// The system's words for `code`, without the thread-unsafe strerror.
std::string system_words(int code) {
  return std::error_code(code, std::generic_category()).message();
}

Error file_error(std::string_view what, const std::string& path, int code) {
  if (is_out_of_room(code)) {
    return wrap(fmt::format("cannot {} {}", what, path), out_of_room(code, folder_of(path)));
  }
  return make_error(ErrorCode::invalid, "state",
                    fmt::format("cannot {} {}: {}", what, path, system_words(code)),
                    fmt::format("run as the user who owns {}", folder_of(path)));
}

Status write_all(const FileDescriptor& file, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return file_error("write", path, written < 0 ? errno : EIO);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return ok();
}

bool others_may_write(const struct stat& folder) {
  if ((folder.st_mode & S_ISVTX) != 0) return false;
  if ((folder.st_mode & S_IWOTH) != 0) return true;
  return (folder.st_mode & S_IWGRP) != 0 && folder.st_gid != 0 && folder.st_gid != ::getegid();
}

Status check_folders_above(const fs::path& file) {
  fs::path folder = file.parent_path();
  for (std::size_t part = 0; part < kPathPartsMax; ++part) {
    struct stat found {};
    if (::stat(folder.c_str(), &found) != 0) {
      // What does not exist yet cannot be written to; its parents still can.
      if (errno != ENOENT) return file_error("look at", folder.string(), errno);
    } else if (others_may_write(found)) {
      return make_error(ErrorCode::invalid, "state",
                        fmt::format("others may write to {}, which is on the path of {}",
                                    folder.string(), file.string()),
                        fmt::format("chmod go-w {}", folder.string()));
    }
    if (folder == folder.root_path()) return ok();
    folder = folder.parent_path();
  }
  return make_error(ErrorCode::invalid, "state", fmt::format("{} is too deep", file.string()),
                    "use a shorter path");
}

/// Content of an open file, read into memory that is wiped.
Result<Secret> read_all(const FileDescriptor& file, std::size_t bytes_max,
                        const std::string& path) {
  std::string buffer(bytes_max + 1, '\0');
  std::size_t used = 0;
  while (used < buffer.size()) {
    const ssize_t got = ::read(file.get(), buffer.data() + used, buffer.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int code = errno;
      wipe(buffer);
      return file_error("read", path, code);
    }
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
  }
  if (used > bytes_max) {
    wipe(buffer);
    return make_error(ErrorCode::invalid, "secret",
                      fmt::format("{} is longer than {} bytes", path, bytes_max),
                      "check that it is the right file");
  }
  Secret content = Secret::copy_of(std::string_view(buffer).substr(0, used));
  wipe(buffer);
  return content;
}

}  // namespace

bool is_out_of_room(int system_code) noexcept {
  return system_code == ENOSPC || system_code == EDQUOT || system_code == EFBIG;
}

Error out_of_room(int system_code, const std::string& folder) {
  if (system_code == EFBIG) {
    return make_error(ErrorCode::transient, "state", "the limit on file sizes is reached",
                      fmt::format("raise it for files in {} (ulimit -f)", folder));
  }
  return make_error(ErrorCode::transient, "state", "the disk is full",
                    fmt::format("free space on {}", folder));
}

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) ::close(fd_);
}

FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)) {}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

std::string folder_of(const std::string& path) {
  const std::string folder = fs::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

Status make_private_folder(const std::string& folder) {
  std::error_code failed;
  const fs::path wanted = fs::absolute(folder, failed);
  if (failed) return file_error("find", folder, failed.value());
  std::vector<fs::path> missing;
  for (fs::path at = wanted; !at.empty() && !fs::exists(at, failed); at = at.parent_path()) {
    if (missing.size() >= kPathPartsMax) return file_error("make", folder, ENAMETOOLONG);
    missing.push_back(at);
  }
  for (auto at = missing.rbegin(); at != missing.rend(); ++at) {
    if (at->filename().empty()) continue;  // "a/b/" names a/b twice
    if (::mkdir(at->c_str(), kOwnerFolder) != 0 && errno != EEXIST) {
      return file_error("make", at->string(), errno);
    }
    if (Status synced = sync_folder(folder_of(at->string())); !synced) return synced;
  }
  return check_folders((wanted / "file").string());
}

Status check_folders(const std::string& path) {
  std::error_code failed;
  const fs::path written = fs::absolute(path, failed).lexically_normal();
  if (failed) return file_error("find", path, failed.value());
  if (Status above = check_folders_above(written); !above) return above;
  const fs::path real = fs::weakly_canonical(written, failed);
  if (failed) return file_error("find", path, failed.value());
  if (real == written) return ok();
  return check_folders_above(real);
}

Status check_private(const FileDescriptor& file, const std::string& path) {
  struct stat found {};
  if (::fstat(file.get(), &found) != 0) return file_error("look at", path, errno);
  if (!S_ISREG(found.st_mode)) {
    return make_error(ErrorCode::invalid, "state", fmt::format("{} is not a regular file", path),
                      "name a file");
  }
  if (found.st_uid != 0 && found.st_uid != ::geteuid()) {
    return make_error(ErrorCode::invalid, "state",
                      fmt::format("{} belongs to user {}, not to us", path, found.st_uid),
                      fmt::format("chown {} {}", ::geteuid(), path));
  }
  if ((found.st_mode & kGroupAndOthers) != 0) {
    return make_error(
        ErrorCode::invalid, "state",
        fmt::format("group or others can open {} (mode {:04o})", path, found.st_mode & 07777U),
        fmt::format("chmod 600 {}", path));
  }
  return ok();
}

Status check_trusted(const FileDescriptor& file, const std::string& path) {
  struct stat found {};
  if (::fstat(file.get(), &found) != 0) return file_error("look at", path, errno);
  if (found.st_uid != 0 && found.st_uid != ::geteuid()) {
    return make_error(ErrorCode::invalid, "state",
                      fmt::format("{} belongs to user {}, not to us", path, found.st_uid),
                      fmt::format("chown {} {}", ::geteuid(), path));
  }
  if (others_may_write(found)) {
    return make_error(ErrorCode::invalid, "state", fmt::format("others may write to {}", path),
                      fmt::format("chmod go-w {}", path));
  }
  return check_folders(path);
}

Result<std::optional<Secret>> read_private_file(const std::string& path, std::size_t bytes_max) {
  // O_NONBLOCK: a pipe put in its place must not hang us before the check refuses it.
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) {
    if (errno == ENOENT) return std::optional<Secret>();
    return file_error("open", path, errno);
  }
  if (Status checked = check_private(file, path); !checked) return checked.error();
  if (Status above = check_folders(path); !above) return above.error();
  Result<Secret> content = read_all(file, bytes_max, path);
  if (!content) return content.error();
  return std::optional<Secret>(std::move(*content));
}

Status create_private_file(const std::string& path, std::string_view bytes, Random& random) {
  const auto file = PrivateFileWriter::open(path, random);
  if (!file) return file.error();
  if (Status written = (*file)->write(bytes); !written) return written;
  return (*file)->finish();
}

Status destroy_private_file(const std::string& path) {
  const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file.valid()) {
    if (errno == ENOENT) return ok();
    return file_error("open", path, errno);
  }
  struct stat found {};
  if (::fstat(file.get(), &found) != 0) return file_error("look at", path, errno);
  if (!S_ISREG(found.st_mode)) return file_error("destroy", path, EINVAL);
  const std::string zeros(static_cast<std::size_t>(found.st_size), '\0');
  if (Status wiped = write_all(file, zeros, path); !wiped) return wiped;
  if (::fsync(file.get()) != 0) return file_error("write", path, errno);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return file_error("remove", path, errno);
  return sync_folder(folder_of(path));
}

Status sync_folder(const std::string& folder) {
  const FileDescriptor at(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!at.valid()) return file_error("open", folder, errno);
  // Some file systems cannot sync a folder and say EINVAL; there is nothing better to do on them.
  if (::fsync(at.get()) != 0 && errno != EINVAL) return file_error("sync", folder, errno);
  return ok();
}

}  // namespace quell
