// Security Event Tokens (RFC 8417) with CAEP 1.0 and RISC 1.0 events, pushed as RFC 8935 says; API
// sheet "Killing an mcp_oauth grant at its issuer", section 9.
#include "connectors/shared_signals/shared_signals_connector.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <utility>

#include <fmt/format.h>

#include "connectors/classify.h"
#include "connectors/oauth/config.h"
#include "connectors/oauth/jws.h"
#include "connectors/url.h"
#include "state/base/bytes.h"
#include "state/base/json.h"
#include "state/base/sha256.h"

namespace quell {
namespace {

constexpr std::size_t kReceiversMax = 16;
constexpr std::size_t kTextBytesMax = 512;
constexpr std::size_t kTypeBytesMax = 64;
constexpr std::size_t kJwtIdDigits = 32;
constexpr std::size_t kAnswerBytesMax = 64U << 10U;
constexpr JsonLimits kAnswerLimits{
    .bytes_max = kAnswerBytesMax, .depth_max = 8, .nodes_max = 100};
constexpr std::string_view kMediaType = "application/secevent+jwt";
constexpr std::string_view kSessionRevoked =
    "https://schemas.openid.net/secevent/caep/event-type/session-revoked";
constexpr std::string_view kCredentialCompromise =
    "https://schemas.openid.net/secevent/risc/event-type/credential-compromise";

constexpr std::array<std::string_view, 3> kFormats{"email", "iss_sub", "opaque"};

Error mistake(std::string message, std::string hint) {
  return make_error(ErrorCode::invalid, "config", std::move(message), std::move(hint));
}

/// What is told, to whoever is told it.
struct Signal {
  std::string_view event{};
  std::string subject{};
  std::string incident{};
  std::string credential_type{};  // of a compromise
};

Result<Signal> signal_of(const ActionSpec& action, const Value& params) {
  const bool compromise = action.name == "emit_credential_compromise";
  Signal signal{.event = compromise ? kCredentialCompromise : kSessionRevoked,
                .subject = params["subject"].string_or(""),
                .incident = params["incident"].string_or("")};
  if (signal.subject.empty() || signal.subject.size() > kTextBytesMax ||
      signal.incident.empty() || signal.incident.size() > kTextBytesMax) {
    return make_error(ErrorCode::invalid, "input",
                      fmt::format("{} needs a subject and an incident of at most {} bytes",
                                  action.name, kTextBytesMax),
                      "subject: whom it is about; incident: ${run.id}");
  }
  if (!compromise) return signal;
  signal.credential_type = params["credential_type"].string_or("app");
  const bool is_word = !signal.credential_type.empty() &&
                       signal.credential_type.size() <= kTypeBytesMax &&
                       signal.credential_type.find_first_not_of(
                           "abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  if (is_word) return signal;
  return make_error(ErrorCode::invalid, "input", "credential_type is a word of small letters",
                    "app, password, x509, verifiable-credential, ...");
}

Value subject_value(const SharedSignalsConfig& config, const std::string& subject) {
  const std::string format(to_string(config.subject_format));
  switch (config.subject_format) {
    case SubjectFormat::email:
      return Value::map({{"format", format}, {"email", subject}});
    case SubjectFormat::iss_sub:
      return Value::map({{"format", format}, {"iss", config.subject_issuer}, {"sub", subject}});
    case SubjectFormat::opaque:
      break;
  }
  return Value::map({{"format", format}, {"id", subject}});
}

/// The same for the same event about the same subject in the same incident, whenever it is sent:
/// receivers take a second copy for the first (RFC 8935 section 2).
std::string jwt_id_of(const SharedSignalsConfig& config, const SignalReceiver& receiver,
                      const Signal& signal) {
  std::string text = "quell security event";
  for (const std::string_view part :
       {std::string_view(config.issuer), std::string_view(receiver.audience), signal.event,
        std::string_view(signal.incident), std::string_view(signal.subject)}) {
    text.push_back('\n');
    text.append(sha256_hex(part));
  }
  return sha256_hex(text).substr(0, kJwtIdDigits);
}

Value claims_of(const SharedSignalsConfig& config, const SignalReceiver& receiver,
                const Signal& signal, Timestamp now) {
  const std::int64_t seconds =
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  ValueMap event{
      {"event_timestamp", seconds},
      {"reason_admin", Value::map({{"en", "contained by quell, " + signal.incident}})}};
  if (signal.credential_type.empty()) {
    event.emplace("initiating_entity", "system");
  } else {
    event.emplace("credential_type", signal.credential_type);
  }
  return Value::map({{"iss", config.issuer},
                     {"jti", jwt_id_of(config, receiver, signal)},
                     {"iat", seconds},
                     {"aud", receiver.audience},
                     {"txn", signal.incident},
                     {"sub_id", subject_value(config, signal.subject)},
                     {"events", Value::map({{std::string(signal.event), Value(std::move(event))}})}});
}

Result<HttpRequest> push_of(const SharedSignalsConfig& config, const SignalReceiver& receiver,
                            const Signal& signal, Timestamp now) {
  if (!config.signing_key)
    return mistake("nothing can be signed without a signing_key", "signing_key: secret://file/PATH");
  Result<std::string> token = sign_claims(*config.signing_key, config.key_id, "secevent+jwt",
                                          claims_of(config, receiver, signal, now));
  if (!token) return token.error();
  HttpRequest request;
  request.method = "POST";
  request.url = receiver.endpoint;
  request.headers.push_back({.name = "content-type", .value = std::string(kMediaType)});
  request.headers.push_back({.name = "accept", .value = "application/json"});
  if (receiver.bearer) {
    SecretText value("Bearer ");
    value.append({.secret = receiver.bearer, .origins = {origin_of(receiver.endpoint)}},
                 SecretEncoding::raw);
    request.headers.push_back({.name = "authorization", .value = std::move(value)});
  }
  request.body = *std::move(token);
  request.effect = Effect::mutate;
  request.trust = Trust::untrusted;
  request.timeout = Duration{10'000};
  request.body_bytes_max = kAnswerBytesMax;
  return request;
}

/// What a receiver's 400 says (RFC 8935 section 2.4), and what to do about it.
Error refusal_of(const HttpResponse& response, const std::string& subject) {
  struct Word {
    std::string_view err;
    std::string_view hint;
  };
  constexpr std::array<Word, 6> kWords{
      {{"invalid_request", "it cannot read the event: compare what it expects of subjects"},
       {"invalid_key", "give it the public key of signing_key under key_id"},
       {"invalid_issuer", "agree on `issuer` with it"},
       {"invalid_audience", "agree on the receiver's `audience` with it"},
       {"authentication_failed", "agree on the receiver's `bearer` and on the keys with it"},
       {"access_denied", "have it let this issuer send such events"}}};
  const Result<Value> body = parse_body(response, kAnswerLimits);
  const std::string err = body && body->is_map() ? (*body)["err"].string_or("") : std::string();
  const auto* const word = std::ranges::find(kWords, err, &Word::err);
  // A word that nobody knows is not quoted.
  if (word == kWords.end()) {
    return make_error(ErrorCode::invalid, "invalid", subject + ": the event was refused (400)",
                      "ask its operator; the event is the same on every attempt");
  }
  return make_error(ErrorCode::invalid, "invalid",
                    fmt::format("{}: the event was refused: {} (400)", subject, word->err),
                    std::string(word->hint));
}

/// Null when the receiver has it safely stored.
std::optional<Error> failure_of(const Result<HttpResponse>& answer, const std::string& subject) {
  if (!answer) return answer.error();
  if (answer->status == 202) return std::nullopt;
  if (answer->status == 400) return refusal_of(*answer, subject);
  return classify(*answer, Effect::mutate, subject, NotFound::collection);
}

/// Of several failures the one that a repetition may still turn: a refusal stays what it is.
bool goes_before(const Error& error, const std::optional<Error>& other) {
  const auto rank = [](ErrorCode code) {
    if (code == ErrorCode::unknown) return 0;
    return code == ErrorCode::throttled || code == ErrorCode::transient ? 1 : 2;
  };
  return !other || rank(error.code) < rank(other->code);
}

Value outputs_of(const SharedSignalsConfig& config, const Signal& signal,
                 const std::vector<Value>& statuses) {
  ValueList receivers;
  for (std::size_t i = 0; i < config.receivers.size(); ++i) {
    receivers.push_back(Value::map({{"audience", config.receivers[i].audience},
                                    {"jti", jwt_id_of(config, config.receivers[i], signal)},
                                    {"http_status", i < statuses.size() ? statuses[i] : Value{}}}));
  }
  return Value::map(
      {{"event", std::string(signal.event)}, {"receivers", Value(std::move(receivers))}});
}

Task<Result<Outcome>> emit(Io& io, const SharedSignalsConfig& config, Signal signal) {
  std::vector<HttpRequest> requests;
  for (const SignalReceiver& receiver : config.receivers) {
    Result<HttpRequest> request = push_of(config, receiver, signal, io.now());
    if (!request) co_return request.error();
    requests.push_back(*std::move(request));
  }
  const Answers answers = co_await io.send_all(std::move(requests));
  std::optional<Error> worst;
  std::vector<Value> statuses;
  std::size_t taken = 0;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const std::string subject = "the receiver at " + origin_of(config.receivers[i].endpoint);
    std::optional<Error> failure = failure_of(answers[i], subject);
    statuses.push_back(answers[i] ? Value(answers[i]->status) : Value{});
    if (!failure) {
      ++taken;
    } else if (goes_before(*failure, worst)) {
      worst = std::move(failure);
    }
  }
  if (worst && answers.size() > 1)
    co_return wrap(fmt::format("{} of {} receivers took it", taken, answers.size()), *worst);
  if (worst) co_return *worst;
  Outcome out;
  out.outputs = outputs_of(config, signal, statuses);
  co_return out;
}

Task<Result<Outcome>> give_up(Error error) { co_return error; }

Status check_receiver(const SharedSignalsConfig& config, const SignalReceiver& receiver) {
  if (!is_usable_url(receiver.endpoint, config.loopback_http)) {
    return mistake("a receiver's endpoint is an https URL",
                   "endpoint: https://receiver.example.com/events");
  }
  if (receiver.audience.empty() || receiver.audience.size() > kTextBytesMax)
    return mistake("a receiver has no audience", "audience: what it calls itself, its `aud`");
  return ok();
}

}  // namespace

std::string_view to_string(SubjectFormat format) noexcept {
  return kFormats[static_cast<std::size_t>(format)];
}

std::optional<SubjectFormat> subject_format_from_string(std::string_view text) noexcept {
  const auto* const found = std::find(kFormats.begin(), kFormats.end(), text);
  if (found == kFormats.end()) return std::nullopt;
  return static_cast<SubjectFormat>(found - kFormats.begin());
}

Result<std::unique_ptr<SharedSignalsConnector>> SharedSignalsConnector::make(
    SharedSignalsConfig config) {
  if (config.issuer.empty() || config.issuer.size() > kTextBytesMax)
    return mistake("there is no issuer", "issuer: https://quell.example.com, as receivers know it");
  if (config.key_id.empty() || config.key_id.size() > kTextBytesMax)
    return mistake("there is no key_id", "key_id: the `kid` under which receivers have the key");
  if (config.subject_format == SubjectFormat::iss_sub && config.subject_issuer.empty()) {
    return mistake("subject_format iss_sub needs the issuer of the subjects",
                   "subject_issuer: https://idp.example.com");
  }
  if (config.receivers.empty() || config.receivers.size() > kReceiversMax)
    return mistake(fmt::format("there are 1 to {} receivers", kReceiversMax),
                   "receivers: [{endpoint: https://..., audience: ...}]");
  for (std::size_t i = 0; i < config.receivers.size(); ++i) {
    const SignalReceiver& receiver = config.receivers[i];
    if (Status good = check_receiver(config, receiver); !good) return good.error();
    const auto before = std::span(config.receivers).first(i);
    if (std::ranges::find(before, receiver.audience, &SignalReceiver::audience) != before.end())
      return mistake("two receivers have one audience", "each has its own, and its own events");
  }
  if (config.signing_key) {
    if (Status good = check_signing_key(*config.signing_key); !good) return good.error();
  }
  return std::unique_ptr<SharedSignalsConnector>(new SharedSignalsConnector(std::move(config)));
}

std::span<const ActionSpec> SharedSignalsConnector::actions() const {
  return shared_signals_actions();
}

Task<Result<Outcome>> SharedSignalsConnector::perform(const ActionSpec& action, Inputs inputs,
                                                      Io& io) const {
  if (inputs.intent == Intent::look) {
    return give_up(make_error(ErrorCode::unknown, "unknown",
                              "whether a receiver has an event cannot be looked up",
                              "sending it again is safe: it has the same `jti`"));
  }
  Result<Signal> signal = signal_of(action, inputs.params);
  if (!signal) return give_up(signal.error());
  return emit(io, config_, *std::move(signal));
}

Value SharedSignalsConnector::predict(const ActionSpec& action, const Inputs& inputs) const {
  const Result<Signal> signal = signal_of(action, inputs.params);
  return outputs_of(config_, signal ? *signal : Signal{}, {});
}

Value SharedSignalsConnector::pins() const {
  ValueList receivers;
  for (const SignalReceiver& receiver : config_.receivers)
    receivers.push_back(
        Value::map({{"endpoint", receiver.endpoint}, {"audience", receiver.audience}}));
  return Value::map({{"kind", "shared_signals"},
                     {"issuer", config_.issuer},
                     {"key_id", config_.key_id},
                     {"subject_format", to_string(config_.subject_format)},
                     {"subject_issuer", config_.subject_issuer},
                     {"receivers", Value(std::move(receivers))}});
}

}  // namespace quell
