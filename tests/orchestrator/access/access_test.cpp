// Who gets in: passwords, tokens, sessions, and what a forged or a foreign request is answered.
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include "orchestrator/access/api_token.h"
#include "orchestrator/access/authenticator.h"
#include "orchestrator/access/login_limits.h"
#include "orchestrator/access/password_queue.h"
#include "state/base/bytes.h"
#include "tests/support/temp_folder.h"

namespace quell::test {
namespace {

constexpr ScryptCost kCheap{.log2_n = 4};
constexpr std::string_view kPassword = "four words make one";

/// A quell with one admin and a door.
struct Door {
  TempFolder folder{};
  ManualClock clock{*parse_rfc3339("2031-03-04T05:06:07Z")};
  SeededRandom random{7};
  PasswordQueue passwords{kCheap, random};
  std::unique_ptr<AccessStore> store = open();
  std::vector<AccessEvent> events{};
  Authenticator door{{.store = *store,
                      .passwords = passwords,
                      .clock = clock,
                      .random = random,
                      .hosts = {"quell.example:8440"},
                      .tls = true,
                      .tell = [this](const AccessEvent& event) { events.push_back(event); }}};

  std::unique_ptr<AccessStore> open() {
    Result<std::unique_ptr<AccessStore>> opened =
        AccessStore::open(folder / "access.db", clock, random);
    REQUIRE(opened);
    return std::move(*opened);
  }
  Account add(const std::string& name, const std::vector<std::string>& roles) {
    const Result<std::string> hash = passwords.hash(Secret::copy_of(kPassword));
    REQUIRE(hash);
    Result<Account> account = store->add_account(name, name + "-os", roles, *hash);
    REQUIRE(account);
    return *account;
  }
  /// The cookie header of a browser that has just signed in.
  std::string sign_in(const std::string& name) {
    const Result<std::string> cookie = door.sign_in(name, Secret::copy_of(kPassword), call("POST"));
    REQUIRE(cookie);
    return cookie->substr(0, cookie->find(';'));
  }
  static HttpCall call(std::string method, std::string cookie = {}) {
    HttpCall call{.method = std::move(method), .target = "/", .remote_address = "192.0.2.7"};
    call.headers = {{"host", "quell.example:8440"}, {"user-agent", "a browser"}};
    if (!cookie.empty()) call.headers.emplace_back("cookie", std::move(cookie));
    return call;
  }
  std::optional<Caller> who(const HttpCall& call) {
    const Result<std::optional<Caller>> caller = door.identify(call);
    REQUIRE(caller);
    return *caller;
  }
};

std::string all_bytes_below(const TempFolder& folder) {
  std::string bytes;
  for (const char* name : {"access.db", "access.db-wal"}) {
    std::ifstream in(folder / name, std::ios::binary);
    bytes += std::string(std::istreambuf_iterator<char>(in), {});
  }
  return bytes;
}

TEST_CASE("a password is hashed as the reference vector says, and in the form of the PHC") {
  std::string hash = base64_encode(
      *hex_decode("dc1e12781f9695da52612f5b8bdd454ee26e0b8e9eea0e2892230528a222131e"));
  hash.pop_back();  // without padding
  CHECK(matches_password(Secret::copy_of("pw"),
                         "$scrypt$ln=17,r=8,p=1$c2FsdHNhbHRzYWx0c2FsdA$" + hash));
}

TEST_CASE("hashes that cannot be read or ask for too much match nothing") {
  SeededRandom random{1};
  const Result<std::string> hash = hash_password(Secret::copy_of(kPassword), kCheap, random);
  REQUIRE(hash);
  CHECK(hash->starts_with("$scrypt$ln=4,r=8,p=1$"));
  CHECK(matches_password(Secret::copy_of(kPassword), *hash));
  CHECK(!matches_password(Secret::copy_of("four words make two"), *hash));
  for (std::string bad :
       {std::string(), std::string("$scrypt$"), hash->substr(0, 30),
        "$scrypt$ln=21,r=8,p=1$" + hash->substr(21), "$scrypt$ln=20,r=32,p=1$" + hash->substr(21),
        "$scrypt$ln=4,r=0,p=1$" + hash->substr(21),
        "$scrypt$ln=4,r=8,p=99999999999$" + hash->substr(21), *hash + "x"}) {
    CAPTURE(bad);
    CHECK(!matches_password(Secret::copy_of(kPassword), bad));
  }
  CHECK(!check_password(Secret::copy_of("too short")));
  CHECK(!check_password(Secret::copy_of("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4")));
  CHECK(check_password(Secret::copy_of("twelve chars")));
  CHECK(!check_password(Secret::copy_of(std::string(513, 'x'))));
}

TEST_CASE("at most one password is hashed and eight wait; the rest is told to come back") {
  SeededRandom random{1};
  PasswordQueue queue({.log2_n = 15}, random);
  std::atomic<int> hashed{0};
  std::atomic<int> refused{0};
  std::vector<std::thread> people;
  for (int i = 0; i < 40; ++i) {
    people.emplace_back([&] {
      const Result<std::string> hash = queue.hash(Secret::copy_of(kPassword));
      if (hash)
        ++hashed;
      else if (hash.error().code == ErrorCode::throttled && hash.error().retry_after)
        ++refused;
    });
  }
  for (std::thread& person : people) person.join();
  CHECK(hashed + refused == 40);
  CHECK(hashed >= 1);
  CHECK(refused >= 1);
  CHECK(queue.hash(Secret::copy_of(kPassword)));
}

TEST_CASE("a token is recognised by its form, and every slip of the pen is seen") {
  SeededRandom random{3};
  const Secret secret = ApiToken::make(random);
  const std::string text(secret.reveal());
  const std::optional<ApiToken> token = ApiToken::read(text);
  REQUIRE(token);
  CHECK(token->id.size() == 12);
  CHECK(text.starts_with("quell_api_" + token->id + "_"));
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string slip = text;
    slip[i] = slip[i] == 'a' ? 'b' : 'a';
    CAPTURE(i);
    CHECK(!ApiToken::read(slip));
  }
  CHECK(!ApiToken::read(text + "0"));
  CHECK(!ApiToken::read(""));
}

TEST_CASE(
    "a token lets in from its networks, until it expires or is revoked, and its misuse is told") {
  Door door;
  const Account mara = door.add("mara", {"admin", "approver"});
  CHECK(!door.store->add_token("ci", "approver", mara.id, std::chrono::hours{24}, {}));
  CHECK(!door.store->add_token("ci", "admin", mara.id, std::chrono::hours{24}, {}));
  CHECK(!door.store->add_token("ci", "viewer", mara.id, std::chrono::hours{24 * 91}, {}));
  CHECK(!door.store->add_token("ci", "viewer", mara.id, std::chrono::hours{24}, {"10.0.0.1/8"}));
  const Result<AccessStore::NewToken> made = door.store->add_token(
      "ci", "responder", mara.id, std::chrono::hours{24}, {"192.0.2.0/24", "2001:db8::/32"});
  REQUIRE(made);
  const auto with = [&](const std::string& token, const std::string& address) {
    HttpCall call = Door::call("GET");
    call.remote_address = address;
    call.headers.emplace_back("authorization", "Bearer " + token);
    return call;
  };
  const std::string text(made->secret.reveal());
  const std::optional<Caller> caller = door.who(with(text, "192.0.2.9"));
  REQUIRE(caller);
  CHECK(!caller->is_person);
  CHECK(caller->actor.who == "mara");  // whoever made it asked for what it does
  CHECK(caller->actor.from == "token " + made->row.id + " 192.0.2.9");
  CHECK(caller->actor.may(Right::start));
  CHECK(!caller->actor.may(Right::approve));
  CHECK(!caller->actor.may(Right::administer));
  CHECK(door.who(with(text, "2001:db8::7")));
  CHECK(door.events.empty());
  CHECK(!door.who(with(text, "198.51.100.1")));
  REQUIRE(door.events.size() == 1);
  CHECK(door.events.back().what == "dead_token_used");
  CHECK(!door.who(with("nonsense", "192.0.2.9")));

  // A cookie beside a token that does not hold lets nobody in.
  HttpCall both = with("nonsense", "192.0.2.9");
  both.headers.emplace_back("cookie", door.sign_in("mara"));
  CHECK(!door.who(both));

  door.events.clear();
  door.clock.advance(std::chrono::hours{25});
  CHECK(!door.who(with(text, "192.0.2.9")));
  CHECK(door.events.size() == 1);
  const Result<AccessStore::NewToken> other =
      door.store->add_token("ci", "viewer", mara.id, std::chrono::hours{24}, {});
  REQUIRE(other);
  const std::string other_text(other->secret.reveal());
  CHECK(door.who(with(other_text, "203.0.113.1")));
  REQUIRE(door.store->revoke_token(other->row.id));
  CHECK(!door.who(with(other_text, "203.0.113.1")));
  CHECK(door.events.size() == 2);
}

TEST_CASE("sign-in gives a cookie that only our own pages over TLS send back") {
  Door door;
  door.add("mara", {"responder"});
  const Result<std::string> cookie =
      door.door.sign_in("mara", Secret::copy_of(kPassword), Door::call("POST"));
  REQUIRE(cookie);
  CHECK(cookie->starts_with("__Host-quell="));
  for (const char* part : {"; Path=/", "; HttpOnly", "; SameSite=Strict", "; Secure"})
    CHECK(cookie->find(part) != std::string::npos);
  const std::optional<Caller> caller =
      door.who(Door::call("GET", "x=1; " + cookie->substr(0, cookie->find(';'))));
  REQUIRE(caller);
  CHECK(caller->is_person);
  CHECK(caller->actor.who == "mara");
  CHECK(!door.who(Door::call("GET", "__Host-quell=" + std::string(43, 'A'))));
  CHECK(!door.who(Door::call("GET", "quell=" + std::string(43, 'A'))));
}

TEST_CASE("a wrong name and a wrong password are answered alike, and too many tries wait") {
  Door door;
  door.add("mara", {"responder"});
  const auto attempt = [&](const std::string& name, std::string_view password) {
    return door.door.sign_in(name, Secret::copy_of(password), Door::call("POST"));
  };
  const Result<std::string> nobody = attempt("nobody", kPassword);
  const Result<std::string> wrong = attempt("mara", "not the password");
  REQUIRE(!nobody);
  REQUIRE(!wrong);
  CHECK(nobody.error().message == wrong.error().message);
  CHECK(door.events.front().who == "a name that nobody has");
  for (int i = 0; i < 4; ++i) CHECK(!attempt("mara", "not the password"));
  const Result<std::string> held = attempt("mara", kPassword);
  REQUIRE(!held);
  CHECK(held.error().code == ErrorCode::throttled);
  CHECK(held.error().retry_after == Duration{1'000});
  door.clock.advance(Duration{1'001});
  CHECK(attempt("mara", kPassword));
}

TEST_CASE(
    "waits double up to a quarter of an hour, and an address has twenty tries in five minutes") {
  ManualClock clock{*parse_rfc3339("2031-03-04T05:06:07Z")};
  LoginLimits limits;
  for (int i = 0; i < 30; ++i) limits.failed("mara", clock.now());
  CHECK(limits.wait("mara", "192.0.2.1", clock.now()) == Duration{std::chrono::minutes{15}});
  int let = 0;
  for (int i = 0; i < 40; ++i) {
    const std::string address = "2001:db8:1:2::" + std::to_string(i);
    let += limits.wait("n" + std::to_string(i), address, clock.now()) ? 0 : 1;
  }
  CHECK(let == 20);
  CHECK(!limits.wait("n", "2001:db8:1:3::1", clock.now()));
  clock.advance(std::chrono::minutes{6});
  CHECK(!limits.wait("n", "2001:db8:1:2::1", clock.now()));
}

TEST_CASE(
    "a session ends when it is idle, when it is old, with a sign-out and with a new password") {
  Door door;
  const Account mara = door.add("mara", {"admin"});
  const std::string cookie = door.sign_in("mara");
  CHECK(door.who(Door::call("GET", cookie)));
  door.clock.advance(std::chrono::minutes{14});
  CHECK(door.who(Door::call("GET", cookie)));
  door.clock.advance(std::chrono::minutes{16});
  CHECK(!door.who(Door::call("GET", cookie)));

  const std::string second = door.sign_in("mara");
  for (int i = 0; i < 60; ++i) {
    door.clock.advance(std::chrono::minutes{8});
    static_cast<void>(door.who(Door::call("GET", second)));
  }
  door.clock.advance(std::chrono::minutes{1});
  CHECK(!door.who(Door::call("GET", second)));

  const std::string third = door.sign_in("mara");
  const std::optional<Caller> caller = door.who(Door::call("GET", third));
  REQUIRE(caller);
  const Result<std::string> gone = door.door.sign_out(*caller);
  REQUIRE(gone);
  CHECK(gone->find("Max-Age=0") != std::string::npos);
  CHECK(!door.who(Door::call("GET", third)));

  const std::string fourth = door.sign_in("mara");
  REQUIRE(door.store->set_password("mara", "another hash"));
  CHECK(!door.who(Door::call("GET", fourth)));
  CHECK(door.store->account_of(mara.id)->value().vested() == door.clock.now());
}

TEST_CASE("a change needs our own origin and the token of its page; a program's needs neither") {
  Door door;
  door.add("mara", {"responder"});
  const std::string cookie = door.sign_in("mara");
  const std::optional<Caller> caller = door.who(Door::call("GET", cookie));
  REQUIRE(caller);
  const auto status = [&](const std::vector<std::pair<std::string, std::string>>& headers,
                          std::string_view in_form) {
    HttpCall call = Door::call("POST", cookie);
    for (const auto& header : headers) call.headers.push_back(header);
    const std::optional<HttpReply> refusal = door.door.refuse_forged(call, *caller, in_form);
    return refusal ? refusal->status : 200;
  };
  const std::pair<std::string, std::string> ours{"origin", "https://quell.example:8440"};
  const std::pair<std::string, std::string> same{"sec-fetch-site", "same-origin"};
  const std::pair<std::string, std::string> token{"x-csrf-token", caller->csrf};
  CHECK(status({ours, token}, "") == 200);
  CHECK(status({same, token}, "") == 200);
  CHECK(status({ours}, caller->csrf) == 200);
  CHECK(status({ours}, "") == 403);
  CHECK(status({token}, "") == 403);
  CHECK(status({{"origin", "https://evil.example"}, same, token}, "") == 403);
  CHECK(status({{"origin", "null"}, token}, "") == 403);
  CHECK(status({{"origin", "http://quell.example:8440"}, token}, "") == 403);
  CHECK(status({{"sec-fetch-site", "same-site"}, token}, "") == 403);
  CHECK(status({ours, {"x-csrf-token", caller->csrf + "x"}}, caller->csrf) == 403);
  CHECK(!door.door.refuse_forged(Door::call("GET", cookie), *caller, ""));
  const Caller program{.actor = {.who = "mara"}};
  CHECK(!door.door.refuse_forged(Door::call("POST"), program, ""));
}

TEST_CASE("another name than ours is not answered") {
  Door door;
  for (const char* host : {"evil.example", "quell.example", "quell.example:8441", "127.0.0.1:8440",
                           "quell.example:8440.evil.example"}) {
    HttpCall call{.method = "GET", .target = "/", .headers = {{"host", host}}};
    const std::optional<HttpReply> refusal = door.door.refuse_foreign(call);
    REQUIRE(refusal);
    CHECK(refusal->status == 421);
  }
  CHECK(!door.door.refuse_foreign(Door::call("GET")));
}

TEST_CASE("the password once more holds for five minutes") {
  Door door;
  door.add("mara", {"approver"});
  const std::string cookie = door.sign_in("mara");
  const auto caller = [&] { return *door.who(Door::call("GET", cookie)); };
  CHECK(door.door.is_confirmed(caller()));
  door.clock.advance(std::chrono::minutes{6});
  CHECK(!door.door.is_confirmed(caller()));
  CHECK(!door.door.confirm(caller(), Secret::copy_of("not the password"), Door::call("POST")));
  CHECK(!door.door.is_confirmed(caller()));
  CHECK(door.door.confirm(caller(), Secret::copy_of(kPassword), Door::call("POST")));
  CHECK(door.door.is_confirmed(caller()));
}

TEST_CASE("each role has its rights and no other") {
  const auto rights = [](const char* role) {
    const Actor actor = actor_with_roles("x", {role});
    std::string words;
    for (const Right right :
         {Right::read, Right::act, Right::start, Right::approve, Right::author, Right::administer})
      words += actor.may(right) ? std::string(to_string(right)) + " " : "";
    return words;
  };
  CHECK(rights("viewer") == "read ");
  CHECK(rights("responder") == "read act start ");
  CHECK(rights("approver") == "read act start approve ");
  CHECK(rights("author") == "read author ");
  CHECK(rights("admin") == "read act start administer ");
  CHECK(actor_with_roles("x", {}).rights == 0);
}

TEST_CASE("the last admin can be neither removed nor demoted") {
  Door door;
  door.add("mara", {"admin"});
  CHECK(!door.store->remove_account("mara"));
  CHECK(!door.store->set_roles("mara", {"viewer"}));
  CHECK(door.store->set_roles("mara", {"admin", "approver"}));
  door.add("olek", {"admin"});
  CHECK(door.store->remove_account("mara"));
  CHECK(!door.store->remove_account("mara"));
  CHECK(!door.store->add_account("olek", "", {"viewer"}, ""));
  CHECK(!door.store->add_account("ines", "", {"king"}, ""));
  CHECK(!door.store->add_account("ines", "", {}, ""));
  CHECK(!door.store->add_account("in,es", "", {"viewer"}, ""));
  CHECK(!door.store->add_account(std::string("in\x1b[2Jes"), "", {"viewer"}, ""));
}

TEST_CASE("whoever is removed takes sessions and tokens along") {
  Door door;
  door.add("mara", {"admin"});
  const Account olek = door.add("olek", {"responder"});
  const std::string cookie = door.sign_in("olek");
  const Result<AccessStore::NewToken> made =
      door.store->add_token("ci", "responder", olek.id, std::chrono::hours{24}, {});
  REQUIRE(made);
  REQUIRE(door.store->remove_account("olek"));
  CHECK(!door.who(Door::call("GET", cookie)));
  HttpCall call = Door::call("GET");
  call.headers.emplace_back("authorization", "Bearer " + std::string(made->secret.reveal()));
  CHECK(!door.who(call));
}

TEST_CASE("the set-up link works once, within a quarter of an hour, and only the newest does") {
  Door door;
  const Result<Secret> old = door.store->add_setup_link();
  const Result<Secret> link = door.store->add_setup_link();
  REQUIRE(link);
  CHECK(!door.store->use_setup_link(old->reveal()).value());
  CHECK(!door.store->use_setup_link("guess").value());
  CHECK(door.store->knows_setup_link(link->reveal()).value());
  CHECK(door.store->use_setup_link(link->reveal()).value());
  CHECK(!door.store->use_setup_link(link->reveal()).value());
  const Result<Secret> late = door.store->add_setup_link();
  REQUIRE(late);
  door.clock.advance(std::chrono::minutes{16});
  CHECK(!door.store->use_setup_link(late->reveal()).value());
}

TEST_CASE("the database holds no token, no session, no link and no password") {
  Door door;
  const Account mara = door.add("mara", {"admin"});
  const std::string cookie = door.sign_in("mara");
  const Result<AccessStore::NewToken> made =
      door.store->add_token("ci", "viewer", mara.id, std::chrono::hours{24}, {});
  const Result<Secret> link = door.store->add_setup_link();
  REQUIRE(made);
  REQUIRE(link);
  const std::string bytes = all_bytes_below(door.folder);
  REQUIRE(bytes.find("mara") != std::string::npos);
  CHECK(bytes.find(cookie.substr(cookie.find('=') + 1)) == std::string::npos);
  CHECK(bytes.find(made->secret.reveal()) == std::string::npos);
  CHECK(bytes.find(made->secret.reveal().substr(23, 20)) == std::string::npos);
  CHECK(bytes.find(link->reveal()) == std::string::npos);
  CHECK(bytes.find(kPassword) == std::string::npos);
}

TEST_CASE("two processes may work on the people at once, and a newer quell's are left alone") {
  Door door;
  door.add("mara", {"admin"});
  const std::unique_ptr<AccessStore> other = door.open();
  REQUIRE(other->add_account("olek", "", {"viewer"}, ""));
  CHECK(door.store->accounts()->size() == 2);
  {
    Result<std::unique_ptr<SqliteDatabase>> raw =
        SqliteDatabase::open({.path = door.folder / "access.db"});
    REQUIRE(raw);
    REQUIRE((*raw)->run("PRAGMA user_version = 2"));
  }
  const Result<std::unique_ptr<AccessStore>> refused =
      AccessStore::open(door.folder / "access.db", door.clock, door.random);
  REQUIRE(!refused);
  CHECK(refused.error().topic == "state");
}

}  // namespace
}  // namespace quell::test
