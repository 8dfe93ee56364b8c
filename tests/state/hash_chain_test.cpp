#include "state/hash_chain.h"

#include <doctest/doctest.h>

#include "state/base/bytes.h"
#include "state/base/sha256.h"
#include "tests/state/fixtures.h"

namespace quell {
namespace {

const JournalIdentity kIdentity{.id = "000102030405060708090a0b0c0d0e0f",
                                .created = "2031-03-04T05:06:07.000Z"};

Tip genesis() { return {.seq = 0, .hash = genesis_hash(kIdentity)}; }

std::string decode_problem(std::string_view bytes) {
  const Result<DecodedEntry> decoded = decode_entry(bytes);
  return decoded ? "" : decoded.error().message;
}

}  // namespace

// Goal: an entry survives the journal; the bytes are canonical.
// Method: encode, decode, encode again, for every kind.
TEST_CASE("every kind of entry comes back from its encoding") {
  for (int number = 0; number <= static_cast<int>(EntryKind::key_rotated); ++number) {
    const auto kind = static_cast<EntryKind>(number);
    CAPTURE(to_string(kind));
    const Entry entry{.kind = kind,
                      .run = {.number = 17},
                      .at = test_start(),
                      .body = Value::map({{"b", 1}, {"a", Value::list({"x", 1.5, Value()})}})};
    const std::string mac = is_security_entry(kind) ? std::string(64, 'a') : "";
    const Result<std::string> bytes = encode_entry(entry, mac);
    REQUIRE(bytes);
    const Result<DecodedEntry> decoded = decode_entry(*bytes);
    REQUIRE(decoded);
    CHECK(decoded->entry.kind == kind);
    CHECK(decoded->entry.run == entry.run);
    CHECK(decoded->entry.at == entry.at);
    CHECK(decoded->entry.body == entry.body);
    CHECK(decoded->mac_hex == mac);
    CHECK(*encode_entry(decoded->entry, decoded->mac_hex) == *bytes);
    const std::optional<EntryLabel> label = label_of_bytes(4, *bytes);
    REQUIRE(label);
    CHECK(label->seq == 4);
    CHECK(label->kind == kind);
    CHECK(label->run == entry.run);
  }
}

// Goal: what a body says is never taken for what the entry says of itself.
// Method: bodies that look like the end of an entry; and each end cut off.
TEST_CASE("the label of an entry is that behind its body") {
  const std::string end = R"("kind":"run_finished","run":"r2d","v":1})";
  const Entry entry{.kind = EntryKind::note_added,
                    .run = {.number = 17},
                    .at = test_start(),
                    .body = Value::map({{"text", "," + end},
                                        {"z", Value::map({{"kind", "run_finished"},
                                                          {"mac", std::string(64, 'a')},
                                                          {"run", "r2d"},
                                                          {"v", 1}})}})};
  const std::string bytes = *encode_entry(entry);
  const std::optional<EntryLabel> label = label_of_bytes(1, bytes);
  REQUIRE(label);
  CHECK(label->kind == EntryKind::note_added);
  CHECK(label->run == entry.run);
  for (std::size_t size = bytes.rfind(R"(,"kind")"); size < bytes.size(); ++size) {
    CAPTURE(size);
    const std::optional<EntryLabel> cut =
        label_of_bytes(1, std::string_view(bytes).substr(0, size));
    if (cut) CHECK_FALSE(decode_entry(bytes.substr(0, size)));
  }
  CHECK_FALSE(label_of_bytes(1, R"({"at":"x","body":{},"kind":"a_new_kind","run":"r1c","v":1})"));
  CHECK_FALSE(label_of_bytes(1, R"({"at":"x","body":{},"kind":"note_added","run":"r1d","v":1})"));
  CHECK_FALSE(label_of_bytes(1, R"({"at":"x","body":{},"kind":"note_added","run":"r1c","v":2})"));
  CHECK_FALSE(label_of_bytes(1, ""));
}

TEST_CASE("the canonical form is fixed") {
  CHECK(
      *encode_entry(note("é \"x\"")) ==
      R"({"at":"2031-03-04T05:06:07.000Z","body":{"text":"é \"x\""},"kind":"note_added","run":"r1c","v":1})");
  // An entry about the journal itself has no run; a body of nothing is an empty map.
  CHECK(*encode_entry({.kind = EntryKind::watch_finished, .at = test_start()}) ==
        R"({"at":"2031-03-04T05:06:07.000Z","body":{},"kind":"watch_finished","run":null,"v":1})");
}

