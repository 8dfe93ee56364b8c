#include "orchestrator/radius_routes.h"

#include <utility>

#include "orchestrator/api/problem.h"
#include "orchestrator/radius_scan.h"

namespace quell {
namespace {

Value document_of(const PlanDesk::Entry& entry) {
  const bool is_busy = entry.state == PlanDesk::State::computing;
  ValueMap document{
      {"id", entry.id}, {"state", is_busy ? "computing" : entry.error ? "failed" : "ready"}};
  if (entry.error) {
    document["error"] = Value::map({{"detail", describe(*entry.error)},
                                    {"type", entry.error->topic},
                                    {"hint", entry.error->hint}});
  }
  if (entry.rehearsal)
    document["radius"] = radius_document(radius_of(*entry.rehearsal), *entry.rehearsal);
  return Value(std::move(document));
}

std::vector<std::string> texts_of(const Value& list) {
  std::vector<std::string> texts;
  if (!list.is_list()) return texts;
  for (const Value& item : list.as_list()) texts.emplace_back(item.string_or(""));
  return texts;
}

}  // namespace

Result<StartCommand> radius_wish(const ConnectorSet& connectors, std::string_view connection,
                                 std::map<std::string, std::string> texts, const Actor& actor) {
  const Result<std::string> asked = radius_connection(connectors, connection);
  if (!asked) return asked.error();
  return StartCommand{.playbook_source = radius_playbook(*asked).source,
                      .playbook_id = std::string(kRadiusId),
                      .texts = std::move(texts),
                      .dry_run = true,
                      .send_probes = false,
                      .who = actor.who,
                      .from = actor.from};
}

std::vector<ApiRoute> radius_routes(PlanDesk& desk, const ConnectorSet& connectors,
                                    const Clock& clock) {
  std::vector<ApiRoute> routes;
  routes.push_back(
      {.method = "POST",
       .path = "/api/v1/radius",
       .operation = "askRadius",
       .summary = "Find out what can be reached from credentials, vaults, sessions, stores, agents "
                  "or an MCP server; reads only",
       .right = Right::act,
       .body = {{.name = "start",
                 .about = "Ids and at most one URL; of other prefixes credential=ID, vault=ID, ...",
                 .kind = ApiField::Kind::list,
                 .required = true},
                {.name = "since", .about = "RFC 3339, or a duration ago"},
                {.name = "connection", .about = "Of several platforms the one to ask"}},
       .answer = "The id under which the answer will be there",
       .handle = [&desk, &connectors, &clock](const ApiCall& call) {
         Result<std::map<std::string, std::string>> texts = radius_texts(
             texts_of(call.body["start"]), call.body["since"].string_or(""), clock.now());
         if (!texts) return problem_reply(texts.error());
         Result<StartCommand> wish =
             radius_wish(connectors, call.body["connection"].string_or(""), *std::move(texts),
                         call.actor);
         if (!wish) return problem_reply(wish.error());
         const Result<std::string> id = desk.ask(*std::move(wish));
         return id ? json_reply(200, Value::map({{"id", *id}})) : problem_reply(id.error());
       }});
  routes.push_back(
      {.method = "GET",
       .path = "/api/v1/radius/{radius}",
       .operation = "getRadius",
       .summary = "A blast radius that you asked for; kept for half an hour",
       .right = Right::act,
       .answer = "`state` computing, failed with `error`, or ready with `radius`, the document of "
                 "quell radius --json",
       .handle = [&desk](const ApiCall& call) {
         const auto entry = desk.find(call.path_or("radius"), call.actor.who);
         if (!entry || entry->wish.playbook_id != kRadiusId) {
           return problem_reply(make_error(ErrorCode::gone, "plan", "there is no such answer.",
                                           "answers are kept for half an hour: ask again"));
         }
         return json_reply(200, document_of(*entry));
       }});
  return routes;
}

}  // namespace quell
