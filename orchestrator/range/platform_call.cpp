// The wire habits of the simulated platform: API sheet sections 0.2, 0.3 and 3.
#include "orchestrator/range/platform_call.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "state/base/bytes.h"
#include "state/base/json.h"

namespace quell::range {
namespace {

constexpr std::size_t kQueryParamsMax = 64;
constexpr std::size_t kSegmentsMax = 12;
constexpr std::size_t kMetadataPairsMax = 16;
constexpr std::size_t kMetadataKeyBytesMax = 64;
constexpr std::size_t kMetadataValueBytesMax = 512;

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool is_repeatable(std::string_view name) {
  return name == "statuses" || name == "types" || name == "event_deltas";
}

struct Cursor {
  bool forward = true;
  bool descending = true;
  std::uint64_t seq = 0;
};

std::string write_cursor(const PageRule& rule, const Cursor& cursor) {
  return "page_" + base64url_encode(fmt::format("{}.{}{}.{}", rule.list, cursor.forward ? 'n' : 'p',
                                                cursor.descending ? 'd' : 'a', cursor.seq));
}

std::optional<Cursor> read_cursor(const PageRule& rule, std::string_view text) {
  if (!text.starts_with("page_")) return std::nullopt;
  const auto plain = base64url_decode(text.substr(5));
  if (!plain || !plain->starts_with(rule.list)) return std::nullopt;
  const std::string_view rest = std::string_view(*plain).substr(rule.list.size());
  if (rest.size() < 5 || rest[0] != '.' || rest[3] != '.') return std::nullopt;
  if ((rest[1] != 'n' && rest[1] != 'p') || (rest[2] != 'd' && rest[2] != 'a')) return std::nullopt;
  const auto seq = parse_integer(rest.substr(4));
  if (!seq || *seq < 0) return std::nullopt;
  return Cursor{rest[1] == 'n', rest[2] == 'd', static_cast<std::uint64_t>(*seq)};
}

/// A cursor is good for one order, and only while the time filter still holds its position.
std::optional<Answer> check_cursor(const PageRule& rule, const Cursor& cursor, bool descending,
                                   std::span<const Position> positions, const Range& range) {
  if (cursor.descending != descending) {
    return bad_request("page: the cursor was made for another order.");
  }
  if (!rule.bidirectional && !cursor.forward) return bad_request("page: no such cursor.");
  const bool filtered = range.gt || range.gte || range.lt || range.lte;
  if (!filtered) return std::nullopt;
  const bool held = std::ranges::binary_search(positions, cursor.seq, {}, &Position::seq);
  if (!held) return bad_request("page: the created_at filter excludes the cursor's position.");
  return std::nullopt;
}

}  // namespace

std::optional<std::string_view> Call::param(std::string_view name) const {
  const auto found = std::ranges::find(query, name, &std::pair<std::string, std::string>::first);
  if (found == query.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string_view> Call::params(std::string_view name) const {
  std::vector<std::string_view> all;
  for (const auto& [key, value] : query) {
    if (key == name) all.emplace_back(value);
  }
  return all;
}

Answer refusal(int status, std::string_view type, std::string message) {
  return {.status = status,
          .body = Value::map(
              {{"type", "error"},
               {"error", Value::map({{"type", type}, {"message", std::move(message)}})}})};
}

Answer bad_request(std::string message) {
  return refusal(400, "invalid_request_error", std::move(message));
}

Answer not_found(std::string_view what, std::string_view id) {
  return refusal(404, "not_found_error", fmt::format("{} {} was not found.", what, id));
}

Answer conflict(std::string message) {
  Answer answer = refusal(409, "invalid_request_error", std::move(message));
  answer.headers.emplace_back("x-should-retry", "false");
  return answer;
}

Response to_response(Answer answer, std::string_view request_id) {
  if (answer.body["type"].string_or("") == "error") {
    ValueMap envelope = answer.body.as_map();
    envelope["request_id"] = request_id;
    answer.body = Value(std::move(envelope));
  }
  Response response{.status = answer.status, .headers = std::move(answer.headers)};
  response.headers.emplace_back("request-id", request_id);
  response.stream = std::move(answer.stream);
  if (response.stream) {
    response.headers.emplace_back("content-type", "text/event-stream");
    response.headers.emplace_back("cache-control", "no-cache");
    return response;
  }
  response.headers.emplace_back("content-type", "application/json");
  response.body = to_json(answer.body);
  return response;
}

Call parse_call(const Request& request, Timestamp now) {
  Call call{.method = request.method, .now = now};
  std::string_view path = request.target;
  std::string_view query;
  if (const auto mark = path.find('?'); mark != std::string_view::npos) {
    query = path.substr(mark + 1);
    path = path.substr(0, mark);
  }
  if (!path.starts_with('/')) return call;
  path.remove_prefix(1);
  while (call.segments.size() < kSegmentsMax) {
    const auto slash = path.find('/');
    call.segments.push_back(percent_decode(path.substr(0, slash)));
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  while (!query.empty() && call.query.size() < kQueryParamsMax) {
    const auto end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    std::string name = form_decode(pair.substr(0, equals));
    if (name.ends_with("[]")) name.resize(name.size() - 2);
    call.query.emplace_back(std::move(name), equals == std::string_view::npos
                                                 ? ""
                                                 : form_decode(pair.substr(equals + 1)));
  }
  return call;
}

std::optional<std::string_view> header(const Request& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return value;
  }
  return std::nullopt;
}

std::optional<Answer> check_query(const Call& call, std::span<const std::string_view> known) {
  for (auto at = call.query.begin(); at != call.query.end(); ++at) {
    const std::string_view name = at->first;
    const std::string_view stem = name.substr(0, name.find('['));
    if (name != "beta" && std::ranges::find(known, stem) == known.end()) {
      return bad_request(fmt::format("{}: unknown query parameter.", escape_untrusted(name)));
    }
    const bool repeated = std::any_of(call.query.begin(), at,
                                      [&](const auto& earlier) { return earlier.first == name; });
    if (repeated && !is_repeatable(name)) {
      return bad_request(fmt::format("{}: given twice.", escape_untrusted(name)));
    }
  }
  return std::nullopt;
}

std::optional<Answer> check_members(const Value& object, std::span<const std::string_view> known) {
  if (!object.is_map()) return bad_request("The body must be a JSON object.");
  for (const auto& [name, value] : object.as_map()) {
    if (std::ranges::find(known, name) == known.end()) {
      return bad_request(
          fmt::format("{}: this field is not permitted here.", escape_untrusted(name)));
    }
  }
  return std::nullopt;
}

std::optional<Answer> check_metadata(const ValueMap& metadata) {
  if (metadata.size() > kMetadataPairsMax) return bad_request("metadata: at most 16 pairs.");
  for (const auto& [key, value] : metadata) {
    if (key.empty() || key.size() > kMetadataKeyBytesMax || !value.is_string() ||
        value.as_string().size() > kMetadataValueBytesMax) {
      return bad_request("metadata: keys up to 64 and string values up to 512 characters.");
    }
  }
  return std::nullopt;
}

std::optional<Answer> patch_metadata(ValueMap& metadata, const Value& patch) {
  if (patch.is_null()) return std::nullopt;
  if (!patch.is_map()) return bad_request("metadata: must be an object.");
  ValueMap patched = metadata;
  for (const auto& [key, value] : patch.as_map()) {
    if (value.is_null()) {
      patched.erase(key);
    } else {
      patched.insert_or_assign(key, value);
    }
  }
  if (auto refused = check_metadata(patched)) return refused;
  metadata = std::move(patched);
  return std::nullopt;
}

bool Range::contains(Timestamp at) const {
  return (!gt || at > *gt) && (!gte || at >= *gte) && (!lt || at < *lt) && (!lte || at <= *lte);
}

std::optional<Answer> read_range(const Call& call, Range& range) {
  for (const auto& [name, value] : call.query) {
    if (!name.starts_with("created_at")) continue;
    const auto time = parse_rfc3339(value);
    if (!time) return bad_request("created_at: not an RFC 3339 time.");
    if (name == "created_at[gt]") {
      range.gt = time;
    } else if (name == "created_at[gte]") {
      range.gte = time;
    } else if (name == "created_at[lt]") {
      range.lt = time;
    } else if (name == "created_at[lte]") {
      range.lte = time;
    } else {
      return bad_request("created_at: one of gt, gte, lt, lte belongs in the brackets.");
    }
  }
  return std::nullopt;
}

std::optional<Answer> read_flag(const Call& call, std::string_view name, bool& flag) {
  const auto text = call.param(name);
  if (!text) return std::nullopt;
  if (*text != "true" && *text != "false") {
    return bad_request(fmt::format("{}: must be true or false.", name));
  }
  flag = *text == "true";
  return std::nullopt;
}

std::optional<Answer> pick_page(const Call& call, const PageRule& rule,
                                std::span<const Position> positions, const Range& range,
                                PagePick& pick) {
  std::int64_t limit = rule.limit_default;
  if (const auto text = call.param("limit")) {
    const auto number = parse_integer(*text);
    if (!number || *number < 1 || *number > rule.limit_max) {
      return bad_request(fmt::format("limit: must be 1 to {}.", rule.limit_max));
    }
    limit = *number;
  }
  bool descending = rule.descending;
  if (const auto order = call.param("order")) {
    if (*order != "asc" && *order != "desc") return bad_request("order: must be asc or desc.");
    descending = *order == "desc";
  }
  Cursor cursor{.forward = true, .descending = descending};
  const auto page = call.param("page");
  if (page) {
    const auto read = read_cursor(rule, *page);
    if (!read) return bad_request("page: no such cursor.");
    cursor = *read;
    if (auto refused = check_cursor(rule, cursor, descending, positions, range)) return refused;
  }

  // The window [first, last) over the rising positions; a cursor names the last row that the client
  // has seen in the direction it moves.
  const bool rising = descending != cursor.forward;
  const auto size = static_cast<std::size_t>(limit);
  std::size_t first = 0;
  std::size_t last = positions.size();
  if (rising) {
    if (page) {
      const auto after = std::ranges::upper_bound(positions, cursor.seq, {}, &Position::seq);
      first = static_cast<std::size_t>(after - positions.begin());
    }
    last = std::min(last, first + size);
  } else {
    if (page) {
      const auto at = std::ranges::lower_bound(positions, cursor.seq, {}, &Position::seq);
      last = static_cast<std::size_t>(at - positions.begin());
    }
    first = last > size ? last - size : 0;
  }
  for (std::size_t at = first; at < last; ++at) pick.rows.push_back(at);
  if (descending) std::ranges::reverse(pick.rows);
  if (pick.rows.empty()) return std::nullopt;
  const bool older = first > 0;
  const bool newer = last < positions.size();
  if (descending ? older : newer) {
    pick.next_page = write_cursor(rule, {true, descending, positions[pick.rows.back()].seq});
  }
  if (descending ? newer : older) {
    pick.prev_page = write_cursor(rule, {false, descending, positions[pick.rows.front()].seq});
  }
  return std::nullopt;
}

Answer page_answer(const PageRule& rule, const PagePick& pick, ValueList data, bool drop_next) {
  ValueMap body{{"data", Value(std::move(data))},
                {"next_page", drop_next ? Value() : string_or_null(pick.next_page)}};
  if (rule.bidirectional) body["prev_page"] = string_or_null(pick.prev_page);
  return {.body = Value(std::move(body))};
}

Value time_or_null(const std::optional<Timestamp>& time) { return time ? Value(*time) : Value(); }

Value string_or_null(const std::optional<std::string>& text) {
  return text ? Value(*text) : Value();
}

Value strings(const std::vector<std::string>& texts) {
  return Value(ValueList(texts.begin(), texts.end()));
}

}  // namespace quell::range
