#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "state/base/clock.h"
#include "state/model/entry.h"
#include "state/model/vocabulary.h"

namespace quell {

/// What people are told of. An enumerator is its spelling in `notify.events`.
enum class NoticeEvent : std::uint8_t {
  proposed,         // a run that an alert began waits for a yes
  approval_wanted,  // another run does
  refuted,          // something that should be dead still works; told once before and once after
                    // the end of a run
  break_glass,      // somebody passed separation or protection
  finished,         // a run has its result
  disarmed,         // automation was switched off
  intervened,       // somebody aborted a run, left something out of it or lifted what it did, put an
                    // alert aside, or switched changes on again
  alerts_shed,      // alerts came faster than they were taken
  preflight_worse,  // a credential that could be killed at its issuer cannot be any more
  test,             // `quell notify test`
};

std::string_view to_string(NoticeEvent event) noexcept;
/// The event that a configuration may name; `test` is none.
std::optional<NoticeEvent> notice_event_from_string(std::string_view text) noexcept;

/// Everything that may leave in a notification: fixed fields, no text of an alert, an inventory or
/// an answer (threat T54).
struct Notice {
  static constexpr std::size_t kTargetsMax = 5;

  NoticeEvent event = NoticeEvent::test;
  Timestamp at{};
  std::uint64_t seq = 0;  // of the entry that it tells of
  RunId run{};            // number 0: of no run
  std::string playbook{};
  std::optional<AnswerOrigin> origin{};
  std::optional<RunResult> result{};
  std::optional<std::int64_t> proved{};
  std::optional<std::int64_t> refuted{};
  std::optional<std::int64_t> unproved{};
  std::optional<std::int64_t> need{};  // how many people an approval needs
  std::optional<std::int64_t> shed{};
  std::string who{};                   // of break_glass, disarmed and intervened
  std::string_view act{};              // of intervened: what they did, in words of ours
  /// Ids whose claims were refuted, or that cannot be killed any more; at most kTargetsMax.
  std::vector<std::string> targets{};
};

/// What `confidential` destinations get whole; others get the event, the run's id and how many
/// alerts were shed until the run is contained, since the intruder may read there too (threat T48).
Notice for_destination(const Notice& notice, bool confidential);

/// Turns journal entries, in their order, into notices. What it says of a run is what the run's
/// entries so far say, so the same journal gives the same notices after any restart. Needs neither
/// playbooks nor connectors nor secrets, and may therefore live on another thread than the engine.
class NoticeReader {
 public:
  /// Runs it remembers; beyond, the oldest is forgotten and looked up again when it matters.
  static constexpr std::size_t kRunsMax = 4'096;

  /// Kinds that take() looks at.
  static bool wants(EntryKind kind) noexcept;
  /// Does it know how the run began? An entry of another says too little: recall the run first, by
  /// its entries from the first one on.
  bool knows(RunId run) const { return runs_.contains(run); }
  /// What `entry`, number `seq`, makes; nothing for most. Rehearsals and drills make none.
  std::optional<Notice> take(std::uint64_t seq, const Entry& entry);

 private:
  struct Facts {
    std::string playbook{};
    bool live = false;
    bool by_alert = false;
    std::optional<AnswerOrigin> origin{};
    bool refuted_told = false;
    bool finished = false;
    std::vector<std::string> targets{};
  };
  std::optional<Notice> of_run(std::uint64_t seq, const Entry& entry, Facts& facts) const;
  std::optional<Notice> of_shed(std::uint64_t seq, const Entry& entry);
  static std::optional<Notice> of_preflight(std::uint64_t seq, const Entry& entry);

  std::map<RunId, Facts> runs_{};
  std::int64_t shed_ = 0;  // since the last notice
  std::optional<Timestamp> shed_told_{};
};

}  // namespace quell
