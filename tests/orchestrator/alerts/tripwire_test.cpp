// What the platform tells of by webhook makes a watch look, and is believed no further.
#include "orchestrator/alerts/tripwire.h"

#include <doctest/doctest.h>

namespace quell::test {
namespace {

ReceivedAlert event(const std::string& type, const std::string& id, const std::string& vault) {
  return {.body = Value::map(
              {{"type", "event"},
               {"data", Value::map({{"type", type}, {"id", id}, {"vault_id", vault}})}})};
}

}  // namespace

TEST_CASE("a tripwire is what could mean that the way in is open again") {
  CHECK(tripwire_of(event("vault_credential.created", "vcrd_2", "vlt_1"))->names_credential);
  CHECK(tripwire_of(event("vault_credential.refresh_failed", "vcrd_1", "vlt_1"))->id == "vcrd_1");
  CHECK_FALSE(tripwire_of(event("session.created", "sesn_1", ""))->names_credential);
  CHECK_FALSE(tripwire_of(event("vault_credential.archived", "vcrd_1", "vlt_1")));
  CHECK_FALSE(tripwire_of(event("agent.updated", "agent_1", "")));
  CHECK_FALSE(tripwire_of(ReceivedAlert{.body = Value("text")}));
  CHECK_FALSE(tripwire_of(ReceivedAlert{.body = Value::map({{"data", "text"}})}));
}

TEST_CASE("it concerns the runs that know its vault or its credential") {
  RunState run;
  run.inputs = Value::map({{"credential_id", "vcrd_1"}});
  run.steps_value = Value::map(
      {{"radius", Value::map({{"vault_ids", Value(ValueList{Value("vlt_1"), Value("vlt_2")})}})}});
  CHECK(concerns(*tripwire_of(event("vault_credential.created", "vcrd_9", "vlt_2")), run));
  CHECK(concerns(*tripwire_of(event("vault_credential.refresh_failed", "vcrd_1", "vlt_9")), run));
  CHECK_FALSE(concerns(*tripwire_of(event("vault_credential.created", "vcrd_9", "vlt_9")), run));
  CHECK_FALSE(concerns(*tripwire_of(event("vault_credential.created", "", "")), run));
  // The event of a session names no vault: whether it is in scope, the look tells.
  CHECK(concerns(*tripwire_of(event("session.created", "sesn_1", "")), run));
}

}  // namespace quell::test
