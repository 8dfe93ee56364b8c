#include "orchestrator/playbook/rules.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "state/base/contains.h"

namespace quell {
namespace {

constexpr std::string_view kPurgeFirst = "purge_first";
constexpr std::string_view kRotation = "rotation_is_not_revocation";

/// Destroys the holder's copy, and with it the best proof that the grant is dead.
bool purges(const UseFact& use) {
  const ActionSpec& spec = *use.action.spec;
  return spec.effect == Effect::mutate && contains(spec.planes, Plane::holder) &&
         contains(spec.kills, Kill::refresh);
}

/// Kills a grant at its issuer.
bool revokes(const UseFact& use) {
  const ActionSpec& spec = *use.action.spec;
  return spec.effect == Effect::mutate && contains(spec.planes, Plane::issuer) &&
         (contains(spec.kills, Kill::refresh_token) || contains(spec.kills, Kill::access_token));
}

/// `use` is over when `later` begins: it, or the call or loop that it is part of.
bool is_done_before(const UseFact& use, const UseFact& later) {
  const auto is_known = [&later](const std::string& id) {
    return contains(later.known_before, id);
  };
  if (std::any_of(use.loops.begin(), use.loops.end(), is_known)) return true;
  for (std::size_t end = use.id.size(); end != std::string::npos;
       end = use.id.rfind('/', end - 1)) {
    if (contains(later.known_before, use.id.substr(0, end))) return true;
    if (end == 0) break;
  }
  return false;
}

/// Its own playbook, which is called here, accepts that.
bool excused(const UseFact& use, std::string_view override_name) {
  return contains(use.accepted, std::string(override_name));
}

class Rules {
 public:
  Rules(Findings& findings, const std::vector<UseFact>& uses, Playbook& playbook)
      : findings_(findings), uses_(uses), playbook_(playbook) {}

  void purge_waits_for_issuer() {
    for (const UseFact& purge : uses_) {
      if (!purges(purge) || excused(purge, kPurgeFirst)) continue;
      const UseFact* later = nullptr;
      bool earlier = false;
      for (const UseFact& use : uses_) {
        if (!revokes(use)) continue;
        if (is_done_before(use, purge)) {
          earlier = true;
        } else if (later == nullptr) {
          later = &use;
        }
      }
      if (earlier || later == nullptr) continue;
      overridable(kPurgeFirst, *purge.use, "purge-first",
                  "purges the vault before the issuer verdict",
                  fmt::format("move it below \"{}\" (line {}), or accept: [{}]", shown(later->id),
                              findings_.line(*later->mark), kPurgeFirst));
    }
  }

  void rotation_is_no_revocation() {
    if (std::any_of(uses_.begin(), uses_.end(), revokes)) return;
    for (const UseFact& use : uses_) {
      if (use.action.action != "overwrite_credential" || excused(use, kRotation)) continue;
      overridable(kRotation, *use.use, "rotation-is-not-revocation",
                  "overwrites the stored secret and leaves the old grant alive",
                  fmt::format("add a step with issuer.revoke_grant, or accept: [{}]", kRotation));
    }
  }

  void evidence_before_deletion() {
    for (const UseFact& use : uses_) {
      if (use.action.action != "delete_session") continue;
      const bool kept = std::any_of(uses_.begin(), uses_.end(), [&](const UseFact& other) {
        return other.action.connection == "report" && other.action.action == "bundle" &&
               is_done_before(other, use);
      });
      if (kept) continue;
      findings_.error(*use.use, "evidence-first", "deletes a session before its evidence is kept",
                      "put a step with report.bundle above it");
    }
  }

  void every_claim_has_a_probe() {
    for (const UseFact& use : uses_) {
      for (std::size_t i = 0; i < use.kills.size(); ++i) {
        if (contains(use.probed, use.kills[i])) continue;
        const std::string_view kill = to_string(use.kills[i]);
        playbook_.unprovable.push_back(fmt::format("{} {}", use.id, kill));
        if (use.kill_nodes.empty()) continue;  // told by the check of the playbook it stands in
        const bool said = std::any_of(playbook_reasons_.begin(), playbook_reasons_.end(),
                                      [&](const std::string& id) { return id == use.id; });
        if (said) continue;
        findings_.warning(*use.kill_nodes[i], "no-probe",
                          fmt::format("no probe here can prove that {} is dead", kill),
                          "add one under verify, or a later step that proves this one");
      }
    }
  }

  /// Steps that say why nothing verifies them.
  void note_reasons(const std::vector<Step>& steps) {  // NOLINT(misc-no-recursion)
    for (const Step& step : steps) {
      if (!step.verify_none_reason.empty()) playbook_reasons_.push_back(step.id);
      for_each_inner_list(step, [&](const std::vector<Step>& list) { note_reasons(list); });
    }
  }

  void unneeded_overrides(const YamlNode& accept) {
    for (const YamlNode& item : accept.items) {
      if (!contains(overrides(), item.text) || contains(needed_, item.text)) continue;
      findings_.warning(item, "unneeded-accept",
                        fmt::format("nothing here needs \"{}\"", item.text), "take it out");
    }
  }

 private:
  void overridable(std::string_view name, const YamlNode& node, std::string_view code,
                   std::string message, std::string hint) {
    needed_.emplace_back(name);
    if (contains(playbook_.accept, std::string(name))) return;
    findings_.error(node, code, std::move(message), std::move(hint));
  }

  Findings& findings_;
  const std::vector<UseFact>& uses_;
  Playbook& playbook_;
  std::vector<std::string> needed_{};
  std::vector<std::string> playbook_reasons_{};
};

}  // namespace

const std::vector<std::string>& overrides() {
  static const std::vector<std::string> kOverrides{std::string(kPurgeFirst),
                                                   std::string(kRotation)};
  return kOverrides;
}

void check_rules(Findings& findings, const std::vector<UseFact>& uses, const YamlNode* accept,
                 Playbook& playbook) {
  Rules rules(findings, uses, playbook);
  rules.note_reasons(playbook.steps);
  rules.note_reasons(playbook.finally_steps);
  rules.purge_waits_for_issuer();
  rules.rotation_is_no_revocation();
  rules.evidence_before_deletion();
  rules.every_claim_has_a_probe();
  if (accept != nullptr) rules.unneeded_overrides(*accept);
}

}  // namespace quell
