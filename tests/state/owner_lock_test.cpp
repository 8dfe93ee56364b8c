#include "state/owner_lock.h"

#include <filesystem>
#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "tests/state/fixtures.h"

namespace quell {

TEST_CASE("lock and socket stand beside the database") {
  CHECK(owner_lock_path("/var/lib/quell/quell.db") == "/var/lib/quell/quell.lock");
  CHECK(owner_socket_path("/var/lib/quell/quell.db") == "/var/lib/quell/quell.sock");
  CHECK(owner_lock_path("/var/lib/quell/drills.db") == "/var/lib/quell/drills.lock");
}

TEST_CASE("one owner at a time, and everybody can see who") {
  TempFolder folder;
  const std::string path = folder / "s/quell.db";
  REQUIRE_FALSE(owner_of(path)->has_value());
  {
    const Result<OwnerLock> lock = OwnerLock::acquire(path);
    REQUIRE(lock);
    CHECK(lock->still_held());
    CHECK(mode_of(owner_lock_path(path)) == 0600);
    const Result<std::optional<pid_t>> owner = owner_of(path);
    REQUIRE(owner);
    CHECK(*owner == ::getpid());
    const Result<OwnerLock> second = OwnerLock::acquire(path);
    REQUIRE_FALSE(second);
    CHECK(second.error().code == ErrorCode::conflict);
    CHECK(second.error().topic == "locked");
    CHECK(second.error().message == "process " + std::to_string(::getpid()) + " owns " + path);
    // Another journal in the same folder has a lock of its own.
    CHECK(OwnerLock::acquire(folder / "s/drills.db"));
  }
  CHECK_FALSE(owner_of(path)->has_value());
  CHECK(OwnerLock::acquire(path));
}

// Goal: a killed owner leaves nothing that blocks the next one.
TEST_CASE("the lock dies with its process") {
  TempFolder folder;
  const std::string path = folder / "quell.db";
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const Result<OwnerLock> lock = OwnerLock::acquire(path);
    ::_exit(lock ? 0 : 1);  // no destructor runs, as at a kill
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 0);
  CHECK_FALSE(owner_of(path)->has_value());
  CHECK(OwnerLock::acquire(path));
}

// Goal: an owner whose lock was taken from under it can know (threat T50).
TEST_CASE("a removed or replaced lock file is noticed") {
  TempFolder folder;
  const std::string path = folder / "quell.db";
  const Result<OwnerLock> lock = OwnerLock::acquire(path);
  REQUIRE(lock);
  std::filesystem::remove(owner_lock_path(path));
  CHECK_FALSE(lock->still_held());
  const Result<OwnerLock> other = OwnerLock::acquire(path);
  REQUIRE(other);
  CHECK(other->still_held());
  CHECK_FALSE(lock->still_held());
}

TEST_CASE("a lock file that others can open is refused") {
  TempFolder folder;
  const std::string path = folder / "quell.db";
  write_file(owner_lock_path(path), "");
  std::filesystem::permissions(owner_lock_path(path), std::filesystem::perms(0644));
  CHECK_FALSE(OwnerLock::acquire(path));
}

}  // namespace quell
