#include "orchestrator/engine/pace.h"

#include <string>

#include <doctest/doctest.h>

namespace quell::test {
namespace {

using Limits = std::map<std::string, OriginLimits, std::less<>>;

const std::string kOrigin = "https://api.example";
constexpr Timestamp kStart{Duration{1'930'453'567'000}};

/// Sends as fast as `pacer` allows to a server that takes `limit` a second and answers at once;
/// gives how long `count` accepted requests took.
Duration time_to_send(Pacer& pacer, int count, double limit, int in_flight, int* refused) {
  Timestamp now = kStart;
  double bucket = limit;
  Timestamp filled = now;
  int accepted = 0;
  for (int guard = 0; accepted < count && guard < 1'000'000; ++guard) {
    bool any = false;
    for (int i = 0; i < in_flight && accepted < count; ++i) {
      if (pacer.may_leave(kOrigin, Lane::write, Trust::configured, now) > now) break;
      pacer.left(kOrigin, Lane::write, now);
      bucket = std::min(limit, bucket + static_cast<double>((now - filled).count()) / 1e3 * limit);
      filled = now;
      const bool fits = bucket >= 1;
      if (fits) bucket -= 1;
      pacer.ended(kOrigin, fits ? 200 : 429, fits ? std::nullopt : std::optional<Duration>(1'000),
                  Trust::configured, now);
      fits ? ++accepted : ++*refused;
      any = true;
    }
    if (!any) now = pacer.may_leave(kOrigin, Lane::write, Trust::configured, now);
  }
  return now - kStart;
}

}  // namespace

// Goal: a configured limit is used to the full and never overrun.
TEST_CASE("a limit of 20 a second is kept, and costs no more than it must") {
  Pacer pacer{Limits{{kOrigin, {.read = 20, .write = 20}}}};
  int refused = 0;
  const Duration took = time_to_send(pacer, 200, 20, 64, &refused);
  CHECK(refused == 0);
  CHECK(took <= Duration{10'500});
  CHECK(took >= Duration{9'800});
}

// Goal: a storm of alerts does not starve containment of its reads (threat T19).
TEST_CASE("reads that alerts cause get a fifth of the reads") {
  Pacer pacer{Limits{{kOrigin, {.read = 50}}}};
  const auto pass = [&](Timestamp now, Lane lane) {
    if (pacer.may_leave(kOrigin, lane, Trust::configured, now) > now) return false;
    pacer.left(kOrigin, lane, now);
    pacer.ended(kOrigin, 200, std::nullopt, Trust::configured, now);
    return true;
  };
  int by_alerts = 0;
  int by_people = 0;
  for (Duration at{0}; at < Duration{10'000}; at += Duration{1}) {
    while (pass(kStart + at, Lane::alert_read)) ++by_alerts;
    if (at < Duration{5'000}) continue;  // people come in the second half
    while (pass(kStart + at, Lane::read)) ++by_people;
  }
  CHECK(by_alerts <= 105);
  CHECK(by_alerts >= 95);
  CHECK(by_people >= 195);
}

// Goal: without a configured limit the server's own refusals teach it; the work still ends in about
// the best time, not in a storm of 429s.
TEST_CASE("a limit that nobody configured is learned from 429s") {
  Pacer pacer{Limits{}};
  int refused = 0;
  const Duration took = time_to_send(pacer, 400, 20, 64, &refused);
  CHECK(refused < 60);
  CHECK(took <= Duration{40'000});
}

TEST_CASE("Retry-After closes an origin for everybody, and no server may ask for a year") {
  Pacer pacer{Limits{}};
  pacer.left(kOrigin, Lane::read, kStart);
  pacer.ended(kOrigin, 429, Duration{5'000}, Trust::configured, kStart);
  CHECK(pacer.may_leave(kOrigin, Lane::write, Trust::configured, kStart) ==
        kStart + Duration{5'000});
  CHECK(pacer.may_leave("https://other.example", Lane::write, Trust::configured, kStart) == kStart);
  pacer.ended("https://evil.example", 503, Duration{9'999'999'000}, Trust::untrusted, kStart);
  CHECK(pacer.may_leave("https://evil.example", Lane::read, Trust::untrusted, kStart) ==
        kStart + Duration{60'000});
}

TEST_CASE("an untrusted origin gets few requests at once") {
  Pacer pacer{Limits{}};
  int left = 0;
  while (left < 100 && pacer.may_leave(kOrigin, Lane::read, Trust::untrusted, kStart) == kStart) {
    pacer.left(kOrigin, Lane::read, kStart);
    ++left;
  }
  CHECK(left == 8);
}

TEST_CASE("the origin of a URL is all before its path") {
  CHECK(origin_of_url("https://api.example/v1/vaults?limit=1") == "https://api.example");
  CHECK(origin_of_url("http://127.0.0.1:8471") == "http://127.0.0.1:8471");
}

}  // namespace quell::test
