// One thread and epoll(7) for all connections; handlers on a few threads of their own.
#include "orchestrator/http_server.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <list>
#include <mutex>
#include <optional>
#include <span>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <unordered_map>

#include <fmt/format.h>

#include "orchestrator/http_dispatch.h"
#include "orchestrator/http_head.h"
#include "orchestrator/http_listener.h"
#include "orchestrator/http_render.h"
#include "orchestrator/http_request.h"
#include "orchestrator/http_wire.h"
#include "orchestrator/http_workers.h"

namespace quell {
namespace {

using Steady = std::chrono::steady_clock;

/// At least one TLS record: then OpenSSL never keeps back bytes of which the kernel knows nothing.
constexpr std::size_t kReadBytes = 16U << 10U;
/// What one connection may read before the others have their turn.
constexpr int kReadsPerTurn = 4;
constexpr int kAcceptsPerTurn = 64;
constexpr std::size_t kEventsPerTurn = 64;
/// What is still read after a refusal, so that the caller sees the answer before the line is cut.
constexpr std::size_t kDrainBytesMax = 256U << 10U;
constexpr Duration kDrainTime{500};
/// Connections beyond `connections_max` that are told 503.
constexpr std::size_t kShedMax = 16;
/// Rest after an accept() that failed for want of descriptors or memory.
constexpr Duration kAcceptPause{100};
/// Handshakes under way; for one more, the one that waits longest ends. OpenSSL holds about 35 KiB
/// for each, and a third of that afterwards.
constexpr std::size_t kHandshakesMax = 256;
constexpr Deadline kNever = Deadline::max();

using ConnectionId = std::uint64_t;
constexpr ConnectionId kListener = 0;
constexpr ConnectionId kAlarm = 1;
constexpr ConnectionId kFirstConnection = 2;

/// What a worker found; on its way back to the loop.
struct Answer {
  ConnectionId id = 0;
  HttpReply reply{};    // without headers and body
  std::string bytes{};  // headers and body
  bool closes = false;
  bool is_over = false;  // a stream that ended; the rest does not count
};

struct Connection {
  Connection(ConnectionId number, FileDescriptor fd, std::shared_ptr<const TlsContext> tls,
             HttpRequestBounds bounds)
      : id(number), wire(std::move(fd), std::move(tls)), reader(bounds) {}

  enum class Phase : std::uint8_t {
    reading,    // a request, or the silence before it
    handling,   // by a worker
    delayed,    // answer, on purpose
    hanging,    // on purpose
    writing,    // an answer or a refusal
    draining,   // what comes after a refusal
    streaming,  // the wire is with a thread of its own
    closed,
  };

