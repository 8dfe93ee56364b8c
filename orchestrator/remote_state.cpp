#include "orchestrator/remote_state.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "connectors/connector.h"
#include "orchestrator/action_document.h"
#include "orchestrator/api/problem.h"
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

/// Kinds whose pins say all that there is to know; of others the server tells the actions too.
bool is_vendors(std::string_view kind) { return kind == "managed_agents" || kind == "oauth"; }

/// Only what the program writes itself, so whatever it does not know may be anything.
Type told_type(std::string_view text) {
  constexpr std::string_view kOrNull = " or null";
  const bool is_nullable = text.ends_with(kOrNull);
  if (is_nullable) text.remove_suffix(kOrNull.size());
  Type type;
  for (const Type::Kind kind :
       {Type::Kind::boolean, Type::Kind::integer, Type::Kind::number, Type::Kind::string,
        Type::Kind::url, Type::Kind::list, Type::Kind::object, Type::Kind::timestamp,
        Type::Kind::duration, Type::Kind::secret}) {
    // What a list holds may be anything.
    if (to_string(Type::of(kind)) == text.substr(0, text.find(" of "))) type.kind = kind;
  }
  type.nullable = is_nullable;
  return type;
}

template <typename Enum>
std::vector<Enum> told_words(const Value& list) {
  std::vector<Enum> words;
  for (const Value& word : list.list_or_empty())
    if (const auto known = from_string<Enum>(word.string_or(""))) words.push_back(*known);
  return words;
}

/// The other way round from action_document().
ActionSpec told_action(const std::string& connection, const Value& row) {
  const std::string name = row["name"].string_or("");
  const auto effect = from_string<Effect>(row["effect"].string_or(""));
  ActionSpec spec{.name = name.substr(std::min(name.size(), connection.size() + 1)),
                  .summary = row["summary"].string_or(""),
                  .effect = effect.value_or(Effect::mutate),
                  .planes = told_words<Plane>(row["planes"]),
                  .kills = told_words<Kill>(row["kills"]),
                  .proves = told_words<Kill>(row["proves"]),
                  .is_probe = row["probe"].bool_or(false)};
  for (const Value& input : row["inputs"].list_or_empty()) {
    spec.inputs.push_back({.name = input["name"].string_or(""),
                           .type = told_type(input["type"].string_or("")),
                           .required = input["required"].bool_or(false),
                           .help = input["help"].string_or("")});
  }
  std::vector<Field> outputs;
  for (const Value& output : row["outputs"].list_or_empty())
    outputs.push_back({output["name"].string_or(""), told_type(output["type"].string_or(""))});
  spec.outputs = Type::object(std::move(outputs));
  spec.repeat = from_string<Repeat>(row["repeat"].string_or("")).value_or(Repeat::never);
  spec.irreversible = row["irreversible"].bool_or(true);
  spec.wide = row["wide"].bool_or(false);
  spec.follows_urls = row["follows_urls"].bool_or(false);
  spec.keeps_evidence = row["keeps_evidence"].bool_or(false);
  spec.can_look = row["can_look"].bool_or(false);
  spec.note = row["note"].string_or("");
  for (const Value& proof : row["proofs"].list_or_empty()) {
    const std::string probe = proof.string_or("");
    spec.proofs.push_back(probe.substr(std::min(probe.size(), connection.size() + 1)));
  }
  return spec;
}

/// A connection of the server's own, by its word: enough to read what ran over it.
class ToldConnector final : public Connector {
 public:
  ToldConnector(Value pins, std::vector<ActionSpec> actions)
      : pins_(std::move(pins)), actions_(std::move(actions)) {}

  std::span<const ActionSpec> actions() const override { return actions_; }
  Task<Result<Outcome>> perform(const ActionSpec&, Inputs, Io&) const override {
    co_return Result<Outcome>(read_only());
  }
  Value predict(const ActionSpec&, const Inputs&) const override { return Value::map({}); }
  Value pins() const override { return pins_; }
  std::string base_url() const override { return pins_["base_url"].string_or(""); }

 private:
  Value pins_;
  std::vector<ActionSpec> actions_;
};

HttpReply list_connections(const ConnectorSet& connectors) {
  ValueMap named;
  ValueList actions;
  for (const auto& [name, connector] : connectors) {
    const Value pins = connector->pins();
    const std::string kind = pins["kind"].string_or("");
    named.emplace(name, pins);
    if (is_vendors(kind) || kind == "report") continue;
    for (const ActionSpec& spec : connector->actions())
      actions.push_back(action_document(name, kind, spec));
  }
  return json_reply(200, Value::map({{"connections", Value(std::move(named))},
                                     {"actions", Value(std::move(actions))}}));
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
    if (is_vendors(one["kind"].string_or(""))) config.connections[name] = settings_of(name, one);
  }
  const ConfigSources nothing{
      .environment = [](const std::string&) { return std::optional<std::string>(); }};
  Result<ConnectorSet> connectors = make_connectors(
      config, nothing, random, [](const std::string&) { return false; },
      [](const Secret&) { return std::string(); });
  if (!connectors) return connectors;
  for (const auto& [name, one] : pins.as_map()) {
    if (connectors->contains(name)) continue;
    std::vector<ActionSpec> actions;
    for (const Value& row : (*answer)["actions"].list_or_empty())
      if (row["connection"].string_or("") == name) actions.push_back(told_action(name, row));
    (*connectors)[name] = std::make_shared<const ToldConnector>(one, std::move(actions));
  }
  return connectors;
}

std::vector<ApiRoute> connection_routes(const ConnectorSet& connectors) {
  return {{.method = "GET",
           .path = "/api/v1/connections",
           .operation = "listConnections",
           .summary = "What each connection is pinned to",
           .answer = "`connections` by name, without any secret; `actions` of people's own "
                     "systems, as in listActions",
           .handle = [&connectors](const ApiCall&) { return list_connections(connectors); }}};
}

}  // namespace quell
