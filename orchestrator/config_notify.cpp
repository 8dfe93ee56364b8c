// What the configuration says of whom to tell: `notify` and `public_url`.
#include "orchestrator/config_notify.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "connectors/url.h"
#include "orchestrator/alerts/signature.h"
#include "orchestrator/config_reader.h"

namespace quell {
namespace {

constexpr std::size_t kDestinationsMax = 16;
constexpr std::size_t kNameBytesMax = 64;
constexpr std::size_t kSigningSecretsMax = 2;
constexpr std::string_view kPagerdutyUrl = "https://events.pagerduty.com/v2/enqueue";

constexpr std::array<std::string_view, 5> kSlackKeys{"kind", "name", "events", "confidential",
                                                     "url"};
constexpr std::array<std::string_view, 6> kPagerdutyKeys{"kind",         "name", "events",
                                                         "confidential", "url",  "routing_key"};
constexpr std::array<std::string_view, 6> kSignedPostKeys{"kind",         "name", "events",
                                                          "confidential", "url",  "secrets"};
constexpr std::array<std::string_view, 3> kKinds{"slack", "pagerduty", "signed_post"};
constexpr std::array<std::string_view, 9> kEvents{
    "proposed", "approval_wanted", "refuted",    "break_glass", "finished",
    "disarmed", "intervened",      "alerts_shed", "preflight_worse"};

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kNameBytesMax &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == std::string_view::npos;
}

/// Reads one destination; knows which keys its kind takes.
class DestinationReader {
 public:
  DestinationReader(const std::string& file, Findings& findings)
      : file_(file), findings_(findings), reader_(findings) {}

  std::optional<DestinationSettings> read(const YamlNode& node) {
    if (!reader_.is_map(node, "a destination")) return std::nullopt;
    const YamlNode* const kind = node.find("kind");
    if (kind == nullptr) {
      findings_.error(node, "missing-key", "a destination needs a kind",
                      "kind: slack, pagerduty or signed_post");
      return std::nullopt;
    }
    const std::string word = reader_.word(*kind, "kind", kKinds);
    if (word.empty()) return std::nullopt;
    DestinationSettings settings;
    Destination& destination = settings.destination;
    destination.name = word;
    destination.named_at = place_of(node);
    for (const std::string_view event : kEvents)
      destination.events.insert(*notice_event_from_string(event));
    std::span<const std::string_view> keys = kSignedPostKeys;
    destination.kind = DestinationKind::signed_post;
    if (word == "slack") {
      destination.kind = DestinationKind::slack;
      keys = kSlackKeys;
    } else if (word == "pagerduty") {
      destination.kind = DestinationKind::pagerduty;
      destination.url = kPagerdutyUrl;
      keys = kPagerdutyKeys;
    }
    for (const YamlMember& member : node.members) {
      if (reader_.is_known(member.key, keys)) read_key(member.key.text, member.value, settings);
    }
    if (settings.keys.empty() && !findings_.has_errors()) {
      const std::string missing = word == "slack"       ? "url"
                                  : word == "pagerduty" ? "routing_key"
                                                        : "secrets";
      findings_.error(node, "missing-key", "kind " + word + " needs " + missing,
                      word == "signed_post" ? "secrets: [secret://file/PATH]"
                                            : missing + ": secret://env/NAME");
    }
    if (destination.url.empty() && word == "signed_post" && !findings_.has_errors())
      findings_.error(node, "missing-key", "kind signed_post needs a url",
                      "url: https://host/path");
    return settings;
  }

 private:
  std::string place_of(const YamlNode& node) const {
    return file_ + ":" + std::to_string(findings_.line(node));
  }

  void read_key(const std::string& key, const YamlNode& value, DestinationSettings& settings) {
    Destination& destination = settings.destination;
    if (key == "name") {
      destination.name = reader_.text(value, "name");
      if (!is_name(destination.name))
        findings_.error(value, "bad-name",
                        "a destination is named by small letters, digits, - and _");
    } else if (key == "confidential") {
      destination.confidential = value.text == "true";
      if (value.kind != YamlNode::Kind::boolean)
        findings_.error(value, "wrong-type", "confidential is true or false");
    } else if (key == "events") {
      read_events(value, destination);
    } else if (key == "routing_key" ||
               (key == "url" && destination.kind == DestinationKind::slack)) {
      read_secret(value, key, settings);
    } else if (key == "secrets") {
      if (!reader_.is_list(value, "secrets", kSigningSecretsMax)) return;
      for (const YamlNode& item : value.items) read_secret(item, "a signing secret", settings);
    } else if (key == "url") {
      destination.url = reader_.text(value, "url");
      if (!is_destination_url(destination.url))
        findings_.error(value, "bad-url", "url is no https URL", "url: https://host/path");
    }
  }

