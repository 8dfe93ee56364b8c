#include "state/owner_lock.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

namespace quell {
namespace {

// Whoever asks for the owner holds a shared lock for an instant; a new owner outwaits that.
constexpr int kTriesMax = 5;
constexpr std::chrono::milliseconds kBetweenTries{10};
constexpr std::size_t kPidDigitsMax = 20;

std::string beside(const std::string& database_path, std::string_view ending) {
  std::filesystem::path path(database_path);
  path.replace_extension(ending);
  return path.string();
}

Error lock_error(const std::string& path, int code) {
  const std::string folder = folder_of(path);
  if (is_out_of_room(code)) return out_of_room(code, folder);
  const bool closed = code == EACCES || code == EPERM || code == EROFS || code == ENOTDIR;
  return make_error(ErrorCode::invalid, "state",
                    closed ? fmt::format("the state directory {} is not writable", folder)
                           : fmt::format("cannot use {}: {}", path,
                                         std::error_code(code, std::generic_category()).message()),
                    "run as the user who owns it, or set state.sqlite");
}

bool same_file(const FileDescriptor& file, const std::string& path) {
  struct stat held {};
  struct stat named {};
  return ::fstat(file.get(), &held) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

pid_t read_pid(const FileDescriptor& file) {
  std::array<char, kPidDigitsMax> digits{};
  const ssize_t got = ::pread(file.get(), digits.data(), digits.size(), 0);
  if (got <= 0) return 0;
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + got, pid);
  return error == std::errc{} && pid > 0 ? pid : 0;
}

}  // namespace

std::string owner_lock_path(const std::string& database_path) {
  return beside(database_path, ".lock");
}

std::string owner_socket_path(const std::string& database_path) {
  return beside(database_path, ".sock");
}

Result<OwnerLock> OwnerLock::acquire(const std::string& database_path) {
  const std::string path = owner_lock_path(database_path);
  if (Status made = make_private_folder(folder_of(path)); !made) {
    Error error = wrap(fmt::format("the state directory {} cannot be used", folder_of(path)),
                       std::move(made).error());
    error.hint += ", or set state.sqlite";
    return error;
  }
  pid_t owner = 0;
  for (int attempt = 0; attempt < kTriesMax; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(kBetweenTries);
    FileDescriptor file(
        ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
    if (!file.valid()) return lock_error(path, errno);
    if (Status checked = check_private(file, path); !checked) return checked.error();
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK && errno != EINTR) return lock_error(path, errno);
      owner = read_pid(file);
      continue;
    }
    if (!same_file(file, path)) continue;  // removed while we took it
    const std::string pid = std::to_string(::getpid()) + "\n";
    if (::ftruncate(file.get(), 0) != 0 ||
        ::pwrite(file.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
      return lock_error(path, errno);
    }
    return OwnerLock(std::move(file), path);
  }
  return make_error(
      ErrorCode::conflict, "locked",
      owner > 0 ? fmt::format("process {} owns {}", owner, database_path)
                : fmt::format("another process owns {}", database_path),
      fmt::format("work through it: it listens at {}", owner_socket_path(database_path)));
}

bool OwnerLock::still_held() const { return file_.valid() && same_file(file_, path_); }

Result<std::optional<pid_t>> owner_of(const std::string& database_path) {
  const std::string path = owner_lock_path(database_path);
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file.valid()) {
    if (errno == ENOENT) return std::optional<pid_t>();
    return lock_error(path, errno);
  }
  // Shared, so that two who ask do not see each other.
  if (::flock(file.get(), LOCK_SH | LOCK_NB) == 0) return std::optional<pid_t>();
  if (errno != EWOULDBLOCK) return lock_error(path, errno);
  return std::optional<pid_t>(read_pid(file));
}

}  // namespace quell
