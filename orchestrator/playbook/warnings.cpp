#include "orchestrator/playbook/warnings.h"

#include <fmt/format.h>

namespace quell {

void warn_short_until(Findings& findings, const YamlNode& node, const Until& until,
                      const ActionSpec& probe) {
  if (until.span >= probe.timeout) return;
  const YamlNode* const span = node.find("for");
  findings.warning(span == nullptr ? node : *span, "short-until",
                   fmt::format("this ends after {}, and one look may take {}",
                               format_duration(until.span), format_duration(probe.timeout)),
                   "lengthen for, or a slow answer leaves the claim unproved");
}

std::vector<Diagnostic> unreachable_approvals(const Playbook& playbook) {
  std::vector<Diagnostic> found;
  const auto look = [&](const Step& step) {
    const auto* const approve = std::get_if<ApproveStep>(&step.kind);
    if (approve == nullptr || approve->need < 2) return;
    found.push_back(
        {.severity = Diagnostic::Severity::warning,
         .code = "unreachable-approval",
         .at = step.at,
         .length = static_cast<int>(step.id.size()),
         .message = fmt::format("{} people must approve, and without users one can", approve->need),
         .hint = "need: 1, as long as no users are configured"});
  };
  for_each_step(playbook.steps, look);
  for_each_step(playbook.finally_steps, look);
  return found;
}

Diagnostic no_drill(std::string_view source, std::string_view id) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (source.starts_with(kByteOrderMark)) source.remove_prefix(kByteOrderMark.size());
  const SourceText lines(source);
  Findings findings(lines);
  YamlNode root;
  static_cast<void>(parse_yaml(findings, root));  // it loads, so this finds nothing
  const YamlNode* const node = root.find("id");
  findings.warning(node == nullptr ? root : *node, "no-drill", "no drill rehearses this playbook",
                   fmt::format("describe one in drills/{}.yaml beside it", id));
  return findings.take().front();
}

}  // namespace quell
