#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace quell {

/// Key material or a token. Moved, never copied, wiped when it dies; it has no formatter, no
/// comparison and no stream operator, so logging one does not compile. Journal and logs carry a
/// fingerprint instead.
class Secret {
 public:
  Secret() = default;
  /// Takes the bytes and wipes the source.
  explicit Secret(std::string&& bytes);
  /// Copies from memory that the caller wipes or does not own.
  static Secret copy_of(std::string_view bytes);
  ~Secret();
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;

  /// The bytes; only the transport, the signers and the sealer may ask (tests/tidy_test.cpp counts
  /// the callers).
  std::string_view reveal() const noexcept { return {bytes_.get(), size_}; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

 private:
  void wipe() noexcept;
  std::unique_ptr<char[]> bytes_{};
  std::size_t size_ = 0;
};

/// Shared by the run that holds it, its probes and its requests in flight.
using SecretPtr = std::shared_ptr<const Secret>;

/// A secret as a value of the playbook language: opaque, shown as `fp:1a2b3c4d`.
struct SecretValue {
  SecretPtr secret{};
  std::string fingerprint{};  // keyed, 32 hex digits; people see the first 8
};

/// `fp:` and the first eight digits.
std::string short_fingerprint(std::string_view fingerprint);

/// Overwrites and empties a buffer that held a secret.
void wipe(std::string& text) noexcept;

}  // namespace quell
