#pragma once

#include <memory>
#include <string>
#include <vector>

#include "process.h"

namespace quell::test {

/// What a command that failed said on stderr: exactly one error, and its one remedy behind it.
/// Fails the test when that is not what it says.
struct Told {
  std::string sentence{};  // without `quell: error:` and the word
  std::string word{};      // in the brackets
  std::string help{};
};
Told told(const Finished& finished);

/// A range on sockets, a state folder and a configuration that points to it: what a stranger's
/// machine looks like.
class Site {
 public:
  /// `profile` names deviations of the range; empty: as documented. `crowd`: how much of an
  /// organization stands around the leak.
  explicit Site(const std::string& profile = "", const std::string& crowd = "");

  /// Starts quell with `arguments` and this site's configuration.
  Process start(std::vector<std::string> arguments, const std::string& input = "") const;
  Finished run(std::vector<std::string> arguments, const std::string& input = "") const;
  /// `run leaked-mcp-oauth` with the leak's ids and both tokens, from files.
  std::vector<std::string> leak_arguments(const std::string& verb = "run") const;
  Finished run_leak(std::vector<std::string> more = {}) const;

  const Folder& folder() const noexcept { return folder_; }
  std::string database() const { return folder_.path() + "/state/quell.db"; }
  const Value& range() const noexcept { return ready_; }
  /// Writes the configuration again, with another platform, folder for the state, or more lines on
  /// top. Beside a platform that is not loopback there is no issuer, whose URLs are loopback.
  void configure(const std::string& base_url, const std::string& database = "state/quell.db",
                 const std::string& more = "") const;
  std::string base_url() const { return ready_["platform"]["base_url"].string_or(""); }
  /// `quell.yaml:LINE` of this site, as errors name it.
  std::string place(int line) const;
  std::string credential_id() const { return ready_["leaked"]["credential_id"].string_or(""); }
  std::string vault_id() const { return ready_["leaked"]["vault_id"].string_or(""); }
  /// Requests of this client that the range took and that may change something.
  std::size_t changes_seen() const;

  /// A JSON document of the range's control host.
  Value control(const std::string& path) const;
  /// Posts to the control host.
  void post_control(const std::string& path, const std::string& json) const;
  /// Posts faults to the control host.
  void fault(const std::string& json) const;
  /// POST of `json` to the platform, by somebody else than quell; its answer.
  Value post(const std::string& path, const std::string& json) const;
  std::string access_token() const { return ready_["leaked"]["access_token"].string_or(""); }
  std::string refresh_token() const { return ready_["leaked"]["refresh_token"].string_or(""); }
  Environment environment() const;

 private:
  Folder folder_{};
  std::unique_ptr<Process> range_{};
  Value ready_{};
};

}  // namespace quell::test
