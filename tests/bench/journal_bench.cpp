// What the journal costs: appends one by one and in groups beside plain write and fdatasync of the
// same bytes, then opening, reading and verifying a long journal whose last run is unfinished. Its
// entries are those of real runs, which quell makes first. For people, not a test.
// `bench_journal QUELL [ENTRIES]`.
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

#include "bench_site.h"
#include "orchestrator/config.h"
#include "orchestrator/engine/fold.h"
#include "orchestrator/playbook_library.h"
#include "state/base/random.h"
#include "state/keys.h"
#include "state/sqlite_journal.h"

namespace quell::bench {
namespace {

constexpr std::size_t kUnfinishedEntries = 10'000;
constexpr std::size_t kGroup = 64;

[[noreturn]] void give_up(const Error& error) {
  fmt::print("{}\n", describe(error));
  std::exit(1);
}

template <typename T>
T take(Result<T> result) {
  if (!result) give_up(result.error());
  return std::move(*result);
}

void take(const Status& status) {
  if (!status) give_up(status.error());
}

/// One run over so many credentials: its entries, and what opens its journal.
struct Sample {
  Server server;
  Site site;
  Config config;
  SystemRandom random{};
  std::unique_ptr<KeyRing> keys;
  ConnectorSet connectors;
  std::vector<Entry> entries{};

  Sample(const std::string& quell, std::size_t credentials)
      : server(start_server({.credentials = credentials})),
        site(server, kGroup, "", false),
        config(made(quell)),
        keys(take(KeyRing::open_or_create({.seal = config.seal_key.value,
                                           .mac = config.mac_key.value,
                                           .signing = config.signing_key.value},
                                          MissingKeys::refuse, random))),
        connectors(take(make_connectors(
            config, sources(), random, [](const std::string&) { return false; },
            [](const Secret&) { return std::string(); }))) {
    const std::unique_ptr<SqliteJournal> journal = take(SqliteJournal::open(
        {.path = config.database.value, .mode = OpenMode::read_only, .keys = keys.get()}));
    take(journal->read(0, [this](const StoredEntry& stored) {
      entries.push_back(stored.entry);
      return ok();
    }));
  }
  ~Sample() { stop_server(server); }
  Sample(const Sample&) = delete;
  Sample& operator=(const Sample&) = delete;

  ConfigSources sources() const {
    return {.explicit_file = (site.folder() / "quell.yaml").string(),
            .environment = [](const std::string&) { return std::optional<std::string>(); }};
  }

 private:
  Config made(const std::string& quell) const {
    const Ended ended =
        wait_for(start_program(quell, site, {"run", "bench-archive", "--yes", "--json", "--quiet"}),
                 Clock::now());
    if (ended.exit != 0) {
      fmt::print("quell ended with {}: {}\n", ended.exit, site.output());
      std::exit(1);
    }
    return take(load_config(sources()));
  }
};

class FreshJournal {
 public:
  explicit FreshJournal(Sample& sample) : path_((sample.site.folder() / "fresh.db").string()) {
    remove();
    journal_ = take(SqliteJournal::open(
        {.path = path_, .keys = sample.keys.get(), .clock = &clock_, .random = &sample.random}));
  }
  ~FreshJournal() {
    journal_.reset();
    remove();
  }
  FreshJournal(const FreshJournal&) = delete;
  FreshJournal& operator=(const FreshJournal&) = delete;

  SqliteJournal& operator*() { return *journal_; }
  const std::string& path() const { return path_; }

 private:
  void remove() const {
    for (const char* const end : {"", "-wal", "-shm"}) std::filesystem::remove(path_ + end);
  }

