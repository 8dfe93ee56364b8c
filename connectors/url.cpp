#include "connectors/url.h"

#include <algorithm>
#include <cctype>
#include <memory>

#include <curl/curl.h>

namespace quell {
namespace {

constexpr std::size_t kUrlBytesMax = 8'192;

struct UrlFree {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

Error refused(std::string_view why) { return make_error(ErrorCode::invalid, "not a usable URL: " + std::string(why)); }

std::string part(CURLU* url, CURLUPart what) {
  char* text = nullptr;
  if (curl_url_get(url, what, &text, 0) != CURLUE_OK || text == nullptr) return {};
  std::string value(text);
  curl_free(text);
  return value;
}

std::uint16_t default_port(std::string_view scheme) { return scheme == "https" ? 443 : 80; }

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

}  // namespace

std::string Url::origin() const {
  return scheme + "://" + host + (port == default_port(scheme) ? "" : ":" + std::to_string(port));
}

std::string Url::to_string() const { return origin() + path + (query.empty() ? "" : "?" + query); }

Result<Url> parse_url(std::string_view text) {
  if (text.empty() || text.size() > kUrlBytesMax) return refused("its length");
  if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; })) {
    return refused("white space or control characters");
  }
  const std::unique_ptr<CURLU, UrlFree> parsed(curl_url());
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, std::string(text).c_str(), CURLU_PATH_AS_IS | CURLU_DISALLOW_USER) != CURLUE_OK) {
    return refused("it does not parse");
  }
  Url url;
  url.scheme = lower(part(parsed.get(), CURLUPART_SCHEME));
  if (url.scheme != "http" && url.scheme != "https") return refused("its scheme is neither http nor https");
  url.host = lower(part(parsed.get(), CURLUPART_HOST));
  while (url.host.size() > 1 && url.host.back() == '.') url.host.pop_back();
  if (url.host.empty() || url.host.find('%') != std::string::npos) return refused("its host");
  if (!part(parsed.get(), CURLUPART_FRAGMENT).empty() || text.find('#') != std::string_view::npos) return refused("a fragment");
  if (!part(parsed.get(), CURLUPART_ZONEID).empty()) return refused("an IPv6 scope");
  const std::string port = part(parsed.get(), CURLUPART_PORT);
  url.port = port.empty() ? default_port(url.scheme) : static_cast<std::uint16_t>(std::stoul(port));
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
  if (!host.starts_with("127.")) return false;
  // Four plain decimal numbers: other spellings are left to the check of the connected address.
  return std::count(host.begin(), host.end(), '.') == 3 && host.find_first_not_of("0123456789.") == std::string_view::npos;
}

bool same_mcp_url(std::string_view a, std::string_view b) {
  const Result<Url> left = parse_url(a);
  const Result<Url> right = parse_url(b);
  if (!left || !right) return a == b;
  const auto trimmed = [](std::string path) {
    if (path.ends_with('/')) path.pop_back();
    return path;
  };
  return left->origin() == right->origin() && trimmed(left->path) == trimmed(right->path) && left->query == right->query;
}

}  // namespace quell
