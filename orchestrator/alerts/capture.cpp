#include "orchestrator/alerts/capture.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace quell {
namespace {

constexpr std::size_t kHeadersMax = 100;

Error broken(std::string_view what) {
  return make_error(ErrorCode::invalid, "hook", std::string(what),
                    "keep request line, headers, an empty line and the body, or the body alone");
}

/// The next line without its end; advances `text`.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// The target of `POST /hooks/x HTTP/1.1`.
std::optional<std::string_view> target_of(std::string_view line) {
  if (!line.starts_with("POST ") && !line.starts_with("PUT ")) return std::nullopt;
  line.remove_prefix(line.find(' ') + 1);
  const std::size_t end = line.find(' ');
  if (end == 0 || end == std::string_view::npos || !line.substr(end + 1).starts_with("HTTP/"))
    return std::nullopt;
  return line.substr(0, end);
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

Result<CapturedDelivery> parse_capture(std::string_view text) {
  CapturedDelivery capture;
  std::string_view rest = text;
  std::optional<std::string_view> target = target_of(take_line(rest));
  if (!target) target = target_of(take_line(rest));
  if (!target) {
    capture.body = text;
    return capture;
  }
  capture.target = *target;
  for (std::string_view line = take_line(rest); !line.empty(); line = take_line(rest)) {
    const std::size_t colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos) return broken("a header has no name.");
    if (capture.headers.size() >= kHeadersMax) return broken("there are more than 100 headers.");
    std::string name(line.substr(0, colon));
    std::ranges::transform(name, name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    capture.headers.emplace_back(std::move(name), trimmed(line.substr(colon + 1)));
  }
  for (const auto& [name, value] : capture.headers) {
    if (name != "content-length") continue;
    std::size_t bytes = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), bytes);
    if (error != std::errc{} || end != value.data() + value.size())
      return broken("Content-Length is no number.");
    if (bytes > rest.size()) return broken("the body is shorter than Content-Length says.");
    rest = rest.substr(0, bytes);
  }
  capture.body = rest;
  return capture;
}

}  // namespace quell
