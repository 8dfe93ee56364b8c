// The hook endpoint of the real daemon: real sockets, a real journal, forgers and floods.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "orchestrator/alerts/sample.h"
#include "site.h"
#include "state/base/json.h"
#include "tests/orchestrator/range/front_raw_client.h"

namespace quell::test {
namespace {

using range::test::body_of;
using range::test::RawClient;
using range::test::status_of;
using Steady = std::chrono::steady_clock;

constexpr std::string_view kSecret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
constexpr std::string_view kText = "a-secret-of-16-bytes";

/// A number from the environment, for a longer form of the same test.
std::size_t wished(const char* name, std::size_t fallback) {
  const char* const text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  return text == nullptr ? fallback : std::strtoul(text, nullptr, 10);
}

/// Whether this build's memory and times are those of a release.
bool is_slowed() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#else
  return false;
#endif
}

AlertSource source_of(SourceKind kind, const std::string& name) {
  AlertSource source = preset_of(kind);
  source.name = name;
  const bool is_whsec = kind == SourceKind::standard_webhooks;
  source.keys.push_back(
      {.secret = std::make_shared<const Secret>(Secret::copy_of(is_whsec ? kSecret : kText))});
  return source;
}

/// A signed request, `moved` away from now.
std::string delivery(const AlertSource& source, const std::string& id, const std::string& body,
                     std::chrono::seconds moved = {}) {
  const Timestamp at =
      std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now()) + moved;
  const Result<SampleDelivery> sample = sign_delivery(source, id, at, "", body);
  REQUIRE(sample);
  std::string head;
  for (const HttpHeader& header : sample->headers)
    head += header.name + ": " + header.value.redacted() + "\r\n";
  return fmt::format(
      "POST /hooks/{} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{}Content-Length: {}\r\n\r\n{}",
      source.name, head, body.size(), body);
}

/// `quell serve` beside a range, with a route that proposes for each leak.
class Daemon {
 public:
  Daemon() {
    site_.folder().write("hook.key", std::string(kSecret));
    site_.folder().write("text.key", std::string(kText));
    configure("plan");
    start();
  }

