#include "orchestrator/plan_desk.h"

#include <algorithm>
#include <utility>

#include "orchestrator/api/problem.h"
#include "orchestrator/api/run_routes.h"
#include "orchestrator/engine/run_inputs.h"
#include "orchestrator/radius_scan.h"

namespace quell {
namespace {

constexpr std::size_t kWaitingMax = 8;
constexpr std::size_t kKeptMax = 64;
constexpr Duration kKeptFor{std::chrono::minutes{30}};
constexpr std::size_t kIdBytes = 12;

std::string_view word_of(PlanDesk::State state) {
  switch (state) {
    case PlanDesk::State::computing:
      return "computing";
    case PlanDesk::State::ready:
      return "ready";
    case PlanDesk::State::starting:
      return "starting";
    case PlanDesk::State::started:
      return "started";
    case PlanDesk::State::failed:
      return "failed";
  }
  return "";
}

Value document_of(const PlanDesk::Entry& entry) {
  ValueMap document{{"id", entry.id},
                    {"playbook", entry.wish.playbook_id},
                    {"asked_at", Value(entry.asked)},
                    {"state", word_of(entry.state)},
                    {"changed", entry.has_changed}};
  if (entry.error) {
    document["error"] = Value::map({{"detail", describe(*entry.error)},
                                    {"type", entry.error->topic},
                                    {"class", to_string(entry.error->code)},
                                    {"hint", entry.error->hint}});
  }
  if (entry.rehearsal) document["plan"] = plan_document(entry.rehearsal->plan);
  if (entry.run) document["run"] = to_string(*entry.run);
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
  entry->id = "p_" + parts_.random.hex(kIdBytes);
  entry->asked = parts_.clock.now();
  entry->playbook = *playbook;
  entry->wish = std::move(wish);
  const std::string id = entry->id;
  const std::lock_guard lock(mutex_);
  drop_old(entry->asked);
  if (Status queued = queue(std::move(entry)); !queued) return queued.error();
  order_.push_back(id);
  return id;
}

Status PlanDesk::queue(std::shared_ptr<const Entry> entry) {
  if (queue_.size() >= kWaitingMax) {
    return make_error(ErrorCode::throttled, "plan", "eight plans are being made already.",
                      "ask again when one of them is there");
  }
  queue_.push_back(entry->id);
  entries_.insert_or_assign(entry->id, std::move(entry));
  if (!worker_.joinable()) worker_ = std::thread([this] { work(); });
  wanted_.notify_one();
  return ok();
}

void PlanDesk::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wanted_.wait(lock, [this] { return stops_ || !queue_.empty(); });
    if (stops_) return;
    const auto asked = entries_.find(queue_.front());
    if (asked != entries_.end()) {
      auto entry = std::make_shared<Entry>(*asked->second);
      lock.unlock();
      if (entry->state == State::starting)
        begin(*entry);
      else
        make(*entry);
      lock.lock();
      if (const auto kept = entries_.find(entry->id); kept != entries_.end())
        kept->second = std::move(entry);
    }
    queue_.pop_front();
  }
}

Result<Rehearsal> PlanDesk::rehearse_wish(const Entry& entry) {
  const Result<Value> inputs =
      inputs_from_texts(*entry.playbook, entry.wish.texts, entry.wish.secrets, parts_.fingerprint);
  if (!inputs) return inputs.error();
  const Result<std::unique_ptr<HttpTransport>> transport = parts_.make_transport();
  if (!transport) return transport.error();
  Result<Rehearsal> rehearsal = rehearse({.clock = parts_.clock,
                                          .transport = **transport,
                                          .connectors = parts_.connectors,
                                          .limits = parts_.limits,
                                          .who = entry.wish.who,
                                          .should_stop =
                                              [this] {
                                                const std::lock_guard lock(mutex_);
                                                return stops_;
                                              }},
                                         entry.playbook, *inputs);
  if (!rehearsal) return rehearsal;
  if (const std::optional<Error> failure = failure_of(*rehearsal)) return *failure;
  return rehearsal;
}

