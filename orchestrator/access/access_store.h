#pragma once

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "state/base/clock.h"
#include "state/base/random.h"
#include "state/base/result.h"
#include "state/base/secret.h"
#include "state/sqlite_database.h"

namespace quell {

/// The words of roles: viewer, responder, approver, author, admin.
bool is_role(std::string_view word) noexcept;

/// A person who may sign in.
struct Account {
  std::string id{};  // `u_` and 12 hex digits; never changes and never comes again
  std::string name{};
  std::string os_user{};
  std::vector<std::string> roles{};
  std::string password{};  // PHC text; empty: cannot sign in
  Timestamp created{};
  Timestamp roles_since{};
  Timestamp password_since{};

  bool has_role(std::string_view role) const noexcept;
  /// Since when both roles and password are what they are.
  Timestamp vested() const noexcept { return std::max(roles_since, password_since); }
};

/// An API token, without its secret.
struct TokenRow {
  std::string id{};
  std::string name{};
  std::string role{};   // viewer or responder
  std::string maker{};  // id of the account that made it; empty: at the command line
  std::vector<std::string> networks{};  // CIDRs; empty: from anywhere
  Timestamp created{};
  Timestamp expires{};
  std::optional<Timestamp> last_used{};
  std::optional<Timestamp> revoked{};
};

/// A signed-in browser.
struct SessionRow {
  std::string id{};  // the first 12 hex digits of its hash
  std::string account{};
  std::string csrf{};
  Timestamp created{};
  Timestamp seen{};
  Timestamp confirmed{};  // when the password was last given
  std::string address{};
  std::string agent{};  // what the browser calls itself, cut
};

/// People, tokens and sessions: a database of its own beside the journal's, for they come and go
/// and the journal does not. It holds hashes of tokens and sessions and scrypt hashes of passwords.
/// Any thread; several processes.
class AccessStore {
 public:
  static constexpr Duration kTokenLifeMax{std::chrono::hours{24 * 90}};
  static constexpr Duration kSessionIdle{std::chrono::minutes{15}};
  static constexpr Duration kSessionLife{std::chrono::hours{8}};
  static constexpr Duration kSetupLife{std::chrono::minutes{15}};

  /// Makes the file (0600) when it is not there. Error topic "state" for one of a newer quell.
  static Result<std::unique_ptr<AccessStore>> open(const std::string& path, const Clock& clock,
                                                   Random& random);

  // Errors of people have topic "user", of tokens "token".

  Result<Account> add_account(const std::string& name, const std::string& os_user,
                              const std::vector<std::string>& roles, const std::string& password);
  Result<std::vector<Account>> accounts();
  Result<std::optional<Account>> find_account(const std::string& name);
  Result<std::optional<Account>> account_of(const std::string& id);
  /// Refused where nobody with the role admin would be left; so is remove().
  Status set_roles(const std::string& name, const std::vector<std::string>& roles);
  Status set_password(const std::string& name, const std::string& password);
  /// Takes the sessions along, and the tokens that they made.
  Status remove_account(const std::string& name);

  /// The token is shown once. Life at most 90 days; a token never approves nor administers.
  struct NewToken {
    TokenRow row{};
    Secret secret{};
  };
  Result<NewToken> add_token(const std::string& name, const std::string& role,
                             const std::string& maker, Duration life,
                             const std::vector<std::string>& networks);
  Result<std::vector<TokenRow>> tokens();
  Status revoke_token(const std::string& id);
  /// The row of a token by its id and the hash of its text; none where they do not fit.
  Result<std::optional<TokenRow>> find_token(const std::string& id, std::string_view hash);
  Status token_was_used(const std::string& id);

  /// `hash` is SHA-256 of the random id that the browser keeps.
  Status add_session(std::string_view hash, const SessionRow& session);
  /// Lets go of those that are over.
  Result<std::vector<SessionRow>> sessions();
  Result<std::optional<SessionRow>> find_session(std::string_view hash);
  Status session_was_seen(std::string_view hash);
  Status session_was_confirmed(std::string_view hash);
  Status end_session(std::string_view hash);
  Status end_session_named(const std::string& id);
  Status end_all_sessions();

  /// The secret of a link with which the first admin sets quell up; it takes the place of older
  /// ones.
  Result<Secret> add_setup_link();
  /// True once, within 15 minutes.
  Result<bool> use_setup_link(std::string_view secret);
  /// The same, without using it up.
  Result<bool> knows_setup_link(std::string_view secret);

 private:
  AccessStore(std::unique_ptr<SqliteDatabase> database, const Clock& clock, Random& random);
  Result<std::vector<Account>> accounts_where(std::string_view condition, std::string_view value);
  Result<std::vector<TokenRow>> tokens_where(std::string_view condition, std::string_view value);
  Result<std::vector<SessionRow>> sessions_where(std::string_view condition,
                                                 std::string_view value);
  Status change(std::string_view sql, std::initializer_list<std::string_view> texts,
                std::initializer_list<Timestamp> times = {});
  Status keep_an_admin(const std::string& without);

  std::unique_ptr<SqliteDatabase> database_;
  const Clock& clock_;
  Random& random_;
  std::recursive_mutex mutex_{};
};

}  // namespace quell
