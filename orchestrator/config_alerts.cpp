// What the configuration says of those who send alerts: `alerts.sources`.
#include "orchestrator/config_alerts.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "connectors/url.h"
#include "orchestrator/alerts/key_set.h"
#include "orchestrator/config_policy.h"
#include "orchestrator/config_reader.h"
#include "state/base/bytes.h"

namespace quell {
namespace {

constexpr std::size_t kSourcesMax = 64;
constexpr std::size_t kKeysMax = 4;
constexpr std::size_t kRoutesMax = 200;
constexpr std::size_t kNameBytesMax = 64;
constexpr std::size_t kKeyFileBytesMax = 4'096;
constexpr std::size_t kKeySetBytesMax = 256U << 10U;
constexpr std::size_t kBodyBytesCeiling = 25U << 20U;
constexpr Duration kToleranceMax{std::chrono::hours{1}};
constexpr std::string_view kPublicPrefix = "whpk_";

/// Where GitHub publishes the keys it signs with to partners.
constexpr std::string_view kPartnerKeys = "https://api.github.com/meta/public_keys/secret_scanning";

constexpr std::array<std::string_view, 24> kKeys{
    "key_endpoint", "kind",       "secrets",     "public_keys", "tolerance", "body_max", "rate",
    "proof",        "mutual_tls", "header",      "prefix",      "separator", "encoding", "digest",
    "key_form",     "signs",      "time_header", "time_prefix", "id_header", "issuer",   "audience",
    "algorithms",   "jwks_uri",   "jwks"};
/// Only where a source has no rule of its own; Grafana's people name the two headers themselves.
constexpr std::array<std::string_view, 10> kRuleKeys{
    "header",   "prefix", "separator",   "encoding",    "digest",
    "key_form", "signs",  "time_header", "time_prefix", "id_header"};

template <typename T, std::size_t N>
struct Choice {
  std::array<std::pair<std::string_view, T>, N> rows;
  std::array<std::string_view, N> words() const {
    std::array<std::string_view, N> all{};
    std::ranges::transform(rows, all.begin(), [](const auto& row) { return row.first; });
    return all;
  }
  T operator[](std::string_view word) const {
    return std::ranges::find(rows, word, &std::pair<std::string_view, T>::first)->second;
  }
};

constexpr Choice<Covered, 6> kSigns{{{{"{body}", Covered::body},
                                      {"{time}.{body}", Covered::time_dot_body},
                                      {"{time}:{body}", Covered::time_colon_body},
                                      {"v0:{time}:{body}", Covered::v0_time_body},
                                      {"{id}.{time}.{body}", Covered::id_time_body},
                                      {"time in key", Covered::time_in_key}}}};
constexpr Choice<Encoding, 3> kEncodings{
    {{{"hex", Encoding::hex}, {"base64", Encoding::base64}, {"base64url", Encoding::base64url}}}};
constexpr Choice<Digest, 2> kDigests{{{{"sha256", Digest::sha256}, {"sha512", Digest::sha512}}}};
constexpr Choice<KeyForm, 4> kKeyForms{{{{"text", KeyForm::text},
                                         {"hex", KeyForm::hex},
                                         {"base64", KeyForm::base64},
                                         {"whsec", KeyForm::whsec}}}};
constexpr Choice<Proof, 3> kProofs{
    {{{"bearer", Proof::bearer}, {"basic", Proof::basic}, {"path", Proof::path}}}};

/// Only where a token says who sent it.
constexpr std::array<std::string_view, 5> kSignalKeys{"issuer", "audience", "algorithms",
                                                      "jwks_uri", "jwks"};

bool is_generic(SourceKind kind) {
  return kind == SourceKind::hmac || kind == SourceKind::trufflehog;
}

/// Reads one source; knows which keys its kind takes.
class SourceReader {
 public:
  SourceReader(const std::string& file, const std::string& directory, Findings& findings)
      : file_(file), directory_(directory), findings_(findings), reader_(findings) {}

