#include "state/keys.h"

#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "state/base/bytes.h"
#include "state/base/sha256.h"
#include "state/private_file.h"
#include "tests/state/fixtures.h"

namespace quell {
namespace {

struct KeyFolder {
  KeyPaths paths() const {
    return {.seal = folder / "k/quell.key",
            .mac = folder / "k/quell-mac.key",
            .signing = folder / "k/quell-signing.pem"};
  }
  Result<std::unique_ptr<KeyRing>> open(MissingKeys missing) {
    return KeyRing::open_or_create(paths(), missing, random);
  }
  std::string problem() {
    const Result<std::unique_ptr<KeyRing>> keys = open(MissingKeys::refuse);
    return keys ? "" : describe(keys.error());
  }

  TempFolder folder{};
  SeededRandom random{11};
};

}  // namespace

TEST_CASE("key files are made once, 0600 in a 0700 folder, whatever the umask") {
  KeyFolder keys;
  const mode_t before = ::umask(0);
  const Result<std::unique_ptr<KeyRing>> made = keys.open(MissingKeys::create);
  ::umask(before);
  REQUIRE(made);
  CHECK(mode_of(keys.folder / "k") == 0700);
  for (const std::string& path : {keys.paths().seal, keys.paths().mac, keys.paths().signing}) {
    CHECK(mode_of(path) == 0600);
  }
  CHECK(read_file(keys.paths().mac).size() == 65);
  CHECK(read_file(keys.paths().signing).starts_with("-----BEGIN PRIVATE KEY-----\n"));
  // Nothing else is left behind.
  CHECK(std::distance(std::filesystem::directory_iterator(keys.folder / "k"),
                      std::filesystem::directory_iterator()) == 3);

  const Result<std::unique_ptr<KeyRing>> again = keys.open(MissingKeys::create);
  REQUIRE(again);
  CHECK((*again)->mac_key_id() == (*made)->mac_key_id());
  CHECK((*again)->signing_public_key() == (*made)->signing_public_key());
  CHECK((*again)->fingerprint(Secret(std::string("x"))) ==
        (*made)->fingerprint(Secret(std::string("x"))));
}

TEST_CASE("a missing key is an error once there is something that it made") {
  KeyFolder keys;
  REQUIRE(keys.open(MissingKeys::create));
  for (const std::string& path : {keys.paths().seal, keys.paths().mac, keys.paths().signing}) {
    std::filesystem::rename(path, path + ".away");
    const Result<std::unique_ptr<KeyRing>> refused = keys.open(MissingKeys::refuse);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().topic == "secret");
    CHECK(refused.error().message == path + ": no such file");
    CHECK_FALSE(std::filesystem::exists(path));
    std::filesystem::rename(path + ".away", path);
  }
  CHECK(keys.problem().empty());
}

