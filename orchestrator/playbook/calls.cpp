#include "orchestrator/playbook/calls.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/playbook/reader.h"

namespace quell {

// Depth is at most kCallDepthMax.
LoadResult Callees::load(  // NOLINT(misc-no-recursion)
    std::string_view source, std::string_view file, std::vector<UseFact>* uses) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  std::string_view text = source;
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const SourceText lines(text);
  Findings findings(lines);
  LoadResult result;
  YamlNode root;
  if (parse_yaml(findings, root)) {
    under_way_.emplace_back(file_stem(file));
    Playbook playbook = read_playbook(root, source, file, *this, findings, uses);
    under_way_.pop_back();
    if (!findings.has_errors()) result.playbook = std::move(playbook);
  }
  result.diagnostics = findings.take();
  return result;
}

// Depth is at most kCallDepthMax.
Result<const Callee*> Callees::find(const std::string& id) {  // NOLINT(misc-no-recursion)
  if (const auto known = loaded_.find(id); known != loaded_.end()) return &known->second;
  if (std::find(under_way_.begin(), under_way_.end(), id) != under_way_.end()) {
    return make_error(ErrorCode::invalid, "call-cycle",
                      fmt::format("\"{}\" would call itself: {} > {}", shown(id),
                                  fmt::join(under_way_, " > "), shown(id)),
                      "a foreach repeats steps, a call does not");
  }
  if (under_way_.size() >= kCallDepthMax) {
    return make_error(ErrorCode::invalid, "call-cycle",
                      fmt::format("playbooks call each other more than {} deep", kCallDepthMax),
                      "write its steps out here");
  }
  const std::optional<std::string> source =
      sources_.source_of ? sources_.source_of(id) : std::optional<std::string>();
  if (!source) {
    const std::string near = nearest_word(id, sources_.ids);
    return make_error(ErrorCode::invalid, "unknown-playbook",
                      fmt::format("no playbook \"{}\"", shown(id)),
                      near.empty() ? "it stands beside this file, in a folder under playbooks:, or "
                                     "comes with quell"
                                   : fmt::format("did you mean \"{}\"?", near));
  }
  Callee callee;
  LoadResult loaded = load(*source, id + ".yaml", &callee.uses);
  if (!loaded.playbook) {
    const auto first =
        std::find_if(loaded.diagnostics.begin(), loaded.diagnostics.end(),
                     [](const Diagnostic& d) { return d.severity == Diagnostic::Severity::error; });
    return make_error(ErrorCode::invalid, "called-playbook",
                      fmt::format("\"{}\" does not pass its own check: line {}, {}", shown(id),
                                  first->at.line, first->message),
                      fmt::format("quell check {}", shown(id)));
  }
  for (UseFact& use : callee.uses) {
    use.mark = nullptr;
    use.use = nullptr;
    use.kill_nodes.clear();
  }
  callee.playbook = std::make_shared<const Playbook>(*std::move(loaded.playbook));
  return &loaded_.emplace(id, std::move(callee)).first->second;
}

LoadResult load_playbook(std::string_view source, std::string_view file,
                         const ActionCatalog& catalog, const PlaybookSources& others) {
  return Callees(catalog, others).load(source, file, nullptr);
}

}  // namespace quell
