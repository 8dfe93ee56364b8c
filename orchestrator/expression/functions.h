#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "orchestrator/expression/conversions.h"
#include "state/base/value.h"
#include "state/model/type.h"

namespace quell::expression {

enum class FunctionId : std::uint8_t {
  size,
  starts_with,
  ends_with,
  contains,
  matches,
  lower_ascii,
  split,
  join,
  trim,
  to_int,
  to_double,
  to_string,
  to_bool,
  to_duration,
  to_timestamp,
  to_dyn,
  fingerprint,
  get_full_year,
  get_month,
  get_date,
  get_day_of_month,
  get_day_of_week,
  get_day_of_year,
  get_hours,
  get_minutes,
  get_seconds,
  get_milliseconds,
};

/// How a function may be written: `f(x)`, `x.f()`, or both.
enum class CallForm : std::uint8_t { global, method, either };

struct FunctionSpec {
  std::string_view name{};
  FunctionId id = FunctionId::size;
  CallForm form = CallForm::global;
};

/// One signature. `dyn` takes any value but a secret; a receiver counts as the first argument.
struct Overload {
  static constexpr std::size_t kArgumentsMax = 3;

  FunctionId id = FunctionId::size;
  std::size_t count = 0;
  std::array<Type::Kind, kArgumentsMax> arguments{};
  Type::Kind result = Type::Kind::dyn;
  bool of_strings = false;  // a list argument or result holds strings
};

/// Null where the language has no such function.
const FunctionSpec* find_function(std::string_view name) noexcept;
std::span<const FunctionSpec> all_functions() noexcept;
std::span<const Overload> overloads_of(FunctionId id) noexcept;

/// A compiled RE2 pattern, or what is wrong with it.
class Pattern {
 public:
  virtual ~Pattern() = default;
  /// Empty when the pattern is good.
  virtual std::string_view problem() const noexcept = 0;
  /// Whether any part of `text` matches; linear in its length.
  virtual bool finds(std::string_view text) const = 0;
};

constexpr std::size_t kPatternBytesMax = 4096;

std::shared_ptr<const Pattern> compile_pattern(std::string_view text);

/// Calls `id` on `arguments` (the receiver first). `pattern` may hold the compiled literal of
/// matches(). Needs time linear in the bytes of its arguments; what it builds is at most
/// `result_bytes_max` long, else the reason is kResultTooLarge.
Computed call_function(FunctionId id, std::span<const Value> arguments, const Pattern* pattern,
                       std::size_t result_bytes_max);

}  // namespace quell::expression
