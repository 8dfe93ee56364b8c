#include "orchestrator/range/issuer_form.h"

#include <cstddef>

#include "state/base/bytes.h"
#include "state/base/json.h"

namespace quell::range {
namespace {

constexpr std::size_t kFormBytesMax = 64U << 10U;
constexpr std::size_t kParametersMax = 32;
constexpr std::string_view kFormType = "application/x-www-form-urlencoded";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  if (text.size() < prefix.size()) return false;
  for (std::size_t i = 0; i < prefix.size(); ++i) {
    if (lower(text[i]) != lower(prefix[i])) return false;
  }
  return true;
}

}  // namespace

std::string_view IssuerForm::get(std::string_view name) const {
  const auto found = parameters.find(name);
  return found == parameters.end() ? std::string_view{} : std::string_view(found->second);
}

std::optional<std::string_view> header_of(const Request& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::optional<std::string_view> after_scheme(std::string_view authorization,
                                             std::string_view scheme) {
  if (!starts_with_ignoring_case(authorization, scheme)) return std::nullopt;
  std::string_view rest = authorization.substr(scheme.size());
  if (!rest.starts_with(' ')) return std::nullopt;
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  return rest;
}

std::optional<IssuerForm> read_form(const Request& request) {
  const std::string_view type = header_of(request, "content-type").value_or("");
  if (!starts_with_ignoring_case(type, kFormType)) return std::nullopt;
  if (request.body.size() > kFormBytesMax) return std::nullopt;
  IssuerForm form;
  std::string_view rest = request.body;
  while (!rest.empty()) {
    const std::size_t end = rest.find('&');
    const std::string_view field = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    if (field.empty()) continue;
    const std::size_t equals = field.find('=');
    if (equals == std::string_view::npos || form.parameters.size() == kParametersMax) {
      return std::nullopt;
    }
    const bool fresh =
        form.parameters
            .emplace(form_decode(field.substr(0, equals)), form_decode(field.substr(equals + 1)))
            .second;
    if (!fresh) return std::nullopt;
  }
  return form;
}

std::optional<std::pair<std::string, std::string>> read_basic(std::string_view authorization) {
  const std::optional<std::string_view> encoded = after_scheme(authorization, "Basic");
  if (!encoded) return std::nullopt;
  const std::optional<std::string> pair = base64_decode(*encoded);
  if (!pair) return std::nullopt;
  const std::size_t colon = pair->find(':');
  if (colon == std::string::npos) return std::nullopt;
  return std::pair(form_decode(std::string_view(*pair).substr(0, colon)),
                   form_decode(std::string_view(*pair).substr(colon + 1)));
}

Response json_response(int status, const Value& body) {
  return Response{.status = status,
                  .headers = {{"content-type", "application/json"},
                              {"cache-control", "no-store"},
                              {"pragma", "no-cache"}},
                  .body = to_json(body)};
}

Response oauth_error_response(int status, std::string_view error, std::string_view description) {
  return json_response(status, Value::map({{"error", error}, {"error_description", description}}));
}

}  // namespace quell::range