  ConnectionId id;
  HttpWire wire;
  HttpRequestReader reader;
  Phase phase = Phase::reading;
  bool has_begun = false;  // the request that is being read
  Deadline due = kNever;
  Deadline request_due = kNever;
  std::size_t served = 0;
  std::size_t held_bytes = 0;     // as counted in the server's sum
  bool is_shaking_hands = false;  // likewise
  bool closes = false;            // after what is being written
  bool is_refused = false;        // and drained then
  std::string out{};
  std::size_t sent = 0;
  std::size_t drained = 0;
  HttpReply reply{};  // delayed, or streamed
  /// Its place among those without a complete request.
  std::optional<std::list<Connection*>::iterator> place{};
};

}  // namespace

std::string_view HttpCall::header(std::string_view name) const noexcept {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

class HttpServer::Impl {
 public:
  explicit Impl(HttpServerOptions options)
      : options_(std::move(options)),
        dispatch_(options_.fixed_headers),
        workers_(options_.workers_max, options_.niceness),
        streamers_(options_.streams_max, options_.niceness) {}
  ~Impl() { finish(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Status open() {
    Result<FileDescriptor> listener = options_.listen_fd ? adopt_listener(*options_.listen_fd)
                                      : !options_.unix_socket.empty()
                                          ? listen_on_path(options_.unix_socket)
                                          : listen_on_port(options_.host, options_.port);
    if (!listener) return listener.error();
    listener_ = std::move(*listener);
    owns_path_ = !options_.listen_fd && !options_.unix_socket.empty();
    port_ = port_of_listener(listener_);
    if (options_.tls) {
      Result<std::shared_ptr<const TlsContext>> tls = TlsContext::load(*options_.tls);
      if (!tls) return tls.error();
      tls_ = *std::move(tls);
    }
    poll_ = FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
    alarm_ = FileDescriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!poll_.valid() || !alarm_.valid() || !watch(listener_, kListener) ||
        !watch(alarm_, kAlarm)) {
      return make_error(ErrorCode::transient, "listen", "the system gives us no more descriptors",
                        "raise the limit on open files (ulimit -n, LimitNOFILE=)");
    }
    return ok();
  }

  Status serve(HttpHandler handler) {
    handler_ = std::move(handler);
    // The program's signals are for its main thread; and writing to a connection whose caller left
    // raises SIGPIPE, which OpenSSL does not prevent.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    loop_ = std::thread([this] { run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return ok();
  }

  Status reload_tls() {
    if (!options_.tls) {
      return make_error(ErrorCode::invalid, "listen", "this listener was started without TLS",
                        "name its certificate and key, and restart");
    }
    Result<std::shared_ptr<const TlsContext>> tls = TlsContext::load(*options_.tls);
    if (!tls) return wrap("the old certificate stays in use", tls.error());
    const std::lock_guard lock(mutex_);
    tls_ = *std::move(tls);
    return ok();
  }

  void finish() {
    stopping_ = true;
    if (alarm_.valid()) ring();
    if (loop_.joinable()) loop_.join();
    listener_ = FileDescriptor();
    if (std::exchange(owns_path_, false)) ::unlink(options_.unix_socket.c_str());
  }

  std::uint16_t port() const { return port_; }
  std::size_t connections() const { return open_; }

 private:
  using Phase = Connection::Phase;

  // ---- the loop's thread

  void run() {
    std::array<epoll_event, kEventsPerTurn> events{};
    while (!stopping_) {
      const int count = ::epoll_wait(poll_.get(), events.data(), kEventsPerTurn, time_to_wait());
      for (const epoll_event& event :
           std::span(events).first(static_cast<std::size_t>(std::max(count, 0)))) {
        react(event.data.u64);
      }
      take_answers();
      read_what_followed();
      end_what_is_due();
      gone_.clear();
    }
    end_everything();
  }

  void react(ConnectionId id) {
    if (id == kListener) return accept_some();
    if (id == kAlarm) {
      eventfd_t rings = 0;
      ::eventfd_read(alarm_.get(), &rings);
      return;
    }
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    Connection& connection = *found->second;
    if (connection.phase == Phase::reading) receive(connection);
    if (connection.phase == Phase::writing) send(connection);
    if (connection.phase == Phase::draining) drain(connection);
    if (connection.phase == Phase::hanging) close(connection);
  }

  int time_to_wait() const {
    if (!followed_.empty()) return 0;
    const Deadline due = std::min(next_due_, accept_again_);
    return due == kNever ? -1 : milliseconds_until(due);
  }

  void accept_some() {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
      FileDescriptor fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (fd.valid()) {
        admit(std::move(fd));
        continue;
      }
      if (errno == ECONNABORTED || errno == EINTR) continue;
      if (errno == EAGAIN) return;
      if (!waiting_.empty()) return close(*waiting_.front());  // may free what was missing
      accept_again_ = Steady::now() + kAcceptPause;
      watch(listener_, kListener, 0);
      return;
    }
  }

  void admit(FileDescriptor fd) {
    const bool is_full = connections_.size() >= options_.connections_max;
    if (is_full && !waiting_.empty()) close(*waiting_.front());
    const bool is_shed = is_full && connections_.size() >= options_.connections_max;
    if (is_shed && connections_.size() >= options_.connections_max + kShedMax) return;
    std::shared_ptr<const TlsContext> tls;
    {
      const std::lock_guard lock(mutex_);
      tls = tls_;
    }
    if (is_shed && tls) return;  // to be told anything it would have to be let in
    auto made = std::make_unique<Connection>(
        next_id_++, std::move(fd), std::move(tls),
        HttpRequestBounds{options_.head_bytes_max, options_.head_lines_max,
                          options_.body_bytes_max});
    Connection& connection = *made;
    connections_.emplace(connection.id, std::move(made));
    open_ = connections_.size();
    epoll_event event{.events = 0, .data = {.u64 = connection.id}};
    if (::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, connection.wire.fd(), &event) != 0) {
      return close(connection);
    }
    if (is_shed) return refuse(connection, {503, "Too many connections."});
    begin_waiting(connection, options_.head_deadline);
  }

  /// Waits for a request, the first one or the next.
  void begin_waiting(Connection& connection, Duration patience) {
    connection.phase = Phase::reading;
    connection.has_begun = false;
    list(connection);
    set_due(connection, Steady::now() + patience);
    if (connection.reader.is_empty()) return arm(connection, EPOLLIN);
    begin_request(connection);
    followed_.push_back(connection.id);
  }

  void begin_request(Connection& connection) {
    const Deadline now = Steady::now();
    connection.has_begun = true;
    connection.request_due = now + options_.request_deadline;
    set_due(connection, now + options_.head_deadline);
  }

  /// Requests that came in one piece with the one before them.
  void read_what_followed() {
    for (const ConnectionId id : std::exchange(followed_, {})) {
      const auto found = connections_.find(id);
      if (found == connections_.end() || found->second->phase != Phase::reading) continue;
      take_request(*found->second);
      if (found->second->phase == Phase::reading) arm(*found->second, EPOLLIN);
    }
  }

  void receive(Connection& connection) {
    for (int i = 0; i < kReadsPerTurn; ++i) {
      const Moved got = connection.wire.receive(scratch_);
      count_handshake(connection, connection.wire.is_shaking_hands());
      limit_handshakes();
      if (got.how == Moved::How::over || connection.phase != Phase::reading) {
        return close(connection);
      }
      // With TLS any byte of the handshake begins the request.
      const bool has_bytes = got.how == Moved::How::done;
      if (!connection.has_begun && (has_bytes || connection.wire.is_tls())) {
        begin_request(connection);
      }
      if (!has_bytes) {
        return arm(connection, got.how == Moved::How::wants_to_write ? EPOLLOUT : EPOLLIN);
      }
      connection.reader.append(std::string_view(scratch_.data(), got.bytes));
      take_request(connection);
      if (connection.phase != Phase::reading) return;
    }
    arm(connection, EPOLLIN);
  }

  void take_request(Connection& connection) {
    std::optional<std::variant<ReceivedRequest, HttpRefusal>> next = connection.reader.next();
    if (next) {
      if (const auto* refusal = std::get_if<HttpRefusal>(&*next)) {
        return refuse(connection, *refusal);
      }
    }
    ReceivedRequest* const request = next ? &std::get<ReceivedRequest>(*next) : nullptr;
    count_held(connection,
               connection.reader.held_bytes() + (request ? request->body.capacity() : 0));
    make_room();
    if (connection.phase != Phase::reading) return;
    if (request) return hand_over(connection, std::move(*request));
    if (connection.reader.is_in_body()) set_due(connection, connection.request_due);
  }

  /// As long as all requests together are too large, the largest unfinished one goes.
  void make_room() {
    const std::size_t most =
        std::max(options_.held_bytes_max, options_.head_bytes_max + 2 * options_.body_bytes_max);
    while (held_bytes_ > most) {
      const auto largest = std::ranges::max_element(
          waiting_, {}, [](const Connection* one) { return one->held_bytes; });
      if (largest == waiting_.end() || (*largest)->held_bytes == 0) return;
      refuse(**largest, {503, "Too much is being sent at once."});
    }
  }

  void hand_over(Connection& connection, ReceivedRequest request) {
    unlist(connection);
    connection.phase = Phase::handling;
    connection.due = kNever;
    ++connection.served;
    const bool closes = !options_.keep_alive || request.head.closes ||
                        connection.served >= options_.requests_per_connection_max;
    auto call = std::make_shared<HttpCall>(
        HttpCall{.method = std::move(request.head.method),
                 .target = std::move(request.head.target),
                 .headers = std::move(request.head.headers),
                 .body = std::move(request.body),
                 .remote_address = connection.wire.peer(),
                 .client_verified = connection.wire.is_client_verified()});
    workers_.enqueue([this, id = connection.id, closes, call = std::move(call)] {
      if (!stopping_) post(answer_to(id, *call, closes));
    });
  }

  void take_answers() {
    std::vector<Answer> answers;
    {
      const std::lock_guard lock(mutex_);
      answers.swap(answers_);
    }
    for (Answer& answer : answers) {
      Connection& connection = *connections_.at(answer.id);
      if (answer.is_over) {
        --streams_;
        close(connection);
        continue;
      }
      count_held(connection, connection.reader.held_bytes());
      connection.reply = std::move(answer.reply);
      connection.out = std::move(answer.bytes);
      connection.closes = answer.closes;
      begin_answer(connection);
    }
  }

  void begin_answer(Connection& connection) {
    if (connection.reply.line == HttpReply::Line::resets) {
      connection.wire.cut();
      close(connection);
    } else if (connection.reply.line == HttpReply::Line::hangs) {
      connection.phase = Phase::hanging;
      set_due(connection, Steady::now() + options_.answer_deadline);
      arm(connection, EPOLLRDHUP);
    } else if (connection.reply.delay > Duration{0}) {
      connection.phase = Phase::delayed;
      set_due(connection, Steady::now() + connection.reply.delay);
    } else {
      write_answer(connection);
    }
  }

  void write_answer(Connection& connection) {
    if (connection.reply.more) return stopping_ ? close(connection) : begin_stream(connection);
    connection.phase = Phase::writing;
    set_due(connection, Steady::now() + options_.answer_deadline);
    send(connection);
  }

  void send(Connection& connection) {
    while (connection.sent < connection.out.size()) {
      const Moved sent =
          connection.wire.send(std::string_view(connection.out).substr(connection.sent));
      if (sent.how == Moved::How::over) return close(connection);
      if (sent.how != Moved::How::done) {
        return arm(connection, sent.how == Moved::How::wants_to_read ? EPOLLIN : EPOLLOUT);
      }
      connection.sent += sent.bytes;
    }
    connection.out = std::string();
    connection.sent = 0;
    if (connection.is_refused) {
      connection.phase = Phase::draining;
      connection.wire.end_sending();
      drain(connection);
    } else if (connection.closes) {
      close(connection);
    } else {
      begin_waiting(connection, options_.idle_max);
    }
  }

  void refuse(Connection& connection, const HttpRefusal& refusal) {
    connection.reader.clear();
    count_held(connection, 0);
    connection.reply = HttpReply{};
    connection.out = render_http_refusal(refusal, options_.fixed_headers);
    connection.is_refused = true;
    connection.phase = Phase::writing;
    list(connection);
    set_due(connection, Steady::now() + kDrainTime);
    send(connection);
  }

  void drain(Connection& connection) {
    for (int i = 0; i < kReadsPerTurn; ++i) {
      const Moved got = connection.wire.receive(scratch_);
      if (got.how == Moved::How::done) {
        connection.drained += got.bytes;
        if (connection.drained >= kDrainBytesMax) return close(connection);
      } else if (got.how == Moved::How::over) {
        return close(connection);
      } else {
        break;
      }
    }
    arm(connection, EPOLLIN);
  }

  void begin_stream(Connection& connection) {
    if (streams_ >= options_.streams_max) {
      return refuse(connection, {503, "Too many streams."});
    }
    ++streams_;
    connection.phase = Phase::streaming;
    connection.due = kNever;
    auto reply = std::make_shared<HttpReply>(std::move(connection.reply));
    streamers_.enqueue([this, &connection, reply = std::move(reply)] {
      send_pieces(connection.wire, *reply, std::move(connection.out));
      post(Answer{.id = connection.id, .is_over = true});
    });
  }

  void end_what_is_due() {
    const Deadline now = Steady::now();
    if (now >= accept_again_) {
      accept_again_ = kNever;
      watch(listener_, kListener);
    }
    if (now < next_due_) return;
    std::vector<Connection*> late;
    next_due_ = kNever;
    for (const auto& [id, connection] : connections_) {
      if (connection->due <= now) {
        late.push_back(connection.get());
      } else {
        next_due_ = std::min(next_due_, connection->due);
      }
    }
    for (Connection* const connection : late) end_late(*connection);
  }

  void end_late(Connection& connection) {
    if (connection.phase == Phase::delayed) return write_answer(connection);
    if (connection.phase != Phase::reading || connection.reader.is_empty()) {
      return close(connection);
    }
    refuse(connection, {408, connection.reader.is_in_body() ? "The body came too slowly."
                                                            : "The head came too slowly."});
  }

  void end_everything() {
    listener_ = FileDescriptor();
    std::vector<Connection*> all;
    for (const auto& [id, connection] : connections_) all.push_back(connection.get());
    for (Connection* const connection : all) {
      if (connection->phase == Phase::streaming) {
        connection->wire.interrupt();
      } else if (connection->phase != Phase::handling) {
        close(*connection);
      }
    }
    gone_.clear();
    workers_.finish();
    take_answers();  // what a handler has done meanwhile is still said
    gone_.clear();
    streamers_.finish();
    connections_.clear();
    open_ = 0;
  }

  /// Forgotten at once, gone at the end of this turn: callers may still hold a reference.
  void close(Connection& connection) {
    if (connection.phase == Phase::closed) return;
    unlist(connection);
    count_held(connection, 0);
    count_handshake(connection, false);
    connection.phase = Phase::closed;
    const auto found = connections_.find(connection.id);
    gone_.push_back(std::move(found->second));
    connections_.erase(found);
    open_ = connections_.size();
  }

  /// Puts it at the end of those without a complete request.
  void list(Connection& connection) {
    unlist(connection);
    connection.place = waiting_.insert(waiting_.end(), &connection);
  }

  void unlist(Connection& connection) {
    if (connection.place) waiting_.erase(*connection.place);
    connection.place.reset();
  }

  void count_held(Connection& connection, std::size_t bytes) {
    held_bytes_ += bytes - std::exchange(connection.held_bytes, bytes);
  }

  void count_handshake(Connection& connection, bool is_under_way) {
    handshakes_ +=
        static_cast<std::size_t>(is_under_way) -
        static_cast<std::size_t>(std::exchange(connection.is_shaking_hands, is_under_way));
  }

  void limit_handshakes() {
    if (handshakes_ <= kHandshakesMax) return;
    close(**std::ranges::find_if(waiting_, &Connection::is_shaking_hands));
  }

  void set_due(Connection& connection, Deadline due) {
    connection.due = due;
    next_due_ = std::min(next_due_, due);
  }

  /// One event, then silence until the next call: what nobody waits for cannot keep us busy.
  void arm(const Connection& connection, std::uint32_t events) {
    epoll_event event{.events = events | EPOLLONESHOT, .data = {.u64 = connection.id}};
    ::epoll_ctl(poll_.get(), EPOLL_CTL_MOD, connection.wire.fd(), &event);
  }

  bool watch(const FileDescriptor& fd, ConnectionId id, std::uint32_t events = EPOLLIN) {
    epoll_event event{.events = events, .data = {.u64 = id}};
    return ::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, fd.get(), &event) == 0 ||
           (errno == EEXIST && ::epoll_ctl(poll_.get(), EPOLL_CTL_MOD, fd.get(), &event) == 0);
  }

