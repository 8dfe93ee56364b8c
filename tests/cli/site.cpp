#include "site.h"

#include <arpa/inet.h>
#include <array>
#include <memory>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "connectors/url.h"
#include "state/base/json.h"

namespace quell::test {
namespace {

/// One request over a plain socket to a loopback URL; the body of the answer.
/// `headers` end with a line each.
std::string http(const std::string& method, const std::string& url, const std::string& body,
                 const std::string& headers = "") {
  const Result<Url> parsed = parse_url(url);
  REQUIRE(parsed);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(fd >= 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(parsed->port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  const std::string request = method + " " + parsed->path + " HTTP/1.1\r\nHost: " + parsed->host +
                              "\r\nConnection: close\r\n" + headers +
                              (body.empty() ? ""
                                            : "Content-Type: application/json\r\nContent-Length: " +
                                                  std::to_string(body.size()) + "\r\n") +
                              "\r\n" + body;
  REQUIRE(write(fd, request.data(), request.size()) == static_cast<ssize_t>(request.size()));
  std::string answer;
  std::array<char, 65536> buffer{};
  for (ssize_t got = read(fd, buffer.data(), buffer.size()); got > 0;
       got = read(fd, buffer.data(), buffer.size())) {
    answer.append(buffer.data(), static_cast<std::size_t>(got));
  }
  close(fd);
  const std::size_t end = answer.find("\r\n\r\n");
  REQUIRE(end != std::string::npos);
  CAPTURE(answer);
  REQUIRE(answer.substr(9, 1) == "2");
  return answer.substr(end + 4);
}

}  // namespace

Told told(const Finished& finished) {
  constexpr std::string_view kError = "quell: error: ";
  constexpr std::string_view kHelp = "\n  help: ";
  const std::string& text = finished.err;
  CAPTURE(text);
  CAPTURE(finished.out);
  const std::size_t at = text.find(kError);
  REQUIRE(at != std::string::npos);
  CHECK(text.find(kError, at + 1) == std::string::npos);
  const std::size_t help = text.find(kHelp, at);
  REQUIRE(help != std::string::npos);
  const std::size_t end = text.find('\n', help + 1);
  REQUIRE(end == text.size() - 1);  // nothing behind it
  const std::string line = text.substr(at + kError.size(), help - at - kError.size());
  const std::size_t bracket = line.rfind(" [");
  REQUIRE(bracket != std::string::npos);
  REQUIRE(line.ends_with(']'));
  Told said;
  said.sentence = line.substr(0, bracket);
  said.word = line.substr(bracket + 2, line.size() - bracket - 3);
  said.help = text.substr(help + kHelp.size(), end - help - kHelp.size());
  CHECK(said.sentence.ends_with('.'));
  CHECK_FALSE(said.help.empty());
  return said;
}

Site::Site(const std::string& profile, const std::string& crowd) {
  std::vector<std::string> arguments{quell_path(), "range", "--seed", "7"};
  if (!profile.empty()) {
    arguments.push_back("--profile");
    arguments.push_back(profile);
  }
  if (!crowd.empty()) {
    arguments.push_back("--crowd");
    arguments.push_back(crowd);
  }
  range_ = std::make_unique<Process>(arguments, Environment{{"HOME", folder_.path()}});
  const Result<Value> ready = parse_json(range_->read_line());
  REQUIRE(ready);
  ready_ = *ready;
  folder_.write("api.key", ready_["platform"]["api_key"].string_or(""));
  folder_.write("client.secret", ready_["issuer"]["client_secret"].string_or(""));
  folder_.write("token", access_token() + "\n");
  folder_.write("refresh", refresh_token() + "\n");
  configure(base_url());
}

void Site::configure(const std::string& base_url, const std::string& database,
                     const std::string& more) const {
  std::string text = "state: {sqlite: " + database + "}\n" + more +
                     "connections:\n"
                     "  platform:\n"
                     "    kind: managed_agents\n"
                     "    base_url: " +
                     base_url +
                     "\n"
                     "    api_key: secret://file/api.key\n"
                     "  issuer:\n"
                     "    kind: oauth\n";
  if (const Result<Url> url = parse_url(base_url); url && is_loopback_host(url->host)) {
    text +=
        "    issuers:\n"
        "      - match: {mcp_server_url: \"" +
        ready_["mcp"]["url"].string_or("") +
        "\"}\n"
        "        issuer: " +
        ready_["issuer"]["url"].string_or("") +
        "\n"
        "        client_id: " +
        ready_["issuer"]["client_id"].string_or("") +
        "\n"
        "        client_auth: client_secret_basic\n"
        "        client_secret: secret://file/client.secret\n";
  }
  folder_.write("quell.yaml", text);
}

std::string Site::place(int line) const {
  return folder_.path() + "/quell.yaml:" + std::to_string(line);
}

std::size_t Site::changes_seen() const {
  std::size_t count = 0;
  const Value log = control("/log");
  for (const Value& request : log["requests"].list_or_empty()) {
    const bool ours = request["who"].string_or("") == "client";
    if (ours && request["method"].string_or("") != "GET") ++count;
  }
  return count;
}

Environment Site::environment() const { return {{"HOME", folder_.path()}}; }

Process Site::start(std::vector<std::string> arguments, const std::string& input) const {
  arguments.insert(arguments.begin(), quell_path());
  arguments.push_back("--config");
  arguments.push_back(folder_.path() + "/quell.yaml");
  return Process(arguments, environment(), input);
}

Finished Site::run(std::vector<std::string> arguments, const std::string& input) const {
  return start(std::move(arguments), input).wait();
}

std::vector<std::string> Site::leak_arguments(const std::string& verb) const {
  return {verb, "leaked-mcp-oauth",
          "-i", "incident=INC-42",
          "-i", "vault_id=" + ready_["leaked"]["vault_id"].string_or(""),
          "-i", "credential_id=" + ready_["leaked"]["credential_id"].string_or(""),
          "-i", "leaked_token=@" + folder_.path() + "/token",
          "-i", "leaked_refresh_token=@" + folder_.path() + "/refresh"};
}

Finished Site::run_leak(std::vector<std::string> more) const {
  std::vector<std::string> arguments = leak_arguments();
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run(std::move(arguments));
}

Value Site::control(const std::string& path) const {
  const Result<Value> value = parse_json(
      http("GET", ready_["control_url"].string_or("") + path, ""), {.bytes_max = 64U << 20U});
  REQUIRE(value);
  return *value;
}

Value Site::post(const std::string& path, const std::string& json) const {
  const std::string headers = "X-Api-Key: " + ready_["platform"]["api_key"].string_or("") +
                              "\r\nAnthropic-Version: 2023-06-01"
                              "\r\nAnthropic-Beta: managed-agents-2026-04-01\r\n";
  const Result<Value> value = parse_json(http("POST", base_url() + path, json, headers));
  REQUIRE(value);
  return *value;
}

void Site::post_control(const std::string& path, const std::string& json) const {
  http("POST", ready_["control_url"].string_or("") + path, json);
}

void Site::fault(const std::string& json) const { post_control("/faults", json); }

}  // namespace quell::test
