#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace quell {

/// One accepted connection of the test server.
class Line {
 public:
  explicit Line(int descriptor) : descriptor_(descriptor) {}
  ~Line();
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  /// One HTTP/1.1 request with its body, or empty text when the client hung up.
  std::string read_request();
  /// False when the client is gone.
  bool send(std::string_view bytes);
  /// Closes so that the client sees a reset.
  void reset();
  /// For what is spoken below HTTP; -1 after reset().
  int descriptor() const noexcept { return descriptor_; }
  /// Waits until the client hangs up.
  void wait_for_hangup();

 private:
  int descriptor_;
  std::string unread_{};
};

/// A raw server on 127.0.0.1, free to break every rule: `serve` has each connection in a thread of
/// its own and is called once per connection.
class SocketServer {
 public:
  using Serve = std::function<void(Line&, SocketServer&)>;
  explicit SocketServer(Serve serve);
  /// Waits for all connections; a test ends its client first.
  ~SocketServer();
  SocketServer(const SocketServer&) = delete;
  SocketServer& operator=(const SocketServer&) = delete;

  std::uint16_t port() const noexcept { return port_; }
  std::string url(std::string_view path = "/") const;
  std::string origin() const { return url(""); }

  void note(std::string request);
  /// Requests that were read and noted, whole.
  std::vector<std::string> log() const;
  std::size_t connections() const noexcept { return connections_; }

 private:
  void accept_all();

  Serve serve_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<std::size_t> connections_{0};
  mutable std::mutex mutex_{};
  std::vector<std::string> log_{};
  std::vector<std::thread> threads_{};
  std::thread acceptor_{};
};

/// Answers every request on the connection with `response`, keeping it open.
SocketServer::Serve always(std::string response);
/// A complete answer with its length.
std::string ok_response(std::string_view body, std::string_view headers = "");

}  // namespace quell
