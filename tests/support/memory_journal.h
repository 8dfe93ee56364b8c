#pragma once

#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "state/base/random.h"
#include "state/hash_chain.h"
#include "state/journal.h"
#include "state/keys.h"
#include "state/verify.h"

namespace quell {

/// A journal in memory with the contract of the real ones. It keeps only the encoded bytes, so what
/// comes back has been through the encoding, and it outlives the engine as a disk outlives a
/// process.
class MemoryJournal final : public Journal {
 public:
  MemoryJournal();

  Result<Tip> append(std::span<const Entry> entries) override;
  Status read(std::uint64_t after, const std::function<Status(const StoredEntry&)>& visit) override;
  Result<Tip> tip() override;
  Result<std::string> sign_head() override;

  VerifyReport verify(const VerifyOptions& options = {}) const;
  /// Every entry, checked. Asserts that the chain holds.
  std::vector<StoredEntry> read_all();
  /// How often `append` was called.
  std::size_t append_count() const noexcept { return append_count_; }
  const JournalIdentity& identity() const noexcept { return identity_; }
  const KeyRing& keys() const noexcept { return *keys_; }

  struct Row {
    std::string hash{};
    std::string bytes{};
  };
  /// The rows as they lie there, for tests that damage them.
  std::vector<Row>& rows() noexcept { return rows_; }

 private:
  SeededRandom random_{1};
  std::unique_ptr<KeyRing> keys_;
  JournalIdentity identity_;
  std::vector<Row> rows_{};
  std::vector<SignatureRow> signatures_{};
  Tip tip_;
  std::size_t append_count_ = 0;
};

/// The kinds of the entries in their journal spelling, for `CHECK(kinds(journal) == Kinds{...})`.
using Kinds = std::vector<std::string>;
Kinds kinds(MemoryJournal& journal);

/// Stands for the death of the process; nothing in the product catches it.
class SimulatedCrash final : public std::exception {
 public:
  const char* what() const noexcept override { return "the process dies here"; }
};

/// What the disk keeps of the append during which the process dies.
enum class Loss : std::uint8_t { entry_lost, entry_kept };

/// Dies at the `at`-th append (from 1), and again at every call after it, since a dead process
/// makes none.
class CrashingJournal final : public Journal {
 public:
  CrashingJournal(Journal& disk, std::size_t at, Loss loss) : disk_(disk), at_(at), loss_(loss) {}

  Result<Tip> append(std::span<const Entry> entries) override;
  Status read(std::uint64_t after, const std::function<Status(const StoredEntry&)>& visit) override;
  Result<Tip> tip() override;
  Result<std::string> sign_head() override;

  bool crashed() const noexcept { return crashed_; }

 private:
  void die_if_dead() const;

  Journal& disk_;
  std::size_t at_;
  Loss loss_;
  std::size_t append_count_ = 0;
  bool crashed_ = false;
};

/// Sealed secrets in memory. Every one gives the same fingerprints, so they can be written into
/// expectations.
class MemorySecretStore final : public SecretStore {
 public:
  MemorySecretStore();

  Status seal(RunId run, std::string_view name, const Secret& secret) override;
  Result<Secret> open(RunId run, std::string_view name) override;
  Status erase_run(RunId run) override;
  std::string fingerprint(const Secret& secret) override;

  /// How many secrets are sealed now.
  std::size_t count() const noexcept { return secrets_.size(); }

 private:
  SeededRandom random_{1};
  std::unique_ptr<KeyRing> keys_;
  std::map<std::pair<RunId, std::string>, Secret> secrets_{};
};

}  // namespace quell
