// Delivery to a real server on loopback, by a clock that the test moves.
#include "orchestrator/notify/delivery.h"

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "connectors/curl_transport.h"
#include "orchestrator/http_server.h"
#include "state/base/json.h"
#include "tests/support/memory_journal.h"
#include "tests/support/temp_folder.h"

namespace quell::test {
namespace {

constexpr RunId kRun{.number = 17};
constexpr int kTurnsMax = 400;

/// A receiver that answers from a list, then 200; remembers what it got.
class Receiver {
 public:
  explicit Receiver(std::vector<HttpReply> replies = {}) : replies_(std::move(replies)) {
    Result<std::unique_ptr<HttpServer>> server =
        HttpServer::start({}, [this](const HttpCall& call) { return answer(call); });
    REQUIRE(server);
    server_ = std::move(*server);
  }
  ~Receiver() { server_->stop(); }
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  std::string url(const std::string& path = "/in") const {
    return "http://127.0.0.1:" + std::to_string(server_->port()) + path;
  }
  std::vector<HttpCall> calls() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return calls_;
  }
  /// The event of each, in order.
  std::vector<std::string> told() {
    std::vector<std::string> words;
    for (const HttpCall& call : calls()) {
      const Result<Value> body = parse_json(call.body);
      REQUIRE(body);
      words.push_back((*body)["data"]["event"].string_or(""));
    }
    return words;
  }

 private:
  HttpReply answer(const HttpCall& call) {
    const std::lock_guard<std::mutex> lock(mutex_);
    calls_.push_back(call);
    return calls_.size() <= replies_.size() ? replies_[calls_.size() - 1] : HttpReply{};
  }

  std::vector<HttpReply> replies_;
  std::mutex mutex_{};
  std::vector<HttpCall> calls_{};
  std::unique_ptr<HttpServer> server_{};
};

/// libcurl by real time: a poll ends soon, whatever the test's clock says.
class LoopbackTransport final : public HttpTransport {
 public:
  void start(Ticket ticket, HttpRequest request) override {
    inner_.start(ticket, std::move(request));
  }
  std::vector<Completion> poll(Timestamp /*until*/) override {
    return inner_.poll(clock_.now() + Duration{20});
  }
  void wake() override { inner_.wake(); }

 private:
  SystemClock clock_{};
  CurlTransport inner_{clock_, *EgressPolicy::make({}, true)};
};

Destination signed_post(const std::string& url, const std::string& name = "soc") {
  return {.name = name,
          .named_at = "quell.yaml:3",
          .kind = DestinationKind::signed_post,
          .url = url,
          .secrets = {std::make_shared<const Secret>(
              Secret::copy_of("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="))},
          .confidential = true,
          .events = {NoticeEvent::approval_wanted, NoticeEvent::refuted, NoticeEvent::finished}};
}

/// What outlives a process, and one process at a time.
struct World {
  TempFolder folder{};
  MemoryJournal journal{};
  ManualClock clock{*parse_rfc3339("2031-03-04T05:06:07Z")};
  SeededRandom random{1};
  LoopbackTransport transport{};
  std::vector<std::string> warnings{};
  std::unique_ptr<NotifyCursors> cursors{};
  std::unique_ptr<NoticeDelivery> delivery{};

  void begin(std::vector<Destination> destinations) {
    delivery.reset();
    cursors.reset();
    Result<std::unique_ptr<NotifyCursors>> opened = NotifyCursors::open(folder / "quell.db.notify");
    REQUIRE(opened);
    cursors = std::move(*opened);
    delivery = std::make_unique<NoticeDelivery>(NoticeDelivery::Parts{
        .clock = clock,
        .random = random,
        .transport = transport,
        .journal = journal,
        .cursors = *cursors,
        .journal_id = journal.identity().id,
        .destinations = std::move(destinations),
        .tell = [this](const std::string& sentence) { warnings.push_back(sentence); }});
    REQUIRE(delivery->begin());
  }

  void append(EntryKind kind, ValueMap body) {
    const std::array<Entry, 1> entries{
        Entry{.kind = kind, .run = kRun, .at = clock.now(), .body = Value(std::move(body))}};
    REQUIRE(journal.append(entries));
  }
  void append_run() {
    append(EntryKind::run_started, {{"playbook", "leaked-vault"}, {"mode", "live"}});
  }
  void append_end(const std::string& result) {
    append(EntryKind::run_finished, {{"result", result}});
  }

