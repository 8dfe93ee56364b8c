#include "vault_server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

namespace quell::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kPerVault = 20;
constexpr std::size_t kPageMax = 100;
constexpr std::size_t kRequestBytesMax = 64U << 10U;

struct Credential {
  bool archived = false;
  bool read_since = true;
};

class Vaults {
 public:
  explicit Vaults(const ServerOptions& options)
      : options_(options), credentials_(options.credentials) {}

  std::string answer(std::string_view method, std::string_view target) {
    if (target == "/seen") {
      return reply(200, fmt::format("{} {} {} {} {} {}", seen_.requests, seen_.archives,
                                    seen_.archived_twice, seen_.blind_repeats, seen_.refused,
                                    seen_.last_archive_ns));
    }
    ++seen_.requests;
    if (!may_serve(method == "GET" ? reads_ : writes_)) {
      ++seen_.refused;
      return "HTTP/1.1 429 Too Many Requests\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n";
    }
    const std::string_view path = target.substr(0, target.find('?'));
    const std::string_view query = path.size() == target.size() ? "" : target.substr(path.size());
    if (path == "/v1/vaults") return vaults(query);
    constexpr std::string_view kVault = "/v1/vaults/vlt_";
    if (!path.starts_with(kVault)) return reply(404, "{}");
    const std::size_t vault = std::strtoul(path.data() + kVault.size(), nullptr, 10);
    const std::size_t at = path.find("/credentials", kVault.size());
    if (at == std::string_view::npos) return reply(404, "{}");
    const std::string_view rest = path.substr(at + std::strlen("/credentials"));
    if (rest.empty()) return list(vault, query.find("include_archived=true") != query.npos);
    const std::size_t id = std::strtoul(rest.data() + std::strlen("/vcrd_"), nullptr, 10);
    if (id >= credentials_.size() || id / kPerVault != vault) return reply(404, "{}");
    Credential& credential = credentials_[id];
    if (method == "GET") {
      credential.read_since = true;
    } else {
      ++seen_.archives;
      seen_.last_archive_ns =
          static_cast<std::size_t>(Clock::now().time_since_epoch() / std::chrono::nanoseconds(1));
      seen_.archived_twice += credential.archived ? 1 : 0;
      seen_.blind_repeats += credential.archived && !credential.read_since ? 1 : 0;
      credential.archived = true;
      credential.read_since = false;
    }
    return reply(200, record(id));
  }

 private:
  /// What is left of a limit, in requests.
  struct Bucket {
    double tokens = 0;
    Clock::time_point filled{};  // long ago: it is full at first
  };

