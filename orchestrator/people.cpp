#include "orchestrator/people.h"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace quell {

std::string access_database(const std::string& database) {
  return (std::filesystem::path(database).parent_path() / "access.db").string();
}

Status add_people(Policy& policy, AccessStore& store) {
  const Result<std::vector<Account>> accounts = store.accounts();
  if (!accounts) return accounts.error();
  for (const Account& account : *accounts) {
    const bool is_known = std::any_of(policy.users.begin(), policy.users.end(),
                                      [&](const User& user) { return user.name == account.name; });
    if (!is_known)
      policy.users.push_back(
          {.name = account.name, .os_user = account.os_user, .roles = account.roles});
  }
  policy.strict |= !policy.users.empty();
  return ok();
}

Status add_people_beside(Policy& policy, const std::string& database, const Clock& clock,
                         Random& random) {
  const std::string path = access_database(database);
  std::error_code failed;
  if (!std::filesystem::exists(path, failed)) return ok();
  const Result<std::unique_ptr<AccessStore>> store = AccessStore::open(path, clock, random);
  if (!store) return store.error();
  return add_people(policy, **store);
}

}  // namespace quell
