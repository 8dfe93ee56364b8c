#include "orchestrator/issuer_profiles.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "connectors/url.h"
#include "orchestrator/call_reader.h"
#include "orchestrator/playbook/fields.h"
#include "orchestrator/playbook/yaml_tree.h"
#include "orchestrator/playbook_library.h"

namespace quell {
namespace {

constexpr std::size_t kProfileBytesMax = 64U << 10;
constexpr std::size_t kCallsMax = 16;
constexpr std::size_t kFilesMax = 500;

const std::vector<std::string> kTokenKillWords{"refresh_token", "access_token"};
const std::vector<std::string> kCallMethods{"POST", "DELETE"};
const std::vector<std::string> kReachWords{"token", "grant", "user", "client"};
const std::vector<std::string> kAuthWords{"none",        "client", "client_basic", "client_post",
                                          "client_word", "token",  "admin"};
const std::vector<std::string> kTokenWords{"none", "access_token", "refresh_token", "either"};
const std::vector<std::string> kMeaningWords{"done",    "already", "unsupported",
                                             "refused", "denied",  "throttled"};

class ProfileReader {
 public:
  ProfileReader(Findings& findings, IssuerProfile& profile)
      : findings_(findings), profile_(profile), reader_(findings) {
    reader_.use({.is_known = [this](const std::string& name) { return is_known_name(name); },
                 .is_secret = [](const std::string& name) { return is_secret_word(name); },
                 .remedy = "declare it under values, or see docs/issuers.md for the words that "
                           "quell fills"});
  }

  void read(const YamlNode& root, std::string_view stem) {
    Fields fields(findings_, root, "an issuer profile",
                  {"issuer_profile", "id", "title", "rests_on", "source", "serves", "values",
                   "rfc7009", "calls", "reuse", "cache", "grace", "spares", "traps", "unsure",
                   "human"});
    if (root.kind != YamlNode::Kind::map) return;
    if (const YamlNode* const version = fields.need("issuer_profile");
        version != nullptr && version->text != "1") {
      findings_.error(*version, "bad-value", "this version reads issuer_profile: 1");
    }
    read_id(fields, stem);
    profile_.title = reader_.text(fields, "title", true);
    profile_.certainty = reader_.word<Certainty>(fields, "rests_on", certainty_words(), true)
                             .value_or(Certainty::vendor_text);
    profile_.source = reader_.text(fields, "source", true);
    read_serves(fields);
    read_values(fields);
    profile_.rfc7009 = fields.flag("rfc7009").value_or(false);
    read_calls(fields);
    if (const YamlNode* const reuse = fields.get("reuse")) read_reuse(*reuse);
    profile_.cache = fields.duration("cache");
    profile_.grace = fields.duration("grace");
    profile_.spares = reader_.text(fields, "spares", false);
    profile_.traps = reader_.texts(fields, "traps");
    profile_.unsure = reader_.texts(fields, "unsure");
    read_human(fields);
    const bool callable = profile_.rfc7009 || !profile_.calls.empty();
    if (!callable && profile_.human_do.empty()) {
      findings_.error(root, "missing-key", "nothing here ends a grant",
                      "give calls, rfc7009: true, or human: {do: ...}");
    }
    if (profile_.certainty == Certainty::unsure && callable) {
      findings_.error(root, "unsure-call", "what nobody verified is not called",
                      "say what the facts rest on, or make it a human step");
    }
  }

 private:
  std::vector<Kill> kills(Fields& fields) {
    std::vector<Kill> out;
    for (const std::string& given : fields.word_list("kills", kTokenKillWords)) {
      if (const auto kill = from_string<Kill>(given)) out.push_back(*kill);
    }
    return out;
  }

  void read_id(Fields& fields, std::string_view stem) {
    const YamlNode* const node = fields.need("id");
    if (node == nullptr) return;
    profile_.id = reader_.checked_text(*node, "id");
    if (!is_declared_id(profile_.id)) {
      findings_.error(*node, "bad-value", "\"id\" is lower-case letters, digits, - and _");
    } else if (profile_.id == kGenericProfile) {
      findings_.error(*node, "reserved", "rfc7009 is the built-in profile");
    } else if (profile_.id != stem) {
      findings_.error(*node, "bad-value",
                      fmt::format("the file is called {}, the profile {}", shown(stem),
                                  shown(profile_.id)),
                      "give both the same name");
    }
  }

