// What becomes of verified alerts: a run, the run that is there already, or the inbox.
#include "orchestrator/alerts/desk.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "orchestrator/alerts/alert_record.h"
#include "state/base/bytes.h"
#include "state/base/json.h"
#include "state/base/sha256.h"
#include "tests/orchestrator/engine/bench_world.h"

namespace quell::test {
namespace {

constexpr std::string_view kKillOne = R"(quell: 1
id: kill-all
title: Kill one
purpose: One thing dies.
inputs:
  thing: {type: string, required: true}
  page: {type: url}
  pages: {type: list, of: url}
  token: {type: secret}
settings: {lock: "${inputs.thing}"}
steps:
  - id: kill
    use: vendor.kill_thing
    with: {id: "${inputs.thing}"}
    plane: holder
    kills: [refresh]
    irreversible: true
    verify: [{probe: vendor.thing_is_dead, with: {id: "${inputs.thing}"}}]
)";

/// The index over a journal in memory.
class JournalIndex final : public AlertIndex {
 public:
  explicit JournalIndex(MemoryJournal& journal) : journal_(journal) {}
  Result<std::optional<std::uint64_t>> find(std::string_view key, Timestamp now) override {
    for (const StoredEntry& stored : journal_.read_all()) {
      const std::optional<AlertKey> known = alert_key_of(stored.entry);
      if (stored.entry.kind == EntryKind::alert_received && known && known->bytes == key &&
          now <= known->expires) {
        return std::optional<std::uint64_t>(stored.seq);
      }
    }
    return std::optional<std::uint64_t>();
  }

 private:
  MemoryJournal& journal_;
};

Route route(RouteMode mode) {
  Route made;
  const auto input = [&made](const char* name, const char* source) {
    made.inputs.emplace_back(name, std::get<Template>(Template::parse(source)));
  };
  input("thing", "${alert.body.thing}");
  input("page", "${alert.body.page}");
  input("token", "${alert.body.token}");
  made.playbook = "kill-all";
  made.mode = mode;
  return made;
}

struct Desk {
  Bench bench{};
  ProcessRun process{bench.journal, bench.secrets, bench.vendor, bench.clock, vendor_connectors()};
  JournalIndex index{bench.journal};
  std::shared_ptr<const Playbook> playbook =
      playbook_from(std::string(kKillOne), process.connectors);
  bool disarmed = false;
  AlertSource source = preset_of(SourceKind::standard_webhooks);
  std::vector<Route> routes{};

  Desk() { source.name = "anthropic"; }

  std::unique_ptr<AlertJudge> judge{};

