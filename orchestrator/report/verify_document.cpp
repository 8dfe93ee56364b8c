#include "orchestrator/report/verify_document.h"

#include <string>

#include "state/hash_chain.h"

namespace quell {
namespace {

Value number(std::uint64_t count) { return static_cast<std::int64_t>(count); }

std::uint64_t count_in(const Value& document, std::string_view name) {
  return static_cast<std::uint64_t>(document[name].int_or(0));
}

}  // namespace

Value verify_document(const VerifyReport& report) {
  Value failure;
  if (report.failure) {
    failure = Value::map({{"seq", number(report.failure->seq)},
                          {"label", report.failure->label},
                          {"message", report.failure->sentence},
                          {"sound", number(report.failure->sound)}});
  }
  ValueList keys;
  for (const std::string& key : report.signing_keys) keys.emplace_back(key);
  return Value::map({{"whole", !report.failure},
                     {"entries", number(report.entries)},
                     {"runs", number(report.runs)},
                     {"tip", head_text(report.tip)},
                     {"signatures", number(report.signatures)},
                     {"signing_keys", Value(std::move(keys))},
                     {"entries_since_signature", number(report.entries_since_signature)},
                     {"macs_checked", report.macs_checked},
                     {"failure", std::move(failure)}});
}

Result<VerifyReport> read_verify_document(const Value& document) {
  const std::optional<Tip> tip = parse_head(document["tip"].string_or(""));
  if (!tip || !document["whole"].is_bool())
    return make_error(ErrorCode::internal, "that is no report on a journal");
  VerifyReport report{.entries = count_in(document, "entries"),
                      .runs = count_in(document, "runs"),
                      .tip = *tip,
                      .signatures = count_in(document, "signatures"),
                      .entries_since_signature = count_in(document, "entries_since_signature"),
                      .macs_checked = document["macs_checked"].bool_or(false)};
  for (const Value& key : document["signing_keys"].list_or_empty())
    report.signing_keys.insert(key.string_or(""));
  if (const Value& failure = document["failure"]; failure.is_map()) {
    report.failure = VerifyFailure{.seq = count_in(failure, "seq"),
                                   .label = failure["label"].string_or(""),
                                   .sentence = failure["message"].string_or(""),
                                   .sound = count_in(failure, "sound")};
  }
  return report;
}

}  // namespace quell
