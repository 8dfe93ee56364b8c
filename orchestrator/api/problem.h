#pragma once

#include <string>

#include "orchestrator/http_server.h"
#include "state/base/result.h"
#include "state/base/value.h"

namespace quell {

HttpReply json_reply(int status, const Value& body);

/// The HTTP status that says what `error` says.
int status_of(const Error& error) noexcept;

/// `error` as problem details (RFC 9457): `type` is `urn:quell:problem:TOPIC`, `detail` the
/// sentence; `hint` and `class` are members of ours. A `retry_after` becomes Retry-After.
HttpReply problem_reply(int status, const Error& error);
inline HttpReply problem_reply(const Error& error) {
  return problem_reply(status_of(error), error);
}

/// The Error that a problem document spells; of other documents one that names the status.
Error error_of_problem(int status, const Value& document);

}  // namespace quell
