#include "orchestrator/drill/drill_desk.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "orchestrator/api/problem.h"
#include "orchestrator/drill/scenario.h"
#include "state/base/bytes.h"

namespace quell {
namespace {

constexpr std::size_t kKeptMax = 8;
constexpr std::size_t kIdBytes = 6;
constexpr std::int64_t kSeedDefault = 7;
constexpr std::size_t kTeamBytesMax = 60;

HttpReply ask_drill(DrillDesk& desk, const ApiCall& call) {
  const std::int64_t seed = call.body["seed"].int_or(kSeedDefault);
  if (seed < 0) {
    return problem_reply(make_error(ErrorCode::invalid, "bad-input", "seed is negative.",
                                    "leave it out, or give a whole number from 0"));
  }
  const Result<std::string> id = desk.ask({.scenario = call.body["scenario"].string_or(""),
                                           .seed = static_cast<std::uint64_t>(seed),
                                           .team = call.body["team"].string_or("")});
  if (!id) return problem_reply(id.error());
  return json_reply(200, Value::map({{"id", *id}, {"location", "/api/v1/drills/plays/" + *id}}));
}

HttpReply show_play(const DrillDesk& desk, const ApiCall& call) {
  const std::optional<Value> found = desk.find(call.path_or("play"));
  if (found) return json_reply(200, *found);
  return problem_reply(make_error(ErrorCode::gone, "drill", "there is no such play.",
                                  "the last eight are kept; GET /api/v1/drills has all scores"));
}

}  // namespace

Status check_team(const std::string& team) {
  if (team.size() <= kTeamBytesMax && escape_untrusted(team) == team) return ok();
  return make_error(ErrorCode::invalid, "bad-input",
                    "a team's name has at most 60 bytes and no control characters.",
                    "quell help drill");
}

DrillDesk::DrillDesk(Random& random, Play play) : random_(random), play_(std::move(play)) {}

DrillDesk::~DrillDesk() {
  stops_ = true;
  if (worker_.joinable()) worker_.join();
}

Result<std::string> DrillDesk::ask(const DrillWish& wish) {
  if (Status named = check_team(wish.team); !named) return named.error();
  // An id of ours alone: find_scenario() would read any file of a path.
  const auto& shipped = shipped_scenarios();
  const bool is_shipped = std::any_of(shipped.begin(), shipped.end(), [&](const auto& one) {
    return one.first == wish.scenario + ".yaml";
  });
  if (!is_shipped) {
    return make_error(ErrorCode::invalid, "drill", "no scenario of that id comes with quell.",
                      "quell drill list");
  }
  const std::lock_guard lock(mutex_);
  if (!played_.empty() && !played_.front().outcome) {
    return make_error(ErrorCode::conflict, "drill",
                      "a drill is being played: " + played_.front().wish.scenario + ".",
                      "ask again when it is over");
  }
  if (worker_.joinable()) worker_.join();  // it has told its outcome and ends
  std::string id = random_.hex(kIdBytes);
  played_.push_front({.id = id, .wish = wish});
  if (played_.size() > kKeptMax) played_.pop_back();
  // Signals are the main thread's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  worker_ = std::thread([this, id, wish] { play(id, wish); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return id;
}

void DrillDesk::play(const std::string& id, const DrillWish& wish) {
  Result<Value> outcome = play_(wish, [this] { return stops_.load(); });
  const std::lock_guard lock(mutex_);
  const auto place = std::find_if(played_.begin(), played_.end(),
                                  [&id](const Played& played) { return played.id == id; });
  if (place != played_.end()) place->outcome = std::move(outcome);
}

std::optional<Value> DrillDesk::find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto place = std::find_if(played_.begin(), played_.end(),
                                  [&id](const Played& played) { return played.id == id; });
  if (place == played_.end()) return std::nullopt;
  const std::optional<Result<Value>>& outcome = place->outcome;
  const bool is_ready = outcome && outcome->has_value();
  ValueMap document{{"id", id},
                    {"scenario", place->wish.scenario},
                    {"seed", place->wish.seed},
                    {"team", place->wish.team},
                    {"state", !outcome ? "computing" : is_ready ? "ready" : "failed"}};
  if (is_ready) document["drill"] = **outcome;
  if (outcome && !is_ready) {
    const Error& error = outcome->error();
    document["error"] = Value::map({{"detail", describe(error)},
                                    {"type", error.topic},
                                    {"class", to_string(error.code)},
                                    {"hint", error.hint}});
  }
  return Value(std::move(document));
}

std::vector<ApiRoute> drill_desk_routes(DrillDesk& desk) {
  return {{.method = "POST",
           .path = "/api/v1/drills",
           .operation = "playDrill",
           .summary = "Play a scenario that comes with quell on the simulated range; nothing leaves "
                      "the machine",
           .right = Right::act,
           .body = {{.name = "scenario", .about = "Its id, as in quell drill list", .required = true},
                    {.name = "seed",
                     .about = "World and people are the same for the same seed (7)",
                     .kind = ApiField::Kind::integer},
                    {.name = "team", .about = "Who practises", .bytes_max = kTeamBytesMax}},
           .answer = "`id`, and `location` where the outcome will be; one at a time, else 409",
           .handle = [&desk](const ApiCall& call) { return ask_drill(desk, call); }},
          {.method = "GET",
           .path = "/api/v1/drills/plays/{play}",
           .operation = "getPlay",
           .summary = "A drill that somebody asked for; the last eight are kept",
           .right = Right::act,
           .answer = "`state` computing, failed with `error`, or ready with `drill`, the document of "
                     "quell drill --json",
           .handle = [&desk](const ApiCall& call) { return show_play(desk, call); }}};
}

}  // namespace quell
