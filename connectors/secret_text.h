#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "state/base/secret.h"

namespace quell {

/// A secret and the only origins it may be sent to (threats T1, T2, T7). `https://host:port`, as
/// origin_of() spells it.
struct BoundSecret {
  SecretPtr secret{};
  std::vector<std::string> origins{};
};

/// How a secret is written into the text around it.
enum class SecretEncoding : std::uint8_t { raw, form, json };

/// A header value or a body with secrets in it. Connectors compose it without ever seeing the
/// secret bytes; only the transport renders it.
class SecretText {
 public:
  SecretText() = default;
  SecretText(std::string literal);  // NOLINT(google-explicit-constructor)
  SecretText(const char* literal)
      : SecretText(std::string(literal)) {}  // NOLINT(google-explicit-constructor)

  SecretText& append(std::string_view literal);
  SecretText& append(BoundSecret secret, SecretEncoding encoding);
  /// Appends base64 of the rendered `inner` (HTTP Basic).
  SecretText& append_base64(SecretText inner);

  bool empty() const noexcept { return parts_.empty(); }
  bool has_secret() const noexcept;
  /// True when `origin` is allowed for every secret inside.
  bool may_go_to(std::string_view origin) const;
  /// The text with `[secret]` in place of each secret; for plans and tests.
  std::string redacted() const;
  /// The bytes to send. For the transport alone.
  Secret render() const;

 private:
  struct Part {
    std::string literal{};
    BoundSecret secret{};
    SecretEncoding encoding = SecretEncoding::raw;
    std::shared_ptr<const SecretText> base64_of{};
  };
  void render_into(std::string& out) const;
  std::vector<Part> parts_{};
};

}  // namespace quell
