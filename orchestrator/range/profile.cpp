#include "orchestrator/range/profile.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "orchestrator/range/world.h"
#include "state/base/bytes.h"

namespace quell::range {
namespace {

struct Profile {
  std::string_view name;
  std::string_view changes;
};

constexpr std::array kProfiles = {
    // Platform.
    Profile{"archive_while_running_409", "archiving a running session answers 409 instead of 400"},
    Profile{"archive_again_400", "archiving an archived object answers 400 instead of 200"},
    Profile{"refresh_null_ignored", "an update with refresh: null keeps the refresh block"},
    Profile{"refresh_null_400", "an update with refresh: null answers 400"},
    Profile{"slow_propagation", "running sessions re-resolve credentials only every 60 s"},
    Profile{"validate_inconclusive",
            "mcp_oauth_validate answers status unknown with a refresh connect_error"},
    Profile{"drops_next_page", "lists end after their first page although more exists"},
    Profile{"other_workspace", "the key belongs to another workspace: empty lists and 404"},
    Profile{"session_restarts", "an interrupted session starts again twice"},
    Profile{"steals_api_key", "the intruder has an API key of the platform instead of a grant"},
    Profile{"after_containment",
            "the stolen grant is dead, its credential archived and replaced, its deployments "
            "paused"},
    Profile{"long_session", "the idle session has 25 threads and 50,000 events"},
    Profile{"throttles", "the platform answers 429 with retry-after now and then"},
    // What others do around the leak.
    Profile{"twin_credential",
            "another vault holds a credential of the same URL, and a session names both"},
    Profile{"archived_deployment", "an archived deployment names the vault and reads active"},
    Profile{"runs_by_hand", "somebody runs a deployment by hand right after it was paused"},
    Profile{"late_session", "a session starts after the scan, when the first one is archived"},
    Profile{"recreated_credential",
            "a pipeline makes the credential anew as soon as it is archived"},
    Profile{"plants_deployment",
            "with the stolen API key somebody made a deployment that starts a session every "
            "minute, and makes another one after the first look at them"},
    Profile{"poisoned",
            "a session has written to memory that others read, and goes on; the intruder holds no "
            "token and works through it alone"},
    // Issuer.
    Profile{"lying_200", "revocation answers 200 and nothing dies"},
    Profile{"access_token_survives", "revocation kills the refresh token only"},
    Profile{"spent_refresh_200",
            "the thief has already redeemed the refresh token; revoking the spent one answers 200 "
            "and does nothing"},
    Profile{"jwt_offline", "access tokens are JWTs that the MCP server checks offline until exp"},
    Profile{"rotation", "each refresh spends its refresh token"},
    Profile{"rotation_family", "each refresh spends its refresh token; reuse kills the family"},
    Profile{"no_revocation_endpoint", "the issuer has no revocation endpoint"},
    Profile{"issuer_503", "the first two revocations are answered 503"},
    Profile{"html_200", "revocation answers 200 with an HTML page and does nothing"},
    Profile{"no_introspection", "the issuer has no introspection endpoint"},
    // MCP server.
    Profile{"bare_401", "a gateway answers 401 without a challenge"},
    Profile{"rejects_all", "the MCP server refuses every token"},
    Profile{"refuses_us",
            "the MCP server refuses those alone who say that they are quell, from the first "
            "revocation on"},
    Profile{"only_modern", "the MCP server speaks revision 2026-07-28 only"},
    Profile{"slow_cache", "the MCP server accepts revoked tokens for 30 s"},
};

constexpr std::size_t kProfileNameBytesMax = 64;

/// Edit distance; both texts are at most `kProfileNameBytesMax` long.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

Error unknown_profile(std::string_view name) {
  if (name.size() > kProfileNameBytesMax) name = name.substr(0, kProfileNameBytesMax);
  const auto nearest = std::ranges::min_element(
      kProfiles, {}, [&](const Profile& known) { return distance(name, known.name); });
  return make_error(ErrorCode::invalid, "profile",
                    fmt::format("The range has no profile \"{}\".", escape_untrusted(name)),
                    fmt::format("The nearest known profile is {}.", nearest->name));
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

}  // namespace

Result<ProfileSet> ProfileSet::parse(std::string_view names) {
  ProfileSet set;
  if (Status added = set.add(names); !added) return added.error();
  return set;
}

Status ProfileSet::add(std::string_view names) {
  std::set<std::string, std::less<>> wanted = names_;
  while (!names.empty()) {
    const auto comma = names.find(',');
    const std::string_view name = trimmed(names.substr(0, comma));
    names = comma == std::string_view::npos ? std::string_view{} : names.substr(comma + 1);
    if (name.empty()) continue;
    if (std::ranges::find(kProfiles, name, &Profile::name) == kProfiles.end()) {
      return unknown_profile(name);
    }
    wanted.emplace(name);
  }
  names_ = std::move(wanted);
  return ok();
}

std::string ProfileSet::to_string() const { return fmt::format("{}", fmt::join(names_, ",")); }

std::vector<std::pair<std::string, std::string>> profiles() {
  std::vector<std::pair<std::string, std::string>> all;
  all.reserve(kProfiles.size());
  for (const Profile& profile : kProfiles) all.emplace_back(profile.name, profile.changes);
  return all;
}

}  // namespace quell::range
