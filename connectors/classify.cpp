#include "connectors/classify.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

namespace quell {
namespace {

constexpr Duration kRetryAfterMax{86'400'000};

Error sentence(ErrorCode code, std::string_view subject, std::string_view what, int status) {
  return make_error(code, std::string(subject) + ": " + std::string(what) + " (" + std::to_string(status) + ")");
}

bool read_number(std::string_view text, int& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

/// IMF-fixdate, the one form that senders must use: `Sun, 06 Nov 1994 08:49:37 GMT`.
std::optional<Timestamp> parse_http_date(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (text.size() != 29 || !text.ends_with(" GMT")) return std::nullopt;
  const auto* const month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
  if (month == kMonths.end()) return std::nullopt;
  const auto number = static_cast<int>(month - kMonths.begin()) + 1;
  std::array<char, 3> digits{};
  std::snprintf(digits.data(), digits.size(), "%02d", number);
  return parse_rfc3339(std::string(text.substr(12, 4)) + "-" + digits.data() + "-" + std::string(text.substr(5, 2)) + "T" +
                       std::string(text.substr(17, 8)) + "Z");
}

}  // namespace

std::optional<Duration> retry_after(const HttpResponse& response, Timestamp now) {
  const std::string_view text = response.header("retry-after");
  int seconds = 0;
  if (read_number(text, seconds)) {
    if (seconds < 0) return std::nullopt;
    return std::min(Duration(std::chrono::seconds(seconds)), kRetryAfterMax);
  }
  const std::optional<Timestamp> date = parse_http_date(text);
  if (!date) return std::nullopt;
  return std::clamp(Duration(*date - now), Duration{0}, kRetryAfterMax);
}

Error classify(const HttpResponse& response, Effect effect, std::string_view subject, NotFound where) {
  const int status = response.status;
  const auto with_wait = [&](Error error) {
    // A date needs a clock, which an action has not; seconds are what these servers send.
    error.retry_after = retry_after(response, Timestamp{});
    return error;
  };
  if (status == 429) return with_wait(sentence(ErrorCode::throttled, subject, "too many requests", status));
  if (status == 503 && !response.header("retry-after").empty()) {
    return with_wait(sentence(ErrorCode::throttled, subject, "not available for now", status));
  }
  if (status >= 500 && status != 501) {
    const bool changes = effect == Effect::mutate || effect == Effect::notify;
    return sentence(changes ? ErrorCode::unknown : ErrorCode::transient, subject, "the server failed", status);
  }
  if (status == 401 || status == 403) return sentence(ErrorCode::denied, subject, "refused", status);
  if (status == 404 && where == NotFound::object) return sentence(ErrorCode::gone, subject, "not there", status);
  if (status == 404 || status == 405 || status == 501) {
    return sentence(ErrorCode::unavailable_here, subject, "this server does not offer the call", status);
  }
  if (status == 409) return sentence(ErrorCode::conflict, subject, "its state forbids it now", status);
  if (status >= 400) return sentence(ErrorCode::invalid, subject, "the request was not accepted", status);
  if (status >= 300) return sentence(ErrorCode::invalid, subject, "a redirect, which is never followed", status);
  return sentence(ErrorCode::invalid, subject, "an answer that is not what belongs there", status);
}

}  // namespace quell
