#include "connectors/managed_agents/action_rows.h"

#include <utility>

namespace quell::managed_agents {

ParamSpec required(std::string name, Type type, std::string help) {
  return ParamSpec{
      .name = std::move(name), .type = std::move(type), .required = true, .help = std::move(help)};
}

ParamSpec optional(std::string name, const Type& type, std::string help) {
  return ParamSpec{
      .name = std::move(name), .type = type.or_null(), .required = false, .help = std::move(help)};
}

Field field(std::string name, Kind kind) {
  return Field{.name = std::move(name), .type = Type::of(kind)};
}
Field nullable(std::string name, Kind kind) {
  return Field{.name = std::move(name), .type = Type::of(kind).or_null()};
}
Field list_field(std::string name, Type element) {
  return Field{.name = std::move(name), .type = Type::list_of(std::move(element))};
}
Type texts() { return Type::list_of(Type::of(Kind::string)); }

ParamSpec session_id() { return required("session_id", Type::of(Kind::string), "sesn_..."); }

Type archived_object() {
  return Type::object({field("id", Kind::string), nullable("archived_at", Kind::timestamp)});
}

Type found_object() {
  return Type::object({field("id", Kind::string), field("found", Kind::boolean),
                       nullable("status", Kind::string), nullable("archived_at", Kind::timestamp)});
}

Type memory_version_object() {
  return Type::object({field("id", Kind::string), field("memory_id", Kind::string),
                       field("memory_store_id", Kind::string), field("operation", Kind::string),
                       nullable("author_kind", Kind::string), nullable("author_id", Kind::string),
                       nullable("created_at", Kind::timestamp),
                       nullable("redacted_at", Kind::timestamp),
                       nullable("content_sha256", Kind::string),
                       nullable("content_size_bytes", Kind::integer)});
}

std::vector<ErrorCode> read_errors() {
  return {ErrorCode::denied, ErrorCode::throttled, ErrorCode::transient, ErrorCode::gone,
          ErrorCode::invalid};
}
std::vector<ErrorCode> list_errors() {
  return {ErrorCode::denied, ErrorCode::throttled, ErrorCode::transient,
          ErrorCode::gone,   ErrorCode::invalid,   ErrorCode::unavailable_here};
}
std::vector<ErrorCode> change_errors() {
  return {
      ErrorCode::denied, ErrorCode::throttled, ErrorCode::transient, ErrorCode::unknown,
      ErrorCode::gone,   ErrorCode::conflict,  ErrorCode::invalid,   ErrorCode::unavailable_here};
}

RequestTemplate post(std::string path) {
  return RequestTemplate{
      .method = "POST", .url = "{base}" + std::move(path), .effect = Effect::mutate};
}

ActionSpec change(std::string name, std::string summary, Plane plane) {
  ActionSpec spec;
  spec.name = std::move(name);
  spec.summary = std::move(summary);
  spec.effect = Effect::mutate;
  spec.planes = {plane};
  spec.errors = change_errors();
  spec.retry.max = kRetriesMax;
  spec.repeat = Repeat::safe;
  spec.can_look = true;
  spec.cost = {.read = 1, .mutate = 1};
  return spec;
}

ActionSpec read(std::string name, std::string summary, Plane plane) {
  ActionSpec spec;
  spec.name = std::move(name);
  spec.summary = std::move(summary);
  spec.effect = Effect::read;
  spec.planes = {plane};
  spec.errors = read_errors();
  spec.retry.max = kRetriesMax;
  spec.cost = {.read = 1};
  return spec;
}

ActionSpec probe(std::string name, std::string summary, Plane plane, Kill proves) {
  ActionSpec spec = read(std::move(name), std::move(summary), plane);
  spec.is_probe = true;
  spec.proves = {proves};
  return spec;
}

}  // namespace quell::managed_agents
