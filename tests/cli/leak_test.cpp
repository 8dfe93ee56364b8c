// The main job over real sockets, a real database and real processes.

#include <algorithm>
#include <csignal>
#include <string>

#include <doctest/doctest.h>

#include "site.h"

namespace quell::test {

// Goal: a leaked grant ends dead in every plane, and the world agrees.
TEST_CASE("the leak is contained and the world's own truth agrees") {
  const Site site;
  const Finished done = site.run_leak({"--yes", "--json"});
  CAPTURE(done.err);
  CAPTURE(done.out);
  REQUIRE(done.exit == 0);
  const Value run = done.json();
  CHECK(run["result"].string_or("") == "contained");
  CHECK(run["origin"].string_or("") == "range");
  CHECK(run["mode"].string_or("") == "live");
  for (const Value& claim : run["claims"].list_or_empty()) {
    CAPTURE(claim["subject"].string_or(""));
    CAPTURE(claim["step"].string_or(""));
    CHECK(claim["verdict"].string_or("") == "proved");
  }
  const Value truth = site.control("/truth");
  CHECK_FALSE(truth["access_token_works"].bool_or(true));
  CHECK_FALSE(truth["refresh_token_works"].bool_or(true));
  CHECK(truth["credential_archived"].bool_or(false));
  CHECK(truth["sessions_running"].list_or_empty().empty());
  const Finished verified = site.run({"journal", "verify"});
  CHECK(verified.exit == 0);
}

// Goal: rehearsals change nothing. Method: the range's own log holds nothing but GET.
TEST_CASE("a plan and a dry run send nothing but GET") {
  const Site site;
  const Finished plan = site.run([&] {
    std::vector<std::string> arguments = site.leak_arguments("plan");
    arguments.push_back("--json");
    return arguments;
  }());
  CAPTURE(plan.err);
  REQUIRE(plan.exit == 0);
  CHECK(plan.json()["digest"].string_or("").size() == 64);
  CHECK(plan.json()["counts"]["mutate"].int_or(0) > 0);
  const Finished rehearsal = site.run_leak({"--dry-run", "--json"});
  CAPTURE(rehearsal.err);
  CHECK(rehearsal.exit == 0);
  CHECK(rehearsal.json()["result"].string_or("") == "rehearsed");
  const Value log = site.control("/log");
  REQUIRE_FALSE(log["requests"].list_or_empty().empty());
  for (const Value& request : log["requests"].list_or_empty()) {
    if (request["who"].string_or("") == "client") CHECK(request["method"].string_or("") == "GET");
  }
}

// Goal: the digest that a plan shows is the one that the run waits with.
TEST_CASE("the plan's digest is the approval's digest") {
  const Site site;
  std::vector<std::string> arguments = site.leak_arguments("plan");
  arguments.push_back("--json");
  const std::string digest = site.run(arguments).json()["digest"].string_or("");
  const Finished wrong = site.run_leak({"--yes", "--json", "--plan", "0123456789ab"});
  CHECK(wrong.exit == 2);
  const Finished right = site.run_leak({"--yes", "--json", "--plan", digest.substr(0, 12)});
  CAPTURE(right.err);
  CHECK(right.exit == 0);
  CHECK(right.json()["digest"].string_or("") == digest);
}

// Goal: at a terminal nothing is sent before a person has typed how much of it cannot be undone, as
// the prompt spells it (threat T53).
TEST_CASE("a terminal asks for the count, and another one changes nothing") {
  const Site site;
  std::string command = quell_path();
  for (const std::string& word : site.leak_arguments()) command += " " + word;
  command += " --no-watch --config " + site.folder().path() + "/quell.yaml";
  const auto type = [&](const std::string& line) {
    return Process({"/usr/bin/script", "-qec", command, "/dev/null"},
                   {{"HOME", site.folder().path()}, {"SHELL", "/bin/sh"}}, line + "\n")
        .wait();
  };
  const Finished wrong = type("1");
  CAPTURE(wrong.out);
  CHECK(wrong.exit == 6);
  CHECK(site.changes_seen() == 0);
  const std::string prompt = "? Type ";
  const std::size_t at = wrong.out.find(prompt);
  REQUIRE(at != std::string::npos);
  const std::size_t from = at + prompt.size();
  command += " --reason misread";  // who denied it asks again with a reason (threat T31)
  const Finished right = type(wrong.out.substr(from, wrong.out.find(',', from) - from));
  CAPTURE(right.out);
  CHECK(right.exit == 0);
  CHECK(site.changes_seen() > 0);
}

// Goal: kill -9 in the middle loses nothing and repeats nothing blindly.
// Method: the revocation's answer is held back, the process is killed there, and another one
// resumes.
TEST_CASE("a killed run is resumed with a look") {
  const Site site;
  site.fault(R"({"fail_next":{"host":"issuer","hang":"after","path":"/revoke","count":1}})");
  std::vector<std::string> arguments = site.leak_arguments();
  arguments.insert(arguments.end(), {"--yes", "--json", "--follow"});
  Process running = site.start(arguments);
  bool sent = false;
  for (int line = 0; line < 400 && !sent; ++line) {
    const std::string event = running.read_line();
    sent = event.find("\"request_sent\"") != std::string::npos &&
           event.find("revoke_grant") != std::string::npos;
  }
  REQUIRE(sent);
  running.signal(SIGKILL);
  CHECK(running.wait().exit == 128 + SIGKILL);
  CHECK(site.run({"journal", "verify"}).exit == 0);
  const Finished resumed = site.run({"resume", "--json"});
  CAPTURE(resumed.out);
  CAPTURE(resumed.err);
  const Value run = resumed.json();
  CHECK(run["result"].string_or("") == "contained");
  CHECK(site.run({"journal", "verify"}).exit == 0);
  CHECK_FALSE(site.control("/truth")["access_token_works"].bool_or(true));
}

// Goal: where no look settles what happened, a person decides, and the run goes on from there.
// Method: without the access token no probe can look at the revocation whose answer was lost.
TEST_CASE("a run that no look can settle waits for a person") {
  const Site site;
  site.fault(R"({"fail_next":{"host":"issuer","hang":"after","path":"/revoke","count":1}})");
  std::vector<std::string> arguments = site.leak_arguments();
  const auto token = std::find_if(arguments.begin(), arguments.end(), [](const std::string& word) {
    return word.starts_with("leaked_token=");
  });
  REQUIRE(token != arguments.end());
  arguments.erase(token - 1, token + 1);
  arguments.insert(arguments.end(), {"--yes", "--json", "--follow"});
  Process running = site.start(arguments);
  bool arrived = false;
  for (int line = 0; line < 400 && !arrived; ++line) {
    // The line is printed before the request leaves, so its arrival is read off the range's log.
    if (running.read_line().find("/revoke\"") == std::string::npos) continue;
    for (int look = 0; look < 200 && !arrived; ++look) {
      const Value log = site.control("/log");
      for (const Value& request : log["requests"].list_or_empty()) {
        arrived = arrived || request["path"].string_or("").find("/revoke") != std::string::npos;
      }
    }
  }
  REQUIRE(arrived);
  running.signal(SIGKILL);
  running.wait();
  const Value shown = site.run({"show", "r1c", "--json"}).json();
  CHECK(shown["steps"]["pause"]["verdict"].string_or("") == "proved");
  CHECK(shown["steps"]["purge"]["started_at"].is_null());
  Process resumed = site.start({"resume", "r1c"});
  std::string line;
  for (int i = 0; i < 100 && line.find("held:") == std::string::npos; ++i)
    line = resumed.read_line();
  const Finished retried =
      site.run({"retry", "r1c", "revoke_grant", "--reason", "the issuer's log shows nothing"});
  CAPTURE(retried.err);
  CHECK(retried.exit == 0);
  const Finished done = resumed.wait();
  CAPTURE(done.out);
  CHECK(done.exit == 3);
}

// Goal: the leaked tokens stand in no file, no output and no argument.
TEST_CASE("tokens handed over appear nowhere") {
  const Site site;
  const Finished done = site.run_leak({"--yes", "--json", "--follow"});
  const Finished shown = site.run({"show", "last"});
  const Finished exported = site.run({"journal", "export"});
  for (const std::string& token : {site.access_token(), site.refresh_token()}) {
    REQUIRE(token.size() >= 12);
    for (const std::string* text : {&done.out, &done.err, &shown.out, &shown.err, &exported.out})
      CHECK(text->find(token) == std::string::npos);
    for (const auto& [path, content] : site.folder().files()) {
      const std::string& file = path;
      if (file.ends_with("/token") || file.ends_with("/refresh")) continue;
      CAPTURE(file);
      CHECK(content.find(token) == std::string::npos);
    }
  }
  const Finished plain =
      site.run({"run", "leaked-mcp-oauth", "-i", "vault_id=vlt_1", "-i", "credential_id=vcrd_1",
                "-i", "leaked_token=" + site.access_token()});
  CHECK(plain.exit == 2);
  CHECK(plain.err.find(site.access_token()) == std::string::npos);
}

// Goal: people decide from another process, and what they say is in the record.
TEST_CASE("another process approves, and the wrong digest does not") {
  const Site site;
  std::vector<std::string> arguments = site.leak_arguments();
  Process running = site.start(arguments);
  std::string line;
  for (int i = 0; i < 100 && line.find("waiting for") == std::string::npos; ++i)
    line = running.read_line();
  const Finished refused = site.run({"approve", "r1c", "--digest", "00000000"});
  CHECK(refused.exit == 2);
  const Finished seen = site.run({"show", "r1c", "--json"});
  const std::string digest = seen.json()["digest"].string_or("");
  const Finished approved = site.run({"approve", "r1c", "--digest", digest});
  CAPTURE(approved.err);
  CHECK(approved.exit == 0);
  const Finished done = running.wait();
  CAPTURE(done.out);
  CHECK(done.exit == 0);
  CHECK(done.out.find("CONTAINED RANGE") != std::string::npos);
}

TEST_CASE("an abort ends the run and says who did it") {
  const Site site;
  Process running = site.start(site.leak_arguments());
  std::string line;
  for (int i = 0; i < 100 && line.find("waiting for") == std::string::npos; ++i)
    line = running.read_line();
  const Finished aborted = site.run({"abort", "r1c", "--reason", "wrong credential"});
  CAPTURE(aborted.err);
  CHECK(aborted.exit == 0);
  const Finished done = running.wait();
  CHECK(done.exit == 6);
  const Value log = site.control("/log");
  for (const Value& request : log["requests"].list_or_empty()) {
    if (request["who"].string_or("") == "client") CHECK(request["method"].string_or("") == "GET");
  }
}

// Goal: while a process owns the state, another `run` goes through its socket, and the owner stays
// until both are over.
TEST_CASE("a second run is begun by the process that owns the state") {
  const Site site;
  Process owner = site.start(site.leak_arguments());
  std::string line;
  for (int i = 0; i < 100 && line.find("waiting for") == std::string::npos; ++i)
    line = owner.read_line();
  const Finished second = site.run_leak({"--dry-run", "--json"});
  CAPTURE(second.err);
  CAPTURE(second.out);
  CHECK(second.exit == 0);
  CHECK(second.json()["run"].string_or("") == "r2d");
  CHECK(second.json()["result"].string_or("") == "rehearsed");
  CHECK(site.run({"abort", "r1c", "--reason", "enough"}).exit == 0);
  CHECK(owner.wait().exit == 6);
}

// Goal: a stop signal leaves a run that can be resumed.
TEST_CASE("SIGTERM while waiting leaves a resumable run") {
  const Site site;
  Process running = site.start(site.leak_arguments());
  std::string line;
  for (int i = 0; i < 100 && line.find("waiting for") == std::string::npos; ++i)
    line = running.read_line();
  running.signal(SIGTERM);
  CHECK(running.wait().exit == 143);
  Process resumed = site.start({"resume", "r1c"});
  const Finished approved = [&] {
    Finished last;
    for (int attempt = 0; attempt < 50; ++attempt) {
      const std::string digest = site.run({"show", "r1c", "--json"}).json()["digest"].string_or("");
      last = site.run({"approve", "r1c", "--digest", digest});
      if (last.exit == 0) break;
    }
    return last;
  }();
  CHECK(approved.exit == 0);
  CHECK(resumed.wait().exit == 0);
}

}  // namespace quell::test
