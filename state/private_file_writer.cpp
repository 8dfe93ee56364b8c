#include "state/private_file_writer.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace quell {
namespace {

constexpr mode_t kOwnerOnly = S_IRUSR | S_IWUSR;
constexpr std::size_t kTemporaryNameBytes = 8;

Error cannot_write(const std::string& path, int code) {
  if (is_out_of_room(code)) return out_of_room(code, folder_of(path));
  return make_error(ErrorCode::invalid, "state", path + " cannot be written.",
                    "name a file in a folder that this user may write to");
}

Error is_there(const std::string& path) {
  return make_error(ErrorCode::conflict, "state", path + " exists already", "move it away first");
}

}  // namespace

PrivateFileWriter::PrivateFileWriter(std::string path, std::string temporary, FileDescriptor file)
    : path_(std::move(path)), temporary_(std::move(temporary)), file_(std::move(file)) {}

PrivateFileWriter::~PrivateFileWriter() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<std::unique_ptr<PrivateFileWriter>> PrivateFileWriter::open(const std::string& path,
                                                                   Random& random) {
  if (Status made = make_private_folder(folder_of(path)); !made) return made.error();
  if (::access(path.c_str(), F_OK) == 0) return is_there(path);
  std::string temporary = path + "." + random.hex(kTemporaryNameBytes) + ".new";
  FileDescriptor file(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kOwnerOnly));
  if (!file.valid()) return cannot_write(temporary, errno);
  return std::unique_ptr<PrivateFileWriter>(
      new PrivateFileWriter(path, std::move(temporary), std::move(file)));
}

Status PrivateFileWriter::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(file_.get(), bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return cannot_write(path_, wrote < 0 ? errno : EIO);
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return ok();
}

Status PrivateFileWriter::finish() {
  if (::fsync(file_.get()) != 0) return cannot_write(path_, errno);
  // A link fails where a rename would replace.
  if (::link(temporary_.c_str(), path_.c_str()) != 0)
    return errno == EEXIST ? is_there(path_) : cannot_write(path_, errno);
  ::unlink(temporary_.c_str());
  temporary_.clear();
  return sync_folder(folder_of(path_));
}

}  // namespace quell
