#include "connectors/http_transport.h"

namespace quell {

HttpResponse::~HttpResponse() { wipe(body); }

std::string_view HttpResponse::header(std::string_view name) const noexcept {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

std::vector<std::string_view> HttpResponse::header_all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& [key, value] : headers) {
    if (key == name) values.emplace_back(value);
  }
  return values;
}

Result<Value> parse_body(const HttpResponse& response, const JsonLimits& limits) {
  if (response.parsed && response.parsed->has_value()) return **response.parsed;
  Result<Value> value = parse_json(response.body, limits);
  if (response.parsed && value) *response.parsed = *value;
  return value;
}

}  // namespace quell