  AlertDesk desk() {
    judge = std::make_unique<AlertJudge>(AlertJudge::Parts{
        .routes = routes,
        .find_playbook = [this](std::string_view) -> Result<std::shared_ptr<const Playbook>> {
          return playbook;
        },
        .digest_of = [](const Route&, const Playbook& known) { return known.sha256; },
        .fingerprint = [this](const Secret& secret) { return bench.secrets.fingerprint(secret); },
        .known_urls = {"https://mcp.example.com/mcp"}});
    return AlertDesk({.engine = process.engine,
                      .journal = bench.journal,
                      .index = index,
                      .secrets = bench.secrets,
                      .clock = bench.clock,
                      .judge = *judge,
                      .is_disarmed = [this] { return disarmed; }});
  }
  static VerifiedDelivery delivery(const std::string& key, const std::string& thing) {
    VerifiedDelivery made;
    made.alerts.push_back(
        {.replay_key = sha256(key),
         .body = Value::map({{"thing", thing}, {"page", Value()}, {"token", Value()}})});
    return made;
  }
  FiledAlert file(const std::string& key, const std::string& thing) {
    return file(delivery(key, thing));
  }
  FiledAlert file(const VerifiedDelivery& given) {
    AlertDesk one = desk();
    const auto filed = one.file(source, given);
    REQUIRE(filed);
    turn_for(process.engine, bench.clock, Duration{1'000});
    return filed->front();
  }
  const RunState& run(const FiledAlert& filed) { return *process.engine.find(*filed.run); }
};

}  // namespace

TEST_CASE("a route that plans begins a run that waits for a person") {
  Desk desk;
  desk.routes.push_back(route(RouteMode::plan));
  const FiledAlert filed = desk.file("1", "a");
  REQUIRE(filed.run);
  CHECK(filed.id.size() == 13);
  CHECK(desk.run(filed).proposed);
  CHECK(desk.run(filed).who == "alert:anthropic");
  CHECK(desk.bench.vendor.kill_requests == 0);
  CHECK(pending_approval(desk.run(filed)) != nullptr);
}

// Goal: one leak is one run, however often and by whom it is told.
TEST_CASE("an alert that comes again does nothing, and another of the same thing joins") {
  Desk desk;
  desk.routes.push_back(route(RouteMode::plan));
  const FiledAlert first = desk.file("1", "a");
  CHECK(desk.file("1", "a").repeated);
  const FiledAlert other = desk.file("2", "a");
  CHECK(other.joined);
  CHECK(other.run == first.run);
  CHECK(desk.process.engine.runs().size() == 1);
  CHECK(desk.file("3", "b").run != first.run);
  SUBCASE("within one turn, before anything is durable") {
    AlertDesk one = desk.desk();
    CHECK_FALSE(one.file(desk.source, Desk::delivery("4", "c"))->front().repeated);
    CHECK(one.file(desk.source, Desk::delivery("4", "c"))->front().repeated);
  }
  SUBCASE("until it expires") {
    turn_for(desk.process.engine, desk.bench.clock, std::chrono::hours{24 * 8});
    CHECK_FALSE(desk.file("1", "a").repeated);
  }
}

// Goal: who can speak as a source does not thereby command (threats T16, T17).
TEST_CASE("a run by itself needs a source that signs, an armed route, its scope and its playbook") {
  Desk desk;
  Route good = route(RouteMode::automatic);
  good.armed = true;
  good.irreversible = true;
  good.scope = {"a"};
  good.digest = desk.playbook->sha256.substr(0, 12);
  const auto filed = [&](Route one, const std::string& thing = "a") {
    desk.routes = {std::move(one)};
    return desk.file("x", thing);
  };
  SUBCASE("all of it") {
    const FiledAlert alert = filed(good);
    REQUIRE(alert.run);
    CHECK_FALSE(desk.run(alert).proposed);
    run_on(desk.process.engine, *alert.run, desk.bench.clock);
    CHECK(desk.run(alert).result == RunResult::contained);
  }
  SUBCASE("each missing") {
    std::string why;
    SUBCASE("armed") {
      good.armed = false;
      why = filed(good).why;
      CHECK(why == "the route is not armed");
    }
    SUBCASE("scope") {
      why = filed(good, "b").why;
      CHECK(why == "it lies outside the route's scope");
    }
    SUBCASE("digest") {
      good.digest = "0123456789ab";
      why = filed(good).why;
      CHECK(why == "the route is not what it was when it was armed");
    }
    SUBCASE("a kind that anybody could imitate") {
      desk.source = preset_of(SourceKind::bearer);
      desk.source.name = "siem";
      why = filed(good).why;
      CHECK(why == "a stranger could say what this kind of source says");
    }
    CHECK(desk.bench.vendor.kill_requests == 0);
    CHECK(desk.process.engine.runs().begin()->second.proposed);
  }
}

TEST_CASE("what no route takes lies in the inbox with the reason") {
  Desk desk;
  CHECK(desk.file("1", "a").why == "no route is configured");
  desk.routes.push_back(route(RouteMode::plan));
  VerifiedDelivery quiet = Desk::delivery("2", "a");
  quiet.alerts.front().quiet = "status";
  CHECK(desk.file(quiet).why == "it begins nothing by its status");
  desk.disarmed = true;
  CHECK(desk.file("3", "a").why == "automation is disarmed");
  CHECK(desk.process.engine.runs().empty());
  int written = 0;
  for (const StoredEntry& stored : desk.bench.journal.read_all())
    written += stored.entry.kind == EntryKind::alert_received ? 1 : 0;
  CHECK(written == 3);
}

// Goal: no socket is opened to where an alert points (threat T5).
TEST_CASE("a URL in an alert is taken only where the configuration names it") {
  Desk desk;
  desk.routes.push_back(route(RouteMode::plan));
  const auto with_page = [](const std::string& key, const std::string& page) {
    VerifiedDelivery made = Desk::delivery(key, "a");
    made.alerts.front().body = Value::map({{"thing", "a"}, {"page", page}, {"token", Value()}});
    return made;
  };
  CHECK(desk.file(with_page("1", "https://evil.example/")).why ==
        "input page is a URL that the configuration does not name");
  CHECK(desk.file(with_page("2", "https://mcp.example.com/mcp")).run);
  // The same through a list, and through a text that becomes one.
  desk.routes.front().inputs[1] = {"pages",
                                   std::get<Template>(Template::parse("${alert.body.page}"))};
  CHECK(desk.file(with_page("3", "https://mcp.example.com/mcp,https://evil.example/")).why ==
        "input pages is a URL that the configuration does not name");
}

// Goal: a leaked token is sealed and nowhere else.
TEST_CASE("a token in an alert becomes a sealed secret of its run") {
  Desk desk;
  desk.routes.push_back(route(RouteMode::plan));
  VerifiedDelivery made = Desk::delivery("1", "a");
  made.alerts.front().secrets.push_back(
      {.path = "token",
       .secret = std::make_shared<const Secret>(Secret::copy_of("qtok_canary_0123456789"))});
  const FiledAlert filed = desk.file(made);
  REQUIRE(filed.run);
  CHECK(desk.run(filed).inputs["token"].is_secret());
  for (const StoredEntry& stored : desk.bench.journal.read_all())
    CHECK(stored.bytes.find("canary") == std::string::npos);
  CHECK(is_secret(*desk.run(filed).inputs["token"].as_secret().secret, "qtok_canary_0123456789"));
}

// Goal: what an alert calls a secret is sealed as it stands, and nothing in it is looked up (threat
// T4); the record keeps neither it nor anything else of its shape.
TEST_CASE("a text that a route maps to a secret input becomes a sealed literal") {
  Desk desk;
  desk.routes.push_back(route(RouteMode::plan));
  for (const std::string literal : {"secret://env/ANTHROPIC_API_KEY", "secret://file/etc/passwd",
                                    "${inputs.thing}", "plain-canary-0123456789", "short"}) {
    CAPTURE(literal);
    VerifiedDelivery made = Desk::delivery(literal, literal + "-thing");
    made.alerts.front().body =
        Value::map({{"thing", literal.substr(0, 1)},
                    {"page", Value()},
                    {"token", literal},
                    {"text", "seen: ghp_0123456789abcdefghijABCDEFGHIJ012345"}});
    const FiledAlert filed = desk.file(made);
    REQUIRE(filed.run);
    const Value& token = desk.run(filed).inputs["token"];
    if (!filed.joined) {
      REQUIRE(token.is_secret());
      CHECK(is_secret(*token.as_secret().secret, literal));
    }
    for (const StoredEntry& stored : desk.bench.journal.read_all()) {
      if (stored.entry.kind != EntryKind::alert_received) continue;
      CHECK(stored.entry.body["body"]["token"].string_or("") != literal);
      CHECK(stored.bytes.find("ghp_0123") == std::string::npos);
    }
  }
}

// Goal: whoever squats on a thing by an alert that waits for people does not hold up the one that
// may act by itself (threat T20).
TEST_CASE("a run by itself does not join a proposal") {
  Desk desk;
  desk.routes.push_back(route(RouteMode::plan));
  const FiledAlert squat = desk.file("1", "a");
  Route armed = route(RouteMode::automatic);
  armed.armed = true;
  armed.irreversible = true;
  armed.scope = {"a"};
  armed.digest = desk.playbook->sha256;
  desk.routes = {armed};
  const FiledAlert real = desk.file("2", "a");
  REQUIRE(real.run);
  CHECK(real.run != squat.run);
  run_on(desk.process.engine, *real.run, desk.bench.clock);
  CHECK(desk.run(real).result == RunResult::contained);
  CHECK_FALSE(desk.run(squat).finished());
}

TEST_CASE("a route that rehearses begins a dry run, and nobody is asked") {
  Desk desk;
  desk.routes.push_back(route(RouteMode::dry_run));
  const FiledAlert filed = desk.file("1", "a");
  REQUIRE(filed.run);
  run_on(desk.process.engine, *filed.run, desk.bench.clock);
  CHECK(desk.run(filed).result == RunResult::rehearsed);
  CHECK(desk.bench.vendor.kill_requests == 0);
}

// Goal: a person can take up what no route took, and looks at the plan before anything happens.
TEST_CASE("an alert of the inbox is replayed as a proposal, or dismissed with a reason") {
  Desk desk;
  desk.file("1", "a");
  const auto records = [&] { return *read_alert_records(desk.bench.journal); };
  REQUIRE(records().size() == 1);
  CHECK(records().front().is_open());
  const AlertRecord before = records().front();
  Route armed = route(RouteMode::automatic);
  armed.armed = true;
  armed.scope = {"a"};
  armed.digest = desk.playbook->sha256;
  desk.routes = {armed};
  const std::vector<AlertSource> sources{desk.source};
  AlertDesk one = desk.desk();
  const auto obey = [&](AlertCommand command) {
    const Result<FiledAlert> filed = one.obey(command, sources);
    turn_for(desk.process.engine, desk.bench.clock, Duration{1'000});
    return filed;
  };
  AlertCommand command{.id = before.id, .seq = before.seq, .who = "mara"};
  SUBCASE("replayed") {
    const Result<FiledAlert> filed = obey(command);
    REQUIRE(filed);
    REQUIRE(filed->run);
    CHECK(desk.run(*filed).proposed);
    CHECK_FALSE(records().front().is_open());
    CHECK(records().front().received == before.received);
  }
  SUBCASE("dismissed") {
    command.kind = AlertCommand::Kind::dismiss;
    command.reason = "a test key";
    REQUIRE(obey(command));
    CHECK(records().front().dismissed_by == "mara");
    CHECK(records().front().dismissed_why == "a test key");
    CHECK(desk.process.engine.runs().empty());
  }
  SUBCASE("another entry's number, or another alert's id") {
    command.id = "a000000000000";
    CHECK(obey(command).error().code == ErrorCode::gone);
    command.id = before.id;
    command.seq = before.seq + 100;
    CHECK(obey(command).error().code == ErrorCode::gone);
  }
}

// Goal: a proposal of the night is still there in the morning, whatever the playbook gives people
// who sit before it.
TEST_CASE("a proposal waits a day, and its run's time begins with the first yes") {
  Desk desk;
  desk.playbook =
      playbook_from(std::string(kKillOne).replace(std::string(kKillOne).find("settings: {"), 11,
                                                  "settings: {run_timeout: 4h, "),
                    desk.process.connectors);
  desk.routes.push_back(route(RouteMode::plan));
  const FiledAlert filed = desk.file("1", "a");
  turn_for(desk.process.engine, desk.bench.clock, std::chrono::hours{20});
  CHECK_FALSE(desk.run(filed).finished());
  turn_for(desk.process.engine, desk.bench.clock, std::chrono::hours{5});
  CHECK(desk.run(filed).result == RunResult::aborted);
}

// Goal: a flood of proposals does not bury people (threat T18).
TEST_CASE("twenty proposals of one source may wait, the next lie in the inbox") {
  Desk desk;
  desk.routes.push_back(route(RouteMode::plan));
  for (int i = 0; i < 20; ++i) {
    const std::string name = "thing" + std::to_string(i);
    CHECK(desk.file(name, name).run);
  }
  CHECK(desk.file("21", "thing21").why == "twenty runs of this source wait already");
}

}  // namespace quell::test
