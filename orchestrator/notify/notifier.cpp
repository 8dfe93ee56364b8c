#include "orchestrator/notify/notifier.h"

#include <csignal>
#include <utility>

namespace quell {
namespace {

constexpr Duration kLeaveMax{1'000};

}  // namespace

Result<std::unique_ptr<Notifier>> Notifier::start(Parts parts) {
  std::unique_ptr<Notifier> notifier(new Notifier(std::move(parts)));
  Result<std::unique_ptr<SqliteJournal>> journal =
      SqliteJournal::open({.path = notifier->parts_.database, .mode = OpenMode::read_only});
  if (!journal) return journal.error();
  notifier->journal_ = std::move(*journal);
  Result<std::unique_ptr<NotifyCursors>> cursors =
      NotifyCursors::open(notify_cursors_path(notifier->parts_.database));
  if (!cursors) return cursors.error();
  notifier->cursors_ = std::move(*cursors);
  Notifier* const self = notifier.get();
  notifier->delivery_ = std::make_unique<NoticeDelivery>(
      NoticeDelivery::Parts{.clock = notifier->parts_.clock,
                            .random = notifier->parts_.random,
                            .transport = *notifier->parts_.transport,
                            .journal = *notifier->journal_,
                            .cursors = *notifier->cursors_,
                            .journal_id = notifier->journal_->identity().id,
                            .public_url = notifier->parts_.public_url,
                            .destinations = std::move(notifier->parts_.destinations),
                            .tell = [self](const std::string& sentence) { self->warn(sentence); }});
  if (Status begun = notifier->delivery_->begin(); !begun) return begun.error();
  // Signals are the main thread's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  notifier->thread_ = std::thread([self] { self->work(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return notifier;
}

void Notifier::wake() { parts_.transport->wake(); }

void Notifier::leave_journal() {
  if (!thread_.joinable()) return;
  leaving_ = true;
  wake();
  std::unique_lock<std::mutex> lock(mutex_);
  left_.wait_for(lock, kLeaveMax, [this] { return has_left_; });
}

void Notifier::close_journal() {
  if (const Status read = delivery_->stop_reading(); !read)
    warn("notify: the journal could not be read to its end: " + describe(read.error()));
  journal_.reset();
  const std::lock_guard<std::mutex> lock(mutex_);
  has_left_ = true;
  left_.notify_all();
}

void Notifier::finish(Duration flush) {
  if (!thread_.joinable()) return;
  stop_by_ = parts_.clock.now() + flush;
  stopping_ = true;
  wake();
  thread_.join();
}

std::vector<std::string> Notifier::take_warnings() {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::string> warnings = std::exchange(warnings_, {});
  if (const std::size_t more = std::exchange(warnings_left_out_, 0); more > 0)
    warnings.push_back("notify: " + std::to_string(more) + " more warnings of this kind");
  return warnings;
}

void Notifier::warn(const std::string& sentence) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (warnings_.size() < kWarningsMax) {
    warnings_.push_back(sentence);
  } else {
    ++warnings_left_out_;
  }
}

void Notifier::work() {
  bool is_broken = false;
  while (true) {
    const bool stops = stopping_.load();
    if (leaving_.load() && journal_) close_journal();
    const Timestamp now = parts_.clock.now();
    if (stops && now >= stop_by_.load()) break;
    const Status turned =
        delivery_->turn(stops ? stop_by_.load() : now + NoticeDelivery::kLookEvery);
    if (!turned && !std::exchange(is_broken, true))
      warn("notify: nobody can be told for now: " + describe(turned.error()));
    if (turned) is_broken = false;
    if (stops && (!turned || delivery_->is_settled())) break;
    // The disk may come back; until then the journal is left alone.
    if (!turned) static_cast<void>(parts_.transport->poll(now + NoticeDelivery::kLookEvery));
  }
  if (const Status saved = delivery_->save(); !saved)
    warn("notify: how far it came could not be written: " + describe(saved.error()));
}

}  // namespace quell
