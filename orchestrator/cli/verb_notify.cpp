#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "orchestrator/cli/notify_service.h"
#include "orchestrator/cli/verb.h"

namespace quell::cli {
namespace {

constexpr Duration kAnswersMax{15'000};
constexpr std::size_t kIdBytes = 16;

constexpr std::string_view kHelp =
    R"(quell notify test - send a test notice to those who are told of runs
usage: quell notify test [NAME]
Each destination under notify: in quell.yaml gets one, or NAME alone; the line says what became of it. Nothing is retried.
Exit codes  0 every destination took it  1 one did not  2 none is configured, or its secret cannot be read
Examples    quell notify test
            quell notify test pagerduty
)";

struct NotifyOptions {
  std::string what{};
  std::string name{};
};

/// Sends `notice` to each and waits for the answers; by the place of the destination.
std::map<std::size_t, Result<HttpResponse>> send_all(Session& session, HttpTransport& transport,
                                                     const std::vector<Destination>& destinations,
                                                     const Notice& notice) {
  const std::string id = "msg_test_" + session.random().hex(kIdBytes);
  const Clock& clock = session.clock();
  for (std::size_t i = 0; i < destinations.size(); ++i)
    transport.start(i, request_for(destinations[i], notice, "", id, clock.now()));
  std::map<std::size_t, Result<HttpResponse>> answers;
  const Timestamp until = clock.now() + kAnswersMax;
  while (answers.size() < destinations.size() && clock.now() < until) {
    for (Completion& completion : transport.poll(until))
      answers.emplace(completion.ticket, std::move(completion.answer));
  }
  return answers;
}

int notify(Session& session, const NotifyOptions& options) {
  const Config* const config = session.config();
  if (config == nullptr) return kExitNotStarted;
  Result<std::vector<Destination>> destinations = destinations_of(session);
  if (!destinations) return session.fail(destinations.error());
  if (!options.name.empty()) {
    std::erase_if(*destinations,
                  [&](const Destination& destination) { return destination.name != options.name; });
  }
  if (destinations->empty()) {
    return session.fail(make_error(
        ErrorCode::invalid, "config",
        options.name.empty() ? "nobody is told of runs." : "no destination has that name.",
        "notify: in quell.yaml; docs/notifications.md shows how"));
  }
  Result<std::unique_ptr<HttpTransport>> transport = session.make_transport(session.clock());
  if (!transport) return session.fail(transport.error());
  const Notice notice{.event = NoticeEvent::test, .at = session.clock().now()};
  const auto answers = send_all(session, **transport, *destinations, notice);
  bool is_told = true;
  ValueList documents;
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < destinations->size(); ++i) {
    const Destination& destination = (*destinations)[i];
    const auto answer = answers.find(i);
    const bool taken = answer != answers.end() && answer->second &&
                       is_taken(destination.kind, answer->second->status);
    const std::string why = taken                     ? "told"
                            : answer == answers.end() ? "no answer came"
                                                      : failure_of(answer->second);
    is_told &= taken;
    documents.push_back(Value::map({{"name", destination.name}, {"ok", taken}, {"outcome", why}}));
    rows.push_back({destination.name, why, taken ? "" : destination.named_at});
  }
  if (session.options().json) {
    session.print_json(Value::map({{"destinations", Value(std::move(documents))}}));
  } else {
    session.out().write(table(rows, ""));
  }
  return is_told ? kExitOk : kExitNo;
}

}  // namespace

Verb notify_verb() {
  auto options = std::make_shared<NotifyOptions>();
  return {.name = "notify",
          .help = kHelp,
          .declare =
              [options](CLI::App& app) {
                app.add_option("what", options->what)->required()->check(CLI::IsMember({"test"}));
                app.add_option("name", options->name);
              },
          .run = [options](Session& session) { return notify(session, *options); }};
}

}  // namespace quell::cli
