// The organization's API keys: API sheet section 1.11.
#include <algorithm>
#include <array>
#include <charconv>

#include "orchestrator/range/platform.h"
#include "state/base/bytes.h"

namespace quell::range {
namespace {

constexpr std::string_view kOwnKeyId = "apikey_01RangeKeyOfThisWorld";
constexpr std::string_view kWorkspaceId = "wrkspc_01RangeWorkspace";
constexpr std::string_view kUserId = "user_01RangeUser";
// Neither default nor maximum is documented.
constexpr std::size_t kLimitDefault = 20;
constexpr std::size_t kLimitMax = 1'000;
constexpr std::size_t kHintHead = 16;
constexpr std::size_t kHintTail = 4;
constexpr std::size_t kKeyNameBytesMax = 500;

std::optional<Answer> read_limit(const Call& call, std::size_t& limit) {
  const auto text = call.param("limit");
  if (!text) return std::nullopt;
  const char* const end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, limit);
  if (error == std::errc{} && stop == end && limit >= 1 && limit <= kLimitMax) return std::nullopt;
  return bad_request("limit: 1 to 1000.");
}

}  // namespace

Value to_value(const ApiKeyRecord& key) {
  const std::string hint =
      key.secret.substr(0, kHintHead) + "..." + key.secret.substr(key.secret.size() - kHintTail);
  return Value::map(
      {{"id", key.id},
       {"type", "api_key"},
       {"name", key.name},
       {"partial_key_hint", hint},
       {"status", key.status},
       {"scope", Value::map({{"type", "workspace"}, {"workspace_id", kWorkspaceId}})},
       {"principal", Value()},
       {"created_by", Value::map({{"id", kUserId}, {"type", "user"}})},
       {"created_at", key.created_at},
       {"expires_at", Value()}});
}

void Platform::seed_api_keys() {
  api_keys_.push_back({.id = std::string(kOwnKeyId),
                       .seq = 1,
                       .name = "Incident response",
                       .secret = keys_.api_key,
                       .status = "active"});
  api_keys_.push_back({.id = keys_.leaked_api_key_id,
                       .seq = 2,
                       .name = "Nightly build",
                       .secret = keys_.leaked_api_key,
                       .status = "active"});
}

const ApiKeyRecord* Platform::api_key_of(std::string_view secret) const {
  const auto found = std::ranges::find_if(api_keys_, [secret](const ApiKeyRecord& key) {
    return equal_constant_time(key.secret, secret);
  });
  return found == api_keys_.end() ? nullptr : &*found;
}

Answer Platform::list_api_keys(const Call& call) {
  std::size_t limit = kLimitDefault;
  if (auto refused = read_limit(call, limit)) return *std::move(refused);
  if (call.param("after_id") && call.param("before_id"))
    return bad_request("after_id and before_id exclude each other.");
  const auto cursor = call.param("after_id") ? call.param("after_id") : call.param("before_id");
  std::vector<const ApiKeyRecord*> rows;  // newest first
  for (auto key = api_keys_.rbegin(); key != api_keys_.rend(); ++key) {
    const auto status = call.param("status");
    const auto workspace = call.param("workspace_id");
    const auto user = call.param("created_by_user_id");
    if ((!status || *status == key->status) && (!workspace || *workspace == kWorkspaceId) &&
        (!user || *user == kUserId))
      rows.push_back(&*key);
  }
  auto first = rows.begin();
  auto last = rows.end();
  if (cursor) {
    const auto at = std::ranges::find(rows, *cursor, &ApiKeyRecord::id);
    if (at == rows.end()) return bad_request("The cursor names no API key of this list.");
    (call.param("after_id") ? first : last) = call.param("after_id") ? at + 1 : at;
  }
  const auto left = static_cast<std::size_t>(last - first);
  const bool has_more = left > limit;
  if (has_more && call.param("before_id"))
    first = last - static_cast<std::ptrdiff_t>(limit);
  else if (has_more)
    last = first + static_cast<std::ptrdiff_t>(limit);
  ValueList data;
  for (auto row = first; row != last; ++row) data.push_back(to_value(**row));
  const auto id_of = [&data](bool front) {
    return data.empty() ? Value() : (front ? data.front() : data.back())["id"];
  };
  const Value first_id = id_of(true);
  const Value last_id = id_of(false);
  return {.body = Value::map({{"data", Value(std::move(data))},
                              {"has_more", has_more},
                              {"first_id", first_id},
                              {"last_id", last_id}})};
}

Answer Platform::get_api_key(const Call& call) {
  const auto key = std::ranges::find(api_keys_, call.id(0), &ApiKeyRecord::id);
  if (key == api_keys_.end()) return not_found("API key", call.id(0));
  return {.body = to_value(*key)};
}

Answer Platform::update_api_key(const Call& call) {
  constexpr std::array<std::string_view, 2> kMembers = {"name", "status"};
  constexpr std::array<std::string_view, 3> kStatuses = {"active", "inactive", "archived"};
  if (auto refused = check_members(call.body, kMembers)) return *std::move(refused);
  const auto key = std::ranges::find(api_keys_, call.id(0), &ApiKeyRecord::id);
  if (key == api_keys_.end()) return not_found("API key", call.id(0));
  const Value& name = call.body["name"];
  if (!name.is_null() && (!name.is_string() || name.as_string().size() > kKeyNameBytesMax))
    return bad_request("name: at most 500 characters.");
  const Value& status = call.body["status"];
  const bool is_status =
      status.is_null() || std::ranges::find(kStatuses, status.string_or("")) != kStatuses.end();
  if (!is_status) return bad_request("status: active, inactive or archived.");
  if (name.is_string()) key->name = name.as_string();
  if (status.is_string()) key->status = status.as_string();
  return {.body = to_value(*key)};
}

}  // namespace quell::range
