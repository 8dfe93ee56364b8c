#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/report/byte_sink.h"
#include "state/base/result.h"

namespace quell {

/// Encrypts a stream to certificates: CMS AuthEnvelopedData with AES-256-GCM (RFC 5083, RFC 5084),
/// DER, as `openssl cms -decrypt -binary -inform DER` reads it (threat T45). Nothing is held but a
/// block.
class Envelope {
 public:
  /// `certificates` are PEM files, at least one. Error topic "evidence" names the one that cannot
  /// be read or cannot be encrypted to.
  static Result<std::unique_ptr<Envelope>> open(const std::vector<std::string>& certificates,
                                                ByteSink sink);
  ~Envelope();
  Envelope(const Envelope&) = delete;
  Envelope& operator=(const Envelope&) = delete;

  Status write(std::string_view bytes);
  /// What was written counts only after this: the tag comes last.
  Status finish();

 private:
  struct State;
  explicit Envelope(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace quell
