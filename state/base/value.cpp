#include "state/base/value.h"

#include <array>

#include "state/base/assert.h"

namespace quell {
namespace {

const Value kNull{};
const ValueList kEmptyList{};

}  // namespace

bool Value::as_bool() const {
  QUELL_ASSERT(is_bool());
  return std::get<bool>(data_);
}

std::int64_t Value::as_int() const {
  QUELL_ASSERT(is_int());
  return std::get<std::int64_t>(data_);
}

double Value::as_number() const {
  QUELL_ASSERT(is_number());
  return std::get<double>(data_);
}

const std::string& Value::as_string() const {
  QUELL_ASSERT(is_string());
  return std::get<std::string>(data_);
}

const ValueList& Value::as_list() const {
  QUELL_ASSERT(is_list());
  return *std::get<std::shared_ptr<const ValueList>>(data_);
}

const ValueMap& Value::as_map() const {
  QUELL_ASSERT(is_map());
  return *std::get<std::shared_ptr<const ValueMap>>(data_);
}

Timestamp Value::as_timestamp() const { return as_fine_time().time; }

FineTime Value::as_fine_time() const {
  QUELL_ASSERT(is_timestamp());
  return std::get<FineTime>(data_);
}

Duration Value::as_duration() const { return as_fine_duration().whole; }

FineDuration Value::as_fine_duration() const {
  QUELL_ASSERT(is_duration());
  return std::get<FineDuration>(data_);
}

const SecretValue& Value::as_secret() const {
  QUELL_ASSERT(is_secret());
  return *std::get<std::shared_ptr<const SecretValue>>(data_);
}

const ValueEntries& Value::as_entries() const {
  QUELL_ASSERT(is_entries());
  return *std::get<std::shared_ptr<const ValueEntries>>(data_);
}

const Value& Value::operator[](std::string_view key) const noexcept {
  if (!is_map()) return kNull;
  const ValueMap& members = *std::get<std::shared_ptr<const ValueMap>>(data_);
  const auto found = members.find(key);
  return found == members.end() ? kNull : found->second;
}

bool Value::has(std::string_view key) const noexcept {
  return is_map() && std::get<std::shared_ptr<const ValueMap>>(data_)->contains(key);
}

std::string Value::string_or(std::string_view fallback) const {
  return is_string() ? as_string() : std::string(fallback);
}

std::int64_t Value::int_or(std::int64_t fallback) const noexcept {
  return is_int() ? std::get<std::int64_t>(data_) : fallback;
}

bool Value::bool_or(bool fallback) const noexcept {
  return is_bool() ? std::get<bool>(data_) : fallback;
}

const ValueList& Value::list_or_empty() const noexcept {
  return is_list() ? *std::get<std::shared_ptr<const ValueList>>(data_) : kEmptyList;
}

// Values nest as deep as what they were parsed from, which every parser bounds.
// NOLINTNEXTLINE(misc-no-recursion)
bool operator==(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Value::Kind::list:
      if (a.as_list().size() != b.as_list().size()) return false;
      for (std::size_t i = 0; i < a.as_list().size(); ++i) {
        if (!(a.as_list()[i] == b.as_list()[i])) return false;
      }
      return true;
    case Value::Kind::map:
      if (a.as_map().size() != b.as_map().size()) return false;
      for (auto i = a.as_map().begin(), j = b.as_map().begin(); i != a.as_map().end(); ++i, ++j) {
        if (i->first != j->first || !(i->second == j->second)) return false;
      }
      return true;
    case Value::Kind::entries:
      if (a.as_entries().size() != b.as_entries().size()) return false;
      for (std::size_t i = 0; i < a.as_entries().size(); ++i) {
        const auto& [key, member] = a.as_entries()[i];
        const auto& [other_key, other] = b.as_entries()[i];
        if (!(key == other_key) || !(member == other)) return false;
      }
      return true;
    case Value::Kind::secret:
      return a.as_secret().fingerprint == b.as_secret().fingerprint;
    case Value::Kind::null:
    case Value::Kind::boolean:
    case Value::Kind::integer:
    case Value::Kind::number:
    case Value::Kind::string:
    case Value::Kind::timestamp:
    case Value::Kind::duration:
      return a.data_ == b.data_;
  }
  return false;
}

std::string_view to_string(Value::Kind kind) noexcept {
  constexpr std::array<std::string_view, 11> kNames{"null",     "bool",   "int", "double",
                                                    "string",   "list",   "map", "timestamp",
                                                    "duration", "secret", "map"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace quell
