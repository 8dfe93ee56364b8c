// The hardened front of cpp-httplib 0.11.4: API sheet triggers-and-panel sections 2.3 to 2.7,
// recipe A. The library stops here.
#include "orchestrator/http_server.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <deque>
#include <fcntl.h>
#include <mutex>
#include <optional>
#include <poll.h>
#include <set>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <system_error>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>
#include <httplib.h>

#include "orchestrator/http_head.h"

namespace quell {
namespace {

using Steady = std::chrono::steady_clock;
using Deadline = Steady::time_point;

constexpr int kBacklog = 512;  // the library's own is 5
constexpr std::size_t kReadBytes = 16U << 10U;
constexpr std::size_t kWriteBufferBytes = 64U << 10U;
/// What is still read after a refusal, so that the caller sees the answer before the line is cut.
constexpr std::size_t kDrainBytesMax = 256U << 10U;
constexpr Duration kDrainTime{500};
/// Threads beyond `connections_max`, for the ones that are told 503.
constexpr std::size_t kShedders = 2;
constexpr std::size_t kWaitingMax = 16;
constexpr Duration kRelisten{100};
constexpr std::chrono::seconds kCallTimeout{15};
constexpr std::size_t kCallBodyBytesMax = 4U << 20U;
/// The library wants a port for a Unix socket too and does nothing with it.
constexpr int kPortOfUnixSocket = 1;

int milliseconds_until(Deadline due) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(due - Steady::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000));
}

/// One accepted connection; borrows its descriptor.
class Line {
 public:
  enum class Got : std::uint8_t { bytes, closed, late };

  explicit Line(int fd) : fd_(fd) {}

  /// Appends what arrives before `due` to `out`, at most `most` bytes.
  Got read_some(std::string& out, std::size_t most, Deadline due) const {
    while (true) {
      std::array<char, kReadBytes> bytes;  // filled by recv
      const ssize_t count = ::recv(fd_, bytes.data(), std::min(most, bytes.size()), MSG_DONTWAIT);
      if (count > 0) {
        out.append(bytes.data(), static_cast<std::size_t>(count));
        return Got::bytes;
      }
      if (count == 0) return Got::closed;
      if (errno != EAGAIN && errno != EINTR) return Got::closed;
      if (errno == EAGAIN && !wait(POLLIN, due)) return Got::late;
    }
  }

  bool write_all(std::string_view bytes, Deadline due) const {
    while (!bytes.empty()) {
      const ssize_t count = ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(count));
        continue;
      }
      if (errno != EAGAIN && errno != EINTR) return false;
      if (errno == EAGAIN && !wait(POLLOUT, due)) return false;
    }
    return true;
  }

  /// Until the caller hangs up or `due`.
  void wait_for_hangup(Deadline due) const { wait(POLLRDHUP, due); }
  bool is_hung_up() const { return wait(POLLRDHUP, Steady::now()); }

  /// The next close() sends a reset.
  void cut() const {
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }

  void drain() const {
    ::shutdown(fd_, SHUT_WR);
    const Deadline due = Steady::now() + kDrainTime;
    std::string ignored;
    std::size_t total = 0;
    while (total < kDrainBytesMax && read_some(ignored, kReadBytes, due) == Got::bytes) {
      total += ignored.size();
      ignored.clear();
    }
  }

  std::string peer() const {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (::getpeername(fd_, reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
    if (address.ss_family == AF_UNIX) return "unix";
    std::array<char, NI_MAXHOST> name{};
    if (::getnameinfo(reinterpret_cast<const sockaddr*>(&address), length, name.data(), name.size(),
                      nullptr, 0, NI_NUMERICHOST) != 0) {
      return {};
    }
    return name.data();
  }

 private:
  bool wait(short events, Deadline due) const {
    pollfd entry{.fd = fd_, .events = events, .revents = 0};
    while (true) {
      const int ready = ::poll(&entry, 1, milliseconds_until(due));
      if (ready > 0) return true;
      if (ready == 0 || errno != EINTR) return false;
    }
  }

  int fd_;
};

/// What the library sees of a connection: a request line of ours to read, and a place for the
/// answer.
class AnswerStream final : public httplib::Stream {
 public:
  AnswerStream(const Line& line, std::string head, Deadline due)
      : line_(line), head_(std::move(head)), due_(due) {}

  bool is_readable() const override { return read_ < head_.size(); }
  bool is_writable() const override { return !broken_; }
  ssize_t read(char* out, std::size_t size) override {
    const std::size_t count = std::min(size, head_.size() - read_);
    std::copy_n(head_.data() + read_, count, out);
    read_ += count;
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char* bytes, std::size_t size) override {
    buffer_.append(bytes, size);
    if (buffer_.size() >= kWriteBufferBytes && !flush()) return -1;
    return static_cast<ssize_t>(size);
  }
  // Addresses are read where the connection begins; the library files these as headers.
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return INVALID_SOCKET; }

  bool flush() {
    if (!broken_ && !line_.write_all(buffer_, due_)) broken_ = true;
    buffer_.clear();
    return !broken_;
  }

 private:
  const Line& line_;
  std::string head_;
  Deadline due_;
  std::size_t read_ = 0;
  std::string buffer_{};
  bool broken_ = false;
};

