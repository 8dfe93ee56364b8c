#include <algorithm>
#include <array>
#include <map>

#include "tests/tidy/rules.h"

namespace quell::tidy {
namespace {

using Folders = std::set<std::string, std::less<>>;

/// Per folder, the folders besides itself that it may include from; the arrows of CMakeLists.txt,
/// spelled out a second time so that a new arrow is a decision and not a slip.
const std::map<std::string, Folders, std::less<>>& layers() {
  static const Folders kFloor{"state/base", "state/model"};
  static const Folders kConnector{"state/base", "state/model", "connectors"};
  static const Folders kPlaybook{"state/base", "state/model", "connectors",
                                 "orchestrator/expression"};
  static const Folders kEngine{
      "state/base",           "state/model", "state", "connectors", "orchestrator/expression",
      "orchestrator/playbook"};
  static const auto kWith = [](Folders folders, std::initializer_list<const char*> more) {
    folders.insert(more.begin(), more.end());
    return folders;
  };
  static const Folders kOrchestrator =
      kWith(kEngine,
            {"orchestrator/engine", "orchestrator/alerts", "orchestrator/notify",
             "orchestrator/report", "orchestrator/api", "orchestrator/access", "orchestrator/panel",
             "connectors/managed_agents", "connectors/oauth", "connectors/http",
             "connectors/shared_signals",
             "orchestrator/http_*"});
  static const Folders kDrill = kWith(kOrchestrator, {"orchestrator", "orchestrator/range"});
  static const std::map<std::string, Folders, std::less<>> kLayers{
      {"state/base", {}},
      {"state/model", {"state/base"}},
      {"state", kFloor},
      {"connectors", kFloor},
      {"connectors/managed_agents", kConnector},
      {"connectors/oauth", kConnector},
      {"connectors/http", kConnector},
      {"connectors/shared_signals", kWith(kConnector, {"connectors/oauth"})},  // its signer
      {"orchestrator/expression", kFloor},
      {"orchestrator/playbook", kPlaybook},
      {"orchestrator/http_*", {"state/base", "state"}},  // the rules for key files
      {"orchestrator/range", kWith(kConnector, {"orchestrator/http_*"})},
      {"orchestrator/engine", kEngine},
      {"orchestrator/alerts", kWith(kEngine, {"orchestrator/engine", "orchestrator/http_*"})},
      {"orchestrator/notify", kWith(kConnector, {"state", "orchestrator/alerts"})},
      {"orchestrator/report", kWith(kEngine, {"orchestrator/engine"})},
      {"orchestrator/api", kWith(kEngine, {"orchestrator/engine", "orchestrator/alerts",
                                           "orchestrator/report", "orchestrator/http_*"})},
      {"orchestrator/access",
       kWith(kConnector, {"state", "orchestrator/api", "orchestrator/http_*"})},
      {"orchestrator/panel",
       kWith(kEngine, {"orchestrator/engine", "orchestrator/alerts", "orchestrator/report"})},
      {"orchestrator", kOrchestrator},
      {"orchestrator/drill", kDrill},
      {"orchestrator/playbook_test", kWith(kEngine, {"orchestrator/engine"})},
      {"orchestrator/cli", kWith(kDrill, {"orchestrator/drill", "orchestrator/playbook_test"})},
  };
  return kLayers;
}

/// The layer of a file: its folder, except for the HTTP front, a library of its own beside the
/// daemon that it serves.
std::string layer_of(std::string_view path) {
  if (path.starts_with("orchestrator/http_")) return "orchestrator/http_*";
  const std::size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? std::string_view() : path.substr(0, slash));
}

struct Owned {
  std::string_view headers;  // what the include starts with
  std::vector<std::string_view> files;
};

/// Who may include whose headers. A library in one file can be replaced in one file, and its
/// exceptions and types stay there.
const std::vector<Owned>& owners() {
  static const std::vector<Owned> kOwners{
      {"nlohmann/", {"state/base/json.cpp"}},
      {"yaml-cpp/", {"orchestrator/playbook/loader.cpp"}},
      {"curl/", {"connectors/url.cpp", "connectors/curl_transport.cpp"}},
      {"httplib.h", {"orchestrator/http_client.cpp", "orchestrator/http_dispatch.cpp"}},
      {"sqlite3.h", {"state/sqlite_database.cpp"}},
      {"cctz/", {"orchestrator/expression/time_zone.cpp"}},
      {"re2/", {"orchestrator/playbook/inputs.cpp", "orchestrator/expression/functions.cpp"}},
      {"CLI/", {"orchestrator/cli/verb.h"}},
      {"spdlog/", {"orchestrator/cli/session.cpp"}},
      {"zlib.h", {"orchestrator/access/api_token.cpp"}},
      {"openssl/",
       {"orchestrator/access/password.cpp",     // scrypt
        "state/base/openssl.h",                 // what owns its handles
        "state/base/sha256.cpp",                // hashes
        "state/base/random.cpp",                // the generator
        "state/base/secret.cpp",                // wiping
        "state/base/bytes.cpp",                 // comparing in constant time
        "state/keys.cpp",                       // signing heads
        "state/sealed_store.cpp",               // AES-256-GCM
        "connectors/oauth/jws.cpp",             // signing client assertions and events
        "orchestrator/alerts/key_set.cpp",      // checking signed events
        "orchestrator/alerts/signature.cpp",    // checking what senders sign
        "orchestrator/secret_reference.cpp",    // wiping the read buffer
        "orchestrator/hardening.cpp",           // wiping
        "orchestrator/http_tls.cpp",            // TLS of the listeners
        "orchestrator/report/envelope.cpp",     // encrypting evidence to recipients
        "orchestrator/range/issuer_jwt.cpp"}},  // the simulated issuer signs its tokens
  };
  return kOwners;
}

/// Headers of ours that may name a library's types, each for one reason.
bool header_may_show(std::string_view path, std::string_view type) {
  // Verbs declare their options on the parser itself.
  if (path == "orchestrator/cli/verb.h") return type == "CLI::";
  // The owners of its handles, for the source files that call it.
  if (path == "state/base/openssl.h") return type == "BIO" || type.starts_with("EVP_");
  // Forward declarations of opaque handles, seen by no file outside state/.
  if (path == "state/sqlite_database.h") return type.starts_with("sqlite3");
  return false;
}

constexpr std::array<std::string_view, 15> kThirdPartyTypes{
    "CURL", "CURLM",   "EVP_PKEY", "EVP_MD_CTX", "EVP_CIPHER_CTX",
    "BIO",  "SSL_CTX", "YAML::",   "nlohmann::", "httplib::",
    "RE2",  "CLI::",   "fmt::",    "sqlite3",    "sqlite3_stmt"};

bool is_platform_header(std::string_view name) {
  constexpr std::array<std::string_view, 14> kPosix{
      "arpa/", "dirent.h", "fcntl.h", "linux/",   "netdb.h",   "netinet/", "poll.h",
      "pwd.h", "signal.h", "spawn.h", "sys/",    "syslog.h", "termios.h", "unistd.h"};
  const bool standard = name.find_first_of("./") == std::string_view::npos;
  return standard || std::any_of(kPosix.begin(), kPosix.end(),
                                 [&](std::string_view known) { return name.starts_with(known); });
}

}  // namespace

