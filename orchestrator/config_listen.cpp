#include "orchestrator/config_listen.h"

#include <array>
#include <charconv>
#include <utility>

#include "orchestrator/config_reader.h"

namespace quell {
namespace {

constexpr std::array<std::string_view, 2> kHooksMembers{"listen", "tls"};
constexpr std::array<std::string_view, 4> kPanelMembers{"listen", "tls", "hosts", "place"};
constexpr std::array<std::string_view, 3> kTlsMembers{"cert", "key", "client_ca"};

/// `127.0.0.1:8441`, `[::1]:8441`.
void read_address(const YamlNode& node, ListenSettings& listener, Findings& findings) {
  const std::string& text = node.text;
  const std::size_t colon = text.rfind(':');
  int port = -1;
  if (colon != std::string::npos) {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
    if (error != std::errc{} || stop != end) port = -1;
  }
  std::string host = colon == std::string::npos ? "" : text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty() || port < 0 || port > 65'535) {
    findings.error(node, "wrong-type", "listen is an address and a port", "127.0.0.1:8441");
    return;
  }
  listener.host = std::move(host);
  listener.port = static_cast<std::uint16_t>(port);
}

HttpTlsFiles read_tls(const YamlNode& node, const std::string& directory, ConfigReader& reader,
                      Findings& findings) {
  HttpTlsFiles files;
  for (const YamlMember& one : node.members) {
    if (!reader.is_known(one.key, kTlsMembers)) continue;
    const std::string path = path_from(directory, reader.text(one.value, one.key.text));
    if (one.key.text == "cert") files.certificate_file = path;
    if (one.key.text == "key") files.key_file = path;
    if (one.key.text == "client_ca") files.client_ca_file = path;
  }
  if (files.certificate_file.empty() || files.key_file.empty()) {
    findings.error(node, "missing-key", "TLS needs a certificate and its key",
                   "tls: {cert: quell.pem, key: quell.key}");
  }
  return files;
}

}  // namespace

bool ListenSettings::is_loopback() const {
  return host.starts_with("127.") || host == "::1" || host == "localhost";
}

std::optional<ListenSettings> read_listener(const YamlNode& node, std::string_view what,
                                            const std::string& file, const std::string& directory,
                                            Findings& findings) {
  ConfigReader reader(findings);
  const std::string name(what);
  if (!reader.is_map(node, name)) return std::nullopt;
  const bool is_panel = what == "panel";
  ListenSettings listener{.named_at = file + ":" + std::to_string(findings.line(node))};
  for (const YamlMember& member : node.members) {
    const bool is_known = is_panel ? reader.is_known(member.key, kPanelMembers)
                                   : reader.is_known(member.key, kHooksMembers);
    if (!is_known) continue;
    if (member.key.text == "listen") read_address(member.value, listener, findings);
    if (member.key.text == "hosts") listener.hosts = reader.texts(member.value, name + ".hosts");
    if (member.key.text == "place") listener.place = reader.text(member.value, name + ".place");
    if (member.key.text == "tls" && reader.is_map(member.value, name + ".tls"))
      listener.tls = read_tls(member.value, directory, reader, findings);
  }
  if (!listener.host.empty()) return listener;
  findings.error(node, "missing-key", name + " needs an address to listen on",
                 is_panel ? "listen: \"127.0.0.1:8440\"" : "listen: \"127.0.0.1:8441\"");
  return std::nullopt;
}

}  // namespace quell