  void configure(const std::string& mode) const {
    site_.configure(site_.base_url(), "state/quell.db",
                    fmt::format(R"(hooks: {{listen: "127.0.0.1:0"}}
alerts:
  sources:
    anthropic: {{kind: standard_webhooks, secrets: [secret://file/hook.key], rate: 1000/s}}
    noisy: {{kind: standard_webhooks, secrets: [secret://file/hook.key], rate: 5/s}}
    github: {{kind: github, secrets: [secret://file/text.key]}}
    gitguardian: {{kind: gitguardian, secrets: [secret://file/text.key]}}
    am: {{kind: alertmanager, secrets: [secret://file/text.key]}}
    pagerduty: {{kind: pagerduty, secrets: [secret://file/text.key]}}
    grafana: {{kind: grafana, time_header: X-Time, secrets: [secret://file/text.key]}}
    opsgenie: {{kind: opsgenie, secrets: [secret://file/text.key]}}
    elastic: {{kind: elastic, secrets: [secret://file/text.key]}}
    sentinel: {{kind: sentinel, secrets: [secret://file/text.key]}}
    sentry: {{kind: sentry, secrets: [secret://file/text.key]}}
    slack: {{kind: slack, secrets: [secret://file/text.key]}}
    own: {{kind: hmac, header: X-Signature, signs: "{{time}}.{{body}}", time_header: X-Time, secrets: [secret://file/text.key]}}
    siem: {{kind: bearer, secrets: [secret://file/text.key]}}
  routes:
    - when: ${{alert.body.data.type == "credential.leaked"}}
      playbook: leaked-mcp-oauth
      inputs: {{vault_id: "${{alert.body.data.vault_id}}", credential_id: "${{alert.body.data.id}}"}}
      mode: {}
)",
                                mode));
  }

  void start() {
    process_ = std::make_unique<Process>(
        std::vector<std::string>{quell_path(), "serve", "--json", "--config",
                                 site_.folder().path() + "/quell.yaml"},
        site_.environment());
    // Runs that it takes up are told first.
    Result<Value> ready = parse_json(process_->read_line());
    while (ready && (*ready)["event"].string_or("") == "resumed")
      ready = parse_json(process_->read_line());
    REQUIRE(ready);
    const std::string address = (*ready)["hooks"].string_or(":0");
    port_ = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
    REQUIRE(port_ != 0);
  }

  /// The answer to `request` on a connection of its own.
  std::string ask(const std::string& request) const {
    RawClient client(port_);
    client.send(request);
    return client.receive_all();
  }
  int status(const std::string& request) const { return status_of(ask(request)); }

  std::string leak() const { return leak_of(site_.credential_id()); }
  std::string leak_of(const std::string& id) const {
    return fmt::format(
        R"({{"type":"event","id":"whe_1","data":{{"type":"credential.leaked","id":"{}","vault_id":"{}"}}}})",
        id, site_.vault_id());
  }

  std::size_t runs() const { return site_.run({"runs", "--json"}).json()["runs"].as_list().size(); }
  /// Ends the daemon and gives its log as one JSON document per line.
  std::vector<Value> stop(int signal = SIGTERM) {
    process_->signal(signal);
    const Finished finished = process_->wait();
    std::vector<Value> lines;
    std::size_t from = 0;
    for (std::size_t end = finished.out.find('\n'); end != std::string::npos;
         end = finished.out.find('\n', from)) {
      const Result<Value> line =
          parse_json(std::string_view(finished.out).substr(from, end - from));
      REQUIRE(line);
      lines.push_back(*line);
      from = end + 1;
    }
    exit_ = finished.exit;
    return lines;
  }

  const Site& site() const { return site_; }
  std::uint16_t port() const { return port_; }
  int exit() const { return exit_; }
  /// Of the resident memory, the most there ever was.
  long peak_kib() const {
    std::ifstream status(fmt::format("/proc/{}/status", process_->pid()));
    std::string word;
    long kib = 0;
    while (status >> word) {
      if (word == "VmHWM:") status >> kib;
    }
    return kib;
  }

 private:
  Site site_{};
  std::unique_ptr<Process> process_{};
  std::uint16_t port_ = 0;
  int exit_ = -1;
};

Value answer_of(const std::string& answer) {
  const Result<Value> body = parse_json(body_of(answer));
  REQUIRE(body);
  return *body;
}

std::vector<Value> refusals(const std::vector<Value>& log) {
  std::vector<Value> found;
  std::ranges::copy_if(log, std::back_inserter(found), [](const Value& line) {
    return line["event"].string_or("") == "hook_refused";
  });
  return found;
}

}  // namespace

// Goal: one leak is one run, however often, by whom and when it is told (threat T15).
TEST_CASE("a storm of copies, a forgery and replays across a kill begin one run") {
  Daemon daemon;
  const AlertSource source = source_of(SourceKind::standard_webhooks, "anthropic");
  const std::string request = delivery(source, "msg_1", daemon.leak());
  std::array<int, 5> statuses{};
  std::vector<std::thread> copies;
  for (int& status : statuses)
    copies.emplace_back([&status, &daemon, &request] { status = daemon.status(request); });
  for (std::thread& copy : copies) copy.join();
  for (const int status : statuses) CHECK(status == 202);
  AlertSource forger = source;
  forger.keys.front().secret =
      std::make_shared<const Secret>(Secret::copy_of("whsec_qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"));
  CHECK(daemon.status(delivery(forger, "msg_2", daemon.leak())) == 401);
  // Six minutes later the sender tries again: the same id, signed with a new time.
  CHECK(answer_of(
            daemon.ask(delivery(source, "msg_1", daemon.leak(), std::chrono::seconds(1))))["alerts"]
            .as_list()
            .front()["repeated"]
            .bool_or(false));
  CHECK(daemon.status(delivery(source, "msg_1", daemon.leak(), std::chrono::seconds(-360))) == 401);
  daemon.stop(SIGKILL);
  daemon.start();
  CHECK(daemon.status(request) == 202);
  CHECK(daemon.status(delivery(source, "msg_1", daemon.leak(), std::chrono::seconds(2))) == 202);
  CHECK(daemon.runs() == 1);
  const std::vector<Value> log = daemon.stop();
  CHECK(daemon.exit() == 143);
  CHECK(log.back()["event"].string_or("") == "stop");
}

// Goal: what does not verify is refused without a trace but one line, which tells nothing of it.
TEST_CASE("each way to be wrong is refused with one line") {
  Daemon daemon;
  const AlertSource source = source_of(SourceKind::standard_webhooks, "anthropic");
  const std::string good = delivery(source, "msg_1", daemon.leak());
  const auto without = [&](const std::string& name) {
    std::string request = good;
    const std::size_t at = request.find(name + ":");
    REQUIRE(at != std::string::npos);
    return request.erase(at, request.find("\r\n", at) + 2 - at);
  };
  std::string flipped = good;
  flipped[flipped.size() - 3] ^= 1;
  std::string other_id = good;
  other_id.replace(other_id.find("msg_1"), 5, "msg_2");
  const std::vector<std::string> wrong{
      flipped,
      other_id,
      delivery(source, "msg_1", daemon.leak(), std::chrono::seconds(-301)),
      delivery(source, "msg_1", daemon.leak(), std::chrono::seconds(302)),
      without("webhook-signature"),
      without("webhook-timestamp"),
      without("webhook-id")};
  for (const std::string& request : wrong) {
    const int status = daemon.status(request);
    CHECK((status == 400 || status == 401));
  }
  const std::string elsewhere =
      "POST /hooks/..%2f..%2fapi/v1/runs HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
  CHECK(daemon.status(elsewhere) == 404);
  CHECK(daemon.status("GET /hooks/anthropic HTTP/1.1\r\nHost: a\r\n\r\n") == 405);
  CHECK(daemon.runs() == 0);
  const std::vector<Value> log = daemon.stop();
  CHECK(refusals(log).size() == wrong.size() + 2);
  for (const Value& line : log) {
    const std::string text = to_json(line);
    CHECK(text.find("credential.leaked") == std::string::npos);
    CHECK(text.find(kSecret.substr(10, 16)) == std::string::npos);
  }
}

// Goal: every kind of sender that quell can sign for gets through its own door. Method: quell hook
// test signs as the sender would.
TEST_CASE("each kind of source takes a test of its own") {
  Daemon daemon;
  const std::string base = fmt::format("http://127.0.0.1:{}/hooks/", daemon.port());
  for (const std::string name :
       {"anthropic", "github", "gitguardian", "am", "pagerduty", "grafana", "opsgenie", "elastic",
        "sentinel", "sentry", "slack", "own", "siem"}) {
    CAPTURE(name);
    const Finished tested =
        daemon.site().run({"hook", "test", name, "--url", base + name, "--json"});
    CHECK(tested.exit == 0);
  }
  const Finished wrong =
      daemon.site().run({"hook", "test", "anthropic", "--url", base + "github", "--json"});
  CHECK(wrong.exit == 1);
  CHECK(daemon.site().run({"hook", "test", "nobody"}).exit == 2);
  // None of them is anything to act on: all lie in the inbox, where a person puts one aside.
  const Value inbox = daemon.site().run({"alerts", "--json"}).json()["alerts"];
  CHECK(inbox.as_list().size() == 13);
  const std::string id = inbox.as_list().front()["id"].string_or("");
  CHECK(daemon.site().run({"alerts", "dismiss", id}).exit == 2);
  CHECK(daemon.site().run({"alerts", "dismiss", id, "--reason", "a test"}).exit == 0);
  CHECK(daemon.site().run({"alerts", "--json"}).json()["alerts"].as_list().size() == 12);
  CHECK(daemon.site()
            .run({"alerts", "show", id, "--json"})
            .json()["dismissed"]["why"]
            .string_or("") == "a test");
  CHECK(daemon.runs() == 0);
}

// Goal: a flood hides nothing and fills no disk (threat T18). QUELL_FLOOD makes it longer.
TEST_CASE("the true alert amid a flood is planned within two seconds") {
  const std::size_t count = wished("QUELL_FLOOD", 2'000);
  Daemon daemon;
  const AlertSource source = source_of(SourceKind::standard_webhooks, "anthropic");
  const AlertSource noisy = source_of(SourceKind::standard_webhooks, "noisy");
  std::string forged = delivery(source, "msg_f", daemon.leak());
  forged.back() = ' ';
  const auto size_of_state = [&] {
    std::uintmax_t bytes = 0;
    for (const char* const suffix : {"", "-wal"}) {
      std::error_code none;
      const auto size = std::filesystem::file_size(daemon.site().database() + suffix, none);
      if (!none) bytes += size;
    }
    return bytes;
  };
  const std::uintmax_t before = size_of_state();
  std::atomic<std::size_t> next = 0;
  std::atomic<std::size_t> refused = 0;
  std::vector<std::thread> flood;
  for (int i = 0; i < 4; ++i) {
    flood.emplace_back([&] {
      for (std::size_t at = next++; at < count; at = next++) {
        const bool signed_one = at % 10 == 0;
        const std::string request =
            signed_one ? delivery(noisy, fmt::format("n{}", at), R"({"type":"noise"})") : forged;
        refused += daemon.status(request) / 100 == 4 ? 1 : 0;
      }
    });
  }
  while (next < count / 2) std::this_thread::yield();
  const auto sent = Steady::now();
  const std::string answer = daemon.ask(delivery(source, "msg_true", daemon.leak()));
  const double answered = std::chrono::duration<double>(Steady::now() - sent).count();
  CHECK(status_of(answer) == 202);
  const std::string run = answer_of(answer)["alerts"].as_list().front()["run"].string_or("");
  REQUIRE_FALSE(run.empty());
  double planned = 0;
  for (int look = 0; look < 200 && planned == 0; ++look) {
    const Finished shown = daemon.site().run({"journal", "show", "--run", run, "--json"});
    if (shown.out.find("approval_requested") != std::string::npos)
      planned = std::chrono::duration<double>(Steady::now() - sent).count();
  }
  for (std::thread& one : flood) one.join();
  const std::uintmax_t grown = size_of_state() - before;
  MESSAGE(count << " deliveries, " << refused.load() << " refused; the true one answered after "
                << answered << " s, planned after " << planned << " s; state grew by " << grown
                << " bytes");
  CHECK(planned > 0);
  if (!is_slowed()) CHECK(planned < 2);
  CHECK(refused >= count * 9 / 10);
  // The plan's own reads and the few that the noisy source got through; no row per refusal.
  CHECK(grown < (1U << 20U) + count / 10 * 2'000);
  CHECK(daemon.runs() == 1);
  const std::vector<Value> log = daemon.stop();
  CHECK(refusals(log).size() < 60);
}

// Goal: what hostile callers do costs neither memory nor the others' time.
TEST_CASE("under attack memory stays flat and a good alert is answered at once") {
  Daemon daemon;
  const AlertSource source = source_of(SourceKind::standard_webhooks, "anthropic");
  const std::string post = "POST /hooks/anthropic HTTP/1.1\r\nHost: a\r\n";
  const auto signed_body = [&](const std::string& id, const std::string& body) {
    return delivery(source, id, body);
  };
  std::string headers = post;
  for (int i = 0; i < 10'000; ++i) headers += fmt::format("X-{}: y\r\n", i);
  std::string ranges = "GET /hooks/anthropic HTTP/1.1\r\nHost: a\r\nRange: bytes=0-0";
  for (int i = 0; i < 2'600; ++i) ranges += ",0-0";
  std::string deep = R"({"type":"credential.leaked","data":)";
  deep += std::string(100'000, '[') + std::string(100'000, ']') + "}";
  std::string chunks = post + "Transfer-Encoding: chunked\r\n\r\n";
  const std::string chunk = "100000\r\n" + std::string(0x100000, 'x') + "\r\n";
  struct Attack {
    std::string name{};
    std::vector<std::string> requests{};
    std::vector<int> statuses{};  // one of these; 0: the line was cut
  };
  const std::vector<Attack> attacks{
      {"10,000 headers", {headers + "\r\n"}, {431, 0}},
      {"2,600 ranges", {ranges + "\r\n\r\n"}, {416}},
      {"30 MB in chunks",
       [&] {
         std::vector<std::string> pieces{chunks};
         pieces.insert(pieces.end(), 30, chunk);
         return pieces;
       }(),
       {411, 0}},
      {"a compressed bomb",
       {post + "Content-Encoding: gzip\r\nContent-Length: 20\r\n\r\n" + std::string(20, '\x1f')},
       {415}},
      {"a smuggled second request",
       {post + "Content-Length: 4\r\nContent-Length: 44\r\n\r\nabcd" + post + "\r\n"},
       {400}},
      {"a line break in a header", {post + "webhook-id: a\r\n b\r\n\r\n"}, {400}},
      {"an encoded line break",
       {post + "webhook-id: a%0d%0aX: y\r\nwebhook-timestamp: 1\r\nwebhook-signature: "
               "v1,x\r\nContent-Length: 0\r\n\r\n"},
       {400, 401}},
      {"invalid UTF-8", {signed_body("u", "{\"type\":\"\xff\xfe\"}")}, {400}},
      {"deep JSON", {signed_body("d", deep)}, {400, 413}},
      {"a key twice", {signed_body("k", R"({"type":"a","type":"b"})")}, {400}},
  };
  std::vector<std::unique_ptr<RawClient>> silent;
  for (int i = 0; i < 300; ++i) silent.push_back(std::make_unique<RawClient>(daemon.port()));
  for (std::size_t i = 0; i < 100; ++i) silent[i]->send(post);  // a head that never ends
  for (std::size_t i = 100; i < 200; ++i)
    silent[i]->send(post + "Content-Length: 200000\r\n\r\n{");  // a body that never comes
  int goods = 0;
  double slowest = 0;
  for (const Attack& attack : attacks) {
    CAPTURE(attack.name);
    RawClient attacker(daemon.port());
    for (const std::string& piece : attack.requests) {
      if (!attacker.send(piece)) break;
    }
    const auto start = Steady::now();
    CHECK(daemon.status(signed_body(fmt::format("good_{}", ++goods), R"({"type":"x"})")) == 202);
    slowest = std::max(slowest, std::chrono::duration<double>(Steady::now() - start).count());
    const int status = status_of(attacker.receive_all());
    CHECK(std::ranges::find(attack.statuses, status) != attack.statuses.end());
  }
  const long peak = daemon.peak_kib();
  MESSAGE("slowest good alert " << slowest * 1'000 << " ms, peak " << peak << " KiB");
  if (!is_slowed()) {
    CHECK(slowest < 0.2);
    CHECK(peak < 64L << 10U);
  }
}

// Goal: what alerts may begin is decided by files that nobody else can write (threat T24).
TEST_CASE("serve refuses a configuration that others can write, and routes that lead nowhere") {
  Daemon daemon;
  daemon.stop();
  const std::string file = daemon.site().folder().path() + "/quell.yaml";
  std::filesystem::permissions(file, std::filesystem::perms::others_write,
                               std::filesystem::perm_options::add);
  const Finished open = daemon.site().run({"serve"});
  CHECK(open.exit == 2);
  CHECK(open.err.find("chmod go-w") != std::string::npos);
  daemon.configure("auto");
  const Finished unnamed = daemon.site().run({"serve"});
  CHECK(unnamed.exit == 2);
  CHECK(unnamed.err.find("names its sources") != std::string::npos);
}

}  // namespace quell::test