  std::optional<SourceSettings> read(const YamlNode& name, const YamlNode& node) {
    if (!reader_.is_map(node, "a source")) return std::nullopt;
    const YamlNode* const kind_node = node.find("kind");
    if (kind_node == nullptr) {
      findings_.error(name, "missing-key", "a source needs a kind", "kind: standard_webhooks");
      return std::nullopt;
    }
    const std::string word = reader_.text(*kind_node, "kind");
    const auto kind = source_kind_from_string(word);
    if (!kind) {
      findings_.error(*kind_node, "unknown-word",
                      "no kind of source is called \"" + shown(word) + "\"",
                      "docs/alerts.md lists them; hmac and bearer fit most others");
      return std::nullopt;
    }
    SourceSettings settings;
    settings.source = preset_of(*kind);
    settings.source.name = name.text;
    for (const YamlMember& member : node.members) read_key(member, settings);
    finish(name, settings);
    return settings;
  }

 private:
  void read_key(const YamlMember& member, SourceSettings& settings) {
    AlertSource& source = settings.source;
    const std::string& key = member.key.text;
    if (!reader_.is_known(member.key, kKeys)) return;
    const bool of_rule = std::ranges::find(kRuleKeys, key) != kRuleKeys.end();
    const bool of_grafana =
        source.kind == SourceKind::grafana && (key == "header" || key == "time_header");
    if (of_rule && !is_generic(source.kind) && !of_grafana) {
      findings_.error(member.key, "not-here",
                      "kind " + std::string(to_string(source.kind)) + " signs as its vendor says",
                      "take \"" + shown(key) + "\" out, or use kind: hmac");
      return;
    }
    const bool of_signals = std::ranges::find(kSignalKeys, key) != kSignalKeys.end();
    if (of_signals && source.kind != SourceKind::shared_signals) {
      findings_.error(member.key, "not-here",
                      "kind " + std::string(to_string(source.kind)) + " sends no signed tokens",
                      "take \"" + shown(key) + "\" out, or use kind: shared_signals");
      return;
    }
    if (of_signals) return read_signal_key(key, member.value, source);
    if (key == "secrets") read_secrets(member.value, settings);
    if (key == "public_keys") read_public_keys(member.value, source);
    if (key == "key_endpoint") read_key_endpoint(member, source);
    if (key == "tolerance") read_tolerance(member.value, source);
    if (key == "body_max") read_body_max(member.value, source);
    if (key == "rate") read_rate(member.value, source);
    if (key == "mutual_tls") source.mutual_tls = reader_.flag(member.value, key);
    if (key == "proof" && source.proof == Proof::jws) {
      findings_.error(member.key, "not-here", "a signed token is the proof of kind shared_signals",
                      "secrets: [...] asks for a bearer token besides");
      return;
    }
    if (key == "proof") choose(member.value, "proof", kProofs, source.proof);
    read_rule(key, member.value, source.rule);
  }

  void read_rule(const std::string& key, const YamlNode& value, SignatureRule& rule) {
    const auto header = [&] {
      std::string name = reader_.text(value, key);
      std::ranges::transform(name, name.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      });
      return name;
    };
    if (key == "header") rule.header = header();
    if (key == "time_header") rule.time_header = header();
    if (key == "id_header") rule.id_header = header();
    if (key == "prefix") rule.prefix = reader_.text(value, key);
    if (key == "time_prefix") rule.time_prefix = reader_.text(value, key);
    if (key == "encoding") choose(value, "encoding", kEncodings, rule.encoding);
    if (key == "digest") choose(value, "digest", kDigests, rule.digest);
    if (key == "key_form") choose(value, "key_form", kKeyForms, rule.key_form);
    if (key == "signs") choose(value, "signs", kSigns, rule.covered);
    if (key != "separator") return;
    const std::string text = reader_.text(value, key);
    if (text == "," || text == " ") {
      rule.separator = text.front();
    } else {
      findings_.error(value, "unknown-word", "separator is a comma or a space");
    }
  }

  template <typename T, std::size_t N>
  void choose(const YamlNode& node, std::string_view what, const Choice<T, N>& choice, T& target) {
    const auto words = choice.words();
    const std::string word = reader_.word(node, what, words);
    if (!word.empty()) target = choice[word];
  }

