#pragma once

#include <string>
#include <string_view>

#include "connectors/http_transport.h"
#include "state/base/result.h"

namespace quell {

/// Where a 404 came from: the object that the call names, or the collection (the server does not
/// offer the call).
enum class NotFound : std::uint8_t { object, collection };

/// The one table that turns an answer other than the expected one into an error class
/// (playbook-language section 6). `subject` says on what and where, for people: "vcrd_01QX at
/// api.anthropic.com". A 2xx here means html or another body where JSON belongs: `invalid`. The
/// answer's body is never quoted.
Error classify(const HttpResponse& response, Effect effect, std::string_view subject,
               NotFound where = NotFound::object);

/// `Retry-After` as seconds or HTTP-date (RFC 9110 section 10.2.3), at most one day; none if absent
/// or unreadable.
std::optional<Duration> retry_after(const HttpResponse& response, Timestamp now);

/// IMF-fixdate, the one form that senders must use: `Sun, 06 Nov 1994 08:49:37 GMT`.
std::optional<Timestamp> parse_http_date(std::string_view text);

}  // namespace quell
