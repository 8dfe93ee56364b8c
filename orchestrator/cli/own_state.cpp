#include "orchestrator/cli/own_state.h"

#include <utility>

#include "orchestrator/people.h"

namespace quell::cli {

Result<Policy> policy_in_force(Session& session) {
  const Config& config = *session.config();
  Policy policy = config.policy;
  if (Status added =
          add_people_beside(policy, config.database.value, session.clock(), session.random());
      !added) {
    return added.error();
  }
  return policy;
}

Result<OwnedState> own_state(Session& session,
                             std::function<void(const RunState&, const Entry&)> on_entry,
                             MoreRoutes more_routes) {
  const Config& config = *session.config();
  OwnedState state;
  Result<std::unique_ptr<HttpTransport>> transport = session.make_transport(session.clock());
  if (!transport) return transport.error();
  state.transport = std::move(*transport);
  Result<Policy> policy = policy_in_force(session);
  if (!policy) return policy.error();
  state.policy = std::make_unique<Policy>(*std::move(policy));
  Result<std::unique_ptr<Owner>> owner =
      Owner::open({.database = config.database.value,
                   .keys = session.key_paths(),
                   .clock = session.clock(),
                   .random = session.random(),
                   .transport = *state.transport,
                   .make_connectors =
                       [&](const std::function<std::string(const Secret&)>& by_key) {
                         state.fingerprint = session.guarded(by_key);
                         return make_connectors(
                             config, session.sources(), session.random(),
                             [](const std::string&) { return true; }, state.fingerprint);
                       },
                   .on_entry = std::move(on_entry),
                   .on_request = session.request_log(),
                   .policy = state.policy.get(),
                   .tell = [&session](const std::string& sentence) { session.warn(sentence); },
                   .limits = origin_limits(config),
                   .evidence = config.evidence,
                   .make_transport = [&session] { return session.make_transport(session.clock()); },
                   .more_routes = std::move(more_routes),
                   .sibling_database = drills_database(config.database.value)});
  if (!owner) return owner.error();
  state.owner = std::move(*owner);
  return state;
}

}  // namespace quell::cli
