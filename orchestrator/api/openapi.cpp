#include <set>
#include <utility>

#include "orchestrator/api/api_route.h"

namespace quell {
namespace {

Value schema_of(const ApiField& field) {
  switch (field.kind) {
    case ApiField::Kind::text:
      return Value::map({{"type", "string"},
                         {"maxLength", static_cast<std::int64_t>(field.bytes_max)},
                         {"description", field.about}});
    case ApiField::Kind::boolean:
      return Value::map({{"type", "boolean"}, {"description", field.about}});
    case ApiField::Kind::integer:
      return Value::map({{"type", "integer"}, {"description", field.about}});
    case ApiField::Kind::list:
      return Value::map(
          {{"type", "array"}, {"items", Value::map({})}, {"description", field.about}});
    case ApiField::Kind::texts:
      return Value::map({{"type", "object"},
                         {"additionalProperties", Value::map({{"type", "string"}})},
                         {"description", field.about}});
  }
  return Value();
}

ValueList parameters_of(const ApiRoute& route) {
  ValueList parameters;
  std::string_view rest = route.path;
  for (std::size_t open = rest.find('{'); open != std::string_view::npos; open = rest.find('{')) {
    const std::size_t close = rest.find('}', open);
    parameters.push_back(Value::map({{"name", rest.substr(open + 1, close - open - 1)},
                                     {"in", "path"},
                                     {"required", true},
                                     {"schema", Value::map({{"type", "string"}})}}));
    rest.remove_prefix(close + 1);
  }
  for (const ApiField& field : route.query) {
    parameters.push_back(Value::map({{"name", field.name},
                                     {"in", "query"},
                                     {"required", field.required},
                                     {"schema", schema_of(field)}}));
  }
  if (route.method == "POST") {
    parameters.push_back(
        Value::map({{"name", "Idempotency-Key"},
                    {"in", "header"},
                    {"required", false},
                    {"description", "The same key and body are carried out once in a day."},
                    {"schema", Value::map({{"type", "string"}, {"maxLength", 200}})}}));
  }
  return parameters;
}

Value problem_answer(std::string_view words) {
  return Value::map(
      {{"description", words},
       {"content",
        Value::map({{"application/problem+json",
                     Value::map({{"schema",
                                  Value::map({{"$ref", "#/components/schemas/Problem"}})}})}})}});
}

Value operation_of(const ApiRoute& route) {
  const bool is_json = route.media == "application/json";
  ValueMap operation{
      {"operationId", route.operation},
      {"summary", route.summary},
      {"x-quell-right", to_string(route.right)},
      {"parameters", Value(parameters_of(route))},
      {"responses",
       Value::map(
           {{"200",
             Value::map(
                 {{"description", route.answer},
                  {"content",
                   Value::map({{std::string(route.media),
                                Value::map({{"schema",
                                             Value::map({{"type", is_json ? "object"
                                                                          : "string"}})}})}})}})},
            {"401", problem_answer("Nobody is signed in")},
            {"403",
             problem_answer("The caller has no right to " + std::string(to_string(route.right)))},
            {"default", problem_answer("Why it was not done")}})}};
  if (!route.body.empty()) {
    ValueMap members;
    ValueList required;
    for (const ApiField& field : route.body) {
      members.emplace(field.name, schema_of(field));
      if (field.required) required.emplace_back(field.name);
    }
    ValueMap schema{{"type", "object"},
                    {"additionalProperties", false},
                    {"properties", Value(std::move(members))}};
    const bool is_required = !required.empty();
    if (is_required) schema["required"] = Value(std::move(required));
    operation["requestBody"] = Value::map(
        {{"required", is_required},
         {"content",
          Value::map({{"application/json", Value::map({{"schema", Value(std::move(schema))}})}})}});
  }
  return Value(std::move(operation));
}

std::string lower(std::string_view method) {
  std::string word(method);
  for (char& c : word) c = static_cast<char>(c - 'A' + 'a');
  return word;
}

}  // namespace

Value openapi_document(const std::vector<ApiRoute>& routes) {
  std::map<std::string, ValueMap, std::less<>> paths;
  for (const ApiRoute& route : routes)
    paths[std::string(route.path)].emplace(lower(route.method), operation_of(route));
  ValueMap listed;
  for (auto& [path, operations] : paths) listed.emplace(path, Value(std::move(operations)));
  const auto text = [](const char* about) {
    return Value::map({{"type", "string"}, {"description", about}});
  };
  return Value::map(
      {{"openapi", "3.1.0"},
       {"info", Value::map({{"title", "quell"},
                            {"version", QUELL_VERSION},
                            {"description",
                             "Revoke leaked agent credentials, and prove that they "
                             "are dead."}})},
       {"paths", Value(std::move(listed))},
       {"security", Value::list({Value::map({{"token", Value(ValueList{})}}),
                                 Value::map({{"session", Value(ValueList{})}})})},
       {"components",
        Value::map(
            {{"securitySchemes",
              Value::map({{"token", Value::map({{"type", "http"}, {"scheme", "bearer"}})},
                          {"session", Value::map({{"type", "apiKey"},
                                                  {"in", "cookie"},
                                                  {"name", "__Host-quell"}})}})},
             {"schemas",
              Value::map(
                  {{"Problem",
                    Value::map(
                        {{"type", "object"},
                         {"description", "RFC 9457"},
                         {"properties",
                          Value::map({{"type", text("urn:quell:problem: and a word of quell help")},
                                      {"title", text("What kind of refusal")},
                                      {"status", Value::map({{"type", "integer"}})},
                                      {"detail", text("What happened, in a sentence")},
                                      {"hint", text("What to do about it")},
                                      {"class", text("What the caller can do: invalid, denied, "
                                                     "throttled, transient, unknown, gone, "
                                                     "conflict, unavailable_here, corrupt, "
                                                     "internal")}})}})}})}})}});
}

}  // namespace quell