  // ---- workers' and streams' threads

  Answer answer_to(ConnectionId id, const HttpCall& call, bool closes) const {
    HttpDispatched done = dispatch_.answer(call, handler_, closes);
    done.reply.headers.clear();
    done.reply.body = std::string();
    return {
        .id = id, .reply = std::move(done.reply), .bytes = std::move(done.bytes), .closes = closes};
  }

  /// In chunks, so that the caller can tell an end from a cut.
  void send_pieces(HttpWire& wire, const HttpReply& reply, std::string out) const {
    while (wire.send_all(out, Steady::now() + options_.answer_deadline)) {
      if (stopping_ || wire.is_hung_up()) return;
      const std::optional<std::string> piece = ask_for_more(reply);
      if (!piece) {
        wire.send_all("0\r\n\r\n", Steady::now() + kDrainTime);
        return;
      }
      out = piece->empty() ? "" : render_http_chunk(*piece);
    }
  }

  static std::optional<std::string> ask_for_more(const HttpReply& reply) {
    try {
      return reply.more();
    } catch (...) {  // as in HttpDispatch
      return std::nullopt;
    }
  }

  void post(Answer answer) {
    {
      const std::lock_guard lock(mutex_);
      answers_.push_back(std::move(answer));
    }
    ring();
  }