TEST_CASE("unsafe key files are refused") {
  KeyFolder keys;
  REQUIRE(keys.open(MissingKeys::create));
  const std::string path = keys.paths().mac;
  const std::string opening = "the entry MAC key cannot be used: ";
  SUBCASE("group can read") {
    REQUIRE(::chmod(path.c_str(), 0640) == 0);
    CHECK(keys.problem() == opening + "group or others can open " + path + " (mode 0640)");
  }
  SUBCASE("others can read") {
    REQUIRE(::chmod(path.c_str(), 0604) == 0);
    CHECK(keys.problem() == opening + "group or others can open " + path + " (mode 0604)");
  }
  SUBCASE("of somebody else") {
    if (::geteuid() != 0) return;  // only root can give a file away
    REQUIRE(::chown(path.c_str(), 12'345, 0) == 0);
    CHECK(keys.problem() == opening + path + " belongs to user 12345, not to us");
  }
  SUBCASE("in a folder that others can write to") {
    REQUIRE(::chmod((keys.folder / "k").c_str(), 0703) == 0);
    CHECK_FALSE(keys.problem().empty());
  }
  SUBCASE("below a folder that others can write to") {
    REQUIRE(::chmod(keys.folder.path().c_str(), 0777) == 0);
    CHECK_FALSE(keys.problem().empty());
    REQUIRE(::chmod(keys.folder.path().c_str(), 01777) == 0);
    CHECK(keys.problem().empty());
  }
  SUBCASE("a folder") {
    std::filesystem::remove(path);
    std::filesystem::create_directory(path);
    CHECK_FALSE(keys.problem().empty());
  }
  SUBCASE("a pipe, without waiting for its other end") {
    std::filesystem::remove(path);
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    CHECK(keys.problem() == opening + path + " is not a regular file");
  }
  SUBCASE("behind a link that leads through an open folder") {
    std::filesystem::create_directory(keys.folder / "open");
    REQUIRE(::chmod((keys.folder / "open").c_str(), 0777) == 0);
    std::filesystem::rename(path, keys.folder / "open/mac");
    std::filesystem::create_symlink(keys.folder / "open/mac", path);
    CHECK(keys.problem().starts_with(opening + "others may write to "));
  }
}

TEST_CASE("a link to a safe key file is followed, as mounted secrets need") {
  KeyFolder keys;
  REQUIRE(keys.open(MissingKeys::create));
  const std::string path = keys.paths().mac;
  std::filesystem::rename(path, keys.folder / "mac");
  std::filesystem::create_symlink(keys.folder / "mac", path);
  CHECK(keys.problem().empty());
}

TEST_CASE("content that is no key is refused without a word of it") {
  KeyFolder keys;
  REQUIRE(keys.open(MissingKeys::create));
  const auto problem_with = [&keys](const std::string& path, const std::string& content) {
    const std::string before = read_file(path);
    write_file(path, content);
    const std::string problem = keys.problem();
    write_file(path, before);
    return problem;
  };
  const std::string mac = keys.paths().mac;
  for (const std::string& content :
       {std::string(), std::string("canary"), std::string(63, 'a'), std::string(66, 'a'),
        std::string(64, 'g'), std::string(64, 'a') + "\n\n"}) {
    CHECK(problem_with(mac, content) == mac + " holds no key of 64 hex digits");
  }
  CHECK(problem_with(mac, std::string(5'000, 'a')).find("longer than") != std::string::npos);
  CHECK(problem_with(mac, std::string(64, 'A')).empty());  // no newline, capitals: still a key
  const std::string signing = keys.paths().signing;
  CHECK(problem_with(signing, "canary") ==
        signing + " holds no Ed25519 private key in PEM without a password");
  CHECK(keys.problem().empty());
}

TEST_CASE("each use of the MAC key has a key of its own") {
  SeededRandom random(1);
  const std::unique_ptr<KeyRing> keys = KeyRing::in_memory(random);
  const std::string entry = keys->entry_mac("x");
  CHECK(entry.size() == 32);
  CHECK(entry != keys->head_mac("x"));
  CHECK(hex_encode(entry).substr(0, 32) != keys->fingerprint(Secret(std::string("x"))));
}

TEST_CASE("signatures hold for their text and key only") {
  SeededRandom random(1);
  const std::unique_ptr<KeyRing> keys = KeyRing::in_memory(random);
  const std::unique_ptr<KeyRing> others = KeyRing::in_memory(random);
  const std::string signature = keys->sign("text");
  const std::string& key = keys->signing_public_key();
  CHECK(ed25519_verifies(key, "text", signature));
  CHECK_FALSE(ed25519_verifies(key, "texT", signature));
  CHECK_FALSE(ed25519_verifies(others->signing_public_key(), "text", signature));
  CHECK_FALSE(ed25519_verifies(key, "text", signature.substr(1)));
  CHECK_FALSE(ed25519_verifies("", "text", signature));
  for (std::size_t at = 0; at < signature.size(); ++at) {
    std::string bad = signature;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    CHECK_FALSE(ed25519_verifies(key, "text", bad));
  }
  CHECK(keys->signing_public_pem().starts_with("-----BEGIN PUBLIC KEY-----\n"));
}

TEST_CASE("day keys belong to their day, journal and run") {
  KeyFolder keys;
  const Result<std::unique_ptr<KeyRing>> made = keys.open(MissingKeys::create);
  REQUIRE(made);
  KeyRing& ring = **made;
  const auto key = [&ring](std::string_view epoch, std::string_view journal, std::string_view run) {
    const Result<Secret> found = ring.run_key(epoch, journal, run, MissingKeys::create);
    REQUIRE(found);
    return hex_encode(found->reveal());
  };
  const std::string first = key("20310304", "j", "r1c");
  CHECK(first == key("20310304", "j", "r1c"));
  CHECK(first != key("20310304", "j", "r2d"));
  CHECK(first != key("20310304", "k", "r1c"));
  CHECK(first != key("20310305", "j", "r1c"));
  CHECK(ring.day_key_epochs() == std::vector<std::string>{"20310304", "20310305"});
  CHECK(mode_of(keys.paths().seal + ".20310304") == 0600);
  REQUIRE(ring.destroy_day_key("20310304"));
  REQUIRE(ring.destroy_day_key("20310304"));
  CHECK(ring.day_key_epochs() == std::vector<std::string>{"20310305"});
  CHECK_FALSE(ring.run_key("20310304", "j", "r1c", MissingKeys::refuse));
  CHECK(first != key("20310304", "j", "r1c"));
}

TEST_CASE("the name of an epoch is the day in UTC") {
  CHECK(seal_epoch(*parse_rfc3339("2031-03-04T23:59:59.999Z")) == "20310304");
  CHECK(seal_epoch(*parse_rfc3339("2031-03-05T00:30:00+02:00")) == "20310304");
  CHECK(is_seal_epoch("20310304"));
  CHECK_FALSE(is_seal_epoch("2031030"));
  CHECK_FALSE(is_seal_epoch("2031030x"));
  CHECK_FALSE(is_seal_epoch("../../.."));
}

TEST_CASE("a private file is made in full or not at all, and never over another") {
  TempFolder folder;
  SeededRandom random(5);
  const std::string path = folder / "x";
  REQUIRE(create_private_file(path, "one", random));
  const Status again = create_private_file(path, "two", random);
  REQUIRE_FALSE(again);
  CHECK(again.error().code == ErrorCode::conflict);
  CHECK(read_file(path) == "one");
  REQUIRE(destroy_private_file(path));
  CHECK_FALSE(std::filesystem::exists(path));
  CHECK(destroy_private_file(path));
  // A dangling link is not followed to a place of somebody else's choice.
  std::filesystem::create_symlink(folder / "elsewhere", path);
  CHECK_FALSE(create_private_file(path, "three", random));
  CHECK_FALSE(std::filesystem::exists(folder / "elsewhere"));
}

}  // namespace quell
