// What a person sees whose platform refuses, is not there or talks nonsense: whole processes, real
// sockets, a real database. Each error is one sentence and one remedy, the journal stays whole, and
// nothing is changed.
#include <poll.h>
#include <string>

#include <doctest/doctest.h>

#include "site.h"
#include "tests/connectors/transport/socket_server.h"
#include "tests/connectors/transport/tls_server.h"

namespace quell::test {
namespace {

/// One read, never repeated, against whatever platform is configured.
const std::string kRead = R"(quell: 1
id: look
title: Who holds a credential
purpose: Read the estate.
steps:
  - {id: all, use: platform.find_credentials, retry: {max: 0}}
)";
/// And a look that judges.
const std::string kJudge = kRead + R"(verify:
  - {probe: platform.no_active_credential, with: {mcp_server_url: "https://mcp.example.com/mcp"}}
)";

/// `run` of the leak at `site`, which must fail with 5 and change nothing.
Told refused_leak(const Site& site, std::vector<std::string> more = {"--yes"}) {
  const std::size_t before = site.changes_seen();
  const Finished done = site.run_leak(std::move(more));
  CAPTURE(done.out);
  CAPTURE(done.err);
  CHECK(done.exit == 5);
  CHECK(site.changes_seen() == before);
  CHECK(site.run({"journal", "verify"}).exit == 0);
  return told(done);
}

/// `run` of kRead against `server`, likewise.
Told refused_look(const Site& site, const SocketServer& server) {
  site.configure(server.origin());
  const Finished done = site.run({"run", site.folder().write("look.yaml", kRead), "--yes"});
  CHECK(done.exit == 5);
  CHECK(site.run({"journal", "verify"}).exit == 0);
  return told(done);
}

std::string compare(const Site& site) { return "compare platform.base_url at " + site.place(5); }

}  // namespace

// Goal: the key that is wrong is named by its fingerprint, and the line that names it.
TEST_CASE("a wrong key") {
  const Site site;
  const std::string wrong = "sk-ant-wrong-0123456789abcdef";
  site.folder().write("api.key", wrong);
  const Told said = refused_leak(site);
  CHECK(said.word == "denied");
  CHECK(said.sentence.starts_with("the platform refused the key fp:"));
  CHECK(said.sentence.ends_with(" (401)."));
  CHECK(said.help == "set ANTHROPIC_API_KEY, or platform.api_key at " + site.place(6));

  // With --json the same stands in the one document on stdout.
  const Finished json = site.run_leak({"--yes", "--json"});
  CHECK(json.exit == 5);
  const Value error = json.json()["error"];
  CHECK(error["code"].string_or("") == "denied");
  CHECK(error["message"].string_or("") == said.sentence);
  CHECK(error["hint"].string_or("") == said.help);
  CHECK(error["exit"].int_or(0) == 5);
  CHECK(json.err.find("quell: error:") == std::string::npos);
  for (const std::string* text : {&json.out, &json.err}) {
    CHECK(text->find(wrong) == std::string::npos);
  }
}

TEST_CASE("a host whose name does not resolve, and a port that nobody listens on") {
  const Site site;
  site.configure("https://platform.invalid");
  Told said = refused_leak(site);
  CHECK(said.word == "transient");
  CHECK(said.sentence == "platform.invalid is unreachable: no such host.");
  CHECK(said.help == compare(site) + "; nothing was sent");

  site.configure("http://127.0.0.1:1");
  said = refused_leak(site);
  CHECK(said.word == "transient");
  CHECK(said.sentence == "127.0.0.1 is unreachable: the connection was refused.");
  CHECK(said.help == compare(site) + "; nothing was sent");
}

