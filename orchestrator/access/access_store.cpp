#include "orchestrator/access/access_store.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "connectors/egress_policy.h"
#include "orchestrator/access/api_token.h"
#include "state/base/bytes.h"
#include "state/base/sha256.h"

namespace quell {
namespace {

constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kNameBytesMax = 64;
constexpr std::size_t kIdBytes = 6;
constexpr std::size_t kLinkBytes = 24;
constexpr std::size_t kSessionIdDigits = 12;
constexpr std::array<std::string_view, 5> kRoles{"viewer", "responder", "approver", "author",
                                                 "admin"};
constexpr std::array<std::string_view, 4> kSchema{
    "CREATE TABLE IF NOT EXISTS accounts(id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, os_user "
    "TEXT NOT NULL, roles TEXT NOT NULL, password TEXT NOT NULL, created INTEGER NOT NULL, "
    "roles_since INTEGER NOT NULL, password_since INTEGER NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS tokens(id TEXT PRIMARY KEY, hash BLOB NOT NULL, name TEXT NOT "
    "NULL, role TEXT NOT NULL, maker TEXT NOT NULL, networks TEXT NOT NULL, created INTEGER NOT "
    "NULL, expires INTEGER NOT NULL, last_used INTEGER NOT NULL, revoked INTEGER NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS sessions(hash BLOB PRIMARY KEY, id TEXT NOT NULL, account TEXT NOT "
    "NULL, csrf TEXT NOT NULL, created INTEGER NOT NULL, seen INTEGER NOT NULL, confirmed INTEGER "
    "NOT NULL, address TEXT NOT NULL, agent TEXT NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS links(hash BLOB PRIMARY KEY, expires INTEGER NOT NULL) STRICT"};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    words.emplace_back(text.substr(0, comma));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return words;
}

std::uint64_t number_of(Timestamp time) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(time.time_since_epoch().count(), 0));
}

Timestamp time_in(const SqliteStatement& row, int column) {
  return Timestamp{Duration{static_cast<std::int64_t>(row.number(column))}};
}

std::optional<Timestamp> time_or_none(const SqliteStatement& row, int column) {
  if (row.number(column) == 0) return std::nullopt;
  return time_in(row, column);
}

std::string text_in(const SqliteStatement& row, int column) {
  return std::string(row.bytes(column));
}

Error user_error(std::string message, std::string hint) {
  return make_error(ErrorCode::invalid, "user", std::move(message), std::move(hint));
}

Status check_name(const std::string& name) {
  const bool fits = !name.empty() && name.size() <= kNameBytesMax && is_valid_utf8(name) &&
                    escape_untrusted(name) == name && name.find_first_of(",/") == name.npos &&
                    name.front() != ' ' && name.back() != ' ';
  if (fits) return ok();
  return user_error("a name has 1 to 64 bytes, no control characters, no comma and no slash.",
                    "for instance mara");
}

Status check_roles(const std::vector<std::string>& roles) {
  for (const std::string& role : roles) {
    if (!is_role(role))
      return user_error("there is no such role.", "viewer, responder, approver, author, admin");
  }
  if (!roles.empty()) return ok();
  return user_error("a person has at least one role.",
                    "viewer, responder, approver, author, admin");
}

Error no_such_user() {
  return user_error("there is no such person here.", "quell user list names them");
}

}  // namespace

bool is_role(std::string_view word) noexcept {
  return std::find(kRoles.begin(), kRoles.end(), word) != kRoles.end();
}

