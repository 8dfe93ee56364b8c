#include "orchestrator/notify/delivery.h"

#include <algorithm>
#include <array>
#include <utility>

#include "connectors/classify.h"

namespace quell {
namespace {

constexpr std::array<Duration, 5> kBackoff{Duration{5'000}, Duration{30'000}, Duration{120'000},
                                           Duration{600'000}, Duration{3'600'000}};
constexpr Duration kRetryAfterMax{std::chrono::hours{1}};
/// Of the delay, on top of it, so that many quells do not come back at once.
constexpr std::uint64_t kJitterShare = 5;
/// Entries looked at in one turn, so that answers are taken meanwhile.
constexpr std::size_t kEntriesPerTurn = 512;
/// How late a cursor may be behind entries that told of nothing.
constexpr Duration kSaveEvery{30'000};

bool is_worth_repeating(const Result<HttpResponse>& answer) {
  if (!answer) {
    const ErrorCode code = answer.error().code;
    return code == ErrorCode::transient || code == ErrorCode::unknown ||
           code == ErrorCode::throttled;
  }
  const int status = answer->status;
  return status < 400 || status >= 500 || status == 408 || status == 429;
}

}  // namespace

Duration notify_backoff(int attempts) noexcept {
  const auto index = static_cast<std::size_t>(std::max(attempts - 1, 0));
  return kBackoff[std::min(index, kBackoff.size() - 1)];
}

std::string notice_id(std::string_view journal_id, const Notice& notice) {
  return "msg_" + std::string(journal_id) + "_" + std::to_string(notice.seq);
}

std::string failure_of(const Result<HttpResponse>& answer) {
  return answer ? "it answered " + std::to_string(answer->status) : describe(answer.error());
}

Status NoticeDelivery::begin() {
  const Result<Tip> tip = parts_.journal.tip();
  if (!tip) return tip.error();
  read_to_ = tip->seq;
  for (Destination& destination : parts_.destinations) {
    const Result<std::optional<std::uint64_t>> cursor = parts_.cursors.read(destination.name);
    if (!cursor) return cursor.error();
    // A journal that was put back to an older state has an end before the cursor.
    const std::uint64_t from = std::min(cursor->value_or(tip->seq), tip->seq);
    if (!*cursor || **cursor != from) {
      if (Status written = parts_.cursors.write(destination.name, from); !written) return written;
    }
    read_to_ = std::min(read_to_, from);
    lanes_.push_back({.destination = std::move(destination), .from = from, .saved = from});
  }
  parts_.destinations.clear();
  return ok();
}

Status NoticeDelivery::stop_reading() {
  Status read = ok();
  do {
    read = read_on();
  } while (read && !has_read_all_);  // nobody writes any more, so this comes to an end
  reads_ = false;
  return read;
}

Status NoticeDelivery::turn(Timestamp until) {
  if (reads_) {
    if (Status read = read_on(); !read) return read;
  }
  send_due(parts_.clock.now());
  Timestamp wake = std::min(until, parts_.clock.now() + kLookEvery);
  if (reads_ && !has_read_all_) wake = parts_.clock.now();
  for (const Lane& lane : lanes_) {
    if (!lane.in_flight && !lane.pending.empty()) wake = std::min(wake, lane.pending.front().due);
  }
  for (const Completion& completion : parts_.transport.poll(wake)) take(completion);
  const Timestamp now = parts_.clock.now();
  if (!saved_at_) saved_at_ = now;
  if (now - *saved_at_ >= kSaveEvery) return save();
  for (Lane& lane : lanes_) {
    if (!lane.advanced) continue;
    if (Status saved = save_lane(lane); !saved) return saved;
  }
  return ok();
}

bool NoticeDelivery::is_settled() const {
  return (has_read_all_ || !reads_) && std::ranges::all_of(lanes_, [](const Lane& lane) {
           return !lane.in_flight && (lane.pending.empty() || lane.pending.front().attempts > 0);
         });
}

Status NoticeDelivery::read_on() {
  const Result<Tip> tip = parts_.journal.tip();
  if (!tip) return tip.error();
  has_read_all_ = tip->seq <= read_to_;
  if (has_read_all_) return ok();
  std::vector<StoredEntry> batch;
  const Status read = parts_.journal.read_some(
      read_to_, [](const EntryLabel& label) { return NoticeReader::wants(label.kind); },
      [&batch](const StoredEntry& stored) -> Status {
        batch.push_back(stored);
        return batch.size() < kEntriesPerTurn ? ok()
                                              : Status(make_error(ErrorCode::conflict, "enough"));
      });
  const bool is_cut = !read && batch.size() == kEntriesPerTurn;
  if (!read && !is_cut) return read;
  for (const StoredEntry& stored : batch) {
    const Entry& entry = stored.entry;
    if (entry.run.number > 0 && entry.kind != EntryKind::run_started && !reader_.knows(entry.run)) {
      if (Status recalled = recall(entry.run, stored.seq); !recalled) return recalled;
    }
    if (const std::optional<Notice> notice = reader_.take(stored.seq, entry)) enqueue(*notice);
  }
  read_to_ = is_cut ? batch.back().seq : tip->seq;
  has_read_all_ = !is_cut;
  return ok();
}

Status NoticeDelivery::recall(RunId run, std::uint64_t before) {
  return parts_.journal.read_some(
      0,
      [&](const EntryLabel& label) {
        return label.run == run && label.seq < before && NoticeReader::wants(label.kind);
      },
      [this](const StoredEntry& stored) {
        static_cast<void>(reader_.take(stored.seq, stored.entry));  // told by an earlier process
        return ok();
      });
}

void NoticeDelivery::enqueue(const Notice& notice) {
  const Timestamp now = parts_.clock.now();
  if (notice.at < now - kAgeMax) return;
  for (Lane& lane : lanes_) {
    if (lane.disabled || notice.seq <= lane.from || !lane.destination.events.contains(notice.event))
      continue;
    lane.pending.push_back({.notice = notice, .due = now});
    if (lane.pending.size() <= kPendingMax) continue;
    // The first is perhaps on its way, and says when the destination may be asked again.
    lane.pending.erase(lane.pending.begin() + 1);
    if (std::exchange(lane.overflow_told, true)) continue;
    parts_.tell("notify: " + lane.destination.name + " (" + lane.destination.named_at +
                ") is so far behind that its oldest notices are given up; look at the destination");
  }
}

void NoticeDelivery::send_due(Timestamp now) {
  for (Lane& lane : lanes_) {
    if (lane.in_flight || lane.pending.empty() || lane.pending.front().due > now) continue;
    const Notice& notice = lane.pending.front().notice;
    lane.in_flight = ++last_ticket_;
    parts_.transport.start(*lane.in_flight, request_for(lane.destination, notice, parts_.public_url,
                                                        notice_id(parts_.journal_id, notice), now));
  }
}

void NoticeDelivery::take(const Completion& completion) {
  const auto lane = std::ranges::find_if(
      lanes_, [&](const Lane& one) { return one.in_flight == completion.ticket; });
  if (lane == lanes_.end()) return;
  lane->in_flight.reset();
  settle(*lane, completion.answer);
}

void NoticeDelivery::settle(Lane& lane, const Result<HttpResponse>& answer) {
  Pending& first = lane.pending.front();
  ++first.attempts;
  if (answer && is_taken(lane.destination.kind, answer->status)) {
    drop_first(lane);
    return;
  }
  if (answer && answer->status == 410) {
    lane.disabled = true;
    give_up(lane, "it answered 410, gone, and gets nothing more until quell starts again");
    lane.pending.clear();
    lane.advanced = true;
    return;
  }
  if (!is_worth_repeating(answer) || first.attempts >= kAttemptsMax) {
    give_up(lane, failure_of(answer));
    drop_first(lane);
    return;
  }
  const Timestamp now = parts_.clock.now();
  const Duration base = notify_backoff(first.attempts);
  const auto share = static_cast<std::uint64_t>(base.count()) / kJitterShare;
  const Duration delay = base + Duration(static_cast<std::int64_t>(parts_.random.below(share + 1)));
  const Duration asked = answer ? retry_after(*answer, now).value_or(Duration{0}) : Duration{0};
  first.due = now + std::max(delay, std::min(asked, kRetryAfterMax));
}

void NoticeDelivery::give_up(Lane& lane, const std::string& why) {
  const Notice& notice = lane.pending.front().notice;
  const std::string run = notice.run.number > 0 ? " of " + to_string(notice.run) : "";
  parts_.tell("notify: " + lane.destination.name + " (" + lane.destination.named_at +
              ") was not told \"" + std::string(to_string(notice.event)) + "\"" + run + ": " + why +
              "; quell notify test " + lane.destination.name);
}

void NoticeDelivery::drop_first(Lane& lane) {
  lane.pending.pop_front();
  lane.advanced = true;
}

Status NoticeDelivery::save() {
  saved_at_ = parts_.clock.now();
  for (Lane& lane : lanes_) {
    if (Status saved = save_lane(lane); !saved) return saved;
  }
  return ok();
}

Status NoticeDelivery::save_lane(Lane& lane) {
  lane.advanced = false;
  const std::uint64_t done = lane.pending.empty() ? read_to_ : lane.pending.front().notice.seq - 1;
  if (done <= lane.saved) return ok();
  if (Status written = parts_.cursors.write(lane.destination.name, done); !written) return written;
  lane.saved = done;
  return ok();
}

}  // namespace quell
