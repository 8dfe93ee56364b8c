#include "orchestrator/config_http.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "connectors/declared_call.h"
#include "connectors/url.h"
#include "orchestrator/config_policy.h"
#include "orchestrator/config_reader.h"
#include "orchestrator/declared_actions.h"
#include "orchestrator/playbook/diagnostics.h"
#include "orchestrator/playbook_library.h"

namespace quell {
namespace {

constexpr std::array<std::string_view, 7> kKeys{
    "kind", "base_url", "auth", "actions", "assert_safe", "safe_in_dry_run", "limits"};

/// What each kind of auth is made of; the last key is the secret.
struct HttpAuthForm {
  std::string_view kind;
  HttpAuth auth;
  std::vector<std::string_view> keys;
};

const std::array<HttpAuthForm, 3>& auth_forms() {
  static const std::array<HttpAuthForm, 3> kForms{
      {{"bearer", HttpAuth::bearer, {"token"}},
       {"basic", HttpAuth::basic, {"user", "password"}},
       {"header", HttpAuth::header, {"header", "value"}}}};
  return kForms;
}

class HttpReader {
 public:
  HttpReader(const std::string& file, ConnectionSettings& connection, Findings& findings)
      : file_(file), connection_(connection), findings_(findings), reader_(findings) {}

  void read(const YamlNode& node) {
    for (const YamlMember& member : node.members) {
      const std::string& key = member.key.text;
      if (!reader_.is_known(member.key, kKeys)) continue;
      if (key == "base_url") keep(key, member.value);
      if (key == "auth") read_auth(member.value);
      if (key == "assert_safe") connection_.assert_safe = reader_.flag(member.value, key);
      if (key == "safe_in_dry_run")
        connection_.safe_in_dry_run = reader_.texts(member.value, key);
      if (key == "limits") connection_.limits = read_limits(member.value, findings_);
    }
    need(node, "base_url", "base_url: https://host");
    const YamlNode* const actions = node.find("actions");
    if (actions == nullptr) {
      need(node, "actions", "actions: FILE, or a map of them right here");
    } else if (actions->kind == YamlNode::Kind::map) {
      connection_.declared = read_declared_actions(findings_, *actions, connection_.assert_safe);
    } else {
      keep("actions", *actions);
    }
    if (!connection_.safe_in_dry_run.empty() && !connection_.assert_safe)
      findings_.error(*node.find_key("safe_in_dry_run"), "bad-value",
                      "safe_in_dry_run is more than assert_safe", "add assert_safe: true");
  }

 private:
  void need(const YamlNode& node, std::string_view key, std::string hint) {
    if (node.find(key) != nullptr) return;
    findings_.error(node, "missing-key",
                    fmt::format("connection {} has no {}", shown(connection_.name), key),
                    std::move(hint));
  }

  void keep(const std::string& key, const YamlNode& node) {
    connection_.values[key] = Setting{.value = reader_.text(node, key),
                                      .named_at = fmt::format("{}:{}", file_, findings_.line(node)),
                                      .layer = Setting::Layer::file};
  }

  void read_auth(const YamlNode& node) {
    if (!reader_.is_map(node, "auth")) return;
    const YamlNode* const kind = node.find("kind");
    const auto* const form =
        std::find_if(auth_forms().begin(), auth_forms().end(), [kind](const HttpAuthForm& one) {
          return kind != nullptr && one.kind == kind->text;
        });
    if (form == auth_forms().end()) {
      findings_.error(kind == nullptr ? node : *kind, "bad-value",
                      "\"auth\" has no kind that quell knows",
                      "kind: bearer with token, basic with user and password, or header with "
                      "header and value");
      return;
    }
    std::vector<std::string_view> known{"kind"};
    known.insert(known.end(), form->keys.begin(), form->keys.end());
    for (const YamlMember& member : node.members) {
      if (reader_.is_known(member.key, known)) keep("auth." + member.key.text, member.value);
    }
    for (const std::string_view key : form->keys) {
      const YamlNode* const value = node.find(key);
      if (value == nullptr) {
        findings_.error(node, "missing-key", fmt::format("auth: {} has no {}", form->kind, key),
                        fmt::format("add {}: ...", key));
      } else if (key == form->keys.back() && !value->text.starts_with("secret://")) {
        findings_.error(*value, "secret-in-text",
                        fmt::format("auth.{} is a reference, never the secret itself", key),
                        "secret://env/NAME, secret://file/PATH or secret://credential/NAME");
      }
    }
    if (form->auth == HttpAuth::header) check_header(node.find("header"));
    if (form->auth == HttpAuth::basic) check_user(node.find("user"));
  }

  void check_header(const YamlNode* node) {
    if (node == nullptr) return;
    const std::string& name = node->text;
    const bool token =
        !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
          return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                 c == '-';
        });
    if (token && !is_reserved_header(name)) return;
    findings_.error(*node, "bad-value",
                    fmt::format("\"{}\" cannot be the header of a credential", shown(name)),
                    "for instance X-Api-Key; Authorization is that of kind: bearer");
  }

  void check_user(const YamlNode* node) {
    // RFC 7617 section 2: a colon ends the user's name.
    if (node == nullptr || node->text.find(':') == std::string::npos) return;
    findings_.error(*node, "bad-value", "\"user\" holds no colon", "RFC 7617 section 2");
  }

  const std::string& file_;
  ConnectionSettings& connection_;
  Findings& findings_;
  ConfigReader reader_;
};

}  // namespace

void read_http_connection(const YamlNode& node, const std::string& file,
                          ConnectionSettings& connection, Findings& findings) {
  HttpReader(file, connection, findings).read(node);
}

Status complete_http(ConnectionSettings& connection, const std::string& directory) {
  const Setting& base = connection.values.at("base_url");
  const Result<Url> url = parse_url(base.value);
  if (!url || !url->query.empty() || base.value.find('#') != std::string::npos) {
    return make_error(ErrorCode::invalid, "config",
                      fmt::format("{}: base_url of {} is not an http or https URL without query.",
                                  base.named_at, connection.name),
                      "base_url: https://host");
  }
  if (url->scheme == "http" && !is_loopback_host(url->host)) {
    return make_error(ErrorCode::invalid, "egress",
                      base.named_at + ": a credential never travels over plain http.",
                      "use https, or a loopback address");
  }
  const auto actions = connection.values.find("actions");
  if (actions == connection.values.end()) return ok();
  const Result<PlaybookFile> file =
      read_playbook_file(path_from(directory, actions->second.value));
  if (!file) return wrap(actions->second.named_at, file.error());
  if (file->distrust) return *file->distrust;
  DeclaredLoad load = load_declared_actions(file->source, connection.assert_safe);
  if (!load.actions) return first_error(std::move(load.diagnostics), file->file, "config", "");
  connection.declared = *std::move(load.actions);
  return ok();
}

bool is_http_secret(std::string_view key) noexcept {
  return key == "auth.token" || key == "auth.password" || key == "auth.value";
}

HttpAuth http_auth(const ConnectionSettings& connection) {
  const auto kind = connection.values.find("auth.kind");
  if (kind == connection.values.end()) return HttpAuth::none;
  for (const HttpAuthForm& form : auth_forms()) {
    if (form.kind == kind->second.value) return form.auth;
  }
  return HttpAuth::none;
}

}  // namespace quell
