#include "orchestrator/cli/drill_apart.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <string_view>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "orchestrator/cli/own_process.h"
#include "state/base/json.h"
#include "state/private_file.h"

namespace quell::cli {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::minutes kPlayMax{10};
constexpr std::chrono::seconds kEndMax{5};
constexpr int kLookEveryMs = 200;
constexpr std::size_t kDocumentBytesMax = 16U << 20U;
constexpr std::size_t kPieceBytes = 64U << 10U;
constexpr int kNiceness = 10;

Error not_played(std::string sentence) {
  return make_error(ErrorCode::transient, "drill", std::move(sentence),
                    "play it on that machine: quell drill");
}

/// Everything that the process says until its end, and ends it when it must.
std::string hear_out(pid_t pid, const FileDescriptor& in,
                     const std::function<bool()>& should_stop) {
  std::string said;
  std::vector<char> piece(kPieceBytes);
  Steady::time_point until = Steady::now() + kPlayMax;
  bool is_told = false;
  for (;;) {
    const bool is_over_due = Steady::now() > until || said.size() > kDocumentBytesMax;
    if (is_told && is_over_due) {
      ::kill(pid, SIGKILL);
    } else if (!is_told && (is_over_due || should_stop())) {
      ::kill(pid, SIGTERM);
      is_told = true;
      until = Steady::now() + kEndMax;
    }
    pollfd wanted{.fd = in.get(), .events = POLLIN, .revents = 0};
    if (::poll(&wanted, 1, kLookEveryMs) <= 0) continue;
    const ssize_t got = ::read(in.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    if (said.size() <= kDocumentBytesMax) said.append(piece.data(), static_cast<std::size_t>(got));
  }
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) continue;
  return said;
}

}  // namespace

Result<Value> play_drill_apart(const std::string& config_file, const DrillWish& wish,
                               const std::function<bool()>& should_stop) {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return not_played("there are no descriptors left.");
  const FileDescriptor in(ends[0]);
  pid_t pid = 0;
  {
    const FileDescriptor out(ends[1]);
    std::vector<std::string> words{"drill", wish.scenario, "--json", "--speed",
                                   "max",   "--seed",      std::to_string(wish.seed)};
    if (!wish.team.empty()) words.push_back("--team=" + wish.team);
    if (!config_file.empty()) words.insert(words.end(), {"--config", config_file});
    pid = start_own_process({.words = std::move(words), .out = out.get()});
  }
  if (pid == 0) return not_played("the drill did not start.");
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(pid), kNiceness);
  const std::string said = hear_out(pid, in, should_stop);
  Result<Value> document =
      parse_json(said, {.bytes_max = kDocumentBytesMax, .nodes_max = 2'000'000});
  if (!document || !document->is_map()) return not_played("the drill ended without an outcome.");
  const Value& error = (*document)["error"];
  if (!error.is_map()) return document;
  return make_error(ErrorCode::conflict, error["code"].string_or("drill"),
                    error["message"].string_or("the drill was not played."),
                    error["hint"].string_or(""));
}

}  // namespace quell::cli
