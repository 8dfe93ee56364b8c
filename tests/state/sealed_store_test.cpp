#include "state/sealed_store.h"

#include <filesystem>
#include <functional>

#include <doctest/doctest.h>

#include "tests/state/fixtures.h"
#include "tests/support/memory_journal.h"

namespace quell {
namespace {

constexpr RunId kThisRun{.number = 17};
constexpr RunId kOtherRun{.number = 18};
const std::string kToken = "canary-0123456789-canary";

Secret secret(std::string_view text) { return Secret::copy_of(text); }

/// A journal with a sealed store and key files in a folder of their own.
struct Store {
  Store() {
    const Result<std::unique_ptr<KeyRing>> made = open_keys(MissingKeys::create);
    REQUIRE(made);
    reopen();
  }
  Result<std::unique_ptr<KeyRing>> open_keys(MissingKeys missing) {
    return KeyRing::open_or_create({.seal = key_folder / "quell.key",
                                    .mac = key_folder / "quell-mac.key",
                                    .signing = key_folder / "quell-signing.pem"},
                                   missing, file.random);
  }
  /// As a new process would.
  void reopen() {
    store.reset();
    journal.reset();
    Result<std::unique_ptr<KeyRing>> keys = open_keys(MissingKeys::refuse);
    REQUIRE(keys);
    file.keys = std::move(*keys);
    journal = file.open();
    store = std::make_unique<SqliteSecretStore>(*journal, *file.keys, file.clock, file.random);
  }
  std::string day_key() const { return key_folder / "quell.key.20310304"; }