// Goal: nothing is written that could not be read back.
TEST_CASE("a body that cannot be read back is refused before it is written") {
  Entry entry = note("");
  SUBCASE("no map") { entry.body = Value("text"); }
  SUBCASE("text that is not UTF-8") { entry.body = Value::map({{"t", "\xff"}}); }
  SUBCASE("a name that is not UTF-8") { entry.body = Value::map({{"\xc3", 1}}); }
  SUBCASE("too large") { entry.body = Value::map({{"t", std::string(kEntryBytesMax, 'x')}}); }
  SUBCASE("too large once escaped") {
    entry.body = Value::map({{"t", std::string(kEntryBytesMax / 2, '\n') + "xx"}});
  }
  SUBCASE("too deep") {
    Value deep = Value::map({});
    for (std::size_t level = 0; level < kEntryDepthMax; ++level) deep = Value::map({{"d", deep}});
    entry.body = deep;
  }
  SUBCASE("too many values, small in memory by sharing") {
    Value wide = 1;
    for (int level = 0; level < 20; ++level) wide = Value::list({wide, wide, wide, wide});
    entry.body = Value::map({{"w", wide}});
  }
  const Result<std::string> bytes = encode_entry(entry);
  REQUIRE_FALSE(bytes);
  CHECK(bytes.error().code == ErrorCode::invalid);
}

TEST_CASE("the largest depth that is written is read back") {
  Value deep = 1;
  for (std::size_t level = 0; level < kEntryDepthMax - 1; ++level) {
    deep = Value::map({{"d", deep}});
  }
  Entry entry = note("");
  entry.body = deep;
  const Result<std::string> bytes = encode_entry(entry);
  REQUIRE(bytes);
  CHECK(decode_problem(*bytes).empty());
}

// Goal: a reader that meets what it does not know stops instead of guessing.
TEST_CASE("only the canonical encoding is read") {
  const std::string good = *encode_entry(note("x"));
  const auto with = [&good](std::string_view from, std::string_view to) {
    std::string changed = good;
    const std::size_t at = changed.find(from);
    REQUIRE(at != std::string::npos);
    return changed.replace(at, from.size(), to);
  };
  CHECK(decode_problem(good).empty());
  CHECK(decode_problem(with("note_added", "note_sung")) ==
        "is of a kind this version does not know, \"note_sung\"");
  CHECK(decode_problem(with("note_added", "note\\u001b[2J")) ==
        "is of a kind this version does not know, \"note\\u{1b}[2J\"");
  CHECK(decode_problem(with("\"v\":1", "\"v\":2")) == "has version 2, this quell reads 1");
  CHECK(decode_problem(with("{\"at\"", "{ \"at\"")) ==
        "cannot be read: it is not in canonical form");
  CHECK(decode_problem(with("\"v\":1", "\"v\":1,\"w\":2")) ==
        "cannot be read: it is not in canonical form");
  CHECK(decode_problem(with("07.000Z", "07Z")) == "cannot be read: it is not in canonical form");
  CHECK(decode_problem(with("r1c", "r1b")) == "cannot be read: its run is not a run id");
  CHECK(decode_problem(with("\"body\":{\"text\":\"x\"}", "\"body\":[]")) ==
        "cannot be read: a member is missing or has the wrong type");
  CHECK(decode_problem("null") == "cannot be read: no entry version");
  for (std::size_t length = 0; length < good.size(); ++length) {
    CAPTURE(length);
    CHECK_FALSE(decode_problem(std::string_view(good).substr(0, length)).empty());
  }
}

