// Vendors differ in how a grant is killed (API sheet section 8); here is who is whom.
#include "connectors/oauth/profile.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "connectors/url.h"
#include "connectors/words.h"

namespace quell {
namespace {

constexpr Words<CallReach, 4> kReaches{{{CallReach::token, "token"},
                                        {CallReach::grant, "grant"},
                                        {CallReach::user, "user"},
                                        {CallReach::client, "client"}}};
constexpr Words<CallAuth, 7> kAuths{{{CallAuth::none, "none"},
                                     {CallAuth::client, "client"},
                                     {CallAuth::client_basic, "client_basic"},
                                     {CallAuth::client_post, "client_post"},
                                     {CallAuth::client_word, "client_word"},
                                     {CallAuth::token, "token"},
                                     {CallAuth::admin, "admin"}}};
constexpr Words<CallToken, 4> kTokens{{{CallToken::none, "none"},
                                       {CallToken::access_token, "access_token"},
                                       {CallToken::refresh_token, "refresh_token"},
                                       {CallToken::either, "either"}}};
constexpr std::array<std::string_view, 10> kCallWords{
    "token",  "hint",          "client_id",      "client_secret",      "user", "grant_id",
    "issuer", "issuer_origin", "token_endpoint", "revocation_endpoint"};

constexpr std::size_t kValueBytesMax = 256;

/// `pattern` is an origin, or one whose host begins with `*.` for exactly one label.
bool serves(std::string_view pattern, std::string_view origin) {
  const std::size_t star = pattern.find("*.");
  if (star == std::string_view::npos) return pattern == origin;
  const std::string_view head = pattern.substr(0, star);
  const std::string_view tail = pattern.substr(star + 1);  // from the dot on
  if (origin.size() <= head.size() + tail.size() || !origin.starts_with(head) ||
      !origin.ends_with(tail))
    return false;
  const std::string_view label =
      origin.substr(head.size(), origin.size() - head.size() - tail.size());
  return label.find('.') == std::string_view::npos;
}

/// The one profile that serves `url`, or null when none or several do.
const IssuerProfile* serving(const OauthConfig& config, std::string_view url) {
  const std::string origin = origin_of(url);
  if (origin.empty() || !config.profiles) return nullptr;
  const IssuerProfile* found = nullptr;
  for (const IssuerProfile& profile : *config.profiles) {
    const bool fits = std::ranges::any_of(
        profile.serves, [&](const std::string& pattern) { return serves(pattern, origin); });
    if (!fits) continue;
    if (found != nullptr) return nullptr;
    found = &profile;
  }
  return found;
}

Error mistake(const IssuerConfig& entry, std::string_view what, std::string hint) {
  return make_error(ErrorCode::invalid, "config",
                    fmt::format("the issuer entry for {}: {}.",
                                outside_text(entry.match_mcp_server_url), what),
                    std::move(hint));
}

bool is_plain_value(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '.' || c == '-' || c == '_' || c == '~';
  };
  return !text.empty() && text.size() <= kValueBytesMax && std::ranges::all_of(text, fits);
}

Status check_value(const OauthConfig& config, const IssuerConfig& entry,
                   const IssuerProfile& profile, const ProfileValue& value) {
  const auto found = entry.values.find(value.name);
  if (found == entry.values.end()) {
    return mistake(entry, fmt::format("profile {} needs `values: {{{}: ...}}`", profile.id,
                                      value.name),
                   value.help);
  }
  const bool sound = value.is_url ? is_usable_url(found->second, config.loopback_http) &&
                                        found->second.find('?') == std::string::npos
                                  : is_plain_value(found->second);
  if (sound) return ok();
  return mistake(
      entry,
      fmt::format("`values.{}` is {}", value.name,
                  value.is_url ? "no https URL" : "more than letters, digits and any of .-_~"),
      value.help);
}

}  // namespace

std::string_view to_string(CallReach reach) noexcept { return word_of(kReaches, reach); }
std::string_view to_string(CallAuth auth) noexcept { return word_of(kAuths, auth); }
std::string_view to_string(CallToken token) noexcept { return word_of(kTokens, token); }

template <>
std::optional<CallReach> declared_word<CallReach>(std::string_view text) noexcept {
  return find_word(kReaches, text);
}
template <>
std::optional<CallAuth> declared_word<CallAuth>(std::string_view text) noexcept {
  return find_word(kAuths, text);
}
template <>
std::optional<CallToken> declared_word<CallToken>(std::string_view text) noexcept {
  return find_word(kTokens, text);
}

bool is_call_word(std::string_view name) noexcept {
  return std::ranges::find(kCallWords, name) != kCallWords.end();
}

bool is_secret_word(std::string_view name) noexcept {
  return name == "token" || name == "client_secret";
}

const IssuerProfile* find_profile(const OauthConfig& config, std::string_view id) {
  if (!config.profiles) return nullptr;
  for (const IssuerProfile& profile : *config.profiles) {
    if (profile.id == id) return &profile;
  }
  return nullptr;
}

ProfileChoice choose_profile(const OauthConfig& config, const IssuerConfig* entry,
                             std::string_view record_token_endpoint,
                             std::string_view discovered_issuer) {
  if (entry != nullptr && !entry->profile.empty()) {
    return {.profile = find_profile(config, entry->profile),
            .chosen_by = "configuration",
            .named = true};
  }
  if (entry != nullptr) {
    for (const std::string& origin : configured_origins(*entry)) {
      if (const IssuerProfile* const found = serving(config, origin))
        return {.profile = found, .chosen_by = "pinned_issuer"};
    }
    if (!configured_origins(*entry).empty()) return {};  // a pin is the operator's last word
  }
  if (const IssuerProfile* const found = serving(config, record_token_endpoint))
    return {.profile = found, .chosen_by = "record"};
  if (const IssuerProfile* const found = serving(config, discovered_issuer))
    return {.profile = found, .chosen_by = "metadata"};
  return {};
}

Status check_profile(const OauthConfig& config, const IssuerConfig& entry) {
  const IssuerProfile* const profile = find_profile(config, entry.profile);
  if (!entry.profile.empty() && entry.profile != kGenericProfile && profile == nullptr) {
    return mistake(entry, fmt::format("profile \"{}\" is not known", outside_text(entry.profile)),
                   "quell actions issuer lists the profiles; a file of your own goes into a folder "
                   "under issuer_profiles:");
  }
  if (profile != nullptr) {
    for (const ProfileValue& value : profile->values) {
      if (Status sound = check_value(config, entry, *profile, value); !sound) return sound;
    }
  }
  for (const auto& [name, text] : entry.values) {
    const bool known = profile != nullptr &&
                       std::ranges::any_of(profile->values, [&](const ProfileValue& value) {
                         return value.name == name;
                       });
    if (known) continue;
    return mistake(entry, fmt::format("`values.{}` is asked for by no profile", outside_text(name)),
                   "write `profile:` beside it, or leave it out");
  }
  return ok();
}

}  // namespace quell
