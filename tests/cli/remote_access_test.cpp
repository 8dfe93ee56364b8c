// What the command line says through --server it says as it does beside the owner's files: real
// daemon, real sockets, a token.

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "orchestrator/cli/session.h"
#include "site.h"
#include "state/base/json.h"
#include "state/base/sha256.h"

namespace quell::test {
namespace {

/// `quell serve` over a site, and a token that it knows.
class Served {
 public:
  explicit Served(const Site& site, const std::string& more = "") : site_(site) {
    site.configure(site.base_url(), "state/quell.db", "panel: {listen: \"127.0.0.1:0\"}\n" + more);
    const Finished made = site.run({"token", "create", "ci", "--role", "responder", "--json"});
    token_ = made.json()["token"].string_or("");
    token_file_ = site.folder().write("token", token_);
    daemon_.reset(new Process(site.start({"serve", "--json"})));
    for (int i = 0; i < 10 && url_.empty(); ++i) {
      const Result<Value> event = parse_json(daemon_->read_line());
      if (event && (*event)["event"].string_or("") == "ready")
        url_ = (*event)["panel"].string_or("");
    }
    REQUIRE(!url_.empty());
  }

  Finished run(std::vector<std::string> words) const {
    words.insert(words.end(), {"--server", url_, "--token", "secret://file/" + token_file_});
    return site_.run(words);
  }
  ApiClient client() const {
    const Result<ApiClient> client =
        ApiClient::at_server(url_, std::make_shared<const Secret>(Secret::copy_of(token_)));
    REQUIRE(client);
    return *client;
  }
  Process& daemon() const { return *daemon_; }

