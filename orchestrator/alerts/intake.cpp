#include "orchestrator/alerts/intake.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <utility>

#include "orchestrator/alerts/security_event.h"
#include "state/base/json.h"

namespace quell {
namespace {

constexpr std::string_view kRoot = "/hooks/";
constexpr std::chrono::seconds kAnswerWait{4};  // the shortest patience among senders is five
constexpr double kBurstSeconds = 2;
constexpr int kToldPerMinute = 10;
constexpr Duration kSummaryEvery{std::chrono::minutes{1}};
constexpr std::string_view kRetryAfterSeconds = "2";
constexpr std::string_view kNoSuchPath = "no such path";

HttpReply reply(int status, std::string body) {
  HttpReply answer;
  answer.status = status;
  answer.headers = {{"content-type", "application/json"}};
  answer.body = std::move(body);
  return answer;
}

HttpReply refusal(int status, std::string_view why, std::string_view err) {
  HttpReply answer = reply(
      status, to_json(err.empty() ? Value::map({{"error", std::string(why)}})
                                  : Value::map({{"err", std::string(err)},
                                                {"description", std::string(why)}})));
  if (!err.empty()) answer.headers.emplace_back("content-language", "en");
  if (status == 429 || status == 503)
    answer.headers.emplace_back("retry-after", std::string(kRetryAfterSeconds));
  return answer;
}

Value filed_value(const FiledAlert& filed) {
  ValueMap row{{"id", filed.id}, {"run", filed.run ? Value(to_string(*filed.run)) : Value()}};
  if (filed.repeated) row["repeated"] = true;
  if (filed.joined) row["joined"] = true;
  if (!filed.why.empty()) row["why"] = filed.why;
  return Value(std::move(row));
}

/// GitHub learns which of the tokens were real: those that a run now works on. By hash, since the
/// token itself has no business in an answer.
std::string partner_feedback(const VerifiedDelivery& delivery,
                             const std::vector<FiledAlert>& filed) {
  ValueList rows;
  for (std::size_t i = 0; i < filed.size(); ++i) {
    if (!filed[i].run) continue;
    rows.push_back(Value::map({{"token_hash", delivery.alerts[i].correlation},
                               {"token_type", delivery.alerts[i].body["type"].string_or("")},
                               {"label", "true_positive"}}));
  }
  return to_json(Value(std::move(rows)));
}

/// A person reads this one.
std::string slack_text(const FiledAlert& filed) {
  const std::string words =
      filed.run ? to_string(*filed.run) + " waits: quell show " + to_string(*filed.run)
                : filed.id + " lies in the inbox: " + filed.why;
  return to_json(Value::map({{"response_type", "ephemeral"}, {"text", words}}));
}

HttpReply answer_of(const AlertSource& source, const VerifiedDelivery& delivery,
                    const std::vector<FiledAlert>& filed) {
  if (source.kind == SourceKind::github_partner)
    return reply(200, partner_feedback(delivery, filed));
  // RFC 8935 section 2.2: nothing is said beyond the status.
  if (source.kind == SourceKind::shared_signals) return HttpReply{.status = 202};
  if (source.kind == SourceKind::slack && !filed.empty())
    return reply(200, slack_text(filed.front()));
  ValueList rows;
  for (const FiledAlert& one : filed) rows.push_back(filed_value(one));
  return reply(202, to_json(Value::map({{"alerts", Value(std::move(rows))}})));
}

}  // namespace

AlertIntake::AlertIntake(Parts parts) : parts_(std::move(parts)) {
  for (const AlertSource& source : parts_.sources) by_name_.emplace(source.name, &source);
}

HttpReply AlertIntake::handle(const HttpCall& call) {
  std::string_view target = call.target;
  target = target.substr(0, target.find('?'));
  if (!target.starts_with(kRoot)) return refuse("", call, 404, kNoSuchPath);
  target.remove_prefix(kRoot.size());
  const std::size_t slash = target.find('/');
  const auto found = by_name_.find(target.substr(0, slash));
  if (found == by_name_.end()) return refuse("", call, 404, kNoSuchPath);
  const AlertSource& source = *found->second;
  if (call.method != "POST" && call.method != "PUT")
    return refuse(source.name, call, 405, "method");
  const Delivery delivery{
      .path_token = slash == std::string_view::npos ? std::string_view() : target.substr(slash + 1),
      .body = call.body,
      .headers = call.headers,
      .client_verified = call.client_verified};
  auto checked = verify(source, delivery);
  if (const auto* const refused = std::get_if<DeliveryRefusal>(&checked))
    return refuse(source.name, call, refused->status, refused->why, refused->err);
  if (!takes(source)) return refuse(source.name, call, 429, "rate");
  return file(source, call, std::move(std::get<VerifiedDelivery>(checked)));
}

std::variant<VerifiedDelivery, DeliveryRefusal> AlertIntake::verify(
    const AlertSource& source, const Delivery& delivery) const {
  const auto fetched = parts_.fetched_keys.find(source.name);
  if (fetched == parts_.fetched_keys.end())
    return verify_delivery(source, delivery, parts_.clock.now());
  if (delivery.body.size() > source.body_bytes_max)
    return DeliveryRefusal{.status = 413, .why = "size"};
  const std::string id = source.proof == Proof::jws
                             ? key_named_by(delivery.body)
                             : std::string(delivery.header(source.rule.id_header));
  // What names no key asks for none: rubbish costs the sender's server nothing.
  if (id.empty()) return verify_delivery(source, delivery, parts_.clock.now());
  FetchedKeys::Found found = fetched->second->keys_for(id);
  AlertSource current = source;
  for (PublicKey& key : found.keys) current.public_keys.push_back(std::move(key));
  auto verified = verify_delivery(current, delivery, parts_.clock.now());
  const auto* const refused = std::get_if<DeliveryRefusal>(&verified);
  // RFC 8935 section 2.4: what is answered 400 is never sent again, and its key may just be new.
  if (source.proof == Proof::jws && !found.settled && refused != nullptr &&
      refused->why == kUnknownKey)
    return keys_out_of_reach();
  return verified;
}

bool AlertIntake::takes(const AlertSource& source) {
  const Timestamp now = parts_.clock.now();
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto [bucket, made] = buckets_.try_emplace(source.name);
  Bucket& own = bucket->second;
  const double most = std::max(source.rate * kBurstSeconds, 1.0);
  const double since =
      made ? kBurstSeconds : std::chrono::duration<double>(now - own.filled).count();
  own.tokens = std::min(most, own.tokens + std::max(since, 0.0) * source.rate);
  if (made) own.tokens = most;
  own.filled = now;
  if (own.tokens < 1) return false;
  own.tokens -= 1;
  return true;
}

HttpReply AlertIntake::file(const AlertSource& source, const HttpCall& call,
                            VerifiedDelivery delivery) {
  struct Work {
    VerifiedDelivery delivery{};
    std::vector<FiledAlert> filed{};
    std::promise<Status> durable{};
  };
  const auto work = std::make_shared<Work>();
  work->delivery = std::move(delivery);
  std::future<Status> durable = work->durable.get_future();
  AlertDesk& desk = parts_.desk;
  parts_.engine.submit(Errand{.work = [work, &desk, &source]() -> Status {
                                Result<std::vector<FiledAlert>> filed =
                                    desk.file(source, work->delivery);
                                if (!filed) return filed.error();
                                work->filed = *std::move(filed);
                                return ok();
                              },
                              .done =
                                  [work, &desk](Status status) {
                                    desk.turn_is_durable();
                                    work->durable.set_value(std::move(status));
                                  }});
  // Whoever comes again with what was filed meanwhile is told that it was here.
  if (durable.wait_for(kAnswerWait) != std::future_status::ready)
    return refuse(source.name, call, 503, "busy");
  if (const Status status = durable.get(); !status) return refuse(source.name, call, 503, "state");
  for (const FiledAlert& one : work->filed) {
    if (parts_.tell) {
      parts_.tell({.kind = IntakeEvent::Kind::filed,
                   .source = source.name,
                   .peer = call.remote_address,
                   .status = 202,
                   .why = one.why,
                   .alert = one});
    }
  }
  return answer_of(source, work->delivery, work->filed);
}

HttpReply AlertIntake::refuse(const std::string& source, const HttpCall& call, int status,
                              std::string_view why, std::string_view err) {
  bool tells = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    Refusals& own = refusals_[source];
    ++own.by_cause[std::string(why)];
    tells = ++own.told <= kToldPerMinute;
  }
  if (tells && parts_.tell) {
    parts_.tell({.kind = status == 429 || status == 503 ? IntakeEvent::Kind::shed
                                                        : IntakeEvent::Kind::refused,
                 .source = source,
                 .peer = call.remote_address,
                 .status = status,
                 .why = std::string(why)});
  }
  // Which check failed is for the log: a forger learns nothing.
  return refusal(status, status == 401 ? "not accepted" : why, err);
}

void AlertIntake::summarize(Timestamp now) {
  if (now - summarized_ < kSummaryEvery) return;
  std::map<std::string, Refusals> refusals;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    refusals.swap(refusals_);
  }
  summarized_ = now;
  if (refusals.empty()) return;
  ValueMap sources;
  for (const auto& [source, own] : refusals) {
    ValueMap causes;
    for (const auto& [cause, count] : own.by_cause) causes.emplace(cause, count);
    sources.emplace(source.empty() ? "no source" : source, Value(std::move(causes)));
  }
  parts_.engine.note(EntryKind::alerts_refused, {{"refused", Value(std::move(sources))}});
}

}  // namespace quell
