// People's own systems, from quell.yaml to the verdict. Method: a raw server on loopback is such a
// system, with its own ways of answering; the real program speaks to it.
#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "process.h"
#include "state/base/json.h"
#include "tests/connectors/transport/socket_server.h"

namespace quell::test {
namespace {

constexpr std::string_view kToken = "own-credential-0123456789";

/// A system that holds keys; the id of a key says how it behaves.
class OwnSystem {
 public:
  OwnSystem() : server_([this](Line& line, SocketServer& server) { serve(line, server); }) {}

  std::string base_url() const { return server_.url("/api"); }
  /// "METHOD path" of every request, in order.
  std::vector<std::string> log() const { return server_.log(); }
  std::size_t count(std::string_view start) const {
    const std::vector<std::string> all = log();
    return static_cast<std::size_t>(std::ranges::count_if(
        all, [start](const std::string& one) { return one.starts_with(start); }));
  }
  /// Requests without the credential of the connection.
  std::size_t strangers() const {
    const std::lock_guard lock(mutex_);
    return strangers_;
  }

 private:
  struct Key {
    bool alive = true;
    int reads_until_dead = -1;
    int revokes = 0;
  };

  void serve(Line& line, SocketServer& server) {
    while (true) {
      const std::string request = line.read_request();
      if (request.empty()) return;
      const std::string head = request.substr(0, request.find("\r\n"));
      const std::string what = head.substr(0, head.rfind(' '));
      server.note(what);
      const std::string answer = answer_to(what, request);
      if (answer.empty()) {
        line.reset();
        return;
      }
      if (!line.send(answer)) return;
    }
  }

  static std::string json(int status, const std::string& body) {
    return "HTTP/1.1 " + std::to_string(status) +
           " X\r\nContent-Type: application/json\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  /// Empty: the connection breaks.
  std::string answer_to(const std::string& what, const std::string& request) {
    const std::lock_guard lock(mutex_);
    if (request.find("Bearer " + std::string(kToken)) == std::string::npos) {
      ++strangers_;
      return json(401, R"({"error":"who are you"})");
    }
    constexpr std::string_view kKeys = "/api/v1/keys/";
    const std::size_t at = what.find(kKeys);
    if (at == std::string::npos) return json(404, "{}");
    const std::string path = what.substr(at + kKeys.size());
    const std::string id = path.substr(0, path.find('/'));
    Key& key = keys_[id];
    if (what.starts_with("GET ")) {
      if (key.reads_until_dead > 0 && --key.reads_until_dead == 0) key.alive = false;
      return json(200, std::string(R"({"key":{"state":")") + (key.alive ? "active" : "revoked") +
                           "\"}}");
    }
    return revoke(id, key);
  }

  static std::string revoke(const std::string& id, Key& key) {
    ++key.revokes;
    if (id == "lying") return json(200, R"({"error":"locked by another team"})");
    if (id == "gone") {
      key.alive = false;
      return json(400, R"({"error":"already_revoked"})");
    }
    if (id == "slow") {
      key.reads_until_dead = 3;
      return json(202, R"({"job":{"id":"j1"}})");
    }
    if (id == "request_lost" && key.revokes == 1) return {};
    key.alive = false;
    if (id == "answer_lost") return {};
    return json(200, R"({"ok":true})");
  }

  mutable std::mutex mutex_{};
  std::map<std::string, Key> keys_{};
  std::size_t strangers_ = 0;
  SocketServer server_;  // last: its threads use the rest
};

constexpr std::string_view kActions = R"(http_actions: 1
actions:
  revoke_key:
    title: revoke one key of our key server
    effect: mutate
    method: POST
    path: /v1/keys/{key_id}/revoke
    inputs:
      key_id: {type: string, help: its id in the key server}
    json: {reason: leaked}
    answers:
      - {status: 200, json: {error: "*"}, means: refused}
      - {status: 200, means: done}
      - {status: 202, means: done}
      - {status: 400, json: {error: already_revoked}, means: already}
    plane: issuer
    kills: [key]
    repeat: look_first
    look: key_is_dead
    irreversible: true
  trust_status:
    title: revoke one key and believe the status
    effect: mutate
    method: POST
    path: /v1/keys/{key_id}/revoke
    inputs: {key_id: {type: string}}
    answers: [{status: 200, means: done}]
    plane: issuer
    kills: [key]
    repeat: never
    irreversible: true
  key_is_dead:
    title: does the key server call it revoked
    effect: read
    method: GET
    path: /v1/keys/{key_id}
    inputs: {key_id: {type: string}}
    answers:
      - {status: 200, json: {key.state: revoked}, means: dead}
      - {status: 200, json: {key.state: active}, means: alive}
    plane: issuer
    proves: [key]
    grade: strong
  count_keys:
    title: count the keys of a team
    effect: read
    method: POST
    path: /v1/keys/search
    answers: [{status: 200, means: done}]
)";

constexpr std::string_view kOwnPlaybook = R"(quell: 1
id: own-key
title: A leaked key of our own key server
purpose: Revoke it and prove it.
inputs:
  key_id: {type: string, required: true}
steps:
  - id: before
    use: keys.key_is_dead
    with: {key_id: "${inputs.key_id}"}
  - id: revoke
    use: keys.ACTION
    with: {key_id: "${inputs.key_id}"}
    plane: issuer
    kills: [key]
    irreversible: true
    verify:
      - probe: keys.key_is_dead
        with: {key_id: "${inputs.key_id}"}
        until: {every: 100ms, for: 3s}
)";

/// A configuration with this system alone.
struct Home {
  OwnSystem system{};
  Folder folder{};

