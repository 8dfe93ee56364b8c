#include "orchestrator/access/access_routes.h"

#include <chrono>
#include <utility>

#include "orchestrator/api/problem.h"

namespace quell {
namespace {

std::vector<std::string> words_in(const Value& list) {
  std::vector<std::string> words;
  for (const Value& word : list.list_or_empty()) words.push_back(word.string_or(""));
  return words;
}

template <typename Row>
HttpReply listed(std::string_view name, const Result<std::vector<Row>>& rows,
                 Value (*document)(const Row&)) {
  if (!rows) return problem_reply(rows.error());
  ValueList list;
  for (const Row& row : *rows) list.push_back(document(row));
  return json_reply(200, Value::map({{std::string(name), Value(std::move(list))}}));
}

}  // namespace

Value account_document(const Account& account) {
  return Value::map({{"id", account.id},
                     {"name", account.name},
                     {"os_user", account.os_user},
                     {"roles", Value::texts(account.roles)},
                     {"can_sign_in", !account.password.empty()},
                     {"created_at", Value(account.created)},
                     {"vested_at", Value(account.vested())}});
}

Value token_document(const TokenRow& token) {
  return Value::map({{"id", token.id},
                     {"name", token.name},
                     {"role", token.role},
                     {"made_by", token.maker},
                     {"networks", Value::texts(token.networks)},
                     {"created_at", Value(token.created)},
                     {"expires_at", Value(token.expires)},
                     {"last_used_at", token.last_used ? Value(*token.last_used) : Value()},
                     {"revoked_at", token.revoked ? Value(*token.revoked) : Value()}});
}

Value session_document(const SessionRow& session) {
  return Value::map({{"id", session.id},
                     {"user", session.account},
                     {"created_at", Value(session.created)},
                     {"seen_at", Value(session.seen)},
                     {"address", session.address},
                     {"agent", session.agent}});
}

std::vector<ApiRoute> access_routes(
    AccessStore& store, PasswordQueue& passwords,
    std::function<void(const Actor&, const std::string&, const std::string&)> changed) {
  std::vector<ApiRoute> routes;
  const auto read = [&](std::string_view path, std::string_view operation, std::string_view summary,
                        std::function<HttpReply()> list) {
    routes.push_back({.method = "GET",
                      .path = path,
                      .operation = operation,
                      .summary = summary,
                      .right = Right::administer,
                      .answer = "The rows",
                      .handle = [list = std::move(list)](const ApiCall&) { return list(); }});
  };
  using Change = std::function<Result<Value>(const ApiCall&, std::string& whom)>;
  const auto change = [&](std::string_view path, std::string_view operation,
                          std::string_view summary, std::vector<ApiField> body, Change act) {
    routes.push_back({.method = "POST",
                      .path = path,
                      .operation = operation,
                      .summary = summary,
                      .right = Right::administer,
                      .body = std::move(body),
                      .answer = "What became of it",
                      .handle = [act = std::move(act), changed,
                                 what = std::string(operation)](const ApiCall& call) {
                        std::string whom;
                        const Result<Value> done = act(call, whom);
                        if (!done) return problem_reply(done.error());
                        changed(call.actor, what, whom);
                        return json_reply(200, *done);
                      }});
  };
  const auto plainly = [](const Status& done) -> Result<Value> {
    if (!done) return done.error();
    return Value::map({{"ok", true}});
  };
  const ApiField roles{.name = "roles",
                       .about = "viewer, responder, approver, author, admin",
                       .kind = ApiField::Kind::list,
                       .required = true};
  const ApiField password{.name = "password", .about = "12 to 128 characters", .bytes_max = 512};

  read("/api/v1/access/users", "listUsers", "People who may sign in",
       [&store] { return listed("users", store.accounts(), account_document); });
  change("/api/v1/access/users", "addUser", "Let somebody in",
         {{.name = "name", .about = "How the record calls them", .required = true},
          roles,
          password,
          {.name = "os_user", .about = "Their name at the command line"}},
         [&store, &passwords](const ApiCall& call, std::string& whom) -> Result<Value> {
           whom = call.body["name"].string_or("");
           std::string hash;
           if (!call.body["password"].is_null()) {
             Result<std::string> made =
                 passwords.hash(Secret::copy_of(call.body["password"].string_or("")));
             if (!made) return made.error();
             hash = *std::move(made);
           }
           const Result<Account> account = store.add_account(
               whom, call.body["os_user"].string_or(""), words_in(call.body["roles"]), hash);
           if (!account) return account.error();
           return account_document(*account);
         });
  change("/api/v1/access/users/{name}/roles", "setRoles", "Give somebody exactly these roles",
         {roles}, [&store, plainly](const ApiCall& call, std::string& whom) {
           whom = call.path_or("name");
           return plainly(store.set_roles(whom, words_in(call.body["roles"])));
         });
  ApiField new_password = password;
  new_password.required = true;
  change("/api/v1/access/users/{name}/password", "setPassword",
         "Set a password; its owner is signed out everywhere", {new_password},
         [&store, &passwords, plainly](const ApiCall& call, std::string& whom) -> Result<Value> {
           whom = call.path_or("name");
           const Result<std::string> hash =
               passwords.hash(Secret::copy_of(call.body["password"].string_or("")));
           if (!hash) return hash.error();
           return plainly(store.set_password(whom, *hash));
         });
  change("/api/v1/access/users/{name}/remove", "removeUser",
         "Take somebody out, with their sessions and tokens", {},
         [&store, plainly](const ApiCall& call, std::string& whom) {
           whom = call.path_or("name");
           return plainly(store.remove_account(whom));
         });
  read("/api/v1/access/tokens", "listTokens", "API tokens, without their secrets",
       [&store] { return listed("tokens", store.tokens(), token_document); });
  change("/api/v1/access/tokens", "addToken", "Make an API token; its secret is shown once",
         {{.name = "name", .about = "What it is for", .required = true},
          {.name = "role", .about = "viewer or responder", .required = true},
          {.name = "days", .about = "How long it lives, 1 to 90", .kind = ApiField::Kind::integer},
          {.name = "networks",
           .about = "CIDRs that it may come from; all without",
           .kind = ApiField::Kind::list}},
         [&store](const ApiCall& call, std::string& whom) -> Result<Value> {
           const Result<std::optional<Account>> maker = store.find_account(call.actor.who);
           if (!maker) return maker.error();
           const Result<AccessStore::NewToken> made =
               store.add_token(call.body["name"].string_or(""), call.body["role"].string_or(""),
                               *maker ? (*maker)->id : std::string(),
                               std::chrono::hours{24 * call.body["days"].int_or(30)},
                               words_in(call.body["networks"]));
           if (!made) return made.error();
           whom = made->row.id;
           ValueMap document = token_document(made->row).as_map();
           document["token"] = std::string(made->secret.reveal());
           return Value(std::move(document));
         });
  change("/api/v1/access/tokens/{token}/revoke", "revokeToken", "End an API token", {},
         [&store, plainly](const ApiCall& call, std::string& whom) {
           whom = call.path_or("token");
           return plainly(store.revoke_token(whom));
         });
  read("/api/v1/access/sessions", "listSessions", "Browsers that are signed in",
       [&store] { return listed("sessions", store.sessions(), session_document); });
  change("/api/v1/access/sessions/end", "endAllSessions", "Sign every browser out", {},
         [&store, plainly](const ApiCall&, std::string&) {
           return plainly(store.end_all_sessions());
         });
  change("/api/v1/access/sessions/{session}/end", "endSession", "Sign a browser out", {},
         [&store, plainly](const ApiCall& call, std::string& whom) {
           whom = call.path_or("session");
           return plainly(store.end_session_named(whom));
         });
  return routes;
}

}  // namespace quell
