#include "connectors/managed_agents/validation.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "connectors/managed_agents/records.h"
#include "state/base/json.h"

namespace quell::managed_agents {
namespace {

constexpr std::size_t kBodyBytesMax = 512;
/// Runs of token characters longer than this are masked; `invalid_request_object_type` and the like
/// are shorter, credentials are not.
constexpr std::size_t kPlainRunMax = 31;

bool is_token_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~+/=").find(c) != std::string_view::npos;
}

/// The platform scrubs these bodies, but the server behind it may be hostile and echo what it was
/// sent; what quell journals must not depend on that.
std::string without_token_shapes(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && is_token_character(text[end])) ++end;
    if (end - at > kPlainRunMax) {
      out += "[masked]";
    } else {
      out += text.substr(at, end - at);
    }
    if (end < text.size()) out += text[end++];
    at = end;
  }
  return out;
}

/// Masked before it is cut, so that no cut leaves a short piece of a long token.
std::string outside_body(std::string_view body) {
  return outside_text(without_token_shapes(body), kBodyBytesMax);
}

/// RFC 6749 section 5.2: the member `error`. A body that was cut by the platform no longer parses;
/// then the quoted word decides.
bool says_invalid_grant(const Value& body) {
  constexpr std::string_view kWord = "invalid_grant";
  if (body.is_map()) return body["error"].string_or("") == kWord;
  if (!body.is_string()) return false;
  const Result<Value> parsed = parse_json(body.as_string());
  if (parsed) return parsed->is_map() && (*parsed)["error"].string_or("") == kWord;
  return body.as_string().find("\"invalid_grant\"") != std::string::npos;
}

Value http_outputs(const Value& response) {
  if (!response.is_map()) return Value{};
  const Value& body = response["body"];
  return Value::map({{"status_code", response["status_code"].int_or(0)},
                     {"content_type", text_or_null(outside_text(
                                          response["content_type"].string_or(""), kWordBytesMax))},
                     {"body", body.is_string() ? Value(outside_body(body.as_string())) : Value{}},
                     {"body_truncated", response["body_truncated"].bool_or(false)}});
}

}  // namespace

std::string_view to_string(RefreshAnswer answer) noexcept {
  switch (answer) {
    case RefreshAnswer::dead:
      return "dead";
    case RefreshAnswer::alive:
      return "alive";
    case RefreshAnswer::inconclusive:
      return "inconclusive";
  }
  return "inconclusive";
}

RefreshAnswer read_refresh_answer(const Value& validation) {
  const Value& refresh = validation["refresh"];
  const std::string status = refresh["status"].string_or("");
  if (status == "succeeded") return RefreshAnswer::alive;
  const Value& response = refresh["http_response"];
  const bool refused = status == "failed" && response["status_code"].int_or(0) == 400;
  if (refused && says_invalid_grant(response["body"])) return RefreshAnswer::dead;
  return RefreshAnswer::inconclusive;
}

bool passes_unrefreshed(const Value& validation) {
  return validation["status"].string_or("") == "valid" && validation["refresh"].is_null();
}

Result<Value> validation_outputs(const Value& validation, std::string_view vault_id,
                                 std::string_view credential_id) {
  const auto names = [&validation](std::string_view member, std::string_view id) {
    return !validation.has(member) || validation[member].string_or("") == id;
  };
  if (!validation["status"].is_string() || !names("credential_id", credential_id) ||
      !names("vault_id", vault_id)) {
    return make_error(ErrorCode::invalid, "answer",
                      "the platform answered no validation of " + outside_text(credential_id) + ".",
                      "it may have refreshed all the same; look again before you repeat it");
  }
  const Value& probe = validation["mcp_probe"];
  const Value& refresh = validation["refresh"];
  Value probe_outputs;
  if (probe.is_map()) {
    probe_outputs = Value::map(
        {{"method", text_or_null(outside_text(probe["method"].string_or(""), kWordBytesMax))},
         {"http_response", http_outputs(probe["http_response"])}});
  }
  Value refresh_outputs;
  if (refresh.is_map()) {
    refresh_outputs =
        Value::map({{"status", outside_text(refresh["status"].string_or(""), kWordBytesMax)},
                    {"http_response", http_outputs(refresh["http_response"])}});
  }
  return Value::map(
      {{"credential_id", credential_id},
       {"vault_id", vault_id},
       {"validated_at", time_or_null(parse_rfc3339(validation["validated_at"].string_or("")))},
       {"has_refresh_token", validation["has_refresh_token"].bool_or(false)},
       {"status", outside_text(validation["status"].as_string(), kWordBytesMax)},
       {"mcp_probe", std::move(probe_outputs)},
       {"refresh", std::move(refresh_outputs)},
       {"refresh_answer", to_string(read_refresh_answer(validation))}});
}

Judgement judge_validation(RefreshAnswer answer) {
  Judgement judgement;
  switch (answer) {
    case RefreshAnswer::dead:
      judgement.verdict = Verdict::proved;
      judgement.grade = Grade::strong;
      judgement.proof = "the vault's own refresh was answered 400 invalid_grant";
      break;
    case RefreshAnswer::alive:
      judgement.verdict = Verdict::refuted;
      judgement.grade = Grade::strong;
      judgement.proof = "the vault's own refresh succeeded";
      judgement.residual = Residual{.reason = "the issuer still exchanges the refresh token"};
      break;
    case RefreshAnswer::inconclusive:
      judgement.proof = "the vault tried no refresh, or its failure does not say that it is dead";
      judgement.residual =
          Residual{.reason = "nothing shows that the issuer refuses the refresh token"};
      break;
  }
  return judgement;
}

}  // namespace quell::managed_agents