  explicit Home(const std::string& more = "assert_safe: true",
                const std::string& action = "revoke_key") {
    folder.write("token", std::string(kToken) + "\n");
    folder.write("keys.yaml", std::string(kActions));
    configure(system.base_url(), more);
    std::string playbook(kOwnPlaybook);
    playbook.replace(playbook.find("ACTION"), 6, action);
    folder.write("own-key.yaml", playbook);
  }

  void configure(const std::string& base_url, const std::string& more) const {
    folder.write("quell.yaml", "state: {sqlite: quell.db}\nconnections:\n  keys:\n    kind: http\n"
                               "    base_url: " +
                                   base_url +
                                   "\n    auth: {kind: bearer, token: secret://file/token}\n"
                                   "    actions: keys.yaml\n    " +
                                   more + "\n");
  }

  std::string file(const std::string& name) const { return folder.path() + "/" + name; }

  Finished quell(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), quell_path());
    arguments.insert(arguments.end(), {"--config", file("quell.yaml")});
    return Process(arguments, {{"HOME", folder.path()}}).wait();
  }

  Finished run(const std::string& key, std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments{"run", file("own-key.yaml"), "-i", "key_id=" + key, "--yes",
                                       "--no-watch"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return quell(std::move(arguments));
  }
};

constexpr std::string_view kRevoke = "POST ";

}  // namespace

TEST_CASE("a key of an own system is revoked, and proved by reading it back") {
  const Home home;
  const Finished done = home.run("k1");
  CHECK_MESSAGE(done.exit == 0, done.out << done.err);
  CHECK_MESSAGE(has(done.out, "CONTAINED"), done.out);
  CHECK(home.system.count(kRevoke) == 1);
  CHECK(home.system.strangers() == 0);
  // The credential is in its own file and nowhere else.
  for (const auto& [name, content] : home.folder.files()) {
    if (!name.ends_with("token")) CHECK_MESSAGE(!has(content, kToken), name);
  }
  CHECK_FALSE(has(done.out + done.err, kToken));
}

// Goal: who reads a run from afar sees what ran over people's own systems too, not "unreadable".
TEST_CASE("a run over an own system reads through --server as it does here") {
  const Home home;
  home.run("good");
  home.configure(home.system.base_url(), "assert_safe: true\npanel: {listen: \"127.0.0.1:0\"}");
  const Value token = home.quell({"token", "create", "ci", "--role", "viewer", "--json"}).json();
  home.folder.write("api.token", token["token"].string_or(""));
  const std::vector<std::vector<std::string>> asked{
      {"show", "r1c"}, {"show", "r1c", "--json"}, {"runs"}, {"report", "r1c"}};
  std::vector<Finished> here;
  for (const std::vector<std::string>& words : asked) here.push_back(home.quell(words));
  CHECK(has(here.front().out, "own-key"));
  Process daemon({quell_path(), "serve", "--json", "--config", home.file("quell.yaml")},
                 {{"HOME", home.folder.path()}});
  std::string url;
  for (int i = 0; i < 10 && url.empty(); ++i) {
    const Result<Value> event = parse_json(daemon.read_line());
    if (event && (*event)["event"].string_or("") == "ready") url = (*event)["panel"].string_or("");
  }
  REQUIRE(!url.empty());
  for (std::size_t i = 0; i < asked.size(); ++i) {
    std::vector<std::string> words = asked[i];
    CAPTURE(words[0]);
    words.insert(words.end(),
                 {"--server", url, "--token", "secret://file/" + home.file("api.token")});
    const Finished there = home.quell(words);
    CAPTURE(there.err);
    CHECK(there.exit == here[i].exit);
    CHECK(there.out == here[i].out);
  }
}