/// A thread per connection, made when needed and kept; enqueue() blocks when all are busy, so that
/// pressure reaches the kernel's backlog instead of a list without end.
class Workers final : public httplib::TaskQueue {
 public:
  explicit Workers(std::size_t threads_max) : threads_max_(threads_max) {}

  void enqueue(std::function<void()> job) override {
    std::unique_lock lock(mutex_);
    space_.wait(lock, [&] { return jobs_.size() < kWaitingMax; });
    jobs_.push_back(std::move(job));
    if (idle_ < jobs_.size() && threads_.size() < threads_max_) {
      try {
        threads_.emplace_back([this] { work(); });
      } catch (const std::system_error&) {
        // No more threads to be had: the job waits for one that is there.
      }
    }
    ready_.notify_one();
  }

  void shutdown() override {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    ready_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      ++idle_;
      ready_.wait(lock, [&] { return ending_ || !jobs_.empty(); });
      --idle_;
      if (jobs_.empty()) return;
      const std::function<void()> job = std::move(jobs_.front());
      jobs_.pop_front();
      space_.notify_one();
      lock.unlock();
      job();
      lock.lock();
    }
  }

  std::size_t threads_max_;
  std::mutex mutex_{};
  std::condition_variable ready_{};
  std::condition_variable space_{};
  std::deque<std::function<void()>> jobs_{};
  std::vector<std::thread> threads_{};
  std::size_t idle_ = 0;
  bool ending_ = false;
};

bool is_framing(std::string_view name) {
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  return lower == "connection" || lower == "keep-alive" || lower == "content-length" ||
         lower == "transfer-encoding";
}

/// Calls `take(name, value)` for each header that an answer may carry.
template <typename Take>
void each_header(const HttpReply& reply, const HttpServerOptions& options, const Take& take) {
  for (const auto* list : {&options.fixed_headers, &reply.headers}) {
    for (const auto& [name, value] : *list) {
      if (!is_http_token(name) || !is_http_field_value(value) || is_framing(name)) continue;
      take(name, value);
    }
  }
}

void copy_answer(const HttpReply& reply, const HttpServerOptions& options,
                 httplib::Response& response) {
  response.status = reply.status;
  each_header(reply, options, [&](const std::string& name, const std::string& value) {
    response.set_header(name, value);
  });
  response.body = reply.body;
}

/// A socket file of ours that nobody serves is in the way of a new one.
Status clear_socket_path(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return ok();
  const Error taken =
      make_error(ErrorCode::conflict, "listen", fmt::format("{} cannot be listened on", path),
                 "another process serves it, or it is no socket: move it away");
  if (!S_ISSOCK(info.st_mode) || info.st_uid != ::geteuid()) return taken;
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return taken;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(path, std::begin(address.sun_path));
  const int connected =
      ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const bool is_dead = connected != 0 && errno == ECONNREFUSED;
  ::close(probe);
  if (!is_dead || ::unlink(path.c_str()) != 0) return taken;
  return ok();
}

}  // namespace

