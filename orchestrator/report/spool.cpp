#include "orchestrator/report/spool.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "state/base/bytes.h"

namespace quell {
namespace {

constexpr std::int64_t kPieceBytes = 64U << 10U;
constexpr mode_t kOwnerOnly = S_IRUSR | S_IWUSR;

Error cannot_use(const std::string& folder, int code) {
  if (is_out_of_room(code)) return out_of_room(code, folder);
  return make_error(ErrorCode::transient, "state", "a file in " + folder + " cannot be used.",
                    "look at the folder's mode and the disk");
}

/// Some file systems have no files without a name: there it has one for a moment.
FileDescriptor nameless_file(const std::string& folder) {
  FileDescriptor file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, kOwnerOnly));
  if (file.valid() || (errno != EOPNOTSUPP && errno != EISDIR)) return file;
  std::string name = folder + "/spool-XXXXXX";
  file = FileDescriptor(::mkostemp(name.data(), O_CLOEXEC));  // mode 0600
  if (file.valid()) ::unlink(name.c_str());
  return file;
}

}  // namespace

Spool::Spool(std::string folder, FileDescriptor file)
    : folder_(std::move(folder)), file_(std::move(file)) {}

Result<std::unique_ptr<Spool>> Spool::open(const std::string& folder) {
  if (Status made = make_private_folder(folder); !made) return made.error();
  FileDescriptor file = nameless_file(folder);
  if (!file.valid()) return cannot_use(folder, errno);
  return std::unique_ptr<Spool>(new Spool(folder, std::move(file)));
}

Status Spool::write(std::string_view bytes) {
  hash_.update(bytes);
  while (!bytes.empty()) {
    const ssize_t wrote = ::pwrite(file_.get(), bytes.data(), bytes.size(), bytes_);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return cannot_use(folder_, wrote < 0 ? errno : EIO);
    bytes_ += wrote;
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return ok();
}

Result<std::string> Spool::read() {
  std::string piece(static_cast<std::size_t>(std::min(kPieceBytes, bytes_ - read_)), '\0');
  std::size_t got = 0;
  while (got < piece.size()) {
    const ssize_t some = ::pread(file_.get(), piece.data() + got, piece.size() - got, read_);
    if (some < 0 && errno == EINTR) continue;
    if (some <= 0) return cannot_use(folder_, some < 0 ? errno : EIO);
    got += static_cast<std::size_t>(some);
    read_ += some;
  }
  return piece;
}

std::string repr_digest(std::string_view sha256_hex) {
  return "sha-256=:" + base64_encode(hex_decode(sha256_hex).value_or("")) + ":";
}

}  // namespace quell
