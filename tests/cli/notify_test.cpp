// Telling people, by whole processes: a receiver on loopback, a real journal, real secrets.

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "orchestrator/http_server.h"
#include "site.h"
#include "state/base/json.h"

namespace quell::test {
namespace {

constexpr std::string_view kSlackCanary = "T0CANARY/B0CANARY/slackcanary4711";
constexpr std::string_view kRoutingCanary = "routingcanary0815routingcanary08";
constexpr std::string_view kSigningCanary = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Takes every notice, or hangs on each; remembers them.
class Receiver {
 public:
  explicit Receiver(HttpReply reply = {}) {
    Result<std::unique_ptr<HttpServer>> server =
        HttpServer::start({}, [this, reply](const HttpCall& call) {
          const std::lock_guard<std::mutex> lock(mutex_);
          calls_.push_back(call);
          return reply;
        });
    REQUIRE(server);
    server_ = std::move(*server);
  }
  ~Receiver() { server_->stop(); }
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  std::string url(const std::string& path) const {
    return "http://127.0.0.1:" + std::to_string(server_->port()) + path;
  }
  std::vector<HttpCall> calls_to(const std::string& path) {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<HttpCall> found;
    std::ranges::copy_if(calls_, std::back_inserter(found),
                         [&](const HttpCall& call) { return call.target.starts_with(path); });
    return found;
  }

 private:
  std::mutex mutex_{};
  std::vector<HttpCall> calls_{};
  std::unique_ptr<HttpServer> server_{};
};

/// All three kinds of destination at `receiver`.
void configure(const Site& site, const Receiver& receiver) {
  site.folder().write("slack.url", receiver.url("/services/") + std::string(kSlackCanary));
  site.folder().write("pd.key", std::string(kRoutingCanary));
  site.folder().write("sign.key", std::string(kSigningCanary));
  site.configure(site.base_url(), "state/quell.db",
                 "public_url: https://quell.example.com\n"
                 "notify:\n"
                 "  - {kind: slack, url: secret://file/slack.url}\n"
                 "  - {kind: pagerduty, routing_key: secret://file/pd.key, url: \"" +
                     receiver.url("/pagerduty") +
                     "\"}\n"
                     "  - {kind: signed_post, confidential: true, secrets: "
                     "[secret://file/sign.key], url: \"" +
                     receiver.url("/signed") + "\"}\n");
}

void check_no_canary(const std::string& text) {
  CHECK(text.find("slackcanary4711") == std::string::npos);
  CHECK(text.find(kRoutingCanary) == std::string::npos);
  CHECK(text.find(kSigningCanary) == std::string::npos);
}

}  // namespace

// Goal: a contained run reaches all three, and their secrets reach nothing else.
// Method: canaries as secrets, looked for in every stream and file of the site.
TEST_CASE("a run is told of, and no secret of a destination is written anywhere") {
  const Site site;
  Receiver receiver;
  configure(site, receiver);
  const Finished done = site.run_leak({"--yes", "--json", "--verbose"});
  CAPTURE(done.err);
  REQUIRE(done.exit == 0);
  const auto slack = receiver.calls_to("/services/" + std::string(kSlackCanary));
  const auto pagerduty = receiver.calls_to("/pagerduty");
  const auto signed_posts = receiver.calls_to("/signed");
  REQUIRE_FALSE(slack.empty());
  REQUIRE_FALSE(pagerduty.empty());
  REQUIRE_FALSE(signed_posts.empty());
  CHECK(slack.back().body.find("finished: contained") != std::string::npos);
  CHECK(slack.back().body.find("https://quell.example.com/runs/r1") != std::string::npos);
  CHECK(pagerduty.back().body.find(R"("event_action":"resolve")") != std::string::npos);
  CHECK(pagerduty.back().body.find(kRoutingCanary) != std::string::npos);
  CHECK(signed_posts.back().body.find(R"("result":"contained")") != std::string::npos);
  for (const std::string* text : {&done.out, &done.err}) check_no_canary(*text);
  for (const auto& [path, content] : site.folder().files())
    CHECK_FALSE(path.ends_with("quell.db-wal"));  // the owner closed the journal last
  check_no_canary(site.run({"journal", "export"}).out);
  for (const auto& [path, content] : site.folder().files()) {
    const std::string& file = path;
    if (file.ends_with("slack.url") || file.ends_with("pd.key") || file.ends_with("sign.key"))
      continue;
    CAPTURE(file);
    check_no_canary(content);
  }
}

// Goal: rehearsals tell nobody.
TEST_CASE("a dry run sends no notice") {
  const Site site;
  Receiver receiver;
  configure(site, receiver);
  CHECK(site.run_leak({"--dry-run", "--json"}).exit == 0);
  CHECK(receiver.calls_to("/").empty());
}

// Goal: a destination that hangs costs containment nothing; the next process tells what was left.
// Method: the run's own times in the journal, and a second run while the receiver answers.
TEST_CASE("a run ends while its destinations hang, and the next process tells of it") {
  const Site site;
  {
    const Receiver hanging(HttpReply{.line = HttpReply::Line::hangs});
    configure(site, hanging);
    const Finished done = site.run_leak({"--yes", "--json"});
    CAPTURE(done.err);
    REQUIRE(done.exit == 0);
    CHECK(done.json()["result"].string_or("") == "contained");
  }
  Receiver receiver;
  configure(site, receiver);
  const Finished again = site.run_leak({"--yes", "--json"});
  CAPTURE(again.err);
  std::vector<std::string> runs;
  for (const HttpCall& call : receiver.calls_to("/signed")) {
    const Result<Value> body = parse_json(call.body);
    REQUIRE(body);
    runs.push_back((*body)["data"]["run_id"].string_or(""));
  }
  REQUIRE_FALSE(runs.empty());
  CHECK(runs.front() == "r1c");
}

TEST_CASE("notify test says what became of each, and names no secret") {
  const Site site;
  Receiver receiver;
  configure(site, receiver);
  const Finished all = site.run({"notify", "test"});
  CAPTURE(all.out);
  CAPTURE(all.err);
  CHECK(all.exit == 0);
  CHECK(receiver.calls_to("/").size() == 3);
  const Finished one = site.run({"notify", "test", "pagerduty", "--json"});
  CHECK(one.exit == 0);
  CHECK(one.json()["destinations"].list_or_empty().size() == 1);
  CHECK(told(site.run({"notify", "test", "nobody"})).word == "config");
  Receiver refusing(HttpReply{.status = 403, .body = "an outside body"});
  configure(site, refusing);
  const Finished refused = site.run({"notify", "test"});
  CAPTURE(refused.out);
  CHECK(refused.exit == 1);
  CHECK(refused.out.find("it answered 403") != std::string::npos);
  CHECK(refused.out.find("outside body") == std::string::npos);
  site.configure(site.base_url());
  CHECK(site.run({"notify", "test"}).exit == 2);
  for (const Finished* finished : {&all, &one, &refused}) {
    check_no_canary(finished->out);
    check_no_canary(finished->err);
  }
}

}  // namespace quell::test
