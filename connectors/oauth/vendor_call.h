#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/http_transport.h"
#include "connectors/io.h"
#include "connectors/oauth/grant.h"
#include "connectors/oauth/profile.h"
#include "connectors/task.h"
#include "state/base/random.h"
#include "state/base/result.h"
#include "state/base/value.h"

namespace quell {

/// What an incident brings to the calls of a profile, besides what the configuration has.
struct CallCase {
  GrantInputs grant{};
  std::string user{};      // as the vendor's call wants it
  std::string grant_id{};  // likewise
  SecretPtr access{};
  SecretPtr refresh{};
};

CallCase read_call_case(const Value& params);

/// Everything that decides whether and where a call may go. What it points to outlives it.
struct CallScene {
  const OauthConfig* config = nullptr;
  const IssuerConfig* entry = nullptr;  // null: none for this MCP server
  ProfileChoice choice{};
  CallCase what{};
  AuthServer server{};  // endpoints by configuration, or by metadata where a call needs them
};

/// The scene of `what`, its endpoints by configuration alone.
CallScene make_scene(const OauthConfig& config, CallCase what);

/// May each use of a refresh token of this issuer give a newer one?
bool may_rotate(const CallScene& scene);

/// True when the call's URL starts at an endpoint that only the issuer's metadata may know.
bool needs_metadata(const CallScene& scene, const VendorCall& call);

/// What `call` lacks in `scene`, each as a few words with what to do; empty: it can be made. A host
/// that neither the operator's choice of the profile nor entry nor record names is lacking too (T1,
/// T7).
std::vector<std::string> missing_pieces(const CallScene& scene, const VendorCall& call);

/// Where `call` goes; empty while a part of its URL is missing.
std::string call_url(const CallScene& scene, const VendorCall& call);

/// What the vendor said; not evidence.
struct CallAnswer {
  int status = 0;
  AnswerMeaning meaning = AnswerMeaning::refused;  // done, already, unsupported or refused
};

/// Sends `call`, of which missing_pieces() lacks nothing. `token` is what it shows, null where it
/// takes none; `kind` says which it is. Errors: `denied` and `throttled` as the profile reads them,
/// `unknown` for a 2xx that it does not know, else as classify(), and those of the transport.
Task<Result<CallAnswer>> make_call(Io& io, const CallScene& scene, const VendorCall& call,
                                   SecretPtr token, TokenKind kind, Random& random);

/// The reading of one answer under the rules of `call`; pure.
Result<CallAnswer> read_call_answer(const VendorCall& call, const HttpResponse& response,
                                    std::string_view subject, Timestamp now);

/// What a person does where no call can: page and words of the profile, or the generic advice.
std::string human_step(const ProfileChoice& choice);

/// The first call of `reach` that shows a token of `kind`, or null.
const VendorCall* token_call(const ProfileChoice& choice, TokenKind kind);

}  // namespace quell
