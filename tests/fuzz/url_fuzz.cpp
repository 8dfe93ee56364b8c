// Target: parse_url. What it accepts is one clean URL of http or https, and reads back alike: an
// origin decides where a secret may go.

#include <algorithm>
#include <string>

#include "connectors/url.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = quell::fuzz::text_of(data, size);
  const quell::Result<quell::Url> url = quell::parse_url(text);
  QUELL_ASSERT(url.has_value() == !quell::origin_of(text).empty());
  if (!url) return 0;
  QUELL_ASSERT(url->scheme == "http" || url->scheme == "https");
  QUELL_ASSERT(!url->host.empty() && url->port != 0 && url->path.starts_with('/'));
  QUELL_ASSERT(url->host.find_first_of("@/\\?#%") == std::string::npos);
  const std::string written = url->to_string();
  QUELL_ASSERT(std::none_of(written.begin(), written.end(), [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F;
  }));
  const quell::Result<quell::Url> again = quell::parse_url(written);
  QUELL_ASSERT(again.has_value());
  QUELL_ASSERT(again->origin() == url->origin());
  QUELL_ASSERT(again->to_string() == written);
  QUELL_ASSERT(quell::same_mcp_url(text, text));
  return 0;
}
