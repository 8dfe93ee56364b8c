#pragma once

#include "state/base/result.h"
#include "state/base/value.h"
#include "state/verify.h"

namespace quell {

/// The document of `quell journal verify --json`.
Value verify_document(const VerifyReport& report);
/// What such a document says. Error `internal` for one that is none.
Result<VerifyReport> read_verify_document(const Value& document);

}  // namespace quell
