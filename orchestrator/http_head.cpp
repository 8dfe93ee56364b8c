// HTTP/1.1 request heads: RFC 9112; what is refused beyond it: API sheet triggers-and-panel 2.5 to
// 2.7.
#include "orchestrator/http_head.h"

#include <algorithm>
#include <array>
#include <optional>

namespace quell {
namespace {

constexpr std::array<std::string_view, 7> kMethods{"GET",   "HEAD",   "POST",   "PUT",
                                                   "PATCH", "DELETE", "OPTIONS"};
/// Names under which cpp-httplib 0.11.4 files the addresses of a connection (CVE-2025-66570).
constexpr std::array<std::string_view, 4> kShadowing{"remote_addr", "remote_port", "local_addr",
                                                     "local_port"};
/// Digits of a Content-Length: enough for 999 MB, far from any overflow.
constexpr std::size_t kLengthDigitsMax = 9;

template <std::size_t count>
bool is_one_of(std::string_view text, const std::array<std::string_view, count>& all) {
  return std::ranges::find(all, text) != all.end();
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_visible(char c) { return c > ' ' && c < '\x7f'; }

std::optional<HttpRefusal> read_request_line(std::string_view line, HttpHead& head) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return HttpRefusal{400, "The request line is malformed."};
  }
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!is_http_token(head.method)) return HttpRefusal{400, "The request line is malformed."};
  if (!is_one_of(head.method, kMethods)) return HttpRefusal{501, "The method is not offered."};
  if (head.target.size() > kHttpTargetBytesMax) return HttpRefusal{414, "The target is too long."};
  if (!head.target.starts_with('/') || !std::ranges::all_of(head.target, is_visible) ||
      head.target.find('#') != std::string::npos) {
    return HttpRefusal{400, "The target is not a path."};
  }
  if (version != "HTTP/1.1") return HttpRefusal{505, "Only HTTP/1.1 is spoken."};
  return std::nullopt;
}

std::optional<HttpRefusal> read_header_line(std::string_view line, HttpHead& head) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_http_token(line.substr(0, colon))) {
    return HttpRefusal{400, "A header line is malformed."};  // folded lines and `Name :` as well
  }
  const std::string_view value = trim(line.substr(colon + 1));
  if (!is_http_field_value(value)) return HttpRefusal{400, "A header value has odd bytes."};
  head.headers.emplace_back(lower_case(line.substr(0, colon)), value);
  return std::nullopt;
}

/// How the body is framed, and the headers that would change that or our way of answering.
std::optional<HttpRefusal> read_framing(HttpHead& head, std::size_t body_bytes_max) {
  std::size_t hosts = 0;
  std::optional<std::string_view> length;
  for (const auto& [name, value] : head.headers) {
    if (is_one_of(name, kShadowing)) return HttpRefusal{400, "A header name is reserved."};
    if (name == "transfer-encoding") return HttpRefusal{411, "Send a Content-Length instead."};
    if (name == "content-encoding") return HttpRefusal{415, "Bodies are taken uncoded only."};
    if (name == "range") return HttpRefusal{416, "Ranges are not served."};
    if (name == "expect" || name == "upgrade") {
      return HttpRefusal{417, "Expectations and upgrades are not met."};
    }
    if (name == "host") {
      ++hosts;
      if (value.empty()) return HttpRefusal{400, "The Host header is empty."};
    }
    if (name == "content-length") {
      if (length) return HttpRefusal{400, "There are two Content-Length headers."};
      length = value;
    }
    if (name == "connection") head.closes = head.closes || lower_case(value) == "close";
  }
  if (hosts != 1) return HttpRefusal{400, "There must be one Host header."};
  if (!length) {
    const bool needs = head.method == "POST" || head.method == "PUT" || head.method == "PATCH";
    if (needs) return HttpRefusal{411, "Send a Content-Length."};
    return std::nullopt;
  }
  if (length->empty() || !std::ranges::all_of(*length, is_digit)) {
    return HttpRefusal{400, "The Content-Length is no number."};
  }
  if (length->size() > kLengthDigitsMax) return HttpRefusal{413, "The body is too large."};
  for (const char digit : *length) {
    head.body_bytes = head.body_bytes * 10 + static_cast<std::size_t>(digit - '0');
  }
  if (head.body_bytes > body_bytes_max) return HttpRefusal{413, "The body is too large."};
  if (head.body_bytes > 0 && (head.method == "GET" || head.method == "HEAD")) {
    return HttpRefusal{400, "A body does not belong here."};
  }
  return std::nullopt;
}

}  // namespace

bool is_http_token(std::string_view text) noexcept {
  constexpr std::string_view kPunctuation = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return is_letter(c) || is_digit(c) || kPunctuation.find(c) != std::string_view::npos;
  });
}

bool is_http_field_value(std::string_view value) noexcept {
  return std::ranges::all_of(value, [](char c) { return (c >= ' ' && c < '\x7f') || c == '\t'; });
}

std::variant<HttpHead, HttpRefusal> parse_http_head(std::string_view head,
                                                    std::size_t body_bytes_max) {
  HttpHead parsed;
  bool is_first = true;
  while (true) {
    const std::size_t end = head.find('\n');
    if (end == std::string_view::npos || end == 0 || head[end - 1] != '\r') {
      return HttpRefusal{400, "Lines must end in CR LF."};
    }
    const std::string_view line = head.substr(0, end - 1);
    head.remove_prefix(end + 1);
    if (line.empty() && !is_first) break;
    std::optional<HttpRefusal> refusal =
        is_first ? read_request_line(line, parsed) : read_header_line(line, parsed);
    if (refusal) return *refusal;
    is_first = false;
  }
  if (!head.empty()) return HttpRefusal{400, "The request line is malformed."};
  if (std::optional<HttpRefusal> refusal = read_framing(parsed, body_bytes_max)) return *refusal;
  return parsed;
}

std::string_view http_reason_phrase(int status) noexcept {
  struct Phrase {
    int status;
    std::string_view words;
  };
  constexpr std::array<Phrase, 27> kPhrases{{{200, "OK"},
                                             {201, "Created"},
                                             {202, "Accepted"},
                                             {204, "No Content"},
                                             {302, "Found"},
                                             {303, "See Other"},
                                             {304, "Not Modified"},
                                             {400, "Bad Request"},
                                             {401, "Unauthorized"},
                                             {403, "Forbidden"},
                                             {404, "Not Found"},
                                             {405, "Method Not Allowed"},
                                             {408, "Request Timeout"},
                                             {409, "Conflict"},
                                             {411, "Length Required"},
                                             {413, "Content Too Large"},
                                             {414, "URI Too Long"},
                                             {415, "Unsupported Media Type"},
                                             {416, "Range Not Satisfiable"},
                                             {417, "Expectation Failed"},
                                             {421, "Misdirected Request"},
                                             {429, "Too Many Requests"},
                                             {431, "Request Header Fields Too Large"},
                                             {500, "Internal Server Error"},
                                             {501, "Not Implemented"},
                                             {503, "Service Unavailable"},
                                             {505, "HTTP Version Not Supported"}}};
  const auto* const found =
      std::ranges::find_if(kPhrases, [&](const Phrase& phrase) { return phrase.status == status; });
  return found == kPhrases.end() ? std::string_view() : found->words;
}

}  // namespace quell
