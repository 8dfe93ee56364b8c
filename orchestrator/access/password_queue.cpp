#include "orchestrator/access/password_queue.h"

#include <chrono>

namespace quell {
namespace {

Error too_many() {
  Error error = make_error(ErrorCode::throttled, "login", "too many people sign in at once.",
                           "try again in a few seconds");
  error.retry_after = std::chrono::seconds{3};
  return error;
}

}  // namespace

/// One of those that wait or are at work.
class PasswordQueue::Place {
 public:
  explicit Place(std::atomic<std::size_t>& taken) : taken_(taken) {
    has_place_ = taken_.fetch_add(1) <= kWaitingMax;  // one is at work
  }
  ~Place() { taken_.fetch_sub(1); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  explicit operator bool() const noexcept { return has_place_; }

 private:
  std::atomic<std::size_t>& taken_;
  bool has_place_ = false;
};

PasswordQueue::PasswordQueue(ScryptCost cost, Random& random) : cost_(cost), random_(random) {}

Result<std::string> PasswordQueue::hash(const Secret& password) {
  const Place place(waiting_);
  if (!place) return too_many();
  const std::lock_guard lock(turn_);
  return hash_password(password, cost_, random_);
}

Result<bool> PasswordQueue::matches(const Secret& password, const std::string& hash) {
  const Place place(waiting_);
  if (!place) return too_many();
  const std::lock_guard lock(turn_);
  if (!hash.empty()) return matches_password(password, hash);
  if (nobodys_hash_.empty()) {
    Result<std::string> made =
        hash_password(Secret::copy_of("nobody has this password"), cost_, random_);
    if (!made) return made.error();
    nobodys_hash_ = *std::move(made);
  }
  static_cast<void>(matches_password(password, nobodys_hash_));
  return false;
}

}  // namespace quell
