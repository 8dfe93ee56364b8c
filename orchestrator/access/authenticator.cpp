#include "orchestrator/access/authenticator.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "connectors/egress_policy.h"
#include "orchestrator/access/api_token.h"
#include "orchestrator/api/problem.h"
#include "state/base/bytes.h"
#include "state/base/sha256.h"

namespace quell {
namespace {

constexpr std::size_t kSessionBytes = 32;
constexpr std::size_t kAgentBytesMax = 120;
constexpr std::string_view kBearer = "Bearer ";
/// Times of use need no more precision than this, and each write waits for the disk.
constexpr Duration kNoteEvery{std::chrono::minutes{1}};
constexpr double kCallsPerSecond = 10;
constexpr double kBurst = 50;
constexpr std::size_t kBucketsMax = 1'000;

std::string_view cookie_name(bool tls) { return tls ? "__Host-quell" : "quell"; }

/// The value of the cookie `name` (RFC 6265 section 5.4); empty without one.
std::string_view cookie_in(std::string_view header, std::string_view name) {
  while (!header.empty()) {
    const std::size_t end = header.find(';');
    std::string_view pair = header.substr(0, end);
    header.remove_prefix(end == std::string_view::npos ? header.size() : end + 1);
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=')
      return pair.substr(name.size() + 1);
  }
  return {};
}

bool is_in(const std::string& address, const std::vector<std::string>& networks) {
  if (networks.empty()) return true;
  const std::optional<IpAddress> from = IpAddress::parse(address);
  return from && std::any_of(networks.begin(), networks.end(), [&](const std::string& network) {
           const Result<Cidr> cidr = parse_cidr(network);
           return cidr && cidr->contains(*from);
         });
}

bool changes_something(const HttpCall& call) {
  return call.method != "GET" && call.method != "HEAD";
}

Error forged(std::string sentence) {
  return make_error(ErrorCode::denied, "origin", std::move(sentence),
                    "send it from quell's own pages, or with an API token");
}

}  // namespace

Actor actor_with_roles(std::string who, const std::vector<std::string>& roles) {
  Actor actor{.who = std::move(who)};
  for (const std::string& role : roles) {
    actor.grant(Right::read);
    if (role != "viewer" && role != "author") {
      actor.grant(Right::act);
      actor.grant(Right::start);
    }
    if (role == "approver") actor.grant(Right::approve);
    if (role == "author") actor.grant(Right::author);
    if (role == "admin") actor.grant(Right::administer);
  }
  return actor;
}

void Authenticator::tell(std::string what, std::string who, const HttpCall& call) const {
  if (parts_.tell)
    parts_.tell(
        {.what = std::move(what), .who = std::move(who), .from = "panel " + call.remote_address});
}

std::optional<HttpReply> Authenticator::refuse_foreign(const HttpCall& call) const {
  const std::string_view host = call.header("host");
  if (std::find(parts_.hosts.begin(), parts_.hosts.end(), host) != parts_.hosts.end())
    return std::nullopt;
  return problem_reply(421,
                       make_error(ErrorCode::denied, "host", "this quell does not go by that name.",
                                  "add it to panel.hosts in quell.yaml"));
}

bool Authenticator::is_from_own_page(const HttpCall& call) const {
  const std::string_view origin = call.header("origin");
  // Forms of pages with `Referrer-Policy: no-referrer` say that their origin is null.
  if (origin.empty() || origin == "null") return call.header("sec-fetch-site") == "same-origin";
  return origin == (is_https(call) ? "https://" : "http://") + std::string(call.header("host"));
}

std::optional<HttpReply> Authenticator::refuse_forged(const HttpCall& call, const Caller& caller,
                                                      std::string_view csrf_in_form) const {
  if (!changes_something(call) || !caller.is_person) return std::nullopt;
  if (!is_from_own_page(call))
    return problem_reply(forged("the request does not come from a page of quell."));
  const std::string_view header = call.header("x-csrf-token");
  const std::string_view shown = header.empty() ? csrf_in_form : header;
  if (shown.empty() || !equal_constant_time(shown, caller.csrf))
    return problem_reply(forged("the request does not carry the token of its page."));
  return std::nullopt;
}

Result<std::optional<Caller>> Authenticator::identify(const HttpCall& call) {
  return identify(call, Look::use);
}

bool Authenticator::still_knows(const HttpCall& call) {
  const Result<std::optional<Caller>> caller = identify(call, Look::look);
  return caller && caller->has_value();
}

Result<std::optional<Caller>> Authenticator::identify(const HttpCall& call, Look look) {
  const std::string_view authorization = call.header("authorization");
  if (authorization.empty()) return by_cookie(call, look);
  if (!authorization.starts_with(kBearer)) return std::optional<Caller>();
  return by_token(authorization.substr(kBearer.size()), call, look);
}

Result<std::optional<Caller>> Authenticator::by_token(std::string_view shown, const HttpCall& call,
                                                      Look look) {
  const std::optional<ApiToken> token = ApiToken::read(shown);
  if (!token) return std::optional<Caller>();
  const Result<std::optional<TokenRow>> found = parts_.store.find_token(token->id, token->hash);
  if (!found) return found.error();
  if (!*found) return std::optional<Caller>();
  const TokenRow& row = **found;
  const Timestamp now = parts_.clock.now();
  const std::string who = "token " + row.name;
  if (row.revoked || now >= row.expires || !is_in(call.remote_address, row.networks)) {
    if (look == Look::use) tell("dead_token_used", who, call);
    return std::optional<Caller>();
  }
  if (look == Look::use && (!row.last_used || now - *row.last_used > kNoteEvery)) {
    if (Status noted = parts_.store.token_was_used(row.id); !noted) return noted.error();
  }
  // A program acts as the person who made its token: nobody approves what it began for them.
  const Result<std::optional<Account>> maker = parts_.store.account_of(row.maker);
  if (!maker) return maker.error();
  Caller caller{.actor = actor_with_roles(*maker ? (*maker)->name : who, {row.role}),
                .account = row.maker,
                .roles = {row.role}};
  caller.actor.from = "token " + row.id + " " + call.remote_address;
  return std::optional<Caller>(std::move(caller));
}

Result<std::optional<Caller>> Authenticator::by_cookie(const HttpCall& call, Look look) {
  const std::string_view value = cookie_in(call.header("cookie"), cookie_name(is_https(call)));
  if (value.empty()) return std::optional<Caller>();
  const std::string hash = sha256(value);
  const Result<std::optional<SessionRow>> session = parts_.store.find_session(hash);
  if (!session) return session.error();
  if (!*session) return std::optional<Caller>();
  const Result<std::optional<Account>> account = parts_.store.account_of((*session)->account);
  if (!account) return account.error();
  if (!*account) return std::optional<Caller>();
  const Timestamp now = parts_.clock.now();
  if (look == Look::use && now - (*session)->seen > kNoteEvery) {
    if (Status seen = parts_.store.session_was_seen(hash); !seen) return seen.error();
  }
  Caller caller{.actor = actor_with_roles((*account)->name, (*account)->roles),
                .is_person = true,
                .account = (*account)->id,
                .roles = (*account)->roles,
                .csrf = (*session)->csrf,
                .session_hash = hash,
                .confirmed = (*session)->confirmed,
                .signed_in_until = std::min((*session)->created + AccessStore::kSessionLife,
                                            now + AccessStore::kSessionIdle),
                .by_https = is_https(call)};
  caller.actor.from = "panel " + call.remote_address;
  caller.actor.vested = (*account)->vested();
  return std::optional<Caller>(std::move(caller));
}

std::optional<Duration> Authenticator::throttle(const Caller& caller) {
  if (caller.is_person) return std::nullopt;
  const Timestamp now = parts_.clock.now();
  const std::lock_guard lock(buckets_mutex_);
  if (buckets_.size() > kBucketsMax) buckets_.clear();
  Bucket& bucket =
      buckets_.try_emplace(caller.actor.from, Bucket{.tokens = kBurst, .at = now}).first->second;
  const double passed = std::chrono::duration<double>(now - bucket.at).count();
  bucket.tokens = std::min(kBurst, bucket.tokens + std::max(passed, 0.0) * kCallsPerSecond);
  bucket.at = now;
  if (bucket.tokens < 1) return Duration{std::chrono::seconds{1}};
  bucket.tokens -= 1;
  return std::nullopt;
}

bool Authenticator::is_https(const HttpCall& call) const {
  return parts_.tls || (!parts_.public_origin.empty() &&
                        parts_.public_origin == "https://" + std::string(call.header("host")));
}

std::string Authenticator::cookie(const std::string& value, Duration life, bool secure) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(life).count();
  return std::string(cookie_name(secure)) + "=" + value +
         "; Path=/; HttpOnly; SameSite=Strict; Max-Age=" + std::to_string(seconds) +
         (secure ? "; Secure" : "");
}

