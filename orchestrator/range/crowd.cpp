#include "orchestrator/range/crowd.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/range/incident.h"
#include "orchestrator/range/inhabitant.h"
#include "state/base/random.h"

namespace quell::range {
namespace {

constexpr Population kLarge{
    .vaults = 700, .credentials = 3'000, .sessions = 2'000, .stores = 200, .deployments = 50};
constexpr int kSizeMax = 20'000;
constexpr int kCredentialsPerVault = 20;
constexpr Duration kCrowdAge = std::chrono::days{60};
constexpr std::uint64_t kSeedOfCrowds = 0x63726f77'64730000;
// One in so many.
constexpr std::uint64_t kVendorVaults = 8;
constexpr std::uint64_t kLiveSessions = 6;
constexpr std::uint64_t kRunningSessions = 40;
constexpr std::uint64_t kReadOnlyMounts = 3;
constexpr int kAgents = 12;

/// Draws numbers as the world's other dice do.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed ^ kSeedOfCrowds) {}
  /// From 0 to `below` - 1.
  std::uint64_t below(std::uint64_t below) {
    std::array<std::byte, 8> bytes{};
    random_.fill(bytes);
    std::uint64_t number = 0;
    for (const std::byte byte : bytes) number = number << 8U | std::to_integer<std::uint64_t>(byte);
    return number % below;
  }
  bool one_in(std::uint64_t many) { return below(many) == 0; }
  template <typename T>
  const T& of(const std::vector<T>& some) {
    return some[below(some.size())];
  }

 private:
  SeededRandom random_;
};

class Crowding {
 public:
  Crowding(const Population& size, Platform& platform, Issuer& issuer, const Keys& keys,
           const std::string& mcp_endpoint, std::uint64_t seed, Timestamp start)
      : size_(size),
        issuer_(issuer),
        keys_(keys),
        mcp_endpoint_(mcp_endpoint),
        start_(start),
        by_(platform, keys),
        dice_(seed) {}

  Crowd fill();

 private:
  void add_vaults();
  void add_credentials();
  void add_places();
  void add_sessions();
  void add_deployments();
  std::vector<std::string> some_vaults();
  ValueList some_mounts(std::set<std::string>& writable);
  bool is_vendors(const std::vector<std::string>& vault_ids) const;
  Timestamp before(Duration most);

