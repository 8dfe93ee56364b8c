// Target: parse_capture, the files of `quell hook replay`. A body is a part of the file, and
// headers are few and named in lower case.

#include <algorithm>
#include <string_view>

#include "orchestrator/alerts/capture.h"
#include "state/base/assert.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = quell::fuzz::text_of(data, size);
  const auto capture = quell::parse_capture(text);
  if (!capture) return 0;
  QUELL_ASSERT(text.find(capture->body) != std::string_view::npos);
  QUELL_ASSERT(capture->headers.size() <= 100);
  if (!capture->has_head()) QUELL_ASSERT(capture->body == text);
  for (const auto& [name, value] : capture->headers) {
    QUELL_ASSERT(!name.empty() && name.find(':') == std::string::npos);
    QUELL_ASSERT(
        std::none_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; }));
    QUELL_ASSERT(value.find('\n') == std::string::npos);
  }
  return 0;
}