  void read_serves(Fields& fields) {
    const YamlNode* const node = fields.get("serves");
    if (node == nullptr || !reader_.is_list(*node, "serves", CallReader::kTextsMax)) return;
    for (const YamlNode& item : node->items) {
      const std::string pattern = reader_.checked_text(item, "serves");
      std::string plain = pattern;
      constexpr std::string_view kStar = "https://*.";
      const bool starred = plain.starts_with(kStar);
      if (starred) plain = "https://x." + plain.substr(kStar.size());
      // A star needs two labels behind it: `*.com` would be everybody.
      const bool broad =
          starred && pattern.find('.', kStar.size()) == std::string::npos;
      if (broad || !plain.starts_with("https://") || origin_of(plain) != plain) {
        findings_.error(item, "bad-value", "\"serves\" holds origins",
                        "for instance https://as.example.com or https://*.example.com");
        continue;
      }
      profile_.serves.push_back(pattern);
    }
  }

  void read_values(Fields& fields) {
    const YamlNode* const node = fields.get("values");
    if (node == nullptr || !reader_.is_map(*node, "values")) return;
    for (const YamlMember& member : node->members) {
      ProfileValue value{.name = member.key.text};
      const bool sound = is_declared_id(value.name) &&
                         value.name.find('-') == std::string::npos && !is_call_word(value.name) &&
                         profile_.values.size() < CallReader::kTextsMax;
      if (!sound) {
        findings_.error(member.key, "bad-value",
                        fmt::format("\"{}\" cannot be the name of a value", shown(value.name)),
                        "lower-case letters, digits and _, and none of the words that quell fills");
      }
      Fields of(findings_, member.value, "a value", {"help", "url"});
      if (member.value.kind != YamlNode::Kind::map) continue;
      value.help = reader_.text(of, "help", true);
      value.is_url = of.flag("url").value_or(false);
      profile_.values.push_back(std::move(value));
    }
  }

  void read_reuse(const YamlNode& node) {
    Fields fields(findings_, node, "reuse", {"kills"});
    if (node.kind != YamlNode::Kind::map) return;
    fields.need("kills");
    profile_.reuse_kills = kills(fields);
  }

  void read_human(Fields& fields) {
    const YamlNode* const node = fields.get("human");
    if (node == nullptr) return;
    Fields human(findings_, *node, "human", {"page", "do"});
    if (node->kind != YamlNode::Kind::map) return;
    profile_.human_page = reader_.text(human, "page", false);
    profile_.human_do = reader_.text(human, "do", true);
  }

  void read_calls(Fields& fields) {
    const YamlNode* const node = fields.get("calls");
    if (node == nullptr || !reader_.is_list(*node, "calls", kCallsMax)) return;
    for (const YamlNode& item : node->items) read_call(item);
  }