std::set<std::string> layered_folders() {
  std::set<std::string> names;
  for (const auto& [folder, below] : layers()) names.insert(folder);
  return names;
}

std::set<std::string> library_folders(const std::string& cmake_lists) {
  constexpr std::string_view kCall = "quell_library(";
  std::set<std::string> folders;
  for (std::string_view line : lines_of(cmake_lists)) {
    if (!line.starts_with(kCall)) continue;
    line.remove_prefix(line.find(' ') + 1);
    folders.insert(std::string(line.substr(0, line.find_first_of(" )"))));
  }
  return folders;
}

Breaches check_layers(const SourceFile& file) {
  Breaches breaches;
  if (!is_product(file.path)) return breaches;
  const std::string from = layer_of(file.path);
  const auto layer = layers().find(from);
  if (layer == layers().end()) {
    return {{.path = file.path, .rule = "layers", .detail = "its folder stands in no layer"}};
  }
  for (const Include& include : includes_of(file.text)) {
    if (!include.quoted) continue;
    const std::string to = layer_of(include.name);
    if (to == from || layer->second.contains(to)) continue;
    breaches.push_back({.path = file.path,
                        .line = include.line,
                        .rule = "layers",
                        .detail = from + " must not know " + include.name});
  }
  return breaches;
}

Breaches check_third_party(const SourceFile& file) {
  Breaches breaches;
  if (!is_product(file.path)) return breaches;
  const auto report = [&](std::size_t line, std::string detail) {
    breaches.push_back(
        {.path = file.path, .line = line, .rule = "third-party", .detail = std::move(detail)});
  };
  for (const Include& include : includes_of(file.text)) {
    if (include.quoted || is_platform_header(include.name)) continue;
    if (include.name.starts_with("fmt/")) {
      if (is_header(file.path)) report(include.line, "a header shows <" + include.name + ">");
      continue;
    }
    const auto owned = std::find_if(owners().begin(), owners().end(), [&](const Owned& entry) {
      return std::string_view(include.name).starts_with(entry.headers);
    });
    if (owned == owners().end()) {
      report(include.line, "<" + include.name + "> belongs to no library of the table");
    } else if (std::find(owned->files.begin(), owned->files.end(), file.path) ==
               owned->files.end()) {
      report(include.line, "<" + include.name + "> outside the file that owns it");
    }
  }
  if (!is_header(file.path)) return breaches;
  const std::string code = code_only(file.text);
  std::size_t number = 0;
  for (const std::string_view line : lines_of(code)) {
    ++number;
    for (const std::string_view type : kThirdPartyTypes) {
      if (has_word(line, type) && !header_may_show(file.path, type)) {
        report(number, "a header shows " + std::string(type));
      }
    }
  }
  return breaches;
}

Breaches check_built(const SourceFile& file, const std::set<std::string>& built) {
  if (!is_source(file.path) || built.contains(file.path)) return {};
  return {{.path = file.path, .rule = "built", .detail = "no target compiles it"}};
}

Breaches stale_table_entries(const std::set<std::string>& paths) {
  Breaches breaches;
  for (const Owned& entry : owners()) {
    for (const std::string_view file : entry.files) {
      if (!paths.contains(std::string(file))) {
        breaches.push_back({.path = std::string(file),
                            .rule = "table",
                            .detail = "owns " + std::string(entry.headers) + " and is not there"});
      }
    }
  }
  return breaches;
}

}  // namespace quell::tidy
