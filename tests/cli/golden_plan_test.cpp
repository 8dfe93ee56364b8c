// What `quell plan` says of every shipped playbook, word for word.

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "site.h"

namespace quell::test {
namespace {

/// Ports are whatever is free, the digest covers them, and reading takes its time.
std::string masked(std::string text) {
  const std::vector<std::pair<const char*, const char*>> masks{
      {R"(127\.0\.0\.1:[0-9]+)", "127.0.0.1:PORT"},
      {R"(digest  [0-9a-f]+)", "digest  DIGEST"},
      {R"(reads? in [^\n]+)", "reads in TIME"},
      {R"(contained [^\n]+ after approval, proved by [^;\n]+)",
       "contained TIME after approval, proved by TIME"}};
  for (const auto& [pattern, word] : masks)
    text = std::regex_replace(text, std::regex(pattern), word);
  return text;
}

/// Those of the leaked vault, by commas.
std::string deployments_of(const Site& site) {
  std::string ids;
  for (const Value& id : site.range()["leaked"]["deployment_ids"].list_or_empty())
    ids += (ids.empty() ? "" : ",") + id.string_or("");
  return ids;
}

void check_plan(const Site& site, const std::string& playbook, std::vector<std::string> inputs) {
  CAPTURE(playbook);
  inputs.insert(inputs.begin(), {"plan", playbook, "--requests"});
  const Finished done = site.run(std::move(inputs));
  CAPTURE(done.err);
  REQUIRE(done.exit == 0);
  const std::string plan = masked(done.out);
  const char* const root = std::getenv("QUELL_SOURCE_DIR");
  REQUIRE(root != nullptr);
  const std::string file = std::string(root) + "/tests/golden/" + playbook + ".plan.txt";
  if (std::getenv("QUELL_WRITE_GOLDEN") != nullptr) std::ofstream(file, std::ios::binary) << plan;
  std::ifstream in(file, std::ios::binary);
  const std::string golden((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  INFO("where the change is meant, write it anew with QUELL_WRITE_GOLDEN=1 and read the diff");
  CHECK(plan == golden);
}

}  // namespace

// Goal: a change of what a shipped playbook would send is seen by a reviewer, line by line.
// Method: the range of the fixed seed gives the same ids each time.
TEST_CASE("the plans of the shipped playbooks are the golden ones") {
  const Site site;
  const std::vector<std::string> leak{
      "-i", "incident=INC-42",
      "-i", "vault_id=" + site.vault_id(),
      "-i", "credential_id=" + site.credential_id(),
      "-i", "leaked_token=@" + site.folder().path() + "/token",
      "-i", "leaked_refresh_token=@" + site.folder().path() + "/refresh"};
  check_plan(site, "leaked-mcp-oauth", leak);
  std::vector<std::string> rotation = leak;
  rotation.insert(rotation.end(), {"-i", "new_access_token=@" + site.folder().path() + "/refresh"});
  check_plan(site, "rotate-only", rotation);
  const Folder& folder = site.folder();
  folder.write("leaked.key", site.range()["leaked"]["api_key"].string_or(""));
  folder.write("admin.key", site.range()["platform"]["admin_key"].string_or(""));
  check_plan(site, "compromised-api-key",
             {"--connect", "platform.admin_api_key=secret://file/" + folder.path() + "/admin.key",
              "-i", "incident=INC-42",
              "-i", "api_key_id=" + site.range()["leaked"]["api_key_id"].string_or(""),
              "-i", "leaked_key=@" + folder.path() + "/leaked.key",
              "-i", "leaked_at=2026-01-01T00:00:00Z"});
  const Site after("after_containment");
  check_plan(after, "restore-service",
             {"-i", "incident=INC-42",
              "-i", "vault_id=" + after.vault_id(),
              "-i", "credential_id=" + after.credential_id(),
              "-i", "deployment_ids=" + deployments_of(after)});
  check_plan(site, "leaked-vault", {"-i", "incident=INC-42", "-i", "vault_ids=" + site.vault_id()});
  check_plan(site, "vendor-breach",
             {"-i", "incident=INC-42", "-i", "mcp_server_url=" + site.range()["mcp"]["url"].as_string(),
              "-i", "sample_token=@" + site.folder().path() + "/token"});
  check_plan(site, "compromised-user", {"-i", "incident=INC-42", "-i", "user=usr_billing"});
  const Site poisoned("poisoned");
  const Value& injected = poisoned.range()["injected"];
  check_plan(
      poisoned, "poisoned-memory",
      {"-i", "incident=INC-42", "-i", "session_ids=" + injected["session_id"].string_or("")});
  check_plan(poisoned, "lateral-movement",
             {"-i", "incident=INC-42", "-i", "agent_ids=" + injected["agent_id"].string_or("")});
}

}  // namespace quell::test
