#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/http_transport.h"
#include "connectors/oauth/config.h"
#include "state/base/clock.h"
#include "state/base/random.h"
#include "state/base/result.h"
#include "state/base/secret.h"

namespace quell {

/// The client as whom quell speaks to an issuer, and the only origins its secret may go to (T1).
struct ClientIdentity {
  std::string client_id{};
  ClientAuth method = ClientAuth::none;
  SecretPtr secret{};  // the client secret or the private key, by `method`
  std::string key_id{};
  std::vector<std::string> origins{};

  bool has_secret() const noexcept { return method != ClientAuth::none; }
};

/// The client of `entry`, or a public client with `record_client_id` when there is no entry.
ClientIdentity identify_client(const IssuerConfig* entry, std::string_view record_client_id);

/// How the configured method is written in one request. Servers disagree (API sheet 1.1), so a
/// refusal may be answered by one other form; `as_configured` comes first.
enum class AuthForm : std::uint8_t { as_configured, basic_raw, other_secret_method };

/// The form to try after `refused` was answered with 401 or `invalid_client`, or none: the raw form
/// of Basic when it differs and the answer was a 401, then the other of the two secret methods
/// once.
std::optional<AuthForm> next_form(const ClientIdentity& client, AuthForm refused, int status);

/// Adds the client's authentication to `request`, whose form body has begun. `audience` is the
/// issuer identifier, or the endpoint's URL where none is known (RFC 7523 section 3). An assertion
/// gets a fresh `jti` from `random`. Code `invalid` when the configured key does not sign.
Status authenticate(HttpRequest& request, const ClientIdentity& client, AuthForm form,
                    std::string_view audience, Timestamp now, Random& random);

}  // namespace quell
