// Whole incidents over the simulated world, in its own time: what quell says must never be better
// than what is true.

#include <array>
#include <string>

#include <doctest/doctest.h>

#include "tests/orchestrator/drill/playing.h"

namespace quell {
namespace {

DrillOutcome play_profile(const std::string& scenario_id, const std::string& profile,
                  std::uint64_t seed = 7) {
  Scenario scenario = test::shipped(scenario_id);
  scenario.profile = profile;
  return test::play(scenario, seed);
}

/// The claim of a step (not of the postconditions) for one kill.
Value claim_for(const DrillOutcome& outcome, const std::string& kill) {
  for (const Value& claim : outcome.document["claims"].list_or_empty()) {
    for (const Value& word : claim["kills"].list_or_empty()) {
      if (word.string_or("") == kill && claim["step"].string_or("") != "verify") return claim;
    }
  }
  FAIL("no claim for " << kill);
  return {};
}

std::string verdict(const DrillOutcome& outcome, const std::string& kill) {
  return claim_for(outcome, kill)["verdict"].string_or("");
}

/// Nothing is called contained, and nothing proved, that the intruder's own log or the world's
/// truth speak against: of the access token that leaked, and of every refresh token of its grant.
void check_honest(const DrillOutcome& outcome) {
  if (outcome.result == RunResult::contained) CHECK_FALSE(outcome.record.inside_at_the_end);
  for (const Value& claim : outcome.document["claims"].list_or_empty()) {
    const std::string word = claim["verdict"].string_or("");
    if (word == "unproved") CHECK_FALSE(claim["residual"]["reason"].string_or("").empty());
    if (word != "proved" || claim["step"].string_or("") == "verify") continue;
    for (const Value& kill : claim["kills"].list_or_empty()) {
      if (kill == Value("access_token"))
        CHECK_FALSE(outcome.truth["leaked_access_token_works"].bool_or(true));
      if (kill == Value("refresh_token"))
        CHECK_FALSE(outcome.truth["refresh_token_works"].bool_or(true));
    }
  }
}

}  // namespace

TEST_CASE("the main job ends contained, and the thief is out, for many seeds") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    const DrillOutcome outcome = play_profile("leaked-mcp-oauth", "", seed);
    CHECK(outcome.result == RunResult::contained);
    CHECK_FALSE(outcome.record.inside_at_the_end);
    CHECK(outcome.as_expected);
  }
}

TEST_CASE("rotation alone ends exposed, and the thief is still in") {
  const DrillOutcome outcome = play_profile("rotate-only", "");
  CHECK(outcome.result == RunResult::exposed);
  CHECK(outcome.record.inside_at_the_end);
}

// Goal: purging a vault is not called the end of a grant that lives on at its issuer, and a server
// that archives twice or not does not matter.
TEST_CASE("a purged vault ends incomplete while the thief is in") {
  for (const char* const profile : {"", "archive_again_400", "slow_propagation"}) {
    CAPTURE(profile);
    const DrillOutcome outcome = play_profile("leaked-vault", profile);
    CHECK(outcome.result == RunResult::incomplete);
    CHECK(outcome.record.inside_at_the_end);
    CHECK(verdict(outcome, "refresh") == "proved");
    CHECK(verdict(outcome, "refresh_token") == "unproved");
  }
}

// Goal: a 200 from the issuer is no proof.
TEST_CASE("an issuer that answers 200 and kills nothing is seen through") {
  const DrillOutcome outcome = play_profile("leaked-mcp-oauth", "lying_200");
  CHECK(outcome.result == RunResult::exposed);
  CHECK(verdict(outcome, "access_token") == "refuted");
  CHECK(verdict(outcome, "refresh_token") != "proved");
}

TEST_CASE("an access token that outlives its refresh token is reported, with its horizon") {
  const DrillOutcome outcome = play_profile("leaked-mcp-oauth", "access_token_survives");
  CHECK(outcome.result == RunResult::exposed);
  CHECK(verdict(outcome, "access_token") == "refuted");
  CHECK_FALSE(claim_for(outcome, "access_token")["residual"].is_null());
}

