// Deliveries out of files: as they came over the wire, or a body alone.
#include "orchestrator/alerts/capture.h"

#include <doctest/doctest.h>

#include "orchestrator/alerts/sample.h"

namespace quell::test {
namespace {

Timestamp after_epoch(std::int64_t seconds) { return Timestamp(std::chrono::seconds(seconds)); }

}  // namespace

TEST_CASE("a capture keeps the body that its length says, byte for byte") {
  const auto capture = parse_capture(
      "a note of whoever kept it\r\nPOST /hooks/am/x?y=1 HTTP/1.1\r\nHost: h\r\nX-A:  b \r\n"
      "Content-Length: 4\r\n\r\n{}\n\n\n");
  REQUIRE(capture);
  CHECK(capture->target == "/hooks/am/x?y=1");
  CHECK(capture->headers[1] == std::pair<std::string, std::string>("x-a", "b"));
  CHECK(capture->body == "{}\n\n");
  CHECK(parse_capture("{\"a\":1}\n")->body == "{\"a\":1}\n");
  CHECK_FALSE(parse_capture("{\"a\":1}\n")->has_head());
  CHECK(parse_capture("")->body.empty());
}

TEST_CASE("a capture that is broken is refused with what is wrong") {
  const auto why = [](std::string_view text) { return parse_capture(text).error().message; };
  CHECK(why("POST /x HTTP/1.1\nno colon here\n\n") == "a header has no name.");
  CHECK(why("POST /x HTTP/1.1\nContent-Length: x\n\n") == "Content-Length is no number.");
  CHECK(why("POST /x HTTP/1.1\nContent-Length: 9\n\nabc") ==
        "the body is shorter than Content-Length says.");
}

// Goal: what quell hook test sends is what the sender would, for each kind that it can sign for.
TEST_CASE("a sample of each kind verifies, and a source takes its own alone") {
  for (const SourceKind kind :
       {SourceKind::standard_webhooks, SourceKind::github, SourceKind::gitguardian,
        SourceKind::alertmanager, SourceKind::pagerduty, SourceKind::opsgenie, SourceKind::sentry,
        SourceKind::elastic, SourceKind::sentinel, SourceKind::slack, SourceKind::trufflehog}) {
    CAPTURE(to_string(kind));
    AlertSource source = preset_of(kind);
    source.name = "x";
    const bool is_whsec = kind == SourceKind::standard_webhooks;
    source.keys.push_back(
        {.secret = std::make_shared<const Secret>(Secret::copy_of(
             is_whsec ? "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" : "a-long-secret-1")),
         .named_at = "here"});
    if (source.proof != Proof::hmac) source.proof = Proof::bearer;
    const auto sample = sample_delivery(source, "id-1", after_epoch(1'767'225'600), "http://127.0.0.1:1");
    REQUIRE(sample);
    std::vector<std::pair<std::string, std::string>> headers;
    for (const HttpHeader& header : sample->headers) {
      headers.emplace_back(header.name, header.name == "authorization" ? "Bearer a-long-secret-1"
                                                                       : header.value.redacted());
    }
    const Delivery delivery{.body = sample->body, .headers = headers};
    const auto checked = verify_delivery(source, delivery, after_epoch(1'767'225'601));
    CHECK(std::holds_alternative<VerifiedDelivery>(checked));
    const std::string other = sample->body + " ";
    const auto changed =
        verify_delivery(source, {.body = other, .headers = headers}, after_epoch(1'767'225'601));
    CHECK(std::holds_alternative<DeliveryRefusal>(changed) == (source.proof == Proof::hmac));
  }
}

TEST_CASE("nobody but the sender signs with a key that quell knows the public half of") {
  AlertSource source = preset_of(SourceKind::github_partner);
  CHECK(sample_delivery(source, "1", after_epoch(0), "").error().topic == "hook");
}

}  // namespace quell::test
