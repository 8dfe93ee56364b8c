#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "orchestrator/range/world.h"
#include "state/base/value.h"

namespace quell::range {

/// The parameters of a request to a token, revocation or introspection endpoint.
struct IssuerForm {
  std::map<std::string, std::string, std::less<>> parameters{};

  /// The value of `name`; an empty one counts as absent (RFC 6749 section 3.1).
  std::string_view get(std::string_view name) const;
};

/// Reads a form body: at most 32 parameters in 64 KiB, none of them twice (RFC 6749 section 3.1);
/// none when it is not such a form.
std::optional<IssuerForm> read_form(const Request& request);

/// The two decoded parts of `Authorization: Basic` (RFC 6749 section 2.3.1).
std::optional<std::pair<std::string, std::string>> read_basic(std::string_view authorization);

std::optional<std::string_view> header_of(const Request& request, std::string_view name);

/// What follows `scheme` and its space, compared without case.
std::optional<std::string_view> after_scheme(std::string_view authorization,
                                             std::string_view scheme);

Response json_response(int status, const Value& body);
/// RFC 6749 section 5.2.
Response oauth_error_response(int status, std::string_view error, std::string_view description);

}  // namespace quell::range