  void read_secrets(const YamlNode& node, SourceSettings& settings) {
    if (!reader_.is_list(node, "secrets", kKeysMax)) return;
    for (const YamlNode& item : node.items) {
      KeySetting key{.named_at = file_ + ":" + std::to_string(findings_.line(item))};
      const YamlNode* text = &item;
      if (item.kind == YamlNode::Kind::map) {
        constexpr std::array<std::string_view, 2> kMembers{"ref", "not_after"};
        for (const YamlMember& member : item.members) reader_.is_known(member.key, kMembers);
        text = item.find("ref");
        if (const YamlNode* const end = item.find("not_after"); end != nullptr) {
          key.not_after = parse_rfc3339(end->text);
          if (!key.not_after)
            findings_.error(*end, "wrong-type", "not_after is a time", "2027-01-01T00:00:00Z");
        }
      }
      const Result<std::optional<SecretReference>> reference =
          parse_secret_reference(text == nullptr ? "" : text->text);
      if (!reference || !*reference) {
        // Never quoted: it may be the secret itself.
        findings_.error(item, "literal-secret", "a secret is a reference, never a value",
                        "secret://file/PATH, secret://env/NAME or secret://credential/NAME");
        continue;
      }
      key.reference = **reference;
      settings.keys.push_back(std::move(key));
    }
  }

  void read_public_keys(const YamlNode& node, AlertSource& source) {
    if (!reader_.is_list(node, "public_keys", kKeysMax)) return;
    for (const YamlNode& item : node.items) {
      if (source.kind == SourceKind::github_partner) {
        read_key_of_set(item, source);
      } else if (source.kind == SourceKind::standard_webhooks) {
        const std::string text = reader_.text(item, "a public key");
        const auto bytes = text.starts_with(kPublicPrefix)
                               ? base64_decode(std::string_view(text).substr(kPublicPrefix.size()))
                               : std::nullopt;
        if (bytes && bytes->size() == 32) {
          source.public_keys.push_back(
              {.id = std::to_string(findings_.line(item)), .bytes = *bytes});
        } else {
          findings_.error(item, "wrong-type", "a public key is whpk_ and base64 of 32 bytes");
        }
      } else {
        findings_.error(item, "not-here", "this kind has no public keys");
      }
    }
  }

  void read_key_endpoint(const YamlMember& member, AlertSource& source) {
    if (source.kind != SourceKind::github_partner) {
      findings_.error(member.key, "not-here", "this kind has no public keys to fetch");
      return;
    }
    read_address(member.value, "key_endpoint", std::string(kPartnerKeys), source);
  }

  void read_signal_key(const std::string& key, const YamlNode& value, AlertSource& source) {
    SignalTerms& terms = source.signals;
    if (key == "issuer") terms.issuer = reader_.text(value, key);
    if (key == "audience") {
      terms.audience = value.kind == YamlNode::Kind::list
                           ? reader_.texts(value, key)
                           : std::vector<std::string>{reader_.text(value, key)};
      std::erase(terms.audience, "");
    }
    if (key == "algorithms") read_algorithms(value, terms);
    if (key == "jwks_uri") read_address(value, key, "https://idp.example.com/jwks.json", source);
    if (key == "jwks") read_key_set_file(value, source);
  }

  void read_algorithms(const YamlNode& node, SignalTerms& terms) {
    terms.algorithms.clear();
    if (!reader_.is_list(node, "algorithms", kKeysMax)) return;
    for (const YamlNode& item : node.items) {
      if (const auto algorithm = jws_algorithm_from_string(item.text)) {
        terms.algorithms.push_back(*algorithm);
      } else {
        findings_.error(item, "unknown-word",
                        "no token is believed by \"" + shown(item.text) + "\"",
                        "ES256, RS256 or EdDSA");
      }
    }
  }

  void read_key_set_file(const YamlNode& node, AlertSource& source) {
    const std::string path = reader_.text(node, "jwks");
    std::ifstream in(path_from(directory_, path), std::ios::binary);
    std::string text(kKeySetBytesMax, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    source.public_keys = read_key_set(text);
    if (source.public_keys.empty())
      findings_.error(node, "wrong-type",
                      "that file holds no key set with a signing key that has a kid",
                      "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":...}]}");
  }

