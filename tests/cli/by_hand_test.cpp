// A playbook that waits for a person and then calls the shipped one, as people meet it.
#include <csignal>
#include <string>

#include <doctest/doctest.h>

#include "site.h"

namespace quell::test {
namespace {

constexpr const char* kWrap = R"(quell: 1
id: wrap
title: Tell the vendor, then kill the leak
purpose: A shipped playbook behind a step by hand.
inputs:
  vault_id: {type: string, required: true}
  credential_id: {type: string, required: true}
  token: {type: secret}
steps:
  - id: tell
    manual:
      ask: "Tell the vendor about ${inputs.credential_id}"
      within: 10m
      fields: {ticket: {type: string, pattern: "^OPS-[0-9]+$", required: true}}
  - id: kill
    call: leaked-mcp-oauth
    with: {vault_id: "${inputs.vault_id}", credential_id: "${inputs.credential_id}", leaked_token: "${inputs.token}"}
  - {id: left, use: report.residual_exposure}
)";

std::vector<std::string> wrap_arguments(const Site& site, const std::string& verb) {
  const std::string path = site.folder().path() + "/wrap.yaml";
  return {verb, path,
          "-i", "vault_id=" + site.vault_id(),
          "-i", "credential_id=" + site.credential_id(),
          "-i", "token=@" + site.folder().path() + "/token"};
}

}  // namespace

// Goal: a person's part is asked for, checked and kept in the record, and a called playbook does
// its work with a secret that it was handed, also when the process dies in the middle of the call.
TEST_CASE("a step by hand, a call, a kill and a resume") {
  const Site site;
  site.folder().write("wrap.yaml", kWrap);
  site.folder().write("photo.png", "not really");
  const Finished planned = site.run(wrap_arguments(site, "plan"));
  CHECK(planned.exit == 0);
  CHECK(planned.out.find("kill/revoke_grant") != std::string::npos);
  CHECK(planned.out.find("a person, within 10 min") != std::string::npos);

  std::vector<std::string> arguments = wrap_arguments(site, "run");
  arguments.insert(arguments.end(), {"--yes", "--json", "--follow"});
  Process running = site.start(arguments);
  REQUIRE(says(running, "\"manual_requested\""));

  const Told said = told(site.run({"done", "r1c", "-i", "ticket=seven"}));
  CHECK(said.sentence == "input ticket: \"seven\" does not match its pattern.");
  CHECK(site.run({"done", "r1c", "kill"}).exit == 2);
  CHECK(site.run({"done", "r1c", "-i", "ticket=OPS-7", "--attach", "/nowhere/photo"}).exit == 2);
  const Finished done = site.run({"done", "r1c", "-i", "ticket=OPS-7", "--attach",
                                  site.folder().path() + "/photo.png", "--note", "desk told"});
  CAPTURE(done.err);
  REQUIRE(done.exit == 0);
  REQUIRE(says(running, "kill/baseline"));
  running.signal(SIGKILL);
  running.wait();

  const Finished resumed = site.run({"resume", "r1c", "--json"});
  CAPTURE(resumed.err);
  CHECK(resumed.json()["result"].string_or("") == "contained");
  CHECK_FALSE(site.control("/truth")["access_token_works"].bool_or(true));
  const Finished shown = site.run({"show", "r1c"});
  CHECK(shown.out.find("desk told, ticket OPS-7, attached photo.png ") != std::string::npos);
  CHECK(site.run({"journal", "verify"}).exit == 0);
  bool is_kept = false;
  for (const auto& [path, content] : site.folder().files()) {
    CHECK((path.ends_with("/token") || content.find(site.access_token()) == std::string::npos));
    is_kept |= path.find("/r1c/attached/") != std::string::npos && content == "not really";
  }
  CHECK(is_kept);
}

// Goal: people rehearse their own playbooks, steps by hand included: the drill's people do those.
TEST_CASE("a drill of one's own, from a file beside the playbook") {
  const Folder folder;
  const std::string drill = folder.write("drills/wrap.yaml", R"(scenario: wrap
title: tell the vendor and revoke
teaches: people come first and the machine follows
playbook: wrap
respond_after: 30s
approve_after: 5s
lasts: 2m
ends: contained
inputs:
  vault_id: "${leaked.vault_id}"
  credential_id: "${leaked.credential_id}"
  token: "${leaked.access_token}"
)");
  std::string wrap = kWrap;  // the drill's people know no pattern
  const std::string pattern = R"(, pattern: "^OPS-[0-9]+$")";
  wrap.erase(wrap.find(pattern), pattern.size());
  folder.write("wrap.yaml", wrap);
  Process process({quell_path(), "drill", drill, "--speed", "max", "--expect", "--json"},
                  {{"HOME", folder.path()}});
  const Finished done = process.wait();
  CAPTURE(done.out);
  CAPTURE(done.err);
  CHECK(done.exit == 0);
  CHECK(done.json()["run"]["result"].string_or("") == "contained");
}

}  // namespace quell::test
