// The rungs of the containment ladder, each with what it lacks. API sheet sections 0, 6 and 8.
#include "connectors/oauth/ladder.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "connectors/oauth/grant.h"

namespace quell {
namespace {

void add_all(std::vector<std::string>& list, std::vector<std::string> more) {
  for (std::string& item : more) {
    if (std::ranges::find(list, item) == list.end()) list.push_back(std::move(item));
  }
}

std::string_view action_of(CallReach reach) {
  switch (reach) {
    case CallReach::token:
      return "revoke_grant";
    case CallReach::grant:
      return "vendor_revoke";
    case CallReach::user:
      return "revoke_user";
    case CallReach::client:
      return "disable_client";
  }
  return "vendor_revoke";
}

/// What this grant lacks to be sent to a standard endpoint, as may_send() says it.
std::vector<std::string> endpoint_lacks(const Grant& grant, std::string_view endpoint,
                                        std::string_view role) {
  const Status allowed = may_send(grant, endpoint, role);
  if (allowed) return {};
  return {allowed.error().message};
}

/// The issuer as the standard requests know it.
struct Standard {
  std::optional<Grant> grant{};
  std::string obstacle{};  // why there is none
};

Rung standard_rung(std::string action, std::string what, std::vector<Kill> kills) {
  Rung rung;
  rung.action = std::move(action);
  rung.what = std::move(what);
  rung.kills = std::move(kills);
  return rung;
}

std::vector<std::string> standard_lacks(const Standard& standard, bool needs_token_endpoint) {
  if (!standard.grant) return {standard.obstacle};
  const Grant& grant = *standard.grant;
  std::vector<std::string> missing =
      endpoint_lacks(grant, grant.server.revocation_endpoint, "revocation");
  if (needs_token_endpoint)
    add_all(missing, endpoint_lacks(grant, grant.server.token_endpoint, "token"));
  return missing;
}

Rung rung_of(const CallScene& scene, const VendorCall& call, bool tokens_known) {
  Rung rung = standard_rung(std::string(action_of(call.reach)), call.title, call.kills);
  rung.call = call.id;
  rung.spares = call.spares;
  rung.breaks = call.breaks;
  rung.certainty = call.certainty.value_or(scene.choice.profile->certainty);
  rung.unsure = call.unsure;
  rung.missing = missing_pieces(scene, call);
  if (!tokens_known) {
    std::erase_if(rung.missing, [](const std::string& piece) {
      return piece.starts_with("the leaked ") || piece == "a leaked token";
    });
  }
  return rung;
}

void add_token_rungs(Ladder& ladder, const CallScene& scene, const Standard& standard,
                     bool tokens_known) {
  const std::pair<TokenKind, Kill> order[] = {{TokenKind::refresh_token, Kill::refresh_token},
                                              {TokenKind::access_token, Kill::access_token}};
  const VendorCall* before = nullptr;
  for (const auto& [kind, kill] : order) {
    const VendorCall* const call = token_call(scene.choice, kind);
    if (call != nullptr) {
      if (call == before) continue;  // one call for either token
      before = call;
      ladder.rungs.push_back(rung_of(scene, *call, tokens_known));
      continue;
    }
    const bool standard_way =
        scene.choice.profile == nullptr || scene.choice.profile->rfc7009 || !scene.choice.named;
    if (!standard_way) continue;
    const bool refresh = kind == TokenKind::refresh_token;
    Rung rung = standard_rung("revoke_grant",
                              refresh ? "the refresh token by RFC 7009"
                                      : "the access token by RFC 7009",
                              {kill});
    rung.spares = refresh ? "access tokens, where this issuer does not cascade"
                          : "JWTs that a server checks offline, until their exp";
    rung.certainty = ladder.certainty;
    rung.missing = standard_lacks(standard, false);
    const SecretPtr& token = refresh ? scene.what.refresh : scene.what.access;
    if (tokens_known && !token)
      rung.missing.push_back(refresh ? "the leaked refresh token" : "the leaked access token");
    ladder.rungs.push_back(std::move(rung));
  }
}

void add_calls(Ladder& ladder, const CallScene& scene, CallReach reach, bool tokens_known) {
  if (scene.choice.profile == nullptr) return;
  for (const VendorCall& call : scene.choice.profile->calls) {
    if (call.reach == reach) ladder.rungs.push_back(rung_of(scene, call, tokens_known));
  }
}

void add_trip(Ladder& ladder, const CallScene& scene, const Standard& standard,
              bool tokens_known) {
  const IssuerProfile* const profile = scene.choice.profile;
  if (profile != nullptr && scene.choice.named && !profile->rfc7009 && profile->reuse_kills.empty())
    return;
  Rung rung = standard_rung("trip_reuse_detection",
                            "present the spent refresh token, so that the issuer sees the theft",
                            profile == nullptr ? std::vector<Kill>{} : profile->reuse_kills);
  rung.breaks = "the rightful holder's tokens of this grant too";
  rung.certainty = profile == nullptr || profile->reuse_kills.empty() ? Certainty::unsure
                                                                      : profile->certainty;
  rung.missing = standard_lacks(standard, true);
  if (tokens_known && !scene.what.refresh) rung.missing.push_back("the leaked refresh token");
  ladder.rungs.push_back(std::move(rung));
}

Ladder build(const CallScene& scene, const Standard& standard, bool tokens_known) {
  Ladder ladder;
  const IssuerProfile* const profile = scene.choice.profile;
  ladder.profile = std::string(scene.choice.id());
  ladder.title = profile == nullptr ? "any issuer with RFC 7009" : profile->title;
  ladder.chosen_by = scene.choice.chosen_by;
  ladder.certainty = profile == nullptr ? Certainty::vendor_text : profile->certainty;
  add_token_rungs(ladder, scene, standard, tokens_known);
  add_calls(ladder, scene, CallReach::grant, tokens_known);
  add_trip(ladder, scene, standard, tokens_known);
  add_calls(ladder, scene, CallReach::user, tokens_known);
  add_calls(ladder, scene, CallReach::client, tokens_known);
  ladder.human = human_step(scene.choice);
  Rung person = standard_rung("a person", ladder.human, {});
  person.certainty = ladder.certainty;
  if (profile != nullptr) {
    person.unsure = profile->unsure;
    ladder.cache = profile->cache;
    ladder.grace = profile->grace;
    ladder.traps = profile->traps;
  }
  ladder.rungs.push_back(std::move(person));
  return ladder;
}

/// The grant as the standard requests would see it, with the scene's endpoints and nothing that
/// only metadata name among those who may hear a token.
Grant grant_of(const CallScene& scene) {
  return known_grant(*scene.config, scene.what.grant, scene.server);
}

Value rung_value(const Rung& rung) {
  ValueList kills;
  for (const Kill kill : rung.kills) kills.emplace_back(to_string(kill));
  return Value::map({{"action", rung.action},
                     {"call", rung.call},
                     {"what", rung.what},
                     {"kills", Value(std::move(kills))},
                     {"spares", rung.spares},
                     {"breaks", rung.breaks},
                     {"rests_on", to_string(rung.certainty)},
                     {"unsure", Value::texts(rung.unsure)},
                     {"missing", Value::texts(rung.missing)}});
}

}  // namespace

bool Ladder::has(std::string_view action) const {
  return std::ranges::any_of(rungs, [action](const Rung& rung) {
    return rung.action == action && rung.missing.empty();
  });
}

Ladder ladder_of(const CallScene& scene, bool tokens_known) {
  return build(scene, Standard{.grant = grant_of(scene)}, tokens_known);
}

Ladder readiness(const OauthConfig& config, std::string_view mcp_server_url,
                 std::string_view record_client_id, std::string_view record_token_endpoint) {
  CallCase what;
  what.grant = {.mcp_server_url = std::string(mcp_server_url),
                .client_id = std::string(record_client_id),
                .token_endpoint = std::string(record_token_endpoint)};
  return ladder_of(make_scene(config, std::move(what)), false);
}

Ladder readiness_of(const OauthConfig& config, const GrantInputs& inputs, Grant grant) {
  CallCase what;
  what.grant = inputs;
  CallScene scene = make_scene(config, std::move(what));
  if (scene.choice.profile == nullptr)
    scene.choice =
        choose_profile(config, scene.entry, inputs.token_endpoint, grant.server.issuer);
  scene.server = grant.server;
  return build(scene, Standard{.grant = std::move(grant)}, false);
}

ValueMap ladder_value(const Ladder& ladder) {
  ValueList rungs;
  for (const Rung& rung : ladder.rungs) rungs.push_back(rung_value(rung));
  return {{"profile", ladder.profile},
          {"chosen_by", ladder.chosen_by},
          {"rests_on", to_string(ladder.certainty)},
          {"rungs", Value(std::move(rungs))},
          {"human", ladder.human}};
}

Task<Result<Outcome>> look_at_ladder(Io& io, const OauthConfig& config, Value params) {
  CallScene scene = make_scene(config, read_call_case(params));
  EndpointNeeds needs;
  needs.token = true;
  needs.revocation = true;
  GrantInputs inputs = scene.what.grant;
  Result<Grant> grant = co_await resolve_grant(io, config, std::move(inputs), needs);
  Standard standard;
  if (grant) {
    if (scene.choice.profile == nullptr) {
      scene.choice = choose_profile(config, scene.entry, scene.what.grant.token_endpoint,
                                    grant->server.issuer);
    }
    scene.server = grant->server;
    standard.grant = *std::move(grant);
  } else if (grant.error().code == ErrorCode::invalid) {
    co_return grant.error();
  } else {
    standard.obstacle = grant.error().message;
  }
  const Ladder ladder = build(scene, standard, true);
  ValueMap outputs = ladder_value(ladder);
  outputs.insert({{"issuer", scene.server.issuer.empty() ? Value{} : Value(scene.server.issuer)},
                  {"can_vendor_revoke", ladder.has("vendor_revoke")},
                  {"can_trip", ladder.has("trip_reuse_detection")},
                  {"can_revoke_user", ladder.has("revoke_user")},
                  {"can_disable_client", ladder.has("disable_client")},
                  {"cache", ladder.cache ? Value(*ladder.cache) : Value{}},
                  {"grace", ladder.grace ? Value(*ladder.grace) : Value{}},
                  {"traps", Value::texts(ladder.traps)}});
  Outcome out;
  out.outputs = Value(std::move(outputs));
  co_return out;
}

}  // namespace quell
