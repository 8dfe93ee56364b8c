#include "orchestrator/engine/recent_use.h"

#include <algorithm>
#include <utility>

#include "orchestrator/engine/fold.h"

namespace quell {
namespace {

constexpr Duration kHour{60 * 60'000};

}  // namespace

void RecentUse::take(const Entry& entry) {
  const Value& body = entry.body;
  if (entry.kind == EntryKind::run_started) {
    if (body["automatic"].bool_or(false)) automatic_runs_.emplace_back(entry.run, entry.at);
    return;
  }
  if (entry.kind != EntryKind::request_sent || !body["account"].is_string()) return;
  Use use{.at = entry.at,
          .run = entry.run,
          .automatic = body["account"].as_string() == kByAutomation,
          .target = to_string(entry.run) + "\n" + body["step"].string_or("") + "\n" +
                    body["item"].string_or("")};
  // A target that is tried again counts once.
  if (++reached_[use.target] == 1) {
    ++targets_[use.run];
    ++(use.automatic ? automatic_targets_ : peoples_targets_);
  }
  uses_.push_back(std::move(use));
}

void RecentUse::forget_before(Timestamp now) {
  while (!automatic_runs_.empty() && automatic_runs_.front().second + kHour <= now)
    automatic_runs_.pop_front();
  while (!uses_.empty() && uses_.front().at + kHour <= now) {
    const Use& use = uses_.front();
    if (--reached_[use.target] == 0) {
      reached_.erase(use.target);
      if (--targets_[use.run] == 0) targets_.erase(use.run);
      --(use.automatic ? automatic_targets_ : peoples_targets_);
    }
    uses_.pop_front();
  }
}

int RecentUse::automatic_runs_before(RunId run, Timestamp now) {
  forget_before(now);
  const auto end =
      std::ranges::lower_bound(automatic_runs_, run, {}, &std::pair<RunId, Timestamp>::first);
  return static_cast<int>(end - automatic_runs_.begin());
}

std::int64_t RecentUse::targets_of_others(RunId run, bool automatic, Timestamp now) {
  forget_before(now);
  const auto own = targets_.find(run);
  return (automatic ? automatic_targets_ : peoples_targets_) -
         (own == targets_.end() ? 0 : own->second);
}

Result<RecentUse> recent_use(Journal& journal, Timestamp now) {
  const Result<std::uint64_t> before = last_before(journal, now - kHour);
  if (!before) return before.error();
  RecentUse use;
  const Status read = journal.read_some(
      *before,
      [](const EntryLabel& label) {
        return label.kind == EntryKind::run_started || label.kind == EntryKind::request_sent;
      },
      [&](const StoredEntry& stored) {
        use.take(stored.entry);
        return ok();
      });
  if (!read) return read.error();
  return use;
}

}  // namespace quell
