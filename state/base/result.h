#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "state/base/assert.h"

namespace quell {

/// What the caller can do about a failure. A code exists only if some caller acts on it.
enum class ErrorCode : std::uint8_t {
  invalid,           // the author's or our caller's to fix; never retried
  denied,            // our own credential was refused: stop and ask a person
  throttled,         // wait `retry_after`, then repeat
  transient,         // refused before it could take effect; safe to repeat
  unknown,           // sent, answer lost: probe before anything else
  gone,              // not there; a second look decides whether that is good news
  conflict,          // the other side is in a state that forbids it now
  unavailable_here,  // this server does not offer the call
  corrupt,           // a stored entry fails its check: stop the run
  internal,          // our bug, contained
};

/// The code as journals, JSON and `docs/errors.md` spell it.
std::string_view to_string(ErrorCode code) noexcept;
std::optional<ErrorCode> error_code_from_string(std::string_view text) noexcept;

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message{};  // one sentence: what failed, on which system; never a secret
  std::optional<std::chrono::milliseconds> retry_after{};
  std::shared_ptr<const Error> cause{};  // the layer below, or null
  std::string
      topic{};  // word that `quell help CODE` explains ("egress", "secret"); empty: the code itself
  std::string hint{};  // one remedy: a command to paste or a line to change; may be empty
};

/// An error of `code` that says `message`.
inline Error make_error(ErrorCode code, std::string message) {
  return Error{.code = code, .message = std::move(message)};
}

/// As above, with the word that `quell help` explains and the remedy.
inline Error make_error(ErrorCode code, std::string topic, std::string message, std::string hint) {
  Error error{.code = code, .message = std::move(message)};
  error.topic = std::move(topic);
  error.hint = std::move(hint);
  return error;
}

/// `cause` seen from one layer up: same code, `retry_after`, topic and hint, with `context` as its
/// sentence.
Error wrap(std::string context, Error cause);

/// The whole chain as one line, outermost first, joined by ": ".
std::string describe(const Error& error);

/// A value or an Error; spelled like std::expected so that it can become it later.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  T& value() & {
    QUELL_ASSERT(has_value());
    return std::get<0>(state_);
  }
  const T& value() const& {
    QUELL_ASSERT(has_value());
    return std::get<0>(state_);
  }
  T&& value() && {
    QUELL_ASSERT(has_value());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& {
    QUELL_ASSERT(!has_value());
    return std::get<1>(state_);
  }
  Error&& error() && {
    QUELL_ASSERT(!has_value());
    return std::get<1>(std::move(state_));
  }

 private:
  std::variant<T, Error> state_;
};

using Status = Result<std::monostate>;

/// The success of a call that gives nothing back.
inline Status ok() { return std::monostate{}; }

}  // namespace quell