TEST_CASE("a certificate that nobody vouches for") {
  const Site site;
  const TestCertificate certificate("localhost");
  const SocketServer server([&certificate](Line& line, SocketServer& log) {
    const std::string request = serve_tls(line.descriptor(), certificate, ok_response("{}"));
    if (!request.empty()) log.note(request);
  });
  site.configure("https://localhost:" + std::to_string(server.port()));
  const Told said = refused_leak(site);
  CHECK(said.word == "transient");
  CHECK(said.sentence == "localhost is unreachable: its certificate is not trusted for this name.");
  CHECK(said.help == compare(site) + "; nothing was sent");
  CHECK(server.connections() > 0);
  CHECK(server.log().empty());  // the key did not leave
}

TEST_CASE("a credential that the platform does not know") {
  const Site site;
  std::vector<std::string> arguments = site.leak_arguments();
  for (std::string& word : arguments) {
    if (word.starts_with("credential_id=")) word = "credential_id=vcrd_unknown";
  }
  arguments.emplace_back("--yes");
  const Finished done = site.run(arguments);
  CHECK(done.exit == 5);
  const Told said = told(done);
  CHECK(said.word == "gone");
  CHECK(said.sentence == site.vault_id() + " has no credential vcrd_unknown (404).");
  CHECK(said.help == "compare both ids, and whether the key belongs to their workspace");
  CHECK(site.changes_seen() == 0);
  CHECK(site.run({"journal", "verify"}).exit == 0);
}

// Goal: a run that breaks off and leaves a way in says both: that it is open, and why nobody closed
// it. Method: a step that fails before anything is touched, and a look that finds the credential.
TEST_CASE("a run that breaks off exposed names its cause") {
  const Site site;
  const std::string mcp(site.range()["mcp"]["url"].as_string());
  const std::string playbook =
      site.folder().write("breaks-off.yaml", R"(quell: 1
id: breaks-off
title: Breaks off
purpose: Look up a credential that is not there.
steps:
  - {id: one, use: platform.get_credential, with: {vault_id: ")" + site.vault_id() +
                                                 R"(", credential_id: vcrd_unknown}}
verify:
  - {probe: platform.no_active_credential, with: {mcp_server_url: ")" + mcp + R"("}}
)");
  const Finished done = site.run({"run", playbook, "--yes"});
  CAPTURE(done.out);
  CHECK(done.exit == 4);
  const Told said = told(done);
  CHECK(said.word == "gone");
  CHECK(said.sentence == site.vault_id() + " has no credential vcrd_unknown (404).");
  const Value document = site.run({"run", playbook, "--yes", "--json"}).json();
  CHECK(document["result"].string_or("") == "exposed");
  CHECK(document["error"]["code"].string_or("") == "gone");
  CHECK(document["error"]["exit"].int_or(0) == 4);
}

// Goal: what somebody else has done already is taken as done, and is still proved.
// Method: the same leak twice; the second run finds the credential archived.
TEST_CASE("a credential that is archived already") {
  const Site site;
  REQUIRE(site.run_leak({"--yes", "--json"}).exit == 0);
  const Finished again = site.run_leak({"--yes", "--json"});
  CAPTURE(again.err);
  const Value run = again.json();
  CAPTURE(again.out);
  CHECK(run["steps"]["purge"]["outcome"].string_or("") == "already");
  CHECK(run["steps"]["purge"]["verdict"].string_or("") == "proved");
  CHECK((again.exit == 0 || again.exit == 3));
  CHECK_FALSE(run.has("error"));
  CHECK(site.run({"journal", "verify"}).exit == 0);
}

TEST_CASE("JSON that is none") {
  const Site site;
  const SocketServer html(always(ok_response("<html>log in</html>")));
  site.configure(html.origin());
  Told said = refused_leak(site);
  CHECK(said.word == "answer");
  CHECK(said.sentence.starts_with("127.0.0.1 answered no JSON object for "));
  CHECK(said.help == compare(site) + ": a proxy or login page may stand before the platform");
  CHECK(said.sentence.find("log in") == std::string::npos);

  const SocketServer broken(always(ok_response(R"({"data":[)")));
  said = refused_look(site, broken);
  CHECK(said.word == "answer");
  CHECK(said.sentence == "the list of vaults did not come to its end: a page is no JSON object.");
  CHECK(said.help == "nothing is taken as absent; " + compare(site));
}

