#include "connectors/url.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cctype>
#include <charconv>
#include <memory>

#include <curl/curl.h>

namespace quell {
namespace {

constexpr std::size_t kUrlBytesMax = 8'192;
constexpr std::size_t kHostBytesMax = 253;  // RFC 1035 section 2.3.4

struct UrlFree {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

Error refused(std::string_view why) {
  return make_error(ErrorCode::invalid, "not a usable URL: " + std::string(why));
}

std::string part(CURLU* url, CURLUPart what) {
  char* text = nullptr;
  if (curl_url_get(url, what, &text, 0) != CURLUE_OK || text == nullptr) return {};
  std::string value(text);
  curl_free(text);
  return value;
}

std::uint16_t default_port(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// Names, IPv4 addresses and bracketed IPv6 addresses; whatever else a parser let through could be
/// read as something else further on.
bool is_usable_host(std::string_view host) {
  if (host.empty() || host.size() > kHostBytesMax || host.ends_with('.')) return false;
  if (host.front() == '[') {
    return host.back() == ']' && host.find('%') == std::string_view::npos;
  }
  return host.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-_") ==
         std::string_view::npos;
}

}  // namespace

std::string Url::origin() const {
  return scheme + "://" + host + (port == default_port(scheme) ? "" : ":" + std::to_string(port));
}

std::string Url::to_string() const { return origin() + path + (query.empty() ? "" : "?" + query); }

Result<Url> parse_url(std::string_view text) {
  if (text.empty() || text.size() > kUrlBytesMax) return refused("its length");
  if (std::any_of(text.begin(), text.end(),
                  [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; })) {
    return refused("white space or control characters");
  }
  // The parser takes one to three slashes and reads a backslash as it likes; other parsers differ,
  // and a URL that two of them read differently is how a token reaches a third host.
  const std::size_t scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos || text.substr(scheme_end + 3).starts_with('/')) {
    return refused("it is not absolute");
  }
  if (text.find('\\') != std::string_view::npos) return refused("a backslash");
  if (text.find('#') != std::string_view::npos) return refused("a fragment");
  const std::unique_ptr<CURLU, UrlFree> parsed(curl_url());
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, std::string(text).c_str(),
                              CURLU_PATH_AS_IS | CURLU_DISALLOW_USER) != CURLUE_OK) {
    return refused("it does not parse");
  }
  Url url;
  url.scheme = lower(part(parsed.get(), CURLUPART_SCHEME));
  if (url.scheme != "http" && url.scheme != "https") {
    return refused("its scheme is neither http nor https");
  }
  if (!part(parsed.get(), CURLUPART_ZONEID).empty()) return refused("an IPv6 scope");
  // libcurl would turn other letters into their ASCII form by the locale: not one spelling for all.
  if (std::any_of(text.begin(), text.end(),
                  [](char c) { return static_cast<unsigned char>(c) > 0x7e; })) {
    return refused("letters outside ASCII; write a host in its xn-- form, a path in its %XX form");
  }
  url.host = lower(part(parsed.get(), CURLUPART_HOST));
  if (url.host.ends_with('.')) {
    url.host.pop_back();
    // The library read `0177.` as a name; without the dot the same text is a number, and another
    // host.
    const std::string_view last = std::string_view(url.host).substr(url.host.rfind('.') + 1);
    if (!last.empty() && last.front() >= '0' && last.front() <= '9') return refused("its host");
  }
  if (!is_usable_host(url.host)) return refused("its host");
  const std::string port = part(parsed.get(), CURLUPART_PORT);
  url.port = default_port(url.scheme);
  if (!port.empty()) {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
    if (error != std::errc{} || end != port.data() + port.size() || url.port == 0) {
      return refused("its port");
    }
  }
  url.path = part(parsed.get(), CURLUPART_PATH);
  url.query = part(parsed.get(), CURLUPART_QUERY);
  return url;
}

std::string origin_of(std::string_view text) {
  const Result<Url> url = parse_url(text);
  return url ? url->origin() : std::string();
}

bool is_loopback_host(std::string_view host) {
  if (host == "localhost" || host == "[::1]" || host == "::1") return true;
  in_addr binary{};
  return host.starts_with("127.") && inet_pton(AF_INET, std::string(host).c_str(), &binary) == 1;
}

bool same_mcp_url(std::string_view a, std::string_view b) {
  const Result<Url> left = parse_url(a);
  const Result<Url> right = parse_url(b);
  if (!left || !right) return a == b;
  const auto trimmed = [](std::string path) {
    if (path.ends_with('/')) path.pop_back();
    return path;
  };
  return left->origin() == right->origin() && trimmed(left->path) == trimmed(right->path) &&
         left->query == right->query;
}

}  // namespace quell
