// What leaves for each kind of destination, byte for byte.
#include "orchestrator/notify/render.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "orchestrator/notify/destination.h"
#include "state/base/json.h"

namespace quell::test {
namespace {

Notice refuted() {
  return {.event = NoticeEvent::refuted,
          .at = *parse_rfc3339("2031-03-04T05:06:07Z"),
          .seq = 42,
          .run = {.number = 17},
          .playbook = "leaked-vault",
          .origin = AnswerOrigin::outside,
          .targets = {"sesn_01", "vcrd_02"}};
}

SecretPtr secret(const std::string& text) {
  return std::make_shared<const Secret>(Secret::copy_of(text));
}

constexpr std::string_view kLink = "https://quell.example.com/runs/r17x";

std::string pagerduty(const Notice& notice, std::string_view link) {
  return pagerduty_body(notice, link,
                        {.secret = secret("0123456789abcdef0123456789abcdef"),
                         .origins = {"https://events.pagerduty.com"}})
      .redacted();
}

}  // namespace

TEST_CASE("Slack gets a header, plain lines and a button") {
  CHECK(
      slack_body(refuted(), kLink) ==
      R"({"blocks":[{"text":{"text":"quell: run r17x: something that should be dead still works","type":"plain_text"},"type":"header"},)"
      R"({"text":{"text":"playbook: leaked-vault\nstill works: sesn_01, vcrd_02\nat: 2031-03-04T05:06:07.000Z","type":"plain_text"},"type":"section"},)"
      R"({"elements":[{"text":{"text":"Open","type":"plain_text"},"type":"button","url":"https://quell.example.com/runs/r17x"}],"type":"actions"}],)"
      R"("text":"quell: run r17x: something that should be dead still works"})");
}

TEST_CASE("PagerDuty gets a trigger, and the end of a contained run resolves it") {
  CHECK(
      pagerduty(refuted(), kLink) ==
      R"({"routing_key":"[secret]","client":"quell","dedup_key":"quell/r17x","event_action":"trigger",)"
      R"("links":[{"href":"https://quell.example.com/runs/r17x","text":"Run"}],)"
      R"("payload":{"class":"refuted","component":"revocation","custom_details":{"event":"refuted","origin":"outside","playbook":"leaked-vault","run_id":"r17x","sequence":42,"targets":["sesn_01","vcrd_02"]},)"
      R"("severity":"critical","source":"quell","summary":"quell: run r17x: something that should be dead still works","timestamp":"2031-03-04T05:06:07.000Z"}})");
  Notice end{.event = NoticeEvent::finished,
             .seq = 43,
             .run = {.number = 17},
             .result = RunResult::contained};
  CHECK(
      pagerduty(end, kLink) ==
      R"({"routing_key":"[secret]","client":"quell","dedup_key":"quell/r17x","event_action":"resolve"})");
  const auto severity = [](NoticeEvent event, std::optional<RunResult> result) {
    Notice notice{.event = event, .run = {.number = 17}, .result = result};
    const Result<Value> body = parse_json(pagerduty(notice, ""));
    REQUIRE(body);
    return (*body)["payload"]["severity"].string_or("");
  };
  CHECK(severity(NoticeEvent::proposed, {}) == "error");
  CHECK(severity(NoticeEvent::approval_wanted, {}) == "error");
  CHECK(severity(NoticeEvent::break_glass, {}) == "critical");
  CHECK(severity(NoticeEvent::disarmed, {}) == "error");
  CHECK(severity(NoticeEvent::alerts_shed, {}) == "warning");
  CHECK(severity(NoticeEvent::finished, RunResult::exposed) == "critical");
  CHECK(severity(NoticeEvent::finished, RunResult::failed) == "error");
  CHECK(severity(NoticeEvent::finished, std::nullopt) == "critical");
}

TEST_CASE("a signed post is type, timestamp and data") {
  CHECK(
      signed_post_body(refuted(), kLink) ==
      R"({"data":{"event":"refuted","link":"https://quell.example.com/runs/r17x","origin":"outside","playbook":"leaked-vault","run_id":"r17x","sequence":42,"targets":["sesn_01","vcrd_02"]},"timestamp":"2031-03-04T05:06:07.000Z","type":"credential.still_live"})");
}

// Goal: any Standard Webhooks receiver verifies what we sign.
// Method: a vector on which three other implementations agree, and the rotation beside it.
TEST_CASE("the signature is that of Standard Webhooks") {
  const std::string body =
      R"({"type":"credential.leaked","timestamp":"2026-01-01T00:00:00Z","data":{"id":"cred_01TEST","provider":"aws","kind":"access_key"}})";
  REQUIRE(body.size() == 128);
  const SecretPtr now = secret("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
  const SecretPtr old = secret("whsec_qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=");
  CHECK(webhook_signature(std::vector{now}, "msg_quelltest0001", 1'767'225'600, body) ==
        "v1,ybkkwkN2KTN+zywHQP6cq+TMzTgT3CXBeRULsyU8H4M=");
  CHECK(webhook_signature(std::vector{old, now}, "msg_quelltest0001", 1'767'225'600, body) ==
        "v1,YZT7dYqYjIHJEJQRlR0b3T55jwmnVA34qb9hsUcMTZc= "
        "v1,ybkkwkN2KTN+zywHQP6cq+TMzTgT3CXBeRULsyU8H4M=");
}

// Goal: a hostile name neither calls a channel, nor links, nor turns a line around (threat T33).
TEST_CASE("hostile names are shown and do nothing") {
  Notice notice = refuted();
  notice.targets = {"<!channel>", "a&b", "\x1b[2J",
                    "\xe2\x80\xae"
                    "evil",
                    "\r\nX: y"};
  notice.who = "<https://evil.example|mara>";
  const std::string slack = slack_body(notice, kLink);
  CHECK(slack.find("<") == std::string::npos);
  CHECK(slack.find(">") == std::string::npos);
  CHECK(slack.find(
            "&lt;!channel&gt;, a&amp;b, \\\\u{1b}[2J, \\\\u{202e}evil, \\\\u{0d}\\\\u{0a}X: y") !=
        std::string::npos);
  CHECK(slack.find("mrkdwn") == std::string::npos);
  for (const std::string& body :
       {slack, pagerduty(notice, kLink), signed_post_body(notice, kLink)}) {
    CAPTURE(body);
    CHECK(body.find('\x1b') == std::string::npos);
    CHECK(body.find("\xe2\x80\xae") == std::string::npos);
    CHECK(body.find("\\r") == std::string::npos);
    CHECK(parse_json(body));
  }
  notice.targets = {std::string(100'000, 'a')};
  CHECK(slack_body(notice, kLink).size() < 3'000);
}

// Goal: before containment no body of an open destination names a target (threat T48).
TEST_CASE("an open destination's body names no target before containment") {
  Notice notice = refuted();
  notice.who = "mara";
  for (const DestinationKind kind :
       {DestinationKind::slack, DestinationKind::pagerduty, DestinationKind::signed_post}) {
    const bool slack = kind == DestinationKind::slack;
    const Destination destination{
        .name = "x",
        .kind = kind,
        .url = slack ? "" : "https://hooks.example.com/a",
        .secrets = {secret(slack ? "https://hooks.example.com/services/T/B/x"
                                 : "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")}};
    const HttpRequest request =
        request_for(destination, notice, "https://quell.example.com", "msg_1", notice.at);
    const std::string body = request.body.redacted();
    CAPTURE(body);
    CHECK(body.find("r17x") != std::string::npos);
    CHECK(body.find(kLink) != std::string::npos);
    for (const char* word : {"sesn_01", "vcrd_02", "leaked-vault", "mara"})
      CHECK(body.find(word) == std::string::npos);
    CHECK(request.effect == Effect::notify);
    CHECK(request.timeout == Duration{10'000});
    CHECK(request.body_bytes_max == 65'536);
    CHECK(request.url ==
          (slack ? "https://hooks.example.com/services/T/B/x" : "https://hooks.example.com/a"));
  }
}

TEST_CASE("a link needs a public URL and a run") {
  CHECK(link_of("https://quell.example.com", refuted()) == kLink);
  CHECK(link_of("", refuted()).empty());
  CHECK(link_of("https://quell.example.com", Notice{}).empty());
  CHECK(slack_body(Notice{}, "").find("button") == std::string::npos);
}

}  // namespace quell::test