bool Account::has_role(std::string_view role) const noexcept {
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

AccessStore::AccessStore(std::unique_ptr<SqliteDatabase> database, const Clock& clock,
                         Random& random)
    : database_(std::move(database)), clock_(clock), random_(random) {}

Result<std::unique_ptr<AccessStore>> AccessStore::open(const std::string& path, const Clock& clock,
                                                       Random& random) {
  Result<std::unique_ptr<SqliteDatabase>> database = SqliteDatabase::open({.path = path});
  if (!database) return database.error();
  {
    Result<SqliteStatement> asked = (*database)->prepare_fresh("PRAGMA user_version");
    if (!asked) return asked.error();
    const Result<bool> row = asked->step();
    if (!row) return row.error();
    if (*row && asked->number(0) > kVersion) {
      return make_error(ErrorCode::invalid, "state", path + " was written by a newer quell.",
                        "use that version");
    }
  }
  {
    // A command line and a daemon may both be at it; each is done in a moment.
    Result<SqliteStatement> wait = (*database)->prepare_fresh("PRAGMA busy_timeout = 3000");
    if (!wait) return wait.error();
    if (const Result<bool> row = wait->step(); !row) return row.error();
  }
  for (const std::string_view table : kSchema) {
    if (Status made = (*database)->run(table); !made) return made.error();
  }
  if (Status versioned = (*database)->run("PRAGMA user_version = 1"); !versioned)
    return versioned.error();
  return std::unique_ptr<AccessStore>(new AccessStore(std::move(*database), clock, random));
}

/// Times are bound behind the texts.
Status AccessStore::change(std::string_view sql, std::initializer_list<std::string_view> texts,
                           std::initializer_list<Timestamp> times) {
  Result<SqliteStatement> statement = database_->prepare(sql);
  if (!statement) return statement.error();
  int place = 0;
  for (const std::string_view text : texts) statement->bind_text(++place, text);
  for (const Timestamp time : times) statement->bind(++place, number_of(time));
  return statement->run();
}

Result<std::vector<Account>> AccessStore::accounts_where(std::string_view condition,
                                                         std::string_view value) {
  Result<SqliteStatement> rows = database_->prepare_fresh(
      "SELECT id, name, os_user, roles, password, created, roles_since, password_since FROM "
      "accounts " +
      std::string(condition) + " ORDER BY name");
  if (!rows) return rows.error();
  if (!condition.empty()) rows->bind_text(1, value);
  std::vector<Account> found;
  for (;;) {
    const Result<bool> row = rows->step();
    if (!row) return row.error();
    if (!*row) return found;
    Account account{.id = text_in(*rows, 0),
                    .name = text_in(*rows, 1),
                    .os_user = text_in(*rows, 2),
                    .roles = split(rows->bytes(3)),
                    .password = text_in(*rows, 4),
                    .created = time_in(*rows, 5),
                    .roles_since = time_in(*rows, 6),
                    .password_since = time_in(*rows, 7)};
    found.push_back(std::move(account));
  }
}

Result<Account> AccessStore::add_account(const std::string& name, const std::string& os_user,
                                         const std::vector<std::string>& roles,
                                         const std::string& password) {
  if (Status fits = check_name(name); !fits) return fits.error();
  if (Status fits = check_roles(roles); !fits) return fits.error();
  const std::lock_guard lock(mutex_);
  const Result<std::optional<Account>> known = find_account(name);
  if (!known) return known.error();
  if (*known) return user_error("somebody of that name is there already.", "quell user list");
  const Timestamp now = clock_.now();
  Account account{.id = "u_" + random_.hex(kIdBytes),
                  .name = name,
                  .os_user = os_user,
                  .roles = roles,
                  .password = password,
                  .created = now,
                  .roles_since = now,
                  .password_since = now};
  const std::string words = joined(roles);
  Status added = change("INSERT INTO accounts VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                        {account.id, name, os_user, words, password}, {now, now, now});
  if (!added) return added.error();
  return account;
}

Result<std::vector<Account>> AccessStore::accounts() {
  const std::lock_guard lock(mutex_);
  return accounts_where("", "");
}

Result<std::optional<Account>> AccessStore::find_account(const std::string& name) {
  const std::lock_guard lock(mutex_);
  Result<std::vector<Account>> found = accounts_where("WHERE name = ?1", name);
  if (!found) return found.error();
  if (found->empty()) return std::optional<Account>();
  return std::optional<Account>(std::move(found->front()));
}

Result<std::optional<Account>> AccessStore::account_of(const std::string& id) {
  const std::lock_guard lock(mutex_);
  Result<std::vector<Account>> found = accounts_where("WHERE id = ?1", id);
  if (!found) return found.error();
  if (found->empty()) return std::optional<Account>();
  return std::optional<Account>(std::move(found->front()));
}

Status AccessStore::keep_an_admin(const std::string& without) {
  const Result<std::vector<Account>> all = accounts();
  if (!all) return all.error();
  for (const Account& account : *all) {
    if (account.name != without && account.has_role("admin")) return ok();
  }
  return user_error("nobody with the role admin would be left.", "make somebody else admin first");
}

Status AccessStore::set_roles(const std::string& name, const std::vector<std::string>& roles) {
  if (Status fits = check_roles(roles); !fits) return fits;
  const std::lock_guard lock(mutex_);
  const Result<std::optional<Account>> known = find_account(name);
  if (!known) return known.error();
  if (!*known) return no_such_user();
  const bool stays = std::find(roles.begin(), roles.end(), "admin") != roles.end();
  if ((*known)->has_role("admin") && !stays) {
    if (Status kept = keep_an_admin(name); !kept) return kept;
  }
  const std::string words = joined(roles);
  return change("UPDATE accounts SET roles = ?2, roles_since = ?3 WHERE name = ?1", {name, words},
                {clock_.now()});
}

Status AccessStore::set_password(const std::string& name, const std::string& password) {
  const std::lock_guard lock(mutex_);
  const Result<std::optional<Account>> known = find_account(name);
  if (!known) return known.error();
  if (!*known) return no_such_user();
  if (Status set = change("UPDATE accounts SET password = ?2, password_since = ?3 WHERE name = ?1",
                          {name, password}, {clock_.now()});
      !set) {
    return set;
  }
  return change("DELETE FROM sessions WHERE account = ?1", {(*known)->id});
}

Status AccessStore::remove_account(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const Result<std::optional<Account>> known = find_account(name);
  if (!known) return known.error();
  if (!*known) return no_such_user();
  if ((*known)->has_role("admin")) {
    if (Status kept = keep_an_admin(name); !kept) return kept;
  }
  Result<SqliteTransaction> whole = SqliteTransaction::begin_immediate(*database_);
  if (!whole) return whole.error();
  const std::string& id = (*known)->id;
  if (Status done = change("DELETE FROM sessions WHERE account = ?1", {id}); !done) return done;
  if (Status done = change("UPDATE tokens SET revoked = ?2 WHERE maker = ?1 AND revoked = 0", {id},
                           {clock_.now()});
      !done) {
    return done;
  }
  if (Status done = change("DELETE FROM accounts WHERE id = ?1", {id}); !done) return done;
  return whole->commit();
}

Result<AccessStore::NewToken> AccessStore::add_token(const std::string& name,
                                                     const std::string& role,
                                                     const std::string& maker, Duration life,
                                                     const std::vector<std::string>& networks) {
  const auto refused = [](std::string message, std::string hint) {
    return make_error(ErrorCode::invalid, "token", std::move(message), std::move(hint));
  };
  if (Status fits = check_name(name); !fits) return fits.error();
  if (role != "viewer" && role != "responder") {
    return refused("a token is viewer or responder: people approve and administer.",
                   "--role responder");
  }
  if (life <= Duration{0} || life > kTokenLifeMax)
    return refused("a token lives for 1 to 90 days.", "--days 30");
  for (const std::string& network : networks) {
    if (!parse_cidr(network))
      return refused("that is no network.", "for instance 192.0.2.0/24 or 2001:db8::/32");
  }
  const std::lock_guard lock(mutex_);
  NewToken made{.secret = ApiToken::make(random_)};
  const std::optional<ApiToken> token = ApiToken::read(made.secret.reveal());
  const Timestamp now = clock_.now();
  made.row = {.id = token->id,
              .name = name,
              .role = role,
              .maker = maker,
              .networks = networks,
              .created = now,
              .expires = now + life};
  Result<SqliteStatement> insert =
      database_->prepare("INSERT INTO tokens VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, 0)");
  if (!insert) return insert.error();
  const std::string words = joined(networks);
  insert->bind_text(1, made.row.id).bind_blob(2, token->hash).bind_text(3, name);
  insert->bind_text(4, role).bind_text(5, maker).bind_text(6, words);
  insert->bind(7, number_of(now)).bind(8, number_of(made.row.expires));
  if (Status added = insert->run(); !added) return added.error();
  return made;
}

Result<std::vector<TokenRow>> AccessStore::tokens_where(std::string_view condition,
                                                        std::string_view value) {
  Result<SqliteStatement> rows = database_->prepare_fresh(
      "SELECT id, name, role, maker, networks, created, expires, last_used, revoked FROM tokens " +
      std::string(condition) + " ORDER BY created, id");
  if (!rows) return rows.error();
  if (!condition.empty()) rows->bind_text(1, value);
  std::vector<TokenRow> found;
  for (;;) {
    const Result<bool> row = rows->step();
    if (!row) return row.error();
    if (!*row) return found;
    TokenRow token{.id = text_in(*rows, 0),
                   .name = text_in(*rows, 1),
                   .role = text_in(*rows, 2),
                   .maker = text_in(*rows, 3),
                   .networks = split(rows->bytes(4)),
                   .created = time_in(*rows, 5),
                   .expires = time_in(*rows, 6),
                   .last_used = time_or_none(*rows, 7),
                   .revoked = time_or_none(*rows, 8)};
    found.push_back(std::move(token));
  }
}

Result<std::vector<TokenRow>> AccessStore::tokens() {
  const std::lock_guard lock(mutex_);
  return tokens_where("", "");
}

Status AccessStore::revoke_token(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const Result<std::vector<TokenRow>> found = tokens_where("WHERE id = ?1", id);
  if (!found) return found.error();
  if (found->empty()) {
    return make_error(ErrorCode::invalid, "token", "there is no token of that id.",
                      "quell token list names them");
  }
  return change("UPDATE tokens SET revoked = ?2 WHERE id = ?1 AND revoked = 0", {id},
                {clock_.now()});
}

Result<std::optional<TokenRow>> AccessStore::find_token(const std::string& id,
                                                        std::string_view hash) {
  const std::lock_guard lock(mutex_);
  {
    Result<SqliteStatement> row = database_->prepare("SELECT hash FROM tokens WHERE id = ?1");
    if (!row) return row.error();
    row->bind_text(1, id);
    const Result<bool> there = row->step();
    if (!there) return there.error();
    if (!*there || !equal_constant_time(row->bytes(0), hash)) return std::optional<TokenRow>();
  }
  Result<std::vector<TokenRow>> found = tokens_where("WHERE id = ?1", id);
  if (!found) return found.error();
  return std::optional<TokenRow>(std::move(found->front()));
}

Status AccessStore::token_was_used(const std::string& id) {
  const std::lock_guard lock(mutex_);
  return change("UPDATE tokens SET last_used = ?2 WHERE id = ?1", {id}, {clock_.now()});
}

Status AccessStore::add_session(std::string_view hash, const SessionRow& session) {
  const std::lock_guard lock(mutex_);
  Result<SqliteStatement> insert =
      database_->prepare("INSERT INTO sessions VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
  if (!insert) return insert.error();
  const std::string id = hex_encode(hash).substr(0, kSessionIdDigits);
  insert->bind_blob(1, hash).bind_text(2, id).bind_text(3, session.account);
  insert->bind_text(4, session.csrf).bind(5, number_of(session.created));
  insert->bind(6, number_of(session.seen)).bind(7, number_of(session.confirmed));
  insert->bind_text(8, session.address).bind_text(9, session.agent);
  return insert->run();
}

Result<std::vector<SessionRow>> AccessStore::sessions_where(std::string_view condition,
                                                            std::string_view value) {
  const Timestamp now = clock_.now();
  if (Status pruned = change("DELETE FROM sessions WHERE created < ?1 OR seen < ?2", {},
                             {now - kSessionLife, now - kSessionIdle});
      !pruned) {
    return pruned.error();
  }
  Result<SqliteStatement> rows = database_->prepare_fresh(
      "SELECT id, account, csrf, created, seen, confirmed, address, agent FROM sessions " +
      std::string(condition) + " ORDER BY created, id");
  if (!rows) return rows.error();
  if (!condition.empty()) rows->bind_blob(1, value);
  std::vector<SessionRow> found;
  for (;;) {
    const Result<bool> row = rows->step();
    if (!row) return row.error();
    if (!*row) return found;
    SessionRow session{.id = text_in(*rows, 0),
                       .account = text_in(*rows, 1),
                       .csrf = text_in(*rows, 2),
                       .created = time_in(*rows, 3),
                       .seen = time_in(*rows, 4),
                       .confirmed = time_in(*rows, 5),
                       .address = text_in(*rows, 6),
                       .agent = text_in(*rows, 7)};
    found.push_back(std::move(session));
  }
}

Result<std::vector<SessionRow>> AccessStore::sessions() {
  const std::lock_guard lock(mutex_);
  return sessions_where("", "");
}

Result<std::optional<SessionRow>> AccessStore::find_session(std::string_view hash) {
  const std::lock_guard lock(mutex_);
  Result<std::vector<SessionRow>> found = sessions_where("WHERE hash = ?1", hash);
  if (!found) return found.error();
  if (found->empty()) return std::optional<SessionRow>();
  return std::optional<SessionRow>(std::move(found->front()));
}

Status AccessStore::session_was_seen(std::string_view hash) {
  const std::lock_guard lock(mutex_);
  Result<SqliteStatement> update =
      database_->prepare("UPDATE sessions SET seen = ?2 WHERE hash = ?1");
  if (!update) return update.error();
  update->bind_blob(1, hash).bind(2, number_of(clock_.now()));
  return update->run();
}

Status AccessStore::session_was_confirmed(std::string_view hash) {
  const std::lock_guard lock(mutex_);
  Result<SqliteStatement> update =
      database_->prepare("UPDATE sessions SET confirmed = ?2 WHERE hash = ?1");
  if (!update) return update.error();
  update->bind_blob(1, hash).bind(2, number_of(clock_.now()));
  return update->run();
}

Status AccessStore::end_session(std::string_view hash) {
  const std::lock_guard lock(mutex_);
  Result<SqliteStatement> erase = database_->prepare("DELETE FROM sessions WHERE hash = ?1");
  if (!erase) return erase.error();
  erase->bind_blob(1, hash);
  return erase->run();
}

Status AccessStore::end_session_named(const std::string& id) {
  const std::lock_guard lock(mutex_);
  return change("DELETE FROM sessions WHERE id = ?1", {id});
}

Status AccessStore::end_all_sessions() {
  const std::lock_guard lock(mutex_);
  return database_->run("DELETE FROM sessions");
}

Result<Secret> AccessStore::add_setup_link() {
  const std::lock_guard lock(mutex_);
  std::string bytes(kLinkBytes, '\0');
  random_.fill(std::as_writable_bytes(std::span(bytes)));
  Secret secret(base64url_encode(bytes));
  wipe(bytes);
  if (Status gone = database_->run("DELETE FROM links"); !gone) return gone.error();
  Result<SqliteStatement> insert = database_->prepare("INSERT INTO links VALUES(?1, ?2)");
  if (!insert) return insert.error();
  const std::string hash = sha256(secret.reveal());
  insert->bind_blob(1, hash).bind(2, number_of(clock_.now() + kSetupLife));
  if (Status added = insert->run(); !added) return added.error();
  return secret;
}

Result<bool> AccessStore::knows_setup_link(std::string_view secret) {
  const std::lock_guard lock(mutex_);
  Result<SqliteStatement> row =
      database_->prepare("SELECT 1 FROM links WHERE hash = ?1 AND expires > ?2");
  if (!row) return row.error();
  const std::string hash = sha256(secret);
  row->bind_blob(1, hash).bind(2, number_of(clock_.now()));
  return row->step();
}

Result<bool> AccessStore::use_setup_link(std::string_view secret) {
  const std::lock_guard lock(mutex_);
  const Result<bool> known = knows_setup_link(secret);
  if (!known || !*known) return known;
  if (Status gone = database_->run("DELETE FROM links"); !gone) return gone.error();
  return true;
}

}  // namespace quell
