// What the front is attacked with, each attack under way while a well-behaved sender is served
// (threat A8). The server is a process of its own, so that its memory is its memory.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <doctest/doctest.h>

#include "certificates.h"
#include "orchestrator/http_server.h"
#include "state/base/json.h"
#include "tests/orchestrator/range/front_raw_client.h"
#include "tls_client.h"

namespace quell::http::test {
namespace {

using range::test::body_of;
using range::test::RawClient;
using range::test::status_of;
using Clients = std::vector<std::unique_ptr<RawClient>>;
using Steady = std::chrono::steady_clock;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsSanitized = true;
#elif defined(__has_feature)
constexpr bool kIsSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kIsSanitized = false;
#endif
constexpr std::chrono::milliseconds kAnswerTime{kIsSanitized ? 1'000 : 200};
/// For the slowest of them, which on a machine with other work waits for its turn.
constexpr std::chrono::milliseconds kWorstTime{2'000};
constexpr std::size_t kMemoryKibMax = 64U << 10U;
constexpr int kAlerts = 15;
constexpr std::size_t kIdle = 300;

/// The daemon's side: an alert is JSON; how often anything was asked for is kept.
HttpReply handle(const HttpCall& call, std::atomic<int>& calls) {
  if (call.target == "/count") return {.body = std::to_string(calls)};
  ++calls;
  if (call.target == "/stream") {
    HttpReply reply;
    reply.more = []() -> std::optional<std::string> {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      return "tick";
    };
    return reply;
  }
  if (call.target != "/hook") return {.status = 404};
  const Result<Value> alert =
      parse_json(call.body, {.bytes_max = 1U << 20U, .depth_max = 32, .nodes_max = 10'000});
  HttpReply reply{.status = alert ? 202 : 400};
  reply.headers.emplace_back("x-echo", std::string(call.header("x-echo")));
  return reply;
}

constexpr const char* kPortEnd = "QUELL_TEST_PORT_END";
constexpr const char* kCertificate = "QUELL_TEST_CERTIFICATE";
constexpr const char* kKey = "QUELL_TEST_KEY";

/// The server in a process of its own, with nothing of this one's in its memory; ended with this.
class Daemon {
 public:
  explicit Daemon(const Authority::Files& tls = {}) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      const std::string port_end = std::string(kPortEnd) + "=" + std::to_string(ends[1]);
      const std::string certificate = std::string(kCertificate) + "=" + tls.certificate;
      const std::string key = std::string(kKey) + "=" + tls.key;
      const std::array<const char*, 4> variables{port_end.c_str(), certificate.c_str(), key.c_str(),
                                                 nullptr};
      ::execle("/proc/self/exe", "daemon", "--no-skip", "-tc=the attacked daemon", nullptr,
               variables.data());
      ::_exit(1);
    }
    ::close(ends[1]);
    REQUIRE(::read(ends[0], &port, sizeof port) == sizeof port);
    ::close(ends[0]);
  }
  ~Daemon() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  /// A line of /proc/PID/status, in KiB.
  std::size_t memory_kib(const std::string& line) const {
    std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
    for (std::string word; status >> word;) {
      std::size_t kib = 0;
      if (word == line + ":" && status >> kib) return kib;
    }
    return 0;
  }

  std::string ask(const std::string& bytes) const {
    RawClient client(port);
    client.send(bytes);
    return client.receive_all();
  }
  int calls() const {
    return std::stoi(std::string(body_of(ask("GET /count HTTP/1.1\r\nHost: a\r\n\r\n"))));
  }

  std::uint16_t port = 0;

 private:
  pid_t pid_ = -1;
};

std::string post(const std::string& body, const std::string& headers = "") {
  return "POST /hook HTTP/1.1\r\nHost: a\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

Clients connect(const Daemon& daemon, std::size_t count, const std::string& first) {
  Clients clients;
  for (std::size_t i = 0; i < count; ++i) {
    clients.push_back(std::make_unique<RawClient>(daemon.port));
    clients.back()->send(first);
  }
  return clients;
}

/// Sends alerts one after the other while `attack` is called again and again on a thread, and looks
/// at what both cost.
void with_alerts_meanwhile(const Daemon& daemon, const std::string& name,
                           const std::function<void()>& attack,
                           const std::function<std::string(const std::string&)>& ask = {}) {
  CAPTURE(name);
  std::atomic<bool> is_over = false;
  std::atomic<int> rounds = 0;
  std::thread attacker([&] {
    while (!is_over) {
      attack();
      ++rounds;
      std::this_thread::yield();
    }
  });
  while (rounds == 0) std::this_thread::yield();
  std::vector<Steady::duration> times;
  for (int i = 0; i < kAlerts; ++i) {
    const Steady::time_point before = Steady::now();
    const std::string alert = post(R"({"alert":)" + std::to_string(i) + "}");
    CHECK(status_of(ask ? ask(alert) : daemon.ask(alert)) == 202);
    times.push_back(Steady::now() - before);
  }
  is_over = true;
  attacker.join();
  std::ranges::sort(times);
  const auto ms = [](Steady::duration time) {
    return std::chrono::duration<double, std::milli>(time).count();
  };
  const std::size_t kib = daemon.memory_kib("VmHWM");
  MESSAGE(name << ": median " << ms(times[times.size() / 2]) << " ms, slowest " << ms(times.back())
               << " ms, at most " << kib << " KiB");
  CHECK(times[times.size() / 2] < kAnswerTime);
  CHECK(times.back() < kWorstTime);
  if (!kIsSanitized) CHECK(kib < kMemoryKibMax);
}

/// Descriptors for thousands of connections, in this process and the ones it forks.
void raise_descriptor_limit() {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 8'192);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

const std::string kHead = "POST /hook HTTP/1.1\r\nHost: a\r\n";

}  // namespace

// Not a test: what Daemon starts.
TEST_CASE("the attacked daemon" * doctest::skip()) {
  const auto variable = [](const char* name) {
    const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): no thread yet
    return std::string(value == nullptr ? "" : value);
  };
  if (variable(kPortEnd).empty()) return;
  std::atomic<int> calls = 0;
  HttpServerOptions options;
  options.streams_max = 20;
  if (!variable(kCertificate).empty()) {
    options.tls =
        HttpTlsFiles{.certificate_file = variable(kCertificate), .key_file = variable(kKey)};
  }
  const auto server =
      HttpServer::start(options, [&](const HttpCall& call) { return handle(call, calls); });
  REQUIRE(server);
  const std::uint16_t port = (*server)->port();
  REQUIRE(::write(std::stoi(variable(kPortEnd)), &port, sizeof port) == sizeof port);
  while (true) ::pause();
}

// Goal: connections without a complete request, however many and however slow, cost a few hundred
// bytes each and hold up nobody.
TEST_CASE("slow and silent connections") {
  raise_descriptor_limit();
  const Daemon daemon;
  {
    const Clients idle = connect(daemon, kIdle, "");
    with_alerts_meanwhile(daemon, "300 idle connections", [] {});
  }
  {
    const Clients slow = connect(daemon, kIdle, kHead + "X-Slow: ");
    with_alerts_meanwhile(daemon, "300 slow heads", [&] {
      for (const auto& client : slow) client->send("a");
    });
  }
  {
    const std::string large = kHead + "Content-Length: 1000000\r\n\r\n" + std::string(60'000, ' ');
    const Clients slow = connect(daemon, kIdle, large);
    with_alerts_meanwhile(daemon, "300 slow bodies", [&] {
      for (const auto& client : slow) client->send(" ");
    });
  }
  {
    const Clients idle = connect(daemon, 3'000, "G");
    with_alerts_meanwhile(daemon, "3,000 unfinished heads", [] {});
    with_alerts_meanwhile(daemon, "and more of them all the time",
                          [&] { connect(daemon, 50, "POST / HTTP/1.1\r\n"); });
  }
}

// Goal: the same with TLS, whose state in memory is far larger.
TEST_CASE("handshakes that stop, and silence after them") {
  raise_descriptor_limit();
  const Folder folder;
  const Authority authority(folder, "ca");
  const Authority::Files files = authority.issue("server");
  const Daemon daemon(files);
  const auto open = [&] {
    return std::make_unique<TlsClient>(
        TlsClient::Options{.port = daemon.port, .authority_file = authority.file()});
  };
  const auto ask = [&](const std::string& bytes) {
    const auto client = open();
    client->send(bytes);
    return client->receive_all();
  };
  const Clients idle = connect(daemon, kIdle, "");
  with_alerts_meanwhile(
      daemon, "300 idle connections before TLS", [] {}, ask);
  std::vector<std::unique_ptr<TlsClient>> silent;
  for (std::size_t i = 0; i < 1'024; ++i) silent.push_back(open());
  with_alerts_meanwhile(
      daemon, "1,024 silent ones within TLS", [] {}, ask);
  const Clients stuck = connect(daemon, 1'024, std::string("\x16\x03\x01\x02\x00\x01", 6));
  with_alerts_meanwhile(
      daemon, "1,024 begun handshakes", [] {}, ask);
  with_alerts_meanwhile(
      daemon, "and connections without end",
      [&] { connect(daemon, 50, std::string("\x16\x03\x01\x02\x00\x01", 6)); }, ask);
  // Handshakes cost the caller as much as us; what they may not do is to shut others out.
  with_alerts_meanwhile(
      daemon, "handshakes without end", [&] { open(); }, ask);
}

// Goal: 20 pages that follow a run take no thread from the alerts.
TEST_CASE("live pages") {
  const Daemon daemon;
  const Clients pages = connect(daemon, 20, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
  while (daemon.calls() < 20) std::this_thread::yield();
  with_alerts_meanwhile(daemon, "20 live pages", [] {});
  CHECK(status_of(daemon.ask("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")) == 503);
}

// Goal: whatever is too large is refused before it is held.
TEST_CASE("large requests") {
  const Daemon daemon;
  const auto refused = [&](const std::string& name, const std::string& bytes, int status) {
    with_alerts_meanwhile(daemon, name, [&] {
      const std::string answer = daemon.ask(bytes);
      // Whoever goes on sending after the answer may lose it to the reset that this earns.
      if (!answer.empty()) CHECK(status_of(answer) == status);
    });
  };
  const std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
  std::string chunks = kHead + "Transfer-Encoding: chunked\r\n\r\n";
  while (chunks.size() < 30'000'000) chunks += chunk;
  refused("30 MB in chunks", chunks, 411);
  refused("a compressed body", post(std::string(518, '\x1f'), "Content-Encoding: gzip\r\n"), 415);
  std::string many = kHead;
  for (int i = 0; i < 10'000; ++i) many += "X-" + std::to_string(i) + ": a\r\n";
  refused("10,000 headers", many + "\r\n", 431);
  std::string long_line = kHead + "X: ";
  long_line.resize(20'000'000, 'a');
  refused("a header of 20 MB", long_line, 431);
  std::string ranges = "GET /hook HTTP/1.1\r\nHost: a\r\nRange: bytes=0-";
  for (int i = 1; i < 2'600; ++i) ranges += ",0-";
  refused("2,600 ranges", ranges + "\r\n\r\n", 416);
  refused("100 MB announced", kHead + "Content-Length: 100000000\r\n\r\n", 413);
  with_alerts_meanwhile(daemon, "bodies of 1 MB that are no JSON", [&] {
    const std::string bytes = post(std::string(1'000'000, 'x'));
    const Clients clients = connect(daemon, 16, "");
    for (const auto& client : clients) client->send(bytes);
    for (const auto& client : clients) {
      const int status = status_of(client->receive_all());
      CHECK((status == 400 || status == 503));
    }
  });
}

// Goal: nothing gets past the framing: no second request in the first one's body, no header out of
// a value, no path but the one that was sent.
TEST_CASE("smuggled requests, split headers and paths") {
  const Daemon daemon;
  const int before = daemon.calls();
  const std::string second = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
  CHECK(status_of(daemon.ask(post(second))) == 400);
  CHECK(status_of(daemon.ask(post("{}") + second)) == 202);
  CHECK(daemon.calls() == before + 2);
  CHECK(status_of(daemon.ask("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n" + second)) ==
        400);
  CHECK(status_of(daemon.ask(kHead + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}" +
                             second)) == 411);
  CHECK(daemon.calls() == before + 2);

  const std::string echoed = daemon.ask(post("{}", "X-Echo: a%0d%0aX-Injected: b\r\n"));
  CHECK(status_of(echoed) == 202);
  CHECK(range::test::header_in(echoed, "x-echo") == "a%0d%0aX-Injected: b");
  CHECK(range::test::header_in(echoed, "x-injected") == "(absent)");
  CHECK(status_of(daemon.ask(post("{}", "X-Echo: a\rX-Injected: b\r\n"))) == 400);
  CHECK(status_of(daemon.ask(post("{}", "X-Echo: a\nX-Injected: b\r\n"))) == 400);

  for (const char* path : {"/../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/hook/../hook",
                           "/hook%00", "//hook", "/hook/", "/HOOK", "/%68ook"}) {
    CAPTURE(path);
    CHECK(status_of(daemon.ask("GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n\r\n")) ==
          404);
  }
  CHECK(status_of(daemon.ask("GET \\..\\etc HTTP/1.1\r\nHost: a\r\n\r\n")) == 400);
}

// Goal: bodies that are bombs for a parser are answered in the time of any other.
TEST_CASE("hostile JSON") {
  const Daemon daemon;
  const auto hostile = [&](const std::string& name, const std::string& body) {
    with_alerts_meanwhile(daemon, name, [&] { CHECK(status_of(daemon.ask(post(body))) == 400); });
  };
  hostile("invalid UTF-8", "{\"a\":\"\xc3\x28\"}");
  hostile("deep JSON", std::string(1'000'000, '['));
  hostile("a key twice", R"({"a":1,"a":2})");
  std::string wide = "[0";
  while (wide.size() < 1'000'000) wide += ",0";
  hostile("half a million numbers", wide + "]");
}

}  // namespace quell::http::test
