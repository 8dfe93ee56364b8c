// How requests leave: guarded, in order of urgency, at the pace of their origin, one for all who
// ask the same, and never before what they change is written down.
#include <algorithm>
#include <utility>

#include "connectors/classify.h"
#include "orchestrator/engine/effect_guard.h"
#include "orchestrator/engine/entry_bodies.h"
#include "orchestrator/engine/live.h"
#include "state/base/assert.h"

namespace quell {
namespace {

constexpr std::string_view kRangeMarker = "x-quell-range";
/// An origin that asks for more patience than this is not waited for.
constexpr Duration kPatience{10 * 60'000};
constexpr Duration kDisarmedPoll{500};
/// After so many refusals of one read the action hears of it.
constexpr int kRefusalsMax = 5;

void count(RequestCounts& counts, Effect effect) {
  switch (effect) {
    case Effect::read:
      ++counts.read;
      return;
    case Effect::probe:
      ++counts.probe;
      return;
    case Effect::mutate:
      ++counts.mutate;
      return;
    case Effect::notify:
      ++counts.notify;
      return;
  }
}

/// Containment goes before the looks that prove it, and both before inventories and evidence.
std::size_t rank_of(const WorkId& id, const ActionSpec& action) {
  if (id.probe < 0 && action.effect == Effect::mutate) return 0;
  return id.probe >= 0 ? 1 : 2;
}

/// The pattern that describes what `request` is about: by its parameters, by what the action says
/// that it touches, or by its URL and the parts of it.
const std::string* target_in(const std::vector<std::string>& patterns, const Value& params,
                             const HttpRequest& request) {
  if (patterns.empty()) return nullptr;
  if (const auto* const found = fitting_in(patterns, params)) return found;
  for (const std::string& name : request.touches) {
    if (const auto* const found = fitting(patterns, name)) return found;
  }
  const std::string_view url = request.url;
  if (const auto* const found = fitting(patterns, url)) return found;
  std::size_t begin = 0;
  while (begin < url.size()) {
    const std::size_t end = std::min(url.find_first_of("/?", begin), url.size());
    if (const auto* const found = fitting(patterns, url.substr(begin, end - begin))) return found;
    begin = end + 1;
  }
  return nullptr;
}

}  // namespace

void Engine::send(const std::shared_ptr<Live>& live, SendOp op) {
  const RunState& run = runs_.at(live->run);
  const GuardMode mode{.dry_run = run.mode == RunMode::dry_run,
                       .probes = run.send_probes,
                       .look_only = live->intent == Intent::look};
  live->answers.clear();
  live->answers.resize(op.requests.size());
  live->outstanding = op.requests.size();
  Timestamp give_up = parts_.clock.now() + kPatience;
  if (const Step* const step = live->id.step.empty() ? nullptr : find_step(run, live->id.step);
      step != nullptr && step->deadline) {
    give_up = std::min(give_up, run.steps.at(step->id).started + *step->deadline);
  }
  for (std::size_t index = 0; index < op.requests.size(); ++index) {
    HttpRequest& request = op.requests[index];
    if (live->timeout) request.timeout = *live->timeout;
    const Ticket ticket = next_ticket_++;
    exchanges_[ticket] =
        Exchange{.live = live, .index = index, .effect = request.effect, .trust = request.trust};
    Outgoing outgoing{
        .ticket = ticket, .live = live, .request = std::move(request), .give_up = give_up};
    if (Status allowed = guard(outgoing.request, *live->spec, *live->connector, live->params, mode);
        !allowed) {
      refuse(outgoing, allowed.error());
      continue;
    }
    outgoing_[rank_of(live->id, *live->spec)].push_back(std::move(outgoing));
  }
}

void Engine::refuse(Outgoing& outgoing, Error why) {
  Completion refused{.ticket = outgoing.ticket, .answer = std::move(why)};
  arrived_.push_back(std::move(refused));
}

void Engine::leave_unknown(const std::shared_ptr<Live>& live, std::string_view why) {
  const bool of_item = live->id.probe == -1;
  abandon(live);
  if (!of_item) return;
  std::vector<Entry> entries;
  entries.push_back(
      unknown_entry(runs_.at(live->run), live->id, *live->spec, why, parts_.clock.now()));
  record(std::move(entries));
}

void Engine::put_off(const std::shared_ptr<Live>& live, std::string why) {
  const WorkId id = live->id;
  if (live->changed) {
    leave_unknown(live, why);
    return;
  }
  abandon(live);
  if (id.probe != -1 || live->intent == Intent::look) return;
  ValueMap body{{"step", id.step}, {"item", id.item}, {"why", std::move(why)}};
  body["due"] = Value(parts_.clock.now() + kDisarmedPoll);
  std::vector<Entry> entries;
  entries.push_back(
      make_entry(EntryKind::retry_scheduled, live->run, parts_.clock.now(), std::move(body)));
  record(std::move(entries));
}

bool Engine::is_irreversible(const Live& live) const {
  const Step* const step = find_step(runs_.at(live.run), live.id.step);
  return live.spec->irreversible || (step != nullptr && step->irreversible);
}

std::optional<Error> Engine::refusal_of(const Outgoing& outgoing) const {
  const Live& live = *outgoing.live;
  const RunState& run = runs_.at(live.run);
  const ItemState* item = nullptr;
  if (const auto step = run.steps.find(live.id.step); step != run.steps.end()) {
    const auto found = step->second.item_index.find(live.id.item);
    if (found != step->second.item_index.end()) item = &step->second.items[found->second];
  }
  const bool passes = item != nullptr && item->break_glass;
  if (!passes) {
    if (const auto* const shield =
            target_in(policy_.protected_targets, live.params, outgoing.request)) {
      return make_error(ErrorCode::denied, "protected", "policy.protected shields it: " + *shield,
                        "quell help protected");
    }
  }
  if (run.scope.empty() || target_in(run.scope, live.params, outgoing.request) != nullptr ||
      (item != nullptr && fitting_in(run.scope, item->item) != nullptr)) {
    return std::nullopt;
  }
  return make_error(ErrorCode::denied, "scope",
                    "it lies outside the scope of the route that began " + to_string(run.id),
                    "begin a run for it: quell run " + run.playbook->id);
}

bool Engine::joins_another(Outgoing& outgoing) {
  const HttpRequest& request = outgoing.request;
  if (request.method != "GET" || request.effect != Effect::read ||
      request.trust != Trust::configured) {
    return false;
  }
  // One connection's reads of one URL carry the same headers.
  std::string question =
      std::to_string(reinterpret_cast<std::uintptr_t>(outgoing.live->connector));  // NOLINT
  question += ' ';
  question += request.url;
  const auto found = questions_.find(question);
  if (found == questions_.end()) {
    exchanges_[outgoing.ticket].question = std::move(question);
    return false;
  }
  exchanges_[found->second].followers.push_back(outgoing.ticket);
  return true;
}

bool Engine::depart(Outgoing& outgoing, Timestamp now) {
  const std::shared_ptr<Live> live = outgoing.live;
  const HttpRequest& request = outgoing.request;
  const bool changes = request.effect == Effect::mutate || request.effect == Effect::notify;
  // Others may wait for the answer to a read that nobody else wants any more.
  if (live->abandoned && exchanges_[outgoing.ticket].followers.empty()) {
    exchanges_.erase(outgoing.ticket);
    return true;
  }
  if (changes && stopping_.load()) {
    exchanges_.erase(outgoing.ticket);
    if (live->changed) {
      leave_unknown(live, "the process was told to end");
    } else {
      abandon(live);
    }
    return true;
  }
  if (changes) {
    watch_kill_switch();
    const RunState& run = runs_.at(live->run);
    if (is_disarmed(run) || is_locked(run)) {
      exchanges_.erase(outgoing.ticket);
      put_off(live, obstacle(run));
      return true;
    }
    if (std::optional<Error> refused = refusal_of(outgoing)) {
      refuse(outgoing, *std::move(refused));
      return true;
    }
  }
  if ((request.effect != Effect::read || request.trust == Trust::untrusted) &&
      !has_a_yes(runs_.at(live->run))) {
    refuse(outgoing,
           make_error(ErrorCode::denied, "approval", "nobody has approved what an alert proposes",
                      "quell approve " + to_string(live->run)));
    return true;
  }
  if (exchanges_[outgoing.ticket].question.empty() && joins_another(outgoing)) return true;
  const bool writes = request.method != "GET" && request.method != "HEAD";
  const Lane lane = writes                          ? Lane::write
                    : runs_.at(live->run).automatic ? Lane::alert_read
                                                    : Lane::read;
  std::string origin = origin_of_url(request.url);
  const Timestamp leaves = pacer_.may_leave(origin, lane, request.trust, now);
  if (leaves > now) {
    exchanges_[outgoing.ticket].question.clear();
    if (now < outgoing.give_up && leaves < outgoing.give_up) {
      next_departure_ = std::min(next_departure_.value_or(leaves), leaves);
      return false;
    }
    refuse(outgoing, make_error(ErrorCode::throttled, origin + " asks to wait for too long"));
    return true;
  }
  pacer_.left(origin, lane, now);
  Exchange& exchange = exchanges_[outgoing.ticket];
  exchange.origin = std::move(origin);
  if (!exchange.question.empty()) questions_.try_emplace(exchange.question, outgoing.ticket);
  if (request.effect == Effect::read) exchange.again = outgoing;
  count(live->traffic.requests, request.effect);
  if (parts_.on_request) parts_.on_request(runs_.at(live->run), live->id, request);
  if (request.effect != Effect::read) {
    if (request.effect == Effect::mutate && !live->changed) {
      live->changed = true;
      ++unsettled_;
    }
    ValueMap body{
        {"method", request.method}, {"url", request.url}, {"effect", to_string(request.effect)}};
    if (!live->id.step.empty()) {
      body["step"] = live->id.step;
      body["item"] = live->id.item;
    }
    if (live->id.probe != -1) body["probe"] = live->id.probe;
    if (request.effect == Effect::mutate && live->id.probe == -1 && is_irreversible(*live))
      body["account"] = runs_.at(live->run).automatic ? kByAutomation : kByPeople;
    if (request.effect == Effect::mutate && !live->io->doubts().empty())
      body["doubts"] = doubts_value(live->io->doubts());
    std::vector<Entry> intent;
    intent.push_back(make_entry(EntryKind::request_sent, live->run, now, std::move(body)));
    record(std::move(intent));
  }
  sends_.push_back(PendingSend{.ticket = outgoing.ticket, .request = std::move(outgoing.request)});
  return true;
}

Status Engine::dispatch() {
  next_departure_.reset();
  const Timestamp now = parts_.clock.now();
  bool asked = false;
  for (std::deque<Outgoing>& queue : outgoing_) {
    if (queue.empty()) continue;
    if (!asked && parts_.still_owner && !parts_.still_owner()) {
      return make_error(ErrorCode::conflict, "locked", "another process took over this state.",
                        "end one of the two, then quell resume");
    }
    asked = true;
    std::deque<Outgoing> waiting;
    for (Outgoing& outgoing : std::exchange(queue, {})) {
      if (!depart(outgoing, now)) waiting.push_back(std::move(outgoing));
    }
    for (Outgoing& outgoing : queue) waiting.push_back(std::move(outgoing));
    queue = std::move(waiting);
  }
  return ok();
}

void Engine::begin_exchange(PendingSend pending) {
  ++in_flight_;
  parts_.transport.start(pending.ticket, std::move(pending.request));
}

void Engine::release_reads() {
  questions_.clear();
  std::vector<PendingSend> changes;
  for (PendingSend& pending : std::exchange(sends_, {})) {
    if (pending.request.effect == Effect::read) {
      begin_exchange(std::move(pending));
    } else {
      changes.push_back(std::move(pending));
    }
  }
  sends_ = std::move(changes);
}

void Engine::release() {
  // Whoever asks from now on asks anew, so that no answer is older than its question.
  questions_.clear();
  for (PendingSend& pending : std::exchange(sends_, {})) {
    begin_exchange(std::move(pending));
  }
  for (const std::shared_ptr<Live>& live : std::exchange(kept_, {})) {
    Result<SecretValue> kept = std::move(*live->kept);
    live->kept.reset();
    live->io->resume_kept(std::move(kept), parts_.clock.now());
    pump(live);
  }
}

void Engine::take(Completion completion) {
  const auto found = exchanges_.find(completion.ticket);
  if (found == exchanges_.end()) return;
  const Timestamp now = parts_.clock.now();
  // What the guard refused has none: it never left.
  if (const std::string& origin = found->second.origin; !origin.empty()) {
    --in_flight_;
    const int status = completion.answer ? completion.answer->status : 0;
    pacer_.ended(origin, status,
                 completion.answer ? retry_after(*completion.answer, now) : std::nullopt,
                 found->second.trust, now);
  }
  if (completion.answer && asks_again(found->second, *completion.answer)) return;
  const Exchange exchange = std::move(found->second);
  exchanges_.erase(found);
  if (!exchange.followers.empty() && completion.answer) {
    completion.answer->parsed = std::make_shared<std::optional<Value>>();
  }
  for (const Ticket ticket : exchange.followers) {
    const auto follower = exchanges_.find(ticket);
    if (follower == exchanges_.end()) continue;
    const Exchange waiting = std::move(follower->second);
    exchanges_.erase(follower);
    deliver(waiting, completion.answer);
  }
  deliver(exchange, std::move(completion.answer));
}

bool Engine::asks_again(Exchange& exchange, const HttpResponse& answer) {
  constexpr int kTooMany = 429;
  constexpr int kUnavailable = 503;
  const bool too_early =
      answer.status == kTooMany ||
      (answer.status == kUnavailable && retry_after(answer, parts_.clock.now()).has_value());
  if (!too_early || !exchange.again || stopping_.load() || ++exchange.refusals > kRefusalsMax)
    return false;
  exchange.origin.clear();
  exchange.question.clear();
  const Live& live = *exchange.live;
  outgoing_[rank_of(live.id, *live.spec)].push_back(*std::exchange(exchange.again, std::nullopt));
  return true;
}

void Engine::deliver(const Exchange& exchange, Result<HttpResponse> answer) {
  const std::shared_ptr<Live>& live = exchange.live;
  if (answer) {
    const bool loopback = answer->from_loopback;
    // The marker counts on loopback alone: a server elsewhere cannot make an incident look like a
    // rehearsal.
    const bool range = loopback && !answer->header(kRangeMarker).empty();
    live->traffic.from_range |= range;
    live->traffic.from_loopback |= loopback && !range;
    live->traffic.from_outside |= !loopback;
  }
  if (live->abandoned) return;
  live->answers[exchange.index] = std::move(answer);
  if (--live->outstanding > 0) return;
  Answers answers;
  answers.reserve(live->answers.size());
  for (std::optional<Result<HttpResponse>>& one : live->answers) answers.push_back(std::move(*one));
  live->answers.clear();
  live->io->resume_sent(std::move(answers), parts_.clock.now());
  pump(live);
}

Status Engine::wind_up() {
  std::vector<std::shared_ptr<Live>> unsettled;
  for (const auto& [id, live] : live_) {
    if (live->changed) unsettled.push_back(live);
  }
  for (const std::shared_ptr<Live>& live : unsettled) {
    leave_unknown(live, "the process was told to end before an answer came");
  }
  if (Status flushed = flush(); !flushed) return flushed;
  answer_commands();
  return ok();
}

void Engine::watch_kill_switch() {
  if (!parts_.kill_switch) return;
  KillSwitch seen = parts_.kill_switch();
  if (seen == kill_switch_) return;
  const bool was_on = kill_switch_.automation || kill_switch_.people;
  kill_switch_ = std::move(seen);
  const bool on = kill_switch_.automation || kill_switch_.people;
  if (!on && !was_on) return;  // who armed it last is no news
  ValueMap body{
      {"who", kill_switch_.who}, {"reason", kill_switch_.reason}, {"all", kill_switch_.people}};
  if (!kill_switch_.from.empty()) body["from"] = kill_switch_.from;
  std::vector<Entry> entries;
  entries.push_back(make_entry(on ? EntryKind::disarmed : EntryKind::armed, RunId{},
                               parts_.clock.now(), std::move(body)));
  record(std::move(entries));
}

void Engine::watch_clock() {
  constexpr Duration kJumpMin{60'000};
  const Duration jumped = parts_.clock.jumped();
  const Duration by = jumped - jumped_;
  if (by < kJumpMin && -by < kJumpMin) return;
  jumped_ = jumped;
  const std::string words =
      "the machine's clock was set " + format_duration(by < Duration{0} ? -by : by) +
      (by < Duration{0} ? " back" : " forward") + "; quell goes on by the time that passed";
  const Timestamp now = parts_.clock.now();
  std::vector<Entry> entries;
  entries.push_back(
      make_entry(EntryKind::note_added, RunId{}, now, {{"who", "quell itself"}, {"text", words}}));
  for (const RunId id : active_) {
    const RunState& run = runs_.at(id);
    if (!run.automatic || run.finished() || run.paused) continue;
    entries.push_back(
        make_entry(EntryKind::run_paused, id, now, {{"who", "quell itself"}, {"reason", words}}));
  }
  record(std::move(entries));
  if (parts_.tell) parts_.tell(words);
}

bool Engine::is_disarmed(const RunState& run) const {
  return kill_switch_.people || (kill_switch_.automation && run.automatic);
}

bool Engine::is_locked(const RunState& run) const {
  if (run.lock.empty() || run.mode == RunMode::dry_run) return false;
  const auto holder = holders_.find(run.lock);
  return holder != holders_.end() && holder->second != run.id &&
         (run.automatic || !gives_way(holder->second));
}

bool Engine::is_asked_elsewhere(const RunState& run) const {
  if (run.lock.empty() || run.mode == RunMode::dry_run) return false;
  const std::optional<RunId> waiting = asked_.waiting(run.lock);
  return waiting && *waiting != run.id && active_.contains(*waiting) &&
         (run.automatic || !gives_way(*waiting));
}

std::string Engine::obstacle(const RunState& run) const {
  if (is_disarmed(run)) return "disarmed by " + kill_switch_.who + ": " + kill_switch_.reason;
  if (is_locked(run)) return to_string(holders_.find(run.lock)->second) + " works on " + run.lock;
  if (is_asked_elsewhere(run) && pending_approval(run) == nullptr) {
    return to_string(*asked_.waiting(run.lock)) + " waits for an approval to work on " + run.lock;
  }
  return {};
}

}  // namespace quell
