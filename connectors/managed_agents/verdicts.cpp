#include "connectors/managed_agents/verdicts.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "connectors/managed_agents/records.h"

namespace quell::managed_agents {
namespace {

/// Ids that one sentence names; the outputs hold them all.
constexpr std::size_t kNamedMax = 5;

}  // namespace

Outcome judged(Verdict verdict, Grade grade, std::string proof, Value outputs) {
  Judgement judgement;
  judgement.verdict = verdict;
  judgement.grade = grade;
  judgement.proof = std::move(proof);
  Outcome out;
  out.outputs = std::move(outputs);
  out.judgement = std::move(judgement);
  return out;
}

Outcome unproved(std::string why, Value outputs) {
  Outcome out = judged(Verdict::unproved, Grade::none, why, std::move(outputs));
  out.judgement->residual = Residual{.reason = std::move(why)};
  return out;
}

Outcome refuted(std::string why, Value outputs) {
  Outcome out = judged(Verdict::refuted, Grade::strong, why, std::move(outputs));
  out.judgement->residual = Residual{.reason = std::move(why)};
  return out;
}

std::string named(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kNamedMax); ++i) {
    text += (i == 0 ? "" : ", ") + outside_text(names[i]);
  }
  if (names.size() > kNamedMax) text += fmt::format(" and {} more", names.size() - kNamedMax);
  return text;
}

Value not_found(const std::string& id) {
  return Value::map({{"id", id}, {"found", false}, {"status", Value{}}, {"archived_at", Value{}}});
}

Value seen(const std::string& id, const std::string& status,
           const std::optional<Timestamp>& archived_at) {
  return Value::map({{"id", id},
                     {"found", true},
                     {"status", status},
                     {"archived_at", time_or_null(archived_at)}});
}

}  // namespace quell::managed_agents
