#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace quell {

/// Threads for calls that may wait; made when needed, up to a bound, and kept. How many jobs can
/// wait is for the caller to bound. One thread at a time may call.
class HttpWorkers {
 public:
  /// `niceness` as setpriority(2) has it: above 0 they give way to the process's other threads.
  HttpWorkers(std::size_t threads_max, int niceness)
      : threads_max_(threads_max), niceness_(niceness) {}
  ~HttpWorkers() { finish(); }
  HttpWorkers(const HttpWorkers&) = delete;
  HttpWorkers& operator=(const HttpWorkers&) = delete;

  void enqueue(std::function<void()> job);
  /// Waits until every job is done; may be called twice.
  void finish();

 private:
  void work();

  std::size_t threads_max_;
  int niceness_;
  std::mutex mutex_{};
  std::condition_variable ready_{};
  std::deque<std::function<void()>> jobs_{};
  std::vector<std::thread> threads_{};
  std::size_t idle_ = 0;
  bool ending_ = false;
};

}  // namespace quell
