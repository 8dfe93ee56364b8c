#include "orchestrator/range/front.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/http_server.h"
#include "orchestrator/range/outside.h"
#include "orchestrator/range/platform_call.h"
#include "state/base/json.h"

namespace quell::range {
namespace {

constexpr std::array kServedHosts{Host::platform, Host::issuer, Host::mcp_server, Host::control};
constexpr std::size_t kConnectionsMax = 544;  // 512 requests in flight and some onlookers
constexpr Duration kRealDelayMax{60'000};
/// The longest the timer thread sleeps, should the clock be set meanwhile.
constexpr std::chrono::seconds kSleepMax{1};
constexpr std::string_view kMarker = "x-quell-range";
constexpr std::size_t kStreamsMax = 64;
/// How long an event stream waits before it looks whether its reader is still there.
constexpr std::chrono::seconds kStreamLook{1};
/// Silence after which a stream says `ping`, which clients ignore.
constexpr std::chrono::seconds kPingEvery{15};
constexpr std::string_view kPing = "event: ping\ndata: {\"type\":\"ping\"}\n\n";

HttpServerOptions server_options(std::uint16_t port) {
  HttpServerOptions options;
  options.port = port;
  options.keep_alive = true;
  options.connections_max = kConnectionsMax;
  options.fixed_headers = {{std::string(kMarker), "1"}};  // refusals carry it as well
  return options;
}

std::string& url_of(WorldOptions& options, Host host) {
  switch (host) {
    case Host::platform:
      return options.platform_url;
    case Host::issuer:
      return options.issuer_url;
    case Host::mcp_server:
      return options.mcp_url;
    case Host::control:
      break;
  }
  return options.control_url;
}

HttpReply::Line line_of(Response::Line line) {
  switch (line) {
    case Response::Line::answers:
      return HttpReply::Line::answers;
    case Response::Line::hangs:
      return HttpReply::Line::hangs;
    case Response::Line::resets:
      break;
  }
  return HttpReply::Line::resets;
}

}  // namespace

class SocketFront::Impl {
 public:
  explicit Impl(const Clock& clock) : clock_(clock) {}
  ~Impl() { finish(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Status begin(WorldOptions options, std::uint16_t first_port, const MakeWorld& make) {
    options_ = std::move(options);
    if (first_port > std::numeric_limits<std::uint16_t>::max() - kServedHosts.size() + 1) {
      return make_error(ErrorCode::invalid, "listen",
                        fmt::format("port {} leaves no room for three more", first_port),
                        "choose a port below 65533");
    }
    for (std::size_t i = 0; i < kServedHosts.size(); ++i) {
      const std::size_t port = first_port == 0 ? 0 : first_port + i;
      Result<std::unique_ptr<HttpServer>> server =
          HttpServer::bind(server_options(static_cast<std::uint16_t>(port)));
      if (!server) return server.error();
      servers_[i] = *std::move(server);
      url_of(options_, kServedHosts[i]) = fmt::format("http://127.0.0.1:{}", servers_[i]->port());
    }
    if (options_.start == Timestamp{}) options_.start = clock_.now();
    newest_ = options_.start;
    options_.outside = [this](std::string_view url, const Request& request) {
      return outside_.fetch(url, request);
    };
    Result<std::unique_ptr<World>> world = make(options_);
    if (!world) return world.error();
    world_ = *std::move(world);
    timers_ = std::thread([this] { run_timers(); });
    courier_ = std::thread([this] { run_courier(); });
    for (std::size_t i = 0; i < kServedHosts.size(); ++i) {
      const Host host = kServedHosts[i];
      Status served =
          servers_[i]->serve([this, host](const HttpCall& call) { return answer(host, call); });
      if (!served) return served;
    }
    return ok();
  }

  const WorldOptions& options() const { return options_; }

  void look(const std::function<void(World&, Timestamp)>& what) {
    const std::lock_guard lock(mutex_);
    const Timestamp now = advance();
    what(*world_, now);
    changed_.notify_one();
    tell_waiting();
  }

  void finish() {
    outside_.stop();  // first: a call that waits holds the lock
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    mail_.stop();
    changed_.notify_all();
    posted_.notify_all();
    happened_.notify_all();
    for (const std::unique_ptr<HttpServer>& server : servers_) {
      if (server) server->stop();
    }
    if (timers_.joinable()) timers_.join();
    if (courier_.joinable()) courier_.join();
  }

 private:
  /// Lets everything due happen. Time never runs backwards here, whatever the clock does.
  Timestamp advance() {
    newest_ = std::max(newest_, clock_.now());
    world_->advance(newest_);
    return newest_;
  }

  HttpReply answer(Host host, const HttpCall& call) {
    const Request request{.host = host,
                          .method = call.method,
                          .target = call.target,
                          .headers = call.headers,
                          .body = call.body};
    Response response;
    Timestamp now;
    {
      const std::lock_guard lock(mutex_);
      now = advance();
      response = world_->handle(request, now);
      if (world_->next_timer() != sleeping_until_) changed_.notify_one();
      tell_waiting();
      if (response.stream && streams_ >= kStreamsMax) response = too_many_streams();
      if (response.stream) ++streams_;
    }
    HttpReply reply{.status = response.status,
                    .body = std::move(response.body),
                    .line = line_of(response.line)};
    for (auto& header : response.headers) {
      if (header.first != kMarker) reply.headers.push_back(std::move(header));
    }
    if (response.stream) reply.more = source(*std::move(response.stream));
    if (response.delay > Duration{0}) {
      const auto real = clock_.real_time_until(now + response.delay);
      reply.delay = std::min(std::chrono::ceil<Duration>(real), kRealDelayMax);
    }
    return reply;
  }

  static Response too_many_streams() {
    return {.status = 529,
            .headers = {{"content-type", "application/json"}},
            .body = R"({"type":"error","error":{"type":"overloaded_error",)"
                    R"("message":"Too many event streams."},"request_id":null})"};
  }

  /// Under the lock, after the world has moved.
  void tell_waiting() {
    if (streams_ > 0) happened_.notify_all();
    if (world_->next_delivery()) posted_.notify_one();
  }

  /// One event stream, counted for as long as the server holds it.
  class Reader {
   public:
    Reader(Impl& front, EventStream stream) : front_(front), stream_(std::move(stream)) {}
    ~Reader() {
      const std::lock_guard lock(front_.mutex_);
      --front_.streams_;
    }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    std::optional<std::string> next() {
      std::unique_lock lock(front_.mutex_);
      std::optional<std::string> text = read();
      if (!text || !text->empty()) return text;
      front_.happened_.wait_for(lock, kStreamLook);
      text = read();
      const auto now = std::chrono::steady_clock::now();
      if (!text || !text->empty() || now < ping_at_) return text;
      ping_at_ = now + kPingEvery;
      return std::string(kPing);
    }

   private:
    std::optional<std::string> read() {
      if (front_.stopping_) return std::nullopt;
      StreamPart part = front_.world_->follow(stream_, front_.advance());
      if (part.text.empty() && part.ended) return std::nullopt;
      if (!part.text.empty()) ping_at_ = std::chrono::steady_clock::now() + kPingEvery;
      return std::move(part.text);
    }

    Impl& front_;
    EventStream stream_;
    std::chrono::steady_clock::time_point ping_at_ = std::chrono::steady_clock::now() + kPingEvery;
  };

  std::function<std::optional<std::string>()> source(EventStream stream) {
    auto reader = std::make_shared<Reader>(*this, std::move(stream));
    return [reader = std::move(reader)] { return reader->next(); };
  }

  /// Carries webhooks to their receivers. Not under the lock: a receiver may well ask the range.
  void run_courier() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      const std::vector<Delivery> due = world_->take_deliveries(advance());
      for (const Delivery& one : due) {
        lock.unlock();
        const auto answer = mail_.fetch(one.url, one.request);
        lock.lock();
        world_->delivered(one.number, answer ? answer->status : 0, advance());
      }
      if (!due.empty() || stopping_) continue;
      std::chrono::nanoseconds sleep = kSleepMax;
      if (const auto next = world_->next_delivery()) {
        sleep = std::clamp<std::chrono::nanoseconds>(clock_.real_time_until(*next),
                                                     std::chrono::milliseconds(1), kSleepMax);
      }
      posted_.wait_for(lock, sleep);
    }
  }

