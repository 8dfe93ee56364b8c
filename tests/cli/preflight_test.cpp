// `quell preflight` and `quell init`, as a stranger meets them.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <doctest/doctest.h>

#include "orchestrator/config.h"
#include "site.h"

namespace quell::test {
namespace {

Value credential_of(const Value& document, const std::string& id) {
  for (const Value& credential : document["credentials"].list_or_empty()) {
    if (credential["credential_id"].string_or("") == id) return credential;
  }
  return {};
}

Result<Config> load(const std::string& file) {
  ConfigSources sources;
  sources.explicit_file = file;
  sources.environment = [](const std::string&) -> std::optional<std::string> {
    return std::nullopt;
  };
  return load_config(sources);
}

}  // namespace

// Goal: what could not be killed today is named, nothing is changed, and each list is read once.
TEST_CASE("preflight of the range: the grant is ready, the fixed secrets are not") {
  const Site site;
  const Finished done = site.run({"preflight", "--json"});
  CAPTURE(done.out);
  CAPTURE(done.err);
  CHECK(done.exit == 1);
  const Value document = done.json();
  CHECK(document["not_revocable"].int_or(0) == 2);
  CHECK(document["credentials"].list_or_empty().size() == 3);
  CHECK(document["vaults"].int_or(0) == 3);
  const Value leaked = credential_of(document, site.credential_id());
  CHECK(leaked["holder"]["state"].string_or("") == "ready");
  CHECK(leaked["issuer"]["state"].string_or("") == "ready");
  CHECK(leaked["runtime"]["state"].string_or("") == "ready");
  CHECK(document["by_missing"]["no grant"].int_or(0) == 1);
  CHECK(document["by_missing"]["no issuer"].int_or(0) == 1);
  CHECK(document["memory"]["paragraph"].is_string());
  CHECK_FALSE(document["platform"]["key"].string_or("").empty());

  CHECK(site.changes_seen() == 0);
  std::size_t lists = 0;
  const Value log = site.control("/log");
  for (const Value& request : log["requests"].list_or_empty()) {
    if (request["who"].string_or("") == "client" && has(request["path"].string_or(""), "/v1/"))
      ++lists;
  }
  CHECK(lists == 4 + 3);  // vaults, sessions, deployments, memory stores; credentials of each vault
}

TEST_CASE("preflight as text") {
  const Site site("no_introspection");
  const Finished done = site.run({"preflight", "--all"});
  CAPTURE(done.out);
  CAPTURE(done.err);
  CHECK(done.exit == 1);
  CHECK(has(done.out, "3 vaults, 3 active credentials, "));
  CHECK(has(done.out, "nothing changed"));
  CHECK(has(done.out, "slow death"));
  CHECK(has(done.out, "a JWT would work until expires_at, "));
  CHECK(has(done.out, "missing introspection"));
  CHECK(has(done.out, "MAIL_KEY is a fixed secret"));
  CHECK(has(done.out, "not established: whether the key may archive"));
  CHECK(has(done.out, "2 of 3 credentials could not be killed at the issuer today"));
  CHECK(has(done.out, "beside the configuration"));  // this site's keys are
}

TEST_CASE("an issuer that cannot revoke is named, and so is a key that is refused") {
  const Site site("no_revocation_endpoint");
  const Value document = site.run({"preflight", "--json"}).json();
  const Value leaked = credential_of(document, site.credential_id());
  CHECK(leaked["issuer"]["missing"].string_or("") == "no endpoint");
  CHECK(document["not_revocable"].int_or(0) == 3);

  site.folder().write("api.key", "sk-ant-range-of-nobody-000000000000");
  const Finished refused = site.run({"preflight"});
  CHECK(refused.exit == 5);
  CHECK(told(refused).word == "denied");
  CHECK(site.run({"preflight", "--connection", "issuer"}).exit == 2);
}

// Goal: nobody takes a preflight of one platform for that of all.
// Method: a second platform in the configuration, each asked in turn.
TEST_CASE("a platform that was not asked is named") {
  const Site site;
  std::ifstream written(site.folder().path() + "/quell.yaml");
  std::string config{std::istreambuf_iterator<char>(written), {}};
  const std::string key = "connections:\n";
  config.insert(config.find(key) + key.size(),
                "  second: {kind: managed_agents, base_url: \"" + site.base_url() +
                    "\", api_key: secret://file/api.key}\n");
  site.folder().write("quell.yaml", config);
  const auto answer_of = [&](const std::string& name) {
    return site.run({"preflight", "--connection", name});
  };
  const Finished first = answer_of("platform");
  CAPTURE(first.err);
  CHECK(has(first.out, "what second holds: one platform is asked at a time"));
  CHECK_FALSE(has(first.out, "what platform holds"));
  CHECK(has(answer_of("second").out, "what platform holds: one platform is asked at a time"));
}

TEST_CASE("a key in the folder of the state is told in red") {
  const Site site;
  std::filesystem::create_directories(site.folder().path() + "/state");
  site.folder().write("state/api.key", site.range()["platform"]["api_key"].string_or(""));
  const Finished done = site.run(
      {"preflight", "--json", "--connect",
       "platform.api_key=secret://file/" + site.folder().path() + "/state/api.key", "--connect",
       "platform.base_url=" + site.base_url()});
  CAPTURE(done.err);
  const Value document = done.json();
  REQUIRE_FALSE(document["keys"].list_or_empty().empty());
  CHECK(document["keys"].list_or_empty().front()["level"].string_or("") == "red");
}

// Goal: what init writes loads, as it is and with every setting taken in.
TEST_CASE("init writes a configuration that loads, and touches none that is there") {
  const Folder folder;
  const Environment home{{"HOME", folder.path()}};
  const std::string file = folder.path() + "/quell.yaml";
  const Finished done = Process({quell_path(), "init", "--config", file}, home).wait();
  CAPTURE(done.err);
  CHECK(done.exit == 0);
  const Result<Config> config = load(file);
  REQUIRE_MESSAGE(config.has_value(), (config ? std::string() : describe(config.error())));
  CHECK(config->preflight_daily_at == std::chrono::hours{4});

  const Finished again = Process({quell_path(), "init", "--config", file}, home).wait();
  CHECK(again.exit == 2);
  CHECK(has(again.err, "is there already"));

  const Finished shown = Process({quell_path(), "init", "--stdout"}, home).wait();
  std::ifstream in(file, std::ios::binary);
  const std::string written{std::istreambuf_iterator<char>(in), {}};
  CHECK(shown.out == written);
  // Each line that begins with "#" and no blank is a setting that is not set.
  std::string whole;
  std::size_t settings = 0;
  for (std::size_t at = 0; at < written.size();) {
    const std::size_t end = written.find('\n', at);
    std::string line = written.substr(at, end - at);
    const std::size_t mark = line.find_first_not_of(' ');
    if (mark != std::string::npos && line[mark] == '#' && mark + 1 < line.size() &&
        line[mark + 1] != ' ') {
      line.erase(mark, 1);
      ++settings;
    }
    whole += line + "\n";
    at = end + 1;
  }
  CHECK(settings > 40);
  // The one file that the settings name and the reader opens.
  folder.write("keys.yaml", R"(http_actions: 1
actions:
  search_keys:
    title: search the keys
    effect: read
    method: POST
    path: /v1/keys/search
    answers: [{status: 200, means: done}]
)");
  const Result<Config> all = load(folder.write("all.yaml", whole));
  CHECK_MESSAGE(all.has_value(), (all ? std::string() : describe(all.error())));
}

}  // namespace quell::test