  TempFolder key_folder{};
  JournalFile file{};
  std::unique_ptr<SqliteJournal> journal{};
  std::unique_ptr<SqliteSecretStore> store{};
};

void for_each_store(const std::function<void(SecretStore&)>& test) {
  {
    INFO("memory");
    MemorySecretStore store;
    test(store);
  }
  {
    INFO("sqlite");
    Store store;
    test(*store.store);
  }
}

std::string opened(SecretStore& store, RunId run, std::string_view name) {
  const Result<Secret> found = store.open(run, name);
  return found ? std::string(found->reveal())
               : "error: " + std::string(to_string(found.error().code));
}

}  // namespace

TEST_CASE("contract: a sealed secret opens under its run and name only") {
  for_each_store([](SecretStore& store) {
    REQUIRE(store.seal(kThisRun, "leaked_token", secret(kToken)));
    REQUIRE(store.seal(kThisRun, "empty", secret("")));
    REQUIRE(store.seal(kOtherRun, "leaked_token", secret("another")));
    CHECK(opened(store, kThisRun, "leaked_token") == kToken);
    CHECK(opened(store, kThisRun, "empty").empty());
    CHECK(opened(store, kOtherRun, "leaked_token") == "another");
    CHECK(opened(store, kOtherRun, "empty") == "error: gone");
  });
}

TEST_CASE("a store tells of which runs it holds secrets") {
  Store made;
  SqliteSecretStore& store = *made.store;
  CHECK(store.runs()->empty());
  REQUIRE(store.seal(kThisRun, "a", secret(kToken)));
  REQUIRE(store.seal(kThisRun, "b", secret(kToken)));
  REQUIRE(store.seal(kOtherRun, "a", secret(kToken)));
  CHECK(*store.runs() == std::vector<RunId>{kThisRun, kOtherRun});
  REQUIRE(store.erase_run(kThisRun));
  CHECK(*store.runs() == std::vector<RunId>{kOtherRun});
}

// Goal: a crash between sealing and its entry does not block the run that is taken up again.
TEST_CASE("contract: the same secret may be sealed again, another one not") {
  for_each_store([](SecretStore& store) {
    REQUIRE(store.seal(kThisRun, "t", secret(kToken)));
    CHECK(store.seal(kThisRun, "t", secret(kToken)));
    const Status other = store.seal(kThisRun, "t", secret("another"));
    REQUIRE_FALSE(other);
    CHECK(other.error().code == ErrorCode::conflict);
    CHECK(opened(store, kThisRun, "t") == kToken);
  });
}

TEST_CASE("contract: erasing a run leaves the others") {
  for_each_store([](SecretStore& store) {
    REQUIRE(store.seal(kThisRun, "a", secret(kToken)));
    REQUIRE(store.seal(kThisRun, "b", secret(kToken)));
    REQUIRE(store.seal(kOtherRun, "a", secret("other")));
    CHECK(store.erase_run(kThisRun));
    CHECK(opened(store, kThisRun, "a") == "error: gone");
    CHECK(opened(store, kThisRun, "b") == "error: gone");
    CHECK(opened(store, kOtherRun, "a") == "other");
    CHECK(store.erase_run(kThisRun));
  });
}

TEST_CASE("contract: fingerprints are keyed, 32 digits, equal for equal secrets") {
  for_each_store([](SecretStore& store) {
    const std::string print = store.fingerprint(secret(kToken));
    CHECK(print.size() == 32);
    CHECK(print.find_first_not_of("0123456789abcdef") == std::string::npos);
    CHECK(print == store.fingerprint(secret(kToken)));
    CHECK(print != store.fingerprint(secret(kToken + "x")));
  });
}

TEST_CASE("a resuming process opens what the dead one sealed") {
  Store store;
  REQUIRE(store.store->seal(kThisRun, "t", secret(kToken)));
  const std::string print = store.store->fingerprint(secret(kToken));
  store.reopen();
  CHECK(opened(*store.store, kThisRun, "t") == kToken);
  CHECK(store.store->fingerprint(secret(kToken)) == print);
}

TEST_CASE("a secret is in no file in clear, and its blob in none once the run is erased") {
  Store store;
  REQUIRE(store.store->seal(kThisRun, "t", secret(kToken)));
  const std::string box = store.file.ask_sql("SELECT box FROM sealed");
  REQUIRE(box.size() == kToken.size() + 16);
  const auto all_files = [&store] {
    return read_file(store.file.path) + read_file(store.file.path + "-wal");
  };
  CHECK(all_files().find(kToken) == std::string::npos);
  CHECK(all_files().find(box) != std::string::npos);
  REQUIRE(store.store->erase_run(kThisRun));
  CHECK(all_files().find(box) == std::string::npos);
  CHECK(std::filesystem::file_size(store.file.path + "-wal") == 0);
  CHECK_FALSE(store.journal->verify()->failure.has_value());
}

// Goal: a blob holds only where it was sealed (threat T51).
TEST_CASE("a sealed blob that was moved or changed is refused") {
  Store store;
  REQUIRE(store.store->seal(kThisRun, "t", secret(kToken)));
  REQUIRE(store.store->seal(kOtherRun, "t", secret("another")));
  REQUIRE(store.store->seal(kThisRun, "u", secret("third")));
  std::string change;
  SUBCASE("from another run") {
    change =
        "UPDATE sealed SET (nonce, box) = (SELECT nonce, box FROM sealed WHERE run = 'r18z') "
        "WHERE run = 'r17x' AND name = 't'";
  }
  SUBCASE("from another name of the same run") {
    change =
        "UPDATE sealed SET (nonce, box) = (SELECT nonce, box FROM sealed WHERE name = 'u') "
        "WHERE run = 'r17x' AND name = 't'";
  }
  SUBCASE("renamed") {
    change =
        "DELETE FROM sealed WHERE name = 'u'; UPDATE sealed SET name = 't2' WHERE run = 'r18z';"
        "UPDATE sealed SET name = 'w' WHERE run = 'r17x'; UPDATE sealed SET run = 'r17x', "
        "name = 't' WHERE run = 'r18z'";
  }
  SUBCASE("another nonce") { change = "UPDATE sealed SET nonce = zeroblob(12)"; }
  SUBCASE("a short nonce") { change = "UPDATE sealed SET nonce = x''"; }
  SUBCASE("a short box") { change = "UPDATE sealed SET box = x'00'"; }
  SUBCASE("an epoch that is a path") { change = "UPDATE sealed SET epoch = '../../x'"; }
  store.file.run_sql(change);
  CHECK(opened(*store.store, kThisRun, "t") == "error: corrupt");
}

TEST_CASE("every flipped byte of a blob is refused") {
  Store store;
  REQUIRE(store.store->seal(kThisRun, "t", secret(kToken)));
  const std::string box = store.file.ask_sql("SELECT box FROM sealed");
  for (std::size_t at = 0; at < box.size(); ++at) {
    CAPTURE(at);
    std::string bad = box;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    store.file.run_sql("UPDATE sealed SET box = x'" + hex_of(bad) + "'");
    CHECK(opened(*store.store, kThisRun, "t") == "error: corrupt");
  }
}

TEST_CASE("a blob of another journal is refused") {
  Store store;
  REQUIRE(store.store->seal(kThisRun, "t", secret(kToken)));
  store.file.run_sql("UPDATE meta SET journal = '" + std::string(32, 'a') +
                     "'; DELETE FROM head; DELETE FROM entries");
  const JournalIdentity identity{.id = std::string(32, 'a'),
                                 .created = store.file.ask_sql("SELECT created FROM meta")};
  const Tip genesis{.seq = 0, .hash = genesis_hash(identity)};
  store.file.run_sql("INSERT INTO head VALUES (1, 0, x'" + hex_of(genesis.hash) + "', x'" +
                     hex_of(store.file.keys->head_mac(head_mac_text(identity, genesis))) + "')");
  store.reopen();
  CHECK(opened(*store.store, kThisRun, "t") == "error: corrupt");
}

// Goal: a lost key is said, never replaced (threat model section 5).
TEST_CASE("a sealed store whose day key is missing is an error, never a new key") {
  Store store;
  REQUIRE(store.store->seal(kThisRun, "t", secret(kToken)));
  CHECK(mode_of(store.day_key()) == 0600);
  std::filesystem::rename(store.day_key(), store.day_key() + ".away");
  store.reopen();
  const Result<Secret> lost = store.store->open(kThisRun, "t");
  REQUIRE_FALSE(lost);
  CHECK(lost.error().topic == "secret");
  CHECK(lost.error().message == store.day_key() + ": no such file");
  // Nor does the next secret of that day make one.
  CHECK_FALSE(store.store->seal(kThisRun, "u", secret("x")));
  CHECK_FALSE(std::filesystem::exists(store.day_key()));
  std::filesystem::rename(store.day_key() + ".away", store.day_key());
  CHECK(opened(*store.store, kThisRun, "t") == kToken);
}

TEST_CASE("the main seal key is needed beside the day key") {
  Store store;
  REQUIRE(store.store->seal(kThisRun, "t", secret(kToken)));
  std::filesystem::remove(store.key_folder / "quell.key");
  CHECK_FALSE(store.open_keys(MissingKeys::refuse));
  REQUIRE(store.open_keys(MissingKeys::create));  // another one
  store.reopen();
  CHECK(opened(*store.store, kThisRun, "t") == "error: corrupt");
}

// Goal: an old copy of the database opens nothing once its runs are over (threat T51).
TEST_CASE("a day's key is destroyed when its day is over and it seals nothing") {
  Store store;
  REQUIRE(store.store->seal(kThisRun, "t", secret(kToken)));
  REQUIRE(store.store->seal(kOtherRun, "t", secret(kToken)));
  const std::string old_copy = [&store] {
    REQUIRE(store.journal->database()->truncate_wal());
    return read_file(store.file.path);
  }();
  REQUIRE(store.store->erase_run(kThisRun));
  CHECK(std::filesystem::exists(store.day_key()));  // the day goes on, and another run needs it
  store.file.clock.advance(std::chrono::hours(24));
  REQUIRE(store.store->seal(kOtherRun, "u", secret("tomorrow")));
  CHECK(std::filesystem::exists(store.day_key()));  // still seals r18z's first one
  CHECK(std::filesystem::exists(store.key_folder / "quell.key.20310305"));
  CHECK(opened(*store.store, kOtherRun, "t") == kToken);
  REQUIRE(store.store->erase_run(kOtherRun));
  CHECK_FALSE(std::filesystem::exists(store.day_key()));
  CHECK(std::filesystem::exists(store.key_folder / "quell.key.20310305"));

  store.store.reset();
  store.journal.reset();
  std::filesystem::remove(store.file.path + "-wal");
  write_file(store.file.path, old_copy);
  store.reopen();
  CHECK(opened(*store.store, kThisRun, "t") == "error: invalid");
}

TEST_CASE("a run that ended on its own day leaves its key to the next day's first seal") {
  Store store;
  REQUIRE(store.store->seal(kThisRun, "t", secret(kToken)));
  REQUIRE(store.store->erase_run(kThisRun));
  CHECK(std::filesystem::exists(store.day_key()));
  store.file.clock.advance(std::chrono::hours(24));
  SUBCASE("first seal") { REQUIRE(store.store->seal(kThisRun, "t", secret(kToken))); }
  SUBCASE("at start") {
    store.reopen();
    REQUIRE(store.store->destroy_spent_keys());
  }
  CHECK_FALSE(std::filesystem::exists(store.day_key()));
}

TEST_CASE("names and sizes are bounded") {
  Store store;
  for (const std::string& name :
       {std::string(), std::string("a\nb"), std::string(201, 'x'), std::string("\xff")}) {
    const Status refused = store.store->seal(kThisRun, name, secret("x"));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::invalid);
  }
  CHECK(store.store->seal(kThisRun, "large", secret(std::string(kSealedSecretBytesMax, 'x'))));
  CHECK_FALSE(
      store.store->seal(kThisRun, "larger", secret(std::string(kSealedSecretBytesMax + 1, 'x'))));
}

TEST_CASE("a reader that holds the WAL delays the truncation, not the erasure") {
  Store store;
  REQUIRE(store.store->seal(kThisRun, "t", secret(kToken)));
  append(*store.journal, {note("x")});
  const std::unique_ptr<SqliteJournal> reader = store.file.open(OpenMode::read_only);
  const Status done = reader->read(0, [&store](const StoredEntry&) {
    CHECK(store.store->erase_run(kThisRun));
    return ok();
  });
  CHECK(done);
  CHECK(opened(*store.store, kThisRun, "t") == "error: gone");
  CHECK(store.store->erase_run(kThisRun));
  CHECK(std::filesystem::file_size(store.file.path + "-wal") == 0);
}

}  // namespace quell