  void run_timers() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      const Timestamp now = advance();
      sleeping_until_ = world_->next_timer();
      tell_waiting();
      std::chrono::nanoseconds sleep = kSleepMax;
      if (sleeping_until_) {
        // At least a millisecond: a clock that stands still must not make this thread spin.
        const Timestamp due = std::max(*sleeping_until_, now);
        sleep = std::clamp<std::chrono::nanoseconds>(clock_.real_time_until(due),
                                                     std::chrono::milliseconds(1), kSleepMax);
      }
      changed_.wait_for(lock, sleep);
    }
  }

  const Clock& clock_;
  OutsideCaller outside_{};  // for the world, under the lock
  OutsideCaller mail_{};     // for the courier
  WorldOptions options_{};
  std::mutex mutex_{};
  std::condition_variable changed_{};   // the timers' thread
  std::condition_variable posted_{};    // the courier
  std::condition_variable happened_{};  // event streams
  std::size_t streams_ = 0;
  std::unique_ptr<World> world_{};
  Timestamp newest_{};
  std::optional<Timestamp> sleeping_until_{};
  bool stopping_ = false;
  std::array<std::unique_ptr<HttpServer>, kServedHosts.size()> servers_{};
  std::thread timers_{};
  std::thread courier_{};
};

SocketFront::SocketFront(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SocketFront::~SocketFront() = default;

Result<std::unique_ptr<SocketFront>> SocketFront::start(WorldOptions options, const Clock& clock,
                                                        std::uint16_t first_port, MakeWorld make) {
  auto impl = std::make_unique<Impl>(clock);
  if (Status begun = impl->begin(std::move(options), first_port, make); !begun) {
    return begun.error();
  }
  return std::unique_ptr<SocketFront>(new SocketFront(std::move(impl)));
}

const WorldOptions& SocketFront::options() const { return impl_->options(); }
void SocketFront::with_world(const std::function<void(World&, Timestamp)>& look) {
  impl_->look(look);
}
void SocketFront::stop() { impl_->finish(); }

std::string ready_line(const World& world, const WorldOptions& options, std::int64_t pid) {
  const Keys& keys = world.keys();
  const Leaked& leaked = world.leaked();
  const Injected injected = world.injected();
  ValueMap line{
      {"ready", true},
      {"pid", pid},
      {"seed", options.seed},
      {"profile", options.profile},
      {"platform", Value::map({{"base_url", options.platform_url},
                               {"api_key", keys.api_key},
                               {"admin_key", keys.admin_key},
                               {"webhook_secret", keys.webhook_secret},
                               {"log_url", options.control_url + "/log"}})},
      {"issuer", Value::map({{"url", options.issuer_url},
                             {"client_id", keys.client_id},
                             {"client_secret", keys.client_secret}})},
      {"mcp", Value::map({{"url", options.mcp_url + "/mcp"}})},
      {"leaked", Value::map({{"vault_id", leaked.vault_id},
                             {"credential_id", leaked.credential_id},
                             {"access_token", leaked.access_token},
                             {"refresh_token", leaked.refresh_token},
                             {"api_key", keys.leaked_api_key},
                             {"api_key_id", keys.leaked_api_key_id},
                             {"deployment_ids", strings(leaked.deployment_ids)}})},
      {"control_url", options.control_url},
  };
  if (!injected.session_id.empty()) {
    line["injected"] = Value::map({{"session_id", injected.session_id},
                                   {"agent_id", injected.agent_id},
                                   {"memory_store_id", injected.memory_store_id}});
  }
  return to_json(Value(std::move(line)));
}

}  // namespace quell::range
