#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/classify.h"
#include "connectors/http_transport.h"
#include "state/base/result.h"
#include "state/base/value.h"
#include "state/model/vocabulary.h"

namespace quell {

// What calls that are data have in common, a vendor's (connectors/oauth/profile.h) and those of
// people's own systems (connectors/http/declaration.h): templates, and what an answer means.

/// What a declared fact rests on, best first (marks T, C, S, S2 and M of the API sheet).
enum class Certainty : std::uint8_t { tried, source_read, vendor_text, copied_text, unsure };

enum class BodyKind : std::uint8_t { none, form, json };

/// What an answer means. What no rule names is never read as success.
enum class AnswerMeaning : std::uint8_t {
  done,         // taken; not yet proof
  already,      // it was not alive before
  unsupported,  // this kind of thing is not revoked here
  refused,      // not taken, and repeating does not help
  denied,       // our own credential was refused
  throttled,    // to be repeated later
  dead,         // of a probe: what it looked at no longer works
  alive,        // of a probe: it still works
};

std::string_view to_string(Certainty certainty) noexcept;
std::string_view to_string(AnswerMeaning meaning) noexcept;

/// The spelling of `Enum` in declarations, for either enumeration above.
template <typename Enum>
std::optional<Enum> declared_word(std::string_view text) noexcept;

/// Literal text or the name of what stands there: `{client_id}` is one part.
struct TemplatePart {
  std::string literal{};
  std::string name{};  // empty: literal
};
using CallTemplate = std::vector<TemplatePart>;

/// First match in file order wins.
struct AnswerRule {
  int status = 0;
  /// Member of the JSON body and what it must be as text ("true", "invalid_token"), or any value
  /// where the text is "*"; all of them. `key.state` is a member of a member.
  std::vector<std::pair<std::string, std::string>> json{};
  AnswerMeaning means = AnswerMeaning::refused;
};

/// True for headers by which a GET asks frameworks for another method.
bool asks_other_method(std::string_view name) noexcept;
/// True for those, and for the ones that quell writes itself.
bool is_reserved_header(std::string_view name) noexcept;

/// The member of `body` at the dotted `path`; null where there is none.
const Value& member_at(const Value& body, std::string_view path) noexcept;

/// What is asked of an answer besides its rules.
struct AnswerReading {
  Effect effect = Effect::mutate;
  NotFound where = NotFound::collection;
  Timestamp now{};
};

/// The meaning of the first rule that fits `response`, whose body is `body` where it is JSON.
/// Errors: `denied` and `throttled` as the rules read them; a page where an answer belongs is
/// `invalid`; a 2xx that no rule knows is `unknown` for a mutation and `invalid` else; the rest as
/// classify().
Result<AnswerMeaning> read_answer(const std::vector<AnswerRule>& rules,
                                  const HttpResponse& response, const Value& body,
                                  std::string_view subject, const AnswerReading& reading);

/// The body of a declared call's answer as JSON, or null where it is none.
Value answer_body(const HttpResponse& response);

/// True when content type or body says html, where an endpoint should answer JSON or nothing.
bool is_html(const HttpResponse& response);

/// `text` as it stands inside a body of `kind`, its quotes apart.
std::string body_encoded(const std::string& text, BodyKind kind);

}  // namespace quell