  const Population& size_;
  Issuer& issuer_;
  const Keys& keys_;
  const std::string& mcp_endpoint_;
  Timestamp start_;
  Inhabitant by_;
  Dice dice_;
  Crowd crowd_{};
  std::vector<std::string> vaults_{};
  std::vector<std::string> stores_{};
  std::vector<std::string> agents_{};
  std::string environment_{};
  std::set<std::string> vendor_vaults_{};
  std::set<std::string> writable_{};
};

/// Some time in the last `most` before the incident.
Timestamp Crowding::before(Duration most) {
  return start_ - Duration{static_cast<std::int64_t>(
                      dice_.below(static_cast<std::uint64_t>(most.count())))};
}

void Crowding::add_vaults() {
  for (int i = 0; i < size_.vaults; ++i) {
    vaults_.push_back(by_.create(
        "/v1/vaults",
        Value::map({{"display_name", fmt::format("Team {}", i + 1)},
                    {"metadata", Value::map({{"external_user_id", fmt::format("usr_{}", i / 2)}})}}),
        start_ - kCrowdAge));
  }
}

/// As evenly as they go; of each vendor at most one a vault, as the platform demands.
void Crowding::add_credentials() {
  const int credentials = std::min(size_.credentials, size_.vaults * kCredentialsPerVault);
  for (int i = 0; i < credentials; ++i) {
    const std::string& vault = vaults_[static_cast<std::size_t>(i % size_.vaults)];
    const int round = i / size_.vaults;
    const bool is_vendors = round == 0 && dice_.one_in(kVendorVaults);
    const std::string url = fmt::format("https://mcp{}.example.com/mcp", round);
    Value auth = is_vendors ? oauth_auth(issuer_, keys_, mcp_endpoint_,
                                         issuer_.mint(keys_.client_id, mcp_endpoint_, start_))
                            : Value::map({{"type", "static_bearer"},
                                          {"mcp_server_url", url},
                                          {"token", fmt::format("invented-token-{}", i)}});
    const std::string id =
        by_.create("/v1/vaults/" + vault + "/credentials",
                   Value::map({{"display_name", fmt::format("Tool {}", round + 1)},
                               {"auth", std::move(auth)}}),
                   start_);
    if (!is_vendors) continue;
    crowd_.vendor_credential_ids.push_back(id);
    crowd_.vendor_vault_ids.push_back(vault);
    vendor_vaults_.insert(vault);
  }
}

/// Where sessions run, what they remember, and who works in them: the first agents call the others.
void Crowding::add_places() {
  const Value cloud =
      Value::map({{"type", "cloud"}, {"networking", Value::map({{"type", "unrestricted"}})}});
  environment_ = by_.create("/v1/environments",
                            Value::map({{"name", "Crowd"}, {"config", cloud}}), start_ - kCrowdAge);
  for (int i = 0; i < kAgents; ++i) {
    agents_.push_back(by_.create("/v1/agents",
                                 Value::map({{"name", fmt::format("Helper {}", i + 1)},
                                             {"model", "claude-opus-5-5"}}),
                                 start_ - kCrowdAge));
  }
  for (int i = 0; i < size_.stores; ++i) {
    stores_.push_back(by_.create("/v1/memory_stores",
                                 Value::map({{"name", fmt::format("Notes {}", i + 1)}}),
                                 start_ - kCrowdAge));
  }
}

std::vector<std::string> Crowding::some_vaults() {
  std::vector<std::string> ids{dice_.of(vaults_)};
  if (dice_.one_in(5)) {
    const std::string& other = dice_.of(vaults_);
    if (other != ids.front()) ids.push_back(other);
  }
  return ids;
}

ValueList Crowding::some_mounts(std::set<std::string>& writable) {
  ValueList mounts;
  if (stores_.empty() || !dice_.one_in(2)) return mounts;
  const std::string& store = dice_.of(stores_);
  const bool reads_only = dice_.one_in(kReadOnlyMounts);
  if (!reads_only) writable.insert(store);
  mounts.push_back(Value::map({{"type", "memory_store"},
                               {"memory_store_id", store},
                               {"access", reads_only ? "read_only" : "read_write"}}));
  return mounts;
}

bool Crowding::is_vendors(const std::vector<std::string>& vault_ids) const {
  return std::ranges::any_of(
      vault_ids, [this](const std::string& id) { return vendor_vaults_.contains(id); });
}

void Crowding::add_sessions() {
  for (int i = 0; i < size_.sessions; ++i) {
    const std::vector<std::string> vault_ids = some_vaults();
    std::set<std::string> writable;
    ValueMap body{{"agent", dice_.of(agents_)},
                  {"environment_id", environment_},
                  {"title", fmt::format("Task {}", i + 1)},
                  {"vault_ids", strings(vault_ids)},
                  {"resources", Value(some_mounts(writable))}};
    const bool is_live = dice_.one_in(kLiveSessions);
    if (is_live && dice_.one_in(kRunningSessions)) {
      body["metadata"] = Value::map({{"range_work", "7d"}});
      body["initial_events"] = Value::list({Value::map(
          {{"type", "user.message"},
           {"content", Value::list({Value::map({{"type", "text"}, {"text", "Go on."}})})}})});
    }
    const Timestamp begun = before(is_live ? std::chrono::hours{20} : kCrowdAge);
    const std::string id = by_.create("/v1/sessions", Value(std::move(body)), begun);
    if (!is_live) by_.act("/v1/sessions/" + id + "/archive", begun + std::chrono::minutes{5});
    if (!is_vendors(vault_ids)) continue;
    crowd_.vendor_session_ids.push_back(id);
    if (is_live) crowd_.vendor_live_session_ids.push_back(id);
    writable_.insert(writable.begin(), writable.end());
  }
}

/// By hand: a schedule would start sessions that nobody counted.
void Crowding::add_deployments() {
  for (int i = 0; i < size_.deployments; ++i) {
    const std::vector<std::string> vault_ids = some_vaults();
    std::set<std::string> writable;
    const std::string id = by_.create(
        "/v1/deployments",
        Value::map(
            {{"name", fmt::format("Routine {}", i + 1)},
             {"agent", dice_.of(agents_)},
             {"environment_id", environment_},
             {"vault_ids", strings(vault_ids)},
             {"resources", Value(some_mounts(writable))},
             {"initial_events",
              Value::list({Value::map({{"type", "user.message"},
                                       {"content", Value::list({Value::map(
                                                       {{"type", "text"}, {"text", "Go."}})})}})})}}),
        start_ - std::chrono::days{30});
    if (!is_vendors(vault_ids)) continue;
    crowd_.vendor_deployment_ids.push_back(id);
    writable_.insert(writable.begin(), writable.end());
  }
}

Crowd Crowding::fill() {
  if (size_.vaults == 0) return {};
  add_vaults();
  add_credentials();
  add_places();
  add_sessions();
  add_deployments();
  crowd_.writable_store_ids.assign(writable_.begin(), writable_.end());
  return std::move(crowd_);
}

}  // namespace

Crowd seed_crowd(const Population& size, Platform& platform, Issuer& issuer, const Keys& keys,
                 const std::string& mcp_endpoint, std::uint64_t seed, Timestamp start) {
  return Crowding(size, platform, issuer, keys, mcp_endpoint, seed, start).fill();
}

Result<Population> parse_crowd(std::string_view text) {
  if (text.empty()) return Population{};
  if (text == "large") return kLarge;
  Population size;
  const std::array<std::pair<std::string_view, int*>, 5> names{{{"vaults", &size.vaults},
                                                                {"credentials", &size.credentials},
                                                                {"sessions", &size.sessions},
                                                                {"stores", &size.stores},
                                                                {"deployments", &size.deployments}}};
  const Error wrong = make_error(
      ErrorCode::invalid, "usage", "the crowd has no such size.",
      fmt::format("large, or vaults=N,credentials=N,sessions=N,stores=N,deployments=N, each up to {}",
                  kSizeMax));
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    const std::string_view part = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t mark = part.find('=');
    const auto name = std::ranges::find(names, part.substr(0, std::min(mark, part.size())),
                                        &std::pair<std::string_view, int*>::first);
    if (mark == std::string_view::npos || name == names.end()) return wrong;
    const std::string_view digits = part.substr(mark + 1);
    const auto [stop, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), *name->second);
    if (error != std::errc{} || stop != digits.data() + digits.size() || *name->second < 0 ||
        *name->second > kSizeMax)
      return wrong;
  }
  if (size.vaults == 0) return wrong;
  return size;
}

Value to_value(const Crowd& crowd) {
  return Value::map({{"vendor_credential_ids", strings(crowd.vendor_credential_ids)},
                     {"vendor_vault_ids", strings(crowd.vendor_vault_ids)},
                     {"vendor_session_ids", strings(crowd.vendor_session_ids)},
                     {"vendor_live_session_ids", strings(crowd.vendor_live_session_ids)},
                     {"vendor_deployment_ids", strings(crowd.vendor_deployment_ids)},
                     {"writable_store_ids", strings(crowd.writable_store_ids)}});
}

}  // namespace quell::range