  std::string path_;
  SystemClock clock_{};
  std::unique_ptr<SqliteJournal> journal_{};
};

/// `entries` appended in groups of `group`, and the same bytes written plainly, with a sync for
/// each group.
void appends(Sample& sample, std::size_t count, std::size_t group) {
  const std::span<const Entry> entries(sample.entries.data(),
                                       std::min(count, sample.entries.size()));
  double durable = 0;
  {
    FreshJournal journal(sample);
    const auto start = Clock::now();
    for (std::size_t at = 0; at < entries.size(); at += group) {
      take((*journal).append(entries.subspan(at, std::min(group, entries.size() - at))));
    }
    durable = seconds_since(start);
  }
  std::vector<std::string> bytes;
  for (const Entry& entry : entries) bytes.push_back(take(encode_entry(entry)));
  const std::string path = (sample.site.folder() / "plain").string();
  const int file = open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  const auto start = Clock::now();
  for (std::size_t at = 0; at < bytes.size(); at += group) {
    for (std::size_t i = at; i < std::min(at + group, bytes.size()); ++i) {
      if (write(file, bytes[i].data(), bytes[i].size()) < 0) std::abort();
    }
    if (fdatasync(file) != 0) std::abort();
  }
  const double plain = seconds_since(start);
  close(file);
  const auto each = [&](double seconds) {
    return seconds * 1e6 / static_cast<double>(entries.size());
  };
  fmt::print(
      "{:6} appends, {:2} at once: {:8.2f} us an entry; plain write and fdatasync {:8.2f} us\n",
      entries.size(), group, each(durable), each(plain));
}

/// Copies of the small run until `count` entries stand there, then the beginning of the large one.
RunId fill(SqliteJournal& journal, const Sample& small, const Sample& large, std::size_t count) {
  RunId run{};
  std::vector<Entry> batch;
  std::size_t made = 0;
  const auto add = [&](const std::vector<Entry>& entries, std::size_t entries_max) {
    ++run.number;
    for (const Entry& entry : entries) {
      if (entries_max-- == 0) break;
      Entry copy = entry;
      if (copy.run.number > 0) copy.run = run;
      batch.push_back(std::move(copy));
      ++made;
    }
    if (batch.size() < 4'096 && made < count) return;
    take(journal.append(batch));
    batch.clear();
  };
  while (made + kUnfinishedEntries < count) add(small.entries, small.entries.size());
  add(large.entries, kUnfinishedEntries);
  if (!batch.empty()) take(journal.append(batch));
  return run;
}

long memory_kib(std::string_view what) {
  std::ifstream status("/proc/self/status");
  std::string word;
  long kib = 0;
  while (status >> word) {
    if (word == what) status >> kib;
  }
  return kib;
}

void long_journal(Sample& small, const Sample& large, std::size_t count) {
  FreshJournal fresh(small);
  auto start = Clock::now();
  const RunId unfinished = fill(*fresh, small, large, count);
  const Tip tip = take((*fresh).tip());
  const PlaybookLoader load = loader_for(small.connectors);
  fmt::print("{} entries in {} runs, {:.0f} MB, made in {:.1f} s\n", tip.seq, unfinished.number,
             static_cast<double>(std::filesystem::file_size(fresh.path())) / 1e6,
             seconds_since(start));
  const long before = memory_kib("VmRSS:");
  start = Clock::now();
  const std::unique_ptr<SqliteJournal> journal = take(SqliteJournal::open(
      {.path = fresh.path(), .mode = OpenMode::read_only, .keys = small.keys.get()}));
  {
    const Folded folded = take(fold_unfinished(*journal, nullptr, load, small.connectors));
    fmt::print("opened: {:.3f} s (2), {} run of {} entries unfinished, {:.0f} MiB more\n",
               seconds_since(start), folded.runs.size(), kUnfinishedEntries,
               static_cast<double>(memory_kib("VmRSS:") - before) / 1024);
  }
  start = Clock::now();
  take(journal->read_some(
      0, [](const EntryLabel&) { return false; }, [](const StoredEntry&) { return ok(); }));
  fmt::print("  of which every hash: {:.3f} s\n", seconds_since(start));
  start = Clock::now();
  take(fold_run(*journal, RunId{.number = unfinished.number / 2}, nullptr, load, small.connectors));
  fmt::print("one finished run: {:.3f} s\n", seconds_since(start));
  start = Clock::now();
  const Folded all = take(fold_journal(*journal, nullptr, load, small.connectors));
  fmt::print("every run: {:.3f} s, {} runs\n", seconds_since(start), all.runs.size());
  start = Clock::now();
  const VerifyReport report = take(journal->verify());
  fmt::print("verified: {:.3f} s, {}", seconds_since(start), verify_text(report));
}

}  // namespace
}  // namespace quell::bench

int main(int argc, char** argv) {
  using namespace quell::bench;
  if (argc < 2) {
    fmt::print("usage: bench_journal PATH_OF_QUELL [ENTRIES]\n");
    return 2;
  }
  const std::string quell = std::filesystem::absolute(argv[1]).string();
  const std::size_t count = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 1'000'000;
  Sample small(quell, 20);
  Sample large(quell, 3'000);
  fmt::print("{} entries for 20 credentials, {} for 3,000\n", small.entries.size(),
             large.entries.size());
  appends(large, 2'000, 1);
  appends(large, 10'000, kGroup);
  long_journal(small, large, count);
  return 0;
}