void PlanDesk::make(Entry& entry) {
  Result<Rehearsal> rehearsal = rehearse_wish(entry);
  entry.state = rehearsal ? State::ready : State::failed;
  if (rehearsal)
    entry.rehearsal = *std::move(rehearsal);
  else
    entry.error = rehearsal.error();
}

void PlanDesk::begin(Entry& entry) {
  if (!entry.wish.dry_run) {
    const std::string seen = entry.rehearsal->plan.digest;
    make(entry);
    if (entry.state == State::failed) return;
    entry.has_changed = entry.rehearsal->plan.digest != seen;
    if (entry.has_changed) return;
  }
  const Result<RunId> run = parts_.begin(entry.wish);
  if (run) {
    entry.state = State::started;
    entry.run = *run;
    return;
  }
  entry.error = run.error();
  // It may be asked for again with a reason.
  entry.state = run.error().topic == "asked-before" ? State::ready : State::failed;
}

std::shared_ptr<const PlanDesk::Entry> PlanDesk::find(const std::string& id,
                                                      const std::string& who) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  const bool is_theirs = found != entries_.end() && found->second->wish.who == who;
  return is_theirs ? found->second : nullptr;
}

Status PlanDesk::start(const std::string& id, const Start& how) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second->wish.who != how.who) return no_such_plan();
  if (found->second->playbook->id == kRadiusId)
    return make_error(ErrorCode::conflict, "plan", "a blast radius begins no run.",
                      "plan a playbook over what it found");
  if (found->second->state != State::ready) {
    return make_error(ErrorCode::conflict, "plan",
                      "that plan is " + std::string(word_of(found->second->state)) + ".",
                      "look at it first; a plan begins one run");
  }
  auto entry = std::make_shared<Entry>(*found->second);
  entry->state = State::starting;
  entry->error = std::nullopt;
  entry->wish.from = how.from;
  entry->wish.reason = how.reason;
  entry->wish.dry_run = how.dry_run;
  entry->wish.send_probes = !how.dry_run;
  return queue(std::move(entry));
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
  routes.push_back(
      {.method = "GET",
       .path = "/api/v1/plans/{plan}",
       .operation = "getPlan",
       .summary = "A plan that you asked for",
       .right = Right::act,
       .answer = "`state` computing, failed with `error`, ready with `plan`, the document "
                 "of quell plan --json; then starting, and started with `run`, or "
                 "ready again and `changed`",
       .handle = [&desk](const ApiCall& call) {
         const auto entry = desk.find(call.path_or("plan"), call.actor.who);
         return entry ? json_reply(200, document_of(*entry)) : problem_reply(no_such_plan());
       }});
  routes.push_back(
      {.method = "POST",
       .path = "/api/v1/plans/{plan}/start",
       .operation = "startPlan",
       .summary = "Begin the run that a plan shows; when it has changed, show it anew",
       .right = Right::act,
       .body = {{.name = "dry_run", .about = "Only rehearse it", .kind = ApiField::Kind::boolean},
                {.name = "reason", .about = "Why it is asked for again after somebody denied it"}},
       .answer = "Nothing; the plan says what came of it",
       .handle = [&desk](const ApiCall& call) {
         const bool dry_run = call.body["dry_run"].bool_or(false);
         if (!dry_run && !call.actor.may(Right::start))
           return problem_reply(only_dry_runs(call.actor));
         const Status begun = desk.start(call.path_or("plan"),
                                         {.who = call.actor.who,
                                          .from = call.actor.from,
                                          .reason = call.body["reason"].string_or(""),
                                          .dry_run = dry_run});
         return begun ? json_reply(200, Value::map({})) : problem_reply(begun.error());
       }});
  return routes;
}

}  // namespace quell
