#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "state/base/secret.h"

namespace quell {

// What senders of alerts sign with. Everything is compared in constant time.

enum class Digest : std::uint8_t { sha256, sha512 };

/// How the text of a signing secret becomes key bytes: as it stands, decoded, or in the form of
/// Standard Webhooks, `whsec_` and base64 of 24 to 64 bytes.
enum class KeyForm : std::uint8_t { text, hex, base64, whsec };

/// HMAC (RFC 2104) of `bytes`, raw; `before` stands before the key's own bytes. None when the
/// secret is not of its form.
std::optional<std::string> mac_of(Digest digest, KeyForm form, const Secret& secret,
                                  std::string_view before, std::string_view bytes);
bool is_of_form(KeyForm form, const Secret& secret);

/// Whether `given` is that secret.
bool is_secret(const Secret& secret, std::string_view given);

/// Ed25519 (RFC 8032) under a raw key of 32 bytes.
bool is_signed_ed25519(std::string_view public_key, std::string_view message,
                       std::string_view signature);

/// ECDSA with SHA-256 on P-256; the key as PEM, the signature as ASN.1 DER.
bool is_signed_p256(std::string_view pem, std::string_view message, std::string_view signature);
/// Is `pem` a public key of P-256?
bool is_p256_key(std::string_view pem);

}  // namespace quell
