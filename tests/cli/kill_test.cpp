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

}  // namespace quell::test
