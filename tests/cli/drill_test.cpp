// Drills as people play them: whole processes, with a configuration of the real thing beside them.
#include <fstream>
#include <sstream>
#include <string>

#include <doctest/doctest.h>

#include "site.h"
#include "tests/connectors/transport/socket_server.h"

namespace quell::test {
namespace {

}  // namespace

// Goal: a drill with a live configuration sends nothing outside the range (threat T42).
TEST_CASE("a drill beside a live configuration never talks to its platform") {
  const SocketServer live([](Line& line, SocketServer& log) { log.note(line.read_request()); });
  const Site site;
  site.configure(live.origin());
  for (const char* const scenario : {"rotate-only", "leaked-vault", "alert-storm"}) {
    CAPTURE(scenario);
    const Finished done = site.run({"drill", scenario, "--speed", "max", "--expect"});
    CAPTURE(done.err);
    CHECK(done.exit == 0);
    CHECK(has(done.out, " RANGE  d"));
  }
  CHECK(live.connections() == 0);
  CHECK(site.changes_seen() == 0);
}

// Goal: a drill leaves a score that can be found again: list, history and report, in words and as
// data.
TEST_CASE("what was played is listed, remembered and reported") {
  const Site site;
  CHECK(has(site.run({"drill", "history"}).out, "No drill was played yet."));
  CHECK(has(site.run({"drill", "list"}).out, "never"));
  const Finished played =
      site.run({"drill", "lying-200", "--speed", "max", "--team", "Night shift"});
  CAPTURE(played.out);
  CHECK(played.exit == 4);
  CHECK(has(played.out, "false greens 0"));
  CHECK(has(played.out, "as the scenario demands"));
  CHECK(has(played.out, "ask yourselves: "));
  CHECK(has(played.out, "claim     Ivo: "));
  CHECK(has(site.run({"drill", "list"}).out, "today"));
  CHECK(has(site.run({"drill", "history", "lying-200"}).out, "passed"));
  CHECK(has(site.run({"drill", "history"}).out, "Night shift"));
  CHECK(site.run({"drill", "lying-200", "--team", "a\x1b[31m"}).exit == 2);
  CHECK(has(site.run({"drill", "history", "rotate-only"}).out, "No drill was played yet."));

  const Value data = site.run({"drill", "report", "last", "--format", "json"}).json();
  CHECK(data["scenario"].string_or("") == "lying-200");
  CHECK(data["agrees"].bool_or(false));
  CHECK(data["intruder"]["inside_at_the_end"].bool_or(false));
  const std::string markdown = site.run({"drill", "report", "1"}).out;
  CHECK(has(markdown, "# Drill d1"));
  CHECK(has(markdown, "## Side by side"));
  CHECK(has(markdown, "## Questions for the review"));
  const std::string file = site.folder().path() + "/review.html";
  CHECK(site.run({"drill", "report", "last", "--format", "html", "-o", file}).exit == 0);
  std::ostringstream html;
  html << std::ifstream(file).rdbuf();
  CHECK(has(html.str(), "<title id=\"igt\">"));
  CHECK_FALSE(has(html.str(), "<script"));
  CHECK_FALSE(has(html.str(), "http://"));
  // A file that is there is not written over.
  CHECK(site.run({"drill", "report", "last", "--format", "html", "-o", file}).exit == 2);
  CHECK(site.run({"drill", "report", "d99"}).exit == 2);
}

// Goal: a tabletop on the real platform reads and never changes anything (threat T42).
TEST_CASE("a tabletop shows what would be sent, asks its questions, and sends reads alone") {
  const Site site;
  std::vector<std::string> arguments{"drill", "lying-200", "--against", "platform"};
  const std::vector<std::string> inputs = site.leak_arguments();
  arguments.insert(arguments.end(), inputs.begin() + 2, inputs.end());
  const Finished table = site.run(arguments);
  CAPTURE(table.err);
  CAPTURE(table.out);
  CHECK(table.exit == 0);
  CHECK(has(table.out, "TABLETOP  lying-200"));
  CHECK(has(table.out, "claim    Ivo: "));
  CHECK(has(table.out, "Who calls this vendor at night"));
  CHECK(site.changes_seen() == 0);
  CHECK(has(site.run({"drill", "history"}).out, "No drill was played yet."));
  for (const char* const other : {"platfrom", "issuer"})
    CHECK(site.run({"drill", "lying-200", "--against", other}).exit == 2);
}

// Goal: what people cannot play is refused before anything is started, and says what can be done.
TEST_CASE("people play one scenario that no alert begins") {
  const Site site;
  const Finished storm = site.run({"drill", "alert-storm", "--play"});
  CHECK(storm.exit == 2);
  CHECK(has(storm.err, "alert-storm begins by alerts"));
  CHECK(has(storm.err, "quell drill alert-storm"));
  CHECK(site.run({"drill", "rotate-only", "leaked-mcp-oauth", "--play"}).exit == 2);
  CHECK(site.run({"drill", "rotate-only", "--play", "--auto"}).exit == 2);
  CHECK(site.run({"drill", "rotate-only", "--play", "--speed", "max"}).exit == 2);
  CHECK(site.run({"drill", "rotate-only", "--play", "--against", "platform"}).exit == 2);
  CHECK(site.run({"drill", "rotate-only", "--speed", "nan"}).exit == 2);
  CHECK(site.run({"drill", "rotate-only", "--speed", "max", "--seed", "-1"}).exit == 2);
  CHECK(has(site.run({"drill", "history"}).out, "No drill was played yet."));
}

// Goal: a scenario with a mistake is told like a playbook's, by check and by drill.
TEST_CASE("a scenario of one's own is checked with its playbook") {
  const Site site;
  const std::string file = site.folder().write("mine.yaml", R"(scenario: mine
title: mine
teaches: mistakes
playbook: rotate-only
lasts: 5m
ends: exposed
injects: [{on: rotaet, kind: chat, from: A, text: b}]
inputs: {vault: "${leaked.vault_id}"}
)");
  const Finished checked = site.run({"check", file});
  CHECK(checked.exit == 2);
  CHECK(has(checked.out, ":7:16: error: rotate-only has no step \"rotaet\""));
  CHECK(has(checked.out, "did you mean \"rotate\"?"));
  CHECK(has(checked.out, ":8:10: error: rotate-only has no input \"vault\""));
  const Finished played = site.run({"drill", file, "--speed", "max"});
  CHECK(played.exit == 2);
  CHECK(has(played.err, "mine.yaml:7:16"));
}

}  // namespace quell::test