Result<std::string> Authenticator::open_session(const Account& account, const HttpCall& call) {
  std::string bytes(kSessionBytes, '\0');
  parts_.random.fill(std::as_writable_bytes(std::span(bytes)));
  const std::string id = base64url_encode(bytes);
  wipe(bytes);
  const Timestamp now = parts_.clock.now();
  const std::string_view agent = call.header("user-agent");
  const Status added = parts_.store.add_session(
      sha256(id), {.account = account.id,
                   .csrf = parts_.random.hex(kSessionBytes),
                   .created = now,
                   .seen = now,
                   .confirmed = now,
                   .address = call.remote_address,
                   .agent = escape_untrusted(agent.substr(0, kAgentBytesMax))});
  if (!added) return added.error();
  tell("signed_in", account.name, call);
  return cookie(id, AccessStore::kSessionLife, is_https(call));
}

Result<std::string> Authenticator::sign_in(const std::string& name, const Secret& password,
                                           const HttpCall& call) {
  const Timestamp now = parts_.clock.now();
  if (const auto wait = limits_.wait(name, call.remote_address, now)) {
    Error error = make_error(ErrorCode::throttled, "login", "too many tries.",
                             "wait a moment, then try again");
    error.retry_after = *wait;
    return error;
  }
  const Result<std::optional<Account>> account = parts_.store.find_account(name);
  if (!account) return account.error();
  const Result<bool> matches =
      parts_.passwords.matches(password, *account ? (*account)->password : std::string());
  if (!matches) return matches.error();
  if (!*matches) {
    limits_.failed(name, now);
    tell("sign_in_refused", *account ? name : "a name that nobody has", call);
    return make_error(ErrorCode::denied, "login", "name and password do not fit.",
                      "an admin can set a new one: quell user password NAME");
  }
  limits_.succeeded(name);
  return open_session(**account, call);
}

