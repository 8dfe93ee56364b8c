#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "state/base/assert.h"

namespace quell {

/// A lazy coroutine that gives one T. Started by being awaited, or by resume() at the root.
///
/// House rule for g++ 12: build each argument of a `co_await` call as a named local and move it in;
/// temporaries of aggregate type inside a co_await expression are destroyed twice there (GCC bug
/// 99576 and kin).
template <typename T>
class [[nodiscard]] Task {
 public:
  struct promise_type {  // NOLINT(readability-identifier-naming): the language names it
    std::optional<T> value{};
    std::coroutine_handle<> continuation{};

    Task get_return_object() {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() noexcept { return {}; }
    struct FinalAwaiter {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept {
        const std::coroutine_handle<> next = self.promise().continuation;
        return next ? next : std::noop_coroutine();
      }
      void await_resume() noexcept {}
    };
    FinalAwaiter final_suspend() noexcept { return {}; }
    void return_value(T result) { value.emplace(std::move(result)); }
    void unhandled_exception() { std::terminate(); }
  };

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  // Awaiting a task runs it to its end inside the awaiting one.
  bool await_ready() const noexcept { return handle_.done(); }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) noexcept {
    handle_.promise().continuation = waiter;
    return handle_;
  }
  T await_resume() { return take(); }

  /// Runs the root task to its first suspension.
  void resume() { handle_.resume(); }
  bool done() const noexcept { return handle_.done(); }
  T take() {
    QUELL_ASSERT(handle_.done() && handle_.promise().value.has_value());
    return std::move(*handle_.promise().value);
  }

 private:
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

}  // namespace quell
