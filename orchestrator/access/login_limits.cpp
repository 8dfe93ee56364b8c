#include "orchestrator/access/login_limits.h"

#include <algorithm>
#include <chrono>

namespace quell {
namespace {

constexpr int kFreeFailures = 5;
constexpr int kTriesMax = 20;
constexpr int kDoublingsMax = 10;
constexpr Duration kWaitMax{std::chrono::minutes{15}};
constexpr Duration kWindow{std::chrono::minutes{5}};
constexpr std::size_t kKeptMax = 10'000;

/// The four groups of an IPv6 address that name its network.
std::string network_of(const std::string& address) {
  std::size_t end = 0;
  for (int groups = 0; groups < 4; ++groups) {
    end = address.find(':', end);
    if (end == std::string::npos) return address;
    ++end;
  }
  return address.substr(0, end);
}

}  // namespace

void LoginLimits::forget_old(Timestamp now) {
  std::erase_if(addresses_, [&](const auto& one) { return now - one.second.since > kWindow; });
  if (names_.size() > kKeptMax)
    std::erase_if(names_, [&](const auto& one) { return one.second.until + kWaitMax < now; });
  // Who fills the table with names and addresses loses only the memory of older ones.
  while (names_.size() > kKeptMax) names_.erase(names_.begin());
  while (addresses_.size() > kKeptMax) addresses_.erase(addresses_.begin());
}

std::optional<Duration> LoginLimits::wait(const std::string& name, const std::string& address,
                                          Timestamp now) {
  const std::lock_guard lock(mutex_);
  forget_old(now);
  if (const auto known = names_.find(name); known != names_.end() && known->second.until > now)
    return known->second.until - now;
  Address& from = addresses_.try_emplace(network_of(address), Address{.since = now}).first->second;
  if (from.tries >= kTriesMax) return from.since + kWindow - now;
  ++from.tries;
  return std::nullopt;
}

void LoginLimits::failed(const std::string& name, Timestamp now) {
  const std::lock_guard lock(mutex_);
  Name& known = names_[name];
  ++known.failures;
  if (known.failures < kFreeFailures) return;
  const int doublings = std::min(known.failures - kFreeFailures, kDoublingsMax);
  known.until = now + std::min(Duration{std::chrono::seconds{1}} * (1 << doublings), kWaitMax);
}

void LoginLimits::succeeded(const std::string& name) {
  const std::lock_guard lock(mutex_);
  names_.erase(name);
}

}  // namespace quell
