#include "orchestrator/alerts/sample.h"

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "state/base/bytes.h"

namespace quell {
namespace {

std::string sample_body(SourceKind kind, std::string_view id, Timestamp now) {
  switch (kind) {
    case SourceKind::standard_webhooks:
      return fmt::format(
          R"({{"type":"event","id":"{}","created_at":"{}","data":{{"type":"quell.test","id":"{}"}}}})",
          id, format_rfc3339(now), id);
    case SourceKind::github:
      return fmt::format(R"({{"zen":"quell test","hook_id":"{}"}})", id);
    case SourceKind::gitguardian:
      return fmt::format(R"({{"action":"incident_resolved","incident":{{"id":"{}"}}}})", id);
    case SourceKind::alertmanager:
    case SourceKind::grafana:
      return fmt::format(
          R"({{"status":"resolved","alerts":[{{"status":"resolved","labels":{{"alertname":"TestAlert"}},"fingerprint":"{}"}}]}})",
          id);
    case SourceKind::pagerduty:
      return fmt::format(
          R"({{"event":{{"id":"{}","event_type":"pagey.ping","occurred_at":"{}"}}}})", id,
          format_rfc3339(now));
    case SourceKind::opsgenie:
      return fmt::format(R"({{"action":"Test","alert":{{"alertId":"{}"}}}})", id);
    case SourceKind::splunk:
      return fmt::format(R"({{"sid":"{}","search_name":"quell test","result":{{}}}})", id);
    case SourceKind::elastic:
      return fmt::format(R"({{"alert_uuid":"{}","action_group":"test"}})", id);
    case SourceKind::sentinel:
      return fmt::format(
          R"({{"data":{{"essentials":{{"alertId":"{}","monitorCondition":"Resolved"}}}}}})", id);
    case SourceKind::slack:
      return fmt::format("command=%2Fquell&text=test&trigger_id={}", id);
    case SourceKind::trufflehog:
      return fmt::format(R"({{"DetectorName":"{}","Verified":false}})", id);
    case SourceKind::sentry:
    case SourceKind::hmac:
    case SourceKind::bearer:
    case SourceKind::github_partner:
    case SourceKind::shared_signals:
      break;
  }
  return fmt::format(R"({{"type":"quell.test","id":"{}"}})", id);
}

std::string encoded(Encoding encoding, std::string_view bytes) {
  switch (encoding) {
    case Encoding::hex:
      return hex_encode(bytes);
    case Encoding::base64:
      return base64_encode(bytes);
    case Encoding::base64url:
      return base64url_encode(bytes);
  }
  return {};
}

void add_signature(const AlertSource& source, const SourceKey& key, std::string_view id,
                   Timestamp now, SampleDelivery& sample) {
  const SignatureRule& rule = source.rule;
  const std::string time = std::to_string(
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
  const auto mac = mac_of(rule.digest, rule.key_form, *key.secret,
                          rule.covered == Covered::time_in_key ? time : "",
                          signed_bytes(source, id, time, sample.body));
  std::string value = rule.prefix + encoded(rule.encoding, mac.value_or(""));
  if (!rule.time_prefix.empty()) value = rule.time_prefix + time + rule.separator + value;
  sample.headers.push_back({.name = rule.header, .value = value});
  if (!rule.time_header.empty())
    sample.headers.push_back({.name = rule.time_header, .value = time});
  if (!rule.id_header.empty())
    sample.headers.push_back({.name = rule.id_header, .value = std::string(id)});
}

}  // namespace

Result<SampleDelivery> sample_delivery(const AlertSource& source, std::string_view id,
                                       Timestamp now, const std::string& origin) {
  Result<SampleDelivery> sample =
      sign_delivery(source, id, now, origin, sample_body(source.kind, id, now));
  if (!sample) return sample;
  if (source.kind == SourceKind::github)
    sample->headers.push_back({.name = "x-github-event", .value = "ping"});
  if (source.kind == SourceKind::sentry)
    sample->headers.push_back({.name = "sentry-hook-resource", .value = "test"});
  return sample;
}

Result<SampleDelivery> sign_delivery(const AlertSource& source, std::string_view id, Timestamp now,
                                     const std::string& origin, std::string body) {
  if (source.keys.empty() || source.proof == Proof::p256 || source.proof == Proof::jws) {
    return make_error(ErrorCode::invalid, "hook",
                      "only the sender can sign for " + source.name + ": quell has a public key.",
                      "have the sender send a test");
  }
  if (source.proof == Proof::path) {
    return make_error(
        ErrorCode::invalid, "hook",
        "the secret of " + source.name + " is part of the URL, and quell puts no secret into one.",
        "have the sender send a test");
  }
  SampleDelivery sample{.body = std::move(body)};
  sample.headers.push_back({.name = "content-type",
                            .value = source.kind == SourceKind::slack
                                         ? "application/x-www-form-urlencoded"
                                         : "application/json"});
  const SourceKey& key = source.keys.front();
  if (source.proof == Proof::hmac) {
    add_signature(source, key, id, now, sample);
    return sample;
  }
  SecretText secret;
  secret.append({.secret = key.secret, .origins = {origin}}, SecretEncoding::raw);
  SecretText value(source.proof == Proof::bearer ? "Bearer " : "Basic ");
  if (source.proof == Proof::bearer) {
    value.append({.secret = key.secret, .origins = {origin}}, SecretEncoding::raw);
  } else {
    value.append_base64(std::move(secret));
  }
  sample.headers.push_back({.name = "authorization", .value = std::move(value)});
  return sample;
}

}  // namespace quell
