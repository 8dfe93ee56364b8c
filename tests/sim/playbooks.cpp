#include "tests/sim/playbooks.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/playbook_library.h"
#include "state/base/assert.h"

namespace quell::sim {
namespace {

std::string indented(const std::string& text, std::size_t by) {
  std::string out;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size() - 1);
    out += std::string(by, ' ') + text.substr(begin, end - begin + 1);
    begin = end + 1;
  }
  return out;
}

/// The steps of one made-up playbook, written as they are drawn.
class Writer {
 public:
  Writer(Site& site, Dice& dice) : site_(site), dice_(dice) {}

  std::string playbook();

 private:
  std::string looping(std::string_view items, std::string_view as, int count, bool of_actions);
  std::string retry();
  std::string until();
  std::string deadline() {
    return dice_.chance(20) ? fmt::format("  deadline: {}s\n", dice_.between(2, 240)) : "";
  }
  std::string onward() { return dice_.chance(25) ? "  on_failure: continue\n" : ""; }
  std::string purge(const std::string& id, const std::string& loop, std::string_view item);
  std::string purge_all();
  std::string freeze();
  std::string revoke();
  std::string people();

  Site& site_;
  Dice& dice_;
  int credentials_ = 0;
};

std::string Writer::looping(std::string_view items, std::string_view as, int count,
                            bool of_actions) {
  // Sometimes fewer than there are: the rest is to be named as excluded.
  const int max = dice_.chance(15) ? std::max(1, count / 2) : 1000;
  std::string text = fmt::format(
      "  foreach: {{items: \"${{{}}}\", as: {}, key: \"${{{}.id}}\", max: {}", items, as, as, max);
  if (dice_.chance(80)) text += fmt::format(", concurrency: {}", dice_.between(1, 12));
  if (dice_.chance(25)) text += fmt::format(", canary: {}", dice_.between(1, 4));
  if (of_actions && dice_.chance(10)) text += fmt::format(", rate: {}/s", dice_.between(5, 50));
  if (dice_.chance(30)) text += ", on_item_failure: stop";
  return text + "}\n";
}

