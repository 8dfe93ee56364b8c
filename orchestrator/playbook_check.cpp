#include "orchestrator/playbook_check.h"

#include <map>
#include <utility>

#include "orchestrator/api/problem.h"
#include "orchestrator/playbook/warnings.h"
#include "orchestrator/playbook_library.h"

namespace quell {
namespace {

constexpr std::size_t kSourceBytesMax = 1U << 20U;

/// What the text calls itself: a file has to go by that name. Its own checks say what is wrong with
/// it.
std::string name_in(std::string_view source) {
  constexpr std::string_view kKey = "id:";
  while (!source.empty()) {
    std::string_view line = source.substr(0, source.find('\n'));
    source.remove_prefix(std::min(line.size() + 1, source.size()));
    if (!line.starts_with(kKey)) continue;
    line.remove_prefix(kKey.size());
    constexpr std::string_view kAround = " \t\r\"'";
    const std::size_t first = line.find_first_not_of(kAround);
    if (first == std::string_view::npos) break;
    return std::string(line.substr(first, line.find_first_of(" \t\r\"'#", first) - first));
  }
  return "playbook";
}

HttpReply check(const ConnectorSet& connectors, const ApiCall& call) {
  const std::string source = call.body["source"].string_or("");
  std::map<std::string, std::string, std::less<>> others;
  for (const auto& [file, text] : shipped_playbooks()) others[file.substr(0, file.rfind('.'))] = text;
  if (const Value& called = call.body["called"]; called.is_map()) {
    for (const auto& [id, text] : called.as_map()) others[id] = text.string_or("");
  }
  PlaybookSources sources{.source_of = [&others](std::string_view id) {
    const auto found = others.find(id);
    return found == others.end() ? std::nullopt : std::optional<std::string>(found->second);
  }};
  for (const auto& [id, text] : others) sources.ids.push_back(id);
  LoadResult loaded =
      load_playbook(source, name_in(source) + ".yaml", catalog_of(connectors), sources);
  if (loaded.playbook) {
    for (Diagnostic& warning : unreachable_approvals(*loaded.playbook))
      loaded.diagnostics.push_back(std::move(warning));
  }
  ValueList findings;
  for (const Diagnostic& finding : loaded.diagnostics)
    findings.push_back(diagnostic_document(finding));
  return json_reply(
      200, Value::map({{"ok", loaded.playbook.has_value()},
                       {"id", loaded.playbook ? Value(loaded.playbook->id) : Value()},
                       {"summary",
                        loaded.playbook ? Value(playbook_summary(*loaded.playbook)) : Value()},
                       {"diagnostics", Value(std::move(findings))}}));
}

}  // namespace

Value diagnostic_document(const Diagnostic& diagnostic) {
  return Value::map(
      {{"severity", diagnostic.severity == Diagnostic::Severity::error ? "error" : "warning"},
       {"code", diagnostic.code},
       {"line", diagnostic.at.line},
       {"column", diagnostic.at.column},
       {"message", diagnostic.message},
       {"hint", diagnostic.hint}});
}

Diagnostic diagnostic_of_document(const Value& document) {
  return {.severity = document["severity"].string_or("") == "warning"
                          ? Diagnostic::Severity::warning
                          : Diagnostic::Severity::error,
          .code = document["code"].string_or(""),
          .at = {.line = static_cast<int>(document["line"].int_or(0)),
                 .column = static_cast<int>(document["column"].int_or(0))},
          .message = document["message"].string_or(""),
          .hint = document["hint"].string_or("")};
}

std::vector<ApiRoute> playbook_check_routes(const ConnectorSet& connectors) {
  std::vector<ApiRoute> routes;
  routes.push_back({.method = "POST",
                    .path = "/api/v1/playbooks/check",
                    .operation = "checkPlaybook",
                    .summary = "Find every mistake in a playbook's text; nothing is kept or run",
                    .right = Right::author,
                    .body = {{.name = "source",
                              .about = "The playbook as YAML",
                              .required = true,
                              .bytes_max = kSourceBytesMax},
                             {.name = "called",
                              .about = "Sources of playbooks that it calls and that do not come "
                                       "with quell, by id",
                              .kind = ApiField::Kind::texts,
                              .bytes_max = kSourceBytesMax}},
                    .body_bytes_max = 4 * kSourceBytesMax,
                    .answer = "`ok`, `summary` of one without errors, and `diagnostics` with line "
                              "and column, as quell check --json gives them",
                    .handle = [&connectors](const ApiCall& call) {
                      return check(connectors, call);
                    }});
  return routes;
}

}  // namespace quell
