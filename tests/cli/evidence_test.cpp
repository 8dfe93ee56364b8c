// Evidence and the report, by the whole program, over real sockets and a real disk; checked with
// openssl and sha256sum alone, as docs/operations.md says.

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "site.h"
#include "state/base/json.h"

namespace quell::test {
namespace {

constexpr std::int64_t kMemoryMaxKb = 100 * 1024;
/// What handing out evidence may cost the daemon.
constexpr std::int64_t kServeGrowthMaxKb = 32 * 1024;

/// `command` by a shell in the site's folder; the tools are those that docs/operations.md names.
int shell(const Site& site, const std::string& command) {
  const std::string whole = "cd '" + site.folder().path() + "' && " + command;
  const Finished done =
      Process({"/bin/sh", "-c", whole}, Environment{{"PATH", "/usr/bin:/bin"}}).wait();
  if (done.exit != 0) MESSAGE(command << ": " << done.err);
  return done.exit;
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A sanitizer's own memory is no measure of the program's.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsSanitized = true;
#else
constexpr bool kIsSanitized = false;
#endif

/// The highest that the memory of a process has been, in KiB.
std::int64_t peak_kb(pid_t pid) {
  const std::string status = content_of(fmt::format("/proc/{}/status", pid));
  const std::size_t at = status.find("VmHWM:");
  return at == std::string::npos ? 0 : std::strtoll(status.c_str() + at + 6, nullptr, 10);
}

constexpr std::string_view kCollect = R"(quell: 1
id: copy-all
title: "Copy <b>all</b> \e[2J \u202e [x](https://intruder.example) `` ` @all"
purpose: Keep what is there.
steps:
  - id: radius
    use: platform.blast_radius
    with: {vault_ids: ["${inputs.vault_id}"]}
  - id: evidence
    use: platform.collect_evidence
    with: {session_ids: "${steps.radius.sessions.map(s, s.id)}", vault_ids: ["${inputs.vault_id}"]}
inputs:
  vault_id: {type: string, required: true}
)";

}  // namespace

// Goal: the evidence of a session with 50,000 events and 25 threads stays below 100 MiB, goes on
// after kill -9 where it was, and ends up the same as without.
TEST_CASE("evidence of a long session is taken up after kill -9 and stays small") {
  const Site site("long_session");
  const std::string playbook = site.folder().write("copy-all.yaml", std::string(kCollect));
  const std::vector<std::string> arguments{
      "run", playbook, "-i", "vault_id=" + site.vault_id(), "--yes", "--json", "--follow"};
  std::int64_t peak = 0;
  {
    Process first = site.start(arguments);
    const std::string manifest =
        site.folder().path() + "/state/evidence/r1c/collected/manifest.jsonl";
    // As soon as some pages are there it dies.
    std::size_t rows = 0;
    while (rows < 60) {
      const std::string text = content_of(manifest);
      rows = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
      peak = std::max(peak, peak_kb(first.pid()));
    }
    first.signal(SIGKILL);
    first.wait();
  }
  // What a kill may leave: half a page, and half a row.
  REQUIRE(shell(site,
                "cd state/evidence/r1c/collected && "
                "for f in manifest.jsonl $(ls -t session-* | head -n 1); "
                "do printf 'half a li' >>$f; done") == 0);
  Process second = site.start({"resume", "--json", "--follow"});
  bool ended = false;
  while (!ended) {
    const std::string line = second.read_line(std::chrono::seconds(300));
    peak = std::max(peak, peak_kb(second.pid()));
    ended = line.find("\"event\":") == std::string::npos;
  }
  CHECK(second.wait(std::chrono::seconds(300)).exit == 3);  // it claims nothing
  CHECK(peak > 0);
  if (!kIsSanitized) CHECK(peak < kMemoryMaxKb);
  MESSAGE("highest memory: " << peak << " KiB");

  const Value report = site.run({"report", "last", "--format", "json"}).json();
  REQUIRE(report["evidence"].list_or_empty().size() == 1);
  const Value& kept = report["evidence"].list_or_empty().front();
  CHECK(kept["whole"].bool_or(false));
  // All events of three sessions on the session's stream, and each again with its thread.
  CHECK(kept["events"].int_or(0) >= 100'000);
  CHECK(kept["threads"].int_or(0) == 27);
  CHECK(kept["advisor_messages"].int_or(0) == 20);
  CHECK(kept["advisor_redacted"].int_or(0) == 10);
  CHECK(kept["token_shapes"].int_or(0) > 0);
  // Every page once: no event twice within one list.
  CHECK(shell(site,
              "cd state/evidence/r1c/collected && "
              "test \"$(grep -h '\"list\":\"event\"' session-* "
              "| grep -o '\"id\":\"sevt_[A-Za-z0-9]*\"' | sort | uniq -d | wc -l)\" = 0") == 0);

  // The transcript is nowhere in the journal.
  CHECK(site.run({"journal", "export"}).out.find("Sorted four tickets") == std::string::npos);

  // The bundle: one stream, fixed names, checked by others' tools.
  CHECK(site.run({"evidence", "last", "-o", site.folder().path() + "/case.tar"}).exit == 0);
  CHECK(site.run({"evidence", "last", "-o", site.folder().path() + "/again.tar"}).exit == 0);
  CHECK(shell(site, "cmp case.tar again.tar") == 0);
  CHECK(shell(site, "mkdir x && tar -xf case.tar -C x && cd x && sha256sum -c SHA256SUMS") == 0);
  CHECK(shell(site,
              "cd x && openssl pkeyutl -verify -pubin -inkey signer.pem -rawin -in SHA256SUMS "
              "-sigfile SHA256SUMS.sig") == 0);
  CHECK(shell(site, "tar -tf case.tar | grep -vE '^(README.txt|journal.jsonl|run.json|report.md|"
                    "report.html|MANIFEST.json|SHA256SUMS|SHA256SUMS.sig|signer.pem|"
                    "collected/(session|vault)-[0-9]{4}.jsonl)$' | wc -l | grep -qx 0") == 0);
  const Result<Value> manifest =
      parse_json(content_of(site.folder().path() + "/x/MANIFEST.json"));
  REQUIRE(manifest);
  CHECK((*manifest)["missing"].list_or_empty().empty());
  CHECK((*manifest)["token_shapes"]["ghp_"].int_or(0) > 0);

  // From afar it is the same file, and the server does not hold it in its memory.
  site.configure(site.base_url(), "state/quell.db", "panel: {listen: \"127.0.0.1:0\"}\n");
  const Value made = site.run({"token", "create", "ci", "--role", "responder", "--json"}).json();
  const std::string token = made["token"].string_or("");
  Process daemon = site.start({"serve", "--json"});
  std::string url;
  for (int i = 0; i < 10 && url.empty(); ++i) {
    const Result<Value> event = parse_json(daemon.read_line());
    if (event) url = (*event)["panel"].string_or("");
  }
  const std::int64_t before = peak_kb(daemon.pid());
  CHECK(site.run({"evidence", "last", "-o", site.folder().path() + "/far.tar", "--server", url,
                  "--token", "secret://file/" + site.folder().write("token", token)})
            .exit == 0);
  CHECK(shell(site, "cmp case.tar far.tar") == 0);
  const std::int64_t grown = peak_kb(daemon.pid()) - before;
  MESSAGE("serve grew by " << grown << " KiB for "
                           << content_of(site.folder().path() + "/far.tar").size() / 1024
                           << " KiB of evidence");
  if (!kIsSanitized) CHECK(grown < kServeGrowthMaxKb);
  daemon.signal(SIGTERM);
  CHECK(daemon.wait().exit == 143);

  // As of an earlier entry it is what it was then.
  const Value as_of = (*manifest)["as_of"];
  CHECK(site.run({"evidence", "last", "--as-of", "3", "-o", site.folder().path() + "/early.tar"})
            .exit == 0);
  CHECK(shell(site, "tar -tf early.tar | grep -q collected && exit 1 || exit 0") == 0);
  CHECK(as_of["entry"].int_or(0) > 3);
}

// Goal: with recipients nothing leaves in clear, only their keys open it, and a bad certificate
// says so (threat T45).
TEST_CASE("evidence is encrypted to the recipients of the configuration") {
  const Site site;
  for (const std::string name : {"team", "other"}) {
    REQUIRE(shell(site, "openssl req -x509 -newkey rsa:2048 -nodes -keyout " + name + ".key -out " +
                            name + ".pem -days 2 -subj /CN=" + name + " 2>/dev/null") == 0);
  }
  REQUIRE(site.run_leak({"--yes"}).exit == 0);
  const std::string folder = site.folder().path();
  CHECK(site.run({"evidence", "last", "-o", folder + "/clear.tar"}).exit == 0);
  site.configure(site.base_url(), "state/quell.db", "evidence: {recipients: [team.pem]}\n");
  CHECK(site.run({"evidence", "last", "-o", folder + "/case.cms"}).exit == 0);
  CHECK(content_of(folder + "/case.cms").find("journal.jsonl") == std::string::npos);
  CHECK(shell(site, "openssl cms -decrypt -binary -inform DER -in case.cms -inkey team.key -recip "
                    "team.pem -out open.tar && cmp open.tar clear.tar") == 0);
  CHECK(shell(site, "! openssl cms -decrypt -binary -inform DER -in case.cms -inkey other.key "
                    "-recip other.pem -out wrong.tar 2>/dev/null") == 0);
  // Somebody who changes a byte is noticed.
  CHECK(shell(site, "cp case.cms bent.cms && printf 'x' | dd of=bent.cms bs=1 seek=3000 "
                    "conv=notrunc 2>/dev/null && ! openssl cms -decrypt -binary -inform DER -in "
                    "bent.cms -inkey team.key -recip team.pem -out bent.tar 2>/dev/null") == 0);
  for (const auto& [name, content] : site.folder().files()) {
    const bool leftover = name.ends_with(".new");
    CHECK_FALSE(leftover);
  }
  site.configure(site.base_url(), "state/quell.db", "evidence: {recipients: [team.key]}\n");
  const Finished bad = site.run({"evidence", "last", "-o", folder + "/bad.cms"});
  CHECK(bad.exit == 2);
  CHECK(told(bad).sentence.find("team.key") != std::string::npos);
}

// Goal: what an intruder named or wrote neither runs, links nor moves a terminal in any format
// (threats T33, T46).
TEST_CASE("a hostile name stays text in every format of the report") {
  const Site site;
  const std::string playbook = site.folder().write("copy-all.yaml", std::string(kCollect));
  site.run({"run", playbook, "-i", "vault_id=" + site.vault_id(), "--yes"});
  const std::string html = site.run({"report", "last", "--format", "html"}).out;
  CHECK(html.find("<script") == std::string::npos);
  CHECK(html.find("<b>") == std::string::npos);
  CHECK(html.find("href=") == std::string::npos);
  CHECK(html.find("src=") == std::string::npos);
  CHECK(html.find("default-src &#39;none&#39;") != std::string::npos);
  const std::string text = site.run({"report", "last"}).out;
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find("\xe2\x80\xae") == std::string::npos);
  // One code span, whose fence is longer than any inside.
  const std::string shown =
      "``` Copy <b>all</b> \\u{1b}[2J \\u{202e} [x](https://intruder.example) `` ` @all ```";
  CHECK(text.find(shown) != std::string::npos);
  CHECK(text.find("## Residual exposure") != std::string::npos);
  const Value document = site.run({"report", "last", "--format", "json"}).json();
  CHECK(document["title"].string_or("").starts_with("Copy <b>all</b> \x1b[2J"));
  CHECK(document["approved_by_one_person"].is_bool());
  CHECK(site.run({"report", "last", "--format", "pdf"}).exit == 2);
}

// Goal: whoever reads the report learns what no look could see, that nobody watches, and what waits
// for them.
// Method: a run without the leaked token, left without a watch; its report in each format.
TEST_CASE("a report names what was not seen and hands over") {
  const Site site;
  const Finished done = site.run({"run", "leaked-mcp-oauth", "--yes", "--no-watch", "-i",
                                  "vault_id=" + site.vault_id(), "-i",
                                  "credential_id=" + site.credential_id()});
  CHECK(done.exit == 3);  // no token is in hand
  const Value report = site.run({"report", "last", "--format", "json"}).json();
  CHECK(to_json(report["not_seen"]).find("the platform records no creator") != std::string::npos);
  CHECK(to_json(report["open_items"]).find("nobody watches") != std::string::npos);
  CHECK(report["handover"].list_or_empty().size() >= 3);
  CHECK(report["handover"].list_or_empty()[0].string_or("").starts_with("incomplete: "));
  for (const std::string format : {"md", "html"}) {
    const std::string text = site.run({"report", "last", "--format", format}).out;
    for (const char* const part :
         {"Handover", "Not seen", "the platform records no creator", "changes can be lifted"})
      CHECK_MESSAGE(text.find(part) != std::string::npos, format << ": " << part);
  }
}

// Goal: neither a cap nor a full disk is a failure: the copying ends and says so, the run goes on
// (threat T47).
TEST_CASE("past a limit the evidence is not whole and the run ends as it would have") {
  for (const std::string limits : {"run_mib_max: 1", "free_mib_min: 1000000000"}) {
    CAPTURE(limits);
    const Site site("long_session");
    site.configure(site.base_url(), "state/quell.db", "evidence: {" + limits + "}\n");
    const std::string playbook = site.folder().write("copy-all.yaml", std::string(kCollect));
    const Finished done =
        site.run({"run", playbook, "-i", "vault_id=" + site.vault_id(), "--yes", "--json"});
    CHECK(done.exit == 3);  // it claims nothing
    const Value report = site.run({"report", "last", "--format", "json"}).json();
    REQUIRE(report["evidence"].list_or_empty().size() == 1);
    CHECK_FALSE(report["evidence"].list_or_empty().front()["whole"].bool_or(true));
    CHECK_FALSE(report["open_items"].list_or_empty().empty());
    CHECK(site.run({"evidence", "last", "-o", site.folder().path() + "/case.tar"}).exit == 0);
  }
}

}  // namespace quell::test
