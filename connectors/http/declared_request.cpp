// What an incident brings stands in a request only as data: it chooses no host, no path, no header
// and no method (threats T6, T25).
#include "connectors/http/declared_request.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "connectors/url.h"
#include "state/base/bytes.h"

namespace quell {
namespace {

constexpr std::size_t kAnswerBytesMax = 256U << 10;
constexpr std::size_t kTextBytesMax = 2048;
constexpr std::size_t kUrlBytesMax = 4096;

Error bad_input(const DeclaredAction& action, std::string_view input, std::string_view what) {
  return make_error(ErrorCode::invalid, "bad-input",
                    fmt::format("{}: {} {}", action.name, input, what),
                    "compare it with inputs: of the action's declaration");
}

bool is_plain(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; });
}

/// Servers that decode early would climb out of the path.
bool has_dot_segment(std::string_view text) {
  while (true) {
    const std::size_t end = std::min(text.find_first_of("/\\"), text.size());
    const std::string_view segment = text.substr(0, end);
    if (segment == "." || segment == "..") return true;
    if (end == text.size()) return false;
    text.remove_prefix(end + 1);
  }
}

/// The inputs of one call as texts; secrets have none.
class Pieces {
 public:
  Pieces(const DeclaredAction& action, const Value& params) : action_(action), params_(params) {}

  Result<std::string> text(std::string_view name) const {
    const DeclaredInput* const input = action_.find_input(name);
    if (input == nullptr) return bad_input(action_, name, "is not declared");
    const Value& given = params_[name];
    const Value& value = given.is_null() && input->fallback ? *input->fallback : given;
    std::string text;
    if (value.is_string()) text = value.as_string();
    if (value.is_int()) text = std::to_string(value.as_int());
    if (value.is_bool()) text = value.as_bool() ? "true" : "false";
    if (text.empty()) return bad_input(action_, name, "is empty");
    if (text.size() > kTextBytesMax || !is_plain(text))
      return bad_input(action_, name, "is too long or holds control characters");
    if (!input->values.empty() && std::ranges::find(input->values, text) == input->values.end())
      return bad_input(action_, name, "is none of its values");
    return text;
  }

  SecretPtr secret(std::string_view name) const {
    const Value& value = params_[name];
    return value.is_secret() ? value.as_secret().secret : nullptr;
  }

 private:
  const DeclaredAction& action_;
  const Value& params_;
};

template <typename Encode>
Status add_texts(std::string& out, const CallTemplate& parts, const Pieces& pieces,
                 const Encode& encode) {
  for (const TemplatePart& part : parts) {
    if (part.name.empty()) {
      out += part.literal;
      continue;
    }
    const Result<std::string> text = pieces.text(part.name);
    if (!text) return text.error();
    out += encode(*text);
  }
  return ok();
}

Result<std::string> url_of(const HttpConfig& config, const DeclaredAction& action,
                           const Pieces& pieces) {
  std::string url = config.base_url;
  for (const TemplatePart& part : action.path) {
    if (part.name.empty()) continue;
    const Result<std::string> text = pieces.text(part.name);
    if (!text) return text.error();
    if (has_dot_segment(*text)) return bad_input(action, part.name, "leads to another path");
  }
  if (Status added = add_texts(url, action.path, pieces, percent_encode); !added)
    return added.error();
  if (!action.query.empty()) url += "?";
  if (Status added = add_texts(url, action.query, pieces, form_encode); !added)
    return added.error();
  if (url.size() > kUrlBytesMax)
    return make_error(ErrorCode::invalid, "bad-input", action.name + ": its URL is too long",
                      "shorten what stands in path and query");
  return url;
}

Status add_headers(HttpRequest& request, const DeclaredAction& action, const Pieces& pieces) {
  bool accepts = false;
  for (const auto& [name, parts] : action.headers) {
    std::string value;
    const auto as_it_is = [](const std::string& text) { return text; };
    if (Status added = add_texts(value, parts, pieces, as_it_is); !added) return added.error();
    accepts = accepts || name == "Accept";
    request.headers.push_back({.name = name, .value = std::move(value)});
  }
  if (!accepts) request.headers.push_back({.name = "Accept", .value = "application/json"});
  if (action.body_kind != BodyKind::none) {
    request.headers.push_back({.name = "Content-Type",
                               .value = action.body_kind == BodyKind::json
                                            ? "application/json"
                                            : "application/x-www-form-urlencoded"});
  }
  return ok();
}

Status add_body(HttpRequest& request, const DeclaredAction& action, const Pieces& pieces,
                const std::string& origin) {
  const SecretEncoding encoding =
      action.body_kind == BodyKind::json ? SecretEncoding::json : SecretEncoding::form;
  for (const TemplatePart& part : action.body) {
    if (part.name.empty()) {
      request.body.append(part.literal);
      continue;
    }
    if (SecretPtr secret = pieces.secret(part.name)) {
      request.body.append(BoundSecret{.secret = std::move(secret), .origins = {origin}}, encoding);
      continue;
    }
    const Result<std::string> text = pieces.text(part.name);
    if (!text) return text.error();
    request.body.append(body_encoded(*text, action.body_kind));
  }
  return ok();
}

SecretText bearer(BoundSecret secret) {
  SecretText value("Bearer ");
  value.append(std::move(secret), SecretEncoding::raw);
  return value;
}

/// The connection's own credential.
void sign_in(HttpRequest& request, const HttpConfig& config) {
  switch (config.auth) {
    case HttpAuth::none:
      return;
    case HttpAuth::bearer:
      request.headers.push_back({.name = "Authorization", .value = bearer(config.secret)});
      return;
    case HttpAuth::basic: {
      // RFC 7617 section 2.
      SecretText pair(config.user + ":");
      pair.append(config.secret, SecretEncoding::raw);
      SecretText value("Basic ");
      value.append_base64(std::move(pair));
      request.headers.push_back({.name = "Authorization", .value = std::move(value)});
      return;
    }
    case HttpAuth::header: {
      SecretText value;
      value.append(config.secret, SecretEncoding::raw);
      request.headers.push_back({.name = config.header, .value = std::move(value)});
      return;
    }
  }
}

}  // namespace

Result<HttpRequest> declared_request(const HttpConfig& config, const DeclaredAction& action,
                                     const Value& params) {
  const Pieces pieces(action, params);
  const std::string origin = origin_of(config.base_url);
  HttpRequest request;
  request.method = action.method;
  request.effect = action.effect;
  request.timeout = action.timeout;
  request.body_bytes_max = kAnswerBytesMax;
  Result<std::string> url = url_of(config, action, pieces);
  if (!url) return url.error();
  request.url = *std::move(url);
  if (Status added = add_headers(request, action, pieces); !added) return added.error();
  if (Status added = add_body(request, action, pieces, origin); !added) return added.error();
  if (action.shows.empty()) {
    sign_in(request, config);
    return request;
  }
  SecretPtr shown = pieces.secret(action.shows);
  if (!shown) return bad_input(action, action.shows, "is empty");
  request.headers.push_back(
      {.name = "Authorization",
       .value = bearer(BoundSecret{.secret = std::move(shown), .origins = {origin}})});
  return request;
}

}  // namespace quell
