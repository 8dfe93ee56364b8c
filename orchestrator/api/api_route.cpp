#include "orchestrator/api/api_route.h"

#include <charconv>
#include <utility>

namespace quell {
namespace {

constexpr std::size_t kNamesMax = 200;

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string_view take_segment(std::string_view& rest) {
  const std::size_t slash = rest.find('/');
  const std::string_view segment = rest.substr(0, slash);
  rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
  return segment;
}

}  // namespace

std::string_view to_string(Right right) noexcept {
  switch (right) {
    case Right::read:
      return "read";
    case Right::act:
      return "act";
    case Right::start:
      return "start";
    case Right::approve:
      return "approve";
    case Right::author:
      return "author";
    case Right::administer:
      return "administer";
  }
  return "";
}

std::string ApiCall::path_or(std::string_view name) const {
  const auto found = path.find(name);
  return found == path.end() ? std::string() : found->second;
}

Result<std::uint64_t> ApiCall::number(std::string_view name, std::uint64_t fallback,
                                      std::uint64_t most) const {
  const auto found = query.find(name);
  if (found == query.end()) return fallback;
  const std::string& text = found->second;
  std::uint64_t number = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc{} || end != text.data() + text.size() || number > most) {
    return make_error(ErrorCode::invalid, "bad-input",
                      std::string(name) + " is no whole number up to " + std::to_string(most) + ".",
                      "for instance " + std::string(name) + "=" + std::to_string(fallback));
  }
  return number;
}

std::optional<std::map<std::string, std::string, std::less<>>> fit_path(std::string_view pattern,
                                                                        std::string_view path) {
  std::map<std::string, std::string, std::less<>> parts;
  if (!pattern.starts_with('/') || !path.starts_with('/')) return std::nullopt;
  pattern.remove_prefix(1);
  path.remove_prefix(1);
  while (!pattern.empty() && !path.empty()) {
    const std::string_view wanted = take_segment(pattern);
    const std::string_view given = take_segment(path);
    if (wanted.starts_with('{')) {
      std::optional<std::string> value = decode_percent(given, false);
      if (!value || value->empty()) return std::nullopt;
      parts.emplace(wanted.substr(1, wanted.size() - 2), *std::move(value));
    } else if (wanted != given) {
      return std::nullopt;
    }
  }
  if (!pattern.empty() || !path.empty()) return std::nullopt;
  return parts;
}

std::optional<std::string> decode_percent(std::string_view text, bool plus_is_space) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (c == '\0') return std::nullopt;
    decoded += c;
  }
  return decoded;
}

Result<std::map<std::string, std::string, std::less<>>> parse_form(std::string_view text) {
  std::map<std::string, std::string, std::less<>> names;
  const Error broken = make_error(ErrorCode::invalid, "bad-input", "the form or query is broken.",
                                  "percent-encode its values");
  while (!text.empty()) {
    const std::size_t end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    std::optional<std::string> name = decode_percent(pair.substr(0, equals), true);
    std::optional<std::string> value = decode_percent(
        equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1), true);
    if (!name || !value || names.size() == kNamesMax) return broken;
    if (!names.emplace(*std::move(name), *std::move(value)).second) {
      return make_error(ErrorCode::invalid, "bad-input", "a name comes twice in the form or query.",
                        "send each name once");
    }
  }
  return names;
}

}  // namespace quell