Status Authenticator::confirm(const Caller& caller, const Secret& password, const HttpCall& call) {
  const Timestamp now = parts_.clock.now();
  if (const auto wait = limits_.wait(caller.actor.who, call.remote_address, now)) {
    Error error = make_error(ErrorCode::throttled, "login", "too many tries.",
                             "wait a moment, then try again");
    error.retry_after = *wait;
    return error;
  }
  const Result<std::optional<Account>> account = parts_.store.account_of(caller.account);
  if (!account) return account.error();
  const Result<bool> matches =
      parts_.passwords.matches(password, *account ? (*account)->password : std::string());
  if (!matches) return matches.error();
  if (!*matches) {
    limits_.failed(caller.actor.who, now);
    tell("confirmation_refused", caller.actor.who, call);
    return make_error(ErrorCode::denied, "login", "that is not your password.", "try again");
  }
  limits_.succeeded(caller.actor.who);
  tell("confirmed", caller.actor.who, call);
  return parts_.store.session_was_confirmed(caller.session_hash);
}

bool Authenticator::is_confirmed(const Caller& caller) const {
  return parts_.clock.now() - caller.confirmed < kStepUpLife;
}

Result<std::string> Authenticator::sign_out(const Caller& caller) {
  if (Status ended = parts_.store.end_session(caller.session_hash); !ended) return ended.error();
  if (parts_.tell)
    parts_.tell({.what = "signed_out", .who = caller.actor.who, .from = caller.actor.from});
  return cookie("", Duration{0}, caller.by_https);
}

}  // namespace quell