  void turn() { REQUIRE(delivery->turn(clock.now())); }
  /// Turns until nothing can be sent now; bounded.
  void settle() {
    for (int i = 0; i < kTurnsMax; ++i) {
      turn();
      if (delivery->is_settled()) return;
    }
    FAIL("it does not come to rest");
  }
  void settle_after(Duration by) {
    clock.advance(by);
    turn();
    settle();
  }
};

}  // namespace

TEST_CASE("notices come in order, signed, with an id that says which entry it was") {
  Receiver receiver;
  World world;
  world.begin({signed_post(receiver.url())});
  world.append_run();
  world.append(EntryKind::approval_requested, {{"need", 1}});
  world.append_end("exposed");
  world.settle();
  CHECK(receiver.told() == std::vector<std::string>{"approval_wanted", "finished"});
  const HttpCall first = receiver.calls().front();
  CHECK(first.method == "POST");
  CHECK(first.header("content-type") == "application/json");
  CHECK(first.header("webhook-id") == "msg_" + world.journal.identity().id + "_2");
  CHECK(first.header("webhook-timestamp") ==
        std::to_string(world.clock.now().time_since_epoch().count() / 1'000));
  CHECK(first.header("webhook-signature").starts_with("v1,"));
  CHECK(world.warnings.empty());
}

// Goal: a destination that fails is tried again with the same id, a fresh time, and patience.
TEST_CASE("a failing destination is tried again later, under the same id") {
  Receiver receiver({HttpReply{.status = 500}, HttpReply{.status = 302}});
  World world;
  world.begin({signed_post(receiver.url())});
  world.append_run();
  world.append_end("exposed");
  world.settle();
  CHECK(receiver.calls().size() == 1);
  world.settle_after(Duration{4'000});
  CHECK(receiver.calls().size() == 1);
  world.settle_after(Duration{2'000});
  CHECK(receiver.calls().size() == 2);
  world.settle_after(Duration{36'000});
  const std::vector<HttpCall> calls = receiver.calls();
  REQUIRE(calls.size() == 3);
  CHECK(calls[0].header("webhook-id") == calls[2].header("webhook-id"));
  CHECK(calls[0].header("webhook-timestamp") != calls[2].header("webhook-timestamp"));
  CHECK(calls[0].header("webhook-signature") != calls[2].header("webhook-signature"));
  CHECK(world.warnings.empty());
}

TEST_CASE("Retry-After is heeded, and never beyond an hour") {
  Receiver receiver({HttpReply{.status = 429, .headers = {{"Retry-After", "90"}}},
                     HttpReply{.status = 503, .headers = {{"Retry-After", "80000"}}}});
  World world;
  world.begin({signed_post(receiver.url())});
  world.append_run();
  world.append_end("exposed");
  world.settle();
  world.settle_after(Duration{89'000});
  CHECK(receiver.calls().size() == 1);
  world.settle_after(Duration{1'500});
  CHECK(receiver.calls().size() == 2);
  world.settle_after(Duration{3'601'000});
  CHECK(receiver.calls().size() == 3);
}

TEST_CASE("a refusal is given up at once, with one line that names the setting") {
  Receiver receiver({HttpReply{.status = 404, .body = "an outside body"}});
  World world;
  world.begin({signed_post(receiver.url())});
  world.append_run();
  world.append_end("exposed");
  world.settle();
  world.settle_after(Duration{7'200'000});
  CHECK(receiver.calls().size() == 1);
  REQUIRE(world.warnings.size() == 1);
  CHECK(world.warnings.front() ==
        "notify: soc (quell.yaml:3) was not told \"finished\" of r17x: it answered 404; quell "
        "notify test soc");
}

TEST_CASE("after eight attempts a notice is given up, and the next one has its turn") {
  Receiver receiver(std::vector<HttpReply>(8, HttpReply{.status = 500}));
  World world;
  world.begin({signed_post(receiver.url())});
  world.append_run();
  world.append(EntryKind::approval_requested, {{"need", 1}});
  world.append_end("exposed");
  world.settle();
  for (int i = 0; i < 7; ++i) world.settle_after(Duration{4'400'000});
  CHECK(receiver.calls().size() == 9);
  CHECK(receiver.told().back() == "finished");
  CHECK(world.warnings.size() == 1);
}

TEST_CASE("410 switches a destination off until the next start") {
  Receiver receiver({HttpReply{.status = 410}});
  World world;
  world.begin({signed_post(receiver.url())});
  world.append_run();
  world.append(EntryKind::approval_requested, {{"need", 1}});
  world.settle();
  world.append_end("exposed");
  world.settle();
  CHECK(receiver.calls().size() == 1);
  CHECK(world.warnings.size() == 1);
  REQUIRE(world.delivery->save());
  world.begin({signed_post(receiver.url())});
  world.append_end("exposed");
  world.settle();
  CHECK(receiver.calls().size() == 2);
}

// Goal: what a dead process did not deliver is delivered by the next, and what it did is not.
TEST_CASE("a restart sends what is left, once") {
  Receiver receiver({HttpReply{}, HttpReply{.status = 500}});
  World world;
  world.begin({signed_post(receiver.url())});
  world.append_run();
  world.append(EntryKind::approval_requested, {{"need", 1}});
  world.append(EntryKind::probe_finished, {{"item", "sesn_01"}, {"verdict", "refuted"}});
  world.settle();
  CHECK(receiver.told() == std::vector<std::string>{"approval_wanted", "refuted"});
  world.begin({signed_post(receiver.url())});
  world.append_end("exposed");
  world.settle();
  CHECK(receiver.told() ==
        std::vector<std::string>{"approval_wanted", "refuted", "refuted", "finished"});
  const std::vector<HttpCall> calls = receiver.calls();
  CHECK(calls[1].header("webhook-id") == calls[2].header("webhook-id"));
  CHECK(calls[3].body.find("leaked-vault") != std::string::npos);  // known from before the restart
  CHECK(calls[3].body.find("sesn_01") != std::string::npos);
  world.begin({signed_post(receiver.url())});
  world.settle();
  CHECK(receiver.calls().size() == 4);
}

TEST_CASE("nothing older than a day is sent, and a new destination hears nothing of the past") {
  Receiver receiver;
  World world;
  world.append_run();
  world.append_end("exposed");
  world.begin({signed_post(receiver.url())});
  world.settle();
  CHECK(receiver.calls().empty());
  world.append_end("exposed");
  world.clock.advance(std::chrono::hours{25});
  world.settle();
  CHECK(receiver.calls().empty());
}

// Goal: who hangs holds up nobody else.
TEST_CASE("a destination that hangs leaves the others alone") {
  Receiver hanging({HttpReply{.line = HttpReply::Line::hangs}});
  Receiver receiver;
  World world;
  world.begin({signed_post(hanging.url(), "slow"), signed_post(receiver.url(), "soc")});
  world.append_run();
  world.append_end("exposed");
  for (int i = 0; i < kTurnsMax && receiver.calls().empty(); ++i) world.turn();
  CHECK(receiver.calls().size() == 1);
}

TEST_CASE("a queue that is full gives up its oldest and says so once") {
  Receiver receiver(std::vector<HttpReply>(3, HttpReply{.status = 500}));
  World world;
  world.begin({signed_post(receiver.url())});
  world.append_run();
  for (std::size_t i = 0; i < NoticeDelivery::kPendingMax + 10; ++i)
    world.append(EntryKind::approval_requested, {{"need", 1}});
  world.settle();
  CHECK(world.warnings.size() == 1);
  CHECK(receiver.calls().size() == 1);
}

TEST_CASE("the delays grow and stay") {
  CHECK(notify_backoff(1) == Duration{5'000});
  CHECK(notify_backoff(2) == Duration{30'000});
  CHECK(notify_backoff(3) == Duration{120'000});
  CHECK(notify_backoff(4) == Duration{600'000});
  CHECK(notify_backoff(5) == Duration{3'600'000});
  CHECK(notify_backoff(8) == Duration{3'600'000});
}

}  // namespace quell::test
