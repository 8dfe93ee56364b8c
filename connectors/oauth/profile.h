#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/declared_call.h"
#include "connectors/oauth/config.h"
#include "state/base/clock.h"
#include "state/base/result.h"
#include "state/model/vocabulary.h"

namespace quell {

// What a vendor's own calls are, as data: connectors/issuers/*.yaml, read by
// orchestrator/issuer_profiles.h. Nothing here is evidence: a profile says what to send and how the
// answer reads, and probes say what died.

/// What one call hits; each reach has an action of its own, since a wide one wants its own
/// approval.
enum class CallReach : std::uint8_t { token, grant, user, client };

/// How a call proves who asks.
enum class CallAuth : std::uint8_t {
  none,          // no credential but the body
  client,        // as `client_auth` of the issuer's entry says, beside a form
  client_basic,  // client_id and client_secret as Basic
  client_post,   // both in the form
  client_word,   // `Authorization: Client SECRET`
  token,         // the leaked access token itself as Bearer
  admin,         // `admin_token` of the entry as Bearer
};

/// Which leaked token a call shows.
enum class CallToken : std::uint8_t { none, access_token, refresh_token, either };

std::string_view to_string(CallReach reach) noexcept;
std::string_view to_string(CallAuth auth) noexcept;
std::string_view to_string(CallToken token) noexcept;

/// One call that ends something at the issuer.
struct VendorCall {
  std::string id{};
  std::string title{};
  CallReach reach = CallReach::grant;
  CallToken takes = CallToken::none;
  std::string method = "POST";
  CallTemplate url{};  // never holds a secret
  CallAuth auth = CallAuth::client;
  std::vector<std::pair<std::string, CallTemplate>> headers{};  // without secrets
  BodyKind body_kind = BodyKind::none;
  CallTemplate body{};  // a form or JSON, its literals encoded
  std::vector<AnswerRule> answers{};
  std::vector<Kill> kills{};
  std::string spares{};  // what lives on, for people
  std::string breaks{};  // what it costs others
  std::optional<Duration> settles{};  // effect may come that late
  std::vector<std::string> needs{};   // scopes and keys, for people
  std::vector<std::string> traps{};
  std::vector<std::string> unsure{};  // not verified; a person confirms
  std::optional<Certainty> certainty{};  // where it differs from the profile's
  std::string source{};
};

/// A value that the issuer's entry gives under `values:`.
struct ProfileValue {
  std::string name{};
  std::string help{};
  bool is_url = false;  // a whole https base URL, else text without `/`
};

struct IssuerProfile {
  std::string id{};
  std::string title{};
  Certainty certainty = Certainty::unsure;
  std::string source{};
  std::vector<std::string> serves{};  // origins by which discovery knows it; `*.` for one level
  std::vector<ProfileValue> values{};
  std::vector<VendorCall> calls{};
  bool rfc7009 = false;  // the issuer has the standard endpoint, used where no call of its own fits
  /// What presenting a spent refresh token is known to kill; none: not known.
  std::vector<Kill> reuse_kills{};
  std::optional<Duration> cache{};  // how long resource servers may go on believing a dead token
  std::optional<Duration> grace{};  // how long a spent refresh token may go on working
  std::string spares{};
  std::vector<std::string> traps{};
  std::vector<std::string> unsure{};
  std::string human_page{};  // where a person goes
  std::string human_do{};    // and what to do there
};

/// The generic profile: RFC 7009 by configuration or metadata, no call of its own.
inline constexpr std::string_view kGenericProfile = "rfc7009";

/// What may stand in braces besides a profile's own values. Of these `token` and `hint` come from
/// the incident, `user` and `grant_id` from the step, the rest from the entry and the issuer.
bool is_call_word(std::string_view name) noexcept;
/// Those that stand in a body alone.
bool is_secret_word(std::string_view name) noexcept;

/// The profile `id` of `config`, or null.
const IssuerProfile* find_profile(const OauthConfig& config, std::string_view id);

/// How a profile was found.
struct ProfileChoice {
  const IssuerProfile* profile = nullptr;  // null: the generic one
  /// configuration, pinned_issuer, record, metadata, or default.
  std::string chosen_by = "default";
  /// The operator wrote the profile's name: its own hosts are named by that (T1, T7). One that was
  /// only recognised adds no host.
  bool named = false;

  std::string_view id() const noexcept {
    return profile == nullptr ? kGenericProfile : std::string_view(profile->id);
  }
};

/// The entry's `profile:`; else the one that serves the pinned issuer or a configured endpoint,
/// then the record's token endpoint, then `discovered_issuer`, which only metadata name. Where two serve
/// the same origin, none.
ProfileChoice choose_profile(const OauthConfig& config, const IssuerConfig* entry,
                             std::string_view record_token_endpoint,
                             std::string_view discovered_issuer);

/// The mistakes of `entry` against its profile: an unknown name, a missing or unknown value, a
/// value that is none. Code `invalid`; the error names the key.
Status check_profile(const OauthConfig& config, const IssuerConfig& entry);

}  // namespace quell