  void read_address(const YamlNode& node, const std::string& key, std::string remedy,
                    AlertSource& source) {
    const Result<Url> url = parse_url(reader_.text(node, key));
    if (!url || (url->scheme != "https" && !is_loopback_host(url->host))) {
      findings_.error(node, "wrong-type", key + " is an https URL", std::move(remedy));
      return;
    }
    source.key_endpoint = node.text;
  }

  void read_key_of_set(const YamlNode& item, AlertSource& source) {
    const YamlNode* const id = item.find("id");
    const YamlNode* const path = item.find("file");
    if (id == nullptr || path == nullptr) {
      findings_.error(item, "missing-key", "a key of the set needs its id and a file",
                      "{id: 90a421169f0a40..., file: github-key.pem}");
      return;
    }
    std::ifstream in(path_from(directory_, path->text), std::ios::binary);
    std::string pem(kKeyFileBytesMax, '\0');
    in.read(pem.data(), static_cast<std::streamsize>(pem.size()));
    pem.resize(static_cast<std::size_t>(in.gcount()));
    if (!is_p256_key(pem)) {
      findings_.error(*path, "wrong-type", "that file holds no public key of P-256 as PEM");
      return;
    }
    source.public_keys.push_back({.id = id->text, .bytes = std::move(pem)});
  }

  void read_tolerance(const YamlNode& node, AlertSource& source) {
    const auto time = parse_duration(node.text);
    if (!time || *time <= Duration{0} || *time > kToleranceMax) {
      findings_.error(node, "wrong-type", "tolerance is a time up to 1h", "300s");
      return;
    }
    source.tolerance = *time;
  }

  void read_body_max(const YamlNode& node, AlertSource& source) {
    int bytes = 0;
    reader_.number(node, "body_max", static_cast<int>(kBodyBytesCeiling), bytes);
    if (bytes > 0) source.body_bytes_max = static_cast<std::size_t>(bytes);
  }

  void read_rate(const YamlNode& node, AlertSource& source) {
    const auto rate = parse_rate(node.text);
    if (!rate) {
      findings_.error(node, "wrong-type", "rate is a number of deliveries per time", "50/s");
      return;
    }
    source.rate = *rate;
  }

  /// What does not hold together.
  void finish(const YamlNode& name, SourceSettings& settings) {
    AlertSource& source = settings.source;
    SignatureRule& rule = source.rule;
    if (source.kind == SourceKind::grafana && !rule.time_header.empty())
      rule.covered = Covered::time_colon_body;
    const bool is_partner = source.kind == SourceKind::github_partner;
    if (is_partner && source.public_keys.empty() && source.key_endpoint.empty())
      source.key_endpoint = kPartnerKeys;
    if (source.kind == SourceKind::shared_signals) {
      finish_signals(name, source);
    } else if (!is_partner && settings.keys.empty() && source.public_keys.empty()) {
      findings_.error(name, "missing-key", "a source without a key could be anybody",
                      "secrets: [secret://file/PATH]");
    }
    if (source.proof == Proof::hmac && rule.header.empty())
      findings_.error(name, "missing-key", "a signature stands in a header", "header: X-Signature");
    const bool needs_time = rule.covered != Covered::body;
    if (needs_time && rule.time_header.empty() && rule.time_prefix.empty())
      findings_.error(name, "missing-key", "what is signed has a time", "time_header: X-Timestamp");
    if (rule.covered == Covered::id_time_body && rule.id_header.empty())
      findings_.error(name, "missing-key", "what is signed has an id", "id_header: X-Id");
    source.retention = std::chrono::hours{24} * (needs_time ? 7 : 30);
  }

  void finish_signals(const YamlNode& name, const AlertSource& source) {
    if (source.signals.issuer.empty())
      findings_.error(name, "missing-key", "a sender of tokens has an issuer",
                      "issuer: https://idp.example.com");
    if (source.signals.audience.empty())
      findings_.error(name, "missing-key", "tokens are for somebody: what the sender calls quell",
                      "audience: https://quell.example.com");
    if (source.signals.algorithms.empty())
      findings_.error(name, "missing-key", "without an algorithm no token is believed",
                      "algorithms: [ES256]");
    if (source.public_keys.empty() == source.key_endpoint.empty())
      findings_.error(name, "missing-key", "the sender's keys come from one place",
                      "jwks_uri: https://... or jwks: FILE");
  }

