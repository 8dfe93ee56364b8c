#include "orchestrator/cli/notify_service.h"

#include <utility>

#include "orchestrator/cli/run_loop.h"

namespace quell::cli {
namespace {

constexpr std::size_t kFingerprintBytes = 16;
/// So long the end of a process waits for those who are told.
constexpr Duration kFlushMax{5'000};
/// Told to end it has ten seconds, most of which its requests in flight may have used.
constexpr Duration kFlushAfterSignal{2'000};

Result<std::unique_ptr<Notifier>> start_notifier(Session& session) {
  Result<std::vector<Destination>> destinations = destinations_of(session);
  if (!destinations) return destinations.error();
  Result<std::unique_ptr<HttpTransport>> transport = session.make_transport(session.clock());
  if (!transport) return transport.error();
  const Config& config = *session.config();
  return Notifier::start({.database = config.database.value,
                          .destinations = std::move(*destinations),
                          .public_url = config.notify.public_url,
                          .clock = session.clock(),
                          .random = session.random(),
                          .transport = std::move(*transport)});
}

}  // namespace

Result<std::vector<Destination>> destinations_of(Session& session) {
  const SecretSource secrets{.directory = session.config()->directory,
                             .environment = session.sources().environment,
                             .warn = [&session](const std::string& text) { session.warn(text); }};
  Result<std::vector<Destination>> destinations =
      resolve_destinations(session.config()->notify.destinations, secrets);
  if (!destinations) return destinations.error();
  // The filter needs a name for each, and nobody compares these: no key is asked for.
  const auto guard = session.guarded(
      [&session](const Secret&) { return session.random().hex(kFingerprintBytes); });
  for (const Destination& destination : *destinations) {
    for (const SecretPtr& secret : destination.secrets) guard(*secret);
  }
  return destinations;
}

NotifyService::NotifyService(Session& session) : session_(session) {
  if (session.config()->notify.destinations.empty()) return;
  Result<std::unique_ptr<Notifier>> notifier = start_notifier(session);
  if (notifier) {
    notifier_ = std::move(*notifier);
  } else {
    session.warn("nobody is told of runs: " + describe(notifier.error()) +
                 "; see notify in quell.yaml");
  }
}

NotifyService::~NotifyService() {
  if (!notifier_) return;
  notifier_->finish(StopSignals::received() == 0 ? kFlushMax : kFlushAfterSignal);
  tell_warnings();
}

void NotifyService::wake() {
  if (!notifier_) return;
  notifier_->wake();
  tell_warnings();
}

void NotifyService::leave_journal() {
  if (notifier_) notifier_->leave_journal();
}

void NotifyService::tell_warnings() {
  if (!notifier_) return;
  for (const std::string& sentence : notifier_->take_warnings()) session_.warn(sentence);
}

}  // namespace quell::cli
