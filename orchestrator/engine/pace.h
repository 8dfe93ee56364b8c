#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "connectors/http_transport.h"
#include "state/base/clock.h"

namespace quell {

/// Requests per second that a provider allows; none: no limit is known.
struct OriginLimits {
  std::optional<double> read{};   // GET and HEAD
  std::optional<double> write{};  // everything else
};

/// Which bucket a request is taken from. The reads that alerts cause get a fifth of the reads, so
/// that a storm of them leaves room (threat T19).
enum class Lane : std::uint8_t { write, read, alert_read };

/// When the next request may leave for an origin: one bucket per origin and kind, shared by all
/// runs, under the configured limit, `Retry-After` (RFC 9110 section 10.2.3) and what a server's
/// 429s teach. A server that only answers 429 is never asked faster than it last answered well. The
/// engine thread owns it.
class Pacer {
 public:
  /// `limits` by origin, `https://host`.
  explicit Pacer(std::map<std::string, OriginLimits, std::less<>> limits)
      : limits_(std::move(limits)) {}

  /// When a request may leave for `origin`: `now` if at once; never before an answer is back where
  /// too many are under way (then `now` plus a moment).
  Timestamp may_leave(const std::string& origin, Lane lane, Trust trust, Timestamp now);
  void left(const std::string& origin, Lane lane, Timestamp now);
  /// The exchange is over. `status` 0: without an answer.
  void ended(const std::string& origin, int status, std::optional<Duration> retry_after,
             Trust trust, Timestamp now);

 private:
  /// Fills at `rate` per second up to what a tenth of a second brings, and at least one.
  struct Bucket {
    double level = 1;
    Timestamp filled{};
  };
  struct Origin {
    Bucket read{};
    Bucket write{};
    Bucket alert_read{};
    Timestamp closed_until{};
    std::size_t in_flight = 0;
    std::optional<double> learned{};  // requests per second that the server's refusals allow
    Timestamp window{};               // the second in which answers are counted
    double answered = 0;
    double answered_before = 0;  // in the second before
  };

  std::optional<double> rate_of(const Origin& origin, const std::string& name, bool writes) const;
  static double fill(Bucket& bucket, double rate, Timestamp now);
  static Timestamp full_enough(Bucket& bucket, double rate, Timestamp now);
  static void count(Origin& origin, Timestamp now);

  std::map<std::string, OriginLimits, std::less<>> limits_;
  std::map<std::string, Origin, std::less<>> origins_{};
};

/// `https://host:port` of `url`: all before its path.
std::string origin_of_url(std::string_view url);

}  // namespace quell