std::string_view HttpCall::header(std::string_view name) const noexcept {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

class HttpServer::Impl final : public httplib::Server {
 public:
  explicit Impl(HttpServerOptions options) : options_(std::move(options)) {
    new_task_queue = [this] { return new Workers(options_.connections_max + kShedders); };
    const bool is_unix = !options_.unix_socket.empty();
    set_socket_options([is_unix](socket_t socket) {
      // The library would set SO_REUSEPORT, and two servers would share one port unnoticed. A Unix
      // socket's file takes its mode from the descriptor when it is bound, so it is never open to
      // others.
      const int yes = 1;
      if (is_unix) {
        ::fchmod(socket, S_IRUSR | S_IWUSR);
      } else {
        ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
      }
    });
    set_address_family(is_unix ? AF_UNIX : AF_UNSPEC);
    set_tcp_nodelay(!is_unix);
    set_keep_alive_max_count(options_.requests_per_connection_max);
    set_keep_alive_timeout(
        std::chrono::duration_cast<std::chrono::seconds>(options_.idle_max).count());
    set_pre_routing_handler([this](const httplib::Request&, httplib::Response& response) {
      copy_answer(*answer_of_thread, options_, response);
      return HandlerResponse::Handled;
    });
    set_exception_handler([](const httplib::Request&, httplib::Response& response,
                             std::exception_ptr) { response.status = 500; });
  }

  ~Impl() override { finish(); }

  Status open() {
    if (!options_.unix_socket.empty()) {
      if (options_.unix_socket.size() >= sizeof(sockaddr_un::sun_path)) {
        return make_error(ErrorCode::invalid, "listen", "the path of the socket is too long",
                          "a Unix socket's path has at most 107 bytes");
      }
      if (Status cleared = clear_socket_path(options_.unix_socket); !cleared) {
        return cleared.error();
      }
    }
    Status listening = listen_again();
    is_bound_ = listening.has_value();
    return listening;
  }

  Status serve(HttpHandler handler) {
    handler_ = std::move(handler);
    // The library ends its loop on EINTR; no signal may land on this thread or its workers.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    acceptor_ = std::thread([this] { accept_until_stopped(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return ok();
  }

  void finish() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      for (const int fd : lines_) ::shutdown(fd, SHUT_RDWR);
    }
    stopped_.notify_all();
    close_listener();
    if (acceptor_.joinable()) acceptor_.join();
    if (is_bound_ && !options_.unix_socket.empty()) ::unlink(options_.unix_socket.c_str());
    is_bound_ = false;
  }

  std::uint16_t port() const { return port_; }
  std::size_t connections() const {
    const std::lock_guard lock(mutex_);
    return lines_.size();
  }

 private:
  enum class Next : std::uint8_t { close, again };

  Status listen_again() {
    const bool is_unix = !options_.unix_socket.empty();
    const std::string& host = is_unix ? options_.unix_socket : options_.host;
    int port = is_unix ? kPortOfUnixSocket : (port_ != 0 ? port_ : options_.port);
    if (port == 0) {
      port = bind_to_any_port(host);
    } else if (!bind_to_port(host, port)) {
      port = -1;
    }
    if (port <= 0 || ::listen(svr_sock_, kBacklog) != 0) {
      return make_error(ErrorCode::conflict, "listen",
                        is_unix ? fmt::format("{} cannot be listened on", host)
                                : fmt::format("{}:{} cannot be listened on", host, options_.port),
                        "another process may hold it: stop that one or choose another");
    }
    if (!is_unix && port_ == 0) port_ = static_cast<std::uint16_t>(port);
    return ok();
  }

  void close_listener() {
    const socket_t listener = svr_sock_.exchange(INVALID_SOCKET);
    if (listener == INVALID_SOCKET) return;
    ::shutdown(listener, SHUT_RDWR);
    ::close(listener);
  }

  /// The library gives up its socket on some failures of accept(); then we listen anew.
  void accept_until_stopped() {
    while (true) {
      listen_after_bind();
      std::unique_lock lock(mutex_);
      if (stopping_) return;
      if (stopped_.wait_for(lock, kRelisten, [&] { return stopping_; })) return;
      lock.unlock();
      if (!options_.unix_socket.empty()) ::unlink(options_.unix_socket.c_str());
      static_cast<void>(listen_again());  // fails: tried again at the next turn
      lock.lock();
      if (stopping_) {
        lock.unlock();
        close_listener();
        return;
      }
    }
  }

  /// Called by a worker for each accepted connection.
  bool process_and_close_socket(socket_t fd) override {
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    const Line line(fd);
    bool is_room = false;
    bool is_ending = false;
    {
      const std::lock_guard lock(mutex_);
      is_ending = stopping_;
      is_room = lines_.size() < options_.connections_max;
      if (is_room && !is_ending) lines_.insert(fd);
    }
    if (is_ending) {
      ::close(fd);
      return false;
    }
    if (is_room) {
      serve_line(line);
      const std::lock_guard lock(mutex_);
      lines_.erase(fd);
    } else {
      refuse(line, {503, "Too many connections."});
    }
    ::close(fd);
    return true;
  }

  void serve_line(const Line& line) {
    const std::string peer = line.peer();
    std::string buffer;
    for (std::size_t served = 1; !is_stopping(); ++served) {
      const bool is_last = !options_.keep_alive || served >= options_.requests_per_connection_max;
      const Duration patience = served == 1 ? options_.head_deadline : options_.idle_max;
      if (serve_one(line, peer, patience, is_last, buffer) == Next::close) return;
    }
  }

  Next refuse(const Line& line, HttpRefusal refusal) const {
    const std::string body =
        fmt::format(R"({{"error":{{"type":"refused","message":"{}"}}}})", refusal.reason);
    std::string answer = fmt::format(
        "HTTP/1.1 {} {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n"
        "Connection: close\r\n",
        refusal.status, http_reason_phrase(refusal.status), body.size());
    if (refusal.status == 503) answer += "Retry-After: 1\r\n";
    for (const auto& [name, value] : options_.fixed_headers) {
      answer += fmt::format("{}: {}\r\n", name, value);
    }
    answer += "\r\n" + body;
    if (line.write_all(answer, Steady::now() + kDrainTime)) line.drain();
    return Next::close;
  }

  /// Reads one head into `buffer`, which may already hold some of it. Bytes of the head, or the
  /// refusal, or neither when the caller left or never began.
  std::optional<std::variant<std::size_t, HttpRefusal>> read_head(const Line& line,
                                                                  Duration patience,
                                                                  Deadline& request_due,
                                                                  std::string& buffer) const {
    Deadline due = Steady::now() + (buffer.empty() ? patience : options_.head_deadline);
    request_due = Steady::now() + options_.request_deadline;
    std::size_t line_start = 0;
    std::size_t lines = 0;
    while (true) {
      for (std::size_t end = buffer.find('\n', line_start); end != std::string::npos;
           end = buffer.find('\n', line_start)) {
        if (end + 1 > options_.head_bytes_max || ++lines > options_.head_lines_max + 2) {
          return HttpRefusal{431, "The head is too large."};
        }
        if (end == line_start || buffer[end - 1] != '\r') {
          return HttpRefusal{400, "Lines must end in CR LF."};
        }
        const bool is_empty = end == line_start + 1;
        line_start = end + 1;
        if (is_empty) return line_start;
      }
      if (buffer.size() >= options_.head_bytes_max) {
        return HttpRefusal{431, "The head is too large."};
      }
      const bool was_empty = buffer.empty();
      const Line::Got got = line.read_some(buffer, kReadBytes, due);
      if (got == Line::Got::closed) return std::nullopt;
      if (got == Line::Got::late) {
        if (was_empty) return std::nullopt;
        return HttpRefusal{408, "The head came too slowly."};
      }
      if (was_empty) {
        due = Steady::now() + options_.head_deadline;
        request_due = Steady::now() + options_.request_deadline;
      }
    }
  }

  Next serve_one(const Line& line, const std::string& peer, Duration patience, bool is_last,
                 std::string& buffer) {
    Deadline request_due;
    const auto read = read_head(line, patience, request_due, buffer);
    if (!read) return Next::close;
    if (const auto* refusal = std::get_if<HttpRefusal>(&*read)) return refuse(line, *refusal);
    const std::size_t head_bytes = std::get<std::size_t>(*read);
    std::variant<HttpHead, HttpRefusal> parsed =
        parse_http_head(std::string_view(buffer).substr(0, head_bytes), options_.body_bytes_max);
    if (const auto* refusal = std::get_if<HttpRefusal>(&parsed)) return refuse(line, *refusal);
    HttpHead& head = std::get<HttpHead>(parsed);
    while (buffer.size() < head_bytes + head.body_bytes) {
      const Line::Got got = line.read_some(buffer, kReadBytes, request_due);
      if (got == Line::Got::closed) return Next::close;
      if (got == Line::Got::late) return refuse(line, {408, "The body came too slowly."});
    }
    HttpCall call{.method = std::move(head.method),
                  .target = std::move(head.target),
                  .headers = std::move(head.headers),
                  .body = buffer.substr(head_bytes, head.body_bytes),
                  .remote_address = peer};
    buffer.erase(0, head_bytes + head.body_bytes);  // what is left belongs to the next request
    const HttpReply reply = ask_handler(call);
    return send_reply(line, call, reply, is_last || head.closes);
  }

  HttpReply ask_handler(const HttpCall& call) const {
    try {
      return handler_(call);
    } catch (...) {  // its text may quote a secret (CVE-2026-28434)
      return HttpReply{.status = 500,
                       .headers = {{"content-type", "application/json"}},
                       .body = R"({"error":{"type":"internal","message":"The call failed."}})"};
    }
  }

  Next send_reply(const Line& line, const HttpCall& call, const HttpReply& reply, bool closes) {
    const Deadline due = Steady::now() + options_.answer_deadline;
    if (reply.line == HttpReply::Line::resets) {
      line.cut();
      return Next::close;
    }
    if (reply.line == HttpReply::Line::hangs) {
      line.wait_for_hangup(due);
      return Next::close;
    }
    if (reply.delay > Duration{0}) {
      std::unique_lock lock(mutex_);
      if (stopped_.wait_for(lock, reply.delay, [&] { return stopping_; })) return Next::close;
    }
    if (reply.more) {
      send_pieces(line, reply);
      return Next::close;
    }
    AnswerStream stream(line, fmt::format("{} / HTTP/1.1\r\nHost: quell\r\n\r\n", call.method),
                        Steady::now() + options_.answer_deadline);
    bool is_closed = false;
    answer_of_thread = &reply;
    const bool is_written = process_request(stream, closes, is_closed, nullptr);
    answer_of_thread = nullptr;
    if (!stream.flush() || !is_written) return Next::close;
    return closes ? Next::close : Next::again;
  }

  /// In chunks (RFC 9112 section 7.1), so that the caller can tell an end from a cut.
  void send_pieces(const Line& line, const HttpReply& reply) const {
    std::string out =
        fmt::format("HTTP/1.1 {} {}\r\n", reply.status, http_reason_phrase(reply.status));
    each_header(reply, options_, [&](const std::string& name, const std::string& value) {
      out += fmt::format("{}: {}\r\n", name, value);
    });
    out += "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    while (line.write_all(out, Steady::now() + options_.answer_deadline)) {
      if (is_stopping() || line.is_hung_up()) return;
      const std::optional<std::string> piece = ask_for_more(reply);
      if (!piece) {
        line.write_all("0\r\n\r\n", Steady::now() + kDrainTime);
        return;
      }
      out = piece->empty() ? "" : fmt::format("{:x}\r\n{}\r\n", piece->size(), *piece);
    }
  }

  static std::optional<std::string> ask_for_more(const HttpReply& reply) {
    try {
      return reply.more();
    } catch (...) {  // as in ask_handler()
      return std::nullopt;
    }
  }

  bool is_stopping() const {
    const std::lock_guard lock(mutex_);
    return stopping_;
  }

  // The library calls the pre-routing handler on the thread that called process_request().
  static thread_local const HttpReply* answer_of_thread;

  HttpServerOptions options_;
  HttpHandler handler_{};
  std::thread acceptor_{};
  mutable std::mutex mutex_{};
  std::condition_variable stopped_{};
  std::set<int> lines_{};  // guarded by mutex_, as stopping_
  bool stopping_ = false;
  std::uint16_t port_ = 0;
  bool is_bound_ = false;
};

