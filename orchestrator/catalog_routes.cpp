#include "orchestrator/catalog_routes.h"

#include <utility>

#include "orchestrator/action_document.h"
#include "orchestrator/alert_setup.h"
#include "orchestrator/api/problem.h"
#include "orchestrator/issuer_profiles.h"
#include "orchestrator/playbook_document.h"

namespace quell {
namespace {

HttpReply reply_of(const Result<Value>& document) {
  if (document) return json_reply(200, *document);
  const Error& error = document.error();
  return error.code == ErrorCode::gone ? problem_reply(404, error) : problem_reply(error);
}

Result<Value> actions_of(const Config& config, const ConnectorSet& connectors) {
  const Result<std::shared_ptr<const IssuerProfiles>> profiles =
      load_issuer_profiles(config.issuer_profile_dirs);
  if (!profiles) return profiles.error();
  return actions_document(connectors, **profiles);
}

}  // namespace

std::vector<ApiRoute> catalog_routes(const Config& config, const ConnectorSet& connectors) {
  return {{.method = "GET",
           .path = "/api/v1/playbooks",
           .operation = "listPlaybooks",
           .summary = "Playbooks that a run can be started of",
           .answer = "Id, title, purpose and SHA-256 of each; `ok` false with `fault` for one that "
                     "does not load",
           .handle =
               [&config, &connectors](const ApiCall&) {
                 return reply_of(playbooks_document(config, connectors));
               }},
          {.method = "GET",
           .path = "/api/v1/playbooks/{playbook}",
           .operation = "getPlaybook",
           .summary = "One playbook: inputs, steps, source",
           .answer = "As in the list, and `inputs`, `steps`, `finally`, `source`, `called` "
                     "(sources of those that it calls, by id)",
           .handle =
               [&config, &connectors](const ApiCall& call) {
                 return reply_of(playbook_document(call.path_or("playbook"), config, connectors));
               }},
          {.method = "GET",
           .path = "/api/v1/actions",
           .operation = "listActions",
           .summary = "What the connections can do, and the issuer profiles with their grades",
           .answer = "`actions` and `profiles`, as quell actions --json gives them",
           .handle =
               [&config, &connectors](const ApiCall&) {
                 return reply_of(actions_of(config, connectors));
               }},
          {.method = "GET",
           .path = "/api/v1/hooks/routes",
           .operation = "listHookRoutes",
           .summary = "Each route of alerts: what it may do, and the digest that arms it",
           .answer = "The document of quell hook routes --json",
           .handle = [&config, &connectors](const ApiCall&) {
             return reply_of(hook_routes_document(config, connectors));
           }}};
}

}  // namespace quell