std::string Writer::retry() {
  if (!dice_.chance(50)) return {};
  return fmt::format("  retry: {{max: {}, backoff: {}ms, jitter: {}}}\n", dice_.between(0, 5),
                     dice_.between(100, 3'000), dice_.chance(50));
}

std::string Writer::until() {
  if (!dice_.chance(60)) return {};
  const int every = dice_.between(1, 5);
  return fmt::format(", until: {{every: {}s, for: {}s, consecutive: {}}}", every,
                     every * dice_.between(8, 20), dice_.between(1, 2));
}

/// Archives or deletes one credential, or all of a list.
std::string Writer::purge(const std::string& id, const std::string& loop, std::string_view item) {
  const bool deletes = dice_.chance(25);
  const std::string with =
      fmt::format("{{vault_id: \"${{{0}.vault_id}}\", credential_id: \"${{{0}.id}}\"", item);
  return fmt::format(
      "- id: {}\n  use: platform.{}_credential\n{}  with: {}}}\n  plane: holder\n"
      "  kills: [refresh]\n  irreversible: true\n{}{}"
      "  verify: [{{probe: platform.credential_is_archived, with: {}{}}}{}}}]\n",
      id, deletes ? "delete" : "archive", loop, with, retry(), deadline(), with,
      deletes ? ", was_read: true" : "", until());
}

std::string Writer::purge_all() {
  if (dice_.chance(30)) {
    return fmt::format("- id: each\n{}{}  block:\n{}",
                       looping("steps.find.credentials", "c", credentials_, false), deadline(),
                       indented(purge("purge", "", "c"), 4));
  }
  const std::string all =
      purge("purge", looping("steps.find.credentials", "c", credentials_, true), "c");
  if (dice_.chance(25)) {
    return "- id: guarded\n  block:\n" + indented(all, 4) +
           "  rescue:\n    - id: note\n      set: {words: \"the purge failed\"}\n";
  }
  return all;
}

std::string Writer::freeze() {
  const std::string pause =
      "- id: pause\n  use: platform.pause_deployment\n" +
      looping("steps.radius.deployments", "d", 2, true) +
      "  with: {deployment_id: \"${d.id}\"}\n  plane: runtime\n  kills: [schedule]\n"
      "  undo: {use: platform.unpause_deployment, with: {deployment_id: \"${d.id}\"}}\n" +
      onward() +
      "  verify: [{probe: platform.deployment_is_paused, with: {deployment_id: \"${d.id}\"}}]\n";
  const std::string stop =
      "- id: stop\n  use: platform.stop_session\n" +
      looping("steps.radius.live_sessions", "s", 2, true) +
      "  with: {session_id: \"${s.id}\"}\n  plane: runtime\n  kills: [session]\n"
      "  irreversible: true\n" +
      retry() + onward() +
      "  verify: [{probe: platform.session_is_stopped, with: {session_id: \"${s.id}\"}" + until() +
      "}]\n";
  if (!dice_.chance(60)) return pause + stop;
  return "- id: freeze\n  parallel:\n    schedules:\n" + indented(pause, 6) + "    sessions:\n" +
         indented(stop, 6);
}

std::string Writer::revoke() {
  const range::Leaked& leaked = site_.world().leaked();
  if (dice_.chance(40)) {
    return fmt::format(
        "- id: kill\n  call: leaked-mcp-oauth\n  with: {{vault_id: \"{}\", credential_id: \"{}\", "
        "leaked_token: \"${{inputs.token}}\", leaked_refresh_token: \"${{inputs.refresh}}\"}}\n{}",
        leaked.vault_id, leaked.credential_id, onward());
  }
  return fmt::format(
      "- id: revoke\n  use: issuer.revoke_grant\n  with: {{mcp_server_url: \"{0}\", token: "
      "\"${{inputs.token}}\", refresh_token: \"${{inputs.refresh}}\"}}\n"
      "  plane: issuer\n  kills: [refresh_token, access_token]\n  irreversible: true\n{1}{2}"
      "  verify:\n    - {{probe: issuer.token_is_dead, with: {{mcp_server_url: \"{0}\", token: "
      "\"${{inputs.token}}\"}}, when: \"${{inputs.token != null}}\", until: {{every: 5s, for: 1m, "
      "consecutive: 2}}}}\n",
      kMcpEndpoint, retry(), onward());
}

std::string Writer::people() {
  std::string text;
  if (dice_.chance(60)) {
    text += fmt::format(
        "- id: go\n  approve: {{need: {}, from: approver, within: {}m, on_timeout: {}}}\n",
        dice_.chance(20) ? 2 : 1, dice_.between(2, 20), dice_.chance(25) ? "continue" : "abort");
  }
  if (dice_.chance(15)) {
    text += fmt::format(
        "- id: ask\n  manual:\n    ask: Lock the account at the vendor\n    within: {}m\n"
        "    on_timeout: continue\n    fields: {{ticket: {{type: string, required: true}}}}\n",
        dice_.between(1, 10));
  }
  return text;
}

std::string Writer::playbook() {
  std::string vaults;
  for (const std::string& id : site_.extras().vault_ids) {
    vaults += (vaults.empty() ? "\"" : ", \"") + id + "\"";
    const auto found = site_.extras().credential_ids.find(id);
    if (found != site_.extras().credential_ids.end())
      credentials_ += static_cast<int>(found->second.size());
  }
  std::string steps;
  const bool revokes = dice_.chance(45);
  const bool freezes = dice_.chance(45);
  if (!vaults.empty() || dice_.chance(50)) {
    steps += "- id: find\n  use: platform.find_credentials\n";
    if (!vaults.empty()) steps += "  with: {vault_ids: [" + vaults + "]}\n";
  }
  const bool finds = !steps.empty();
  if (freezes || !finds) {
    const std::string leaked = "\"" + site_.world().leaked().vault_id + "\"";
    steps +=
        fmt::format("- id: radius\n  use: platform.blast_radius\n  with: {{vault_ids: [{}]}}\n",
                    vaults.empty() || dice_.chance(50) ? leaked : vaults);
  }
  steps += people();
  if (revokes) steps += revoke();
  if (freezes || !finds) steps += freeze();
  if (finds) steps += purge_all();
  if (dice_.chance(15))
    steps += fmt::format("- id: settle\n  wait: {{for: {}s}}\n", dice_.between(1, 90));
  std::string text =
      "quell: 1\nid: drawn\ntitle: Drawn by the simulation\npurpose: Whatever the dice say.\n"
      "inputs:\n  incident: {type: string, default: INC-1}\n"
      "  token: {type: secret, required: false}\n  refresh: {type: secret, required: false}\n";
  // A credential of the incident's own may be purged before its issuer is told.
  text += "settings: {accept: [purge_first]";
  if (dice_.chance(50)) text += ", lock: \"drawn\"";
  if (dice_.chance(15)) text += fmt::format(", run_timeout: {}m", dice_.between(1, 30));
  text += "}\nsteps:\n" + indented(steps, 2);
  if (freezes && dice_.chance(50)) {
    text +=
        "verify:\n  - {probe: platform.no_new_session, with: {vault_ids: "
        "\"${steps.radius.vault_ids}\", "
        "since: \"${run.started_at}\"}}\n";
    if (dice_.chance(50)) text += "watch: {every: 1m, for: 5m, reopen_on: [session_started]}\n";
  }
  return text +
         "finally:\n  - {id: bundle, use: report.bundle, with: {incident: "
         "\"${inputs.incident}\"}}\n";
}

}  // namespace

DrawnPlaybook shipped_playbook(const std::string& id, range::World& world, Dice& dice,
                               Timestamp now) {
  DrawnPlaybook drawn{.id = id};
  for (const auto& [file, source] : shipped_playbooks()) {
    if (file == id + ".yaml") drawn.source = source;
  }
  QUELL_ASSERT(!drawn.source.empty());
  const range::Leaked& leaked = world.leaked();
  drawn.texts = {{"vault_id", leaked.vault_id}, {"credential_id", leaked.credential_id}};
  const bool rotates = id == "rotate-only";
  if (rotates || dice.chance(80)) drawn.secrets["leaked_token"] = leaked.access_token;
  if (dice.chance(80)) drawn.secrets["leaked_refresh_token"] = leaked.refresh_token;
  if (rotates) {
    const range::FreshGrant fresh = world.mint_fresh(now);
    drawn.secrets["new_access_token"] = fresh.access_token;
    if (dice.chance(80)) drawn.secrets["new_refresh_token"] = fresh.refresh_token;
  }
  return drawn;
}

DrawnPlaybook generated_playbook(Site& site, Dice& dice) {
  DrawnPlaybook drawn{.id = "drawn", .source = Writer(site, dice).playbook()};
  const range::Leaked& leaked = site.world().leaked();
  if (dice.chance(80)) drawn.secrets["token"] = leaked.access_token;
  if (dice.chance(80)) drawn.secrets["refresh"] = leaked.refresh_token;
  return drawn;
}

}  // namespace quell::sim
