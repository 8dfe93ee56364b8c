// Stopping a session (API sheet 2.5): archive is refused while it runs, an interrupt is not sticky,
// and what refuses with which status is not documented. So: interrupt, wait until it does not run,
// archive, read back, and begin again where somebody started it meanwhile.
#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "connectors/managed_agents/calls.h"
#include "connectors/managed_agents/records.h"

namespace quell::managed_agents {
namespace {

/// Interrupts sent before the session counts as being restarted by someone.
constexpr int kInterruptsMax = 5;
/// Looks per interrupt until it no longer runs.
constexpr int kLooksPerInterrupt = 8;
constexpr Duration kFirstWait{250};
constexpr Duration kWaitMax{2'000};
/// Between a refused archive and the next interrupt; doubles each time.
constexpr Duration kFirstPause{500};
constexpr Duration kPauseMax{8'000};

constexpr std::string_view kInterrupt = R"({"events":[{"type":"user.interrupt"}]})";

Task<Result<Session>> fetch_session(Io& io, Api api, std::string session_id) {
  Subject subject = session_subject(session_id);
  const Result<Value> object = co_await fetch(io, api, std::move(subject));
  if (!object) co_return object.error();
  co_return Session::read(*object);
}

/// Looks until the session is no longer running or rescheduling, or the looks are used up.
Task<Result<Session>> settle(Io& io, Api api, std::string session_id) {
  Duration delay = kFirstWait;
  for (int look = 1;; ++look) {
    std::string id = session_id;
    Result<Session> session = co_await fetch_session(io, api, std::move(id));
    if (!session || !session->is_running() || look >= kLooksPerInterrupt) {
      co_return std::move(session);
    }
    co_await io.wait(delay);
    delay = std::min(delay * 2, kWaitMax);
  }
}

Outcome stopped(OutcomeKind kind, const Session& session, int interrupts) {
  Outcome out;
  out.kind = kind;
  out.outputs = Value::map({{"id", session.id},
                            {"status", session.status},
                            {"archived_at", time_or_null(session.archived_at)},
                            {"interrupts", interrupts}});
  return out;
}

/// A mutation of the session was sent; reading it back failed.
Error unseen(const std::string& session_id, Error cause) {
  return wrap_unknown(
      fmt::format("{} was told to stop, but could not be read back", outside_text(session_id)),
      std::move(cause));
}

/// What a POST came to: nothing when the session's own state must decide, else the final error.
Status weigh(const Api& api, const Result<HttpResponse>& answer, const Subject& subject,
             Timestamp now) {
  if (!answer) return api.unanswered(answer.error());
  if (answer->status >= 200 && answer->status <= 299) return ok();
  Error refused = refusal(api, *answer, Effect::mutate, subject, NotFound::object, now);
  // 400 and 409 are both seen for "it is running" and "it is archived" (API sheet 2.1, 8).
  if (is_final(refused.code)) return refused;
  return ok();
}

bool accepted(const Result<HttpResponse>& answer) {
  return answer && answer->status >= 200 && answer->status <= 299;
}

/// The session as the answer to its archive shows it, where that is its record and shows it
/// stopped.
std::optional<Session> shown_stopped(const Api& api, const Result<HttpResponse>& answer,
                                     const Subject& subject, Timestamp now) {
  const Result<Value> told = read_object(api, answer, subject, now);
  if (!told) return {};
  Result<Session> session = Session::read(*told);
  if (!session || session->id != subject.id || !session->is_stopped()) return {};
  return std::move(*session);
}

}  // namespace

ActionTask stop_session(Io& io, Api api, Value params, Intent intent) {
  const Result<std::string> named = id_param(params, "session_id");
  if (!named) co_return named.error();
  const Subject subject = session_subject(*named);
  std::string first = *named;
  Result<Session> session = co_await fetch_session(io, api, std::move(first));
  if (!session) co_return session.error();
  if (session->is_stopped()) co_return stopped(OutcomeKind::already, *session, 0);
  if (intent == Intent::look) {
    co_return make_error(ErrorCode::conflict, "conflict",
                         fmt::format("{} is {} and not archived: it was not stopped.",
                                     subject.words(), session->status),
                         {});
  }

  // From here on each session goes at its own pace.
  const Api alone = api.alone();
  int interrupts = 0;
  Duration pause = kFirstPause;
  while (true) {
    if (session->is_running()) {
      if (interrupts >= kInterruptsMax) {
        co_return make_error(
            ErrorCode::conflict, "conflict",
            fmt::format("{} is {} after {} interrupts.", subject.words(), session->status,
                        interrupts),
            "something starts it again: pause its deployment, or archive its vaults, then quell "
            "retry");
      }
      SecretText body{std::string(kInterrupt)};
      HttpRequest interrupt = api.post_json(subject.path + "/events", std::move(body));
      ++interrupts;
      const Result<HttpResponse> answer = co_await io.send(std::move(interrupt));
      const Status sent = weigh(api, answer, subject, io.now());
      if (!sent) co_return sent.error();
      std::string id = *named;
      session = co_await settle(io, alone, std::move(id));
      if (!session) co_return unseen(*named, session.error());
      if (session->is_stopped()) co_return stopped(OutcomeKind::done, *session, interrupts);
      if (session->is_running() && answer->status == 404) {
        Change change;
        change.subject = subject;
        change.verb = "interrupt";
        const Error refused =
            refusal(api, *answer, Effect::mutate, subject, NotFound::object, io.now());
        co_return settle_refusal(api, refused, answer->status, change, Reading{});
      }
      // Whether a rescheduling session takes an interrupt is not documented; an archive may end it.
      if (session->status == "running") continue;
    }

    HttpRequest archive = api.post(subject.path + "/archive");
    const Result<HttpResponse> answer = co_await io.send(std::move(archive));
    const Status sent = weigh(api, answer, subject, io.now());
    if (!sent) co_return sent.error();
    const std::optional<Session> told = shown_stopped(api, answer, subject, io.now());
    if (told) co_return stopped(OutcomeKind::done, *told, interrupts);
    std::string id = *named;
    session = co_await fetch_session(io, alone, std::move(id));
    if (!session) co_return unseen(*named, session.error());
    if (session->is_stopped()) {
      // Refused and yet stopped, without any interrupt of ours: somebody else was faster.
      const bool ours = accepted(answer) || interrupts > 0;
      co_return stopped(ours ? OutcomeKind::done : OutcomeKind::already, *session, interrupts);
    }
    if (!session->is_running()) {
      if (accepted(answer)) {
        co_return make_error(
            ErrorCode::unknown, "unknown",
            fmt::format("{} answered {} to the archive of {}, which reads back {}.", api.host(),
                        answer->status, subject.words(), session->status),
            "it is looked at again");
      }
      const Error refused =
          refusal(api, *answer, Effect::mutate, subject, NotFound::object, io.now());
      Change change;
      change.subject = subject;
      change.verb = "archive";
      co_return settle_refusal(api, refused, answer->status, change, Reading{});
    }
    // It runs again: somebody sent it a message between the look and the archive.
    co_await io.wait(pause);
    pause = std::min(pause * 2, kPauseMax);
  }
}

}  // namespace quell::managed_agents
