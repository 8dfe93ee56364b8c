// The worked example of docs/journal-format.md, recomputed from the page's own text.

#include <cstdlib>
#include <map>
#include <sstream>
#include <sys/stat.h>

#include <doctest/doctest.h>

#include "state/base/bytes.h"
#include "state/base/json.h"
#include "state/base/sha256.h"
#include "state/hash_chain.h"
#include "tests/state/fixtures.h"

namespace quell {
namespace {

using Example = std::map<std::string, std::string, std::less<>>;

std::string document() {
  const char* const source = std::getenv("QUELL_SOURCE_DIR");  // NOLINT(concurrency-mt-unsafe)
  return read_file(std::string(source == nullptr ? "." : source) + "/docs/journal-format.md");
}

/// The lines `name value` of the block marked "example".
Example read_example() {
  std::istringstream lines(document());
  Example example;
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) {
      inside = line == "```example";
      continue;
    }
    if (!inside) continue;
    const std::size_t end = line.find(' ');
    REQUIRE(end != std::string::npos);
    example[line.substr(0, end)] = line.substr(line.find_first_not_of(' ', end));
  }
  REQUIRE(example.size() == 17);
  return example;
}

std::string subkey(const Example& example, std::string_view info, std::size_t length = 32) {
  return hkdf_sha256(*hex_decode(example.at("mac_key")), "", info, length);
}

/// The key ring of the example, through key files as in real life.
std::unique_ptr<KeyRing> example_keys(const Example& example, const TempFolder& folder,
                                      Random& random) {
  const KeyPaths paths{.seal = folder / "seal", .mac = folder / "mac", .signing = folder / "pem"};
  write_file(paths.mac, example.at("mac_key") + "\n");
  // RFC 8410 section 7: a PKCS#8 wrapping of 32 bytes.
  const std::string der =
      *hex_decode("302e020100300506032b657004220420" + example.at("signing_seed"));
  write_file(paths.signing, "-----BEGIN PRIVATE KEY-----\n" + base64_encode(der) +
                                "\n-----END PRIVATE KEY-----\n");
  REQUIRE(::chmod(paths.mac.c_str(), 0600) == 0);
  REQUIRE(::chmod(paths.signing.c_str(), 0600) == 0);
  Result<std::unique_ptr<KeyRing>> keys =
      KeyRing::open_or_create(paths, MissingKeys::create, random);
  if (!keys) FAIL(describe(keys.error()));
  return std::move(*keys);
}

}  // namespace

// Goal: a stranger who follows the page gets our hashes.
// Method: only SHA-256, HMAC and HKDF over texts put together as the page says; no code of the
// journal.
TEST_CASE("the worked example follows from the formulas on the page") {
  const Example example = read_example();
  const std::string& journal = example.at("journal");
  CHECK(example.at("genesis") ==
        sha256_hex("quell journal genesis\n" + journal + "\n" + example.at("created") + "\n"));
  std::string previous = example.at("genesis");
  for (const std::string number : {"1", "2", "3"}) {
    CAPTURE(number);
    const std::string& bytes = example.at("entry_" + number);
    const std::size_t mac_at = bytes.find(R"("mac":")");
    if (mac_at != std::string::npos) {
      constexpr std::size_t kMacMember = 7 + 64 + 2;  // "mac":"...",
      std::string plain = bytes;
      plain.erase(mac_at, kMacMember);
      CHECK(bytes.substr(mac_at + 7, 64) ==
            hex_encode(hmac_sha256(
                subkey(example, "quell entry mac"),
                "quell entry mac\n" + journal + "\n" + number + "\n" + previous + "\n" + plain)));
    }
    CHECK(example.at("hash_" + number) == sha256_hex(previous + "\n" + number + "\n" + bytes));
    previous = example.at("hash_" + number);
  }
  CHECK(example.at("head_mac") ==
        hex_encode(hmac_sha256(subkey(example, "quell head mac"),
                               "quell head mac\n" + journal + "\n3\n" + previous + "\n")));
  CHECK(example.at("mac_key_id") == hex_encode(subkey(example, "quell mac key id", 16)));
  const std::string public_key = *hex_decode(example.at("public_key"));
  CHECK(example.at("key") == sha256_hex(public_key));
  CHECK(ed25519_verifies(
      public_key,
      "quell signed head\n" + journal + "\n3\n" + previous + "\n" + example.at("signed_at") + "\n",
      *hex_decode(example.at("signature"))));
}

// Goal: the page describes the code. Method: the code writes and reads the example.
TEST_CASE("the journal's code writes the worked example") {
  const Example example = read_example();
  TempFolder folder;
  SeededRandom random(1);
  const std::unique_ptr<KeyRing> keys = example_keys(example, folder, random);
  const JournalIdentity identity{.id = example.at("journal"), .created = example.at("created")};
  CHECK(hex_encode(genesis_hash(identity)) == example.at("genesis"));
  CHECK(keys->mac_key_id() == example.at("mac_key_id"));
  const Tip genesis{.seq = 0, .hash = genesis_hash(identity)};
  Chain writer(identity, keys.get(), genesis);
  Chain reader(identity, keys.get(), genesis);
  for (std::uint64_t seq = 1; seq <= 3; ++seq) {
    CAPTURE(seq);
    const std::string& bytes = example.at("entry_" + std::to_string(seq));
    const std::string hash = *hex_decode(example.at("hash_" + std::to_string(seq)));
    StoredEntry found;
    const std::optional<ChainFault> fault = reader.accept(seq, hash, bytes, found);
    CHECK_FALSE(fault.has_value());
    const Result<StoredEntry> written = writer.extend(found.entry);
    REQUIRE(written);
    CHECK(written->bytes == bytes);
    CHECK(written->hash == hash);
  }
  CHECK(hex_encode(keys->head_mac(head_mac_text(identity, writer.tip()))) ==
        example.at("head_mac"));
  CHECK(hex_encode(keys->signing_public_key()) == example.at("public_key"));
  CHECK(hex_encode(keys->sign(head_signature_text(
            identity, writer.tip(), example.at("signed_at")))) == example.at("signature"));
}

TEST_CASE("the page names every kind of entry and every security entry") {
  const std::string page = document();
  const std::string security =
      page.substr(page.find("Security entries:"), page.find("A fingerprint of a secret in a body") -
                                                      page.find("Security entries:"));
  const std::string table = page.substr(page.find("## 8. Kinds"));
  for (int number = 0; number <= static_cast<int>(EntryKind::key_rotated); ++number) {
    const auto kind = static_cast<EntryKind>(number);
    const std::string name = "`" + std::string(to_string(kind)) + "`";
    CAPTURE(name);
    CHECK(table.find(name) != std::string::npos);
    CHECK((security.find(name) != std::string::npos) == is_security_entry(kind));
  }
  // And no kind that does not exist: the words in backticks of each row's first cell.
  std::istringstream rows(table.substr(0, table.find("## 9.")));
  std::size_t named = 0;
  for (std::string row; std::getline(rows, row);) {
    if (!row.starts_with("| `")) continue;
    std::istringstream cell(row.substr(0, row.find('|', 1)));
    for (std::string word; std::getline(cell, word, '`') && std::getline(cell, word, '`');) {
      CAPTURE(word);
      CHECK(entry_kind_from_string(word).has_value());
      ++named;
    }
  }
  CHECK(named == static_cast<std::size_t>(EntryKind::access_noted) + 1);
}

}  // namespace quell
