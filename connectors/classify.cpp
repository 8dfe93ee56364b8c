#include "connectors/classify.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace quell {
namespace {

constexpr Duration kRetryAfterMax{86'400'000};

Error sentence(ErrorCode code, std::string_view subject, std::string_view what, int status) {
  return make_error(
      code, std::string(subject) + ": " + std::string(what) + " (" + std::to_string(status) + ")");
}

/// Seconds of a `Retry-After`; a number too large to hold is a day like every large one.
std::optional<Duration> parse_delay_seconds(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789";
  if (text.empty() || text.find_first_not_of(kDigits) != std::string_view::npos) {
    return std::nullopt;
  }
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  const std::int64_t most = kRetryAfterMax / std::chrono::seconds(1);
  if (error != std::errc{} || end != text.data() + text.size()) seconds = most;
  return Duration(std::chrono::seconds(std::min(seconds, most)));
}

}  // namespace

std::optional<Timestamp> parse_http_date(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (text.size() != 29 || !text.ends_with(" GMT")) return std::nullopt;
  const auto* const month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
  if (month == kMonths.end()) return std::nullopt;
  const auto number = static_cast<int>(month - kMonths.begin()) + 1;
  const std::string month_digits = (number < 10 ? "0" : "") + std::to_string(number);
  return parse_rfc3339(std::string(text.substr(12, 4)) + "-" + month_digits + "-" +
                       std::string(text.substr(5, 2)) + "T" + std::string(text.substr(17, 8)) +
                       "Z");
}

std::optional<Duration> retry_after(const HttpResponse& response, Timestamp now) {
  const std::string_view text = response.header("retry-after");
  if (const std::optional<Duration> seconds = parse_delay_seconds(text)) return seconds;
  const std::optional<Timestamp> date = parse_http_date(text);
  if (!date) return std::nullopt;
  return std::clamp(Duration(*date - now), Duration{0}, kRetryAfterMax);
}

Error classify(const HttpResponse& response, Effect effect, std::string_view subject,
               NotFound where) {
  const int status = response.status;
  const auto with_wait = [&](Error error) {
    // An action has no clock; the server's own `Date` says what it calls now. Without one a date is
    // unreadable.
    const std::optional<Timestamp> server_now = parse_http_date(response.header("date"));
    error.retry_after = server_now ? retry_after(response, *server_now)
                                   : parse_delay_seconds(response.header("retry-after"));
    return error;
  };
  if (status == 429)
    return with_wait(sentence(ErrorCode::throttled, subject, "too many requests", status));
  if (status == 503 && !response.header("retry-after").empty()) {
    return with_wait(sentence(ErrorCode::throttled, subject, "not available for now", status));
  }
  if (status >= 500 && status != 501) {
    const bool changes = effect == Effect::mutate || effect == Effect::notify;
    return sentence(changes ? ErrorCode::unknown : ErrorCode::transient, subject,
                    "the server failed", status);
  }
  if (status == 401 || status == 403)
    return sentence(ErrorCode::denied, subject, "refused", status);
  if (status == 404 && where == NotFound::object)
    return sentence(ErrorCode::gone, subject, "not there", status);
  if (status == 404 || status == 405 || status == 501) {
    return sentence(ErrorCode::unavailable_here, subject, "this server does not offer the call",
                    status);
  }
  if (status == 409)
    return sentence(ErrorCode::conflict, subject, "its state forbids it now", status);
  if (status >= 400)
    return sentence(ErrorCode::invalid, subject, "the request was not accepted", status);
  if (status >= 300)
    return sentence(ErrorCode::invalid, subject, "a redirect, which is never followed", status);
  return sentence(ErrorCode::invalid, subject, "an answer that is not what belongs there", status);
}

}  // namespace quell