// Goal: no answer is too long to be refused, announced or not.
TEST_CASE("a body of 100 MB") {
  constexpr std::size_t kBytes = 100'000'000;
  for (const bool announced : {true, false}) {
    CAPTURE(announced);
    const Site site;
    const SocketServer server([announced](Line& line, SocketServer&) {
      if (line.read_request().empty()) return;
      const std::string length =
          announced ? "Content-Length: " + std::to_string(kBytes) + "\r\n" : "";
      if (!line.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + length + "\r\n"))
        return;
      const std::string block(1U << 16U, ' ');
      for (std::size_t sent = 0; sent < kBytes && line.send(block); sent += block.size()) {
      }
    });
    const Told said = refused_look(site, server);
    CHECK(said.word == "invalid");
    CHECK(said.sentence == "127.0.0.1 sent a body of more than 16384 KiB.");
    CHECK(said.help == compare(site) + ": something else may answer there");
  }
}

// Goal: a server that never comes to an end does not hold the run for ever.
// Method: a byte every 50 ms behind a good head; the transport's bound for slow answers ends it.
TEST_CASE("a body that never ends") {
  const Site site;
  const SocketServer server([](Line& line, SocketServer&) {
    if (line.read_request().empty()) return;
    constexpr int kBytesMax = 4'000;
    constexpr int kPauseMs = 50;
    bool there = line.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n");
    for (int sent = 0; there && sent < kBytesMax; ++sent) {
      pollfd client{.fd = line.descriptor(), .events = POLLIN, .revents = 0};
      // The client says nothing more: what can be read is its hanging up.
      there = poll(&client, 1, kPauseMs) == 0 && line.send(" ");
    }
  });
  const Told said = refused_look(site, server);
  CHECK(said.word == "transient");
  CHECK(said.sentence == "127.0.0.1 did not finish its answer in time.");
  CHECK(said.help == "see whether a proxy or the host itself is in trouble");
}

// Goal: an estate where nothing is to be found proves nothing, and is no error (threat T9).
TEST_CASE("an empty estate") {
  const Site site;
  const SocketServer server([](Line& line, SocketServer&) {
    for (std::string request = line.read_request(); !request.empty();
         request = line.read_request()) {
      const bool list = request.find("limit=") != std::string::npos;
      const std::string body = list ? R"({"data":[],"next_page":null})" : "{}";
      if (!line.send(list ? ok_response(body)
                          : "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"))
        return;
    }
  });
  site.configure(server.origin());
  const Finished done =
      site.run({"run", site.folder().write("look.yaml", kJudge), "--yes", "--json"});
  CAPTURE(done.err);
  CHECK(done.exit == 3);
  const Value run = done.json();
  CHECK(run["result"].string_or("") == "incomplete");
  CHECK(run["steps"]["all"]["outcome"].string_or("") == "done");
  CHECK(run["claims"].list_or_empty().front()["verdict"].string_or("") == "unproved");
  CHECK(site.run({"journal", "verify"}).exit == 0);

  const Told said = refused_leak(site);
  CHECK(said.word == "gone");
  CHECK(said.sentence ==
        site.vault_id() + " has no credential " + site.credential_id() + " (404).");
}

// Goal: a key never goes to an address of somebody's inner network unless that is written down.
TEST_CASE("a private address") {
  const Site site;
  site.configure("https://10.2.0.9");
  const Told said = refused_leak(site);
  CHECK(said.word == "egress");
  CHECK(said.sentence == "10.2.0.9 is a private address.");
  CHECK(said.help == "add \"10.2.0.9/32\" to egress.allow_private if that is intended");
}

}  // namespace quell::test
