// The organization's API keys (API sheet 1.11): listed and switched off with a key of the admin
// API, and tried with the leaked key itself. Nothing is documented about how soon the servers that
// answer calls hear of a change, so the record alone is weak proof.
#include <utility>

#include <fmt/format.h>

#include "connectors/managed_agents/calls.h"
#include "connectors/managed_agents/inventory.h"
#include "connectors/managed_agents/key_hint.h"
#include "connectors/managed_agents/records.h"
#include "connectors/url.h"
#include "state/base/bytes.h"
#include "state/base/json.h"

namespace quell::managed_agents {
namespace {

constexpr std::string_view kInactive = "inactive";
constexpr std::string_view kActive = "active";
constexpr std::string_view kArchived = "archived";
constexpr std::string_view kExpired = "expired";

struct ApiKey {
  std::string id{};
  std::string name{};
  std::string status{};
  std::string hint{};
  std::string workspace_id{};  // empty: of the whole organization

  static Result<ApiKey> read(const Value& value) {
    ApiKey key{.id = value["id"].string_or(""),
               .name = outside_text(value["name"].string_or(""), kNameBytesMax),
               .status = value["status"].string_or("").substr(0, kWordBytesMax),
               .hint = value["partial_key_hint"].string_or("").substr(0, kNameBytesMax),
               .workspace_id = value["scope"]["workspace_id"].string_or("").substr(0, kIdBytesMax)};
    // As an older version of the API says it.
    if (key.workspace_id.empty()) key.workspace_id = value["workspace_id"].string_or("");
    if (!is_valid_id(key.id) || key.status.empty()) {
      return make_error(ErrorCode::invalid, "answer", "a record of an API key has no id or status.",
                        "compare api_version with the server's");
    }
    return key;
  }

  Value to_value() const {
    return Value::map({{"id", id},
                       {"name", text_or_null(name)},
                       {"status", status},
                       {"partial_key_hint", text_or_null(hint)},
                       {"workspace_id", text_or_null(workspace_id)}});
  }

  bool is_off() const { return status == kInactive || status == kArchived || status == kExpired; }
};

/// Why `key` is, or may be, one that this quell works with; empty when it is not (threat T43).
Result<std::string> why_own(const Api& api, const ApiKey& key) {
  const ManagedAgentsConfig& config = api.config();
  const std::string words = outside_text(key.id);
  if (!config.key_id.empty() && config.key_id == key.id)
    return fmt::format("{} is the key that quell itself uses, as the configuration says.", words);
  const Result<BoundSecret> admin = config.admin_key();
  if (!admin) return admin.error();
  bool told_apart = !config.key_id.empty();
  for (const SecretPtr& own : {config.api_key.secret, admin->secret}) {
    if (!own) continue;
    const HintAnswer answer = compare_hint(*own, key.hint);
    if (answer == HintAnswer::fits)
      return fmt::format("{} is, by its hint, a key that quell itself uses.", words);
    told_apart |= answer == HintAnswer::differs;
  }
  if (told_apart) return std::string();
  return fmt::format(
      "nothing tells whether {} is the key that quell itself uses: write its api_key_id beside "
      "api_key in quell.yaml.",
      words);
}

/// A change of `status`; what is `applied` is for `is_done` to say.
ActionTask set_status(Io& io, Api api, const Value& params, Intent intent, std::string verb,
                      std::string_view status, bool (*is_done)(const ApiKey& key)) {
  const Result<std::string> id = id_param(params, "api_key_id");
  if (!id) return fails(id.error());
  const Result<Api> admin = api.as_admin();
  if (!admin) return fails(admin.error());
  Change change;
  change.subject = api_key_subject(*id);
  change.verb = std::move(verb);
  change.path = change.subject.path;
  change.body = to_json(Value::map({{"status", status}}));
  const bool switches_on = status == kActive;
  change.read = [admin = *admin, is_done, switches_on](const Value& object) -> Result<Reading> {
    const Result<ApiKey> key = ApiKey::read(object);
    if (!key) return key.error();
    Reading reading;
    reading.applied = is_done(*key);
    reading.outputs = key->to_value();
    if (switches_on) {
      if (key->status == kExpired) reading.obstacle = outside_text(key->id) + " has expired.";
      return reading;
    }
    const Result<std::string> own = why_own(admin, *key);
    if (!own) return own.error();
    reading.obstacle = *own;
    return reading;
  };
  return apply_change(io, *admin, std::move(change), intent);
}

Outcome judged(Verdict verdict, Grade grade, std::string proof, Value outputs) {
  Outcome out;
  out.outputs = std::move(outputs);
  out.judgement = Judgement{.verdict = verdict, .grade = grade, .proof = proof};
  if (verdict != Verdict::proved) out.judgement->residual = Residual{.reason = std::move(proof)};
  return out;
}

/// What one use of the leaked key and one of our own, of the same harmless list, come to.
struct Look {
  int status = 0;
  int control = 0;
  bool refused_by_platform = false;  // 401 in the platform's own words

