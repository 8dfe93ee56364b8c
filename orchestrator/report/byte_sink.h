#pragma once

#include <functional>
#include <string_view>

#include "state/base/result.h"

namespace quell {

/// Takes bytes in order; an Error ends whatever gives them.
using ByteSink = std::function<Status(std::string_view bytes)>;

}  // namespace quell
