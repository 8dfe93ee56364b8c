// Where the secrets of a run may come from.
#include <filesystem>
#include <string>

#include <doctest/doctest.h>

#include "site.h"

namespace quell::test {
namespace {

Finished run_with(const Site& site, const std::string& leaked_token, const Environment& more = {}) {
  Environment environment = site.environment();
  environment.insert(environment.end(), more.begin(), more.end());
  std::vector<std::string> arguments{quell_path(), "--config",
                                     site.folder().path() + "/quell.yaml"};
  for (const std::string& word : site.leak_arguments()) {
    const bool is_token = word.starts_with("leaked_token=");
    arguments.push_back(is_token ? "leaked_token=" + leaked_token : word);
  }
  arguments.emplace_back("--yes");
  Process process(arguments, environment);
  return process.wait();
}

}  // namespace

// Goal: a list given as a JSON array is that list and not one odd name, and a broken one is refused
// with its name and a remedy.
// Method: a session of the range, as an array; the same text without its end.
TEST_CASE("a list may be given as an array") {
  const Site site("poisoned");
  const std::string id = site.range()["injected"]["session_id"].string_or("");
  REQUIRE_FALSE(id.empty());
  const Finished planned =
      site.run({"plan", "poisoned-memory", "-i", "session_ids=[\"" + id + "\"]"});
  CAPTURE(planned.err);
  CHECK(planned.exit == 0);
  CHECK(has(planned.out, "restore"));
  const Told said = told(site.run({"plan", "poisoned-memory", "-i", "session_ids=[\"" + id}));
  CHECK(said.word == "bad-input");
  CHECK(has(said.sentence, "input session_ids: it begins with [ and is no list"));
  CHECK(has(said.help, "-i session_ids=a,b"));
}

// Goal: no way of writing it makes a connection's own key, or a key of the record, an input, which
// a probe would carry to the address in the record (threat T3). Method: each scheme, with other
// spellings of the same file; nothing is sent and no run begins.
TEST_CASE("a secret that a connection uses is no input") {
  const Site site;
  const std::string folder = site.folder().path();
  site.configure(site.base_url(), "state/quell.db", "inputs_dir: " + folder + "\n");
  std::filesystem::create_directory(folder + "/sub");
  std::filesystem::create_symlink(folder + "/api.key", folder + "/sub/innocent");
  std::filesystem::create_hard_link(folder + "/client.secret", folder + "/sub/twin");
  const Environment credentials{{"CREDENTIALS_DIRECTORY", folder}};
  REQUIRE(run_with(site, "@" + folder + "/nowhere").exit == 2);
  for (const std::string& spelled :
       {"@" + folder + "/api.key", "@" + folder + "//sub/../api.key",
        "@" + folder + "/sub/innocent", "@" + folder + "/sub/twin",
        std::string("secret://file/api.key"), "secret://file/" + folder + "/api.key",
        std::string("secret://file/sub/innocent"), std::string("secret://file/client.secret"),
        std::string("secret://credential/api.key")}) {
    CAPTURE(spelled);
    const Told said = told(run_with(site, spelled, credentials));
    CHECK(said.word == "bad-input");
    CHECK(said.sentence ==
          "input leaked_token names a secret that a connection or the record uses.");
  }
  CHECK(site.changes_seen() == 0);
  CHECK(site.run({"runs", "--json"}).json()["runs"].list_or_empty().empty());

  site.folder().write("quell.yaml",
                      "state: {sqlite: state/quell.db}\nconnections:\n  platform: {kind: "
                      "managed_agents, base_url: \"" +
                          site.base_url() +
                          "\", api_key: \"secret://env/ANTHROPIC_API_KEY\"}\n"
                          "  issuer: {kind: oauth}\n");
  const Told said = told(run_with(site, "secret://env/ANTHROPIC_API_KEY",
                                  {{"ANTHROPIC_API_KEY", "test-key-of-ours"}}));
  CHECK(said.sentence == "input leaked_token names a secret that a connection or the record uses.");
}

TEST_CASE("a file reference is read below inputs_dir alone") {
  const Site site;
  CHECK(told(run_with(site, "secret://file/token")).sentence ==
        "input leaked_token is a file reference, and those are read below inputs_dir alone.");
  site.folder().write("inputs/token", site.access_token());
  site.configure(site.base_url(), "state/quell.db", "inputs_dir: inputs\n");
  CHECK(told(run_with(site, "secret://file//etc/hostname")).sentence ==
        "input leaked_token lies outside inputs_dir.");
  CHECK(told(run_with(site, "secret://file/../token")).word == "bad-input");
  CHECK(site.changes_seen() == 0);
}

// Goal: the default of a secret input, a reference in the playbook, is the secret, not its text.
TEST_CASE("a secret input's default is resolved where the run begins") {
  const Site site;
  const std::string path = site.folder().write("look.yaml", R"(quell: 1
id: look
title: Does the token work
purpose: One probe.
inputs:
  token: {type: secret, default: "secret://env/LEAKED_TOKEN"}
  url: {type: url, required: true}
steps:
  - id: look
    use: issuer.probe_token
    with: {mcp_server_url: "${inputs.url}", token: "${inputs.token}"}
  - id: alive
    assert: ${steps.look.answer == "alive"}
    message: "${steps.look.answer}"
)");
  const std::vector<std::string> arguments{quell_path(),
                                           "--config",
                                           site.folder().path() + "/quell.yaml",
                                           "run",
                                           path,
                                           "-i",
                                           "url=" + site.range()["mcp"]["url"].string_or(""),
                                           "--json"};
  Environment environment = site.environment();
  CHECK(Process(arguments, environment).wait().exit == 2);
  environment.emplace_back("LEAKED_TOKEN", site.access_token());
  const Finished done = Process(arguments, environment).wait();
  CAPTURE(done.out);
  CAPTURE(done.err);
  CHECK(done.json()["steps"]["alive"]["outcome"].string_or("") == "done");
  CHECK(done.out.find(site.access_token()) == std::string::npos);
}

}  // namespace quell::test
