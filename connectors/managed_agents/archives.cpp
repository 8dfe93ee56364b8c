// Archiving many credentials of one vault (API sheet 1.2, 2.1): one list before, and where the
// caller allows it one archive of the vault in place of one for each. What a vault archive answers
// when it is repeated, and what its list shows afterwards, is not documented (sheet 8), so the list
// has the last word and whatever is left is archived one by one.
#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "connectors/managed_agents/calls.h"
#include "connectors/managed_agents/inventory.h"
#include "connectors/managed_agents/records.h"

namespace quell::managed_agents {
namespace {

/// Fewer cost no more one by one, and leave the vault alone.
constexpr std::size_t kWholeVaultMin = 2;

struct Work {
  std::string vault_id{};
  std::vector<Credential> active{};     // of those that were named, as listed before the change
  std::vector<std::string> already{};   // archived before
  std::vector<std::string> archived{};  // by this attempt, as far as answers or lists showed it
  std::vector<std::string> vanished{};  // 404 when they were read back
  bool by_vault = false;
  bool accepted = false;           // at least one request
  std::optional<Error> refused{};  // the first refusal that the record must explain
  std::optional<Subject> refused_at{};
  int refused_status = 0;
};

bool is_accepted(const HttpResponse& answer) {
  return answer.status >= 200 && answer.status <= 299;
}

ValueList texts(const std::vector<std::string>& ids) {
  ValueList list;
  for (const std::string& id : ids) list.emplace_back(id);
  return list;
}

Outcome finished(const Work& work) {
  Outcome out;
  out.kind = work.accepted ? OutcomeKind::done : OutcomeKind::already;
  Value by;
  if (work.accepted) by = work.by_vault ? "vault" : "credential";
  out.outputs = Value::map({{"vault_id", work.vault_id},
                            {"archived", Value(texts(work.archived))},
                            {"already", Value(texts(work.already))},
                            {"by", std::move(by)}});
  return out;
}

/// A refusal of the whole vault that may still let each credential be archived: another permission
/// (API sheet 5), a call that this server lacks, a state that nobody documents.
bool leaves_the_single_way(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid:
    case ErrorCode::denied:
    case ErrorCode::gone:
    case ErrorCode::conflict:
    case ErrorCode::unavailable_here:
      return true;
    case ErrorCode::throttled:
    case ErrorCode::transient:
    case ErrorCode::unknown:
    case ErrorCode::corrupt:
    case ErrorCode::internal:
      return false;
  }
  return false;
}

/// One archive for the whole vault. An error is one that the single way would meet too, or doubt.
Task<Status> archive_whole(Io& io, Api api, Work& work) {
  const Subject vault = vault_subject(work.vault_id);
  HttpRequest request = api.post(vault.path + "/archive");
  for (const Credential& credential : work.active) {
    std::vector<std::string> names = names_of(credential.to_value());
    std::move(names.begin(), names.end(), std::back_inserter(request.touches));
  }
  const Result<HttpResponse> answer = co_await io.send(std::move(request));
  if (!answer) co_return api.unanswered(answer.error());
  if (is_accepted(*answer)) {
    work.accepted = true;
    work.by_vault = true;
    co_return ok();
  }
  const Error refused = refusal(api, *answer, Effect::mutate, vault, NotFound::object, io.now());
  if (leaves_the_single_way(refused.code)) co_return ok();
  co_return refused;
}

/// One archive for each of `credentials`, one after the other. What an answer shows counts as
/// archived; a refusal that the record must explain does not stop the others.
Task<Status> archive_each(Io& io, Api api, std::vector<Credential> credentials, Work& work) {
  for (const Credential& credential : credentials) {
    const Subject subject = credential_subject(work.vault_id, credential.id);
    HttpRequest request = api.post(subject.path + "/archive");
    request.touches = names_of(credential.to_value());
    const Result<HttpResponse> answer = co_await io.send(std::move(request));
    if (!answer) co_return api.unanswered(answer.error());
    if (!is_accepted(*answer)) {
      Error refused = refusal(api, *answer, Effect::mutate, subject, NotFound::object, io.now());
      if (is_final(refused.code)) co_return refused;
      if (work.refused) continue;
      work.refused = std::move(refused);
      work.refused_at = subject;
      work.refused_status = answer->status;
      continue;
    }
    work.accepted = true;
    const Result<Value> told = read_object(api, answer, subject, io.now());
    if (!told) continue;
    const Result<Credential> shown = Credential::read(*told, work.vault_id);
    if (!shown || shown->id != credential.id || !shown->archived_at) continue;
    work.archived.push_back(credential.id);
  }
  co_return ok();
}

/// Those that no answer and no list showed archived yet.
std::vector<Credential> left_of(const Work& work) {
  std::vector<Credential> left;
  for (const Credential& credential : work.active) {
    if (std::ranges::find(work.archived, credential.id) == work.archived.end()) {
      left.push_back(credential);
    }
  }
  return left;
}

/// Reads the list back and takes from it what is archived.
Task<Status> read_back(Io& io, Api api, Work& work) {
  std::vector<std::string> ids;
  for (const Credential& credential : left_of(work)) ids.push_back(credential.id);
  if (ids.empty()) co_return ok();
  std::string vault_id = work.vault_id;
  const Result<VaultStanding> after =
      co_await read_standing(io, api, std::move(vault_id), std::move(ids));
  if (!after) {
    if (!work.accepted) co_return after.error();
    co_return wrap_unknown(fmt::format("the archive of {} credentials of {} was accepted, but it "
                                       "could not be read back",
                                       work.active.size(), outside_text(work.vault_id)),
                           after.error());
  }
  for (const Credential& credential : after->named) {
    if (credential.archived_at) work.archived.push_back(credential.id);
  }
  work.vanished = after->missing;
  std::ranges::sort(work.archived);
  co_return ok();
}

/// What it comes to that `left` did not read archived at the end.
Error unarchived(const Api& api, const Work& work, const std::vector<Credential>& left) {
  if (work.refused) {
    const bool is_gone =
        work.refused->code == ErrorCode::gone &&
        std::ranges::find(work.vanished, work.refused_at->id) != work.vanished.end();
    if (is_gone) return *work.refused;
    Change change;
    change.subject = *work.refused_at;
    change.verb = "archive";
    return settle_refusal(api, *work.refused, work.refused_status, change, Reading{});
  }
  return make_error(
      ErrorCode::unknown, "unknown",
      fmt::format("{} accepted the archive, but {} of {} credentials of {} do not read archived.",
                  api.host(), left.size(), work.active.size(), outside_text(work.vault_id)),
      "it is looked at again");
}

}  // namespace

