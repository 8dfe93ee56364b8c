// People's own systems, by what they declared of them (connectors/http/declaration.h).
#include "connectors/http/http_connector.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "connectors/http/declared_request.h"
#include "connectors/url.h"

namespace quell {
namespace {

/// One exchange, read.
struct Seen {
  int status = 0;
  AnswerMeaning meaning = AnswerMeaning::refused;
  Value body{};
};

Task<Result<Seen>> exchange(const HttpConfig& config, const DeclaredAction& action, Value params,
                            Io& io) {
  Result<HttpRequest> request = declared_request(config, action, params);
  if (!request) co_return request.error();
  const std::string subject = fmt::format("{} at {}", action.name, origin_of(config.base_url));
  HttpRequest sent = *std::move(request);
  Result<HttpResponse> answer = co_await io.send(std::move(sent));
  if (!answer) co_return wrap(subject, answer.error());
  Seen seen{.status = answer->status, .body = answer_body(*answer)};
  const bool names_one = std::ranges::any_of(
      action.path, [](const TemplatePart& part) { return !part.name.empty(); });
  const AnswerReading reading{.effect = action.effect,
                              .where = names_one ? NotFound::object : NotFound::collection,
                              .now = io.now()};
  const Result<AnswerMeaning> meaning =
      read_answer(action.answers, *answer, seen.body, subject, reading);
  if (!meaning) co_return meaning.error();
  seen.meaning = *meaning;
  co_return seen;
}

bool is_of(Type::Kind kind, const Value& value) {
  if (kind == Type::Kind::integer) return value.is_int();
  if (kind == Type::Kind::boolean) return value.is_bool();
  return kind == Type::Kind::dyn || value.is_string();
}

/// The declared outputs; what an answer lacks is null where its type allows it.
Result<Value> outputs_of(const DeclaredAction& action, const Seen& seen) {
  ValueMap out{{"answer", to_string(seen.meaning)}, {"http_status", seen.status}};
  const bool changes = action.effect == Effect::mutate;
  if (changes) out["settles_within"] = action.settles ? Value(*action.settles) : Value{};
  for (const DeclaredOutput& output : action.outputs) {
    const Value& value = member_at(seen.body, output.path);
    const bool fits = !value.is_null() && is_of(output.kind, value);
    if (fits) {
      out[output.name] = value;
    } else if (changes || !action.proves.empty() || output.optional) {
      out[output.name] = Value{};
    } else {
      return make_error(ErrorCode::invalid, "invalid",
                        fmt::format("{}: its answer has no {} of type {} ({})", action.name,
                                    output.path, to_string(Type::of(output.kind)), seen.status),
                        "compare outputs: of the declaration with what the system answers, or say "
                        "optional: true");
    }
  }
  return Value(std::move(out));
}

Judgement judgement_of(const DeclaredAction& action, const Seen& seen) {
  Judgement judgement;
  judgement.proof = fmt::format("{} reads {}", seen.status, to_string(seen.meaning));
  if (seen.meaning == AnswerMeaning::dead) {
    judgement.verdict = Verdict::proved;
    judgement.grade = action.grade;
    return judgement;
  }
  if (seen.meaning == AnswerMeaning::alive) {
    judgement.verdict = Verdict::refuted;
    judgement.grade = Grade::strong;
  }
  judgement.residual = Residual{.reason = fmt::format("{}: {}", action.name, judgement.proof)};
  return judgement;
}

/// What the meaning of an answer comes to as an error; none: it is no failure.
std::optional<Error> failure_of(const DeclaredAction& action, const Seen& seen) {
  if (seen.meaning == AnswerMeaning::refused) {
    return make_error(ErrorCode::conflict, "conflict",
                      fmt::format("{}: the system did not do it ({})", action.name, seen.status),
                      "its own log says why; repeating does not help");
  }
  if (seen.meaning == AnswerMeaning::unsupported) {
    return make_error(ErrorCode::unavailable_here, "unavailable_here",
                      fmt::format("{}: the system does not do this here ({})", action.name,
                                  seen.status),
                      "do it by the system's own page");
  }
  return std::nullopt;
}

Task<Result<Outcome>> act(const HttpConfig& config, const DeclaredAction& action, Value params,
                          Io& io) {
  Result<Seen> seen = co_await exchange(config, action, std::move(params), io);
  if (!seen) co_return seen.error();
  Outcome outcome;
  if (!action.proves.empty()) {
    outcome.judgement = judgement_of(action, *seen);
  } else if (std::optional<Error> failure = failure_of(action, *seen)) {
    co_return *std::move(failure);
  }
  Result<Value> outputs = outputs_of(action, *seen);
  if (!outputs) co_return outputs.error();
  outcome.outputs = *std::move(outputs);
  if (seen->meaning == AnswerMeaning::already) outcome.kind = OutcomeKind::already;
  co_return outcome;
}

Error settles_nothing(const DeclaredAction& action, std::string_view why) {
  return make_error(ErrorCode::unknown, "unknown",
                    fmt::format("whether an earlier {} took effect is not known: {}", action.name,
                                why),
                    "look at the system itself, then say which it was");
}

/// Did an earlier attempt take effect? By the probe that the declaration names, and not at all
/// without one.
Task<Result<Outcome>> look(const HttpConfig& config, const DeclaredAction& action, Value params,
                           Io& io) {
  const DeclaredAction* const probe = find_declared(config.actions, action.look);
  if (probe == nullptr) co_return settles_nothing(action, "its declaration has no look:");
  const Result<Seen> seen = co_await exchange(config, *probe, std::move(params), io);
  if (!seen) co_return settles_nothing(action, describe(seen.error()));
  if (seen->meaning == AnswerMeaning::dead) {
    ValueMap outputs{{"answer", to_string(AnswerMeaning::already)}, {"http_status", Value{}}};
    outputs["settles_within"] = Value{};
    for (const DeclaredOutput& output : action.outputs) outputs[output.name] = Value{};
    Outcome outcome;
    outcome.kind = OutcomeKind::already;
    outcome.outputs = Value(std::move(outputs));
    co_return outcome;
  }
  if (seen->meaning != AnswerMeaning::alive)
    co_return settles_nothing(action, fmt::format("{} read {}", probe->name, seen->status));
  if (action.settles) {
    co_return settles_nothing(
        action, fmt::format("it still works, and the effect may come within {}",
                            format_duration(*action.settles)));
  }
  co_return make_error(ErrorCode::conflict, "conflict",
                       fmt::format("{} was not applied: {} reads alive", action.name, probe->name),
                       "quell goes on by itself");
}

Task<Result<Outcome>> no_such_action(std::string action) {
  co_return make_error(ErrorCode::internal,
                       fmt::format("the http connector has no action {}", action));
}

std::string_view auth_word(HttpAuth auth) {
  switch (auth) {
    case HttpAuth::none:
      return "none";
    case HttpAuth::bearer:
      return "bearer";
    case HttpAuth::basic:
      return "basic";
    case HttpAuth::header:
      return "header";
  }
  return "none";
}

Error bad_base(std::string_view what, std::string_view hint) {
  return make_error(ErrorCode::invalid, "config", fmt::format("base_url {}.", what),
                    std::string(hint));
}

}  // namespace

Result<std::unique_ptr<HttpConnector>> HttpConnector::make(HttpConfig config) {
  const Result<Url> url = parse_url(config.base_url);
  if (!url || !url->query.empty() || config.base_url.find('#') != std::string::npos)
    return bad_base("is not an http or https URL without query", "base_url: https://host");
  if (url->scheme == "http" && !is_loopback_host(url->host))
    return bad_base("is plain http", "use https, or a loopback address");
  while (config.base_url.ends_with('/')) config.base_url.pop_back();
  for (const std::string& name : config.safe_in_dry_run) {
    if (find_declared(config.actions, name) != nullptr) continue;
    return make_error(ErrorCode::invalid, "config",
                      fmt::format("safe_in_dry_run names {}, which is no action of it.", name),
                      "quell actions lists them");
  }
  return std::unique_ptr<HttpConnector>(new HttpConnector(std::move(config)));
}

HttpConnector::HttpConnector(HttpConfig config)
    : config_(std::move(config)), specs_(specs_of(config_.actions)) {}

Task<Result<Outcome>> HttpConnector::perform(const ActionSpec& action, Inputs inputs,
                                             Io& io) const {
  const DeclaredAction* const declared = find_declared(config_.actions, action.name);
  if (declared == nullptr) return no_such_action(action.name);
  if (inputs.intent == Intent::look && declared->effect == Effect::mutate)
    return look(config_, *declared, std::move(inputs.params), io);
  return act(config_, *declared, std::move(inputs.params), io);
}

Value HttpConnector::predict(const ActionSpec& action, const Inputs&) const {
  const DeclaredAction* const declared = find_declared(config_.actions, action.name);
  ValueMap out{{"answer", to_string(AnswerMeaning::done)}, {"http_status", Value{}}};
  if (declared == nullptr) return Value(std::move(out));
  if (declared->effect == Effect::mutate)
    out["settles_within"] = declared->settles ? Value(*declared->settles) : Value{};
  for (const DeclaredOutput& output : declared->outputs) {
    Value& value = out[output.name];
    const Field* const field = action.outputs.find(output.name);
    if (field == nullptr || field->type.nullable) continue;
    if (output.kind == Type::Kind::string) value = "";
    if (output.kind == Type::Kind::integer) value = 0;
    if (output.kind == Type::Kind::boolean) value = false;
  }
  return Value(std::move(out));
}

Value HttpConnector::pins() const {
  ValueList safe;
  for (const std::string& name : config_.safe_in_dry_run) safe.emplace_back(name);
  return Value::map({{"kind", "http"},
                     {"base_url", config_.base_url},
                     {"auth", auth_word(config_.auth)},
                     {"user", config_.user},
                     {"assert_safe", config_.assert_safe},
                     {"safe_in_dry_run", Value(std::move(safe))},
                     {"declarations", digest_of(config_.actions)}});
}

bool HttpConnector::asserts_safe(std::string_view action, bool in_rehearsal) const {
  if (!config_.assert_safe) return false;
  return !in_rehearsal ||
         std::ranges::find(config_.safe_in_dry_run, action) != config_.safe_in_dry_run.end();
}

}  // namespace quell
