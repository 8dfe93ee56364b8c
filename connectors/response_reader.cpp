#include "connectors/response_reader.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <utility>

#include "connectors/wiping.h"

namespace quell {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

}  // namespace

void ResponseReader::begin(Limits limits) {
  limits_ = limits;
  response_ = HttpResponse();
  header_bytes_ = 0;
  line_start_ = 0;
  body_began_ = false;
  stop_ = Stop::none;
}

bool ResponseReader::take_header_line(std::string_view line) {
  header_bytes_ += line.size();
  if (header_bytes_ > limits_.header_bytes_max) {
    stop_ = Stop::headers_too_long;
    return false;
  }
  if (body_began_) return true;  // a trailer: counted, never read
  if (line.starts_with("HTTP/")) {
    response_.headers.clear();  // what came before was an interim answer (1xx)
    return true;
  }
  if (line.starts_with(' ') || line.starts_with('\t')) {
    // RFC 9112 section 5.2: a folded line goes on as if after one space.
    if (!response_.headers.empty()) {
      response_.headers.back().second.append(" ").append(trim(line));
    }
    return true;
  }
  const std::size_t colon = line.find(':');
  if (colon != std::string_view::npos) {
    response_.headers.emplace_back(lower(trim(line.substr(0, colon))),
                                   std::string(trim(line.substr(colon + 1))));
  }
  return true;
}

bool ResponseReader::take_body(std::string_view bytes) {
  body_began_ = true;
  if (bytes.size() > limits_.body_bytes_max - response_.body.size()) {
    stop_ = Stop::body_too_long;
    return false;
  }
  append_wiping(response_.body, bytes);
  if (limits_.first_event_only && is_event_stream()) scan_for_event();
  return stop_ == Stop::none;
}

bool ResponseReader::is_event_stream() const {
  return lower(response_.header("content-type")).starts_with("text/event-stream");
}

void ResponseReader::scan_for_event() {
  constexpr std::string_view kField = "data:";
  const std::string_view body = response_.body;
  for (;;) {
    const std::size_t line_end = body.find_first_of("\r\n", line_start_);
    if (line_end == std::string_view::npos) return;
    std::string_view line = body.substr(line_start_, line_end - line_start_);
    line_start_ = line_end + 1;
    if (!line.starts_with(kField)) continue;
    line.remove_prefix(kField.size());
    if (line.starts_with(' ')) line.remove_prefix(1);
    if (line.empty()) continue;
    std::string data(line);
    std::swap(response_.body, data);
    wipe(data);
    stop_ = Stop::event_complete;
    return;
  }
}

HttpResponse ResponseReader::take(int status) {
  response_.status = status;
  HttpResponse taken = std::move(response_);
  begin(Limits{});
  return taken;
}

}  // namespace quell