  void read_events(const YamlNode& node, Destination& destination) {
    if (!reader_.is_list(node, "events", kEvents.size())) return;
    destination.events.clear();
    for (const YamlNode& item : node.items) {
      const std::string word = reader_.word(item, "an event", kEvents);
      if (!word.empty()) destination.events.insert(*notice_event_from_string(word));
    }
  }

  void read_secret(const YamlNode& node, std::string_view what, DestinationSettings& settings) {
    const Result<std::optional<SecretReference>> reference = parse_secret_reference(node.text);
    if (!reference || !*reference) {
      // Never quoted: it may be the secret itself.
      findings_.error(node, "literal-secret",
                      std::string(what) + " is a reference, never the secret itself",
                      "secret://file/PATH, secret://env/NAME or secret://credential/NAME");
      return;
    }
    settings.keys.push_back({.reference = **reference, .named_at = place_of(node)});
  }

  const std::string& file_;
  Findings& findings_;
  ConfigReader reader_;
};

Error wrong_form(const Destination& destination, const KeySetting& key) {
  if (destination.kind == DestinationKind::slack) {
    return make_error(ErrorCode::invalid, "secret",
                      key.named_at + ": the secret of " + destination.name + " is no https URL.",
                      "copy the webhook's whole URL from Slack");
  }
  return make_error(
      ErrorCode::invalid, "secret",
      key.named_at + ": the secret of " + destination.name + " is not of the form whsec_.",
      "whsec_ and base64 of 24 to 64 random bytes; the receiver has the same");
}

bool is_usable(const Destination& destination, const Secret& secret) {
  switch (destination.kind) {
    case DestinationKind::slack:
      return is_destination_url(secret);
    case DestinationKind::pagerduty:
      return !secret.empty();
    case DestinationKind::signed_post:
      return is_of_form(KeyForm::whsec, secret);
  }
  return false;
}

}  // namespace

void read_notify(const YamlNode& node, const std::string& file, NotifySettings& settings,
                 Findings& findings) {
  ConfigReader reader(findings);
  if (!reader.is_list(node, "notify", kDestinationsMax)) return;
  DestinationReader one(file, findings);
  for (const YamlNode& item : node.items) {
    std::optional<DestinationSettings> read = one.read(item);
    if (!read) continue;
    const std::string& name = read->destination.name;
    const bool is_taken = std::ranges::any_of(
        settings.destinations, [&](const auto& other) { return other.destination.name == name; });
    if (is_taken)
      findings.error(item, "double-name", "two destinations are called " + shown(name),
                     "give one of them a name: of its own");
    settings.destinations.push_back(*std::move(read));
  }
}

void read_public_url(const YamlNode& node, NotifySettings& settings, Findings& findings) {
  std::string url = ConfigReader(findings).text(node, "public_url");
  const Result<Url> parsed = parse_url(url);
  if (!parsed || !is_destination_url(url) || !parsed->query.empty()) {
    findings.error(node, "bad-url", "public_url is no https URL without a query",
                   "public_url: https://quell.example.com");
    return;
  }
  while (url.ends_with('/')) url.pop_back();
  settings.public_url = std::move(url);
}

Result<std::vector<Destination>> resolve_destinations(std::vector<DestinationSettings> settings,
                                                      const SecretSource& secrets) {
  std::vector<Destination> destinations;
  for (DestinationSettings& one : settings) {
    for (const KeySetting& key : one.keys) {
      Result<Secret> secret = resolve_secret(key.reference, secrets, key.named_at);
      if (!secret) return secret.error();
      if (!is_usable(one.destination, *secret)) return wrong_form(one.destination, key);
      one.destination.secrets.push_back(std::make_shared<const Secret>(std::move(*secret)));
    }
    destinations.push_back(std::move(one.destination));
  }
  return destinations;
}

}  // namespace quell