  void ring() const { ::eventfd_write(alarm_.get(), 1); }

  HttpServerOptions options_;
  HttpDispatch dispatch_;
  HttpHandler handler_{};
  FileDescriptor listener_{};
  FileDescriptor poll_{};
  FileDescriptor alarm_{};  // rung when answers_ or stopping_ changed
  std::uint16_t port_ = 0;
  bool owns_path_ = false;
  std::thread loop_{};
  std::atomic<bool> stopping_ = false;
  std::atomic<std::size_t> open_ = 0;

  std::mutex mutex_{};  // guards the next two
  std::vector<Answer> answers_{};
  std::shared_ptr<const TlsContext> tls_{};

  // The loop's own.
  ConnectionId next_id_ = kFirstConnection;
  std::unordered_map<ConnectionId, std::unique_ptr<Connection>> connections_{};
  std::vector<std::unique_ptr<Connection>> gone_{};
  std::list<Connection*> waiting_{};  // without a complete request, longest first
  std::vector<ConnectionId> followed_{};
  std::array<char, kReadBytes> scratch_{};
  std::size_t held_bytes_ = 0;
  std::size_t handshakes_ = 0;
  std::size_t streams_ = 0;
  Deadline next_due_ = kNever;  // none is earlier
  Deadline accept_again_ = kNever;
  HttpWorkers workers_;
  HttpWorkers streamers_;
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>> HttpServer::bind(HttpServerOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  if (Status opened = impl->open(); !opened) return opened.error();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(HttpServerOptions options,
                                                      HttpHandler handler) {
  Result<std::unique_ptr<HttpServer>> server = bind(std::move(options));
  if (!server) return server.error();
  if (Status served = (*server)->serve(std::move(handler)); !served) return served.error();
  return server;
}

Status HttpServer::serve(HttpHandler handler) { return impl_->serve(std::move(handler)); }
Status HttpServer::reload_tls() { return impl_->reload_tls(); }
void HttpServer::stop() { impl_->finish(); }
std::uint16_t HttpServer::port() const noexcept { return impl_->port(); }
std::size_t HttpServer::connections() const noexcept { return impl_->connections(); }

}  // namespace quell
