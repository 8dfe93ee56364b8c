#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/access/access_store.h"
#include "orchestrator/access/login_limits.h"
#include "orchestrator/access/password_queue.h"
#include "orchestrator/api/actor.h"
#include "orchestrator/http_server.h"

namespace quell {

/// Whoever sent a request: a person with a signed-in browser, or a program with a token.
struct Caller {
  Actor actor{};
  bool is_person = false;
  std::string account{};  // id of the person, or of whoever made the token
  std::vector<std::string> roles{};
  std::string csrf{};          // of a person
  std::string session_hash{};  // likewise
  Timestamp confirmed{};       // when the password was last given
  Timestamp signed_in_until{};
  bool by_https = false;
};

/// What happened at the door, for the record: no password, no token, no cookie.
struct AccessEvent {
  std::string what{};  // `signed_in`, `sign_in_refused`, `signed_out`, `confirmed`,
                       // `confirmation_refused`, `dead_token_used`
  std::string who{};
  std::string from{};
};

/// Decides who a caller is, and nothing about what they may do with runs. Any thread but the
/// engine's. Sources: OWASP ASVS 4.0.3 chapters 2 and 3, the Fetch standard for Origin.
class Authenticator {
 public:
  static constexpr Duration kStepUpLife{std::chrono::minutes{5}};

  struct Parts {
    AccessStore& store;
    PasswordQueue& passwords;
    const Clock& clock;
    Random& random;
    /// Host headers that are ours, `quell.example:8440`; another one is answered 421 (DNS
    /// rebinding, threat T34).
    std::vector<std::string> hosts{};
    bool tls = false;
    /// `https://quell.example` where a proxy speaks TLS for a panel on loopback; empty without one.
    /// Its host is ours too, and whoever names it came by way of https. What a proxy adds to say
    /// where a request came from is never believed.
    std::string public_origin{};
    std::function<void(const AccessEvent&)> tell{};  // any thread; may be empty
  };

  explicit Authenticator(Parts parts) : parts_(std::move(parts)) {}

  /// Refuses a foreign Host (421), and of a request that changes something and comes with a cookie
  /// one of another origin (403). `csrf_in_form` is the form's field, empty without one; where a
  /// person sends neither it nor X-CSRF-Token, 403.
  std::optional<HttpReply> refuse_foreign(const HttpCall& call) const;
  std::optional<HttpReply> refuse_forged(const HttpCall& call, const Caller& caller,
                                         std::string_view csrf_in_form) const;

  /// A browser says that the request comes from a page of ours (Origin, else Sec-Fetch-Site).
  bool is_from_own_page(const HttpCall& call) const;

  /// Who sent the call; none: nobody we know (401). A token beats a cookie; a token that is shown
  /// and does not hold is nobody, whatever the cookie says.
  Result<std::optional<Caller>> identify(const HttpCall& call);
  /// The same of an answer that goes on and on; it does not keep a session from ending.
  bool still_knows(const HttpCall& call);
  /// Too many requests of one token (10 a second, bursts of 50); how long to wait.
  std::optional<Duration> throttle(const Caller& caller);

  /// Gives Set-Cookie's value. Error `denied` says the same of a wrong name and a wrong password
  /// and takes as long; `throttled` with retry_after when it is too often.
  Result<std::string> sign_in(const std::string& name, const Secret& password,
                              const HttpCall& call);
  /// The password once more, for what wants it within five minutes.
  Status confirm(const Caller& caller, const Secret& password, const HttpCall& call);
  bool is_confirmed(const Caller& caller) const;
  /// Ends the session and gives the Set-Cookie value that takes the cookie away.
  Result<std::string> sign_out(const Caller& caller);
  /// A session for an account that has just been made by a set-up link.
  Result<std::string> open_session(const Account& account, const HttpCall& call);

 private:
  struct Bucket {
    double tokens = 0;
    Timestamp at{};
  };
  /// A use is noted, and makes a session last; a mere look is not.
  enum class Look : std::uint8_t { use, look };
  Result<std::optional<Caller>> identify(const HttpCall& call, Look look);
  Result<std::optional<Caller>> by_token(std::string_view shown, const HttpCall& call, Look look);
  Result<std::optional<Caller>> by_cookie(const HttpCall& call, Look look);
  /// The browser spoke https, to us or to the proxy before us.
  bool is_https(const HttpCall& call) const;
  static std::string cookie(const std::string& value, Duration life, bool secure);
  void tell(std::string what, std::string who, const HttpCall& call) const;

  Parts parts_;
  LoginLimits limits_{};
  std::mutex buckets_mutex_{};
  std::map<std::string, Bucket, std::less<>> buckets_{};
};

/// The rights that roles come to: responders, approvers and admins read, act and start; only an
/// approver approves, only an admin administers. An author reads and checks playbooks, and runs none.
Actor actor_with_roles(std::string who, const std::vector<std::string>& roles);

}  // namespace quell
