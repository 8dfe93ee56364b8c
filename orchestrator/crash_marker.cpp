#include "orchestrator/crash_marker.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <fstream>
#include <string_view>
#include <unistd.h>
#include <vector>

#include "state/owner_lock.h"

namespace quell {
namespace {

constexpr std::size_t kPathBytesMax = 4'096;
constexpr std::size_t kDeathsMax = 3;
constexpr std::uint64_t kWithinSeconds = 600;
constexpr std::size_t kDeathsRead = 10'000;
constexpr std::array<int, 5> kFatal{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

std::array<char, kPathBytesMax> marker{};  // NOLINT: a signal handler can be given nothing
std::atomic<std::uint64_t> last_entry{0};

/// Writes `number` so that it ends at `end`; gives where it begins.
char* write_number(char* end, std::uint64_t number) {
  do {
    *--end = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number > 0);
  return end;
}

/// Only what a signal handler may do (signal-safety(7)).
extern "C" void on_fatal_signal(int signal) {
  std::array<char, 64> line{};
  char* const end = line.data() + line.size();
  char* at = end;
  *--at = '\n';
  at = write_number(at, static_cast<std::uint64_t>(time(nullptr)));
  *--at = ' ';
  at = write_number(at, last_entry.load());
  const auto size = static_cast<std::size_t>(end - at);
  const int file =
      ::open(marker.data(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
  constexpr std::string_view kWords =
      "quell: a fault of its own ended it. Nothing recorded is lost; last entry, time: ";
  const bool told = file >= 0 && write(file, at, size) > 0 &&
                    write(STDERR_FILENO, kWords.data(), kWords.size()) > 0 &&
                    write(STDERR_FILENO, at, size) > 0;
  if (!told) last_entry.store(0);  // nobody reads it any more: the death itself is all that is left
  ::signal(signal, SIG_DFL);
  raise(signal);
}

}  // namespace

std::string crash_marker_path(const std::string& database) {
  std::string path = owner_lock_path(database);
  path.replace(path.rfind('.'), std::string::npos, ".crashes");
  return path;
}

void mark_crashes_in(const std::string& path) noexcept {
  if (path.size() >= marker.size()) return;
  std::memcpy(marker.data(), path.c_str(), path.size() + 1);
  struct sigaction action {};
  action.sa_handler = on_fatal_signal;
  sigemptyset(&action.sa_mask);
  for (const int signal : kFatal) sigaction(signal, &action, nullptr);
}

void set_crash_entry(std::uint64_t seq) noexcept { last_entry.store(seq); }

std::uint64_t repeated_crash(const std::string& path) {
  struct Death {
    std::uint64_t entry = 0;
    std::uint64_t at = 0;
  };
  std::ifstream in(path);
  std::vector<Death> deaths;
  Death death;
  while (in >> death.entry >> death.at && deaths.size() < kDeathsRead) deaths.push_back(death);
  if (deaths.size() < kDeathsMax) return 0;
  const Death& first = deaths[deaths.size() - kDeathsMax];
  const bool close = deaths.back().at - first.at <= kWithinSeconds;
  return close ? std::max<std::uint64_t>(deaths.back().entry, 1) : 0;
}

void forget_crashes(const std::string& path) { ::unlink(path.c_str()); }

}  // namespace quell
