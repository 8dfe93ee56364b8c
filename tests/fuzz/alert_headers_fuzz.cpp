// Target: the headers by which a delivery shows whom it comes from. The first byte chooses the
// kind; a line each is signature, time, id and authorization. Nobody gets in without the secret.

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "orchestrator/alerts/source.h"
#include "state/base/assert.h"
#include "tests/fuzz/target.h"

namespace {

constexpr std::size_t kKinds = static_cast<std::size_t>(quell::SourceKind::bearer) + 1;
constexpr std::string_view kSecret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

quell::AlertSource source_of(std::uint8_t choice) {
  quell::AlertSource source = quell::preset_of(static_cast<quell::SourceKind>(choice % kKinds));
  source.name = "fuzz";
  source.keys.push_back(
      {.secret = std::make_shared<const quell::Secret>(quell::Secret::copy_of(kSecret))});
  quell::SignatureRule& rule = source.rule;
  if (source.proof == quell::Proof::hmac && rule.header.empty()) {
    rule = {.header = "x-signature",
            .prefix = "v1=",
            .separator = ',',
            .covered = quell::Covered::time_dot_body,
            .time_prefix = "t="};
  }
  return source;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const quell::AlertSource source = source_of(data[0]);
  std::string_view text = quell::fuzz::text_of(data + 1, size - 1);
  std::array<std::string, 4> lines{};
  for (std::string& line : lines) {
    const std::size_t end = text.find('\n');
    line = text.substr(0, end);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  if (lines[3].find(kSecret) != std::string::npos) return 0;  // the fuzzer found it in here
  std::vector<std::pair<std::string, std::string>> headers{{"authorization", lines[3]}};
  if (!source.rule.header.empty()) headers.emplace_back(source.rule.header, lines[0]);
  if (!source.rule.time_header.empty()) headers.emplace_back(source.rule.time_header, lines[1]);
  if (!source.rule.id_header.empty()) headers.emplace_back(source.rule.id_header, lines[2]);
  const auto checked =
      quell::verify_delivery(source, {.path_token = lines[3], .body = "{}", .headers = headers},
                             quell::Timestamp{std::chrono::seconds{1'767'225'600}});
  QUELL_ASSERT(std::holds_alternative<quell::DeliveryRefusal>(checked));
  return 0;
}
