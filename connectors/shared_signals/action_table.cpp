// What connections of kind `shared_signals` can do; the names are promised to playbooks.
#include <array>
#include <string>
#include <utility>

#include "connectors/shared_signals/shared_signals_connector.h"

namespace quell {
namespace {

using Kind = Type::Kind;

Field field(std::string name, Kind kind) {
  return Field{.name = std::move(name), .type = Type::of(kind)};
}

ParamSpec required(std::string name, std::string help) {
  return ParamSpec{.name = std::move(name),
                   .type = Type::of(Kind::string),
                   .required = true,
                   .help = std::move(help)};
}

ActionSpec emission(std::string name, std::string summary) {
  ActionSpec spec;
  spec.name = std::move(name);
  spec.summary = std::move(summary);
  spec.effect = Effect::mutate;
  spec.planes = {Plane::issuer};
  spec.inputs = {required("subject", "whom it is about, in the connection's `subject_format`"),
                 required("incident", "what the event belongs to, as a rule ${run.id}; one event "
                                      "of a kind for each subject and incident")};
  spec.outputs = Type::object(
      {field("event", Kind::string),
       Field{.name = "receivers",
             .type = Type::list_of(Type::object(
                 {field("audience", Kind::string), field("jti", Kind::string),
                  Field{.name = "http_status", .type = Type::of(Kind::integer).or_null()}}))}});
  spec.errors = {ErrorCode::invalid,   ErrorCode::denied,  ErrorCode::throttled,
                 ErrorCode::transient, ErrorCode::unknown, ErrorCode::unavailable_here};
  spec.timeout = Duration{10'000};
  spec.repeat = Repeat::safe;
  spec.irreversible = true;
  spec.wide = true;
  spec.requests = {{.method = "POST", .url = "{metadata:receiver}", .effect = Effect::mutate}};
  spec.cost = {.mutate = 1};
  spec.note =
      "tells every receiver of the connection; a repetition has the same `jti`, by which receivers "
      "know it again; what they do then is theirs, and proves nothing here";
  return spec;
}

ActionSpec emit_session_revoked() {
  return emission("emit_session_revoked",
                  "tell the receivers that the subject's sessions were revoked (CAEP)");
}

ActionSpec emit_credential_compromise() {
  ActionSpec spec = emission("emit_credential_compromise",
                             "tell the receivers that a credential was compromised (RISC)");
  spec.inputs.push_back(ParamSpec{.name = "credential_type",
                                  .type = Type::of(Kind::string).or_null(),
                                  .required = false,
                                  .help = "as CAEP names it; else app"});
  return spec;
}

}  // namespace

std::span<const ActionSpec> shared_signals_actions() {
  static const std::array<ActionSpec, 2> actions{emit_session_revoked(),
                                                 emit_credential_compromise()};
  return actions;
}

}  // namespace quell
