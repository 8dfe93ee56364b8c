#pragma once

#include <coroutine>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "connectors/action.h"
#include "connectors/evidence.h"
#include "connectors/http_transport.h"
#include "state/base/assert.h"
#include "state/base/clock.h"
#include "state/base/result.h"
#include "state/base/secret.h"

namespace quell {

// What an action can ask of its driver.
struct SendOp {
  std::vector<HttpRequest> requests{};
};
struct WaitOp {
  Duration delay{};
};
/// A secret that the action just got (a minted token): sealed before anything else happens (threat
/// T11).
struct KeepOp {
  std::string name{};
  Secret secret{};
};
using IoOp = std::variant<std::monostate, SendOp, WaitOp, KeepOp, FileOp>;

using Answers = std::vector<Result<HttpResponse>>;

/// An action's only window to the world. The action awaits; the driver takes the operation and
/// later gives its answer.
class Io {
 public:
  Io() = default;
  Io(const Io&) = delete;
  Io& operator=(const Io&) = delete;

  /// `co_await io.send(std::move(request))` gives Result<HttpResponse>: any status is a response;
  /// an Error is a failure of the exchange itself.
  auto send(HttpRequest request) {
    SendOp op;
    op.requests.push_back(std::move(request));
    return SendOne{*this, std::move(op)};
  }
  /// All at once; answers in the order of the requests.
  auto send_all(std::vector<HttpRequest> requests) {
    return SendMany{*this, SendOp{std::move(requests)}};
  }
  /// Asks to be woken after `delay`.
  auto wait(Duration delay) { return Wait{*this, delay}; }
  /// Seals a minted secret under `name` and gives it back as an opaque value, durable on return.
  auto keep(std::string name, Secret secret) {
    return Keep{*this, KeepOp{std::move(name), std::move(secret)}};
  }
  /// Puts what was found into a file of the run's evidence, or only asks how far that file is.
  /// The journal never sees it. Error topic "room": no more is taken, and nothing else is wrong.
  auto file(FileOp op) { return File{*this, std::move(op)}; }
  /// What stands against the claims of this action should its answer never come: it is written down
  /// with every change that is sent from now on, and holds until an outcome replaces it.
  void doubt_meanwhile(std::vector<Doubt> doubts) { doubts_ = std::move(doubts); }
  /// The time at the last resumption.
  Timestamp now() const noexcept { return now_; }

  // --- The driver's side
  // -------------------------------------------------------------------------------------------
  /// What the action waits for; monostate when nothing (it is finished or running).
  IoOp take() { return std::exchange(op_, IoOp{}); }
  void set_now(Timestamp now) { now_ = now; }
  const std::vector<Doubt>& doubts() const noexcept { return doubts_; }
  void resume_sent(Answers answers, Timestamp now) {
    answers_ = std::move(answers);
    resume(now);
  }
  void resume_waited(Timestamp now) { resume(now); }
  void resume_kept(Result<SecretValue> kept, Timestamp now) {
    kept_ = std::move(kept);
    resume(now);
  }
  void resume_filed(Result<EvidenceFile> filed, Timestamp now) {
    filed_ = std::move(filed);
    resume(now);
  }

 private:
  struct Suspending {
    Io& io;
    bool await_ready() const noexcept { return false; }
  };
  struct SendOne : Suspending {
    SendOp op;
    SendOne(Io& owner, SendOp what) : Suspending{owner}, op(std::move(what)) {}
    void await_suspend(std::coroutine_handle<> waiter) { io.suspend(waiter, std::move(op)); }
    Result<HttpResponse> await_resume() {
      QUELL_ASSERT(io.answers_.size() == 1);
      Result<HttpResponse> answer = std::move(io.answers_.front());
      io.answers_.clear();
      return answer;
    }
  };
  struct SendMany : Suspending {
    SendOp op;
    SendMany(Io& owner, SendOp what) : Suspending{owner}, op(std::move(what)) {}
    bool await_ready() const noexcept { return op.requests.empty(); }
    void await_suspend(std::coroutine_handle<> waiter) { io.suspend(waiter, std::move(op)); }
    Answers await_resume() { return std::exchange(io.answers_, {}); }
  };
  struct Wait : Suspending {
    Duration delay;
    Wait(Io& owner, Duration by) : Suspending{owner}, delay(by) {}
    void await_suspend(std::coroutine_handle<> waiter) { io.suspend(waiter, WaitOp{delay}); }
    void await_resume() const noexcept {}
  };
  struct Keep : Suspending {
    KeepOp op;
    Keep(Io& owner, KeepOp what) : Suspending{owner}, op(std::move(what)) {}
    void await_suspend(std::coroutine_handle<> waiter) { io.suspend(waiter, std::move(op)); }
    Result<SecretValue> await_resume() { return std::move(io.kept_); }
  };
  struct File : Suspending {
    FileOp op;
    File(Io& owner, FileOp what) : Suspending{owner}, op(std::move(what)) {}
    void await_suspend(std::coroutine_handle<> waiter) { io.suspend(waiter, std::move(op)); }
    Result<EvidenceFile> await_resume() { return std::move(io.filed_); }
  };

  template <typename Op>
  void suspend(std::coroutine_handle<> waiter, Op op) {
    QUELL_ASSERT(!waiter_ && std::holds_alternative<std::monostate>(op_));
    waiter_ = waiter;
    op_ = std::move(op);
  }
  void resume(Timestamp now) {
    QUELL_ASSERT(waiter_);
    now_ = now;
    std::exchange(waiter_, {}).resume();
  }

  IoOp op_{};
  std::vector<Doubt> doubts_{};
  std::coroutine_handle<> waiter_{};
  Answers answers_{};
  Result<SecretValue> kept_{SecretValue{}};
  Result<EvidenceFile> filed_{EvidenceFile{}};
  Timestamp now_{};
};

}  // namespace quell
