#include <functional>
#include <memory>
#include <string>
#include <termios.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "orchestrator/access/access_routes.h"
#include "orchestrator/access/authenticator.h"
#include "orchestrator/api/api.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/owner_api.h"
#include "orchestrator/people.h"
#include "state/base/bytes.h"
#include "state/keys.h"
#include "state/owner_lock.h"
#include "state/sqlite_journal.h"

namespace quell::cli {
namespace {

constexpr std::size_t kPasswordBytesMax = 512;

constexpr std::string_view kUserHelp =
    R"(quell user - people who may sign in to the panel, approve and start runs
usage: quell user add NAME --role ROLE[,ROLE] [--os-user USER] [--password-stdin | --no-password]
       quell user list
       quell user roles NAME --role ROLE[,ROLE]
       quell user password NAME [--password-stdin]
       quell user remove NAME
--role             viewer, responder, approver, author, admin; each may read, all but viewers act
--os-user          their name at the command line: one person, whichever way they come
--password-stdin   reads the password from standard input; else it is asked for, twice
--no-password      for people who only use the command line
With the first user separation is strict: whoever began a run does not approve it. A new role or
password bars its owner from approving runs that began before. All of it is journalled.
Examples    quell user add mara --role responder,approver --os-user mara
            pass quell/ines | quell user add ines --role approver --password-stdin
)";

constexpr std::string_view kTokenHelp =
    R"(quell token - API tokens for programs and for --server
usage: quell token create NAME [--role viewer|responder] [--days N] [--from CIDR[,CIDR]]
       quell token list
       quell token revoke ID
       quell token revoke --all-sessions
create         shows the token once; it lives 1 to 90 days (30) and never approves nor administers
--from         networks that it may come from; from anywhere without
--all-sessions signs every browser out
Examples    quell token create siem --role responder --days 90 --from 192.0.2.0/24
            QUELL_TOKEN=... quell runs --server https://quell.example:8440
)";

struct AccessOptions {
  std::string act{};
  std::string name{};
  std::vector<std::string> roles{};
  std::vector<std::string> networks{};
  std::string os_user{};
  bool password_stdin = false;
  bool no_password = false;
  bool all_sessions = false;
  std::int64_t days = 30;
};

