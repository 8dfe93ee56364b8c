#include "tests/orchestrator/playbook/checking.h"

#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "connectors/managed_agents/managed_agents_connector.h"
#include "connectors/oauth/oauth_connector.h"
#include "orchestrator/report/report_connector.h"

namespace quell::test {
namespace {

ActionSpec lab_action(std::string name, Effect effect) {
  ActionSpec spec;
  spec.name = std::move(name);
  spec.effect = effect;
  spec.inputs = {
      ParamSpec{.name = "session_id", .type = Type::of(Type::Kind::string), .required = true}};
  return spec;
}

/// Takes one value of each type, all optional.
ActionSpec echo() {
  ActionSpec spec;
  spec.name = "echo";
  const auto add = [&](std::string name, Type type) {
    spec.inputs.push_back(ParamSpec{.name = std::move(name), .type = type.or_null()});
  };
  add("text", Type::of(Type::Kind::string));
  add("count", Type::of(Type::Kind::integer));
  add("share", Type::of(Type::Kind::number));
  add("flag", Type::of(Type::Kind::boolean));
  add("at", Type::of(Type::Kind::timestamp));
  add("lasts", Type::of(Type::Kind::duration));
  add("words", Type::list_of(Type::of(Type::Kind::string)));
  add("anything", Type{});
  add("key", Type::of(Type::Kind::secret));
  spec.inputs.push_back(
      ParamSpec{.name = "must", .type = Type::of(Type::Kind::string), .required = false});
  spec.outputs = Type::object({Field{.name = "note", .type = Type::of(Type::Kind::string)}});
  return spec;
}

ActionSpec two_planes() {
  ActionSpec spec = lab_action("sweep", Effect::mutate);
  spec.planes = {Plane::holder, Plane::runtime};
  spec.kills = {Kill::session};
  return spec;
}

std::span<const ActionSpec> actions_of(std::string_view connection) {
  static const ReportConnector kReport;
  static const std::array<ActionSpec, 3> kLab{lab_action("delete_session", Effect::mutate), echo(),
                                              two_planes()};
  if (connection == "platform") return managed_agents_actions();
  if (connection == "issuer") return oauth_actions();
  if (connection == "report") return kReport.actions();
  if (connection == "lab") return kLab;
  return {};
}

}  // namespace

const ActionCatalog& catalog() {
  static const ActionCatalog kCatalog{.connections = {"issuer", "lab", "platform", "report"},
                                      .actions_of = actions_of};
  return kCatalog;
}

const PlaybookSources& callable() {
  static const std::map<std::string, std::string, std::less<>> kSources{
      {"kill-session", R"(quell: 1
id: kill-session
title: Stop one session
purpose: To be called.
inputs:
  session_id: {type: string, required: true, pattern: "^sesn_"}
  token: {type: secret}
steps:
  - id: stop
    use: platform.stop_session
    with: {session_id: "${inputs.session_id}"}
    kills: [session]
    irreversible: true
    verify: [{probe: platform.session_is_stopped, with: {session_id: "${inputs.session_id}"}}]
)"},
      {"purge", R"(quell: 1
id: purge
title: Archive one credential
purpose: To be called too early.
inputs:
  vault_id: {type: string, required: true}
  credential_id: {type: string, required: true}
steps:
  - id: archive
    use: platform.archive_credential
    with: {vault_id: "${inputs.vault_id}", credential_id: "${inputs.credential_id}"}
    kills: [refresh]
    irreversible: true
    verify:
      - {probe: platform.credential_is_archived, with: {vault_id: "${inputs.vault_id}", credential_id: "${inputs.credential_id}"}}
)"},
      {"broken",
       "quell: 1\nid: broken\ntitle: t\npurpose: p\nsteps:\n  - {id: a, wiat: {for: 1s}}\n"},
      {"ring", "quell: 1\nid: ring\ntitle: t\npurpose: p\nsteps:\n  - {id: a, call: p}\n"},
  };
  static const PlaybookSources kCallable{
      .ids = {"broken", "kill-session", "purge", "ring"},
      .source_of = [](std::string_view id) -> std::optional<std::string> {
        const auto found = kSources.find(id);
        if (found != kSources.end()) return found->second;
        std::string shipped = read_source_file("playbooks/" + std::string(id) + ".yaml");
        return shipped.empty() ? std::nullopt : std::optional<std::string>(std::move(shipped));
      }};
  return kCallable;
}

std::vector<std::string> findings(std::string_view source, std::string_view file) {
  std::vector<std::string> lines;
  for (const Diagnostic& one : load_playbook(source, file, catalog(), callable()).diagnostics) {
    lines.push_back(fmt::format("{}{}:{}: {}",
                                one.severity == Diagnostic::Severity::warning ? "w " : "",
                                one.at.line, one.at.column, one.code));
  }
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  return fmt::format("{}", fmt::join(lines, ", "));
}

std::string with_steps(std::string_view steps) {
  std::string text = R"(quell: 1
id: p
title: A playbook of the tests
purpose: To be wrong in one place.
inputs:
  vault_id: {type: string, required: true}
  credential_id: {type: string, required: true}
  token: {type: secret}
  leaked_at: {type: timestamp}
  note: {type: string}
  count: {type: int, default: 3}
steps:
)";
  text += steps;
  return text;
}

std::string source_path(const std::string& path) {
  const char* const root = std::getenv("QUELL_SOURCE_DIR");  // NOLINT(concurrency-mt-unsafe)
  return (root == nullptr ? std::string(".") : std::string(root)) + "/" + path;
}

std::string read_source_file(const std::string& path) {
  std::ifstream in(source_path(path), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace quell::test
