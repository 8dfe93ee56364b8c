#include "orchestrator/engine/pace.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace quell {
namespace {

constexpr Duration kSecond{1'000};
/// A hostile server's wish to be left alone for a year is not granted (threat T13).
constexpr Duration kClosedMax{10 * 60'000};
constexpr Duration kClosedMaxUntrusted{60'000};
constexpr Duration kClosedUnsaid{1'000};  // after a 429 that names no time
constexpr std::size_t kInFlightMax = 1'024;
constexpr std::size_t kInFlightMaxUntrusted = 8;
constexpr Duration kMoment{1};
constexpr double kBurstSeconds = 0.1;
constexpr double kAlertShare = 0.2;
constexpr double kBackOff = 0.8;
constexpr double kRecover = 1.1;
constexpr double kLearnedMin = 1;
constexpr double kEvidenceMin = 5;     // answers in a second, below which nothing is learned
constexpr double kLearnedMax = 1'000;  // beyond it nothing was learned
constexpr int kTooMany = 429;
constexpr int kUnavailable = 503;

}  // namespace

std::string origin_of_url(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url);
  return std::string(url.substr(0, url.find_first_of("/?#", scheme + 3)));
}

std::optional<double> Pacer::rate_of(const Origin& origin, const std::string& name,
                                     bool writes) const {
  std::optional<double> rate = origin.learned;
  if (const auto found = limits_.find(name); found != limits_.end()) {
    const std::optional<double> limit = writes ? found->second.write : found->second.read;
    if (limit) rate = rate ? std::min(*rate, *limit) : *limit;
  }
  return rate;
}

double Pacer::fill(Bucket& bucket, double rate, Timestamp now) {
  const double burst = std::max(1.0, rate * kBurstSeconds);
  if (now > bucket.filled) {
    const double seconds = static_cast<double>((now - bucket.filled).count()) / 1'000.0;
    bucket.level = std::min(burst, bucket.level + seconds * rate);
    bucket.filled = now;
  }
  return bucket.level;
}

/// When one more may be taken from `bucket`.
Timestamp Pacer::full_enough(Bucket& bucket, double rate, Timestamp now) {
  const double level = fill(bucket, rate, now);
  if (level >= 1) return now;
  const double wait = std::ceil((1 - level) / rate * 1'000.0);
  return now + std::max(kMoment, Duration(static_cast<std::int64_t>(wait)));
}

Timestamp Pacer::may_leave(const std::string& name, Lane lane, Trust trust, Timestamp now) {
  Origin& origin = origins_[name];
  if (origin.closed_until > now) return origin.closed_until;
  const std::size_t most = trust == Trust::untrusted ? kInFlightMaxUntrusted : kInFlightMax;
  if (origin.in_flight >= most) return now + kMoment;
  const std::optional<double> rate = rate_of(origin, name, lane == Lane::write);
  if (!rate) return now;
  if (lane == Lane::write) return full_enough(origin.write, *rate, now);
  const Timestamp of_all = full_enough(origin.read, *rate, now);
  if (lane == Lane::read) return of_all;
  return std::max(of_all, full_enough(origin.alert_read, *rate * kAlertShare, now));
}

void Pacer::left(const std::string& name, Lane lane, Timestamp now) {
  Origin& origin = origins_[name];
  ++origin.in_flight;
  const auto rate = rate_of(origin, name, lane == Lane::write);
  if (!rate) return;
  const auto take_one = [&](Bucket& bucket, double per_second) {
    fill(bucket, per_second, now);
    bucket.level -= 1;
  };
  take_one(lane == Lane::write ? origin.write : origin.read, *rate);
  if (lane == Lane::alert_read) take_one(origin.alert_read, *rate * kAlertShare);
}

void Pacer::count(Origin& origin, Timestamp now) {
  if (now >= origin.window + kSecond) {
    origin.answered_before = now < origin.window + 2 * kSecond ? origin.answered : 0;
    origin.answered = 0;
    origin.window = now;
    if (origin.learned) {
      *origin.learned *= kRecover;
      if (*origin.learned > kLearnedMax) origin.learned.reset();
    }
  }
}

void Pacer::ended(const std::string& name, int status, std::optional<Duration> retry_after,
                  Trust trust, Timestamp now) {
  Origin& origin = origins_[name];
  if (origin.in_flight > 0) --origin.in_flight;
  count(origin, now);
  const bool told_to_wait = status == kTooMany || (status == kUnavailable && retry_after);
  if (!told_to_wait) {
    if (status != 0) ++origin.answered;
    return;
  }
  const Duration most = trust == Trust::untrusted ? kClosedMaxUntrusted : kClosedMax;
  origin.closed_until =
      std::max(origin.closed_until, now + std::min(most, retry_after.value_or(kClosedUnsaid)));
  if (status != kTooMany) return;
  const double seen = std::max(origin.answered, origin.answered_before);
  if (seen < kEvidenceMin) return;
  const double rate = std::max(kLearnedMin, seen * kBackOff);
  if (!origin.learned || rate < *origin.learned) origin.learned = rate;
}

}  // namespace quell
