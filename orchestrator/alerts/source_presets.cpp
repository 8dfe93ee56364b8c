// What each kind of sender signs and says, as data.
#include <algorithm>
#include <array>

#include "orchestrator/alerts/source.h"

namespace quell {
namespace {

using Words = std::span<const std::string_view>;

constexpr std::array<std::string_view, 17> kKindNames{"standard_webhooks",
                                                      "github",
                                                      "github_partner",
                                                      "gitguardian",
                                                      "alertmanager",
                                                      "grafana",
                                                      "pagerduty",
                                                      "opsgenie",
                                                      "splunk",
                                                      "elastic",
                                                      "sentinel",
                                                      "sentry",
                                                      "slack",
                                                      "trufflehog",
                                                      "shared_signals",
                                                      "hmac",
                                                      "bearer"};

constexpr std::array<std::string_view, 1> kFiring{"firing"};
constexpr std::array<std::string_view, 1> kTestAlert{"TestAlert"};
constexpr std::array<std::string_view, 1> kPing{"pagey.ping"};
constexpr std::array<std::string_view, 1> kCreate{"Create"};
constexpr std::array<std::string_view, 1> kTrue{"true"};
constexpr std::array<std::string_view, 4> kGithubLeaks{"created", "reopened", "validated",
                                                       "publicly_leaked"};
constexpr std::array<std::string_view, 2> kGitguardianOver{"incident_resolved", "incident_ignored"};
constexpr std::array<std::string_view, 1> kFired{"Fired"};

constexpr std::array<Quiet, 1> kGithubQuiet{{{.path = "action", .words = kGithubLeaks}}};
constexpr std::array<Quiet, 1> kGitguardianQuiet{
    {{.path = "action", .words = kGitguardianOver, .not_these = true}}};
constexpr std::array<Quiet, 1> kAlertmanagerQuiet{{{.path = "status", .words = kFiring}}};
constexpr std::array<Quiet, 2> kGrafanaQuiet{
    {{.path = "status", .words = kFiring},
     {.path = "labels.alertname", .words = kTestAlert, .not_these = true}}};
constexpr std::array<Quiet, 1> kPagerdutyQuiet{
    {{.path = "event.event_type", .words = kPing, .not_these = true}}};
constexpr std::array<Quiet, 1> kOpsgenieQuiet{{{.path = "action", .words = kCreate}}};
constexpr std::array<Quiet, 1> kTrufflehogQuiet{{{.path = "Verified", .words = kTrue}}};
constexpr std::array<Quiet, 1> kSentinelQuiet{
    {{.path = "data.essentials.monitorCondition", .words = kFired}}};

constexpr std::array<std::string_view, 1> kWebhookAbout{"data.id"};
constexpr std::array<std::string_view, 2> kWebhookEvent{"data.type", "type"};
constexpr std::array<std::string_view, 1> kActionEvent{"action"};
constexpr std::array<std::string_view, 1> kPagerdutyEvent{"event.event_type"};
constexpr std::array<std::string_view, 1> kLabelEvent{"labels.alertname"};
constexpr std::array<std::string_view, 1> kSplunkEvent{"search_name"};
constexpr std::array<std::string_view, 4> kGithubAbout{"repository.id", "alert.number", "action",
                                                       "alert.updated_at"};
constexpr std::array<std::string_view, 1> kToken{"token"};
constexpr std::array<std::string_view, 3> kGitguardianAbout{"incident.id", "action", "timestamp"};
constexpr std::array<std::string_view, 3> kFingerprintAbout{"fingerprint", "status", "startsAt"};
constexpr std::array<std::string_view, 1> kPagerdutyAbout{"event.id"};
constexpr std::array<std::string_view, 3> kOpsgenieAbout{"alert.alertId", "action",
                                                         "alert.updatedAt"};
constexpr std::array<std::string_view, 1> kSplunkAbout{"sid"};
constexpr std::array<std::string_view, 2> kElasticAbout{"alert_uuid", "action_group"};
constexpr std::array<std::string_view, 4> kSentinelAbout{
    "data.essentials.alertId", "data.essentials.monitorCondition",
    "object.properties.incidentNumber", "object.properties.status"};
constexpr std::array<std::string_view, 1> kSlackAbout{"trigger_id"};
constexpr std::array<std::string_view, 2> kTrufflehogSecrets{"Raw", "RawV2"};
constexpr std::array<std::string_view, 3> kTrufflehogAbout{"DetectorName", "Redacted", "Raw"};
constexpr std::array<std::string_view, 2> kSignalAbout{"sub_id", "jti"};

constexpr auto kDay = std::chrono::hours{24};
constexpr Duration kWeek{kDay * 7};
constexpr Duration kMonth{kDay * 30};

using Shape = Reading::Shape;
constexpr Reading kPlain{};
constexpr Reading kStandardWebhooks{.event_paths = kWebhookEvent, .correlation = kWebhookAbout};
constexpr Reading kGithub{.event_header = "x-github-event",
                          .correlation = kGithubAbout,
                          .quiet = kGithubQuiet,
                          .fresh_path = "alert.updated_at",
                          .fresh_for = kMonth};
constexpr Reading kGithubPartner{.shape = Shape::array, .correlation = kToken, .secrets = kToken};
constexpr Reading kGitguardian{
    .event_paths = kActionEvent, .correlation = kGitguardianAbout, .quiet = kGitguardianQuiet};
constexpr Reading kAlertmanager{.shape = Shape::members,
                                .members = "alerts",
                                .event_paths = kLabelEvent,
                                .correlation = kFingerprintAbout,
                                .quiet = kAlertmanagerQuiet};
constexpr Reading kGrafana{.shape = Shape::members,
                           .members = "alerts",
                           .event_paths = kLabelEvent,
                           .correlation = kFingerprintAbout,
                           .quiet = kGrafanaQuiet};
constexpr Reading kPagerduty{.event_paths = kPagerdutyEvent,
                             .correlation = kPagerdutyAbout,
                             .quiet = kPagerdutyQuiet,
                             .fresh_path = "event.occurred_at",
                             .fresh_for = kDay};
constexpr Reading kOpsgenie{
    .event_paths = kActionEvent, .correlation = kOpsgenieAbout, .quiet = kOpsgenieQuiet};
constexpr Reading kSplunk{.event_paths = kSplunkEvent, .correlation = kSplunkAbout};
constexpr Reading kElastic{.correlation = kElasticAbout};
constexpr Reading kSentinel{.correlation = kSentinelAbout, .quiet = kSentinelQuiet};
constexpr Reading kSentry{.event_header = "sentry-hook-resource"};
constexpr Reading kSlack{.shape = Shape::form, .correlation = kSlackAbout};
constexpr Reading kTrufflehog{.shape = Shape::lines,
                              .correlation = kTrufflehogAbout,
                              .secrets = kTrufflehogSecrets,
                              .quiet = kTrufflehogQuiet};
constexpr Reading kSharedSignals{.shape = Shape::token, .correlation = kSignalAbout};

const Reading& reading_of(SourceKind kind) {
  switch (kind) {
    case SourceKind::standard_webhooks:
      return kStandardWebhooks;
    case SourceKind::github:
      return kGithub;
    case SourceKind::github_partner:
      return kGithubPartner;
    case SourceKind::gitguardian:
      return kGitguardian;
    case SourceKind::alertmanager:
      return kAlertmanager;
    case SourceKind::grafana:
      return kGrafana;
    case SourceKind::pagerduty:
      return kPagerduty;
    case SourceKind::opsgenie:
      return kOpsgenie;
    case SourceKind::splunk:
      return kSplunk;
    case SourceKind::elastic:
      return kElastic;
    case SourceKind::sentinel:
      return kSentinel;
    case SourceKind::sentry:
      return kSentry;
    case SourceKind::slack:
      return kSlack;
    case SourceKind::trufflehog:
      return kTrufflehog;
    case SourceKind::shared_signals:
      return kSharedSignals;
    case SourceKind::hmac:
    case SourceKind::bearer:
      break;
  }
  return kPlain;
}

/// The vendors' own rules; what may be set is left as it is.
SignatureRule rule_of(SourceKind kind) {
  switch (kind) {
    case SourceKind::standard_webhooks:
      return {.header = "webhook-signature",
              .prefix = "v1,",
              .separator = ' ',
              .encoding = Encoding::base64,
              .key_form = KeyForm::whsec,
              .covered = Covered::id_time_body,
              .time_header = "webhook-timestamp",
              .id_header = "webhook-id"};
    case SourceKind::github:
      return {.header = "x-hub-signature-256", .prefix = "sha256="};
    case SourceKind::github_partner:
      return {.header = "github-public-key-signature",
              .encoding = Encoding::base64,
              .id_header = "github-public-key-identifier"};
    case SourceKind::gitguardian:
      return {.header = "gitguardian-signature",
              .prefix = "sha256=",
              .covered = Covered::time_in_key,
              .time_header = "timestamp"};
    case SourceKind::grafana:
      return {.header = "x-grafana-alerting-signature"};
    case SourceKind::pagerduty:
      return {.header = "x-pagerduty-signature", .prefix = "v1=", .separator = ','};
    case SourceKind::slack:
      return {.header = "x-slack-signature",
              .prefix = "v0=",
              .covered = Covered::v0_time_body,
              .time_header = "x-slack-request-timestamp"};
    case SourceKind::sentry:
      return {.header = "sentry-hook-signature"};
    case SourceKind::alertmanager:
    case SourceKind::opsgenie:
    case SourceKind::splunk:
    case SourceKind::elastic:
    case SourceKind::sentinel:
    case SourceKind::trufflehog:
    case SourceKind::shared_signals:
    case SourceKind::hmac:
    case SourceKind::bearer:
      break;
  }
  return {};
}

std::size_t body_bytes_of(SourceKind kind) {
  switch (kind) {
    case SourceKind::github_partner:
      return 4U << 20U;
    case SourceKind::github:
    case SourceKind::alertmanager:
    case SourceKind::grafana:
    case SourceKind::opsgenie:
    case SourceKind::splunk:
    case SourceKind::elastic:
    case SourceKind::sentinel:
    case SourceKind::sentry:
    case SourceKind::trufflehog:
      return 1U << 20U;
    case SourceKind::slack:
    case SourceKind::shared_signals:
      return 64U << 10U;
    case SourceKind::standard_webhooks:
    case SourceKind::gitguardian:
    case SourceKind::pagerduty:
    case SourceKind::hmac:
    case SourceKind::bearer:
      break;
  }
  return 256U << 10U;
}

Proof proof_of(SourceKind kind) {
  switch (kind) {
    case SourceKind::github_partner:
      return Proof::p256;
    case SourceKind::shared_signals:
      return Proof::jws;
    case SourceKind::alertmanager:
    case SourceKind::opsgenie:
    case SourceKind::elastic:
    case SourceKind::sentinel:
    case SourceKind::bearer:
      return Proof::bearer;
    case SourceKind::splunk:
      return Proof::path;
    case SourceKind::standard_webhooks:
    case SourceKind::github:
    case SourceKind::gitguardian:
    case SourceKind::grafana:
    case SourceKind::pagerduty:
    case SourceKind::slack:
    case SourceKind::sentry:
    case SourceKind::trufflehog:
    case SourceKind::hmac:
      break;
  }
  return Proof::hmac;
}

bool signs_time(const SignatureRule& rule) { return rule.covered != Covered::body; }

}  // namespace

std::string_view to_string(SourceKind kind) noexcept {
  return kKindNames[static_cast<std::size_t>(kind)];
}

std::optional<SourceKind> source_kind_from_string(std::string_view text) noexcept {
  const auto* const found = std::find(kKindNames.begin(), kKindNames.end(), text);
  if (found == kKindNames.end()) return std::nullopt;
  return static_cast<SourceKind>(found - kKindNames.begin());
}

AlertSource preset_of(SourceKind kind) {
  AlertSource source;
  source.kind = kind;
  source.proof = proof_of(kind);
  source.rule = rule_of(kind);
  source.body_bytes_max = body_bytes_of(kind);
  source.reading = &reading_of(kind);
  if (kind == SourceKind::gitguardian) source.tolerance = std::chrono::seconds{60};
  const bool signs_id =
      kind == SourceKind::standard_webhooks || kind == SourceKind::shared_signals;
  source.replay_by = signs_id ? ReplayBy::id
                     : source.proof != Proof::hmac || kind == SourceKind::pagerduty ||
                             kind == SourceKind::trufflehog
                         ? ReplayBy::correlation
                         : ReplayBy::body;
  source.retention = signs_time(source.rule) ? kWeek : kMonth;
  return source;
}

bool may_run_by_itself(const AlertSource& source) noexcept {
  switch (source.kind) {
    case SourceKind::standard_webhooks:
    case SourceKind::github:
    case SourceKind::github_partner:
    case SourceKind::gitguardian:
    case SourceKind::shared_signals:
      return true;
    case SourceKind::grafana:
    case SourceKind::trufflehog:
    case SourceKind::hmac:
      return signs_time(source.rule);
    case SourceKind::alertmanager:
    case SourceKind::opsgenie:
    case SourceKind::splunk:
    case SourceKind::elastic:
    case SourceKind::sentinel:
    case SourceKind::bearer:
      return source.mutual_tls;
    case SourceKind::pagerduty:
    case SourceKind::sentry:
    case SourceKind::slack:
      break;
  }
  return false;
}

}  // namespace quell