/// Keeps what is typed off the terminal.
class SilentTerminal {
 public:
  SilentTerminal() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    is_silent_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
  }
  ~SilentTerminal() {
    if (is_silent_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

 private:
  termios before_{};
  bool is_silent_ = false;
};

/// One line of standard input, without its end.
std::string read_line() {
  std::string line;
  char c = 0;
  while (line.size() <= kPasswordBytesMax && ::read(STDIN_FILENO, &c, 1) == 1 && c != '\n')
    line += c;
  return line;
}

Result<std::string> read_password(Session& session, bool from_stdin) {
  if (from_stdin) return read_line();
  if (!session.can_prompt() || ::isatty(STDIN_FILENO) == 0) {
    return make_error(ErrorCode::invalid, "password", "there is no terminal to ask for a password.",
                      "--password-stdin reads it from standard input");
  }
  const auto ask = [&session](std::string_view what) {
    session.err().write(what);
    session.err().flush();
    const SilentTerminal silent;
    std::string typed = read_line();
    session.err().line("");
    return typed;
  };
  std::string password = ask("Password: ");
  std::string again = ask("Again: ");
  const bool is_same = password == again;
  wipe(again);
  if (is_same) return password;
  wipe(password);
  return make_error(ErrorCode::invalid, "password", "the two passwords differ.", "try again");
}

/// `/api/v1/access` of the process that owns the state, or, while nobody does, of this one.
class AccessDoor {
 public:
  static Result<std::unique_ptr<AccessDoor>> open(Session& session) {
    const Config& config = *session.config();
    std::unique_ptr<AccessDoor> door(new AccessDoor(session));
    const std::string& database = config.database.value;
    const Result<std::optional<pid_t>> owner = quell::owner_of(database);
    if (!owner) return owner.error();
    if (*owner) {
      door->client_ = ApiClient::at_socket(owner_socket_path(database), Session::who());
      const Result<Value> users = door->client_->get("/api/v1/access/users");
      if (users) return door;
      return make_error(ErrorCode::conflict, "locked",
                        "the process that owns the state, " + std::to_string(**owner) +
                            ", has no panel and cannot change who comes in.",
                        "wait until it ends, or set panel: in quell.yaml and start quell serve");
    }
    if (Status opened = door->open_here(config); !opened) return opened.error();
    return door;
  }

  const ApiClient& client() const noexcept { return *client_; }

 private:
  explicit AccessDoor(Session& session)
      : session_(session),
        passwords_(ScryptCost{}, session.random()),
        api_({.clock = session.clock()}) {}

  Status open_here(const Config& config) {
    const std::string& database = config.database.value;
    Result<OwnerLock> lock = OwnerLock::acquire(database);
    if (!lock) return lock.error();
    lock_.emplace(std::move(*lock));
    Result<std::unique_ptr<KeyRing>> keys = KeyRing::open_or_create(
        session_.key_paths(), missing_keys_for(database), session_.random());
    if (!keys) return keys.error();
    keys_ = *std::move(keys);
    Result<std::unique_ptr<SqliteJournal>> journal =
        SqliteJournal::open({.path = database,
                             .mode = OpenMode::read_write,
                             .keys = keys_.get(),
                             .clock = &session_.clock(),
                             .random = &session_.random()});
    if (!journal) return journal.error();
    journal_ = *std::move(journal);
    Result<std::unique_ptr<AccessStore>> store =
        AccessStore::open(access_database(database), session_.clock(), session_.random());
    if (!store) return store.error();
    store_ = *std::move(store);
    api_.add(
        access_routes(*store_, passwords_,
                      [this](const Actor& by, const std::string& what, const std::string& whom) {
                        const std::vector<Entry> entries{make_entry(
                            EntryKind::access_noted, RunId{}, session_.clock().now(),
                            {{"what", what}, {"who", by.who}, {"from", by.from}, {"whom", whom}})};
                        if (const Result<Tip> noted = journal_->append(entries); !noted)
                          session_.warn("it is not in the journal: " + describe(noted.error()));
                      }));
    Actor actor = actor_with_roles(Session::who(), {"admin"});
    actor.from = "command line";
    client_ = ApiClient::in_process(api_, std::move(actor));
    return ok();
  }

  Session& session_;
  std::optional<OwnerLock> lock_{};
  std::unique_ptr<KeyRing> keys_{};
  std::unique_ptr<SqliteJournal> journal_{};
  std::unique_ptr<AccessStore> store_{};
  PasswordQueue passwords_;
  Api api_;
  std::optional<ApiClient> client_{};
};

Value list_of(const std::vector<std::string>& words) {
  ValueList list;
  for (const std::string& word : words) list.emplace_back(word);
  return Value(std::move(list));
}

std::string joined(const Value& list) {
  std::string text;
  for (const Value& word : list.list_or_empty())
    text += (text.empty() ? "" : ", ") + word.string_or("");
  return text;
}

std::string day_of(const Value& time) { return time.string_or("").substr(0, 10); }

int show_users(Session& session, const Value& answer) {
  if (session.options().json) {
    session.print_json(answer);
    return kExitOk;
  }
  std::vector<std::vector<std::string>> rows{{"NAME", "ROLES", "OS USER", "SIGNS IN", "SINCE"}};
  for (const Value& user : answer["users"].list_or_empty()) {
    rows.push_back(
        {user["name"].string_or(""), joined(user["roles"]), user["os_user"].string_or(""),
         user["can_sign_in"].bool_or(false) ? "yes" : "no password", day_of(user["created_at"])});
  }
  if (rows.size() == 1) {
    session.out().line("Nobody. quell user add NAME --role ROLE lets somebody in.");
    return kExitOk;
  }
  session.out().write(table(rows, ""));
  return kExitOk;
}

int show_tokens(Session& session, const Value& answer) {
  if (session.options().json) {
    session.print_json(answer);
    return kExitOk;
  }
  std::vector<std::vector<std::string>> rows{
      {"ID", "NAME", "ROLE", "EXPIRES", "LAST USED", "FROM", ""}};
  for (const Value& token : answer["tokens"].list_or_empty()) {
    const std::string networks = joined(token["networks"]);
    rows.push_back({token["id"].string_or(""), token["name"].string_or(""),
                    token["role"].string_or(""), day_of(token["expires_at"]),
                    token["last_used_at"].is_null() ? "never" : day_of(token["last_used_at"]),
                    networks.empty() ? "anywhere" : networks,
                    token["revoked_at"].is_null() ? "" : "revoked"});
  }
  if (rows.size() == 1) {
    session.out().line("No tokens. quell token create NAME makes one.");
    return kExitOk;
  }
  session.out().write(table(rows, ""));
  return kExitOk;
}

/// Carries a change out and says so.
int change(Session& session, const AccessDoor& door, const std::string& target, const Value& body,
           const std::string& said) {
  const Result<Value> answer = door.client().post(target, body);
  if (!answer) return session.fail(answer.error());
  if (session.options().json)
    session.print_json(*answer);
  else
    session.out().line(said);
  return kExitOk;
}

int need(Session& session, const std::string& what, const std::string& verb) {
  return session.fail(
      make_error(ErrorCode::invalid, "usage", what + " is missing.", "quell help " + verb));
}

int user(Session& session, const AccessOptions& options) {
  if (session.config() == nullptr) return kExitNotStarted;
  if (options.act != "list" && options.name.empty()) return need(session, "NAME", "user");
  const bool gives_roles = options.act == "add" || options.act == "roles";
  if (gives_roles && options.roles.empty()) return need(session, "--role", "user");
  const bool wants_password =
      options.act == "password" || (options.act == "add" && !options.no_password);
  std::string password;
  if (wants_password) {
    Result<std::string> typed = read_password(session, options.password_stdin);
    if (!typed) return session.fail(typed.error());
    password = *std::move(typed);
  }
  const Result<std::unique_ptr<AccessDoor>> door = AccessDoor::open(session);
  if (!door) return session.fail(door.error());
  const std::string users = "/api/v1/access/users";
  const std::string one = users + "/" + percent_encode(options.name);
  if (options.act == "list") {
    const Result<Value> answer = (*door)->client().get(users);
    return answer ? show_users(session, *answer) : session.fail(answer.error());
  }
  if (options.act == "add") {
    ValueMap body{{"name", options.name}, {"roles", list_of(options.roles)}};
    if (!options.os_user.empty()) body["os_user"] = options.os_user;
    if (wants_password) body["password"] = password;
    wipe(password);
    return change(session, **door, users, Value(std::move(body)),
                  options.name + " may come in: " + joined(list_of(options.roles)) + ".");
  }
  if (options.act == "roles") {
    return change(session, **door, one + "/roles", Value::map({{"roles", list_of(options.roles)}}),
                  options.name + " is now: " + joined(list_of(options.roles)) + ".");
  }
  if (options.act == "password") {
    const Value body = Value::map({{"password", password}});
    wipe(password);
    return change(session, **door, one + "/password", body,
                  "The password of " + options.name + " is set; their browsers are signed out.");
  }
  return change(session, **door, one + "/remove", Value::map({}),
                options.name + " is out, with their sessions and tokens.");
}

int token(Session& session, const AccessOptions& options) {
  if (session.config() == nullptr) return kExitNotStarted;
  if (options.act == "create" && options.name.empty()) return need(session, "NAME", "token");
  if (options.act == "revoke" && options.name.empty() && !options.all_sessions)
    return need(session, "ID or --all-sessions", "token");
  const Result<std::unique_ptr<AccessDoor>> door = AccessDoor::open(session);
  if (!door) return session.fail(door.error());
  const std::string tokens = "/api/v1/access/tokens";
  if (options.act == "list") {
    const Result<Value> answer = (*door)->client().get(tokens);
    return answer ? show_tokens(session, *answer) : session.fail(answer.error());
  }
  if (options.act == "revoke" && options.all_sessions) {
    return change(session, **door, "/api/v1/access/sessions/end", Value::map({}),
                  "Every browser is signed out.");
  }
  if (options.act == "revoke") {
    return change(session, **door, tokens + "/" + percent_encode(options.name) + "/revoke",
                  Value::map({}), options.name + " is revoked.");
  }
  const Result<Value> made = (*door)->client().post(
      tokens, Value::map({{"name", options.name},
                          {"role", options.roles.empty() ? "viewer" : options.roles.front()},
                          {"days", options.days},
                          {"networks", list_of(options.networks)}}));
  if (!made) return session.fail(made.error());
  if (session.options().json) {
    session.print_json(*made);
  } else {
    session.out().line((*made)["token"].string_or(""));
    if (!session.options().quiet)
      session.err().line("It is shown this once, and lives until " + day_of((*made)["expires_at"]) +
                         ".");
  }
  return kExitOk;
}

}  // namespace