  const std::string& file_;
  const std::string& directory_;
  Findings& findings_;
  ConfigReader reader_;
};

bool is_source_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == std::string_view::npos;
}

/// A value as one line, so that any change of it shows.
// NOLINTNEXTLINE(misc-no-recursion): the YAML reader bounds the depth
std::string flat_text(const YamlNode& node) {
  std::string out = node.text;
  for (const YamlNode& item : node.items) out += "\n- " + flat_text(item);
  for (const YamlMember& member : node.members)
    out += "\n" + member.key.text + ": " + flat_text(member.value);
  return out;
}

/// Reads entries of `alerts.routes`.
class RouteReader {
 public:
  RouteReader(const std::string& file, Findings& findings)
      : file_(file), findings_(findings), reader_(findings) {}

  Route read(const YamlNode& node) {
    constexpr std::array<std::string_view, 9> kMembers{
        "from", "when", "playbook", "inputs", "mode", "armed", "irreversible", "scope", "digest"};
    Route route;
    route.named_at = file_ + ":" + std::to_string(findings_.line(node));
    if (!reader_.is_map(node, "a route")) return route;
    for (const YamlMember& member : node.members) {
      if (!reader_.is_known(member.key, kMembers)) continue;
      const std::string& key = member.key.text;
      const YamlNode& value = member.value;
      if (key == "from") route.from = reader_.texts(value, key);
      if (key == "when") read_when(value, route);
      if (key == "playbook") route.playbook = reader_.text(value, key);
      if (key == "inputs") read_inputs(value, route);
      if (key == "mode") read_mode(value, route);
      if (key == "armed") route.armed = reader_.flag(value, key);
      if (key == "irreversible") route.irreversible = reader_.flag(value, key);
      if (key == "scope") route.scope = reader_.texts(value, key);
      if (key == "digest") route.digest = reader_.text(value, key);
      if (key != "armed" && key != "digest") route.terms += key + ": " + flat_text(value) + "\n";
    }
    if (route.playbook.empty())
      findings_.error(node, "missing-key", "a route needs a playbook",
                      "playbook: leaked-mcp-oauth");
    if (route.mode == RouteMode::automatic && route.armed &&
        (route.scope.empty() || route.digest.empty())) {
      findings_.error(node, "missing-key",
                      "a route that runs by itself names its scope and the playbook's digest",
                      "scope: [vlt_ci_*], digest: as quell hook routes shows it");
    }
    return route;
  }

 private:
  void read_when(const YamlNode& node, Route& route) {
    const std::optional<Template> parsed = parse(node);
    if (!parsed) return;
    if (!parsed->is_single_expression()) {
      findings_.error(node, "wrong-type", "when is one condition",
                      "when: ${alert.source == \"x\"}");
      return;
    }
    route.when = parsed->parts().front().expression;
  }

  void read_inputs(const YamlNode& node, Route& route) {
    if (!reader_.is_map(node, "inputs")) return;
    for (const YamlMember& member : node.members) {
      if (std::optional<Template> parsed = parse(member.value))
        route.inputs.emplace_back(member.key.text, std::move(*parsed));
    }
  }

  void read_mode(const YamlNode& node, Route& route) {
    constexpr Choice<RouteMode, 3> kModes{{{{"plan", RouteMode::plan},
                                            {"auto", RouteMode::automatic},
                                            {"dry_run", RouteMode::dry_run}}}};
    const auto words = kModes.words();
    const std::string word = reader_.word(node, "mode", words);
    if (!word.empty()) route.mode = kModes[word];
  }

  std::optional<Template> parse(const YamlNode& node) {
    auto parsed = Template::parse(node.text);
    if (const auto* const wrong = std::get_if<ExpressionError>(&parsed)) {
      findings_.error(node, wrong->code, wrong->message, wrong->hint);
      return std::nullopt;
    }
    TypeScope scope;
    scope.names.emplace("alert", Type::of(Type::Kind::dyn));
    std::vector<ExpressionError> errors;
    std::get<Template>(parsed).check(scope, errors);
    for (const ExpressionError& error : errors)
      findings_.error(node, error.code, error.message, error.hint);
    if (!errors.empty()) return std::nullopt;
    return std::get<Template>(std::move(parsed));
  }