TEST_CASE("the chain hash covers the entry, its number and all before it") {
  const std::string zero(32, '\0');
  // The text that is hashed, as sha256sum would be fed it.
  CHECK(chain_hash(zero, 1, "x") == sha256(std::string(64, '0') + "\n1\nx"));
  CHECK(chain_hash(zero, 1, "x") != chain_hash(zero, 2, "x"));
  CHECK(chain_hash(zero, 1, "x") != chain_hash(zero, 1, "y"));
  CHECK(chain_hash(zero, 1, "x") != chain_hash(sha256(""), 1, "x"));
  CHECK(genesis_hash(kIdentity) != genesis_hash({.id = kIdentity.id, .created = "2031"}));
}

// Goal: a security entry holds only where it was written (threat T26).
// Method: the same bytes, with right chain hashes, at another number, behind another history, in
// another journal.
TEST_CASE("the MAC of a security entry cannot be moved") {
  SeededRandom random(3);
  const std::unique_ptr<KeyRing> keys = KeyRing::in_memory(random);
  Chain writer(kIdentity, keys.get(), genesis());
  const Result<StoredEntry> approved = writer.extend(approval("mara"));
  REQUIRE(approved);
  StoredEntry found;

  Chain reader(kIdentity, keys.get(), genesis());
  CHECK_FALSE(reader.accept(1, approved->hash, approved->bytes, found).has_value());
  CHECK(found.entry.body["who"].string_or("") == "mara");

  const auto fault_behind = [&](const JournalIdentity& identity, const Tip& before,
                                const KeyRing* ring) {
    Chain other(identity, ring, before);
    const std::uint64_t seq = before.seq + 1;
    const std::optional<ChainFault> fault =
        other.accept(seq, chain_hash(before.hash, seq, approved->bytes), approved->bytes, found);
    return fault ? fault->label + " " + fault->phrase : "";
  };
  const std::string refused = "(approval_given, r1c) does not match its MAC";
  CHECK(fault_behind(kIdentity, {.seq = 1, .hash = genesis().hash}, keys.get()) == refused);
  CHECK(fault_behind(kIdentity, {.seq = 0, .hash = sha256("another history")}, keys.get()) ==
        refused);
  const JournalIdentity other{.id = std::string(32, 'f'), .created = kIdentity.created};
  CHECK(fault_behind(other, genesis(), keys.get()) == refused);
  const std::unique_ptr<KeyRing> other_keys = KeyRing::in_memory(random);
  CHECK(fault_behind(kIdentity, genesis(), other_keys.get()) == refused);
  // Without the key the chain can be checked and the MAC cannot.
  CHECK(fault_behind(kIdentity, genesis(), nullptr).empty());
}

TEST_CASE("a MAC stands on security entries and nowhere else") {
  SeededRandom random(3);
  const std::unique_ptr<KeyRing> keys = KeyRing::in_memory(random);
  StoredEntry found;
  const auto fault_of = [&](const std::string& bytes) {
    Chain reader(kIdentity, keys.get(), genesis());
    const std::optional<ChainFault> fault =
        reader.accept(1, chain_hash(genesis().hash, 1, bytes), bytes, found);
    return fault ? fault->phrase : "";
  };
  CHECK(fault_of(*encode_entry(approval("mallory"))) == "carries no MAC");
  CHECK(fault_of(*encode_entry(note("x"), std::string(64, '0'))) == "carries a MAC and must not");
  CHECK(fault_of(*encode_entry(note("x"))).empty());
}

TEST_CASE("a head is written as SEQ:HASH and read back") {
  const Tip tip{.seq = 4'188, .hash = sha256("x")};
  const std::optional<Tip> parsed = parse_head(head_text(tip));
  REQUIRE(parsed);
  CHECK(parsed->seq == tip.seq);
  CHECK(parsed->hash == tip.hash);
  for (const std::string_view bad : {"", "1", "1:", ":aa", "1:aa", "-1:00", "1 :00"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_head(bad).has_value());
  }
}

TEST_CASE("counts are grouped by thousands") {
  CHECK(group_digits(0) == "0");
  CHECK(group_digits(999) == "999");
  CHECK(group_digits(4'117) == "4,117");
  CHECK(group_digits(1'234'567) == "1,234,567");
}

}  // namespace quell