TEST_CASE("a JWT that is checked offline names the time until which it works") {
  const DrillOutcome outcome = play_profile("leaked-mcp-oauth", "jwt_offline");
  CHECK(outcome.result == RunResult::exposed);
  const Value claim = claim_for(outcome, "access_token");
  CHECK(claim["verdict"].string_or("") == "refuted");
  CHECK_FALSE(claim["residual"]["until"].is_null());
}

// Goal: where the thief has rotated the refresh token away, nothing is called contained.
TEST_CASE("a spent refresh token that is answered 200 proves nothing") {
  const DrillOutcome outcome = play_profile("leaked-mcp-oauth", "spent_refresh_200");
  CHECK(outcome.record.inside_at_the_end);
  CHECK(outcome.result != RunResult::contained);
}

TEST_CASE("a validation that says nothing leaves the refresh token unproved") {
  const DrillOutcome outcome = play_profile("leaked-mcp-oauth", "validate_inconclusive");
  CHECK(verdict(outcome, "refresh_token") != "proved");
  CHECK(outcome.result != RunResult::contained);
}

// Goal: what others do in the middle of a containment is seen at its end, and the run is not called
// contained over it.
// Method: a second credential of the same URL beside, a paused deployment run by hand, a session
// after the scan, the credential made anew.
TEST_CASE("what happens beside a containment is not called contained") {
  for (const char* const profile :
       {"twin_credential", "runs_by_hand", "late_session", "recreated_credential"}) {
    CAPTURE(profile);
    const DrillOutcome outcome = play_profile("leaked-mcp-oauth", profile);
    CHECK(outcome.result == RunResult::exposed);
  }
}

// Goal: a deployment that is archived is no work, whatever its status reads; a key of another
// workspace sees nothing, and that is no proof (threat T9).
TEST_CASE("what is over does not burn, and what cannot be seen is not dead") {
  CHECK(play_profile("leaked-mcp-oauth", "archived_deployment").result == RunResult::contained);
  CHECK(play_profile("leaked-mcp-oauth", "other_workspace").result != RunResult::contained);
}

// Goal: no profile, alone, gets a run called contained while the thief can still get in.
TEST_CASE("no profile of the range gets a false contained") {
  for (const auto& profile : range::profiles()) {
    const std::string name(profile.first);
    CAPTURE(name);
    if (name == "steals_api_key") continue;  // another leak than this playbook's
    const DrillOutcome outcome = play_profile("leaked-mcp-oauth", name);
    MESSAGE(name << ": " << to_string(outcome.result)
                 << (outcome.record.inside_at_the_end ? ", thief in" : ", thief out"));
    check_honest(outcome);
  }
}

// Goal: a server that refuses quell alone is not believed where the platform gets in with the same
// grant (threat T8), also where a JWT's issuer calls it inactive; where the grant died, it is.
TEST_CASE("a refusal that is meant for quell alone proves nothing beside a living grant") {
  for (const char* const profile :
       {"refuses_us,lying_200,no_introspection", "refuses_us,jwt_offline"}) {
    CAPTURE(profile);
    const DrillOutcome outcome = play_profile("leaked-mcp-oauth", profile);
    CHECK(outcome.result == RunResult::incomplete);
    CHECK(outcome.truth["leaked_access_token_works"].bool_or(false));
    CHECK(verdict(outcome, "access_token") == "unproved");
    CHECK(verdict(outcome, "refresh_token") != "proved");
  }
  CHECK(play_profile("leaked-mcp-oauth", "refuses_us").result == RunResult::contained);
}

// Goal: nor does any two of an issuer and its server together: one hides what would have told the
// other.
TEST_CASE("no two profiles of issuer and server get a false proof") {
  constexpr std::array<const char*, 16> kProfiles{
      "lying_200",       "access_token_survives",  "spent_refresh_200", "jwt_offline",
      "rotation",        "rotation_family",        "issuer_503",        "html_200",
      "bare_401",        "no_revocation_endpoint", "no_introspection",  "rejects_all",
      "refuses_us",      "only_modern",            "slow_cache",        "validate_inconclusive"};
  for (std::size_t i = 0; i < kProfiles.size(); ++i) {
    for (std::size_t j = i + 1; j < kProfiles.size(); ++j) {
      const std::string names = std::string(kProfiles[i]) + "," + kProfiles[j];
      CAPTURE(names);
      check_honest(play_profile("leaked-mcp-oauth", names));
    }
  }
}

}  // namespace quell
