#include "orchestrator/http_request.h"

#include <utility>

namespace quell {

std::optional<std::variant<ReceivedRequest, HttpRefusal>> HttpRequestReader::next() {
  if (!head_) {
    const auto found = find_head_end();
    if (!found) return std::nullopt;
    if (const auto* refusal = std::get_if<HttpRefusal>(&*found)) return *refusal;
    const std::size_t head_bytes = std::get<std::size_t>(*found);
    std::variant<HttpHead, HttpRefusal> parsed =
        parse_http_head(std::string_view(buffer_).substr(0, head_bytes), bounds_.body_bytes_max);
    if (const auto* refusal = std::get_if<HttpRefusal>(&parsed)) return *refusal;
    head_ = std::move(std::get<HttpHead>(parsed));
    buffer_.erase(0, head_bytes);
    line_start_ = scanned_ = lines_ = 0;
  }
  if (buffer_.size() < head_->body_bytes) return std::nullopt;
  ReceivedRequest request{.head = *std::exchange(head_, std::nullopt)};
  std::string rest = buffer_.substr(request.head.body_bytes);
  request.body = std::exchange(buffer_, std::move(rest));
  request.body.resize(request.head.body_bytes);
  return request;
}

void HttpRequestReader::clear() { *this = HttpRequestReader(bounds_); }

std::optional<std::variant<std::size_t, HttpRefusal>> HttpRequestReader::find_head_end() {
  while (true) {
    const std::size_t end = buffer_.find('\n', scanned_);
    if (end == std::string::npos) break;
    if (end + 1 > bounds_.head_bytes_max || ++lines_ > bounds_.head_lines_max + 2) {
      return HttpRefusal{431, "The head is too large."};
    }
    if (end == line_start_ || buffer_[end - 1] != '\r') {
      return HttpRefusal{400, "Lines must end in CR LF."};
    }
    const bool is_empty = end == line_start_ + 1;
    line_start_ = scanned_ = end + 1;
    if (is_empty) return line_start_;
  }
  scanned_ = buffer_.size();
  if (scanned_ >= bounds_.head_bytes_max) return HttpRefusal{431, "The head is too large."};
  return std::nullopt;
}

}  // namespace quell
