#include "orchestrator/config_evidence.h"

#include <array>

#include "orchestrator/config_reader.h"

namespace quell {
namespace {

constexpr std::array<std::string_view, 3> kMembers{"recipients", "run_mib_max", "free_mib_min"};
constexpr int kMibMax = 1 << 30;
constexpr unsigned kMib = 20;

}  // namespace

EvidenceSettings read_evidence(const YamlNode& node, const std::string& directory,
                               Findings& findings) {
  ConfigReader reader(findings);
  EvidenceSettings settings;
  if (!reader.is_map(node, "evidence")) return settings;
  int run = static_cast<int>(settings.limits.run_bytes_max >> kMib);
  int free = static_cast<int>(settings.limits.free_bytes_min >> kMib);
  for (const YamlMember& member : node.members) {
    if (!reader.is_known(member.key, kMembers)) continue;
    const std::string& key = member.key.text;
    if (key == "run_mib_max") reader.number(member.value, "evidence.run_mib_max", kMibMax, run);
    if (key == "free_mib_min") reader.number(member.value, "evidence.free_mib_min", kMibMax, free);
    if (key != "recipients") continue;
    for (const std::string& path : reader.texts(member.value, "evidence.recipients"))
      settings.recipients.push_back(path_from(directory, path));
    if (settings.recipients.empty())
      findings.error(member.value, "missing-key", "evidence.recipients names no certificate",
                     "recipients: [case-team.pem], or leave it out");
  }
  settings.limits.run_bytes_max = static_cast<std::uint64_t>(run) << kMib;
  settings.limits.free_bytes_min = static_cast<std::uint64_t>(free) << kMib;
  return settings;
}

}  // namespace quell
