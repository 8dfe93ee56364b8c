#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "orchestrator/access/authenticator.h"
#include "orchestrator/alerts/intake.h"
#include "orchestrator/cli/session.h"

namespace quell::cli {

/// What `quell serve` tells: a line per event, words on a terminal, else JSON. Any thread.
class ServeLog {
 public:
  explicit ServeLog(Session& session) : session_(session) {}

  void event(std::string_view word, const std::string& words, ValueMap fields,
             std::string_view level = "info");
  void operator()(const IntakeEvent& event);
  void operator()(const AccessEvent& event);

 private:
  Session& session_;
  std::mutex mutex_{};
};

}  // namespace quell::cli
