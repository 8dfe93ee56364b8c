#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "state/base/clock.h"
#include "state/base/result.h"
#include "state/base/value.h"

namespace quell {

/// What quell knows of the issuer behind one MCP server, before it is judged.
struct ServerLook {
  std::string mcp_server_url{};
  Value ladder{};              // ladder_value() of connectors/oauth/ladder.h
  std::string connection{};    // of kind oauth that was asked; empty: there is none
  bool has_profile = false;    // the ladder is a vendor's own, not the generic one
  bool is_configured = false;  // an entry under `issuers:` matches it
  bool has_client = false;     // that entry names a client
  Result<Value> discovered{Value{}};  // outputs of `discover`
};

/// A key of quell's own that lies where it should not (threat model section 5).
struct KeyFinding {
  bool grave = false;  // red; else yellow
  std::string what{};
  std::string remedy{};
};

/// Everything that a preflight reads, before it is judged.
struct PreflightFacts {
  Timestamp at{};
  Duration took{};
  std::int64_t reads = 0;
  std::string connection{};
  std::string host{};
  std::string key{};           // fingerprint of the platform's key, or empty
  std::string issuers_place{};  // where a person adds an issuer: "quell.yaml:11"
  /// The platform's clock minus ours; none where it says no time.
  std::optional<Duration> clock_difference{};
  Value survey{};  // outputs of `survey`
  std::vector<ServerLook> servers{};
  std::map<std::string, Timestamp, std::less<>> drills{};  // last passed one, by playbook
  std::vector<KeyFinding> keys{};
  std::vector<std::string> not_established{};  // beside what no preflight can establish
};

/// The document of `quell preflight --json`: for each active credential whether each plane could be
/// closed now, and what is missing; the page and the text are made from it. Pure.
/// `not_revocable` counts the credentials that could not be killed at their issuer.
Value judge_preflight(const PreflightFacts& facts);

/// Is `now` worse than `before`: a credential that could be killed at its issuer then cannot be
/// now, or is new and cannot? Gives their ids; empty where nothing got worse, or `before` is null.
std::vector<std::string> worse_than(const Value& before, const Value& now);

/// The playbook that would end a credential of this type.
std::string_view playbook_for(std::string_view credential_type) noexcept;

}  // namespace quell
