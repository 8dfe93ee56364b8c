#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace quell {

struct Field;

/// The static type of an input, an output or an expression. `dyn` is JSON of unknown shape.
struct Type {
  enum class Kind : std::uint8_t {
    dyn,
    null,
    boolean,
    integer,
    number,
    string,
    url,
    list,
    object,
    timestamp,
    duration,
    secret
  };

  Kind kind = Kind::dyn;
  bool nullable = false;
  std::shared_ptr<const Type> element{};               // of a list; null: dyn
  std::shared_ptr<const std::vector<Field>> fields{};  // of an object; null: any member, each dyn

  static Type of(Kind kind) { return Type{.kind = kind}; }
  static Type list_of(Type element);
  static Type object(std::vector<Field> fields);
  Type or_null() const {
    Type copy = *this;
    copy.nullable = true;
    return copy;
  }
  /// The field `name` of an object with declared fields, else null.
  const Field* find(std::string_view name) const noexcept;
};

struct Field {
  std::string name;
  Type type;
};

/// As people read it: `string`, `list of string`, `timestamp or null`.
std::string to_string(const Type& type);

}  // namespace quell
