#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "orchestrator/notify/delivery.h"
#include "state/sqlite_journal.h"

namespace quell {

/// Tells people of what the journal of `database` comes to, on a thread of its own with a
/// transport, a reader of the journal and a file of cursors of its own: nothing here can hold up a
/// run.
class Notifier {
 public:
  /// Warnings that wait to be told; more are only counted.
  static constexpr std::size_t kWarningsMax = 100;

  struct Parts {
    std::string database{};
    std::vector<Destination> destinations{};
    std::string public_url{};
    const Clock& clock;  // outlives the notifier
    Random& random;      // outlives the notifier; safe on two threads
    std::unique_ptr<HttpTransport> transport{};
  };
  /// The journal must be there. Nothing older than the start is told to a destination that is new.
  static Result<std::unique_ptr<Notifier>> start(Parts parts);
  /// As finish(), without waiting for anybody.
  ~Notifier() { finish(Duration{0}); }
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  /// There is something new in the journal; from any thread, never blocks.
  void wake();
  /// Sentences for the operator that came since, from any thread.
  std::vector<std::string> take_warnings();
  /// Reads the journal to its end and closes it, so that its owner closes it last and leaves one
  /// whole file. Waits a second at most.
  void leave_journal();
  /// Sends what can still be sent, for at most `flush`, and ends the thread. What is left is sent
  /// by the next process.
  void finish(Duration flush);

 private:
  explicit Notifier(Parts parts) : parts_(std::move(parts)) {}
  void work();
  void close_journal();
  void warn(const std::string& sentence);

  Parts parts_;
  std::unique_ptr<SqliteJournal> journal_{};
  std::unique_ptr<NotifyCursors> cursors_{};
  std::unique_ptr<NoticeDelivery> delivery_{};
  std::mutex mutex_{};
  std::vector<std::string> warnings_{};
  std::size_t warnings_left_out_ = 0;
  std::condition_variable left_{};
  bool has_left_ = false;
  std::atomic<bool> leaving_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<Timestamp> stop_by_{Timestamp{}};
  std::thread thread_{};
};

}  // namespace quell
