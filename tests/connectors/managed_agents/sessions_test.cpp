// Stopping a session although an interrupt is not sticky (API sheet 2.5).
#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/connectors/managed_agents/script.h"

namespace quell::test {
namespace {

const std::string kGet = "GET /v1/sessions/sesn_1";
const std::string kInterrupt = "POST /v1/sessions/sesn_1/events";
const std::string kArchive = "POST /v1/sessions/sesn_1/archive";

Value id() { return Value::map({{"session_id", "sesn_1"}}); }

std::string reads(const std::string& status) { return session_json({.status = status}); }
std::string archived() { return session_json({.status = "terminated", .archived = true}); }

using Lines = std::vector<std::string>;

/// A session with a life of its own: archive is refused while it runs, and it starts again
/// `restarts` times right after an interrupt made it idle.
struct Life {
  std::string status = "running";
  bool is_archived = false;
  int restarts = 0;
  int refusal = 400;
  int looks_until_idle = 0;  // after an interrupt
  int looks_left = 0;

  void furnish(Script& script) {
    script.on(kGet, [this]() -> Result<HttpResponse> {
      if (looks_left > 0 && --looks_left == 0) status = "idle";
      return HttpResponse(200, session_json({.status = is_archived ? "terminated" : status,
                                             .archived = is_archived}));
    });
    script.on(kInterrupt, [this]() -> Result<HttpResponse> {
      if (is_archived) return HttpResponse(refusal, error_json("invalid_request_error"));
      if (looks_until_idle == 0) status = "idle";
      looks_left = looks_until_idle;
      return HttpResponse(200, R"({"data":[]})");
    });
    script.on(kArchive, [this]() -> Result<HttpResponse> {
      if (restarts > 0 && status == "idle") {
        --restarts;
        status = "running";
      }
      if (status == "running" || status == "rescheduling") {
        return HttpResponse(refusal, error_json("invalid_request_error"));
      }
      is_archived = true;
      return HttpResponse(200, "{}");
    });
  }
};

}  // namespace

// Goal: a running session is interrupted, seen idle, archived and read back; an idle one is only
// archived.
// Method: the exact requests.
TEST_CASE("a session is stopped in as few requests as its state allows") {
  Script running;
  Life busy;
  busy.furnish(running);
  const Result<Outcome> outcome = run(running, "stop_session", id());
  CHECK(result_of(outcome) == "done");
  CHECK(outcome->outputs["interrupts"].as_int() == 1);
  CHECK(outcome->outputs["archived_at"].is_timestamp());
  CHECK(running.lines() == Lines{kGet, kInterrupt, kGet, kArchive, kGet});
  CHECK(running.waited() == Duration{0});

  Script idle;
  Life quiet;
  quiet.status = "idle";
  quiet.furnish(idle);
  CHECK(result_of(run(idle, "stop_session", id())) == "done");
  CHECK(idle.lines() == Lines{kGet, kArchive, kGet});
}

// Goal: what is stopped already is left alone, also when only the look asks.
// Method: terminated by an error, and archived; act and look.
TEST_CASE("a stopped session is already so") {
  for (const std::string& record :
       {reads("terminated"), archived(), session_json({.status = "idle", .archived = true})}) {
    for (const Intent intent : {Intent::act, Intent::look}) {
      Script script;
      script.on(kGet, record);
      CHECK(result_of(run(script, "stop_session", id(), intent)) == "already");
      CHECK(script.lines() == Lines{kGet});
    }
  }
}

// Goal: a session that takes its time is waited for with growing pauses, not hammered.
// Method: it turns idle at the fourth look.
TEST_CASE("stop_session waits until the interrupt has worked") {
  Script script;
  Life life;
  life.looks_until_idle = 4;
  life.furnish(script);
  CHECK(result_of(run(script, "stop_session", id())) == "done");
  CHECK(script.acts() == Lines{kInterrupt, kArchive});
  CHECK(script.waited() == Duration{250 + 500 + 1000});
}

// Goal: a session that somebody starts again is interrupted again, and archived in the end.
// Method: it restarts before the archive twice; either undocumented status of the refusal.
TEST_CASE("a session that restarts is interrupted again") {
  for (const int refusal : {400, 409}) {
    CAPTURE(refusal);
    Script script;
    Life life;
    life.restarts = 2;
    life.refusal = refusal;
    life.furnish(script);
    const Result<Outcome> outcome = run(script, "stop_session", id());
    REQUIRE(result_of(outcome) == "done");
    CHECK(outcome->outputs["interrupts"].as_int() == 3);
    CHECK(script.waited() == Duration{500 + 1000});
  }
}

// Goal: the effort is bounded, and the error says what keeps it alive.
// Method: it restarts for ever; or never leaves `running`.
TEST_CASE("a session that never stops ends in a conflict") {
  Script restarting;
  Life life;
  life.restarts = 1000;
  life.furnish(restarting);
  Result<Outcome> outcome = run(restarting, "stop_session", id());
  CHECK(result_of(outcome) == "conflict");
  CHECK(outcome.error().message == "sesn_1 is running after 5 interrupts.");
  CHECK(std::ranges::count(restarting.lines(), kInterrupt) == 5);

  Script deaf;
  deaf.on(kGet, reads("running")).on(kInterrupt, "{}");
  outcome = run(deaf, "stop_session", id());
  CHECK(result_of(outcome) == "conflict");
  CHECK(deaf.acts() == Lines(5, kInterrupt));
  CHECK(deaf.waited() < Duration{90'000});
}

// Goal: `rescheduling` is handled although its rules are not documented.
// Method: a server that refuses everything until it has passed, and one that takes the archive.
TEST_CASE("a rescheduling session is stopped either way") {
  Script refuses;
  for (int look = 0; look < 3; ++look) refuses.on(kGet, reads("rescheduling"));
  refuses.on(kGet, reads("idle")).on(kGet, archived());
  refuses.on(kInterrupt, 400, error_json("invalid_request_error")).on(kArchive, "{}");
  CHECK(result_of(run(refuses, "stop_session", id())) == "done");
  CHECK(refuses.acts() == Lines{kInterrupt, kArchive});

  Script takes;
  for (int look = 0; look < 9; ++look) takes.on(kGet, reads("rescheduling"));
  takes.on(kGet, archived()).on(kInterrupt, "{}").on(kArchive, "{}");
  CHECK(result_of(run(takes, "stop_session", id())) == "done");
  CHECK(takes.acts() == Lines{kInterrupt, kArchive});
}

// Goal: lost answers are doubt, and the look says what is true.
// Method: the line breaks at the interrupt, at the archive, and at each reading after them.
TEST_CASE("doubt in stop_session is named and settled by a look") {
  Script interrupt;
  interrupt.on(kGet, reads("running")).fails(kInterrupt, ErrorCode::unknown);
  CHECK(result_of(run(interrupt, "stop_session", id())) == "unknown");
  Script archive;
  archive.on(kGet, reads("idle")).fails(kArchive, ErrorCode::unknown);
  CHECK(result_of(run(archive, "stop_session", id())) == "unknown");
  Script nothing_left;
  nothing_left.on(kGet, reads("idle")).fails(kArchive, ErrorCode::transient);
  CHECK(result_of(run(nothing_left, "stop_session", id())) == "transient");
  Script blind;
  blind.on(kGet, reads("idle")).on(kArchive, "{}").fails(kGet, ErrorCode::transient);
  CHECK(result_of(run(blind, "stop_session", id())) == "unknown");
  Script blind_earlier;
  blind_earlier.on(kGet, reads("running")).on(kInterrupt, "{}");
  blind_earlier.fails(kGet, ErrorCode::transient);
  CHECK(result_of(run(blind_earlier, "stop_session", id())) == "unknown");
  Script lying;
  lying.on(kGet, reads("idle")).on(kArchive, "{}");
  CHECK(result_of(run(lying, "stop_session", id())) == "unknown");

  for (const std::string status : {"running", "idle", "rescheduling"}) {
    Script look;
    look.on(kGet, reads(status));
    CHECK(result_of(run(look, "stop_session", id(), Intent::look)) == "conflict");
  }
}

// Goal: a refused archive of an idle session is what it is; one that somebody else made is fine.
// Method: each status with the session unchanged, then with it archived meanwhile.
TEST_CASE("refused archives of idle sessions") {
  for (const Refusal& row : std::vector<Refusal>{{400, "invalid"},
                                                 {409, "conflict"},
                                                 {404, "unavailable_here"},
                                                 {403, "denied"},
                                                 {401, "denied"},
                                                 {429, "throttled"},
                                                 {500, "unknown"},
                                                 {405, "unavailable_here"}}) {
    const int status = row.status;
    const std::string& expected = row.expected;
    CAPTURE(status);
    Script script;
    script.on(kGet, reads("idle")).on(kArchive, status, error_json("x"));
    CHECK(result_of(run(script, "stop_session", id())) == expected);
    CHECK(script.acts().size() == 1);
  }
  Script meanwhile;
  meanwhile.on(kGet, reads("idle")).on(kGet, archived());
  meanwhile.on(kArchive, 409, error_json("invalid_request_error"));
  CHECK(result_of(run(meanwhile, "stop_session", id())) == "already");
  Script no_events;
  no_events.on(kGet, reads("running"));
  CHECK(result_of(run(no_events, "stop_session", id())) == "unavailable_here");
  Script gone;
  CHECK(result_of(run(gone, "stop_session", id())) == "gone");
  CHECK(gone.acts().empty());
}

// Goal: a session that ends by itself after the interrupt needs no archive.
// Method: it reads terminated.
TEST_CASE("a session that terminates meanwhile is done") {
  Script script;
  script.on(kGet, reads("running")).on(kGet, reads("terminated")).on(kInterrupt, "{}");
  CHECK(result_of(run(script, "stop_session", id())) == "done");
  CHECK(script.acts() == Lines{kInterrupt});
}

}  // namespace quell::test