  const std::string& file_;
  Findings& findings_;
  ConfigReader reader_;
};

/// A route that runs by itself names sources for which nobody else can speak (threat T17).
void check_senders(const Route& route, const YamlNode& node,
                   const std::vector<SourceSettings>& sources, Findings& findings) {
  if (route.mode == RouteMode::automatic && route.from.empty())
    findings.error(node, "missing-key", "a route that runs by itself names its sources",
                   "from: [anthropic]");
  for (const std::string& name : route.from) {
    const auto found = std::ranges::find_if(
        sources, [&](const SourceSettings& one) { return one.source.name == name; });
    if (found == sources.end()) {
      findings.error(node, "unknown-word", "there is no source \"" + shown(name) + "\"",
                     "one of alerts.sources");
    } else if (route.mode == RouteMode::automatic && !may_run_by_itself(found->source)) {
      findings.error(node, "not-here",
                     "a stranger could say what " + name + " (" +
                         std::string(to_string(found->source.kind)) + ") says",
                     "mode: plan, or mutual_tls: true where the sender has a certificate");
    }
  }
}

}  // namespace

std::vector<SourceSettings> read_sources(const YamlNode& node, const std::string& file,
                                         const std::string& directory, Findings& findings) {
  std::vector<SourceSettings> sources;
  ConfigReader reader(findings);
  if (!reader.is_map(node, "alerts.sources")) return sources;
  if (node.members.size() > kSourcesMax) {
    findings.error(node, "too-many", "more than 64 sources");
    return sources;
  }
  SourceReader one(file, directory, findings);
  for (const YamlMember& member : node.members) {
    if (!is_source_name(member.key.text)) {
      findings.error(member.key, "bad-name", "a source is named by small letters, digits, - and _");
      continue;
    }
    if (auto settings = one.read(member.key, member.value)) sources.push_back(std::move(*settings));
  }
  return sources;
}

void read_alerts(const YamlNode& node, const std::string& file, const std::string& directory,
                 AlertSettings& settings, Findings& findings) {
  constexpr std::array<std::string_view, 2> kMembers{"sources", "routes"};
  ConfigReader reader(findings);
  if (!reader.is_map(node, "alerts")) return;
  for (const YamlMember& member : node.members) {
    if (!reader.is_known(member.key, kMembers)) continue;
    if (member.key.text == "sources") {
      settings.sources = read_sources(member.value, file, directory, findings);
    } else if (reader.is_list(member.value, "alerts.routes", kRoutesMax)) {
      RouteReader routes(file, findings);
      for (const YamlNode& item : member.value.items) settings.routes.push_back(routes.read(item));
    }
  }
  for (std::size_t i = 0; i < settings.routes.size(); ++i)
    check_senders(settings.routes[i], node.find("routes")->items[i], settings.sources, findings);
}

Result<std::vector<AlertSource>> resolve_sources(std::vector<SourceSettings> settings,
                                                 const SecretSource& secrets) {
  std::vector<AlertSource> sources;
  for (SourceSettings& one : settings) {
    for (const KeySetting& key : one.keys) {
      Result<Secret> secret = resolve_secret(key.reference, secrets, key.named_at);
      if (!secret) return secret.error();
      if (one.source.proof == Proof::hmac && !is_of_form(one.source.rule.key_form, *secret)) {
        return make_error(ErrorCode::invalid, "secret",
                          key.named_at + ": the secret of " + one.source.name +
                              " is not of the form that its kind wants.",
                          one.source.kind == SourceKind::standard_webhooks
                              ? "it begins with whsec_; copy it anew from the sender"
                              : "set key_form to what the sender gives");
      }
      one.source.keys.push_back({.secret = std::make_shared<const Secret>(std::move(*secret)),
                                 .named_at = key.named_at,
                                 .not_after = key.not_after});
    }
    sources.push_back(std::move(one.source));
  }
  return sources;
}

}  // namespace quell
