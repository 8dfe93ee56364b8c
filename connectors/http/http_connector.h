#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/connector.h"
#include "connectors/declared_connection.h"
#include "connectors/http/declaration.h"
#include "connectors/secret_text.h"
#include "state/base/result.h"

namespace quell {

/// How a connection of kind http proves who asks.
enum class HttpAuth : std::uint8_t { none, bearer, basic, header };

struct HttpConfig {
  std::string base_url{};  // https, or http on a loopback host
  HttpAuth auth = HttpAuth::none;
  std::string user{};    // of basic
  std::string header{};  // of header
  /// Token, password or header value, bound to the origin of base_url; empty without secrets (quell
  /// check).
  BoundSecret secret{};
  DeclaredActions actions{};
  /// May its actions of effect read send more than GET and HEAD? Which of them in a dry run too?
  bool assert_safe = false;
  std::vector<std::string> safe_in_dry_run{};
};

/// Connections of kind `http`: people's own systems, by declarations (threat T25). Every request
/// goes to the origin of the base URL, and its credential nowhere else (T1, T2). What an answer
/// means is the declaration's word; what died is a probe's.
class HttpConnector final : public Connector, public DeclaredConnection {
 public:
  /// Error `invalid`: a base URL that is none, or plain http to more than loopback; a name under
  /// safe_in_dry_run that is no action.
  static Result<std::unique_ptr<HttpConnector>> make(HttpConfig config);

  std::span<const ActionSpec> actions() const override { return specs_; }
  Task<Result<Outcome>> perform(const ActionSpec& action, Inputs inputs, Io& io) const override;
  Value predict(const ActionSpec& action, const Inputs& inputs) const override;
  Value pins() const override;
  std::string base_url() const override { return config_.base_url; }
  bool asserts_safe(std::string_view action, bool in_rehearsal) const override;

 private:
  explicit HttpConnector(HttpConfig config);

  HttpConfig config_;
  std::vector<ActionSpec> specs_;
};

}  // namespace quell