// Goal: 200 with an error in its body is no success, and no green.
TEST_CASE("200 with an error body is a failure") {
  const Home home;
  const Finished done = home.run("lying");
  CHECK_MESSAGE(done.exit == 5, done.out << done.err);
  CHECK_FALSE(has(done.out, "CONTAINED"));
  CHECK(home.system.count(kRevoke) == 1);
}

// Goal: even a declaration that believes the status brings no green: the probe has the last word.
TEST_CASE("a declaration that believes a lying status ends exposed") {
  const Home home("assert_safe: true", "trust_status");
  const Finished done = home.run("lying");
  CHECK_MESSAGE(done.exit == 4, done.out << done.err);
}

TEST_CASE("202 is proved once it has taken effect") {
  const Home home;
  const Finished done = home.run("slow");
  CHECK_MESSAGE(done.exit == 0, done.out << done.err);
  CHECK(home.system.count(kRevoke) == 1);
}

TEST_CASE("400 already revoked is judged like a success") {
  const Home home;
  const Finished done = home.run("gone");
  CHECK_MESSAGE(done.exit == 0, done.out << done.err);
  CHECK(home.system.count(kRevoke) == 1);
}

// Goal: a lost answer is looked up before anything is sent again.
TEST_CASE("a lost answer is settled by a look, and repeated only where nothing happened") {
  const Home home;
  const Finished applied = home.run("answer_lost");
  CHECK_MESSAGE(applied.exit == 0, applied.out << applied.err);
  CHECK(home.system.count(kRevoke) == 1);

  const Home other;
  const Finished lost = other.run("request_lost");
  CHECK_MESSAGE(lost.exit == 0, lost.out << lost.err);
  const std::vector<std::string> log = other.system.log();
  CHECK(other.system.count(kRevoke) == 2);
  const auto first = std::ranges::find_if(
      log, [](const std::string& one) { return one.starts_with(kRevoke); });
  REQUIRE(first != log.end());
  CHECK((first + 1)->starts_with("GET "));  // the look between the two
}

// Goal: a rehearsal reads and changes nothing.
TEST_CASE("a dry run and a plan send GETs alone") {
  const Home home;
  const Finished rehearsed = home.run("k1", {"--dry-run"});
  CHECK_MESSAGE(rehearsed.exit == 0, rehearsed.out << rehearsed.err);
  const Finished plan =
      home.quell({"plan", home.file("own-key.yaml"), "--requests", "-i", "key_id=k1"});
  CHECK_MESSAGE(plan.exit == 0, plan.out << plan.err);
  CHECK_MESSAGE(has(plan.out, "POST " + home.system.base_url() + "/v1/keys/k1/revoke"),
                plan.out);
  CHECK(home.system.count("GET ") == home.system.log().size());
  CHECK_FALSE(home.system.log().empty());
}

TEST_CASE("what an own system can do is told and checked like everything else") {
  const Home home;
  const Finished told = home.quell({"actions", "keys"});
  CHECK(told.exit == 0);
  CHECK(has(told.out, "keys.revoke_key"));
  CHECK(has(told.out, "keys.key_is_dead"));
  CHECK(home.quell({"check", home.file("own-key.yaml")}).exit == 0);

  const Home wrong("assert_safe: true", "revoke_kee");
  const Finished checked = wrong.quell({"check", wrong.file("own-key.yaml")});
  CHECK(checked.exit != 0);
  CHECK(has(checked.out + checked.err, "revoke_key"));
}

// Goal: mistakes name file, line and remedy, and nothing is sent.
TEST_CASE("a configuration that would send what nobody asserted is refused") {
  const Home home("limits: {read: 100/min}");
  const Finished unsafe = home.quell({"actions", "keys"});
  CHECK(unsafe.exit == 2);
  CHECK_MESSAGE(has(unsafe.err, "keys.yaml:46:13"), unsafe.err);
  CHECK(has(unsafe.err, "assert_safe: true"));

  home.configure("http://keys.example/api", "assert_safe: true");
  const Finished plain = home.quell({"actions", "keys"});
  CHECK(plain.exit == 2);
  CHECK_MESSAGE(has(plain.err, "quell.yaml:5"), plain.err);

  home.configure(home.system.base_url(), "asert_safe: true");
  const Finished typo = home.quell({"actions", "keys"});
  CHECK(typo.exit == 2);
  CHECK(has(typo.err, "did you mean \"assert_safe\"?"));
  CHECK(home.system.log().empty());
}

}  // namespace quell::test
