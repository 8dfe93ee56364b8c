#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/api/actor.h"
#include "orchestrator/http_server.h"
#include "state/base/result.h"
#include "state/base/value.h"

namespace quell {

/// A member of a body, or a name in a query.
struct ApiField {
  enum class Kind : std::uint8_t { text, boolean, integer, texts, list };
  std::string_view name{};
  std::string_view about{};
  Kind kind = Kind::text;  // texts: a map of names to texts
  bool required = false;
  std::size_t bytes_max = 4'096;  // of a text
};

/// One request that fits a route and passed its checks.
struct ApiCall {
  const HttpCall& http;
  const Actor& actor;
  std::map<std::string, std::string, std::less<>> path{};   // what stands in the braces, decoded
  std::map<std::string, std::string, std::less<>> query{};  // decoded
  Value body{};                                             // a map; null without fields

  std::string path_or(std::string_view name) const;
  /// The number that the query gives `name`, between 1 and `most`; `fallback` without one. Error
  /// `invalid` for anything else.
  Result<std::uint64_t> number(std::string_view name, std::uint64_t fallback,
                               std::uint64_t most) const;
};

/// One line of the interface. The dispatcher, the OpenAPI document and the access matrix read it.
struct ApiRoute {
  std::string_view method{};
  std::string_view path{};       // `/api/v1/runs/{run}/approve`
  std::string_view operation{};  // `approveRun`
  std::string_view summary{};
  Right right = Right::read;
  std::vector<ApiField> query{};
  std::vector<ApiField> body{};
  std::size_t body_bytes_max = 64U << 10U;
  std::string_view answer{};  // what a 200 holds, in words
  std::string_view media = "application/json";
  std::function<HttpReply(const ApiCall&)> handle{};
};

/// The parts of `path` that stand where `pattern` has braces, or nothing when it does not fit.
std::optional<std::map<std::string, std::string, std::less<>>> fit_path(std::string_view pattern,
                                                                        std::string_view path);

/// `text` without its percent escapes; none where one is broken or hides a control character.
/// `plus_is_space`: as in forms.
std::optional<std::string> decode_percent(std::string_view text, bool plus_is_space);

/// Names and values of a query or a form; at most 200. Error `invalid` for a broken escape or a
/// name that comes twice.
Result<std::map<std::string, std::string, std::less<>>> parse_form(std::string_view text);

/// The routes as OpenAPI 3.1.
Value openapi_document(const std::vector<ApiRoute>& routes);

}  // namespace quell
