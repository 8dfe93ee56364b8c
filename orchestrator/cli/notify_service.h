#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "orchestrator/cli/session.h"
#include "orchestrator/notify/notifier.h"

namespace quell::cli {

/// The destinations of the configuration with their secrets, which from now on no stream of this
/// session shows.
Result<std::vector<Destination>> destinations_of(Session& session);

/// The notifier of a process that works on runs. Made when the owner of the state has the journal,
/// and gone after it: at its end what can still be sent is sent, and others may own the state
/// meanwhile. A destination that cannot be used is a warning: a run does not wait for those who are
/// told of it.
class NotifyService {
 public:
  explicit NotifyService(Session& session);
  ~NotifyService();
  NotifyService(const NotifyService&) = delete;
  NotifyService& operator=(const NotifyService&) = delete;

  /// Something new is in the journal. Tells what the notifier had to warn of meanwhile.
  void wake();
  void tell_warnings();
  /// Before the owner closes the journal.
  void leave_journal();

 private:
  Session& session_;
  std::unique_ptr<Notifier> notifier_{};  // null: nobody is to be told
};

/// Declared behind the owner: has the service leave the journal before the owner goes.
class JournalLeave {
 public:
  explicit JournalLeave(std::optional<NotifyService>& service) : service_(service) {}
  ~JournalLeave() {
    if (service_) service_->leave_journal();
  }
  JournalLeave(const JournalLeave&) = delete;
  JournalLeave& operator=(const JournalLeave&) = delete;

 private:
  std::optional<NotifyService>& service_;
};

}  // namespace quell::cli
