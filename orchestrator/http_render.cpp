// Answers on the wire: RFC 9112 sections 4, 6 and 7.
#include "orchestrator/http_render.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace quell {
namespace {

bool is_framing(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  return lower == "connection" || lower == "keep-alive" || lower == "content-length" ||
         lower == "transfer-encoding";
}

std::string head_of(const HttpReply& reply, const HttpHeaders& fixed) {
  std::string out =
      fmt::format("HTTP/1.1 {} {}\r\n", reply.status, http_reason_phrase(reply.status));
  each_http_header(reply, fixed, [&](const std::string& name, const std::string& value) {
    out.append(name).append(": ").append(value).append("\r\n");
  });
  return out;
}

}  // namespace

void each_http_header(const HttpReply& reply, const HttpHeaders& fixed,
                      const std::function<void(const std::string&, const std::string&)>& take) {
  for (const HttpHeaders* list : {&fixed, &reply.headers}) {
    for (const auto& [name, value] : *list) {
      if (!is_http_token(name) || !is_http_field_value(value) || is_framing(name)) continue;
      take(name, value);
    }
  }
}

std::string render_http_stream_head(const HttpReply& reply, const HttpHeaders& fixed) {
  return head_of(reply, fixed) + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
}

std::string render_http_chunk(const std::string& piece) {
  return fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
}

std::string render_http_refusal(const HttpRefusal& refusal, const HttpHeaders& fixed) {
  HttpReply reply{
      .status = refusal.status,
      .headers = {{"content-type", "application/json"}},
      .body = fmt::format(R"({{"error":{{"type":"refused","message":"{}"}}}})", refusal.reason)};
  if (refusal.status == 503) reply.headers.emplace_back("retry-after", "1");
  return head_of(reply, fixed) + fmt::format("Content-Length: {}\r\nConnection: close\r\n\r\n{}",
                                             reply.body.size(), reply.body);
}

}  // namespace quell
