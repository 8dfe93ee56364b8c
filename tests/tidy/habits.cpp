#include <algorithm>
#include <array>

#include "tests/tidy/rules.h"

namespace quell::tidy {
namespace {

constexpr std::size_t kLinesMax = 700;

struct Allowed {
  std::string_view path;
  std::string_view why;
};

/// Who may see the bytes of a secret.
constexpr std::array<Allowed, 22> kRevealers{{
    {"state/keys.cpp", "derives keys, takes fingerprints, signs heads"},
    {"state/sealed_store.cpp", "encrypts and decrypts what outlives a crash"},
    {"connectors/secret_text.cpp", "renders headers and bodies for the transport"},
    {"orchestrator/api_client.cpp",
     "hands a run's secrets to the owner's socket or its TLS server"},
    {"orchestrator/access/password.cpp", "hashes passwords"},
    {"orchestrator/access/api_token.cpp", "makes tokens"},
    {"orchestrator/access/access_store.cpp", "keeps the hashes of what it makes"},
    {"orchestrator/access/access_routes.cpp", "shows a new token to its maker, once"},
    {"orchestrator/cli/panel_front.cpp", "shows the first admin the way in, once"},
    {"orchestrator/cli/play_site.cpp", "shows the first player of a drill the way in, once"},
    {"orchestrator/cli/drill_play.cpp", "shows players what the range invented as found"},
    {"orchestrator/http_client.cpp", "shows an API token to the server that the person named"},
    {"connectors/curl_transport.cpp", "the transport: hands the rendered bytes to libcurl"},
    {"orchestrator/range/in_process_transport.cpp", "the transport of drills and simulations"},
    {"connectors/redaction.cpp", "the filter that looks for live secrets in everything else"},
    {"connectors/oauth/jws.cpp", "signs client assertions and security events"},
    {"orchestrator/alerts/signature.cpp", "checks what senders of alerts sign"},
    {"orchestrator/notify/destination.cpp", "the URL of a Slack webhook is its secret"},
    {"connectors/oauth/jwt.cpp", "the claims stand inside the token"},
    {"connectors/oauth/client_auth.cpp", "compares the form of a client secret with its method"},
    {"connectors/managed_agents/key_hint.cpp", "tells quell's own key by the hint of a listed one"},
    {"state/base/secret.h", "declares it"},
}};

/// Leaves that may throw, and why each must.
constexpr std::array<Allowed, 1> kThrowers{{
    {"orchestrator/playbook/loader.cpp",
     "leaves yaml-cpp's parser from inside its event handler; caught in the same file"},
}};

/// Files outside the command line that may write to a stream of the process.
constexpr std::array<Allowed, 1> kPrinters{{
    {"state/base/assert.cpp", "fixed text, right before the process aborts"},
}};

template <std::size_t N>
bool allowed(const std::array<Allowed, N>& table, std::string_view path) {
  return std::any_of(table.begin(), table.end(),
                     [&](const Allowed& entry) { return entry.path == path; });
}

// The words below are joined from halves, so that this file does not hold what it looks for.
constexpr std::array<std::string_view, 4> kUnfinished{
    "TO"
    "DO",
    "FIX"
    "ME",
    "XX"
    "X",
    "HA"
    "CK"};

constexpr std::array<std::string_view, 13> kForeignPlaces{
    "/ho"
    "me/",
    "/ro"
    "ot/",
    "/wo"
    "rk/",
    "/Us"
    "ers/",
    "registry.np"
    "mjs.org",
    "py"
    "pi.org",
    "files.python"
    "hosted.org",
    "proxy.go"
    "lang.org",
    "cra"
    "tes.io",
    "deb.deb"
    "ian.org",
    "docker"
    ".io",
    "gh"
    "cr.io",
    "artifac"
    "tory"};

constexpr std::array<std::string_view, 8> kPrints{
    "std::cout", "std::cerr", "std::clog", "printf(", "fprintf(", "puts(", "fputs(", "fmt::print("};

}  // namespace

Breaches check_reveal(const SourceFile& file) {
  Breaches breaches;
  if (!is_product(file.path)) return breaches;
  const std::string code = code_only(file.text);
  std::size_t number = 0;
  for (const std::string_view line : lines_of(code)) {
    ++number;
    const bool reveals = has_word(line, "reveal()");
    // SecretText::render() takes nothing; the other functions of that name do.
    const bool renders = line.find(".render()") != std::string_view::npos;
    if ((reveals || renders) && !allowed(kRevealers, file.path)) {
      breaches.push_back({.path = file.path,
                          .line = number,
                          .rule = "reveal",
                          .detail = "looks inside a secret without a reason in the table"});
    }
  }
  return breaches;
}

Breaches check_text(const SourceFile& file) {
  Breaches breaches;
  const std::vector<std::string_view> lines = lines_of(file.text);
  const bool generated =
      file.path.ends_with("package-lock.json") || file.path == "docs/actions.md";
  if (lines.size() > kLinesMax && !generated) {
    breaches.push_back(
        {.path = file.path,
         .rule = "length",
         .detail = std::to_string(lines.size()) + " lines, at most " + std::to_string(kLinesMax)});
  }
  std::size_t number = 0;
  for (const std::string_view line : lines) {
    ++number;
    for (const std::string_view word : kUnfinished) {
      if (has_word(line, word)) {
        breaches.push_back(
            {.path = file.path, .line = number, .rule = "unfinished", .detail = std::string(word)});
      }
    }
    for (const std::string_view place : kForeignPlaces) {
      if (line.find(place) != std::string_view::npos) {
        breaches.push_back(
            {.path = file.path, .line = number, .rule = "place", .detail = std::string(place)});
      }
    }
  }
  return breaches;
}

Breaches check_habits(const SourceFile& file) {
  Breaches breaches;
  if (!is_product(file.path)) return breaches;
  const bool prints = file.path.starts_with("orchestrator/cli/") || allowed(kPrinters, file.path);
  const std::string code = code_only(file.text);
  std::size_t number = 0;
  for (const std::string_view line : lines_of(code)) {
    ++number;
    for (const std::string_view print : kPrints) {
      if (!prints && has_word(line, print)) {
        breaches.push_back(
            {.path = file.path, .line = number, .rule = "prints", .detail = std::string(print)});
      }
    }
    if (has_word(line, "throw") && !allowed(kThrowers, file.path)) {
      breaches.push_back({.path = file.path,
                          .line = number,
                          .rule = "throws",
                          .detail = "failures travel as Result, not as exceptions"});
    }
  }
  return breaches;
}

}  // namespace quell::tidy
