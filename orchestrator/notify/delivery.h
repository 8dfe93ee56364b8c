#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "connectors/http_transport.h"
#include "orchestrator/notify/cursors.h"
#include "orchestrator/notify/destination.h"
#include "state/base/clock.h"
#include "state/base/random.h"
#include "state/journal.h"

namespace quell {

/// Reads the journal behind the engine and brings each notice to each destination at least once, in
/// order and one at a time per destination. Whatever is lost with the process is made anew from the
/// journal, behind the destination's cursor. One thread.
class NoticeDelivery {
 public:
  static constexpr int kAttemptsMax = 8;
  /// What is older when it would be sent first is given up.
  static constexpr Duration kAgeMax{std::chrono::hours{24}};
  /// Notices that wait for one destination; one more and the oldest behind the first is
  /// given up.
  static constexpr std::size_t kPendingMax = 1'000;
  /// How often the journal is looked at when nobody says that there is more.
  static constexpr Duration kLookEvery{1'000};

  struct Parts {
    const Clock& clock;
    Random& random;            // used on this thread alone, for jitter
    HttpTransport& transport;  // nobody else's
    Journal& journal;          // a reader of its own
    NotifyCursors& cursors;
    std::string journal_id{};  // makes ids of notices differ between journals
    std::string public_url{};
    std::vector<Destination> destinations{};
    /// One sentence for the operator, without secrets.
    std::function<void(const std::string&)> tell{};
  };

  /// A destination without a cursor begins at the journal's present end.
  explicit NoticeDelivery(Parts parts) : parts_(std::move(parts)) {}
  Status begin();

  /// Reads what is new, sends what is due, and waits for an answer, a wake() or `until`.
  Status turn(Timestamp until);
  /// Reads what is there and looks at the journal no more; what was read is sent all the same.
  Status stop_reading();
  /// Has everything in the journal been read, and nothing is left that the next seconds could
  /// bring? What waits for another attempt is left to the next process.
  bool is_settled() const;
  /// Writes down how far each destination has come; turn() does so behind each delivery.
  Status save();

 private:
  struct Pending {
    Notice notice{};
    int attempts = 0;
    Timestamp due{};
  };
  struct Lane {
    Destination destination{};
    std::deque<Pending> pending{};
    std::optional<Ticket> in_flight{};
    std::uint64_t from = 0;   // notices up to here were an earlier process's
    std::uint64_t saved = 0;  // what its cursor says
    bool advanced = false;    // since then a notice was delivered or given up
    bool disabled = false;    // answered 410
    bool overflow_told = false;
  };

  Status read_on();
  Status recall(RunId run, std::uint64_t before);
  void enqueue(const Notice& notice);
  void send_due(Timestamp now);
  void take(const Completion& completion);
  void settle(Lane& lane, const Result<HttpResponse>& answer);
  void give_up(Lane& lane, const std::string& why);
  void drop_first(Lane& lane);
  Status save_lane(Lane& lane);

  Parts parts_;
  NoticeReader reader_{};
  std::vector<Lane> lanes_{};
  std::uint64_t read_to_ = 0;
  Ticket last_ticket_ = 0;
  std::optional<Timestamp> saved_at_{};
  bool has_read_all_ = false;
  bool reads_ = true;
};

/// When attempt `attempts + 1` is due after `attempts` that failed, before jitter.
Duration notify_backoff(int attempts) noexcept;

/// Names a notice for its receiver; the same on each attempt and after any restart. Holds no dot,
/// since the signature is over `id.time.body`.
std::string notice_id(std::string_view journal_id, const Notice& notice);

/// What a failed attempt came to, for people: a status or the transport's own sentence, never the
/// answer's body.
std::string failure_of(const Result<HttpResponse>& answer);

}  // namespace quell
