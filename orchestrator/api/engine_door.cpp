#include "orchestrator/api/engine_door.h"

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <utility>

namespace quell {
namespace {

constexpr std::chrono::seconds kAnswerWait{10};

Error no_answer_yet() {
  return make_error(ErrorCode::unknown, "state", "the engine has not answered yet.",
                    "look before you send it again");
}

/// An answer that one thread gives and another waits for.
template <typename Answer>
class Awaited {
 public:
  std::function<void(Answer)> giver() {
    return [promise = promise_](Answer answer) { promise->set_value(std::move(answer)); };
  }
  std::optional<Answer> take() {
    std::future<Answer> waiting = promise_->get_future();
    if (waiting.wait_for(kAnswerWait) != std::future_status::ready) return std::nullopt;
    return waiting.get();
  }

 private:
  std::shared_ptr<std::promise<Answer>> promise_ = std::make_shared<std::promise<Answer>>();
};

}  // namespace

Result<RunId> EngineDoor::begin(StartCommand command) {
  Awaited<Result<RunId>> answer;
  command.done = answer.giver();
  engine_.submit(std::move(command));
  const std::optional<Result<RunId>> given = answer.take();
  return given ? *given : Result<RunId>(no_answer_yet());
}

Status EngineDoor::carry_out(Command command) {
  Awaited<Status> answer;
  command.done = answer.giver();
  engine_.submit(std::move(command));
  return answer.take().value_or(no_answer_yet());
}

Status EngineDoor::run(std::function<Status()> work) {
  Awaited<Status> answer;
  engine_.submit(Errand{.work = std::move(work), .done = answer.giver()});
  return answer.take().value_or(no_answer_yet());
}

void EngineDoor::note(EntryKind kind, ValueMap body) {
  engine_.submit(Errand{.work = [&engine = engine_, kind, body = std::move(body)]() -> Status {
                          engine.note(kind, body);
                          return ok();
                        },
                        .done = [](const Status&) {}});
}

}  // namespace quell
