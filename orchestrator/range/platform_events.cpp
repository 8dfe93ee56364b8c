// Session events, interrupt and threads: API sheet sections 1.4, 1.5 and 2.5.
#include <algorithm>
#include <array>
#include <chrono>

#include <fmt/format.h>

#include "orchestrator/range/platform.h"
#include "state/base/json.h"

namespace quell::range {
namespace {

using std::chrono::milliseconds;

// Neither default nor maximum is documented for events; a compatible server caps at 1000.
constexpr PageRule kEventPages{.list = "events",
                               .limit_default = 100,
                               .limit_max = 1000,
                               .ordered = true,
                               .descending = false};
constexpr PageRule kThreadPages{
    .list = "threads", .limit_default = 1000, .limit_max = 1000, .descending = false};
constexpr std::size_t kEventsPerSessionMax = 2000;
constexpr std::size_t kEventsPerLongSessionMax = 100'000;
constexpr std::size_t kEventsPerSendMax = 50;
// Interrupt latency is not documented (API sheet section 8, item 11).
constexpr Duration kInterruptLatency = milliseconds{400};
constexpr Duration kRestartDelay = milliseconds{250};

constexpr std::array<std::string_view, 7> kSendable = {
    "user.message",     "user.interrupt",      "user.tool_confirmation", "user.custom_tool_result",
    "user.tool_result", "user.define_outcome", "system.message"};

std::optional<std::string_view> required_member(std::string_view type) {
  if (type == "user.message" || type == "system.message") return "content";
  if (type == "user.tool_confirmation" || type == "user.tool_result") return "tool_use_id";
  if (type == "user.custom_tool_result") return "custom_tool_use_id";
  if (type == "user.define_outcome") return "description";
  return std::nullopt;
}

}  // namespace

std::optional<Answer> Platform::check_event(const SessionRecord& session, const Value& event,
                                            bool initial) const {
  const std::string type = event["type"].string_or("");
  if (std::ranges::find(kSendable, type) == kSendable.end()) {
    return bad_request("events: no such type, or not one that a client sends.");
  }
  if (initial && type != "user.message" && type != "user.define_outcome") {
    return bad_request("initial_events: only user.message and user.define_outcome.");
  }
  if (const auto member = required_member(type); member && !event.has(*member)) {
    return bad_request(fmt::format("events: {} needs {}.", type, *member));
  }
  if (type == "user.tool_confirmation") {
    const std::string result = event["result"].string_or("");
    if (result != "allow" && result != "deny") {
      return bad_request("events: result must be allow or deny.");
    }
  }
  const Value& thread = event["session_thread_id"];
  if (thread.is_null()) return std::nullopt;
  const auto known = std::ranges::find(session.threads, thread.string_or(""), &ThreadRecord::id);
  if (known == session.threads.end()) return not_found("thread", thread.string_or(""));
  return std::nullopt;
}

EventRecord& Platform::record(SessionRecord& session, std::string_view type, ValueMap fields,
                              Timestamp now) {
  const std::size_t most =
      profiles_.has("long_session") ? kEventsPerLongSessionMax : kEventsPerSessionMax;
  if (session.events.size() >= most) session.events.erase(session.events.begin());
  session.events.push_back({.id = make_id("sevt_"),
                            .seq = ++seq_,
                            .type = std::string(type),
                            .processed_at = now,
                            .created_at = now,
                            .fields = std::move(fields)});
  return session.events.back();
}

void Platform::take_event(SessionRecord& session, const Value& event, Timestamp now) {
  ValueMap fields = event.as_map();
  fields.erase("type");
  const std::string type = event["type"].as_string();
  const bool interrupt = type == "user.interrupt";
  if (interrupt) fields.emplace("session_thread_id", Value());
  EventRecord& taken = record(session, type, std::move(fields), now);
  if (interrupt) {
    taken.processed_at.reset();
    set_timer(now + kInterruptLatency,
              {.kind = Timer::Kind::interrupt, .id = session.id, .detail = taken.id});
  } else if (type == "user.message" || type == "user.tool_confirmation") {
    start_work(session, now);
  }
}

/// An interrupt ends as a normal end of turn and does not stick: whatever comes next may start the
/// session again.
void Platform::finish_interrupt(SessionRecord& session, std::string_view event_id, Timestamp now) {
  std::string thread_id;
  const auto event = std::ranges::find(session.events, event_id, &EventRecord::id);
  if (event != session.events.end()) {
    event->processed_at = now;
    const auto thread = event->fields.find("session_thread_id");
    if (thread != event->fields.end()) thread_id = thread->second.string_or("");
  }
  const bool was_running = session.status() == RunStatus::running;
  stop_work(session, thread_id, now);
  // Profile session_restarts: a queued message starts it once by itself; archive_session has the
  // other restart.
  if (was_running && session.restarts_left > 1) {
    set_timer(now + kRestartDelay, {.kind = Timer::Kind::session_restart, .id = session.id});
  }
}

void Platform::restart(SessionRecord& session, Timestamp now) {
  if (session.restarts_left == 0 || session.status() == RunStatus::running) return;
  --session.restarts_left;
  const Value text = Value::map({{"type", "text"}, {"text", "Go on."}});
  take_event(session, Value::map({{"type", "user.message"}, {"content", Value::list({text})}}),
             now);
}

Answer Platform::send_events(const Call& call) {
  constexpr std::array<std::string_view, 1> kMembers = {"events"};
  SessionRecord* session = find(sessions_, call.id(0));
  if (session == nullptr) return not_found("session", call.id(0));
  if (auto refused = check_members(call.body, kMembers)) return *std::move(refused);
  if (session->archived_at) return conflict("The session is archived and takes no events.");
  const ValueList& events = call.body["events"].list_or_empty();
  if (events.empty() || events.size() > kEventsPerSendMax) return bad_request("events: 1 to 50.");
  for (const Value& event : events) {
    if (auto refused = check_event(*session, event, false)) return *std::move(refused);
  }
  ValueList echo;
  for (const Value& event : events) {
    const std::uint64_t before = seq_;
    take_event(*session, event, call.now);
    const auto taken = std::ranges::find_if(
        session->events, [&](const EventRecord& one) { return one.seq > before; });
    if (taken != session->events.end()) echo.push_back(to_value(*taken));
  }
  return {.body = Value::map({{"data", Value(std::move(echo))}})};
}

Answer Platform::list_events(const Call& call) {
  const SessionRecord* session = find(sessions_, call.id(0));
  if (session == nullptr) return not_found("session", call.id(0));
  Range range;
  if (auto refused = read_range(call, range)) return *std::move(refused);
  const auto types = call.params("types");
  std::vector<const EventRecord*> all;
  for (const EventRecord& event : session->events) {
    const bool wanted = types.empty() || std::ranges::find(types, event.type) != types.end();
    if (wanted && range.contains(event.processed_at.value_or(event.created_at))) {
      all.push_back(&event);
    }
  }
  return page_of(call, kEventPages, all, range, list_is_cut(),
                 [](const EventRecord& event) { return to_value(event); });
}

/// Those that name it; the primary thread's name none.
Answer Platform::list_thread_events(const Call& call) {
  const Answer thread = get_thread(call);
  if (thread.status != 200) return thread;
  std::vector<const EventRecord*> all;
  const SessionRecord& session = sessions_.find(call.id(0))->second;
  const bool is_primary = session.threads.front().id == call.id(1);
  for (const EventRecord& event : session.events) {
    const auto named = event.fields.find("session_thread_id");
    const bool names_none = named == event.fields.end() || named->second.is_null();
    if (names_none ? is_primary : named->second.string_or("") == call.id(1)) all.push_back(&event);
  }
  PageRule rule = kEventPages;
  rule.ordered = false;
  return page_of(call, rule, all, {}, list_is_cut(),
                 [](const EventRecord& event) { return to_value(event); });
}

/// Only events from now on: there is no replay (API sheet section 0.4).
Answer Platform::stream_events(const Call& call) {
  const SessionRecord* session = find(sessions_, call.id(0));
  if (session == nullptr) return not_found("session", call.id(0));
  return {.stream = EventStream{.session_id = session->id, .seq = seq_}};
}

Answer Platform::stream_thread(const Call& call) {
  const Answer thread = get_thread(call);
  if (thread.status != 200) return thread;
  return {.stream = EventStream{.session_id = call.id(0), .thread_id = call.id(1), .seq = seq_}};
}

StreamPart Platform::follow(EventStream& stream) const {
  const auto found = sessions_.find(stream.session_id);
  if (found == sessions_.end()) return {.ended = true};
  const SessionRecord& session = found->second;
  StreamPart part;
  const auto first = std::ranges::upper_bound(session.events, stream.seq, {}, &EventRecord::seq);
  for (auto event = first; event != session.events.end(); ++event) {
    part.text += fmt::format("event: {}\ndata: {}\n\n", event->type, to_json(to_value(*event)));
    stream.seq = event->seq;
  }
  const auto thread = std::ranges::find(session.threads, stream.thread_id, &ThreadRecord::id);
  part.ended = session.archived_at.has_value() ||
               (thread != session.threads.end() && thread->archived_at.has_value());
  return part;
}

Answer Platform::list_threads(const Call& call) {
  const SessionRecord* session = find(sessions_, call.id(0));
  if (session == nullptr) return not_found("session", call.id(0));
  std::vector<RunStatus> statuses;
  for (const std::string_view text : call.params("statuses")) {
    const auto status = run_status_from_string(text);
    if (!status) return bad_request("statuses: no such status.");
    statuses.push_back(*status);
  }
  std::vector<const ThreadRecord*> all;
  for (const ThreadRecord& thread : session->threads) {
    const RunStatus status = thread.archived_at ? RunStatus::terminated : thread.status;
    if (statuses.empty() || std::ranges::find(statuses, status) != statuses.end()) {
      all.push_back(&thread);
    }
  }
  return page_of(call, kThreadPages, all, {}, list_is_cut(),
                 [&](const ThreadRecord& thread) { return to_value(thread, *session); });
}

Answer Platform::get_thread(const Call& call) {
  const SessionRecord* session = find(sessions_, call.id(0));
  if (session == nullptr) return not_found("session", call.id(0));
  const auto thread = std::ranges::find(session->threads, call.id(1), &ThreadRecord::id);
  if (thread == session->threads.end()) return not_found("thread", call.id(1));
  return {.body = to_value(*thread, *session)};
}

Answer Platform::archive_thread(const Call& call) {
  SessionRecord* session = find(sessions_, call.id(0));
  if (session == nullptr) return not_found("session", call.id(0));
  const auto thread = std::ranges::find(session->threads, call.id(1), &ThreadRecord::id);
  if (thread == session->threads.end()) return not_found("thread", call.id(1));
  if (thread->archived_at) {
    return archive_again("thread").value_or(Answer{.body = to_value(*thread, *session)});
  }
  if (thread->status != RunStatus::idle) return session_must_stop(*session, "cut");
  thread->archived_at = call.now;
  thread->updated_at = call.now;
  return {.body = to_value(*thread, *session)};
}

}  // namespace quell::range
