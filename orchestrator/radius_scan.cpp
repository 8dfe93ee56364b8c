#include "orchestrator/radius_scan.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "state/base/bytes.h"

namespace quell {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kPrefixes{
    {{"vcrd_", "credential_ids"},
     {"vlt_", "vault_ids"},
     {"sesn_", "session_ids"},
     {"memstore_", "memory_store_ids"},
     {"agent_", "agent_ids"}}};

Error bad_input(std::string message, std::string hint) {
  return make_error(ErrorCode::invalid, "bad-input", std::move(message), std::move(hint));
}

/// The input that `word` belongs to; empty when nothing tells.
std::string_view input_of(std::string_view word) {
  for (const auto& [prefix, input] : kPrefixes)
    if (word.starts_with(prefix)) return input;
  return word.find("://") != std::string_view::npos ? "mcp_server_url" : "";
}

/// `2026-11-20T14:00Z`, as people write it, with the seconds that the standard wants.
std::string with_seconds(std::string_view text) {
  constexpr std::size_t kMinutesEnd = 16;
  const bool lacks_them = text.size() > kMinutesEnd && text[13] == ':' && text[kMinutesEnd] != ':';
  if (!lacks_them) return std::string(text);
  return std::string(text.substr(0, kMinutesEnd)) + ":00" + std::string(text.substr(kMinutesEnd));
}

}  // namespace

Result<std::map<std::string, std::string>> radius_texts(const std::vector<std::string>& words,
                                                        std::string_view since, Timestamp now) {
  std::map<std::string, std::string> texts;
  for (const std::string& word : words) {
    const std::string_view named = word;
    const std::size_t mark = named.find('=');
    // An id of a compatible server may begin with anything: then its kind stands before it.
    const bool says_kind = mark != std::string_view::npos && named.find("://") > mark;
    const std::string input(says_kind ? std::string(named.substr(0, mark)) + "_ids"
                                      : std::string(input_of(named)));
    const std::string value(says_kind ? named.substr(mark + 1) : named);
    bool is_known = input == "mcp_server_url";
    for (const auto& [prefix, name] : kPrefixes) is_known |= name == input;
    if (!is_known || value.empty() || value.find(',') != std::string::npos) {
      return bad_input(fmt::format("\"{}\" is neither an id that can be told by its prefix nor a URL.",
                                   escape_untrusted(named.substr(0, 64))),
                       "vcrd_..., vlt_..., sesn_..., memstore_..., agent_..., https://...; or "
                       "credential=ID, vault=ID, session=ID, memory_store=ID, agent=ID");
    }
    std::string& text = texts[input];
    if (!text.empty() && input == "mcp_server_url")
      return bad_input("a blast radius starts at one MCP server at most.", "leave one URL out");
    text += (text.empty() ? "" : ",") + value;
  }
  if (texts.empty())
    return bad_input("a blast radius needs something to start at.",
                     "quell radius vcrd_..., or vlt_..., sesn_..., memstore_..., agent_..., https://...");
  if (since.empty()) return texts;
  if (const std::optional<Duration> ago = parse_duration(since)) {
    texts["since"] = format_rfc3339(now - *ago);
    return texts;
  }
  const std::string time = with_seconds(since);
  if (!parse_rfc3339(time)) {
    return bad_input(fmt::format("since: \"{}\" is neither a timestamp nor a duration.",
                                 escape_untrusted(since.substr(0, 64))),
                     "for instance 2026-11-20T14:00Z, or 36h");
  }
  texts["since"] = time;
  return texts;
}

PlaybookFile radius_playbook(std::string_view connection) {
  return {.file = "blast-radius",
          .source = fmt::format(R"(quell: 1
id: {}
title: Blast radius
purpose: Everything that can be reached from something.
inputs:
  vault_ids:        {{type: list, of: string, max: 1000}}
  credential_ids:   {{type: list, of: string, max: 1000}}
  session_ids:      {{type: list, of: string, max: 1000}}
  memory_store_ids: {{type: list, of: string, max: 1000}}
  agent_ids:        {{type: list, of: string, max: 1000}}
  mcp_server_url:   {{type: url}}
  since:            {{type: timestamp}}
steps:
  - id: radius
    use: {}.blast_radius
    with:
      vault_ids: "${{inputs.vault_ids}}"
      credential_ids: "${{inputs.credential_ids}}"
      session_ids: "${{inputs.session_ids}}"
      memory_store_ids: "${{inputs.memory_store_ids}}"
      agent_ids: "${{inputs.agent_ids}}"
      mcp_server_url: "${{inputs.mcp_server_url}}"
      since: "${{inputs.since}}"
      deep: true
)",
                                kRadiusId, connection),
          .distrust = std::nullopt};
}

Result<std::string> radius_connection(const ConnectorSet& connectors, std::string_view wanted) {
  std::vector<std::string> fitting;
  for (const auto& [name, connector] : connectors) {
    if (find_action(connector->actions(), "blast_radius") == nullptr) continue;
    if (name == wanted) return name;
    fitting.push_back(name);
  }
  std::string names;
  for (const std::string& name : fitting) names += (names.empty() ? "" : ", ") + name;
  if (!wanted.empty()) {
    return make_error(ErrorCode::invalid, "config",
                      fmt::format("no connection {} can tell a blast radius.",
                                  escape_untrusted(wanted.substr(0, 64))),
                      names.empty() ? "add one of kind managed_agents" : "there is " + names);
  }
  if (fitting.size() == 1) return fitting.front();
  if (fitting.empty()) {
    return make_error(ErrorCode::invalid, "config", "no connection can tell a blast radius.",
                      "add one of kind managed_agents under connections");
  }
  return make_error(ErrorCode::invalid, "config", "several connections can tell a blast radius.",
                    "add --connection, one of " + names);
}

Radius radius_of(const Rehearsal& rehearsal) {
  return radius_from(rehearsal.state.steps.at("radius").items.at(0).outputs);
}

Value radius_document(const Radius& radius, const Rehearsal& rehearsal) {
  ValueMap document = radius.outputs.as_map();
  ValueMap counts;
  for (const auto& [kind, count] : radius.graph.counts())
    counts[kind] = static_cast<std::int64_t>(count);
  ValueMap asked;
  for (const auto& [name, value] : rehearsal.state.inputs.as_map())
    if (!value.is_null()) asked[name] = value;
  document["asked"] = Value(std::move(asked));
  document["counts"] = Value(std::move(counts));
  document["scanned_at"] = Value(rehearsal.state.started);
  document["took_s"] = static_cast<double>(rehearsal.took.count()) / 1000.0;
  document["requests"] = static_cast<std::int64_t>(rehearsal.plan.counts.read);
  return Value(std::move(document));
}

}  // namespace quell
