#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

/// What libFuzzer and the replay program call with one input; a broken promise aborts.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace quell::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {static_cast<const char*>(static_cast<const void*>(data)), size};
}

}  // namespace quell::fuzz
