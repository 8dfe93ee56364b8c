// `notify` and `public_url` of the configuration: what they yield, and what is said to mistakes.
#include "orchestrator/config_notify.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "orchestrator/playbook/diagnostics.h"

namespace quell::test {
namespace {

struct Read {
  NotifySettings settings{};
  std::vector<std::string> findings{};  // line: message
};

Read read(const std::string& yaml) {
  const SourceText text(yaml);
  Findings findings(text);
  YamlNode root;
  REQUIRE(parse_yaml(findings, root));
  Read result;
  read_notify(root, "quell.yaml", result.settings, findings);
  for (const Diagnostic& found : findings.take())
    result.findings.push_back(std::to_string(found.at.line) + ": " + found.message);
  return result;
}

std::vector<std::string> mistakes(const std::string& yaml) { return read(yaml).findings; }

Result<std::vector<Destination>> resolved(const std::string& yaml, const std::string& secret) {
  Read result = read(yaml);
  REQUIRE(result.findings.empty());
  return resolve_destinations(
      std::move(result.settings.destinations),
      {.environment = [secret](const std::string&) { return std::optional<std::string>(secret); }});
}

using Mistakes = std::vector<std::string>;

}  // namespace

TEST_CASE("destinations are read with what their kind has by itself") {
  const Read all = read(R"(- {kind: slack, url: "secret://env/SLACK"}
- {kind: pagerduty, routing_key: secret://file/pd-key, confidential: true, events: [finished, refuted]}
- kind: signed_post
  name: soc
  url: https://soc.example.com/in
  secrets: [secret://env/NEW, secret://env/OLD]
)");
  CHECK(all.findings == Mistakes{});
  const auto& list = all.settings.destinations;
  REQUIRE(list.size() == 3);
  CHECK(list[0].destination.name == "slack");
  CHECK(list[0].destination.kind == DestinationKind::slack);
  CHECK(list[0].destination.events.size() == 9);
  CHECK_FALSE(list[0].destination.confidential);
  CHECK(list[0].keys.size() == 1);
  CHECK(list[1].destination.url == "https://events.pagerduty.com/v2/enqueue");
  CHECK(list[1].destination.confidential);
  CHECK(list[1].destination.events ==
        std::set<NoticeEvent>{NoticeEvent::finished, NoticeEvent::refuted});
  CHECK(list[1].keys.front().named_at == "quell.yaml:2");
  CHECK(list[2].destination.name == "soc");
  CHECK(list[2].keys.size() == 2);
}

TEST_CASE("mistakes are named with their line") {
  CHECK(mistakes("- {url: x}") == Mistakes{"1: a destination needs a kind"});
  CHECK(mistakes("- {kind: smoke}") ==
        Mistakes{"1: kind is none of slack, pagerduty, signed_post"});
  CHECK(mistakes("- {kind: slack}") == Mistakes{"1: kind slack needs url"});
  CHECK(mistakes("- {kind: pagerduty}") == Mistakes{"1: kind pagerduty needs routing_key"});
  CHECK(mistakes("- {kind: signed_post, url: \"https://a.example\"}") ==
        Mistakes{"1: kind signed_post needs secrets"});
  CHECK(mistakes("- {kind: signed_post, secrets: [secret://env/A]}") ==
        Mistakes{"1: kind signed_post needs a url"});
  CHECK(mistakes("- kind: slack\n  url: https://hooks.slack.com/services/T/B/x\n") ==
        Mistakes{"2: url is a reference, never the secret itself"});
  CHECK(mistakes("- kind: slack\n  url: secret://env/A\n  routing_key: secret://env/B\n") ==
        Mistakes{"3: unknown key \"routing_key\""});
  CHECK(mistakes("- kind: slack\n  url: secret://env/A\n  events: [finnished]\n").size() == 1);
  CHECK(mistakes("- {kind: slack, url: \"secret://env/A\", confidential: maybe}") ==
        Mistakes{"1: confidential is true or false"});
  CHECK(mistakes("- {kind: slack, url: \"secret://env/A\"}\n- {kind: slack, url: "
                 "\"secret://env/B\"}\n") == Mistakes{"2: two destinations are called slack"});
  CHECK(mistakes("- {kind: slack, url: \"secret://env/A\", name: \"My Slack\"}").size() == 1);
  for (const char* url : {"http://soc.example.com/in", "ftp://soc.example.com", "soc"}) {
    CAPTURE(url);
    CHECK(mistakes("- {kind: signed_post, secrets: [secret://env/A], url: \"" + std::string(url) +
                   "\"}") == Mistakes{"1: url is no https URL"});
  }
}

// Goal: a secret of the wrong form is found at the start, and never shown.
TEST_CASE("secrets must be of the form that their kind wants") {
  const std::string slack = "- {kind: slack, url: \"secret://env/A\"}";
  const std::string post =
      "- {kind: signed_post, url: \"https://a.example/in\", secrets: [secret://env/A]}";
  const auto good = resolved(slack, "https://hooks.slack.com/services/T/B/x");
  REQUIRE(good);
  CHECK(good->front().secrets.size() == 1);
  CHECK(good->front().url.empty());
  for (const auto& [yaml, secret] : std::vector<std::pair<std::string, std::string>>{
           {slack, "http://hooks.slack.com/services/T/B/canary"},
           {slack, "canary-no-url"},
           {post, "canary-no-whsec"},
           {post, "whsec_canary"}}) {
    const auto bad = resolved(yaml, secret);
    REQUIRE_FALSE(bad);
    CHECK(bad.error().topic == "secret");
    CHECK(describe(bad.error()).find("quell.yaml:1") != std::string::npos);
    CHECK(describe(bad.error()).find("canary") == std::string::npos);
  }
  CHECK(resolved(post, "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="));
}

TEST_CASE("the public URL is https and loses its last slash") {
  const auto read_url = [](const std::string& yaml) {
    const SourceText text(yaml);
    Findings findings(text);
    YamlNode root;
    REQUIRE(parse_yaml(findings, root));
    NotifySettings settings;
    read_public_url(root, settings, findings);
    return findings.has_errors() ? "refused" : settings.public_url;
  };
  CHECK(read_url("https://quell.example.com/") == "https://quell.example.com");
  CHECK(read_url("https://quell.example.com/panel") == "https://quell.example.com/panel");
  CHECK(read_url("http://127.0.0.1:8443") == "http://127.0.0.1:8443");
  CHECK(read_url("http://quell.example.com") == "refused");
  CHECK(read_url("https://quell.example.com/?a=b") == "refused");
  CHECK(read_url("quell") == "refused");
}

}  // namespace quell::test
