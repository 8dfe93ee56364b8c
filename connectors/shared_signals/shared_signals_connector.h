#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/connector.h"
#include "state/base/result.h"
#include "state/base/secret.h"

namespace quell {

/// How a receiver knows its people (RFC 9493 section 3).
enum class SubjectFormat : std::uint8_t { email, iss_sub, opaque };
std::string_view to_string(SubjectFormat format) noexcept;
std::optional<SubjectFormat> subject_format_from_string(std::string_view text) noexcept;

/// One who is told.
struct SignalReceiver {
  std::string endpoint{};  // where events are pushed to
  std::string audience{};  // `aud`
  SecretPtr bearer{};      // null: none was agreed on
};

struct SharedSignalsConfig {
  std::string issuer{};    // `iss`, by which receivers know quell
  SecretPtr signing_key{};  // null where nothing will be sent
  std::string key_id{};    // `kid`
  SubjectFormat subject_format = SubjectFormat::email;
  std::string subject_issuer{};  // `iss` of the subject, for iss_sub
  std::vector<SignalReceiver> receivers{};
  bool loopback_http = false;  // plain http to loopback hosts is let through
};

/// Connections of kind `shared_signals`: tells configured receivers that sessions were revoked or a
/// credential was compromised, as signed Security Event Tokens (RFC 8417) pushed to them (RFC
/// 8935). What was told cannot be taken back, and its receivers log people out (T49).
class SharedSignalsConnector final : public Connector {
 public:
  /// Code `invalid` where the configuration could not tell anybody anything.
  static Result<std::unique_ptr<SharedSignalsConnector>> make(SharedSignalsConfig config);

  std::span<const ActionSpec> actions() const override;
  Task<Result<Outcome>> perform(const ActionSpec& action, Inputs inputs, Io& io) const override;
  Value predict(const ActionSpec& action, const Inputs& inputs) const override;
  Value pins() const override;
  /// Empty: its hosts are those of its receivers.
  std::string base_url() const override { return {}; }

 private:
  explicit SharedSignalsConnector(SharedSignalsConfig config) : config_(std::move(config)) {}

  SharedSignalsConfig config_;
};

/// The action table of kind `shared_signals`; needs no configuration.
std::span<const ActionSpec> shared_signals_actions();

}  // namespace quell