 private:
  const Site& site_;
  std::string token_{};
  std::string token_file_{};
  std::string url_{};
  std::unique_ptr<Process> daemon_{};
};

constexpr std::string_view kRoutes = R"(notify:
  - {kind: signed_post, secrets: [secret://file/sign.key], url: "http://127.0.0.1:9/nobody"}
hooks: {listen: "127.0.0.1:0"}
alerts:
  sources:
    ours: {kind: bearer, secrets: [secret://file/hook.key]}
  routes:
    - when: ${alert.source == "ours"}
      playbook: leaked-mcp-oauth
      inputs: {vault_id: "${alert.body.vault_id}", credential_id: "${alert.body.id}"}
      mode: plan
)";

}  // namespace

// Goal: who plans an incident from afar sees what the server could do, not what this machine could.
// Method: each verb here and there, of the same configuration; then there with none here.
TEST_CASE("actions, hook routes, notify, check and test through --server say what they say here") {
  const Site site;
  site.folder().write("hook.key", "a-secret-of-enough-length-for-a-hook");
  site.folder().write("sign.key", "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
  const Served served(site, std::string(kRoutes));
  const std::string bad = site.folder().write(
      "bad.yaml", "quell: 1\nid: bad\nsteps: [{id: a, use: issuer.rvoke}]\n");
  const std::vector<std::vector<std::string>> asked{
      {"actions"},
      {"actions", "--json"},
      {"actions", "--markdown"},
      {"actions", "issuer"},
      {"actions", "issuer", "--json"},
      {"actions", "platform.archive_credential"},
      {"actions", "--profile", "github"},
      {"actions", "--profile", "nothing"},
      {"actions", "nothing"},
      {"hook", "routes"},
      {"hook", "routes", "--json"},
      {"drill", "list"},
      {"drill", "history"},
      {"drill", "history", "--json"},
      {"drill", "report", "last"},
      {"drill", "report", "d1", "--json"},
      {"drill", "report", "../x"},
      {"notify", "list"},
      {"notify", "list", "--json"},
      {"notify", "test"},
      {"notify", "test", "nobody", "--json"},
      {"check", "leaked-mcp-oauth"},
      {"check", "leaked-mcp-oauth", "rotate-only", "--json"},
      {"check", bad},
      {"test", "leaked-mcp-oauth"},
  };
  REQUIRE(site.run({"drill", "rotate-only", "--speed", "max", "--json"}).exit !=
          cli::kExitNotStarted);
  for (const std::vector<std::string>& words : asked) {
    CAPTURE(words);
    const Finished here = site.run(words);
    const Finished there = served.run(words);
    CHECK(there.exit == here.exit);
    CHECK(there.out == here.out);
    CHECK(there.err == here.err);
  }
  CHECK(served.run({"hook", "routes"}).out.find("leaked-mcp-oauth") != std::string::npos);
  CHECK(told(served.run({"hook", "test", "ours"})).word == "server");
  CHECK(told(served.run({"drill", "rotate-only", "--against", "platform"})).word == "server");
  // Drills have a journal of their own, which must not be mistaken for another machine's.
  CHECK(told(served.run({"runs", "--drills"})).word == "server");
}

// Goal: a program finds what it could start, with the very text; and no other file of that machine.
TEST_CASE("playbooks are listed and handed out by id alone") {
  const Site site;
  const Served served(site);
  const ApiClient client = served.client();
  const Result<Value> all = client.get("/api/v1/playbooks");
  REQUIRE(all);
  std::size_t good = 0;
  for (const Value& line : (*all)["playbooks"].list_or_empty())
    good += line["ok"].bool_or(false) ? 1U : 0U;
  CHECK(good > 5);
  const Result<Value> one = client.get("/api/v1/playbooks/leaked-mcp-oauth");
  REQUIRE(one);
  CHECK((*one)["inputs"].list_or_empty().size() > 4);
  CHECK((*one)["steps"].list_or_empty().front()["action"].string_or("") ==
        "platform.get_credential");
  CHECK((*one)["source"].string_or("").starts_with("quell: 1\nid: leaked-mcp-oauth\n"));
  CHECK((*one)["sha256"].string_or("").size() == 64);
  const std::string aside = site.folder().write("aside.yaml", "quell: 1\nid: aside\n");
  for (const char* const path : {"%2e%2e%2faside.yaml", "aside.yaml", "aside", "%2fetc%2fpasswd"}) {
    CAPTURE(path);
    const Result<Value> none = client.get(std::string("/api/v1/playbooks/") + path);
    REQUIRE(!none);
    CHECK(none.error().code == ErrorCode::gone);
    CHECK(none.error().topic == "playbook");
  }
}

// Goal: a drill that somebody asks for from afar is the same drill, and reads no file of that
// machine (threat T42).
TEST_CASE("a drill through --server is played there, one at a time, with the same score") {
  const Site site;
  const Served served(site);
  const Finished here =
      site.run({"drill", "rotate-only", "--speed", "max", "--team", "Night shift", "--json"});
  const Finished there = served.run({"drill", "rotate-only", "--team", "Night shift", "--json"});
  CHECK(there.exit == here.exit);
  const Value local = here.json();
  const Value remote = there.json();
  CHECK(remote["drill"].string_or("") != local["drill"].string_or(""));
  for (const char* const member :
       {"result", "times", "intruder", "false_greens", "approvals", "team"}) {
    CAPTURE(member);
    CHECK(!local[member].is_null());
    CHECK(remote[member] == local[member]);
  }
  CHECK(served.run({"drill", "history"}).out == site.run({"drill", "history"}).out);
  const ApiClient client = served.client();
  const auto ask = [&](const char* scenario) {
    return client.post("/api/v1/drills", Value::map({{"scenario", scenario}}));
  };
  for (const char* const scenario : {"list", "../x", "/etc/passwd", "--against", ""})
    CHECK(!ask(scenario));
  // The second of two is refused, or the first is over by then.
  const Result<Value> first = ask("rotate-only");
  REQUIRE(first);
  const Result<Value> second = ask("rotate-only");
  if (!second) CHECK(second.error().code == ErrorCode::conflict);
  // Whoever ends the server ends its drill too.
  served.daemon().signal(SIGTERM);
  CHECK(served.daemon().wait().exit == cli::kExitTerminated);
}

// Goal: what is taken from afar is the very file, it is there whole or not at all, and the record
// says who took it (threat T45).
TEST_CASE("evidence through --server is the same file as here") {
  const Site site;
  REQUIRE(site.run_leak({"--yes"}).exit == cli::kExitOk);
  const Served served(site);
  const std::string folder = site.folder().path();
  const Value here = site.run({"evidence", "last", "-o", folder + "/here.tar", "--json"}).json();
  const Value there =
      served.run({"evidence", "last", "-o", folder + "/there.tar", "--json"}).json();
  CHECK(here["bytes"].int_or(0) > 10'000);
  CHECK(there["bytes"] == here["bytes"]);
  CHECK(there["sha256"] == here["sha256"]);
  const std::vector<std::string> early{"evidence", "last", "--as-of", "3", "-o", "-"};
  CHECK(served.run(early).out == site.run(early).out);
  const Finished again = served.run({"evidence", "last", "-o", folder + "/there.tar"});
  CHECK(told(again).word == "state");
  CHECK(told(served.run({"evidence", "r99", "-o", folder + "/none.tar"})).word == "run");
  for (const auto& [name, content] : site.folder().files()) {
    const bool is_leftover = name.ends_with(".new") || name.ends_with("none.tar");
    CHECK_FALSE(is_leftover);
    if (name.ends_with("here.tar") || name.ends_with("there.tar"))
      CHECK(sha256_hex(content) == here["sha256"].string_or(""));
  }
  CHECK(site.run({"journal", "export"}).out.find("getEvidence") != std::string::npos);
}

}  // namespace quell::test
