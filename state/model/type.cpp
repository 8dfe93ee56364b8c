#include "state/model/type.h"

#include <array>

namespace quell {

Type Type::list_of(Type element) {
  Type type = of(Kind::list);
  type.element = std::make_shared<const Type>(std::move(element));
  return type;
}

Type Type::object(std::vector<Field> fields) {
  Type type = of(Kind::object);
  type.fields = std::make_shared<const std::vector<Field>>(std::move(fields));
  return type;
}

const Field* Type::find(std::string_view name) const noexcept {
  if (kind != Kind::object || !fields) return nullptr;
  for (const Field& field : *fields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

// A list of lists is as deep as its declaration.
// NOLINTNEXTLINE(misc-no-recursion)
std::string to_string(const Type& type) {
  constexpr std::array<std::string_view, 12> kNames{"dyn",    "null",      "bool",     "int",
                                                    "double", "string",    "url",      "list",
                                                    "object", "timestamp", "duration", "secret"};
  std::string text(kNames[static_cast<std::size_t>(type.kind)]);
  if (type.kind == Type::Kind::list && type.element) text += " of " + to_string(*type.element);
  if (type.nullable) text += " or null";
  return text;
}

}  // namespace quell
