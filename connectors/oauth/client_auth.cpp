// Client authentication at an authorization server: RFC 6749 section 2.3, RFC 7523 section 2.2; API
// sheet 1.1.
#include "connectors/oauth/client_auth.h"

#include <memory>
#include <utility>

#include "connectors/oauth/jws.h"
#include "connectors/secret_text.h"
#include "state/base/bytes.h"

namespace quell {
namespace {

constexpr std::string_view kAssertionType =
    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
constexpr std::size_t kJwtIdBytes = 16;

BoundSecret bind(const ClientIdentity& client, SecretPtr secret) {
  return BoundSecret{.secret = std::move(secret), .origins = client.origins};
}

/// Each part is form-encoded before joining (RFC 6749 section 2.3.1); `raw` is the common mistake
/// of servers.
void add_basic(HttpRequest& request, const ClientIdentity& client, bool raw) {
  SecretText pair;
  pair.append(raw ? client.client_id : form_encode(client.client_id)).append(":");
  pair.append(bind(client, client.secret), raw ? SecretEncoding::raw : SecretEncoding::form);
  SecretText value("Basic ");
  value.append_base64(std::move(pair));
  request.headers.push_back(HttpHeader{.name = "Authorization", .value = std::move(value)});
}

void add_client_id(HttpRequest& request, const ClientIdentity& client) {
  if (!client.client_id.empty()) request.body.append("&client_id=" + form_encode(client.client_id));
}

void add_post(HttpRequest& request, const ClientIdentity& client) {
  add_client_id(request, client);
  request.body.append("&client_secret=").append(bind(client, client.secret), SecretEncoding::form);
}

Status add_assertion(HttpRequest& request, const ClientIdentity& client, std::string_view audience,
                     Timestamp now, Random& random) {
  const AssertionClaims claims{.client_id = client.client_id,
                               .audience = std::string(audience),
                               .jwt_id = random.hex(kJwtIdBytes),
                               .issued_at = now};
  Result<Secret> assertion = client.method == ClientAuth::private_key_jwt
                                 ? sign_assertion(*client.secret, client.key_id, claims)
                                 : sign_assertion_hs256(*client.secret, claims);
  if (!assertion) return assertion.error();
  add_client_id(request, client);
  request.body.append("&client_assertion_type=" + form_encode(kAssertionType) +
                      "&client_assertion=");
  request.body.append(bind(client, std::make_shared<const Secret>(*std::move(assertion))),
                      SecretEncoding::form);
  return ok();
}

/// True when form-encoding changes the pair. A signer's look at the secret: the bytes are compared
/// and forgotten.
bool basic_forms_differ(const ClientIdentity& client) {
  const std::string_view secret = client.secret->reveal();
  std::string encoded = form_encode(secret);
  const bool differ = encoded != secret || form_encode(client.client_id) != client.client_id;
  wipe(encoded);
  return differ;
}

}  // namespace

ClientIdentity identify_client(const IssuerConfig* entry, std::string_view record_client_id) {
  ClientIdentity client;
  if (entry == nullptr) {
    client.client_id = record_client_id;
    return client;
  }
  client.client_id = entry->client_id.empty() ? std::string(record_client_id) : entry->client_id;
  client.method = entry->method;
  client.secret =
      entry->method == ClientAuth::private_key_jwt ? entry->private_key : entry->client_secret;
  client.key_id = entry->key_id;
  client.origins = client_secret_origins(*entry);
  return client;
}

std::optional<AuthForm> next_form(const ClientIdentity& client, AuthForm refused, int status) {
  const bool basic = client.method == ClientAuth::client_secret_basic;
  if (!basic && client.method != ClientAuth::client_secret_post) return std::nullopt;
  if (refused == AuthForm::other_secret_method) return std::nullopt;
  if (refused == AuthForm::as_configured && basic && status == 401 && basic_forms_differ(client)) {
    return AuthForm::basic_raw;
  }
  return AuthForm::other_secret_method;
}

Status authenticate(HttpRequest& request, const ClientIdentity& client, AuthForm form,
                    std::string_view audience, Timestamp now, Random& random) {
  const bool other = form == AuthForm::other_secret_method;
  switch (client.method) {
    case ClientAuth::none:
      add_client_id(request, client);
      return ok();
    case ClientAuth::client_secret_basic:
      if (other) {
        add_post(request, client);
      } else {
        add_basic(request, client, form == AuthForm::basic_raw);
      }
      return ok();
    case ClientAuth::client_secret_post:
      if (other) {
        add_basic(request, client, false);
      } else {
        add_post(request, client);
      }
      return ok();
    case ClientAuth::private_key_jwt:
    case ClientAuth::client_secret_jwt:
      return add_assertion(request, client, audience, now, random);
  }
  return make_error(ErrorCode::internal, "an unknown client authentication method");
}

}  // namespace quell
