#include "orchestrator/notify/render.h"

#include <utility>
#include <vector>

#include "orchestrator/alerts/signature.h"
#include "state/base/assert.h"
#include "state/base/bytes.h"
#include "state/base/json.h"

namespace quell {
namespace {

constexpr std::size_t kTextBytesMax = 120;  // of one id or name

/// A text of somebody else: bounded, and nothing in it acts on who reads it.
std::string fit(std::string_view text) { return escape_untrusted(text.substr(0, kTextBytesMax)); }

std::string slack_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string title_of(const Notice& notice) {
  const std::string run = "run " + to_string(notice.run);
  switch (notice.event) {
    case NoticeEvent::proposed:
      return run + ", proposed by an alert, waits for approval";
    case NoticeEvent::approval_wanted:
      return run + " waits for approval";
    case NoticeEvent::refuted:
      return run + ": something that should be dead still works";
    case NoticeEvent::break_glass:
      return run + ": break-glass was used";
    case NoticeEvent::finished:
      return run + " finished" +
             (notice.result ? ": " + std::string(to_string(*notice.result)) : std::string());
    case NoticeEvent::disarmed:
      return "automation is switched off";
    case NoticeEvent::intervened:
      // What was done may tell an intruder too much; that somebody did something may not.
      return (notice.run.number > 0 ? run + ": " : std::string()) +
             (notice.act.empty() ? std::string("somebody stepped in")
                                 : "somebody " + std::string(notice.act));
    case NoticeEvent::alerts_shed:
      return "alerts were shed: " + std::to_string(notice.shed.value_or(0));
    case NoticeEvent::preflight_worse:
      return "a credential could not be killed at its issuer any more";
    case NoticeEvent::test:
      return "test notice";
  }
  return {};
}

/// The fields that are there, by name.
ValueMap fields_of(const Notice& notice, std::string_view link) {
  ValueMap fields{{"event", to_string(notice.event)}};
  const auto count = [&](const char* name, const std::optional<std::int64_t>& number) {
    if (number) fields.emplace(name, *number);
  };
  if (notice.seq > 0) fields.emplace("sequence", notice.seq);
  if (notice.run.number > 0) fields.emplace("run_id", to_string(notice.run));
  if (!notice.playbook.empty()) fields.emplace("playbook", fit(notice.playbook));
  if (notice.origin) fields.emplace("origin", to_string(*notice.origin));
  if (notice.result) fields.emplace("result", to_string(*notice.result));
  count("proved", notice.proved);
  count("refuted", notice.refuted);
  count("unproved", notice.unproved);
  count("approvals_needed", notice.need);
  count("shed", notice.shed);
  if (!notice.who.empty()) fields.emplace("who", fit(notice.who));
  if (!notice.act.empty()) fields.emplace("act", notice.act);
  if (!link.empty()) fields.emplace("link", link);
  if (!notice.targets.empty()) {
    ValueList targets;
    for (const std::string& target : notice.targets) targets.emplace_back(fit(target));
    fields.emplace("targets", Value(std::move(targets)));
  }
  return fields;
}

/// The fields as lines for people.
std::string words_of(const Notice& notice) {
  std::string words;
  const auto line = [&words](std::string_view name, const std::string& text) {
    words += (words.empty() ? "" : "\n") + std::string(name) + ": " + text;
  };
  if (!notice.playbook.empty()) line("playbook", fit(notice.playbook));
  if (notice.origin && *notice.origin != AnswerOrigin::outside)
    line("answers came from", std::string(to_string(*notice.origin)));
  if (notice.proved) {
    line("claims", std::to_string(*notice.proved) + " proved, " +
                       std::to_string(notice.refuted.value_or(0)) + " refuted, " +
                       std::to_string(notice.unproved.value_or(0)) + " unproved");
  }
  if (notice.need) line("approvals needed", std::to_string(*notice.need));
  if (!notice.who.empty()) line("who", fit(notice.who));
  std::string targets;
  for (const std::string& target : notice.targets)
    targets += (targets.empty() ? "" : ", ") + fit(target);
  const bool is_preflight = notice.event == NoticeEvent::preflight_worse;
  if (!targets.empty()) line(is_preflight ? "could not be killed today" : "still works", targets);
  line("at", format_rfc3339(notice.at));
  return words;
}

Value plain_text(std::string text) {
  return Value::map({{"type", "plain_text"}, {"text", std::move(text)}});
}

std::string_view severity_of(const Notice& notice) {
  switch (notice.event) {
    case NoticeEvent::refuted:
    case NoticeEvent::break_glass:
      return "critical";
    case NoticeEvent::finished:
      // A result that may not be told is taken for the worst.
      return notice.result && *notice.result != RunResult::exposed ? "error" : "critical";
    case NoticeEvent::proposed:
    case NoticeEvent::approval_wanted:
    case NoticeEvent::disarmed:
    case NoticeEvent::intervened:
      return "error";
    case NoticeEvent::alerts_shed:
    case NoticeEvent::preflight_worse:
      return "warning";
    case NoticeEvent::test:
      return "info";
  }
  return {};
}

/// Where Standard Webhooks receivers switch: the names that a run's life and a credential have.
std::string_view webhook_type_of(const Notice& notice) {
  switch (notice.event) {
    case NoticeEvent::proposed:
    case NoticeEvent::approval_wanted:
      return "run.proposed";
    case NoticeEvent::refuted:
      return "credential.still_live";
    case NoticeEvent::break_glass:
      return "run.approved";
    case NoticeEvent::finished:
      return !notice.result || *notice.result == RunResult::contained ? "run.completed"
                                                                      : "run.failed";
    case NoticeEvent::disarmed:
      return "automation.disarmed";
    case NoticeEvent::intervened:
      return "person.intervened";
    case NoticeEvent::alerts_shed:
      return "alerts.shed";
    case NoticeEvent::preflight_worse:
      return "preflight.worse";
    case NoticeEvent::test:
      return "test";
  }
  return {};
}

}  // namespace

std::string link_of(std::string_view public_url, const Notice& notice) {
  if (public_url.empty() || notice.run.number == 0) return {};
  return std::string(public_url) + "/runs/" + to_string(notice.run);
}

std::string slack_body(const Notice& notice, std::string_view link) {
  const std::string title = slack_text("quell: " + title_of(notice));
  ValueList blocks{
      Value::map({{"type", "header"}, {"text", plain_text(title)}}),
      Value::map({{"type", "section"}, {"text", plain_text(slack_text(words_of(notice)))}})};
  if (!link.empty()) {
    const Value button =
        Value::map({{"type", "button"}, {"text", plain_text("Open")}, {"url", link}});
    blocks.push_back(Value::map({{"type", "actions"}, {"elements", Value::list({button})}}));
  }
  return to_json(Value::map({{"text", title}, {"blocks", Value(std::move(blocks))}}));
}

SecretText pagerduty_body(const Notice& notice, std::string_view link,
                          const BoundSecret& routing_key) {
  const std::string subject =
      notice.run.number > 0 ? to_string(notice.run) : std::string(to_string(notice.event));
  const bool resolves =
      notice.event == NoticeEvent::finished && notice.result == RunResult::contained;
  ValueMap body{{"client", "quell"},
                {"dedup_key", "quell/" + subject},
                {"event_action", resolves ? "resolve" : "trigger"}};
  if (!resolves) {
    body.emplace("payload", Value::map({{"summary", "quell: " + title_of(notice)},
                                        {"source", "quell"},
                                        {"severity", severity_of(notice)},
                                        {"component", "revocation"},
                                        {"class", to_string(notice.event)},
                                        {"timestamp", format_rfc3339(notice.at)},
                                        {"custom_details", Value(fields_of(notice, ""))}}));
    if (!link.empty()) {
      body.emplace("links", Value::list({Value::map({{"href", link}, {"text", "Run"}})}));
    }
  }
  SecretText text(R"({"routing_key":")");
  text.append(routing_key, SecretEncoding::json);
  text.append("\"," + to_json(Value(std::move(body))).substr(1));
  return text;
}

std::string signed_post_body(const Notice& notice, std::string_view link) {
  return to_json(Value::map({{"type", webhook_type_of(notice)},
                             {"timestamp", format_rfc3339(notice.at)},
                             {"data", Value(fields_of(notice, link))}}));
}

std::string webhook_signature(std::span<const SecretPtr> secrets, std::string_view id,
                              std::int64_t seconds, std::string_view body) {
  const std::string covered =
      std::string(id) + "." + std::to_string(seconds) + "." + std::string(body);
  std::string header;
  for (const SecretPtr& secret : secrets) {
    const std::optional<std::string> mac =
        mac_of(Digest::sha256, KeyForm::whsec, *secret, "", covered);
    QUELL_ASSERT(mac.has_value());  // its form was checked with the configuration
    header += (header.empty() ? "v1," : " v1,") + base64_encode(*mac);
  }
  return header;
}

}  // namespace quell
