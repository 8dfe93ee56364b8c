#include "orchestrator/plan_desk.h"

#include <algorithm>
#include <utility>

#include "orchestrator/api/problem.h"
#include "orchestrator/api/run_routes.h"
#include "orchestrator/engine/run_inputs.h"

namespace quell {
namespace {

constexpr std::size_t kWaitingMax = 8;
constexpr std::size_t kKeptMax = 64;
constexpr Duration kKeptFor{std::chrono::minutes{30}};
constexpr std::size_t kIdBytes = 12;

Value document_of(const PlanDesk::Entry& entry) {
  ValueMap document{{"id", entry.id},
                    {"playbook", entry.wish.playbook_id},
                    {"asked_at", Value(entry.asked)},
                    {"state", !entry.is_ready ? "computing"
                              : entry.error   ? "failed"
                                              : "ready"}};
  if (entry.error) {
    document["error"] =
        Value::map({{"detail", describe(*entry.error)}, {"hint", entry.error->hint}});
  }
  if (entry.rehearsal) document["plan"] = plan_document(entry.rehearsal->plan);
  return Value(std::move(document));
}

Error no_such_plan() {
  return make_error(ErrorCode::gone, "plan", "there is no such plan.",
                    "plans are kept for half an hour: ask for it again");
}

}  // namespace

PlanDesk::PlanDesk(Parts parts) : parts_(std::move(parts)) {}

PlanDesk::~PlanDesk() {
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
  }
  wanted_.notify_all();
  if (worker_.joinable()) worker_.join();
}

void PlanDesk::drop_old(Timestamp now) {
  while (!order_.empty()) {
    const auto oldest = entries_.find(order_.front());
    if (order_.size() < kKeptMax && now - oldest->second->asked < kKeptFor) return;
    entries_.erase(oldest);
    order_.pop_front();
  }
}

Result<std::string> PlanDesk::ask(StartCommand wish) {
  const Result<std::shared_ptr<const Playbook>> playbook =
      parts_.load_playbook(wish.playbook_source, wish.playbook_id, wish.called);
  if (!playbook) return playbook.error();
  const Result<Value> inputs =
      inputs_from_texts(**playbook, wish.texts, wish.secrets, parts_.fingerprint);
  if (!inputs) return inputs.error();
  auto entry = std::make_shared<Entry>();
  entry->asked = parts_.clock.now();
  entry->playbook = *playbook;
  entry->wish = std::move(wish);
  const std::lock_guard lock(mutex_);
  if (queue_.size() >= kWaitingMax) {
    return make_error(ErrorCode::throttled, "plan", "eight plans are being made already.",
                      "ask again when one of them is there");
  }
  drop_old(entry->asked);
  const std::string id = "p_" + parts_.random.hex(kIdBytes);
  entry->id = id;
  entries_.emplace(id, std::move(entry));
  order_.push_back(id);
  queue_.push_back(id);
  if (!worker_.joinable()) worker_ = std::thread([this] { work(); });
  wanted_.notify_one();
  return id;
}

void PlanDesk::work() {
  for (;;) {
    std::string id;
    {
      std::unique_lock lock(mutex_);
      wanted_.wait(lock, [this] { return stops_ || !queue_.empty(); });
      if (stops_) return;
      id = queue_.front();
    }
    make(id);
    const std::lock_guard lock(mutex_);
    queue_.pop_front();
  }
}

void PlanDesk::make(const std::string& id) {
  std::shared_ptr<const Entry> asked;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    asked = found->second;
  }
  auto made = std::make_shared<Entry>(*asked);
  made->is_ready = true;
  const auto rehearsed = [&]() -> Result<Rehearsal> {
    const Result<Value> inputs = inputs_from_texts(*asked->playbook, asked->wish.texts,
                                                   asked->wish.secrets, parts_.fingerprint);
    if (!inputs) return inputs.error();
    const Result<std::unique_ptr<HttpTransport>> transport = parts_.make_transport();
    if (!transport) return transport.error();
    Result<Rehearsal> rehearsal = rehearse({.clock = parts_.clock,
                                            .transport = **transport,
                                            .connectors = parts_.connectors,
                                            .limits = parts_.limits,
                                            .who = asked->wish.who,
                                            .should_stop =
                                                [this] {
                                                  const std::lock_guard lock(mutex_);
                                                  return stops_;
                                                }},
                                           asked->playbook, *inputs);
    if (!rehearsal) return rehearsal;
    if (const std::optional<Error> failure = failure_of(*rehearsal)) return *failure;
    return rehearsal;
  };
  Result<Rehearsal> rehearsal = rehearsed();
  if (rehearsal)
    made->rehearsal = *std::move(rehearsal);
  else
    made->error = rehearsal.error();
  const std::lock_guard lock(mutex_);
  if (const auto found = entries_.find(id); found != entries_.end())
    found->second = std::move(made);
}

std::shared_ptr<const PlanDesk::Entry> PlanDesk::find(const std::string& id,
                                                      const std::string& who) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  const bool is_theirs = found != entries_.end() && found->second->wish.who == who;
  return is_theirs ? found->second : nullptr;
}

Result<StartCommand> PlanDesk::start_of(const std::string& id, const std::string& who) const {
  const std::shared_ptr<const Entry> entry = find(id, who);
  if (!entry) return no_such_plan();
  if (!entry->rehearsal) {
    return make_error(ErrorCode::conflict, "plan", "that plan is not there yet, or never will be.",
                      "look at it first");
  }
  StartCommand command = entry->wish;
  command.plan = entry->rehearsal->plan.digest;
  return command;
}

std::vector<ApiRoute> plan_routes(PlanDesk& desk) {
  std::vector<ApiRoute> routes;
  routes.push_back(
      {.method = "POST",
       .path = "/api/v1/plans",
       .operation = "makePlan",
       .summary = "Find out what a run would send; reads only",
       .right = Right::act,
       .body = start_fields(),
       .body_bytes_max = kStartBytesMax,
       .answer = "The id under which the plan will be there",
       .handle = [&desk](const ApiCall& call) {
         const Result<std::string> id = desk.ask(start_command_of(call));
         return id ? json_reply(200, Value::map({{"id", *id}})) : problem_reply(id.error());
       }});
  routes.push_back({.method = "GET",
                    .path = "/api/v1/plans/{plan}",
                    .operation = "getPlan",
                    .summary = "A plan that you asked for",
                    .right = Right::act,
                    .answer = "`state` computing, failed with `error`, or ready with `plan`, the "
                              "document of quell plan --json",
                    .handle = [&desk](const ApiCall& call) {
                      const auto entry = desk.find(call.path_or("plan"), call.actor.who);
                      return entry ? json_reply(200, document_of(*entry))
                                   : problem_reply(no_such_plan());
                    }});
  return routes;
}

}  // namespace quell
