#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "orchestrator/range/world.h"
#include "state/base/clock.h"
#include "state/base/value.h"

namespace quell::range {

/// One parsed call of the simulated platform, after authentication.
struct Call {
  std::string method{};
  std::vector<std::string> segments{};                       // decoded path segments
  std::vector<std::string> ids{};                            // those that the route captured
  std::vector<std::pair<std::string, std::string>> query{};  // decoded; `name[]` is `name`
  Value body{};                                              // null when the request has none
  Timestamp now{};

  const std::string& id(std::size_t at) const { return ids[at]; }
  std::optional<std::string_view> param(std::string_view name) const;
  std::vector<std::string_view> params(std::string_view name) const;
};

/// What the platform says, before it is written out as JSON.
struct Answer {
  int status = 200;
  Value body{};
  std::vector<std::pair<std::string, std::string>> headers{};
  std::optional<EventStream> stream{};  // then there is no body
};

/// The error envelope of API sheet section 3; the request id is added when it is written out.
Answer refusal(int status, std::string_view type, std::string message);
Answer bad_request(std::string message);
Answer not_found(std::string_view what, std::string_view id);
/// 409 with the type that the API sheet section 3 gives, and `x-should-retry: false`.
Answer conflict(std::string message);

Response to_response(Answer answer, std::string_view request_id);

/// Reads method, path and query; the body is read later. `segments` is empty for a path that is not
/// absolute.
Call parse_call(const Request& request, Timestamp now);
std::optional<std::string_view> header(const Request& request, std::string_view name);

/// Each name in the query is one of `known` (`beta` always is), and none but a repeatable filter
/// occurs twice.
std::optional<Answer> check_query(const Call& call, std::span<const std::string_view> known);
/// The body is an object with no member outside `known`.
std::optional<Answer> check_members(const Value& object, std::span<const std::string_view> known);

/// Metadata limits of API sheet section 1: at most 16 pairs, keys to 64, values to 512 bytes.
std::optional<Answer> check_metadata(const ValueMap& metadata);
/// Applies a metadata patch: a string sets, null deletes.
std::optional<Answer> patch_metadata(ValueMap& metadata, const Value& patch);

struct Range {
  std::optional<Timestamp> gt{}, gte{}, lt{}, lte{};
  bool contains(Timestamp at) const;
};
/// The `created_at[...]` filters. An unreadable time is a refusal.
std::optional<Answer> read_range(const Call& call, Range& range);
/// `name=true|false`, default false.
std::optional<Answer> read_flag(const Call& call, std::string_view name, bool& flag);

/// How one list pages; defaults and maxima are those of API sheet section 0.3 where it states them.
struct PageRule {
  std::string_view list;  // written into cursors: one list's cursor is refused by another
  std::int64_t limit_default = 20;
  std::int64_t limit_max = 100;
  bool ordered = false;        // takes `order`
  bool bidirectional = false;  // gives `prev_page`
  bool descending = true;      // without `order`
};

/// Where a row stands in its list: `seq` rises with creation.
struct Position {
  std::uint64_t seq = 0;
  Timestamp created_at{};
};

struct PagePick {
  std::vector<std::size_t> rows{};  // indexes, in the order of the answer
  std::optional<std::string> next_page{};
  std::optional<std::string> prev_page{};
};

/// Picks one page of `positions`, which rise by `seq` and have passed every filter. A bad limit,
/// order or cursor is a refusal.
std::optional<Answer> pick_page(const Call& call, const PageRule& rule,
                                std::span<const Position> positions, const Range& range,
                                PagePick& pick);
Answer page_answer(const PageRule& rule, const PagePick& pick, ValueList data, bool drop_next);

/// One page of `rows` as the list envelope. `drop_next` hides that there is more (profile
/// drops_next_page).
template <typename Record, typename Render>
Answer page_of(const Call& call, const PageRule& rule, const std::vector<const Record*>& rows,
               const Range& range, bool drop_next, Render render) {
  std::vector<Position> positions;
  positions.reserve(rows.size());
  for (const Record* row : rows) positions.push_back({row->seq, row->created_at});
  PagePick pick;
  if (auto refused = pick_page(call, rule, positions, range, pick)) return *std::move(refused);
  ValueList data;
  data.reserve(pick.rows.size());
  for (const std::size_t at : pick.rows) data.push_back(render(*rows[at]));
  return page_answer(rule, pick, std::move(data), drop_next);
}

Value time_or_null(const std::optional<Timestamp>& time);
Value string_or_null(const std::optional<std::string>& text);
Value strings(const std::vector<std::string>& texts);

}  // namespace quell::range
