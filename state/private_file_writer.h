#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "state/base/random.h"
#include "state/base/result.h"
#include "state/private_file.h"

namespace quell {

/// Writes a new file of mode 0600 piece by piece. Under its name it is there in full or not at all:
/// what is not finished is removed.
class PrivateFileWriter {
 public:
  /// `conflict` when `path` exists.
  static Result<std::unique_ptr<PrivateFileWriter>> open(const std::string& path, Random& random);
  ~PrivateFileWriter();
  PrivateFileWriter(const PrivateFileWriter&) = delete;
  PrivateFileWriter& operator=(const PrivateFileWriter&) = delete;

  Status write(std::string_view bytes);
  /// Durable on return.
  Status finish();

 private:
  PrivateFileWriter(std::string path, std::string temporary, FileDescriptor file);

  std::string path_;
  std::string temporary_;
  FileDescriptor file_;
};

}  // namespace quell
