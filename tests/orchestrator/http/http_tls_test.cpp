#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <sys/stat.h>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <openssl/ssl.h>

#include "certificates.h"
#include "orchestrator/http_server.h"
#include "tests/orchestrator/range/front_raw_client.h"
#include "tls_client.h"

namespace quell::http::test {
namespace {

using range::test::body_of;
using range::test::RawClient;
using range::test::status_of;
using Steady = std::chrono::steady_clock;

constexpr const char* kGet = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

HttpReply tell_verified(const HttpCall& call) {
  return {.body = call.target + (call.client_verified ? " verified" : " anonymous")};
}

std::unique_ptr<HttpServer> serve(HttpServerOptions options, HttpHandler handler = tell_verified) {
  Result<std::unique_ptr<HttpServer>> server =
      HttpServer::start(std::move(options), std::move(handler));
  if (!server) MESSAGE(describe(server.error()));
  REQUIRE(server);
  return *std::move(server);
}

/// A server's certificate and everything around it.
struct Site {
  Folder folder{};
  Authority authority{folder, "ca"};
  Authority::Files files = authority.issue("server");

  HttpServerOptions options() const {
    HttpServerOptions options;
    options.tls = HttpTlsFiles{.certificate_file = files.certificate, .key_file = files.key};
    return options;
  }
  TlsClient::Options client(const HttpServer& server) const {
    return {.port = server.port(), .authority_file = authority.file()};
  }
};

Error bind_error(const HttpServerOptions& options) {
  const Result<std::unique_ptr<HttpServer>> server = HttpServer::bind(options);
  REQUIRE_FALSE(server);
  CHECK_FALSE(server.error().hint.empty());
  return server.error();
}

}  // namespace

// Goal: what is asked over TLS is answered over TLS, large bodies, kept lines and streams included.
TEST_CASE("requests over TLS") {
  const Site site;
  HttpServerOptions options = site.options();
  options.keep_alive = true;
  const auto server = serve(options, [](const HttpCall& call) {
    HttpReply reply{.body = call.target + " " + call.body};
    if (call.target == "/stream") {
      reply.more = [left = 3]() mutable -> std::optional<std::string> {
        if (left-- == 0) return std::nullopt;
        return "tick";
      };
    }
    return reply;
  });
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClient::Options wanted = site.client(*server);
    wanted.version_max = version;
    TlsClient client(wanted);
    REQUIRE(client.is_open());
    CHECK(client.version() == (version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3"));
    const std::string large(900'000, 'x');
    client.send("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(large.size()) +
                "\r\n\r\n" + large + "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n" + kGet);
    const std::string answers = client.receive_all();
    CHECK(answers.size() > large.size());
    CHECK(answers.find("/1 " + large.substr(0, 40)) != std::string::npos);
    CHECK(answers.find("/2 ") != std::string::npos);
    CHECK(answers.ends_with("/a "));
  }
  TlsClient client(site.client(*server));
  client.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(body_of(client.receive_all()) == "4\r\ntick\r\n4\r\ntick\r\n4\r\ntick\r\n0\r\n\r\n");
}

// Goal: nothing weaker than TLS 1.2 with fresh keys and authenticated encryption, and no second
// handshake inside the first.
TEST_CASE("old versions, weak suites and renegotiation are refused") {
  const Site site;
  const auto server = serve(site.options());
  for (const char* suites : {"AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "NULL"}) {
    CAPTURE(suites);
    TlsClient::Options wanted = site.client(*server);
    wanted.version_max = TLS1_2_VERSION;
    wanted.suites = std::string(suites) + ":@SECLEVEL=0";
    CHECK_FALSE(TlsClient(wanted).is_open());
  }
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    TlsClient::Options old = site.client(*server);
    old.version_max = version;
    old.suites = "ALL:@SECLEVEL=0";
    CHECK_FALSE(TlsClient(old).is_open());
  }
  TlsClient::Options wanted = site.client(*server);
  wanted.version_max = TLS1_2_VERSION;
  TlsClient again(wanted);
  REQUIRE(again.is_open());
  CHECK_FALSE(again.renegotiate());
  RawClient plain(server->port());
  plain.send(kGet);
  CHECK(status_of(plain.receive_all()) == 0);
}

// Goal: the handshake counts against the deadline of the head, and a slow one holds up nobody.
TEST_CASE("a handshake that does not go on ends with the head's deadline") {
  const Site site;
  HttpServerOptions options = site.options();
  options.head_deadline = Duration(300);
  const auto server = serve(options);
  RawClient silent(server->port());
  RawClient stuck(server->port());
  stuck.send(std::string("\x16\x03\x01\x02\x00\x01", 6));  // the first bytes of a ClientHello
  TlsClient headless(site.client(*server));
  REQUIRE(headless.is_open());
  TlsClient client(site.client(*server));
  client.send(kGet);
  CHECK(status_of(client.receive_all()) == 200);
  const Steady::time_point before = Steady::now();
  CHECK(stuck.receive_all().empty());
  CHECK(silent.receive_all().empty());
  CHECK(headless.receive_all().empty());
  CHECK(Steady::now() - before < std::chrono::seconds(2));
}

// Goal: mutual TLS tells a known client from an unknown one, and lets no forged one in.
TEST_CASE("client certificates") {
  const Site site;
  const Authority foreign(site.folder, "foreign");
  HttpServerOptions options = site.options();
  options.tls->client_ca_file = site.authority.file();
  const auto server = serve(options);
  const auto ask = [&](const Authority::Files& own) {
    TlsClient::Options wanted = site.client(*server);
    wanted.own = own;
    TlsClient client(wanted);
    if (client.is_open()) client.send(kGet);
    return std::string(body_of(client.receive_all()));
  };
  CHECK(ask(site.authority.issue("sender")) == "/a verified");
  CHECK(ask({}) == "/a anonymous");
  CHECK(ask(foreign.issue("sender")).empty());

  // Without authorities of clients nobody is verified, whatever is shown.
  const auto open = serve(site.options());
  TlsClient::Options wanted = site.client(*open);
  wanted.own = site.authority.issue("sender");
  TlsClient client(wanted);
  client.send(kGet);
  CHECK(body_of(client.receive_all()) == "/a anonymous");
}

// Goal: files that cannot work are found at the start, each with its name and a remedy.
TEST_CASE("bad certificate files are errors of bind()") {
  const Site site;
  const HttpServerOptions good = site.options();
  HttpServerOptions bad = good;
  bad.tls->certificate_file = site.folder.path + "/none.pem";
  CHECK(bind_error(bad).message.find("none.pem") != std::string::npos);
  bad = good;
  bad.tls->key_file = site.folder.path + "/none.key";
  CHECK(bind_error(bad).message.find("none.key") != std::string::npos);
  bad = good;
  bad.tls->key_file = site.authority.issue("other").key;
  CHECK(bind_error(bad).message.find("is not the one of") != std::string::npos);
  bad = good;
  bad.tls->client_ca_file = site.files.key;
  CHECK(bind_error(bad).message.find(site.files.key) != std::string::npos);
  ::chmod(site.authority.file().c_str(), 0666);
  bad.tls->client_ca_file = site.authority.file();
  CHECK(bind_error(bad).hint.find("chmod") != std::string::npos);
  const std::string text = site.folder.path + "/text.key";
  std::ofstream(text) << "canary-secret";
  ::chmod(text.c_str(), 0600);
  bad = good;
  bad.tls->key_file = text;
  const Error unreadable = bind_error(bad);
  CHECK(describe(unreadable).find("canary") == std::string::npos);
  ::chmod(site.files.key.c_str(), 0640);
  CHECK(bind_error(good).hint == "chmod 600 " + site.files.key);
}

// Goal: new files serve new connections, and bad ones change nothing.
TEST_CASE("reloading the certificate") {
  const Site site;
  const auto server = serve(site.options());
  const auto name_shown = [&] { return TlsClient(site.client(*server)).server_name(); };
  CHECK(name_shown() == "server");
  TlsClient before(site.client(*server));
  const Authority::Files next = site.authority.issue("next");
  std::filesystem::rename(next.certificate, site.files.certificate);
  const Status mixed = server->reload_tls();
  REQUIRE_FALSE(mixed);
  CHECK(describe(mixed.error()).starts_with("the old certificate stays in use"));
  CHECK(name_shown() == "server");
  std::filesystem::rename(next.key, site.files.key);
  REQUIRE(server->reload_tls());
  CHECK(name_shown() == "next");
  before.send(kGet);  // a line that was open goes on
  CHECK(status_of(before.receive_all()) == 200);
  CHECK_FALSE(serve({})->reload_tls());
}

// Goal: many handshakes at once, each of them answered.
TEST_CASE("sixteen callers over TLS") {
  const Site site;
  const auto server = serve(site.options());
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  threads.reserve(16);
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 8; ++round) {
        TlsClient client(site.client(*server));
        client.send(kGet);
        if (status_of(client.receive_all()) == 200) ++good;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == 16 * 8);
}

}  // namespace quell::http::test
