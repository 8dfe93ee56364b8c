// Changes of one object by one request: archive, pause, unpause (API sheet 1 and 2.1). Whether a
// second archive is accepted is not documented, so every change reads first.
#include <utility>

#include <fmt/format.h>

#include "connectors/managed_agents/calls.h"
#include "connectors/managed_agents/records.h"

namespace quell::managed_agents {
namespace {

Outcome finished(OutcomeKind kind, Reading reading) {
  Outcome out;
  out.kind = kind;
  out.outputs = std::move(reading.outputs);
  return out;
}

Reading archive_reading(const std::string& id, const std::optional<Timestamp>& archived_at) {
  Reading reading;
  reading.applied = archived_at.has_value();
  reading.outputs = Value::map({{"id", id}, {"archived_at", time_or_null(archived_at)}});
  return reading;
}

Reading deployment_reading(const Deployment& deployment) {
  Reading reading;
  reading.outputs = Value::map({{"id", deployment.id},
                                {"status", deployment.status},
                                {"archived_at", time_or_null(deployment.archived_at)}});
  return reading;
}

}  // namespace

Error conflict(std::string message, std::string hint) {
  return make_error(ErrorCode::conflict, "conflict", std::move(message), std::move(hint));
}

ActionTask fails(Error error) { co_return error; }

bool is_final(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::denied:
    case ErrorCode::throttled:
    case ErrorCode::transient:
    case ErrorCode::unknown:
    case ErrorCode::unavailable_here:
    case ErrorCode::corrupt:
    case ErrorCode::internal:
      return true;
    case ErrorCode::invalid:
    case ErrorCode::gone:
    case ErrorCode::conflict:
      return false;
  }
  return true;
}

Error settle_refusal(const Api& api, const Error& refused, int status, const Change& change,
                     const Reading& now) {
  if (refused.code == ErrorCode::gone) {
    return make_error(ErrorCode::unavailable_here, "unavailable_here",
                      fmt::format("{} is there, but {} does not offer to {} it ({}): the {} plane "
                                  "stays as it is.",
                                  change.subject.words(), api.host(), change.verb, status,
                                  plane_words(change.subject.path)),
                      api.compare_base_url() + "; do by hand what is left");
  }
  if (!now.obstacle.empty()) return conflict(now.obstacle, {});
  std::string message = fmt::format("{} refused to {} {} ({}).", api.host(), change.verb,
                                    change.subject.words(), status);
  if (refused.code == ErrorCode::conflict) {
    return conflict(std::move(message), "its state was read back and does not say why");
  }
  return make_error(ErrorCode::invalid, "invalid", std::move(message),
                    "nothing was changed; compare api_version and headers with the server's");
}

std::vector<std::string> names_of(const Value& object) {
  std::vector<std::string> names;
  const auto add = [&names](const Value& map) {
    if (!map.is_map()) return;
    for (const auto& [key, member] : map.as_map()) {
      if (member.is_string()) names.push_back(member.as_string());
    }
  };
  add(object);
  add(object["auth"]);
  add(object["auth"]["refresh"]);
  return names;
}

ActionTask apply_change(Io& io, Api api, Change change, Intent intent) {
  Value before = change.known;
  if (before.is_null() || intent == Intent::look) {
    Subject subject = change.subject;
    const Result<Value> read = co_await fetch(io, api, std::move(subject));
    if (!read) co_return read.error();
    Result<Reading> found = change.read(*read);
    if (!found) co_return found.error();
    if (found->applied) co_return finished(OutcomeKind::already, std::move(*found));
    if (intent == Intent::look) {
      co_return conflict(
          fmt::format("the {} of {} was not applied.", change.verb, change.subject.words()), {});
    }
    if (!found->obstacle.empty()) co_return conflict(found->obstacle, {});
    before = *read;
  }

  HttpRequest request =
      change.body.empty() ? api.post(change.path) : api.post_json(change.path, change.body);
  request.touches = names_of(before);
  const Result<HttpResponse> answer = co_await io.send(std::move(request));
  if (!answer) co_return api.unanswered(answer.error());
  const bool accepted = answer->status >= 200 && answer->status <= 299;
  Error refused;
  if (!accepted) {
    refused = refusal(api, *answer, Effect::mutate, change.subject, NotFound::object, io.now());
    if (is_final(refused.code)) co_return refused;
  }
  if (accepted) {
    // The answer may show the change: then the system has said what there is to say, and the step's
    // probe reads it back.
    const Result<Value> told = read_object(api, answer, change.subject, io.now());
    if (told && (*told)["id"].string_or("") == change.subject.id) {
      Result<Reading> shown = change.read(*told);
      if (shown && shown->applied) co_return finished(OutcomeKind::done, std::move(*shown));
    }
  }

  Subject again = change.subject;
  const Result<Value> after = co_await fetch(io, api, std::move(again));
  if (!after) {
    if (!accepted) co_return refused.code == ErrorCode::gone ? after.error() : refused;
    co_return wrap_unknown(fmt::format("the {} of {} was accepted, but it could not be read back",
                                       change.verb, change.subject.words()),
                           after.error());
  }
  Result<Reading> left = change.read(*after);
  if (!left) {
    if (!accepted) co_return left.error();
    co_return wrap_unknown(fmt::format("the {} of {} was accepted, but reads back broken",
                                       change.verb, change.subject.words()),
                           left.error());
  }
  if (left->applied) {
    // Refused and yet so: somebody else was faster.
    co_return finished(accepted ? OutcomeKind::done : OutcomeKind::already, std::move(*left));
  }
  if (!accepted) co_return settle_refusal(api, refused, answer->status, change, *left);
  co_return make_error(ErrorCode::unknown, "unknown",
                       fmt::format("{} answered {} to the {} of {}, which reads back unchanged.",
                                   api.host(), answer->status, change.verb, change.subject.words()),
                       "it is looked at again");
}

