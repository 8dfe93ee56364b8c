// Socket activation as sd_listen_fds(3) describes it, without its library.
#include "orchestrator/socket_activation.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "orchestrator/http_listener.h"

namespace quell {
namespace {

constexpr int kActivatedFdsMax = 16;
constexpr std::array<std::string_view, 2> kNames{"hooks", "panel"};

std::optional<int> number_in(const std::optional<std::string>& text) {
  int number = 0;
  if (!text) return std::nullopt;
  const char* const end = text->data() + text->size();
  const auto [at, failed] = std::from_chars(text->data(), end, number);
  if (failed != std::errc() || at != end) return std::nullopt;
  return number;
}

std::vector<std::string> split_names(std::string_view text) {
  std::vector<std::string> names;
  while (names.size() < kActivatedFdsMax) {
    const std::size_t colon = text.find(':');
    names.emplace_back(text.substr(0, colon));
    if (colon == std::string_view::npos) break;
    text.remove_prefix(colon + 1);
  }
  return names;
}

Error unit_error(std::string message, std::string hint) {
  return make_error(ErrorCode::invalid, "listen", std::move(message), std::move(hint));
}

}  // namespace

int count_activated_fds(const EnvironmentGetter& environment) {
  if (number_in(environment("LISTEN_PID")) != ::getpid()) return 0;
  const int count = number_in(environment("LISTEN_FDS")).value_or(0);
  return count > 0 && count <= kActivatedFdsMax ? count : 0;
}

Result<std::map<std::string, int>> activated_sockets(const EnvironmentGetter& environment) {
  std::map<std::string, int> sockets;
  const int count = count_activated_fds(environment);
  const std::vector<std::string> names =
      split_names(environment("LISTEN_FDNAMES").value_or(std::string()));
  for (int i = 0; i < count; ++i) {
    const int fd = kFirstActivatedFd + i;
    const auto at = static_cast<std::size_t>(i);
    const std::string name = at < names.size() ? names[at] : std::string();
    if (std::ranges::find(kNames, name) == kNames.end()) {
      return unit_error(
          fmt::format("the service manager passes socket {} under no name of ours", i + 1),
          "let its socket unit say FileDescriptorName=hooks or panel");
    }
    if (!is_listening_stream(fd) || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
      return unit_error(
          fmt::format("the socket passed as `{}` is no listening stream socket", name),
          "let its socket unit say ListenStream= and Accept=no");
    }
    if (!sockets.emplace(name, fd).second) {
      return unit_error(fmt::format("the service manager passes two sockets named `{}`", name),
                        "let each socket unit have one ListenStream= and a name of its own");
    }
  }
  return sockets;
}

}  // namespace quell
