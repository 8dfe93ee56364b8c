// Lists of the platform, read to their documented end (API sheet 0.3).
#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "connectors/managed_agents/api.h"
#include "state/base/bytes.h"
#include "state/base/json.h"

namespace quell::managed_agents {
namespace {

/// A page of 100 sessions carries 100 agent definitions.
constexpr std::size_t kPageBytesMax = 16U << 20;
constexpr std::size_t kPageNodesMax = 1'000'000;
constexpr std::size_t kCursorBytesMax = 4096;

/// Where one list stands.
struct Progress {
  std::string cursor{};
  std::set<std::string> cursors{};  // followed so far
  std::size_t pages = 0;
  bool confirming = false;  // the last page is asked for again, one shorter
  bool finished = false;
  Status result = ok();

  void end(Status status) {
    finished = true;
    result = std::move(status);
  }
};

Error broken_chain(const Api& api, const ListCall& call, std::string_view why) {
  return make_error(ErrorCode::invalid, "answer",
                    fmt::format("{} did not come to its end: {}.", call.what, why),
                    "nothing is taken as absent; " + api.compare_base_url());
}

/// Where a page says that the list goes on; empty: nowhere. The error is why that cannot be told.
Result<std::string> next_cursor(const Value& page, Pagination pagination,
                                bool absent_next_page_ends) {
  const auto broken = [](std::string why) {
    return make_error(ErrorCode::invalid, std::move(why));
  };
  if (pagination == Pagination::after_id) {
    const Value& more = page["has_more"];
    if (!more.is_bool()) return broken("a page does not say whether another follows");
    if (!more.bool_or(false)) return std::string();
    std::string last = page["last_id"].string_or("");
    if (last.empty()) return broken("a page that is not the last names no last_id");
    return last;
  }
  const Value& next = page["next_page"];
  if (!next.is_null() && !next.is_string()) return broken("a page's cursor is no text");
  if (!page.has("next_page") && !absent_next_page_ends) {
    return broken("a page does not say whether another follows");
  }
  return next.string_or("");
}

Pagination pagination_of(const Api& api, const ListCall& call) {
  return call.pagination.value_or(api.config().pagination);
}

HttpRequest page_request(const Api& api, const ListCall& call, int limit,
                         const std::string& cursor, std::size_t bytes_max) {
  std::string query = call.query;
  query += fmt::format("{}limit={}", query.empty() ? "" : "&", limit);
  if (!cursor.empty()) {
    const bool after = pagination_of(api, call) == Pagination::after_id;
    query += (after ? "&after_id=" : "&page=") + percent_encode(cursor);
  }
  HttpRequest request = api.get(call.path, query);
  request.body_bytes_max = bytes_max;
  return request;
}

/// A failure that the other lists of the same scan would meet too, or that already spoils it.
bool spoils_the_scan(const Status& result) {
  if (result) return false;
  const ErrorCode code = result.error().code;
  return code != ErrorCode::gone && code != ErrorCode::unavailable_here;
}

/// What the answer to a request for one page holds.
Result<ListPage> page_of(const Api& api, const ListCall& call, const Result<HttpResponse>& answer,
                         std::size_t bytes_max, Timestamp now) {
  if (!answer) return api.unanswered(answer.error());
  if (answer->status < 200 || answer->status > 299) {
    const bool of_object = !call.held_by.id.empty();
    const Subject subject = of_object ? call.held_by : Subject{.id = call.what, .path = call.path};
    return refusal(api, *answer, Effect::read, subject,
                   of_object ? NotFound::object : NotFound::collection, now);
  }
  const JsonLimits limits{.bytes_max = bytes_max, .nodes_max = kPageNodesMax};
  const Result<Value> page = parse_body(*answer, limits);
  if (!page || !page->is_map()) return broken_chain(api, call, "a page is no JSON object");
  if (!(*page)["data"].is_list()) return broken_chain(api, call, "a page has no data");
  Result<std::string> next =
      next_cursor(*page, pagination_of(api, call), api.config().absent_next_page_ends);
  if (!next) return broken_chain(api, call, next.error().message);
  if (next->size() > kCursorBytesMax) return broken_chain(api, call, "a cursor is too long");
  return ListPage{.items = (*page)["data"].as_list(), .next = *std::move(next)};
}

/// Reads one page; the list goes on, ends or breaks.
void take_page(const Api& api, const ListCall& call, const Result<HttpResponse>& answer,
               Timestamp now, Progress& progress) {
  const Result<ListPage> page = page_of(api, call, answer, kPageBytesMax, now);
  if (!page) return progress.end(page.error());
  if (call.sees) call.sees(*answer, now);
  const std::string& cursor = page->next;
  if (progress.confirming) {
    return progress.end(
        cursor.empty() ? Status(broken_chain(api, call, "its pages name no next one")) : ok());
  }
  for (const Value& item : page->items) {
    if (Status taken = call.take(item); !taken) return progress.end(taken.error());
  }
  ++progress.pages;
  if (call.enough && call.enough(progress.pages)) return progress.end(ok());
  if (cursor.empty()) {
    // A page that is full to the brim and says it is the last: ask for one item less. A server
    // whose cursors get lost on the way says "last" again, and then nothing was proved.
    const auto full = static_cast<std::size_t>(call.limit);
    const bool is_asked_again = progress.pages == 1 || call.confirms_end;
    if (page->items.size() >= full) {
      if (is_asked_again) {
        progress.confirming = true;
        return;
      }
      if (call.ended_full != nullptr) *call.ended_full = true;
    }
    return progress.end(ok());
  }
  if (!progress.cursors.insert(cursor).second) {
    return progress.end(broken_chain(api, call, "a cursor came twice"));
  }
  if (progress.pages >= kPagesMax) {
    return progress.end(broken_chain(api, call, fmt::format("more than {} pages", kPagesMax)));
  }
  progress.cursor = cursor;
}

}  // namespace

Task<Result<ListPage>> read_page(Io& io, Api api, ListCall call, std::string cursor,
                                 std::size_t bytes_max) {
  HttpRequest request = page_request(api, call, call.limit, cursor, bytes_max);
  const Result<HttpResponse> answer = co_await io.send(std::move(request));
  co_return page_of(api, call, answer, bytes_max, io.now());
}

Task<std::vector<Status>> read_lists(Io& io, Api api, std::vector<ListCall> calls) {
  std::vector<Progress> states(calls.size());
  std::size_t first_open = 0;
  while (true) {
    while (first_open < states.size() && states[first_open].finished) ++first_open;
    std::vector<std::size_t> batch;
    for (std::size_t i = first_open; i < states.size() && batch.size() < kListsAtOnce; ++i) {
      if (!states[i].finished) batch.push_back(i);
    }
    if (batch.empty()) break;
    std::vector<HttpRequest> requests;
    requests.reserve(batch.size());
    for (const std::size_t i : batch) {
      const int limit = states[i].confirming ? calls[i].limit - 1 : calls[i].limit;
      requests.push_back(page_request(api, calls[i], limit, states[i].cursor, kPageBytesMax));
    }
    const Answers answers = co_await io.send_all(std::move(requests));
    const Progress* spoilt = nullptr;
    for (std::size_t n = 0; n < batch.size(); ++n) {
      Progress& state = states[batch[n]];
      take_page(api, calls[batch[n]], answers[n], io.now(), state);
      if (spoils_the_scan(state.result)) spoilt = &state;
    }
    if (spoilt == nullptr) continue;
    for (Progress& state : states) {
      if (!state.finished) state.end(spoilt->result);
    }
  }
  std::vector<Status> results;
  results.reserve(states.size());
  for (Progress& state : states) results.push_back(std::move(state.result));
  co_return results;
}

Task<Status> read_list(Io& io, Api api, ListCall call) {
  std::vector<ListCall> calls;
  calls.push_back(std::move(call));
  std::vector<Status> results = co_await read_lists(io, api, std::move(calls));
  co_return std::move(results.front());
}

}  // namespace quell::managed_agents