ActionTask archive_credential(Io& io, Api api, Value params, Intent intent, Value known) {
  const Result<std::string> vault_id = id_param(params, "vault_id");
  if (!vault_id) return fails(vault_id.error());
  const Result<std::string> credential_id = id_param(params, "credential_id");
  if (!credential_id) return fails(credential_id.error());
  Change change;
  change.subject = credential_subject(*vault_id, *credential_id);
  change.verb = "archive";
  change.path = change.subject.path + "/archive";
  change.read = [vault = *vault_id](const Value& object) -> Result<Reading> {
    const Result<Credential> credential = Credential::read(object, vault);
    if (!credential) return credential.error();
    return archive_reading(credential->id, credential->archived_at);
  };
  const bool was_active = known["id"].string_or("") == *credential_id &&
                          known["vault_id"].string_or("") == *vault_id &&
                          known.has("archived_at") && known["archived_at"].is_null();
  if (was_active) change.known = std::move(known);
  return apply_change(io, api, std::move(change), intent);
}

ActionTask archive_vault(Io& io, Api api, Value params, Intent intent) {
  const Result<std::string> vault_id = id_param(params, "vault_id");
  if (!vault_id) return fails(vault_id.error());
  Change change;
  change.subject = vault_subject(*vault_id);
  change.verb = "archive";
  change.path = change.subject.path + "/archive";
  change.read = [](const Value& object) -> Result<Reading> {
    const Result<Vault> vault = Vault::read(object);
    if (!vault) return vault.error();
    return archive_reading(vault->id, vault->archived_at);
  };
  return apply_change(io, api, std::move(change), intent);
}

namespace {

/// What the three changes of a deployment share.
ActionTask change_deployment(Io& io, Api api, const Value& params, Intent intent, std::string verb,
                             const std::function<void(const Deployment&, Reading&)>& judge) {
  const Result<std::string> deployment_id = id_param(params, "deployment_id");
  if (!deployment_id) return fails(deployment_id.error());
  Change change;
  change.subject = deployment_subject(*deployment_id);
  change.path = change.subject.path + "/" + verb;
  change.verb = std::move(verb);
  change.read = [judge](const Value& object) -> Result<Reading> {
    const Result<Deployment> deployment = Deployment::read(object);
    if (!deployment) return deployment.error();
    Reading reading = deployment_reading(*deployment);
    judge(*deployment, reading);
    return reading;
  };
  return apply_change(io, api, std::move(change), intent);
}

}  // namespace

ActionTask pause_deployment(Io& io, Api api, Value params, Intent intent) {
  return change_deployment(io, api, params, intent, "pause",
                           [](const Deployment& deployment, Reading& reading) {
                             reading.applied = deployment.is_off();
                           });
}

ActionTask unpause_deployment(Io& io, Api api, Value params, Intent intent) {
  return change_deployment(
      io, api, params, intent, "unpause", [](const Deployment& deployment, Reading& reading) {
        reading.applied = !deployment.is_off();
        if (deployment.archived_at) {
          reading.obstacle = fmt::format("{} is archived, and no archive can be lifted.",
                                         outside_text(deployment.id));
        }
      });
}

ActionTask archive_deployment(Io& io, Api api, Value params, Intent intent) {
  return change_deployment(io, api, params, intent, "archive",
                           [](const Deployment& deployment, Reading& reading) {
                             reading.applied = deployment.archived_at.has_value();
                           });
}

}  // namespace quell::managed_agents