ActionTask archive_credentials(Io& io, Api api, Value params, Intent intent) {
  const Result<std::string> vault_id = id_param(params, "vault_id");
  if (!vault_id) co_return vault_id.error();
  const Result<std::vector<std::string>> ids = some_ids_param(params, "credential_ids");
  if (!ids) co_return ids.error();
  Work work;
  work.vault_id = *vault_id;
  std::string holder = *vault_id;
  std::vector<std::string> named = *ids;
  const Result<VaultStanding> before =
      co_await read_standing(io, api, std::move(holder), std::move(named));
  if (!before) co_return before.error();
  for (const Credential& credential : before->named) {
    if (credential.archived_at) {
      work.already.push_back(credential.id);
    } else {
      work.active.push_back(credential);
    }
  }
  if (intent == Intent::look && !work.active.empty()) {
    co_return make_error(ErrorCode::conflict, "conflict",
                         fmt::format("{} of {} credentials of {} are active.", work.active.size(),
                                     ids->size(), outside_text(work.vault_id)),
                         {});
  }

  const bool whole = params["whole_vault"].bool_or(false) && before->is_complete &&
                     !before->others_active && work.active.size() >= kWholeVaultMin;
  if (whole) {
    const Status sent = co_await archive_whole(io, api, work);
    if (!sent) co_return sent.error();
    if (work.accepted) {
      const Status seen = co_await read_back(io, api, work);
      if (!seen) co_return seen.error();
    }
  }
  std::vector<Credential> left = left_of(work);
  if (!left.empty()) {
    const Status sent = co_await archive_each(io, api, std::move(left), work);
    if (!sent) co_return sent.error();
    const Status seen = co_await read_back(io, api, work);
    if (!seen) co_return seen.error();
    left = left_of(work);
    if (!left.empty()) co_return unarchived(api, work, left);
  }
  if (!before->missing.empty()) {
    co_return make_error(
        ErrorCode::gone, "gone",
        fmt::format("{} has no credential {} (404); what else was named is archived.",
                    outside_text(work.vault_id), outside_text(before->missing.front())),
        "compare both ids, and whether the key belongs to their workspace");
  }
  co_return finished(work);
}

}  // namespace quell::managed_agents
