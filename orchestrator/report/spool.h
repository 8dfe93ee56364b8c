#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "state/base/result.h"
#include "state/base/sha256.h"
#include "state/private_file.h"

namespace quell {

/// What is longer than memory should hold: filled in order, then read in order from its start. It
/// lies in a file without a name, so that nothing of it is left when the process dies.
class Spool {
 public:
  /// In `folder`, which is made if it is missing. Errors: topic "state".
  static Result<std::unique_ptr<Spool>> open(const std::string& folder);

  Status write(std::string_view bytes);
  /// The next piece, 64 KiB at most; empty at the end.
  Result<std::string> read();

  std::int64_t bytes() const noexcept { return bytes_; }
  /// SHA-256 of all that was written, in hex.
  std::string sha256() const { return hash_.hex(); }

 private:
  Spool(std::string folder, FileDescriptor file);

  std::string folder_;
  FileDescriptor file_;
  Sha256 hash_{};
  std::int64_t bytes_ = 0;
  std::int64_t read_ = 0;
};

/// The Repr-Digest field of what has that SHA-256 (64 hex digits): `sha-256=:...:` (RFC 9530 section
/// 3).
std::string repr_digest(std::string_view sha256_hex);

}  // namespace quell