  bool may_serve(Bucket& bucket) const {
    if (options_.per_second == 0) return true;
    const auto now = Clock::now();
    const double rate = options_.per_second;
    // A tenth of a second may come at once, and one more.
    bucket.tokens =
        std::min(1 + rate / 10,
                 bucket.tokens + std::chrono::duration<double>(now - bucket.filled).count() * rate);
    bucket.filled = now;
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  static std::string reply(int status, const std::string& body) {
    return fmt::format(
        "HTTP/1.1 {} OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{}", status,
        body.size(), body);
  }

  std::string record(std::size_t id) const {
    return fmt::format(
        R"({{"archived_at":{},"auth":{{"expires_at":"2031-11-23T07:32:33.748Z","mcp_server_url":"https://mcp.example/mcp","refresh":{{"client_id":"platform","resource":"https://mcp.example/mcp","scope":null,"token_endpoint":"https://as.example/token","token_endpoint_auth":{{"type":"client_secret_basic"}}}},"type":"mcp_oauth"}},"created_at":"2026-11-23T07:22:33.748Z","display_name":"Tracker","id":"vcrd_{:06}","metadata":{{}},"type":"vault_credential","updated_at":"2026-11-23T07:22:33.748Z","vault_id":"vlt_{:06}"}})",
        credentials_[id].archived ? "\"2026-11-23T08:00:00.000Z\"" : "null", id, id / kPerVault);
  }

  std::string vaults(std::string_view query) const {
    const std::size_t at = query.find("page=page_");
    const std::size_t from =
        at == std::string_view::npos ? 0 : std::strtoul(query.data() + at + 10, nullptr, 10);
    const std::size_t all = (credentials_.size() + kPerVault - 1) / kPerVault;
    const std::size_t end = std::min(all, from + kPageMax);
    std::string data;
    for (std::size_t i = from; i < end; ++i) {
      data += fmt::format(
          R"({}{{"archived_at":null,"created_at":"2026-08-25T07:22:33.748Z","display_name":"V","id":"vlt_{:06}","metadata":{{}},"type":"vault","updated_at":"2026-08-25T07:22:33.748Z"}})",
          data.empty() ? "" : ",", i);
    }
    return reply(200, fmt::format(R"({{"data":[{}],"next_page":{}}})", data,
                                  end < all ? fmt::format("\"page_{}\"", end) : "null"));
  }

  std::string list(std::size_t vault, bool archived_too) {
    std::string data;
    const std::size_t end = std::min(credentials_.size(), (vault + 1) * kPerVault);
    for (std::size_t id = vault * kPerVault; id < end; ++id) {
      if (credentials_[id].archived && !archived_too) continue;
      credentials_[id].read_since = true;
      if (!data.empty()) data += ',';
      data += record(id);
    }
    return reply(200, "{\"data\":[" + data + "],\"next_page\":null}");
  }

  ServerOptions options_;
  std::vector<Credential> credentials_;
  Seen seen_{};
  Bucket reads_{};
  Bucket writes_{};
};

struct Late {
  Clock::time_point due;
  int fd;
  std::string bytes;
};

void serve(int listener, const ServerOptions& options) {
  Vaults vaults(options);
  const int poller = epoll_create1(0);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener;
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
  std::map<int, std::string> buffers;
  std::vector<Late> late;  // in order of their due time, since every answer waits as long
  std::size_t late_begin = 0;
  std::array<epoll_event, 256> events{};
  std::array<char, 16'384> chunk{};
  const auto latency = std::chrono::milliseconds(options.latency_ms);
  while (true) {
    int wait = -1;
    if (late_begin < late.size()) {
      const auto left = std::chrono::duration_cast<std::chrono::microseconds>(late[late_begin].due -
                                                                              Clock::now());
      wait = left.count() <= 0 ? 0 : static_cast<int>((left.count() + 999) / 1'000);
    }
    const int ready = epoll_wait(poller, events.data(), static_cast<int>(events.size()), wait);
    for (int i = 0; i < ready; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == listener) {
        const int client = accept(listener, nullptr, nullptr);
        const int on = 1;
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        epoll_event added{};
        added.events = EPOLLIN;
        added.data.fd = client;
        epoll_ctl(poller, EPOLL_CTL_ADD, client, &added);
        continue;
      }
      const ssize_t got = read(fd, chunk.data(), chunk.size());
      if (got <= 0) {
        close(fd);
        buffers.erase(fd);
        late.erase(std::remove_if(late.begin() + static_cast<std::ptrdiff_t>(late_begin),
                                  late.end(), [fd](const Late& one) { return one.fd == fd; }),
                   late.end());
        continue;
      }
      std::string& buffer = buffers[fd];
      buffer.append(chunk.data(), static_cast<std::size_t>(got));
      while (true) {
        const std::size_t end = buffer.find("\r\n\r\n");
        if (end == std::string::npos || buffer.size() > kRequestBytesMax) break;
        std::size_t body = 0;
        if (const std::size_t at = buffer.find("ontent-"); at < end) {
          const std::size_t length = buffer.find("ength: ", at);
          if (length < end) body = std::strtoul(buffer.data() + length + 7, nullptr, 10);
        }
        if (buffer.size() < end + 4 + body) break;
        const std::size_t first = buffer.find(' ');
        const std::size_t second = buffer.find(' ', first + 1);
        std::string bytes =
            vaults.answer(std::string_view(buffer).substr(0, first),
                          std::string_view(buffer).substr(first + 1, second - first - 1));
        buffer.erase(0, end + 4 + body);
        if (options.latency_ms == 0) {
          if (write(fd, bytes.data(), bytes.size()) < 0) break;
        } else {
          late.push_back({.due = Clock::now() + latency, .fd = fd, .bytes = std::move(bytes)});
        }
      }
    }
    const auto now = Clock::now();
    while (late_begin < late.size() && late[late_begin].due <= now) {
      const Late& one = late[late_begin++];
      if (write(one.fd, one.bytes.data(), one.bytes.size()) < 0) continue;
    }
    if (late_begin > 10'000) {
      late.erase(late.begin(), late.begin() + static_cast<std::ptrdiff_t>(late_begin));
      late_begin = 0;
    }
  }
}

}  // namespace

Server start_server(const ServerOptions& options) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener, 1'024) != 0)
    std::abort();
  getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    std::signal(SIGPIPE, SIG_IGN);
    serve(listener, options);
  }
  close(listener);
  return {.pid = pid, .port = ntohs(address.sin_port)};
}

Seen ask_server(const Server& server) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(server.port));
  Seen seen;
  const std::string_view request = "GET /seen HTTP/1.1\r\n\r\n";
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
      write(fd, request.data(), request.size()) > 0) {
    std::array<char, 4'096> buffer{};
    const ssize_t got = read(fd, buffer.data(), buffer.size() - 1);
    const std::string_view text(buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    const std::size_t body = text.find("\r\n\r\n");
    char* next = const_cast<char*>(text.data() + (body == text.npos ? 0 : body + 4));
    for (std::size_t* const field : {&seen.requests, &seen.archives, &seen.archived_twice,
                                     &seen.blind_repeats, &seen.refused, &seen.last_archive_ns}) {
      *field = std::strtoul(next, &next, 10);
    }
  }
  close(fd);
  return seen;
}

void stop_server(const Server& server) {
  kill(server.pid, SIGKILL);
  waitpid(server.pid, nullptr, 0);
}

}  // namespace quell::bench
