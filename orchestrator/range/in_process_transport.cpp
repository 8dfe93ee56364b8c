#include "orchestrator/range/in_process_transport.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>

#include <fmt/format.h>

#include "connectors/url.h"

namespace quell::range {
namespace {

/// The longest one sleep, should the clock be set meanwhile.
constexpr std::chrono::seconds kNapMax{1};
constexpr Duration kTick{1};

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool may_go(const HttpRequest& request, std::string_view origin) {
  if (!request.body.may_go_to(origin)) return false;
  return std::ranges::all_of(
      request.headers, [&](const HttpHeader& header) { return header.value.may_go_to(origin); });
}

std::string rendered(const SecretText& text) {
  const Secret bytes = text.render();
  return std::string(bytes.reveal());
}

std::string_view header(const Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return {};
}

/// The payload of the first event that has one: its `data:` lines joined by line feeds.
std::string first_event_data(std::string_view stream) {
  std::string data;
  while (!stream.empty()) {
    const std::size_t end = stream.find('\n');
    std::string_view line = stream.substr(0, end);
    stream = end == std::string_view::npos ? std::string_view{} : stream.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() && !data.empty()) return data;
    if (!line.starts_with("data:")) continue;
    line.remove_prefix(5);
    if (line.starts_with(' ')) line.remove_prefix(1);
    if (!data.empty()) data += '\n';
    data += line;
  }
  return data;
}

/// A read may simply be sent again; whatever else was sent has perhaps been taken.
Error lost(const Request& request, Effect effect, std::string_view how) {
  return make_error(effect == Effect::read ? ErrorCode::transient : ErrorCode::unknown,
                    fmt::format("{} while {} was asked", how, request.method));
}

}  // namespace

InProcessTransport::InProcessTransport(World& world, const WorldOptions& urls, ManualClock& clock,
                                       InProcessOptions options)
    : InProcessTransport(world, urls, static_cast<const Clock&>(clock), std::move(options)) {
  manual_ = &clock;
}

InProcessTransport::InProcessTransport(World& world, const WorldOptions& urls, const Clock& clock,
                                       InProcessOptions options)
    : world_(world),
      clock_(clock),
      manual_(nullptr),
      options_(std::move(options)),
      origins_{{{origin_of(urls.platform_url), Host::platform},
                {origin_of(urls.issuer_url), Host::issuer},
                {origin_of(urls.mcp_url), Host::mcp_server},
                {origin_of(urls.control_url), Host::control}}} {}

Timestamp InProcessTransport::now() {
  newest_ = std::max(newest_, clock_.now());
  return newest_;
}

void InProcessTransport::push(Timestamp at, Event event) {
  events_.emplace(std::pair(at, event_next_++), std::move(event));
}

void InProcessTransport::start(Ticket ticket, HttpRequest request) {
  const Timestamp begun = now();
  const auto fail = [&](Error error) { push(begun, Completion{ticket, std::move(error)}); };
  const Result<Url> url = parse_url(request.url);
  if (!url) return fail(url.error());
  const std::string origin = url->origin();
  if (!may_go(request, origin)) {
    return fail(make_error(ErrorCode::invalid, "egress",
                           fmt::format("a secret of this request is not for {}", origin),
                           "secrets go to the origins of their own connection only"));
  }
  const auto found =
      std::ranges::find_if(origins_, [&](const auto& entry) { return entry.first == origin; });
  if (found == origins_.end()) {
    return fail(make_error(ErrorCode::transient, "egress",
                           fmt::format("no host of the range answers at {}", origin),
                           "the range knows its own four hosts only"));
  }
  Arrival arrival{.ticket = ticket,
                  .effect = request.effect,
                  .body_bytes_max = request.body_bytes_max,
                  .first_event_only = request.first_event_only,
                  .gives_up_at = begun + request.timeout};
  arrival.request.host = found->second;
  arrival.request.method = request.method;
  arrival.request.target = url->path + (url->query.empty() ? "" : "?" + url->query);
  arrival.request.headers.emplace_back("host", origin.substr(origin.find("//") + 2));
  for (const HttpHeader& each : request.headers) {
    arrival.request.headers.emplace_back(lower_case(each.name), rendered(each.value));
  }
  arrival.request.body = rendered(request.body);
  push(begun + options_.latency / 2, std::move(arrival));
}

void InProcessTransport::arrive(const Arrival& arrival, Timestamp at) {
  const auto complete = [&](Timestamp when, Result<HttpResponse> answer) {
    push(when, Completion{arrival.ticket, std::move(answer)});
  };
  if (at >= arrival.gives_up_at) {
    return complete(at, make_error(ErrorCode::transient, "no connection in time"));
  }
  Response response = world_.handle(arrival.request, at);
  const Timestamp back = at + response.delay + (options_.latency - options_.latency / 2);
  const bool is_lost = options_.loses_answer && options_.loses_answer(arrival.request, at);
  if (response.line == Response::Line::hangs || back > arrival.gives_up_at) {
    return complete(arrival.gives_up_at,
                    lost(arrival.request, arrival.effect, "no answer in time"));
  }
  if (is_lost || response.line == Response::Line::resets) {
    return complete(back, lost(arrival.request, arrival.effect, "the connection broke"));
  }
  if (response.body.size() > arrival.body_bytes_max) {
    return complete(back, make_error(ErrorCode::invalid, "an answer was larger than its limit"));
  }
  HttpResponse answer(response.status, std::move(response.body));
  if (arrival.first_event_only &&
      header(response, "content-type").starts_with("text/event-stream")) {
    answer.body = first_event_data(answer.body);
  }
  answer.headers = std::move(response.headers);
  answer.from_loopback = true;
  complete(back, std::move(answer));
}

std::vector<Completion> InProcessTransport::run(Timestamp until) {
  std::vector<Completion> done;
  while (!events_.empty() && events_.begin()->first.first <= until) {
    const Timestamp at = events_.begin()->first.first;
    Event event = std::move(events_.extract(events_.begin()).mapped());
    world_.advance(at);
    if (auto* completion = std::get_if<Completion>(&event)) {
      done.push_back(std::move(*completion));
    } else {
      arrive(std::get<Arrival>(event), at);
    }
  }
  world_.advance(until);
  return done;
}

std::vector<Completion> InProcessTransport::poll(Timestamp until) {
  while (true) {
    const Timestamp here = now();
    std::vector<Completion> done = run(here);
    if (take_wake() || !done.empty() || here >= until) return done;
    Timestamp next = until;
    if (!events_.empty()) next = std::min(next, events_.begin()->first.first);
    if (const std::optional<Timestamp> timer = world_.next_timer()) next = std::min(next, *timer);
    if (manual_ == nullptr) {
      sleep_until(next);
      continue;
    }
    if (next == Timestamp::max()) return done;  // nothing will ever happen by itself
    manual_->advance_to(std::max(next, here + kTick));
  }
}

bool InProcessTransport::take_wake() {
  const std::lock_guard lock(mutex_);
  return std::exchange(woken_, false);
}

void InProcessTransport::sleep_until(Timestamp due) {
  std::chrono::nanoseconds sleep = kNapMax;
  if (due != Timestamp::max()) {
    sleep = std::clamp<std::chrono::nanoseconds>(clock_.real_time_until(due),
                                                 std::chrono::milliseconds(1), kNapMax);
  }
  std::unique_lock lock(mutex_);
  woken_changed_.wait_for(lock, sleep, [&] { return woken_; });
}

void InProcessTransport::wake() {
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
  }
  woken_changed_.notify_one();
}

}  // namespace quell::range
