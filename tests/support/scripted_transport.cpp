#include "tests/support/scripted_transport.h"

#include <algorithm>

#include "connectors/url.h"

namespace quell {
namespace {

Error lost(Effect effect) {
  const bool changes = effect == Effect::mutate || effect == Effect::notify;
  return make_error(changes ? ErrorCode::unknown : ErrorCode::transient,
                    "the connection broke before the answer was complete");
}

}  // namespace

ScriptedTransport::Expectation& ScriptedTransport::Expectation::replies(
    int status, std::string json, std::vector<std::pair<std::string, std::string>> headers) {
  ending_ = Ending::replies;
  response_ = json_response(status, std::move(json), std::move(headers));
  return *this;
}

ScriptedTransport::Expectation& ScriptedTransport::Expectation::drops_after_send() {
  ending_ = Ending::drops;
  return *this;
}

ScriptedTransport::Expectation& ScriptedTransport::Expectation::refuses_connection() {
  ending_ = Ending::refuses;
  return *this;
}

ScriptedTransport::Expectation& ScriptedTransport::Expectation::hangs() {
  ending_ = Ending::hangs;
  return *this;
}

ScriptedTransport::Expectation& ScriptedTransport::Expectation::from_loopback() {
  response_.from_loopback = true;
  return *this;
}

ScriptedTransport::Expectation& ScriptedTransport::expect(std::string method, std::string path) {
  Expectation expectation;
  expectation.method_ = std::move(method);
  expectation.path_ = std::move(path);
  expectations_.push_back(std::move(expectation));
  return expectations_.back();
}

std::vector<std::string> ScriptedTransport::unmet() const {
  std::vector<std::string> lines;
  for (const Expectation& expectation : expectations_) {
    if (!expectation.met_) lines.push_back(expectation.method_ + " " + expectation.path_);
  }
  return lines;
}

ScriptedTransport::Expectation* ScriptedTransport::find(const HttpRequest& request) {
  const Result<Url> url = parse_url(request.url);
  if (!url) return nullptr;
  for (Expectation& expectation : expectations_) {
    const bool with_query = expectation.path_.find('?') != std::string::npos;
    const std::string path = with_query ? url->path + "?" + url->query : url->path;
    if (!expectation.met_ && expectation.method_ == request.method && expectation.path_ == path) {
      return &expectation;
    }
  }
  return nullptr;
}

Result<HttpResponse> ScriptedTransport::begin(Ticket ticket, const HttpRequest& request,
                                              bool& hangs) {
  const std::string origin = origin_of(request.url);
  for (const HttpHeader& header : request.headers) {
    if (!header.value.may_go_to(origin)) {
      return make_error(ErrorCode::invalid, "egress", "a secret may not be sent to " + origin, "");
    }
  }
  if (!request.body.may_go_to(origin)) {
    return make_error(ErrorCode::invalid, "egress", "a secret may not be sent to " + origin, "");
  }
  Expectation* const expectation = find(request);
  if (expectation != nullptr && expectation->ending_ == Expectation::Ending::refuses) {
    expectation->met_ = true;
    return make_error(ErrorCode::transient, "the connection was refused");
  }
  RecordedRequest seen = record(request);
  for (std::size_t i = 0; i < seen.headers.size(); ++i) {
    seen.headers[i].second = request.headers[i].value.redacted();
  }
  log_.push_back(std::move(seen));
  if (expectation == nullptr) {
    return make_error(ErrorCode::internal, "nobody expected " + request.method + " " + request.url);
  }
  expectation->met_ = true;
  switch (expectation->ending_) {
    case Expectation::Ending::replies:
      return expectation->response_;
    case Expectation::Ending::refuses:
    case Expectation::Ending::drops:
      return lost(request.effect);
    case Expectation::Ending::hangs:
      hangs = true;
      hanging_.push_back(Hanging{
          .ticket = ticket, .due = clock_.now() + request.timeout, .effect = request.effect});
      return lost(request.effect);
  }
  return lost(request.effect);
}

void ScriptedTransport::start(Ticket ticket, HttpRequest request) {
  bool hangs = false;
  Result<HttpResponse> answer = begin(ticket, request, hangs);
  if (!hangs) ready_.push_back(Completion{.ticket = ticket, .answer = std::move(answer)});
}

std::vector<Completion> ScriptedTransport::poll(Timestamp /*until*/) {
  std::vector<Completion> done = std::exchange(ready_, {});
  const Timestamp now = clock_.now();
  for (const Hanging& hanging : hanging_) {
    if (hanging.due <= now) {
      done.push_back(Completion{.ticket = hanging.ticket, .answer = lost(hanging.effect)});
    }
  }
  std::erase_if(hanging_, [&](const Hanging& hanging) { return hanging.due <= now; });
  return done;
}

Timestamp ScriptedTransport::next_timeout() const noexcept {
  Timestamp next = Timestamp::max();
  for (const Hanging& hanging : hanging_) next = std::min(next, hanging.due);
  return next;
}

}  // namespace quell