  void read_call(const YamlNode& node) {
    Fields fields(findings_, node, "a call",
                  {"id", "title", "reach", "takes", "method", "url", "auth", "headers", "form",
                   "json", "answers", "kills", "spares", "breaks", "settles", "needs", "traps",
                   "unsure", "rests_on", "source"});
    if (node.kind != YamlNode::Kind::map) return;
    VendorCall call;
    call.id = reader_.text(fields, "id", true);
    const bool twice = std::any_of(profile_.calls.begin(), profile_.calls.end(),
                                   [&](const VendorCall& one) { return one.id == call.id; });
    if (!call.id.empty() && (!is_declared_id(call.id) || twice)) {
      findings_.error(*node.find("id"), "bad-value",
                      twice ? "two calls have this id"
                            : "\"id\" is lower-case letters, digits, - and _");
    }
    call.title = reader_.text(fields, "title", true);
    call.reach =
        reader_.word<CallReach>(fields, "reach", kReachWords, true).value_or(CallReach::grant);
    call.takes =
        reader_.word<CallToken>(fields, "takes", kTokenWords, false).value_or(CallToken::none);
    call.auth = reader_.word<CallAuth>(fields, "auth", kAuthWords, true).value_or(CallAuth::none);
    fields.need("method");
    call.method = fields.word("method", kCallMethods).value_or("POST");
    if (const YamlNode* const url = fields.need("url")) read_url(call, *url);
    if (const YamlNode* const headers = fields.get("headers"))
      call.headers = reader_.headers(*headers);
    call.body_kind = reader_.body(call.body, fields, node);
    if (const YamlNode* const answers = fields.need("answers"))
      call.answers = reader_.answers(*answers, kMeaningWords);
    call.kills = kills(fields);
    call.spares = reader_.text(fields, "spares", false);
    call.breaks = reader_.text(fields, "breaks", false);
    call.settles = fields.duration("settles");
    call.needs = reader_.texts(fields, "needs");
    call.traps = reader_.texts(fields, "traps");
    call.unsure = reader_.texts(fields, "unsure");
    call.certainty = reader_.word<Certainty>(fields, "rests_on", certainty_words(), false);
    call.source = reader_.text(fields, "source", false);
    check_call(call, node);
    profile_.calls.push_back(std::move(call));
  }

  void check_call(const VendorCall& call, const YamlNode& node) {
    if (call.certainty == Certainty::unsure) {
      findings_.error(*node.find("rests_on"), "unsure-call", "what nobody verified is not called",
                      "make it a human step");
    }
    if (call.reach == CallReach::token && call.takes == CallToken::none) {
      findings_.error(node, "missing-key", "a call of reach token shows a token", "add takes: ...");
    }
    const bool shown_in_body =
        std::any_of(call.body.begin(), call.body.end(),
                    [](const TemplatePart& part) { return part.name == "token"; });
    const bool shown_in_header =
        call.auth == CallAuth::token && call.takes == CallToken::access_token;
    if ((call.takes != CallToken::none) != (shown_in_body || shown_in_header)) {
      findings_.error(node, "bad-value", "\"takes\" and what the call shows do not agree",
                      "{token} in the body, or auth: token with takes: access_token");
    }
    const bool form_auth = call.auth == CallAuth::client_post || call.auth == CallAuth::client;
    if (form_auth && (call.body_kind != BodyKind::form || call.body.empty())) {
      findings_.error(node, "bad-value",
                      fmt::format("auth: {} stands in a form", to_string(call.auth)),
                      "add form: {...}");
    }
    const bool succeeds =
        std::any_of(call.answers.begin(), call.answers.end(),
                    [](const AnswerRule& rule) { return rule.means == AnswerMeaning::done; });
    if (!succeeds && !call.answers.empty()) {
      findings_.error(*node.find("answers"), "missing-key", "no answer means done");
    }
  }

  bool is_known_name(const std::string& name) const {
    return is_call_word(name) ||
           std::any_of(profile_.values.begin(), profile_.values.end(),
                       [&](const ProfileValue& value) { return value.name == name; });
  }

  void read_url(VendorCall& call, const YamlNode& node) {
    const std::string given = reader_.checked_text(node, "url");
    reader_.add_template(call.url, node, given, [](const std::string& literal) { return literal; });
    const bool secret = std::any_of(call.url.begin(), call.url.end(), [](const TemplatePart& part) {
      return is_secret_word(part.name) || part.name == "hint";
    });
    if (secret) {
      findings_.error(node, "secret-in-url", "a secret never stands in a URL",
                      "put {token} into the body");
    }
    if (call.url.empty() || given.find('#') != std::string::npos) {
      findings_.error(node, "bad-value", "\"url\" is a whole https URL without fragment");
      return;
    }
    const TemplatePart& first = call.url.front();
    const auto value =
        std::find_if(profile_.values.begin(), profile_.values.end(),
                     [&](const ProfileValue& one) { return one.name == first.name; });
    const bool base = first.name == "issuer" || first.name == "issuer_origin" ||
                      first.name == "token_endpoint" || first.name == "revocation_endpoint" ||
                      (value != profile_.values.end() && value->is_url);
    const bool literal = first.literal.starts_with("https://");
    if (!base && !literal) {
      findings_.error(node, "bad-value", "\"url\" begins with https:// or a base that quell fills",
                      "{issuer}, {issuer_origin}, {token_endpoint}, {revocation_endpoint} or a "
                      "value with url: true");
    }
    // The host is literal, or one value of the operator's; no incident may choose it.
    std::string host = literal ? first.literal.substr(8) : std::string{};
    if (literal && host.find('/') == std::string::npos) check_host(call, node);
  }

