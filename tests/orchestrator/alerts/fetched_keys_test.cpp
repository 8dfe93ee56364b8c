// The keys that GitHub publishes: fetched from one place, seldom, and believed only if they are
// keys.
#include "orchestrator/alerts/fetched_keys.h"

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include "state/base/json.h"
#include "tests/support/scripted_transport.h"

namespace quell::test {
namespace {

constexpr std::string_view kUrl = "https://api.github.com/meta/public_keys/secret_scanning";
constexpr std::string_view kPath = "/meta/public_keys/secret_scanning";
constexpr std::string_view kKey =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAESnbbFNNYI6wE9EYmk4F5APYjz9j4\n"
    "z2x4mBOZj3zwMHGLKN5rdk1x7ww1/F8BnheU+9mdbWOySpwG3Uyg8pa67g==\n"
    "-----END PUBLIC KEY-----\n";

std::string document(const std::string& id, std::string_view key = kKey) {
  ValueList keys;
  keys.push_back(
      Value::map({{"key_identifier", id}, {"key", std::string(key)}, {"is_current", true}}));
  return to_json(Value::map({{"public_keys", Value(std::move(keys))}}));
}

struct Fetching {
  ManualClock clock{Timestamp(std::chrono::hours(24))};
  ScriptedTransport* transport = nullptr;
  std::unique_ptr<FetchedKeys> keys{};

  Fetching() {
    auto made = std::make_unique<ScriptedTransport>(clock);
    transport = made.get();
    keys = std::make_unique<FetchedKeys>(
        FetchedKeys::Parts{.clock = clock, .transport = std::move(made), .url = std::string(kUrl), .read = read_partner_keys});
  }
};

}  // namespace

TEST_CASE("keys are fetched for one that is not known, at most once a minute, with the last tag") {
  Fetching world;
  world.transport->expect("GET", std::string(kPath)).replies(200, document("a"), {{"etag", "W1"}});
  REQUIRE(world.keys->keys_for("a").keys.size() == 1);
  CHECK(world.keys->keys_for("a").keys.front().id == "a");
  CHECK(world.keys->keys_for("b").keys.size() == 1);  // too soon to ask again
  CHECK(world.transport->log().size() == 1);
  world.clock.advance(std::chrono::seconds(61));
  world.transport->expect("GET", std::string(kPath)).replies(200, document("b"));
  CHECK(world.keys->keys_for("b").keys.front().id == "b");
  CHECK(world.transport->log().back().headers.back() ==
        std::pair<std::string, std::string>("if-none-match", "W1"));
}

// Goal: nobody loses us the keys that we have.
TEST_CASE("an answer that holds no keys changes nothing") {
  Fetching world;
  world.transport->expect("GET", std::string(kPath)).replies(200, document("a"));
  REQUIRE(world.keys->keys_for("a").keys.size() == 1);
  const auto after = [&](int status, const std::string& body) {
    world.clock.advance(std::chrono::seconds(61));
    world.transport->expect("GET", std::string(kPath)).replies(status, body);
    return world.keys->keys_for("x").keys;
  };
  CHECK(after(304, "").front().id == "a");
  CHECK(after(403, document("x")).front().id == "a");
  CHECK(after(200, "{}").front().id == "a");
  CHECK(after(200, "no JSON").front().id == "a");
  CHECK(after(200, document("x", "no key")).front().id == "a");
  world.clock.advance(std::chrono::seconds(61));
  world.transport->expect("GET", std::string(kPath)).refuses_connection();
  CHECK(world.keys->keys_for("x").keys.front().id == "a");
}

// Goal: the caller can tell a key that does not exist from one that could not be asked for.
TEST_CASE("whether a key that was not found was looked for") {
  Fetching world;
  world.transport->expect("GET", std::string(kPath)).refuses_connection();
  CHECK_FALSE(world.keys->keys_for("a").settled);
  CHECK_FALSE(world.keys->keys_for("a").settled);  // too soon
  world.clock.advance(std::chrono::seconds(61));
  world.transport->expect("GET", std::string(kPath)).replies(200, document("a"));
  CHECK(world.keys->keys_for("a").settled);
  CHECK_FALSE(world.keys->keys_for("b").settled);
  world.clock.advance(std::chrono::seconds(61));
  world.transport->expect("GET", std::string(kPath)).replies(304, "");
  CHECK(world.keys->keys_for("b").settled);
  CHECK(world.transport->log().size() == 2);  // and the connection that was refused
}

TEST_CASE("only P-256 keys with a name are keys") {
  CHECK(read_partner_keys(document("a")).size() == 1);
  CHECK(read_partner_keys(document("")).empty());
  CHECK(read_partner_keys(document(std::string(200, 'a'))).empty());
  CHECK(read_partner_keys(R"({"public_keys":[1,"x",{"key_identifier":1}]})").empty());
  CHECK(read_partner_keys("[]").empty());
}

}  // namespace quell::test
