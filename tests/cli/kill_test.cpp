// kill -9 again and again, over real sockets and a real database.

#include <csignal>
#include <cstdlib>
#include <map>
#include <string>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "site.h"
#include "state/base/random.h"

namespace quell::test {
namespace {

constexpr std::size_t kVaults = 3;
constexpr std::size_t kVaultCredentialsMax = 20;  // active ones, as the platform allows

/// A number from the environment, for a longer form of the same test.
std::size_t wished(const char* name, std::size_t fallback) {
  const char* const text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  return text == nullptr ? fallback : std::strtoul(text, nullptr, 10);
}

/// What the range saw of one credential.
struct Seen {
  std::size_t archives = 0;
  std::size_t blind_repeats = 0;  // archives behind one that no read came after
  bool read_since = true;
};

/// By the path of the credential. A list of a vault is a look at each of its credentials.
std::map<std::string, Seen> seen_by_range(const Site& site, const std::vector<std::string>& paths) {
  constexpr std::string_view kArchive = "/archive";
  std::map<std::string, Seen> seen;
  for (const std::string& path : paths) seen[path];
  const Value log = site.control("/log");
  for (const Value& request : log["requests"].list_or_empty()) {
    std::string path = request["path"].string_or("");
    path = path.substr(0, path.find('?'));
    if (request["method"].string_or("") == "GET") {
      for (auto& [credential, state] : seen) {
        if (credential == path || credential.starts_with(path + "/")) state.read_since = true;
      }
    } else if (path.ends_with(kArchive)) {
      const auto found = seen.find(path.substr(0, path.size() - kArchive.size()));
      if (found == seen.end()) continue;
      Seen& state = found->second;
      if (++state.archives > 1 && !state.read_since) ++state.blind_repeats;
      state.read_since = false;
    }
  }
  return seen;
}

}  // namespace

// Goal: kill -9 at any instant loses nothing that was reported and repeats no change without a
// look. Method: a run over many credentials is killed after a seeded number of journal entries and
// taken up again, until it ends; the range's own log says what arrived. QUELL_KILLS and
// QUELL_KILL_CREDENTIALS make it longer.
TEST_CASE("a run that is killed again and again archives each credential once") {
  const std::size_t kills_wanted = wished("QUELL_KILLS", 6);
  const std::size_t wanted = wished("QUELL_KILL_CREDENTIALS", 60);
  const Site site;
  std::vector<std::string> paths;
  std::string vault;
  const std::size_t per_vault = std::min(kVaultCredentialsMax, (wanted + kVaults - 1) / kVaults);
  while (paths.size() < wanted) {
    if (paths.size() % per_vault == 0) {
      vault = site.post("/v1/vaults", R"({"display_name":"Many"})")["id"].string_or("");
    }
    const std::string credentials = "/v1/vaults/" + vault + "/credentials";
    const Value made = site.post(
        credentials,
        fmt::format(
            R"({{"auth":{{"type":"static_bearer","mcp_server_url":"https://m{}.example.com/mcp","token":"t"}}}})",
            paths.size()));
    paths.push_back(credentials + "/" + made["id"].string_or(""));
  }
  site.folder().write("archive-all.yaml", R"(quell: 1
id: archive-all
title: Archive every credential
purpose: Leave no credential active.
steps:
  - id: found
    use: platform.find_credentials
  - id: purge
    use: platform.archive_credential
    foreach: {items: "${steps.found.credentials}", as: c, key: "${c.id}", concurrency: 4, max: 1000}
    with: {vault_id: "${c.vault_id}", credential_id: "${c.id}"}
    plane: holder
    kills: [refresh]
    irreversible: true
    verify: [{probe: platform.credential_is_archived, with: {vault_id: "${c.vault_id}", credential_id: "${c.id}"}}]
)");
  site.fault(R"({"latency_ms":20})");

  // Each process may write so many entries before it dies that the kills spread over the run.
  const std::size_t entries_max = std::max<std::size_t>(2, 5 * wanted / kills_wanted);
  SeededRandom random(9);
  std::vector<std::string> arguments{"run", site.folder().path() + "/archive-all.yaml", "--yes",
                                     "--json", "--follow"};
  std::size_t kills = 0;
  Finished done;
  for (bool ended = false; !ended;) {
    const bool mortal = kills < kills_wanted;
    Process process = site.start(arguments);
    std::size_t left = 1 + random.below(entries_max);
    while (mortal && left > 0 && !ended) {
      const std::string line = process.read_line();
      ended = line.find("\"event\":") == std::string::npos;  // the document at its end
      --left;
    }
    if (mortal && !ended) {
      process.signal(SIGKILL);
      ++kills;
    }
    done = process.wait(std::chrono::seconds(300));
    ended = ended || !mortal;
    arguments = {"resume", "--json", "--follow"};
  }
  CAPTURE(done.err);
  CHECK(kills == kills_wanted);
  CHECK(done.exit == 0);
  const Value run = site.run({"show", "last", "--json"}).json();
  CHECK(run["result"].string_or("") == "contained");
  CHECK(site.run({"journal", "verify"}).exit == 0);
  std::size_t twice = 0;
  for (const auto& [path, seen] : seen_by_range(site, paths)) {
    CAPTURE(path);
    CHECK(seen.archives >= 1);
    CHECK(seen.blind_repeats == 0);
    if (seen.archives > 1) ++twice;
  }
  MESSAGE(kills << " kills, " << paths.size() << " credentials, " << twice
                << " archived again after a look");
}

// Goal: a refresh token that is presented and still lives gives new ones; wherever the process dies
// then, they are revoked, or the claim says that they may live (threat T11).
// Method: kill -9 behind each event of the rung that presents it, and take the run up again; a later
// look then finds the presented one spent, and the world knows what still refreshes.
TEST_CASE("what presenting a refresh token gives is never proved dead while it lives") {
  const std::string rung = R"(quell: 1
id: present
title: Present the refresh token
purpose: See whether the issuer detects reuse.
inputs:
  refresh: {type: secret, required: true}
steps:
  - id: trip
    use: issuer.trip_reuse_detection
    with: {mcp_server_url: "%", refresh_token: "${inputs.refresh}"}
    plane: issuer
    kills: [refresh_token]
    irreversible: true
    on_failure: continue
    verify: none
    reason: the next step looks
  - id: look
    use: platform.find_credentials
    proves: trip
    verify: [{probe: issuer.refresh_is_dead, with: {mcp_server_url: "%", refresh_token: "${inputs.refresh}"}}]
)";
  std::size_t events = 1;
  std::size_t alive = 0;
  for (std::size_t kill_at = 1; kill_at <= events && kill_at < 60; ++kill_at) {
    CAPTURE(kill_at);
    const Site site("rotation");
    const std::string mcp(site.range()["mcp"]["url"].as_string());
    std::string playbook = rung;
    for (std::size_t at = 0; (at = playbook.find('%', at)) != std::string::npos; at += mcp.size())
      playbook.replace(at, 1, mcp);
    site.fault(R"({"latency_ms":40})");
    Process process = site.start({"run", site.folder().write("present.yaml", playbook), "--yes",
                                  "--json", "--follow", "--no-watch", "-i",
                                  "refresh=@" + site.folder().path() + "/refresh"});
    std::size_t read = 0;
    bool ended = false;
    while (read < kill_at && !ended) {
      ended = process.read_line().find("\"event\":") == std::string::npos;
      if (!ended) ++read;
    }
    if (!ended) {
      process.signal(SIGKILL);
      events = std::max(events, kill_at + 1);
    }
    process.wait(std::chrono::seconds(60));
    if (!ended) {
      Process again = site.start({"resume", "--json", "--follow"});
      // What may have been presented is a person's to settle.
      for (std::string line = again.read_line(); line.find("\"event\":") != std::string::npos;
           line = again.read_line()) {
        if (line.find("run_held") == std::string::npos) continue;
        CHECK(site.run({"skip", "r1c", "trip", "--reason", "it may have left"}).exit == 0);
      }
      again.wait(std::chrono::seconds(60));
    }
    const Value run = site.run({"show", "last", "--json"}).json();
    const bool lives = site.control("/truth")["refresh_token_works"].bool_or(true);
    alive += lives ? 1 : 0;
    REQUIRE_FALSE(run["result"].string_or("").empty());  // it was taken up, to its end
    REQUIRE(run["claims"].list_or_empty().size() == 1);
    const Value claim = run["claims"].as_list().front();
    if (lives) CHECK(claim["verdict"].string_or("") != "proved");
    if (claim["verdict"].string_or("") != "proved")
      CHECK_FALSE(claim["residual"]["reason"].string_or("").empty());
    CHECK(site.run({"journal", "verify"}).exit == 0);
  }
  MESSAGE("died behind each of " << events - 1 << " events; " << alive << " times a token lived");
  CHECK(events > 5);
  CHECK(alive > 0);
}

}  // namespace quell::test
