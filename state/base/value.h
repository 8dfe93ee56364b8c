#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "state/base/clock.h"
#include "state/base/secret.h"

namespace quell {

class Value;
using ValueList = std::vector<Value>;
using ValueMap = std::map<std::string, Value, std::less<>>;
/// A map whose keys are not all strings, in the order it was written. Only the expression language
/// makes one.
using ValueEntries = std::vector<std::pair<Value, Value>>;

/// One type for JSON, YAML and the expression language. Lists and maps are shared and immutable, so
/// copies are cheap.
class Value {
 public:
  enum class Kind : std::uint8_t {
    null,
    boolean,
    integer,
    number,
    string,
    list,
    map,
    timestamp,
    duration,
    secret,
    entries
  };

  Value() = default;
  Value(std::nullptr_t) {}                               // NOLINT(google-explicit-constructor)
  Value(bool v) : data_(v) {}                            // NOLINT(google-explicit-constructor)
  Value(int v) : data_(static_cast<std::int64_t>(v)) {}  // NOLINT(google-explicit-constructor)
  Value(std::int64_t v) : data_(v) {}                    // NOLINT(google-explicit-constructor)
  Value(std::uint64_t v)
      : data_(static_cast<std::int64_t>(v)) {}            // NOLINT(google-explicit-constructor)
  Value(double v) : data_(v) {}                           // NOLINT(google-explicit-constructor)
  Value(std::string v) : data_(std::move(v)) {}           // NOLINT(google-explicit-constructor)
  Value(std::string_view v) : data_(std::string(v)) {}    // NOLINT(google-explicit-constructor)
  Value(const char* v) : data_(std::string(v)) {}         // NOLINT(google-explicit-constructor)
  Value(Timestamp v) : data_(FineTime{.time = v}) {}      // NOLINT(google-explicit-constructor)
  Value(FineTime v) : data_(v) {}                         // NOLINT(google-explicit-constructor)
  Value(Duration v) : data_(FineDuration{.whole = v}) {}  // NOLINT(google-explicit-constructor)
  Value(FineDuration v) : data_(v) {}                     // NOLINT(google-explicit-constructor)
  Value(SecretValue v)
      : data_(std::make_shared<const SecretValue>(std::move(v))) {
  }  // NOLINT(google-explicit-constructor)
  Value(ValueList v)
      : data_(std::make_shared<const ValueList>(std::move(v))) {
  }  // NOLINT(google-explicit-constructor)
  Value(ValueMap v)
      : data_(std::make_shared<const ValueMap>(std::move(v))) {
  }  // NOLINT(google-explicit-constructor)

  Value(ValueEntries v)
      : data_(std::make_shared<const ValueEntries>(std::move(v))) {
  }  // NOLINT(google-explicit-constructor)

  static Value list(std::initializer_list<Value> items) { return Value(ValueList(items)); }
  static Value texts(const std::vector<std::string>& all) {
    return Value(ValueList(all.begin(), all.end()));
  }
  static Value map(std::initializer_list<std::pair<const std::string, Value>> items) {
    return Value(ValueMap(items));
  }

  Kind kind() const noexcept { return static_cast<Kind>(data_.index()); }
  bool is_null() const noexcept { return kind() == Kind::null; }
  bool is_bool() const noexcept { return kind() == Kind::boolean; }
  bool is_int() const noexcept { return kind() == Kind::integer; }
  bool is_number() const noexcept { return kind() == Kind::number; }
  bool is_string() const noexcept { return kind() == Kind::string; }
  bool is_list() const noexcept { return kind() == Kind::list; }
  bool is_map() const noexcept { return kind() == Kind::map; }
  bool is_timestamp() const noexcept { return kind() == Kind::timestamp; }
  bool is_duration() const noexcept { return kind() == Kind::duration; }
  bool is_secret() const noexcept { return kind() == Kind::secret; }
  bool is_entries() const noexcept { return kind() == Kind::entries; }

  // Each demands its kind; outside data is asked with is_*() or the lenient readers below.
  bool as_bool() const;
  std::int64_t as_int() const;
  double as_number() const;
  const std::string& as_string() const;
  const ValueList& as_list() const;
  const ValueMap& as_map() const;
  Timestamp as_timestamp() const;  // cut to milliseconds
  FineTime as_fine_time() const;
  Duration as_duration() const;  // cut to milliseconds, downwards
  FineDuration as_fine_duration() const;
  const SecretValue& as_secret() const;
  const ValueEntries& as_entries() const;

  /// The member `key` of a map, else null (also for a value that is no map).
  const Value& operator[](std::string_view key) const noexcept;
  bool has(std::string_view key) const noexcept;
  /// The string, or `fallback` for any other kind.
  std::string string_or(std::string_view fallback) const;
  std::int64_t int_or(std::int64_t fallback) const noexcept;
  bool bool_or(bool fallback) const noexcept;
  /// The list, or an empty one for any other kind.
  const ValueList& list_or_empty() const noexcept;

  /// Same kind and same content; secrets are equal when their fingerprints are.
  friend bool operator==(const Value& a, const Value& b);

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string,
               std::shared_ptr<const ValueList>, std::shared_ptr<const ValueMap>, FineTime,
               FineDuration, std::shared_ptr<const SecretValue>,
               std::shared_ptr<const ValueEntries>>
      data_;  // without {}: clang looks for Value() before it has read an initializer
};

std::string_view to_string(Value::Kind kind) noexcept;

}  // namespace quell
