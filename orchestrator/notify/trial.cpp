#include "orchestrator/notify/trial.h"

#include <map>
#include <string>
#include <utility>

namespace quell {
namespace {

constexpr Duration kAnswersMax{12'000};
constexpr std::size_t kIdBytes = 16;

std::string_view word_of(DestinationKind kind) {
  switch (kind) {
    case DestinationKind::slack:
      return "slack";
    case DestinationKind::pagerduty:
      return "pagerduty";
    case DestinationKind::signed_post:
      return "signed_post";
  }
  return "";
}

/// Sends the notice to each and waits for the answers; by the place of the destination.
std::map<std::size_t, Result<HttpResponse>> send_all(const std::vector<const Destination*>& asked,
                                                     HttpTransport& transport, const Clock& clock,
                                                     Random& random) {
  const Notice notice{.event = NoticeEvent::test, .at = clock.now()};
  const std::string id = "msg_test_" + random.hex(kIdBytes);
  for (std::size_t i = 0; i < asked.size(); ++i)
    transport.start(i, request_for(*asked[i], notice, "", id, clock.now()));
  std::map<std::size_t, Result<HttpResponse>> answers;
  const Timestamp until = clock.now() + kAnswersMax;
  while (answers.size() < asked.size() && clock.now() < until) {
    for (Completion& completion : transport.poll(until))
      answers.emplace(completion.ticket, std::move(completion.answer));
  }
  return answers;
}

}  // namespace

Value destinations_document(const std::vector<Destination>& destinations) {
  ValueList documents;
  for (const Destination& destination : destinations) {
    ValueList events;
    for (const NoticeEvent event : destination.events) events.emplace_back(to_string(event));
    documents.push_back(Value::map({{"name", destination.name},
                                    {"kind", word_of(destination.kind)},
                                    {"events", Value(std::move(events))},
                                    {"confidential", destination.confidential},
                                    {"setting", destination.named_at}}));
  }
  return Value::map({{"destinations", Value(std::move(documents))}});
}

Result<Value> send_test_notices(const std::vector<Destination>& destinations,
                                std::string_view name, HttpTransport& transport,
                                const Clock& clock, Random& random) {
  std::vector<const Destination*> asked;
  for (const Destination& destination : destinations) {
    if (name.empty() || destination.name == name) asked.push_back(&destination);
  }
  if (asked.empty()) {
    return make_error(
        ErrorCode::invalid, "config",
        name.empty() ? "nobody is told of runs." : "no destination has that name.",
        "notify: in quell.yaml; docs/notifications.md shows how");
  }
  const auto answers = send_all(asked, transport, clock, random);
  ValueList documents;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto answer = answers.find(i);
    const bool taken = answer != answers.end() && answer->second &&
                       is_taken(asked[i]->kind, answer->second->status);
    const std::string outcome = taken                     ? "told"
                                : answer == answers.end() ? "no answer came"
                                                          : failure_of(answer->second);
    documents.push_back(Value::map({{"name", asked[i]->name},
                                    {"ok", taken},
                                    {"outcome", outcome},
                                    {"setting", asked[i]->named_at}}));
  }
  return Value::map({{"destinations", Value(std::move(documents))}});
}

}  // namespace quell
