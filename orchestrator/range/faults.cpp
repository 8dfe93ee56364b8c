#include "orchestrator/range/faults.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>

#include <fmt/format.h>

#include "state/model/vocabulary.h"

namespace quell::range {
namespace {

constexpr std::size_t kPendingMax = 100;
constexpr std::int64_t kCountMax = 1'000'000;
constexpr std::int64_t kLatencyMsMax = 600'000;
constexpr std::int64_t kRetryAfterMax = 3600;
constexpr std::array<std::string_view, 4> kHosts = {"platform", "issuer", "mcp_server", "control"};

Error invalid(std::string_view what) {
  return make_error(ErrorCode::invalid, fmt::format("The fault is not understood: {}.", what));
}

/// `true` is after handling, so that the effect stands and the answer is lost; "before" and "after"
/// say which.
std::optional<bool> handled_before_failing(const Value& wish) {
  if (wish.is_bool() && wish.as_bool()) return true;
  if (wish.string_or("") == "after") return true;
  if (wish.string_or("") == "before") return false;
  return std::nullopt;
}

Result<Fault> read_fault(const Value& wish) {
  constexpr std::array<std::string_view, 8> kMembers = {"host",   "status", "reset", "hang",
                                                        "effect", "path",   "count", "retry_after"};
  if (!wish.is_map()) return invalid("fail_next must be an object");
  for (const auto& [name, value] : wish.as_map()) {
    if (std::ranges::find(kMembers, name) == kMembers.end()) return invalid("unknown member");
  }
  Fault fault{.effect = wish["effect"].string_or(""),
              .path = wish["path"].string_or(""),
              .count = wish["count"].int_or(1)};
  const std::string host = wish["host"].string_or("platform");
  const auto known = std::ranges::find(kHosts, host == "mcp" ? "mcp_server" : host);
  if (known == kHosts.end() || *known == "control") return invalid("unknown host");
  fault.host = static_cast<Host>(known - kHosts.begin());
  if (fault.count < 1 || fault.count > kCountMax) return invalid("count out of range");
  const int kinds =
      (wish.has("status") ? 1 : 0) + (wish.has("reset") ? 1 : 0) + (wish.has("hang") ? 1 : 0);
  if (kinds != 1) return invalid("one of status, reset and hang");
  if (wish.has("status")) {
    const std::int64_t status = wish["status"].int_or(0);
    fault.retry_after_s = wish["retry_after"].int_or(0);
    if (status < 200 || status > 599) return invalid("status out of range");
    if (fault.retry_after_s < 0 || fault.retry_after_s > kRetryAfterMax) {
      return invalid("retry_after out of range");
    }
    fault.status = static_cast<int>(status);
    return fault;
  }
  fault.kind = wish.has("reset") ? Fault::Kind::reset : Fault::Kind::hang;
  const auto handled = handled_before_failing(wish[wish.has("reset") ? "reset" : "hang"]);
  if (!handled) return invalid("reset and hang take true, \"before\" or \"after\"");
  fault.handled = *handled;
  return fault;
}

}  // namespace

Status Faults::apply(const Value& wish) {
  constexpr std::array<std::string_view, 4> kMembers = {"latency_ms", "profile_add", "fail_next",
                                                        "clear"};
  if (!wish.is_map()) return invalid("the body must be a JSON object");
  for (const auto& [name, value] : wish.as_map()) {
    if (std::ranges::find(kMembers, name) == kMembers.end()) return invalid("unknown member");
  }
  std::optional<Fault> fault;
  if (wish.has("fail_next")) {
    const Result<Fault> read = read_fault(wish["fail_next"]);
    if (!read) return read.error();
    if (pending_.size() >= kPendingMax) return invalid("too many are pending");
    fault = *read;
  }
  const std::int64_t latency = wish["latency_ms"].int_or(latency_.count());
  if (latency < 0 || latency > kLatencyMsMax) return invalid("latency_ms out of range");
  if (wish["clear"].bool_or(false)) {
    pending_.clear();
    latency_ = Duration{0};
  }
  if (wish.has("latency_ms")) latency_ = Duration{latency};
  if (fault) pending_.push_back(*std::move(fault));
  return ok();
}

std::optional<Fault> Faults::take(const Request& request, Effect effect) {
  const auto found = std::ranges::find_if(pending_, [&](const Fault& fault) {
    return fault.host == request.host &&
           (fault.effect.empty() || fault.effect == quell::to_string(effect)) &&
           request.target.find(fault.path) != std::string::npos;
  });
  if (found == pending_.end()) return std::nullopt;
  const Fault fault = *found;
  if (--found->count == 0) pending_.erase(found);
  return fault;
}

std::optional<Duration> Allowance::take(Timestamp now) {
  if (per_minute_ == 0) return std::nullopt;
  const double per_second = static_cast<double>(per_minute_) / 60.0;
  const double full = std::max(1.0, 2 * per_second);
  const double passed =
      filled_ ? std::chrono::duration<double>(now - *filled_).count() * per_second : full;
  left_ = std::min(full, left_ + passed);
  filled_ = now;
  if (left_ >= 1) {
    left_ -= 1;
    return std::nullopt;
  }
  const double wait_ms = 1'000 * (1 - left_) / per_second;
  return std::max(Duration{1'000}, Duration(static_cast<std::int64_t>(wait_ms)));
}

std::string_view to_string(Host host) noexcept { return kHosts[static_cast<std::size_t>(host)]; }

}  // namespace quell::range
