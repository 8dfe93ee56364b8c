// Target: read_security_event, read_key_set and the check of a pushed token. The first byte says
// which text the rest is: a token or a key set. Nobody gets in without a key of the sender's.

#include <chrono>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "orchestrator/alerts/key_set.h"
#include "orchestrator/alerts/security_event.h"
#include "state/base/assert.h"
#include "state/base/bytes.h"
#include "state/base/json.h"
#include "tests/fuzz/target.h"

namespace {

constexpr std::size_t kKeysMax = 64;
constexpr quell::Timestamp kNow{std::chrono::seconds{1'767'225'600}};
constexpr std::string_view kKeys =
    R"({"keys":[{"kty":"EC","crv":"P-256","x":"JgyflU__OKcLQMZeX4VOFSmlSkSloCfJ3wBCPS-mn9U","y":"WujVqSsP-SGVen5tG9S7pkRi4A4OtXGo8QFQuEHOLzU","kid":"k"}]})";

quell::AlertSource source() {
  quell::AlertSource made = quell::preset_of(quell::SourceKind::shared_signals);
  made.name = "fuzz";
  made.signals.issuer = "https://idp.example.com";
  made.signals.audience = {"https://quell.example.com"};
  made.public_keys = quell::read_key_set(kKeys);
  return made;
}

void read_keys(std::string_view text) {
  const auto keys = quell::read_key_set(text);
  QUELL_ASSERT(keys.size() <= kKeysMax);
  for (const quell::PublicKey& key : keys) {
    QUELL_ASSERT(!key.id.empty());
    QUELL_ASSERT(!quell::is_signed_jws(key.algorithm, key, "message", text.substr(0, 64)));
  }
}

void read_token(std::string_view text) {
  static const quell::AlertSource kSource = source();
  quell::key_named_by(text);
  const auto token = quell::read_security_event(text);
  if (token) {
    QUELL_ASSERT(quell::is_valid_utf8(to_json(token->claims)));
    quell::event_of(token->claims);
  }
  const std::pair<std::string, std::string> type{"content-type", "application/secevent+jwt"};
  const auto checked = quell::verify_delivery(kSource, {.body = text, .headers = {&type, 1}}, kNow);
  QUELL_ASSERT(std::holds_alternative<quell::DeliveryRefusal>(checked));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text = quell::fuzz::text_of(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    read_keys(text);
  } else {
    read_token(text);
  }
  return 0;
}
