// Target: HttpRequestReader. However a connection's bytes are cut into pieces on the way, the same
// requests come out, whole, clean and within bounds.

#include <algorithm>
#include <array>
#include <string>
#include <variant>
#include <vector>

#include "orchestrator/http_request.h"
#include "state/base/assert.h"
#include "tests/fuzz/target.h"

namespace {

constexpr quell::HttpRequestBounds kBounds{
    .head_bytes_max = 512, .head_lines_max = 8, .body_bytes_max = 256};
constexpr std::size_t kRequestsMax = 64;

void must_be_clean(const quell::ReceivedRequest& request) {
  const quell::HttpHead& head = request.head;
  QUELL_ASSERT(request.body.size() == head.body_bytes);
  QUELL_ASSERT(head.body_bytes <= kBounds.body_bytes_max);
  QUELL_ASSERT(quell::is_http_token(head.method));
  QUELL_ASSERT(head.target.starts_with('/'));
  QUELL_ASSERT(head.target.find_first_of(" #\r\n\t") == std::string::npos);
  QUELL_ASSERT(head.headers.size() <= kBounds.head_lines_max);
  std::size_t hosts = 0;
  for (const auto& [name, value] : head.headers) {
    QUELL_ASSERT(quell::is_http_token(name) && quell::is_http_field_value(value));
    QUELL_ASSERT(
        std::none_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; }));
    QUELL_ASSERT(name != "transfer-encoding" && name != "content-encoding");
    if (name == "host") ++hosts;
  }
  QUELL_ASSERT(hosts == 1);
}

/// What a connection that delivers `text` in pieces of `piece` bytes is read as, one line each.
std::vector<std::string> read_in_pieces(std::string_view text, std::size_t piece) {
  quell::HttpRequestReader reader(kBounds);
  std::vector<std::string> seen;
  while (!text.empty()) {
    reader.append(text.substr(0, piece));
    text.remove_prefix(std::min(piece, text.size()));
    while (const auto next = reader.next()) {
      if (const auto* refusal = std::get_if<quell::HttpRefusal>(&*next)) {
        seen.push_back(std::to_string(refusal->status));
        return seen;
      }
      const auto& request = std::get<quell::ReceivedRequest>(*next);
      must_be_clean(request);
      std::string line = request.head.method + request.head.target;
      for (const auto& [name, value] : request.head.headers) line += name + "=" + value + ";";
      seen.push_back(line + request.body);
      if (seen.size() == kRequestsMax) return seen;
    }
  }
  return seen;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = quell::fuzz::text_of(data, size);
  const std::vector<std::string> whole = read_in_pieces(text, std::max<std::size_t>(size, 1));
  for (const std::size_t piece : std::array<std::size_t, 4>{1, 2, 7, 100}) {
    QUELL_ASSERT(read_in_pieces(text, piece) == whole);
  }
  return 0;
}