  bool is_alive() const { return status >= 200 && status <= 299; }
  bool control_passes() const { return control >= 200 && control <= 299; }
  bool is_dead() const { return refused_by_platform && control_passes(); }
  Value to_value() const {
    return Value::map({{"answer", is_alive() ? "alive" : is_dead() ? "dead" : "unknown"},
                       {"http_status", status},
                       {"control_status", control}});
  }
};

/// The leaked key goes to the platform alone.
std::vector<HttpRequest> uses_of(const Api& api, const SecretPtr& leaked) {
  BoundSecret bound{.secret = leaked};
  bound.origins.push_back(origin_of(api.config().base_url));
  const Api as_thief = api.with_key(std::move(bound), "the leaked key");
  std::vector<HttpRequest> requests;
  requests.push_back(as_thief.get("/vaults", "limit=1"));
  requests.push_back(api.get("/vaults", "limit=1"));
  for (HttpRequest& request : requests) request.effect = Effect::probe;
  return requests;
}

Value listed_value(const std::vector<ApiKey>& keys) {
  ValueList list;
  for (const ApiKey& key : keys) list.push_back(key.to_value());
  return Value::map({{"api_keys", Value(std::move(list))}});
}

/// The list of keys with the filters that `params` names.
ListCall key_list(const Api& api, const Value& params, std::vector<ApiKey>& keys) {
  ListCall call;
  call.what = "the list of API keys";
  call.path = "/organizations/api_keys";
  call.pagination = Pagination::after_id;  // whatever the other lists do (API sheet 0.3)
  call.limit = api.config().page_limit;
  for (const std::string_view filter : {"status", "workspace_id"}) {
    const std::string value = params[filter].string_or("");
    if (value.empty()) continue;
    call.query += call.query.empty() ? "" : "&";
    call.query += std::string(filter) + "=" + percent_encode(value);
  }
  call.take = [&keys](const Value& item) -> Status {
    Result<ApiKey> key = ApiKey::read(item);
    if (!key) return key.error();
    keys.push_back(*std::move(key));
    return ok();
  };
  return call;
}

Task<Result<Look>> try_key(Io& io, Api api, Value params) {
  const Value& given = params["api_key"];
  if (!given.is_secret() || !given.as_secret().secret || given.as_secret().secret->empty())
    co_return make_error(ErrorCode::invalid, "bad-input", "api_key is no secret.",
                         "-i leaked_key=@FILE");
  const SecretPtr leaked = given.as_secret().secret;
  const SecretPtr own = api.config().api_key.secret;
  if (own && is_same_key(*leaked, *own))
    co_return make_error(ErrorCode::conflict, "protected",
                         "that is the key that quell itself uses.",
                         "give quell a key of its own first");
  std::vector<HttpRequest> requests = uses_of(api, leaked);
  const Answers answers = co_await io.send_all(std::move(requests));
  for (const Result<HttpResponse>& answer : answers) {
    if (!answer) co_return api.unanswered(answer.error());
  }
  Look look{.status = answers[0]->status, .control = answers[1]->status};
  if (look.status == 401) {
    const Result<Value> body = parse_json(answers[0]->body);
    look.refused_by_platform =
        body && (*body)["error"]["type"].string_or("") == "authentication_error";
  }
  co_return look;
}

}  // namespace

ActionTask list_api_keys(Io& io, Api api, Value params) {
  const Result<Api> admin = api.as_admin();
  if (!admin) co_return admin.error();
  std::vector<ApiKey> keys;
  ListCall call = key_list(api, params, keys);
  const Status listed = co_await read_list(io, *admin, std::move(call));
  if (!listed) co_return listed.error();
  Outcome out;
  out.outputs = listed_value(keys);
  co_return out;
}

ActionTask deactivate_api_key(Io& io, Api api, Value params, Intent intent) {
  return set_status(io, api, params, intent, "deactivate", kInactive,
                    [](const ApiKey& key) { return key.is_off(); });
}

ActionTask activate_api_key(Io& io, Api api, Value params, Intent intent) {
  return set_status(io, api, params, intent, "activate", kActive,
                    [](const ApiKey& key) { return key.status == kActive; });
}

ActionTask archive_api_key(Io& io, Api api, Value params, Intent intent) {
  return set_status(io, api, params, intent, "archive", kArchived,
                    [](const ApiKey& key) { return key.status == kArchived; });
}

ActionTask api_key_is_inactive(Io& io, Api api, Value params) {
  const Result<std::string> id = id_param(params, "api_key_id");
  if (!id) co_return id.error();
  const Result<Api> admin = api.as_admin();
  if (!admin) co_return admin.error();
  Subject subject = api_key_subject(*id);
  const Result<Value> object = co_await fetch(io, *admin, std::move(subject));
  if (!object) co_return object.error();
  const Result<ApiKey> key = ApiKey::read(*object);
  if (!key) co_return key.error();
  const std::string words = fmt::format("status {} read back", outside_text(key->status, 32));
  if (key->status == kActive)
    co_return judged(Verdict::refuted, Grade::strong, words, key->to_value());
  if (!key->is_off())
    co_return judged(Verdict::unproved, Grade::none, words + ", a word that is not documented",
                     key->to_value());
  co_return judged(Verdict::proved, Grade::weak,
                   words + "; how soon every server hears of it is not documented",
                   key->to_value());
}

ActionTask probe_api_key(Io& io, Api api, Value params) {
  const Result<Look> look = co_await try_key(io, std::move(api), std::move(params));
  if (!look) co_return look.error();
  Outcome out;
  out.outputs = look->to_value();
  co_return out;
}

ActionTask api_key_is_dead(Io& io, Api api, Value params) {
  const bool worked_before = params["worked_before"].bool_or(false);
  const Result<Look> look = co_await try_key(io, std::move(api), std::move(params));
  if (!look) co_return look.error();
  const Value outputs = look->to_value();
  if (look->is_alive())
    co_return judged(Verdict::refuted, Grade::strong,
                     fmt::format("{}: the key still passes", look->status), outputs);
  if (!look->control_passes())
    co_return judged(Verdict::unproved, Grade::none,
                     fmt::format("{} to the leaked key, but {} to our own too", look->status,
                                 look->control),
                     outputs);
  if (!look->refused_by_platform)
    co_return judged(Verdict::unproved, Grade::none,
                     fmt::format("{}, which does not say that the key is dead", look->status),
                     outputs);
  co_return judged(Verdict::proved, worked_before ? Grade::strong : Grade::weak,
                   worked_before ? "401 after 200" : "401, and nobody saw the key work before",
                   outputs);
}

}  // namespace quell::managed_agents
