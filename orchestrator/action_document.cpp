#include "orchestrator/action_document.h"

#include <utility>

namespace quell {
namespace {

template <typename List>
Value words_of(const List& list) {
  ValueList words;
  for (const auto& word : list) words.emplace_back(to_string(word));
  return Value(std::move(words));
}

Value texts_of(const std::vector<std::string>& texts) {
  return Value(ValueList(texts.begin(), texts.end()));
}

Value profile_value(const IssuerProfile& profile) {
  ValueList calls;
  for (const VendorCall& call : profile.calls) {
    calls.push_back(Value::map(
        {{"id", call.id},
         {"title", call.title},
         {"reach", to_string(call.reach)},
         {"takes", to_string(call.takes)},
         {"auth", to_string(call.auth)},
         {"kills", words_of(call.kills)},
         {"spares", call.spares},
         {"breaks", call.breaks},
         {"settles_within", call.settles ? Value(*call.settles) : Value{}},
         {"needs", texts_of(call.needs)},
         {"traps", texts_of(call.traps)},
         {"unsure", texts_of(call.unsure)},
         {"rests_on", to_string(call.certainty.value_or(profile.certainty))}}));
  }
  return Value::map({{"id", profile.id},
                     {"title", profile.title},
                     {"rests_on", to_string(profile.certainty)},
                     {"source", profile.source},
                     {"rfc7009", profile.rfc7009},
                     {"calls", Value(std::move(calls))},
                     {"spares", profile.spares},
                     {"traps", texts_of(profile.traps)},
                     {"unsure", texts_of(profile.unsure)},
                     {"human", Value::map({{"page", profile.human_page},
                                           {"do", profile.human_do}})}});
}

}  // namespace

Value action_document(const std::string& connection, const std::string& kind,
                   const ActionSpec& spec) {
  ValueList inputs;
  for (const ParamSpec& input : spec.inputs) {
    inputs.push_back(Value::map({{"name", input.name},
                                 {"type", to_string(input.type)},
                                 {"required", input.required},
                                 {"help", input.help}}));
  }
  ValueList outputs;
  if (spec.outputs.fields) {
    for (const Field& field : *spec.outputs.fields)
      outputs.push_back(Value::map({{"name", field.name}, {"type", to_string(field.type)}}));
  }
  ValueList proofs;
  for (const std::string& proof : spec.proofs) proofs.emplace_back(connection + "." + proof);
  return Value::map({{"name", connection + "." + spec.name},
                     {"connection", connection},
                     {"kind", kind},
                     {"summary", spec.summary},
                     {"note", spec.note},
                     {"effect", to_string(spec.effect)},
                     {"irreversible", spec.irreversible},
                     {"repeat", to_string(spec.repeat)},
                     {"retries", spec.retry.max},
                     {"timeout", format_duration(spec.timeout)},
                     {"probe", spec.is_probe},
                     {"wide", spec.wide},
                     {"follows_urls", spec.follows_urls},
                     {"keeps_evidence", spec.keeps_evidence},
                     {"can_look", spec.can_look},
                     {"planes", words_of(spec.planes)},
                     {"kills", words_of(spec.kills)},
                     {"proves", words_of(spec.proves)},
                     {"inputs", Value(std::move(inputs))},
                     {"outputs", Value(std::move(outputs))},
                     {"errors", words_of(spec.errors)},
                     {"proofs", Value(std::move(proofs))},
                     {"requests", Value::map({{"read", spec.cost.read},
                                              {"probe", spec.cost.probe},
                                              {"mutate", spec.cost.mutate}})}});
}

Value actions_document(const ConnectorSet& connectors, const IssuerProfiles& profiles) {
  ValueList actions;
  for (const auto& [connection, connector] : connectors) {
    const std::string kind = connector->pins()["kind"].string_or("");
    for (const ActionSpec& spec : connector->actions())
      actions.push_back(action_document(connection, kind, spec));
  }
  ValueList listed;
  for (const IssuerProfile& profile : profiles) listed.push_back(profile_value(profile));
  return Value::map(
      {{"actions", Value(std::move(actions))}, {"profiles", Value(std::move(listed))}});
}

}  // namespace quell
