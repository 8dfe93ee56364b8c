#pragma once

#include <memory>
#include <string>
#include <vector>

#include "process.h"

namespace quell::test {

/// A range on sockets, a state folder and a configuration that points to it: what a stranger's
/// machine looks like.
class Site {
 public:
  /// `profile` names deviations of the range; empty: as documented.
  explicit Site(const std::string& profile = "");

  /// Starts quell with `arguments` and this site's configuration.
  Process start(std::vector<std::string> arguments, const std::string& input = "") const;
  Finished run(std::vector<std::string> arguments, const std::string& input = "") const;
  /// `run leaked-mcp-oauth` with the leak's ids and both tokens, from files.
  std::vector<std::string> leak_arguments(const std::string& verb = "run") const;
  Finished run_leak(std::vector<std::string> more = {}) const;

  const Folder& folder() const noexcept { return folder_; }
  std::string database() const { return folder_.path() + "/state/quell.db"; }
  const Value& range() const noexcept { return ready_; }
  /// A JSON document of the range's control host.
  Value control(const std::string& path) const;
  /// Posts faults to the control host.
  void fault(const std::string& json) const;
  std::string access_token() const { return ready_["leaked"]["access_token"].string_or(""); }
  std::string refresh_token() const { return ready_["leaked"]["refresh_token"].string_or(""); }
  Environment environment() const;

 private:
  Folder folder_{};
  std::unique_ptr<Process> range_{};
  Value ready_{};
};

}  // namespace quell::test
