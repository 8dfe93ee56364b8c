#include "orchestrator/remote_state.h"

#include <utility>

#include "orchestrator/config.h"
#include "state/base/bytes.h"
#include "state/base/json.h"
#include "state/hash_chain.h"

namespace quell {
namespace {

Error read_only() {
  return make_error(ErrorCode::unavailable_here, "server", "a remote journal is only read.",
                    "work on the machine that owns it");
}

Error odd_answer(std::string_view what) {
  return make_error(ErrorCode::internal, "server",
                    "the server's " + std::string(what) + " cannot be read.",
                    "compare quell --version here and there");
}

Setting pinned(const Value& pins, std::string_view name) {
  return {.value = pins[name].string_or(""), .named_at = "--server"};
}

/// A connection as the server's pins tell of it.
ConnectionSettings settings_of(const std::string& name, const Value& pins) {
  ConnectionSettings settings{.name = name, .kind = pinned(pins, "kind")};
  for (const std::string_view word : {"base_url", "api_version"})
    if (Setting value = pinned(pins, word); !value.empty())
      settings.values.emplace(word, std::move(value));
  for (const Value& row : pins["issuers"].list_or_empty()) {
    settings.issuers.push_back({.match_mcp_server_url = pinned(row, "mcp_server_url"),
                                .issuer = pinned(row, "issuer"),
                                .token_endpoint = pinned(row, "token_endpoint"),
                                .revocation_endpoint = pinned(row, "revocation_endpoint"),
                                .introspection_endpoint = pinned(row, "introspection_endpoint"),
                                .client_id = pinned(row, "client_id")});
  }
  return settings;
}

}  // namespace

Result<Tip> RemoteJournal::append(std::span<const Entry>) { return read_only(); }
Result<std::string> RemoteJournal::sign_head() { return read_only(); }

Status RemoteJournal::read(std::uint64_t after,
                           const std::function<Status(const StoredEntry&)>& visit) {
  return read_some(
      after, [](const EntryLabel&) { return true; }, visit);
}

Status RemoteJournal::read_some(std::uint64_t after,
                                const std::function<bool(const EntryLabel&)>& wants,
                                const std::function<Status(const StoredEntry&)>& visit) {
  for (std::uint64_t seen = after;;) {
    const Result<Value> page =
        client_.get("/api/v1/journal/entries?limit=1000&after=" + std::to_string(seen));
    if (!page) return page.error();
    for (const Value& row : (*page)["entries"].list_or_empty()) {
      StoredEntry stored{.seq = static_cast<std::uint64_t>(row["seq"].int_or(0)),
                         .bytes = to_json(row["entry"])};
      const std::optional<std::string> hash = hex_decode(row["hash"].string_or(""));
      Result<DecodedEntry> entry = decode_entry(stored.bytes);
      if (!hash || !entry || stored.seq <= seen) return odd_answer("journal");
      stored.hash = *hash;
      stored.entry = std::move(entry->entry);
      seen = stored.seq;
      if (!wants({.seq = stored.seq, .kind = stored.entry.kind, .run = stored.entry.run})) continue;
      if (Status visited = visit(stored); !visited) return visited;
    }
    if ((*page)["next"].is_null()) return ok();
  }
}

Result<Tip> RemoteJournal::tip() {
  const Result<Value> journal = client_.get("/api/v1/journal");
  if (!journal) return journal.error();
  const std::optional<Tip> tip = parse_head((*journal)["head"].string_or(""));
  if (!tip) return odd_answer("head");
  return *tip;
}

Result<ConnectorSet> remote_connectors(const ApiClient& client, Random& random) {
  const Result<Value> answer = client.get("/api/v1/connections");
  if (!answer) return answer.error();
  const Value& pins = (*answer)["connections"];
  if (!pins.is_map()) return odd_answer("list of connections");
  Config config;
  for (const auto& [name, one] : pins.as_map()) {
    // The pins of other kinds do not say all of them: runs that use one show as unreadable here.
    const std::string kind = one["kind"].string_or("");
    if (kind == "managed_agents" || kind == "oauth")
      config.connections[name] = settings_of(name, one);
  }
  const ConfigSources nothing{
      .environment = [](const std::string&) { return std::optional<std::string>(); }};
  return make_connectors(
      config, nothing, random, [](const std::string&) { return false; },
      [](const Secret&) { return std::string(); });
}

}  // namespace quell
