#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "state/base/clock.h"
#include "state/base/random.h"
#include "state/base/result.h"
#include "state/base/value.h"
#include "state/model/vocabulary.h"

namespace quell {

/// A time to beat. Both count from the intruder's first use.
struct DrillTime {
  std::string word{};  // "plan", "decide", "contain issuer", "prove"
  std::optional<Duration> limit{};
  std::optional<Duration> took{};  // none: never

  /// Nothing where there was no limit.
  std::optional<bool> met() const {
    if (!limit) return std::nullopt;
    return took && *took <= *limit;
  }
};

/// A claim was called proved, and what it says to be dead still worked.
struct FalseGreen {
  std::string subject{};
  Duration proved_at{0};
  Duration worked_at{0};
  std::string how{};  // what worked: "tools/list", "refresh"
};

/// A thing that nobody worked on by a person's decision or by a bound of the playbook.
struct DrillExclusion {
  std::string item{};
  std::string by{};
  std::string reason{};
  std::string owner{};  // who has to come back to it; empty: nobody
};

struct DrillApproval {
  std::string who{};
  std::string how{};
  Duration at{0};
  bool needs_review = false;  // given by break-glass
};

/// What still works at the end.
struct DrillExposure {
  std::string subject{};
  std::string verdict{};
  std::string until{};  // RFC 3339; empty: no end is known
  std::string reason{};
};

/// What the intruder tried in one minute.
struct DrillMinute {
  std::int64_t passed = 0;
  std::int64_t refused = 0;
};

/// One line of the timeline.
struct DrillMoment {
  enum class Side : std::uint8_t { defender, intruder, inject };
  Duration at{0};
  Side side = Side::defender;
  std::string text{};
  bool is_bad = false;  // a false green, a refuted claim, a way in
};
std::string_view to_string(DrillMoment::Side side) noexcept;

/// How one drill went: the score card, and what the review talks about. Times are of the drill's
/// own clock.
struct DrillRecord {
  std::string drill{};  // d21d: its last run
  std::string scenario{};
  std::string title{};
  std::string teaches{};
  std::string playbook{};
  std::string playbook_sha256{};
  std::string team{};   // who practised; empty: nobody said
  bool people = false;  // people played it, and not the playbook alone
  std::uint64_t seed = 0;
  double speed = 0;       // drill seconds per second; 0: as fast as it went
  Timestamp played_at{};  // the intruder's first use
  Duration lasted{0};
  RunResult result = RunResult::failed;
  RunResult ends = RunResult::contained;  // what the scenario demands
  std::vector<std::string> differences{};  // from what the scenario demands, in sentences
  std::vector<DrillTime> times{};
  std::vector<FalseGreen> false_greens{};
  std::vector<DrillExclusion> excluded{};
  std::vector<DrillExposure> exposed{};
  std::vector<DrillApproval> approvals{};
  std::optional<Duration> refuted_after{};    // somebody could have known
  std::optional<Duration> announced{};        // time to contain, by the plan
  std::optional<Duration> contained_after{};  // the same in fact
  std::vector<DrillMinute> minutes{};
  std::optional<Duration> last_success{};
  std::optional<Duration> first_failure{};  // since the last success; none: never refused
  bool inside_at_the_end = false;
  std::vector<DrillMoment> timeline{};
  std::vector<std::string> questions{};

  std::int64_t passed() const noexcept;
  std::int64_t refused() const noexcept;
  /// Requests that succeeded from minute `from` on.
  std::int64_t passed_since(std::size_t from) const noexcept;
  std::int64_t without_owner() const noexcept;
  std::int64_t open_reviews() const noexcept;
  /// It ended as its scenario demands, and nothing was green that should not have been.
  bool agrees() const noexcept { return differences.empty() && false_greens.empty(); }
  /// The first sentence of the score card.
  std::string headline() const;
};

/// Who practised, in words.
std::string players_of(const DrillRecord& record);

/// A team's drills of one scenario: did they get better?
struct DrillTrend {
  std::string scenario{};
  std::string players{};  // players_of()
  std::size_t played = 0;
  std::size_t passed = 0;
  const DrillRecord* first = nullptr;
  const DrillRecord* last = nullptr;
};
/// Of `records`, oldest first, those that were played more than once; they outlive the answer.
std::vector<DrillTrend> trends_of(const std::vector<DrillRecord>& records);
/// How long `record` took to the moment `word`, as `decide`; none: it never came.
std::optional<Duration> time_to(const DrillRecord& record, std::string_view word);

Value to_value(const DrillRecord& record);
/// Error `corrupt` for a document that is none.
Result<DrillRecord> drill_record_from(const Value& document);

/// One file per drill, `dN.json` below `drill-scores/` beside the drills' database.
std::string drill_scores_folder(const std::string& database);
Status keep_drill_record(const std::string& folder, const DrillRecord& record, Random& random);
/// Every drill whose record can be read, oldest first. A folder that is not there holds none.
Result<std::vector<DrillRecord>> read_drill_records(const std::string& folder);
/// The one of that name: `d21d`, its number, or `last`. Error topic "drill".
Result<DrillRecord> find_drill_record(const std::string& folder, std::string_view name);

}  // namespace quell