  void check_host(const VendorCall& call, const YamlNode& node) {
    for (const TemplatePart& part : call.url) {
      const std::size_t skip = &part == &call.url.front() ? 8 : 0;
      if (part.name.empty() && part.literal.find('/', skip) != std::string::npos) return;
      const bool own = part.name.empty() ||
                       std::any_of(profile_.values.begin(), profile_.values.end(),
                                   [&](const ProfileValue& value) {
                                     return value.name == part.name && !value.is_url;
                                   });
      if (own) continue;
      findings_.error(node, "bad-value", "the host of a call is fixed, or a value of the entry",
                      fmt::format("{{{}}} may not be part of it", part.name));
      return;
    }
    findings_.error(node, "bad-value", "\"url\" has no path", "write at least a / after the host");
  }

  Findings& findings_;
  IssuerProfile& profile_;
  CallReader reader_;
};

Result<IssuerProfile> profile_from(const std::string& file, const std::string& source) {
  ProfileLoad load = load_issuer_profile(source, file);
  if (load.profile) return *std::move(load.profile);
  return first_error(std::move(load.diagnostics), file, "profile", "");
}

Status put(IssuerProfiles& profiles, const std::string& file, const std::string& source) {
  Result<IssuerProfile> profile = profile_from(file, source);
  if (!profile) return profile.error();
  const auto same = [&](const IssuerProfile& one) { return one.id == profile->id; };
  std::erase_if(profiles, same);
  profiles.push_back(*std::move(profile));
  return ok();
}

}  // namespace

ProfileLoad load_issuer_profile(std::string_view source, std::string_view file) {
  ProfileLoad load;
  const SourceText text(source);
  Findings findings(text);
  YamlNode root;
  IssuerProfile profile;
  if (source.size() > kProfileBytesMax) {
    findings.error(SourceSpan{}, "too-long", "a profile has at most 64 KiB");
  } else if (parse_yaml(findings, root)) {
    ProfileReader(findings, profile)
        .read(root, std::filesystem::path(std::string(file)).stem().string());
  }
  const bool sound = !findings.has_errors();
  load.diagnostics = findings.take();
  if (sound) load.profile = std::move(profile);
  return load;
}

Result<std::shared_ptr<const IssuerProfiles>> load_issuer_profiles(
    const std::vector<std::string>& folders) {
  auto profiles = std::make_shared<IssuerProfiles>();
  for (const auto& [file, source] : shipped_issuer_profiles()) {
    if (Status added = put(*profiles, file, source); !added) return added.error();
  }
  for (const std::string& folder : folders) {
    std::error_code failed;
    std::vector<std::string> paths;
    for (const auto& entry : std::filesystem::directory_iterator(folder, failed)) {
      if (entry.path().extension() == ".yaml") paths.push_back(entry.path().string());
    }
    if (failed || paths.size() > kFilesMax) {
      return make_error(ErrorCode::invalid, "config",
                        fmt::format("issuer_profiles: {} {}.", folder,
                                    failed ? "cannot be read" : "holds too many files"),
                        "name a folder of profiles, or leave it out");
    }
    std::sort(paths.begin(), paths.end());
    for (const std::string& path : paths) {
      Result<PlaybookFile> file = read_playbook_file(path);
      if (!file) return file.error();
      // It says where tokens and client secrets go.
      if (file->distrust) return *file->distrust;
      if (Status added = put(*profiles, path, file->source); !added) return added.error();
    }
  }
  std::sort(profiles->begin(), profiles->end(),
            [](const IssuerProfile& a, const IssuerProfile& b) { return a.id < b.id; });
  return std::shared_ptr<const IssuerProfiles>(std::move(profiles));
}

}  // namespace quell
