// Profiles are data from outside the program: read strictly, and never so that a secret or a host
// slips through.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "orchestrator/issuer_profiles.h"
#include "state/base/random.h"

namespace quell {
namespace {

/// A profile that loads; tests change one line of it.
const std::string kSound = R"(issuer_profile: 1
id: sample
title: Sample
rests_on: vendor_text
source: its documentation
values:
  host: {help: the host}
calls:
  - id: revoke
    title: revoke the token
    reach: token
    takes: either
    method: POST
    url: https://{host}/revoke
    auth: client_basic
    json: {token: "{token}"}
    answers:
      - {status: 200, means: done}
    kills: [access_token]
human: {do: remove the app}
)";

std::string with(const std::string& from, const std::string& to) {
  std::string text = kSound;
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

/// "LINE:COLUMN CODE (MESSAGE)" of each finding; empty when it loads.
std::string findings_of(const std::string& source) {
  const ProfileLoad load = load_issuer_profile(source, "sample.yaml");
  std::string all;
  for (const Diagnostic& one : load.diagnostics) {
    all += std::to_string(one.at.line) + ":" + std::to_string(one.at.column) + " " + one.code +
           " (" + one.message + ")\n";
  }
  CHECK(load.profile.has_value() == all.empty());
  return all;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Goal: each mistake is found at its place, and none of them loads.
TEST_CASE("a mistake in a profile is an error with its place") {
  struct Row {
    std::string from;
    std::string to;
    std::string want;
  };
  const std::vector<Row> rows{
      {"id: sample\n", "id: other\n", "2:5 bad-value"},
      {"id: sample\n", "id: rfc7009\n", "2:5 reserved"},
      {"issuer_profile: 1", "issuer_profile: 2", "1:17 bad-value"},
      {"title: Sample\n", "", "1:1 missing-key"},
      {"title: Sample\n", "titel: Sample\n", "1:1 missing-key"},
      {"rests_on: vendor_text", "rests_on: hearsay", "4:11 bad-value"},
      {"rests_on: vendor_text", "rests_on: unsure", "1:1 unsure-call"},
      {"    method: POST\n", "    method: GET\n", "13:13 bad-value"},
      {"https://{host}/revoke", "http://{host}/revoke", "14:10 bad-value"},
      {"https://{host}/revoke", "https://{host}/revoke?t={token}", "14:10 secret-in-url"},
      {"https://{host}/revoke", "https://{host}/revoke/{client_secret}", "14:10 secret-in-url"},
      {"https://{host}/revoke", "https://{user}.example/revoke", "14:10 bad-value"},
      {"https://{host}/revoke", "https://a.example{user}/revoke", "14:10 bad-value"},
      {"https://{host}/revoke", "https://a.example", "14:10 bad-value"},
      {"https://{host}/revoke", "\"{user}/revoke\"", "14:11 bad-value"},
      {"https://{host}/revoke", "https://{hots}/revoke", "14:10 unknown-name"},
      {"https://{host}/revoke", "https://{host/revoke", "14:10 unknown-name"},
      {"  host: {help: the host}", "  token: {help: the host}", "7:3 bad-value"},
      {"json: {token: \"{token}\"}", "json: {token: none}", "9:5 bad-value"},
      {"takes: either", "takes: none", "9:5 missing-key"},
      {"auth: client_basic", "auth: client_post", "9:5 bad-value"},
      {"{status: 200, means: done}", "{status: 200, means: refused}", "18:7 missing-key"},
      {"{status: 200, means: done}", "{status: 100, means: done}", "18:18 bad-value"},
      {"{status: 200, means: done}", "{status: 404, means: already}", "18:9 bad-value"},
      {"kills: [access_token]", "kills: [session]", "19:13 bad-value"},
      {"    auth: client_basic", "    headers: {Authorization: x}\n    auth: none",
       "15:15 bad-value"},
      {"human: {do: remove the app}", "human: {page: x}", "20:8 missing-key"},
  };
  CHECK(findings_of(kSound).empty());
  for (const Row& row : rows) {
    CAPTURE(row.to);
    const std::string all = findings_of(with(row.from, row.to));
    CHECK_MESSAGE(has(all, row.want), all);
  }
}

TEST_CASE("a profile is bounded") {
  CHECK(has(findings_of(std::string(70'000, ' ')), "too-long"));
  const std::string call = kSound.substr(kSound.find("  - id: revoke"),
                                         kSound.find("human:") - kSound.find("  - id: revoke"));
  std::string many = kSound.substr(0, kSound.find("  - id: revoke"));
  for (int i = 0; i < 17; ++i) many += call;
  CHECK(has(findings_of(many), "9:3 too-many"));
  std::string deep = "1";
  for (int i = 0; i < 9; ++i) deep = "[" + deep + "]";
  CHECK(has(findings_of(with("json: {token: \"{token}\"}", "json: " + deep)), "too-deep"));
}

// Goal: what the sheet leaves open is never called, only told.
TEST_CASE("the shipped profiles load, and what nobody verified is a person's") {
  Result<std::shared_ptr<const IssuerProfiles>> loaded = load_issuer_profiles({});
  REQUIRE_MESSAGE(loaded.has_value(), (loaded ? "" : describe(loaded.error())));
  const IssuerProfiles& profiles = **loaded;
  CHECK(profiles.size() == shipped_issuer_profiles().size());
  CHECK(std::is_sorted(profiles.begin(), profiles.end(),
                       [](const auto& a, const auto& b) { return a.id < b.id; }));
  for (const IssuerProfile& profile : profiles) {
    CAPTURE(profile.id);
    CHECK_FALSE(profile.human_do.empty());
    CHECK_FALSE(profile.source.empty());
    if (profile.certainty == Certainty::unsure) {
      CHECK(profile.calls.empty());
      CHECK_FALSE(profile.unsure.empty());
    }
  }
  for (const char* const id : {"asana", "miro", "figma", "cloudflare", "intercom", "atlassian"}) {
    CAPTURE(id);
    const auto found = std::find_if(profiles.begin(), profiles.end(),
                                    [id](const auto& profile) { return profile.id == id; });
    REQUIRE(found != profiles.end());
    CHECK(found->calls.empty());
    CHECK_FALSE(found->rfc7009);
  }
}

/// A folder of its own, gone afterwards.
struct Folder {
  std::filesystem::path path = std::filesystem::temp_directory_path() /
                               ("quell-profiles-" + SystemRandom().hex(8));
  Folder() { std::filesystem::create_directory(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name) << text;
    std::filesystem::permissions(path / name, std::filesystem::perms::owner_read |
                                                  std::filesystem::perms::owner_write);
    return (path / name).string();
  }
};

// Goal: a file says where tokens go, so one that others may write is refused, not skipped.
TEST_CASE("a folder of one's own adds profiles and replaces shipped ones") {
  const Folder folder;
  folder.write("sample.yaml", kSound);
  folder.write("notes.txt", "none of ours");
  std::string mine = kSound;
  mine.replace(mine.find("id: sample"), 10, "id: github");
  const std::string path = folder.write("github.yaml", mine);
  const auto loaded = load_issuer_profiles({folder.path.string()});
  REQUIRE_MESSAGE(loaded.has_value(), (loaded ? "" : describe(loaded.error())));
  CHECK((*loaded)->size() == shipped_issuer_profiles().size() + 1);
  const auto github = std::find_if((*loaded)->begin(), (*loaded)->end(),
                                   [](const auto& profile) { return profile.id == "github"; });
  CHECK(github->title == "Sample");

  std::filesystem::permissions(path, std::filesystem::perms::others_write,
                               std::filesystem::perm_options::add);
  CHECK_FALSE(load_issuer_profiles({folder.path.string()}).has_value());
  std::filesystem::remove(path);
  folder.write("bad.yaml", "issuer_profile: 1\n");
  const auto broken = load_issuer_profiles({folder.path.string()});
  REQUIRE_FALSE(broken.has_value());
  CHECK(describe(broken.error()).find("bad.yaml:1:1") != std::string::npos);
  CHECK_FALSE(load_issuer_profiles({"/nowhere/at/all"}).has_value());
}

}  // namespace
}  // namespace quell