thread_local const HttpReply* HttpServer::Impl::answer_of_thread = nullptr;

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
void HttpServer::stop() { impl_->finish(); }
std::uint16_t HttpServer::port() const noexcept { return impl_->port(); }
std::size_t HttpServer::connections() const noexcept { return impl_->connections(); }

Result<HttpReply> call_unix_socket(const std::string& path, const std::string& method,
                                   const std::string& target, const std::string& body) {
  httplib::Client client(path, kPortOfUnixSocket);
  client.set_address_family(AF_UNIX);
  client.set_connection_timeout(kCallTimeout);
  client.set_read_timeout(kCallTimeout);
  client.set_write_timeout(kCallTimeout);
  client.set_decompress(false);
  httplib::Request request;
  request.method = method;
  request.path = target;
  request.headers = {{"Host", "localhost"}, {"Content-Type", "application/json"}};
  request.body = body;
  HttpReply reply;
  request.content_receiver = [&reply](const char* bytes, std::size_t size, std::uint64_t,
                                      std::uint64_t) {
    if (reply.body.size() + size > kCallBodyBytesMax) return false;
    reply.body.append(bytes, size);
    return true;
  };
  const httplib::Result answer = client.send(request);
  if (!answer) {
    if (answer.error() == httplib::Error::Connection ||
        answer.error() == httplib::Error::ConnectionTimeout) {
      return make_error(ErrorCode::transient, "state", fmt::format("nobody listens at {}", path),
                        "quell resume takes an unfinished run up");
    }
    return make_error(ErrorCode::unknown, "state",
                      fmt::format("{} was asked and did not answer", path),
                      "look at `quell runs` before you send it again");
  }
  reply.status = answer->status;
  for (const auto& [name, value] : answer->headers) reply.headers.emplace_back(name, value);
  return reply;
}

}  // namespace quell
