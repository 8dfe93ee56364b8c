// `alerts.sources` of the configuration: what it yields, and what it says to mistakes.
#include "orchestrator/config_alerts.h"

#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "orchestrator/playbook/diagnostics.h"
#include "tests/support/temp_folder.h"

namespace quell::test {
namespace {

struct Read {
  std::vector<SourceSettings> sources{};
  std::vector<std::string> findings{};  // line:column: message
};

Read read(const std::string& yaml, const std::string& directory = "/nowhere") {
  const SourceText text(yaml);
  Findings findings(text);
  YamlNode root;
  REQUIRE(parse_yaml(findings, root));
  Read result;
  result.sources = read_sources(root, "quell.yaml", directory, findings);
  for (const Diagnostic& found : findings.take()) {
    result.findings.push_back(std::to_string(found.at.line) + ":" +
                              std::to_string(found.at.column) + ": " + found.message);
  }
  return result;
}

std::vector<std::string> mistakes(const std::string& yaml) { return read(yaml).findings; }

using Mistakes = std::vector<std::string>;

/// What is wrong with one route beside three sources.
Mistakes of_route(const std::string& route) {
  const std::string yaml =
      "sources:\n"
      "  anthropic: {kind: standard_webhooks, secrets: [secret://env/A]}\n"
      "  am: {kind: alertmanager, secrets: [secret://env/B]}\n"
      "  sure: {kind: alertmanager, mutual_tls: true, secrets: [secret://env/C]}\n"
      "routes:\n"
      "  - " +
      route + "\n";
  const SourceText text(yaml);
  Findings findings(text);
  YamlNode root;
  REQUIRE(parse_yaml(findings, root));
  AlertSettings settings;
  read_alerts(root, "quell.yaml", "/nowhere", settings, findings);
  Mistakes all;
  for (const Diagnostic& found : findings.take()) {
    CHECK(found.at.line == 6);
    all.push_back(found.message);
  }
  return all;
}

}  // namespace

TEST_CASE("sources are read with the rules of their kind") {
  const Read all = read(R"(anthropic:
  kind: standard_webhooks
  secrets:
    - {ref: "secret://env/OLD", not_after: "2031-01-01T00:00:00Z"}
    - secret://env/NEW
  public_keys: [whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=]
  tolerance: 120s
ci:
  kind: hmac
  secrets: [secret://file/ci.key]
  header: X-Signature
  prefix: "v1="
  separator: ","
  time_prefix: "t="
  signs: "{time}.{body}"
  rate: 2000/s
grafana:
  kind: grafana
  secrets: [secret://env/G]
  time_header: X-Time
alertmanager:
  kind: alertmanager
  proof: basic
  mutual_tls: true
  secrets: [secret://env/A]
)");
  CHECK(all.findings == Mistakes{});
  REQUIRE(all.sources.size() == 4);
  const SourceSettings& anthropic = all.sources[0];
  CHECK(anthropic.keys.size() == 2);
  CHECK(anthropic.keys.front().not_after.has_value());
  CHECK(anthropic.keys.back().named_at == "quell.yaml:5");
  CHECK(anthropic.source.public_keys.size() == 1);
  CHECK(anthropic.source.tolerance == std::chrono::seconds{120});
  CHECK(may_run_by_itself(anthropic.source));
  const AlertSource& ci = all.sources[1].source;
  CHECK(ci.rule.header == "x-signature");
  CHECK(ci.rule.covered == Covered::time_dot_body);
  CHECK(ci.rate == 2'000);
  CHECK(may_run_by_itself(ci));
  CHECK(all.sources[2].source.rule.covered == Covered::time_colon_body);
  CHECK(may_run_by_itself(all.sources[2].source));
  CHECK(all.sources[3].source.proof == Proof::basic);
  CHECK(may_run_by_itself(all.sources[3].source));
}

// Goal: what a stranger could say, or say again, begins nothing by itself (threat T17).
TEST_CASE("which kinds may run by themselves") {
  std::string may;
  for (int kind = 0; kind <= static_cast<int>(SourceKind::bearer); ++kind) {
    if (may_run_by_itself(preset_of(static_cast<SourceKind>(kind))))
      may += std::string(to_string(static_cast<SourceKind>(kind))) + " ";
  }
  CHECK(may == "standard_webhooks github github_partner gitguardian shared_signals ");
}

TEST_CASE("mistakes are named with their place") {
  CHECK(mistakes("a: {secrets: [secret://env/A]}\n") == Mistakes{"1:1: a source needs a kind"});
  CHECK(mistakes("a: {kind: pigeon, secrets: [secret://env/A]}\n") ==
        Mistakes{"1:11: no kind of source is called \"pigeon\""});
  CHECK(mistakes("A b: {kind: bearer, secrets: [secret://env/A]}\n") ==
        Mistakes{"1:1: a source is named by small letters, digits, - and _"});
  CHECK(mistakes("a: {kind: github, secrets: [hunter2hunter2]}\n") ==
        Mistakes{"1:1: a source without a key could be anybody",
                 "1:29: a secret is a reference, never a value"});
  CHECK(mistakes("a: {kind: github, header: X-Sig, secrets: [secret://env/A]}\n") ==
        Mistakes{"1:19: kind github signs as its vendor says"});
  CHECK(mistakes("a: {kind: hmac, secrets: [secret://env/A]}\n") ==
        Mistakes{"1:1: a signature stands in a header"});
  CHECK(mistakes("a: {kind: hmac, header: S, signs: \"{id}.{time}.{body}\", secrets: "
                 "[secret://env/A]}\n") ==
        Mistakes{"1:1: what is signed has a time", "1:1: what is signed has an id"});
  CHECK(mistakes("a: {kind: bearer, tolerance: 2h, secrets: [secret://env/A]}\n") ==
        Mistakes{"1:30: tolerance is a time up to 1h"});
  CHECK(mistakes("a: {kind: bearer, secret: [secret://env/A]}\n") ==
        Mistakes{"1:1: a source without a key could be anybody", "1:19: unknown key \"secret\""});
}

TEST_CASE("GitHub's partner keys come from GitHub unless the configuration names others") {
  const auto endpoint = [](const std::string& more) {
    return read("a: {kind: github_partner" + more + "}\n").sources.front().source.key_endpoint;
  };
  CHECK(endpoint("") == "https://api.github.com/meta/public_keys/secret_scanning");
  CHECK(endpoint(", key_endpoint: https://ghe.example.com/keys") == "https://ghe.example.com/keys");
  CHECK(mistakes("a: {kind: github_partner, key_endpoint: http://ghe.example.com/keys}\n") ==
        Mistakes{"1:41: key_endpoint is an https URL"});
  CHECK(
      mistakes("a: {kind: github, key_endpoint: https://x.example, secrets: [secret://env/A]}\n") ==
      Mistakes{"1:19: this kind has no public keys to fetch"});
}

TEST_CASE("a partner key's file lies beside the configuration") {
  const TempFolder folder;
  std::ofstream(folder / "partner.pem")
      << "-----BEGIN PUBLIC KEY-----\n"
         "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAESnbbFNNYI6wE9EYmk4F5APYjz9j4\n"
         "z2x4mBOZj3zwMHGLKN5rdk1x7ww1/F8BnheU+9mdbWOySpwG3Uyg8pa67g==\n"
         "-----END PUBLIC KEY-----\n";
  const std::string yaml =
      "a: {kind: github_partner, public_keys: [{id: 90a421, file: partner.pem}]}\n";
  const Read beside = read(yaml, folder.path());
  CHECK(beside.findings.empty());
  REQUIRE(beside.sources.size() == 1);
  CHECK(beside.sources.front().source.public_keys.size() == 1);
  CHECK(mistakes(yaml) == Mistakes{"1:60: that file holds no public key of P-256 as PEM"});
}

TEST_CASE("a sender of signed tokens is named by issuer, audience and one place of keys") {
  const std::string good =
      "a: {kind: shared_signals, issuer: https://idp.example, audience: [https://q.example, q2], "
      "jwks_uri: https://idp.example/jwks, algorithms: [ES256]}\n";
  const Read all = read(good);
  CHECK(all.findings == Mistakes{});
  REQUIRE(all.sources.size() == 1);
  const AlertSource& source = all.sources.front().source;
  CHECK(source.signals.issuer == "https://idp.example");
  CHECK(source.signals.audience.size() == 2);
  CHECK(source.signals.algorithms == std::vector{JwsAlgorithm::es256});
  CHECK(source.key_endpoint == "https://idp.example/jwks");
  CHECK(source.body_bytes_max == 64U << 10U);
  CHECK(mistakes("a: {kind: shared_signals}\n") ==
        Mistakes{"1:1: a sender of tokens has an issuer",
                 "1:1: the sender's keys come from one place",
                 "1:1: tokens are for somebody: what the sender calls quell"});
  const std::string rest = "issuer: i, audience: q, jwks_uri: https://idp.example/jwks}\n";
  CHECK(mistakes("a: {kind: shared_signals, algorithms: [none, HS256], " + rest) ==
        Mistakes{"1:1: without an algorithm no token is believed",
                 "1:40: no token is believed by \"none\"",
                 "1:46: no token is believed by \"HS256\""});
  CHECK(mistakes("a: {kind: shared_signals, proof: bearer, " + rest) ==
        Mistakes{"1:27: a signed token is the proof of kind shared_signals"});
  CHECK(mistakes("a: {kind: shared_signals, issuer: i, audience: q, jwks_uri: http://x.example}\n") ==
        Mistakes{"1:1: the sender's keys come from one place", "1:61: jwks_uri is an https URL"});
  CHECK(mistakes("a: {kind: github, jwks_uri: https://x.example, secrets: [secret://env/A]}\n") ==
        Mistakes{"1:19: kind github sends no signed tokens"});
}

TEST_CASE("a key set may lie beside the configuration") {
  const TempFolder folder;
  std::ofstream(folder / "jwks.json")
      << R"({"keys":[{"kty":"EC","crv":"P-256","x":"JgyflU__OKcLQMZeX4VOFSmlSkSloCfJ3wBCPS-mn9U",)"
         R"("y":"WujVqSsP-SGVen5tG9S7pkRi4A4OtXGo8QFQuEHOLzU","kid":"quell-test-1"}]})";
  const std::string yaml = "a: {kind: shared_signals, issuer: i, audience: q, jwks: jwks.json}\n";
  const Read beside = read(yaml, folder.path());
  CHECK(beside.findings.empty());
  REQUIRE(beside.sources.size() == 1);
  CHECK(beside.sources.front().source.public_keys.size() == 1);
  CHECK(mistakes(yaml) ==
        Mistakes{"1:1: the sender's keys come from one place",
                 "1:57: that file holds no key set with a signing key that has a kid"});
}

// Goal: a configuration that would let a stranger begin a run is none (threat T17).
TEST_CASE("a route that runs by itself names sources that prove who speaks") {
  CHECK(of_route("{playbook: p, mode: auto, from: [anthropic]}").empty());
  CHECK(of_route("{playbook: p, mode: auto, from: [sure]}").empty());
  CHECK(of_route("{playbook: p, from: [am]}").empty());
  CHECK(of_route("{playbook: p, mode: dry_run}").empty());
  CHECK(of_route("{playbook: p, mode: auto}") ==
        Mistakes{"a route that runs by itself names its sources"});
  CHECK(of_route("{playbook: p, mode: auto, from: [anthropic, am]}") ==
        Mistakes{"a stranger could say what am (alertmanager) says"});
  CHECK(of_route("{playbook: p, from: [nobody]}") == Mistakes{"there is no source \"nobody\""});
  CHECK(of_route("{playbook: p, armed: yes}") == Mistakes{"armed is true or false"});
  CHECK(of_route("{playbook: p, mode: always}") == Mistakes{"mode is none of plan, auto, dry_run"});
  CHECK(of_route("{playbook: p, mode: auto, from: [anthropic], armed: true}") ==
        Mistakes{"a route that runs by itself names its scope and the playbook's digest"});
}

TEST_CASE("secrets are resolved, and must be of their kind's form") {
  SecretSource secrets;
  secrets.environment = [](const std::string& name) -> std::optional<std::string> {
    if (name == "GOOD") return "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    if (name == "BAD") return "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    return std::nullopt;
  };
  const auto resolved = [&](const std::string& name) {
    return resolve_sources(
        read("a: {kind: standard_webhooks, secrets: [secret://env/" + name + "]}\n").sources,
        secrets);
  };
  CHECK(resolved("GOOD"));
  const auto bad = resolved("BAD");
  REQUIRE_FALSE(bad);
  CHECK(bad.error().message ==
        "quell.yaml:1: the secret of a is not of the form that its kind wants.");
  CHECK_FALSE(resolved("NONE"));
}

}  // namespace quell::test
