#include "connectors/oauth/config.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "connectors/oauth/jws.h"
#include "connectors/oauth/profile.h"
#include "connectors/url.h"
#include "state/base/bytes.h"
#include "state/base/contains.h"

namespace quell {
namespace {

constexpr std::size_t kUrlBytesMax = 2048;

constexpr std::array<std::pair<ClientAuth, std::string_view>, 5> kMethods{{
    {ClientAuth::none, "none"},
    {ClientAuth::client_secret_basic, "client_secret_basic"},
    {ClientAuth::client_secret_post, "client_secret_post"},
    {ClientAuth::private_key_jwt, "private_key_jwt"},
    {ClientAuth::client_secret_jwt, "client_secret_jwt"},
}};

Error mistake(const IssuerConfig& entry, std::string_view what, std::string hint) {
  const std::string name = outside_text(entry.match_mcp_server_url);
  return make_error(ErrorCode::invalid, "config",
                    fmt::format("the issuer entry for {}: {}.", name, what), std::move(hint));
}

bool needs_secret(ClientAuth method) {
  return method == ClientAuth::client_secret_basic || method == ClientAuth::client_secret_post ||
         method == ClientAuth::client_secret_jwt;
}

Status check_urls(const IssuerConfig& entry, bool loopback_http) {
  const std::array<std::pair<std::string_view, std::string_view>, 5> urls{{
      {"match.mcp_server_url", entry.match_mcp_server_url},
      {"issuer", entry.issuer},
      {"endpoints.token", entry.endpoints.token},
      {"endpoints.revocation", entry.endpoints.revocation},
      {"endpoints.introspection", entry.endpoints.introspection},
  }};
  for (const auto& [key, url] : urls) {
    const bool optional = key != "match.mcp_server_url";
    if (optional && url.empty()) continue;
    if (!is_usable_url(url, loopback_http)) {
      return mistake(
          entry, fmt::format("`{}` is no https URL without fragment", key),
          "write the whole URL, for instance https://as.example.com; http is for loopback alone");
    }
  }
  if (entry.issuer.find('?') != std::string::npos) {
    return mistake(entry, "`issuer` has a query",
                   "an issuer identifier has none (RFC 8414 section 2)");
  }
  return ok();
}

Status check_client(const IssuerConfig& entry) {
  const bool secret = entry.client_secret && !entry.client_secret->empty();
  const bool key = entry.private_key && !entry.private_key->empty();
  if (needs_secret(entry.method) && !secret) {
    return mistake(entry, fmt::format("{} needs `client_secret`", to_string(entry.method)),
                   "give it as a reference, for instance secret://file/client-secret");
  }
  if (entry.method == ClientAuth::private_key_jwt) {
    if (!key) {
      return mistake(entry, "private_key_jwt needs its key",
                     "give a JWK or PEM file as secret://file/key.jwk");
    }
    if (Status usable = check_signing_key(*entry.private_key); !usable) {
      return wrap(mistake(entry, "its private key cannot sign", "").message, usable.error());
    }
  }
  if (entry.method != ClientAuth::none && entry.client_id.empty()) {
    return mistake(entry, fmt::format("{} needs `client_id`", to_string(entry.method)),
                   "it is the id that the issuer gave this client");
  }
  return ok();
}

}  // namespace

std::string_view to_string(ClientAuth method) noexcept {
  for (const auto& [value, text] : kMethods) {
    if (value == method) return text;
  }
  return "none";
}

std::optional<ClientAuth> client_auth_from_string(std::string_view text) noexcept {
  for (const auto& [value, name] : kMethods) {
    if (name == text) return value;
  }
  return std::nullopt;
}

Status check_config(const OauthConfig& config) {
  for (const IssuerConfig& entry : config.issuers) {
    if (Status urls = check_urls(entry, config.loopback_http); !urls) return urls;
    if (Status client = check_client(entry); !client) return client;
    if (Status profile = check_profile(config, entry); !profile) return profile;
    const auto same = [&entry](const IssuerConfig& other) {
      return same_mcp_url(entry.match_mcp_server_url, other.match_mcp_server_url);
    };
    if (std::ranges::count_if(config.issuers, same) > 1) {
      return mistake(entry, "there are two for this URL", "keep one; it decides which client acts");
    }
  }
  return ok();
}

std::vector<std::string> config_warnings(const OauthConfig& config) {
  std::vector<std::string> warnings;
  for (const IssuerConfig& entry : config.issuers) {
    if (entry.method == ClientAuth::none || !configured_origins(entry).empty()) continue;
    warnings.push_back(
        fmt::format("the issuer entry for {} names neither `issuer:` nor `endpoints:`: its client "
                    "secret goes to "
                    "the origin of that URL alone",
                    outside_text(entry.match_mcp_server_url)));
  }
  return warnings;
}

const IssuerConfig* find_issuer(const OauthConfig& config, std::string_view mcp_server_url) {
  for (const IssuerConfig& entry : config.issuers) {
    if (same_mcp_url(entry.match_mcp_server_url, mcp_server_url)) return &entry;
  }
  return nullptr;
}

void add_origin(std::vector<std::string>& origins, std::string_view url) {
  std::string origin = origin_of(url);
  if (origin.empty() || contains(origins, origin)) return;
  origins.push_back(std::move(origin));
}

std::vector<std::string> configured_origins(const IssuerConfig& entry) {
  std::vector<std::string> origins;
  add_origin(origins, entry.issuer);
  add_origin(origins, entry.endpoints.token);
  add_origin(origins, entry.endpoints.revocation);
  add_origin(origins, entry.endpoints.introspection);
  return origins;
}

std::vector<std::string> client_secret_origins(const IssuerConfig& entry) {
  std::vector<std::string> origins = configured_origins(entry);
  if (origins.empty()) add_origin(origins, entry.match_mcp_server_url);
  return origins;
}

bool is_usable_url(std::string_view url, bool loopback_http) {
  if (url.empty() || url.size() > kUrlBytesMax) return false;
  const auto printable = [](char c) { return c > ' ' && c < '\x7f' && c != '#'; };
  if (!std::ranges::all_of(url, printable)) return false;
  const Result<Url> parsed = parse_url(url);
  if (!parsed) return false;
  return parsed->scheme == "https" || (loopback_http && is_loopback_host(parsed->host));
}

std::string outside_text(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return escape_untrusted(text);
  std::size_t cut = bytes_max;
  // Not in the middle of a UTF-8 character, which would show as an escape that was never there.
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0U) == 0x80U) --cut;
  return escape_untrusted(text.substr(0, cut)) + "...";
}

}  // namespace quell
