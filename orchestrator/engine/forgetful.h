#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "state/journal.h"

namespace quell {

/// A journal that counts and forgets: a plan or a test of a playbook leaves nothing behind.
class ForgetfulJournal final : public Journal {
 public:
  Result<Tip> append(std::span<const Entry> entries) override {
    tip_.seq += entries.size();
    return tip_;
  }
  Status read(std::uint64_t, const std::function<Status(const StoredEntry&)>&) override {
    return ok();
  }
  Result<Tip> tip() override { return tip_; }
  Result<std::string> sign_head() override { return std::string(); }

 private:
  Tip tip_{};
};

/// Secrets stay with the caller; nothing is sealed.
class ForgetfulStore final : public SecretStore {
 public:
  explicit ForgetfulStore(std::function<std::string(const Secret&)> fingerprint)
      : fingerprint_(std::move(fingerprint)) {}
  Status seal(RunId, std::string_view, const Secret&) override { return ok(); }
  Result<Secret> open(RunId, std::string_view) override {
    return make_error(ErrorCode::gone, "nothing was kept here");
  }
  Status erase_run(RunId) override { return ok(); }
  std::string fingerprint(const Secret& secret) override { return fingerprint_(secret); }

 private:
  std::function<std::string(const Secret&)> fingerprint_;
};

}  // namespace quell
