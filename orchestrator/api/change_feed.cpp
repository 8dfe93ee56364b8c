#include "orchestrator/api/change_feed.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include "state/base/json.h"

namespace quell {
namespace {

constexpr std::size_t kChangesMax = 20'000;
constexpr std::chrono::milliseconds kLookEvery{200};
constexpr std::chrono::seconds kPingEvery{10};
constexpr std::chrono::minutes kLifeMax{5};

std::string key_of(const Value& body) {
  const std::string step = body["step"].string_or("");
  const std::string item = body["item"].string_or("");
  return item.empty() ? step : step + "/" + item;
}

/// The events for what was found, one for each run.
std::string events_of(ChangeFeed::Look look) {
  if (look.has_gap && look.runs.empty()) look.runs[RunId{}] = {.version = look.last};
  std::string text;
  for (const auto& [run, moved] : look.runs) {
    ValueList keys;
    if (!look.has_gap && !moved.has_more)
      for (const std::string& key : moved.keys) keys.emplace_back(key);
    text += "id: " + std::to_string(look.last) + "\nevent: change\ndata: " +
            to_json(Value::map({{"run", run.number == 0 ? Value() : Value(to_string(run))},
                                {"version", static_cast<std::int64_t>(moved.version)},
                                {"keys", Value(std::move(keys))}})) +
            "\n\n";
  }
  return text;
}

}  // namespace

void ChangeFeed::tell(std::uint64_t seq, const Entry& entry) {
  const std::lock_guard lock(mutex_);
  changes_.push_back({.seq = seq, .run = entry.run, .key = key_of(entry.body)});
  if (changes_.size() > kChangesMax) changes_.pop_front();
  if (!entries_.empty() && entries_.back().seq + 1 != seq) entries_.clear();  // no gap within
  entries_.push_back({.seq = seq, .entry = entry});
  if (entries_.size() > kEntriesMax) entries_.pop_front();
  last_.store(seq);
}

std::optional<std::vector<StoredEntry>> ChangeFeed::entries_after(std::uint64_t seq) const {
  const std::lock_guard lock(mutex_);
  if (entries_.empty() || entries_.front().seq > seq + 1) return std::nullopt;
  if (entries_.back().seq <= seq) return std::vector<StoredEntry>();
  const auto first = entries_.begin() + static_cast<std::ptrdiff_t>(seq + 1 - entries_.front().seq);
  return std::vector<StoredEntry>(first, entries_.end());
}

ChangeFeed::Look ChangeFeed::since(std::uint64_t seq, std::optional<RunId> run) const {
  Look look{.last = std::max(seq, last())};
  if (last() <= seq) return look;
  const std::lock_guard lock(mutex_);
  if (changes_.empty()) {
    look.has_gap = true;
    return look;
  }
  look.last = changes_.back().seq;
  look.has_gap = changes_.front().seq > seq + 1;
  auto at = std::upper_bound(changes_.begin(), changes_.end(), seq,
                             [](std::uint64_t s, const Change& change) { return s < change.seq; });
  for (; at != changes_.end(); ++at) {
    if (run && at->run != *run) continue;
    Moved& moved = look.runs[at->run];
    moved.version = at->seq;
    if (at->key.empty() || moved.has_more) continue;
    moved.keys.insert(at->key);
    moved.has_more = moved.keys.size() > kKeysMax;
  }
  return look;
}

HttpReply stream_changes(const ChangeFeed& feed, std::uint64_t seq, std::optional<RunId> run) {
  using SteadyClock = std::chrono::steady_clock;
  struct State {
    std::uint64_t seen = 0;
    bool is_first = true;
    SteadyClock::time_point begun = SteadyClock::now();
    SteadyClock::time_point told = begun;
  };
  auto state = std::make_shared<State>(State{.seen = seq});
  HttpReply reply;
  reply.headers = {{"content-type", "text/event-stream"}, {"x-accel-buffering", "no"}};
  reply.more = [&feed, run, state]() -> std::optional<std::string> {
    if (std::exchange(state->is_first, false)) return std::string("retry: 1000\n\n");
    std::this_thread::sleep_for(kLookEvery);
    const SteadyClock::time_point now = SteadyClock::now();
    if (now - state->begun > kLifeMax) return std::nullopt;
    const ChangeFeed::Look look = feed.since(state->seen, run);
    state->seen = look.last;
    std::string text = events_of(look);
    if (text.empty() && now - state->told < kPingEvery) return std::string();
    state->told = now;
    return text.empty() ? std::string(": ping\n\n") : text;
  };
  return reply;
}

}  // namespace quell