Verb user_verb() {
  auto options = std::make_shared<AccessOptions>();
  return {.name = "user",
          .help = kUserHelp,
          .declare =
              [options](CLI::App& app) {
                app.add_option("act", options->act)
                    ->required()
                    ->check(CLI::IsMember({"add", "list", "roles", "password", "remove"}));
                app.add_option("name", options->name);
                app.add_option("--role", options->roles)->delimiter(',');
                app.add_option("--os-user", options->os_user);
                auto* const from_stdin = app.add_flag("--password-stdin", options->password_stdin);
                app.add_flag("--no-password", options->no_password)->excludes(from_stdin);
              },
          .run = [options](Session& session) { return user(session, *options); }};
}

Verb token_verb() {
  auto options = std::make_shared<AccessOptions>();
  return {.name = "token",
          .help = kTokenHelp,
          .declare =
              [options](CLI::App& app) {
                app.add_option("act", options->act)
                    ->required()
                    ->check(CLI::IsMember({"create", "list", "revoke"}));
                app.add_option("name", options->name);
                app.add_option("--role", options->roles)->expected(1);
                app.add_option("--days", options->days);
                app.add_option("--from", options->networks)->delimiter(',');
                app.add_flag("--all-sessions", options->all_sessions);
              },
          .run = [options](Session& session) { return token(session, *options); }};
}

}  // namespace quell::cli
