// When preflights are made, and what is kept of them.
#include "orchestrator/preflight_desk.h"

#include <filesystem>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "state/base/json.h"
#include "tests/support/temp_folder.h"

namespace quell::test {
namespace {

Timestamp at(const char* text) { return *parse_rfc3339(text); }

Value document_with(const std::string& time, const std::string& state) {
  return Value::map(
      {{"at", time},
       {"credentials",
        Value::list({Value::map({{"credential_id", "vcrd_1"},
                                 {"issuer", Value::map({{"state", state}})}})})}});
}

/// A desk whose preflights are told to it one by one.
struct Office {
  explicit Office(const std::string& file, std::vector<Result<Value>> answers,
                  std::optional<Duration> daily_at = {})
      : answers_(std::move(answers)) {
    desk.open({.clock = clock,
               .random = random,
               .file = file,
               .daily_at = daily_at,
               .make = [this](const std::function<bool()>&) { return answers_.at(made++); },
               .made = [this](const Value&, const std::vector<std::string>& worse) {
                 told.set_value(worse);
               },
               .failed = [this](const Error& why) { told.set_value({describe(why)}); }});
  }
  ~Office() { desk.close(); }
  std::vector<std::string> wait() {
    const std::vector<std::string> words = told.get_future().get();
    told = {};
    return words;
  }

  ManualClock clock{at("2031-03-04T05:00:00Z")};
  SystemRandom random{};
  std::promise<std::vector<std::string>> told{};
  std::size_t made = 0;
  PreflightDesk desk{};
  std::vector<Result<Value>> answers_;
};

}  // namespace

TEST_CASE("the daily one is due at its time of day, once, and at once where it was missed") {
  constexpr Duration kFour = std::chrono::hours{4};
  const Timestamp now = at("2031-03-04T12:00:00Z");
  CHECK(next_preflight({}, kFour, now) == now);
  CHECK(next_preflight(at("2031-03-04T03:59:00Z"), kFour, now) == at("2031-03-04T04:00:00Z"));
  CHECK(next_preflight(at("2031-03-04T04:00:00Z"), kFour, now) == at("2031-03-05T04:00:00Z"));
  CHECK(next_preflight(at("2031-03-01T04:00:01Z"), kFour, now) == at("2031-03-02T04:00:00Z"));
}

// Goal: the last preflight survives the process, and the next one is compared with it.
TEST_CASE("what was made is kept in a private file and known to the next desk") {
  const TempFolder folder;
  const std::string file = folder.path() + "/preflight.json";
  {
    Office office(file, {document_with("2031-03-04T05:00:00.000Z", "ready")});
    CHECK(office.desk.document()["state"].as_string() == "none");
    REQUIRE(office.desk.ask().has_value());
    CHECK(office.wait().empty());
    CHECK(office.desk.document()["state"].as_string() == "ready");
  }
  const auto mode = std::filesystem::status(file).permissions();
  CHECK((mode & std::filesystem::perms::mask) ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  Office office(file, {document_with("2031-03-04T06:00:00.000Z", "missing")});
  CHECK(office.desk.document()["preflight"]["at"].as_string() == "2031-03-04T05:00:00.000Z");
  REQUIRE(office.desk.ask().has_value());
  CHECK(office.wait() == std::vector<std::string>{"vcrd_1"});
}

TEST_CASE("a try that failed says why and leaves the last one standing") {
  const TempFolder folder;
  Office office(folder.path() + "/preflight.json",
                {document_with("2031-03-04T05:00:00.000Z", "ready"),
                 make_error(ErrorCode::denied, "denied", "the key was refused.", "set another")});
  REQUIRE(office.desk.ask().has_value());
  CHECK(office.wait().empty());
  REQUIRE(office.desk.ask().has_value());
  CHECK(office.wait() == std::vector<std::string>{"the key was refused."});
  const Value document = office.desk.document();
  CHECK(document["state"].as_string() == "failed");
  CHECK(document["error"]["hint"].as_string() == "set another");
  CHECK(document["preflight"]["at"].as_string() == "2031-03-04T05:00:00.000Z");
}

TEST_CASE("a daily one that is due needs nobody to ask") {
  const TempFolder folder;
  Office office(folder.path() + "/preflight.json",
                {document_with("2031-03-04T05:00:00.000Z", "ready")}, std::chrono::hours{4});
  CHECK(office.wait().empty());
  CHECK(office.desk.document()["next_at"].as_string() == "2031-03-05T04:00:00.000Z");
}

TEST_CASE("a desk that is closed refuses") {
  PreflightDesk desk;
  const Status asked = desk.ask();
  REQUIRE_FALSE(asked.has_value());
  CHECK(asked.error().topic == "preflight");
}

}  // namespace quell::test
