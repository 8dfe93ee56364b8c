// Whole incidents over the simulated world, each drawn from one number:
//   sim [--seeds N] [--from N]    plays seeds one after the other; 0 when every invariant held
//   sim --seed N [--trace]        plays one again, with every entry and request in order
#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <signal.h>
#include <string>
#include <string_view>
#include <unistd.h>

#include "tests/sim/incident.h"

namespace quell::sim {
namespace {

/// So many seeds are played twice: chance that got in by another door than the seed shows.
constexpr std::uint64_t kPlayedTwice = 20;
constexpr int kUsage = 2;
/// A seed takes milliseconds; one that is not over by then has met a turn without an end.
constexpr unsigned kSeedSecondsMax = 120;

std::atomic<std::uint64_t> playing{0};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

extern "C" void on_alarm(int) {
  std::array<char, 64> line{};
  const std::string_view lead = "not so: a turn ends: again: sim --seed ";
  std::copy(lead.begin(), lead.end(), line.begin());
  const auto end =
      std::to_chars(line.data() + lead.size(), line.data() + line.size() - 1, playing.load());
  *end.ptr = '\n';
  const auto size = static_cast<std::size_t>(end.ptr - line.data()) + 1;
  _exit(write(STDOUT_FILENO, line.data(), size) == static_cast<ssize_t>(size) ? 1 : 2);
}

struct Wish {
  std::uint64_t from = 1;
  std::uint64_t seeds = 200;
  bool trace = false;
};

bool read_number(std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

bool read_wish(int argc, char** argv, Wish& wish) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--trace") {
      wish.trace = true;
      continue;
    }
    std::uint64_t number = 0;
    if (i + 1 == argc || !read_number(argv[++i], number)) return false;
    if (option == "--seeds") {
      wish.seeds = number;
    } else if (option == "--from") {
      wish.from = number;
    } else if (option == "--seed") {
      wish.from = number;
      wish.seeds = 1;
    } else {
      return false;
    }
  }
  return true;
}

void print(std::string_view line) {
  std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
}

bool report(std::uint64_t seed, const Incident& incident) {
  for (const Violation& violation : incident.violations) {
    print("seed " + std::to_string(seed) + ": not so: " + violation.invariant + ": " +
          violation.seen);
  }
  if (!incident.violations.empty()) print("again: sim --seed " + std::to_string(seed) + " --trace");
  return incident.violations.empty();
}

int run(const Wish& wish) {
  const auto began = std::chrono::steady_clock::now();
  bool good = true;
  std::size_t entries = 0;
  int processes = 0;
  std::map<std::string, int> results;
  for (std::uint64_t seed = wish.from; seed < wish.from + wish.seeds; ++seed) {
    playing = seed;
    alarm(kSeedSecondsMax);
    const Incident incident =
        play(seed, wish.trace ? print : std::function<void(std::string_view)>{});
    good &= report(seed, incident);
    entries += incident.entries;
    processes += incident.processes;
    for (const std::string& result : incident.results) ++results[result];
    if (seed - wish.from < kPlayedTwice && play(seed, {}).head != incident.head) {
      print("seed " + std::to_string(seed) + ": not so: the same seed is the same journal");
      good = false;
    }
  }
  alarm(0);
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - began);
  std::string runs;
  for (const auto& [result, count] : results) runs += std::to_string(count) + " " + result + ", ";
  print(std::to_string(wish.seeds) + " seeds, " + std::to_string(processes) + " processes, " +
        std::to_string(entries) + " entries, " + runs + std::to_string(took.count()) +
        " ms: " + (good ? "every invariant held" : "FAILED"));
  return good ? 0 : 1;
}

}  // namespace
}  // namespace quell::sim

int main(int argc, char** argv) {
  quell::sim::Wish wish;
  if (!quell::sim::read_wish(argc, argv, wish)) {
    std::puts("sim [--seeds N] [--from N] | --seed N [--trace]");
    return quell::sim::kUsage;
  }
  signal(SIGALRM, quell::sim::on_alarm);
  setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  return quell::sim::run(wish);
}
