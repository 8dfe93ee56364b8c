#pragma once

#include <functional>
#include <memory>
#include <string>

#include "state/journal.h"

namespace quell {

/// `quell.ballast` for `quell.db`: room that is taken while there is some, and given up when the
/// journal finds none (threat T47). Whatever else fills the disk, the record of an incident goes
/// on.
std::string ballast_path(const std::string& database);

/// Takes the room, at most a part of what is free; fine when it cannot.
void take_ballast(const std::string& path);

/// True where `folder` has so little room left that it belongs to the journal: no evidence is
/// written there.
bool is_room_for_journal_only(const std::string& folder);

/// A journal that gives its ballast up before it reports a full disk.
class BallastedJournal final : public Journal {
 public:
  /// `told` is called once, with a sentence for the operator. `below` outlives it.
  BallastedJournal(Journal& below, std::string ballast,
                   std::function<void(const std::string&)> told)
      : below_(below), ballast_(std::move(ballast)), told_(std::move(told)) {}

  Result<Tip> append(std::span<const Entry> entries) override;
  Status read(std::uint64_t after,
              const std::function<Status(const StoredEntry&)>& visit) override {
    return below_.read(after, visit);
  }
  Status read_some(std::uint64_t after, const std::function<bool(const EntryLabel&)>& wants,
                   const std::function<Status(const StoredEntry&)>& visit) override {
    return below_.read_some(after, wants, visit);
  }
  Result<Tip> tip() override { return below_.tip(); }
  Result<std::string> sign_head() override { return below_.sign_head(); }

 private:
  Journal& below_;
  std::string ballast_;
  std::function<void(const std::string&)> told_;
};

}  // namespace quell
