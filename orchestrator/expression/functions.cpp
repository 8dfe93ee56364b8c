#include "orchestrator/expression/functions.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include <fmt/format.h>
#include <re2/re2.h>

#include "orchestrator/expression/conversions.h"
#include "orchestrator/expression/text.h"
#include "orchestrator/expression/time_zone.h"

namespace quell::expression {
namespace {

using Kind = Type::Kind;

constexpr std::array<FunctionSpec, 27> kFunctions{{
    {"size", FunctionId::size, CallForm::either},
    {"startsWith", FunctionId::starts_with, CallForm::method},
    {"endsWith", FunctionId::ends_with, CallForm::method},
    {"contains", FunctionId::contains, CallForm::method},
    {"matches", FunctionId::matches, CallForm::either},
    {"lowerAscii", FunctionId::lower_ascii, CallForm::method},
    {"split", FunctionId::split, CallForm::method},
    {"join", FunctionId::join, CallForm::method},
    {"trim", FunctionId::trim, CallForm::method},
    {"int", FunctionId::to_int, CallForm::global},
    {"double", FunctionId::to_double, CallForm::global},
    {"string", FunctionId::to_string, CallForm::global},
    {"bool", FunctionId::to_bool, CallForm::global},
    {"duration", FunctionId::to_duration, CallForm::global},
    {"timestamp", FunctionId::to_timestamp, CallForm::global},
    {"dyn", FunctionId::to_dyn, CallForm::global},
    {"fingerprint", FunctionId::fingerprint, CallForm::global},
    {"getFullYear", FunctionId::get_full_year, CallForm::method},
    {"getMonth", FunctionId::get_month, CallForm::method},
    {"getDate", FunctionId::get_date, CallForm::method},
    {"getDayOfMonth", FunctionId::get_day_of_month, CallForm::method},
    {"getDayOfWeek", FunctionId::get_day_of_week, CallForm::method},
    {"getDayOfYear", FunctionId::get_day_of_year, CallForm::method},
    {"getHours", FunctionId::get_hours, CallForm::method},
    {"getMinutes", FunctionId::get_minutes, CallForm::method},
    {"getSeconds", FunctionId::get_seconds, CallForm::method},
    {"getMilliseconds", FunctionId::get_milliseconds, CallForm::method},
}};

constexpr Overload unary(FunctionId id, Kind argument, Kind result) {
  return {.id = id, .count = 1, .arguments = {argument, Kind::dyn, Kind::dyn}, .result = result};
}
constexpr Overload binary(FunctionId id, Kind first, Kind second, Kind result) {
  return {.id = id, .count = 2, .arguments = {first, second, Kind::dyn}, .result = result};
}

// Signatures of cel-spec langdef, "List of Standard Definitions", and of its strings extension;
// grouped by function.
constexpr std::array<Overload, 59> kOverloads{{
    unary(FunctionId::size, Kind::string, Kind::integer),
    unary(FunctionId::size, Kind::list, Kind::integer),
    unary(FunctionId::size, Kind::object, Kind::integer),
    binary(FunctionId::starts_with, Kind::string, Kind::string, Kind::boolean),
    binary(FunctionId::ends_with, Kind::string, Kind::string, Kind::boolean),
    binary(FunctionId::contains, Kind::string, Kind::string, Kind::boolean),
    binary(FunctionId::matches, Kind::string, Kind::string, Kind::boolean),
    unary(FunctionId::lower_ascii, Kind::string, Kind::string),
    {FunctionId::split, 2, {Kind::string, Kind::string, Kind::dyn}, Kind::list, true},
    {FunctionId::split, 3, {Kind::string, Kind::string, Kind::integer}, Kind::list, true},
    {FunctionId::join, 1, {Kind::list, Kind::dyn, Kind::dyn}, Kind::string, true},
    {FunctionId::join, 2, {Kind::list, Kind::string, Kind::dyn}, Kind::string, true},
    unary(FunctionId::trim, Kind::string, Kind::string),
    unary(FunctionId::to_int, Kind::integer, Kind::integer),
    unary(FunctionId::to_int, Kind::number, Kind::integer),
    unary(FunctionId::to_int, Kind::string, Kind::integer),
    unary(FunctionId::to_int, Kind::timestamp, Kind::integer),
    unary(FunctionId::to_double, Kind::number, Kind::number),
    unary(FunctionId::to_double, Kind::integer, Kind::number),
    unary(FunctionId::to_double, Kind::string, Kind::number),
    unary(FunctionId::to_string, Kind::string, Kind::string),
    unary(FunctionId::to_string, Kind::integer, Kind::string),
    unary(FunctionId::to_string, Kind::number, Kind::string),
    unary(FunctionId::to_string, Kind::boolean, Kind::string),
    unary(FunctionId::to_string, Kind::timestamp, Kind::string),
    unary(FunctionId::to_string, Kind::duration, Kind::string),
    unary(FunctionId::to_bool, Kind::boolean, Kind::boolean),
    unary(FunctionId::to_bool, Kind::string, Kind::boolean),
    unary(FunctionId::to_duration, Kind::duration, Kind::duration),
    unary(FunctionId::to_duration, Kind::string, Kind::duration),
    unary(FunctionId::to_timestamp, Kind::timestamp, Kind::timestamp),
    unary(FunctionId::to_timestamp, Kind::string, Kind::timestamp),
    unary(FunctionId::to_timestamp, Kind::integer, Kind::timestamp),
    unary(FunctionId::to_dyn, Kind::dyn, Kind::dyn),
    unary(FunctionId::fingerprint, Kind::secret, Kind::string),
    unary(FunctionId::get_full_year, Kind::timestamp, Kind::integer),
    binary(FunctionId::get_full_year, Kind::timestamp, Kind::string, Kind::integer),
    unary(FunctionId::get_month, Kind::timestamp, Kind::integer),
    binary(FunctionId::get_month, Kind::timestamp, Kind::string, Kind::integer),
    unary(FunctionId::get_date, Kind::timestamp, Kind::integer),
    binary(FunctionId::get_date, Kind::timestamp, Kind::string, Kind::integer),
    unary(FunctionId::get_day_of_month, Kind::timestamp, Kind::integer),
    binary(FunctionId::get_day_of_month, Kind::timestamp, Kind::string, Kind::integer),
    unary(FunctionId::get_day_of_week, Kind::timestamp, Kind::integer),
    binary(FunctionId::get_day_of_week, Kind::timestamp, Kind::string, Kind::integer),
    unary(FunctionId::get_day_of_year, Kind::timestamp, Kind::integer),
    binary(FunctionId::get_day_of_year, Kind::timestamp, Kind::string, Kind::integer),
    unary(FunctionId::get_hours, Kind::timestamp, Kind::integer),
    binary(FunctionId::get_hours, Kind::timestamp, Kind::string, Kind::integer),
    unary(FunctionId::get_hours, Kind::duration, Kind::integer),
    unary(FunctionId::get_minutes, Kind::timestamp, Kind::integer),
    binary(FunctionId::get_minutes, Kind::timestamp, Kind::string, Kind::integer),
    unary(FunctionId::get_minutes, Kind::duration, Kind::integer),
    unary(FunctionId::get_seconds, Kind::timestamp, Kind::integer),
    binary(FunctionId::get_seconds, Kind::timestamp, Kind::string, Kind::integer),
    unary(FunctionId::get_seconds, Kind::duration, Kind::integer),
    unary(FunctionId::get_milliseconds, Kind::timestamp, Kind::integer),
    binary(FunctionId::get_milliseconds, Kind::timestamp, Kind::string, Kind::integer),
    unary(FunctionId::get_milliseconds, Kind::duration, Kind::integer),
}};

Type::Kind static_kind(const Value& value) noexcept {
  switch (value.kind()) {
    case Value::Kind::null:
      return Kind::null;
    case Value::Kind::boolean:
      return Kind::boolean;
    case Value::Kind::integer:
      return Kind::integer;
    case Value::Kind::number:
      return Kind::number;
    case Value::Kind::string:
      return Kind::string;
    case Value::Kind::list:
      return Kind::list;
    case Value::Kind::map:
    case Value::Kind::entries:
      return Kind::object;
    case Value::Kind::timestamp:
      return Kind::timestamp;
    case Value::Kind::duration:
      return Kind::duration;
    case Value::Kind::secret:
      return Kind::secret;
  }
  return Kind::dyn;
}

bool fits(const Overload& overload, std::span<const Value> arguments) noexcept {
  if (overload.count != arguments.size()) return false;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const Kind wanted = overload.arguments[i];
    const Kind given = static_kind(arguments[i]);
    if (wanted == Kind::dyn ? given == Kind::secret : wanted != given) return false;
  }
  return true;
}

class Re2Pattern final : public Pattern {
 public:
  Re2Pattern(std::string_view text, const RE2::Options& options)
      : regex_(re2::StringPiece(text.data(), text.size()), options) {}
  std::string_view problem() const noexcept override { return regex_.error(); }
  bool finds(std::string_view text) const override {
    return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), regex_);
  }

 private:
  RE2 regex_;
};

class RefusedPattern final : public Pattern {
 public:
  std::string_view problem() const noexcept override { return "the pattern is too long"; }
  bool finds(std::string_view) const override { return false; }
};

Computed matches(std::string_view text, std::string_view pattern_text, const Pattern* pattern) {
  std::shared_ptr<const Pattern> own;
  if (pattern == nullptr) {
    own = compile_pattern(pattern_text);
    pattern = own.get();
  }
  if (!pattern->problem().empty()) {
    return failed("the pattern of matches() is not a regular expression",
                  "RE2 syntax, without look-around and back references");
  }
  return Value(pattern->finds(text));
}

/// cel-spec strings extension: no limit or a negative one gives all pieces, 0 none, and the last of
/// n pieces keeps the rest. An empty separator cuts between code points.
Computed split(std::string_view text, std::string_view separator, std::int64_t limit,
               std::size_t result_bytes_max) {
  constexpr std::size_t kPieceBytes = 16;  // what a piece costs beside its text
  ValueList pieces;
  if (limit == 0 || (text.empty() && separator.empty())) return Value(std::move(pieces));
  std::size_t built = text.size();
  while (limit < 0 || pieces.size() + 1 < static_cast<std::size_t>(limit)) {
    std::size_t cut = separator.empty() ? code_point_bytes(text, 0) : text.find(separator);
    if (cut == std::string_view::npos || (separator.empty() && cut >= text.size())) break;
    built += kPieceBytes;
    if (built > result_bytes_max) return failed(kResultTooLarge);
    pieces.emplace_back(text.substr(0, cut));
    text.remove_prefix(cut + separator.size());
  }
  if (built > result_bytes_max) return failed(kResultTooLarge);
  pieces.emplace_back(text);
  return Value(std::move(pieces));
}

Computed join(const ValueList& pieces, std::string_view separator, std::size_t result_bytes_max) {
  std::string text;
  bool first = true;
  for (const Value& piece : pieces) {
    if (!piece.is_string()) return failed(kNoSuchOverload, "join() takes a list of strings");
    if (text.size() + separator.size() + piece.as_string().size() > result_bytes_max) {
      return failed(kResultTooLarge);
    }
    if (!first) text += separator;
    first = false;
    text += piece.as_string();
  }
  return Value(std::move(text));
}

std::string lowered(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

Computed convert(FunctionId id, const Value& from) {
  if (id == FunctionId::to_int) return to_int(from);
  if (id == FunctionId::to_double) return to_double(from);
  if (id == FunctionId::to_bool) return to_bool(from);
  if (id == FunctionId::to_duration) return to_duration(from);
  if (id == FunctionId::to_timestamp) return to_timestamp(from);
  std::optional<std::string> text = plain_text(from);
  if (!text) return failed(kNoSuchOverload);
  return Value(std::move(*text));
}

/// Getters of a duration give whole units of the whole duration, but the milliseconds only what is
/// beyond the second (cel-spec langdef, "List of Standard Definitions").
Value duration_part(FunctionId id, FineDuration duration) {
  // Towards zero: of a negative one the milliseconds are those below.
  const std::int64_t ms =
      duration.whole.count() + (duration.whole.count() < 0 && duration.nanos > 0 ? 1 : 0);
  if (id == FunctionId::get_hours) return Value(ms / 3'600'000);
  if (id == FunctionId::get_minutes) return Value(ms / 60'000);
  if (id == FunctionId::get_seconds) return Value(ms / 1'000);
  return Value(ms % 1'000);
}

/// Months, days of the month (but getDate), of the week and of the year count from 0; Sunday is 0.
Computed timestamp_part(FunctionId id, Timestamp time, std::string_view zone) {
  const std::optional<Duration> offset = zone_offset(zone, time);
  if (!offset) {
    return failed("an unknown time zone",
                  "UTC, a fixed offset such as +05:30, or a name such as Europe/Berlin");
  }
  const Timestamp local = time + *offset;
  const auto day = std::chrono::floor<std::chrono::days>(local);
  const std::chrono::year_month_day date(day);
  const std::int64_t ms = (local - day).count();
  const auto day_of_month = static_cast<std::int64_t>(static_cast<unsigned>(date.day()));
  switch (id) {
    case FunctionId::get_full_year:
      return Value(std::int64_t{static_cast<int>(date.year())});
    case FunctionId::get_month:
      return Value(static_cast<std::int64_t>(static_cast<unsigned>(date.month())) - 1);
    case FunctionId::get_date:
      return Value(day_of_month);
    case FunctionId::get_day_of_month:
      return Value(day_of_month - 1);
    case FunctionId::get_day_of_week:
      return Value(static_cast<std::int64_t>(std::chrono::weekday(day).c_encoding()));
    case FunctionId::get_day_of_year: {
      const std::chrono::sys_days first = date.year() / std::chrono::January / 1;
      return Value(std::int64_t{(day - first).count()});
    }
    case FunctionId::get_hours:
      return Value(ms / 3'600'000);
    case FunctionId::get_minutes:
      return Value(ms / 60'000 % 60);
    case FunctionId::get_seconds:
      return Value(ms / 1'000 % 60);
    case FunctionId::get_milliseconds:
      return Value(ms % 1'000);
    case FunctionId::size:
    case FunctionId::starts_with:
    case FunctionId::ends_with:
    case FunctionId::contains:
    case FunctionId::matches:
    case FunctionId::lower_ascii:
    case FunctionId::split:
    case FunctionId::join:
    case FunctionId::trim:
    case FunctionId::to_int:
    case FunctionId::to_double:
    case FunctionId::to_string:
    case FunctionId::to_bool:
    case FunctionId::to_duration:
    case FunctionId::to_timestamp:
    case FunctionId::to_dyn:
    case FunctionId::fingerprint:
      break;
  }
  return failed(kNoSuchOverload);
}

Computed size_of(const Value& value) {
  if (value.is_string()) return Value(static_cast<std::int64_t>(code_points(value.as_string())));
  if (value.is_list()) return Value(static_cast<std::int64_t>(value.as_list().size()));
  if (value.is_entries()) return Value(static_cast<std::int64_t>(value.as_entries().size()));
  return Value(static_cast<std::int64_t>(value.as_map().size()));
}

}  // namespace

const FunctionSpec* find_function(std::string_view name) noexcept {
  const auto* const found =
      std::find_if(kFunctions.begin(), kFunctions.end(),
                   [name](const FunctionSpec& function) { return function.name == name; });
  return found == kFunctions.end() ? nullptr : found;
}

std::span<const FunctionSpec> all_functions() noexcept { return kFunctions; }

std::span<const Overload> overloads_of(FunctionId id) noexcept {
  const auto is_other = [id](const Overload& overload) { return overload.id != id; };
  const auto* const first = std::find_if_not(kOverloads.begin(), kOverloads.end(), is_other);
  const auto* const last = std::find_if(first, kOverloads.end(), is_other);
  return {first, last};
}

std::shared_ptr<const Pattern> compile_pattern(std::string_view text) {
  if (text.size() > kPatternBytesMax) return std::make_shared<const RefusedPattern>();
  constexpr std::int64_t kProgramBytesMax = 4 << 20;
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kProgramBytesMax);
  return std::make_shared<const Re2Pattern>(text, options);
}

Computed call_function(FunctionId id, std::span<const Value> arguments, const Pattern* pattern,
                       std::size_t result_bytes_max) {
  const std::span<const Overload> overloads = overloads_of(id);
  if (std::none_of(overloads.begin(), overloads.end(),
                   [arguments](const Overload& overload) { return fits(overload, arguments); })) {
    return failed(kNoSuchOverload);
  }
  const Value& first = arguments[0];
  switch (id) {
    case FunctionId::size:
      return size_of(first);
    case FunctionId::starts_with:
      return Value(first.as_string().starts_with(arguments[1].as_string()));
    case FunctionId::ends_with:
      return Value(first.as_string().ends_with(arguments[1].as_string()));
    case FunctionId::contains:
      return Value(first.as_string().find(arguments[1].as_string()) != std::string::npos);
    case FunctionId::matches:
      return matches(first.as_string(), arguments[1].as_string(), pattern);
    case FunctionId::lower_ascii:
      if (first.as_string().size() > result_bytes_max) return failed(kResultTooLarge);
      return Value(lowered(first.as_string()));
    case FunctionId::trim:
      if (first.as_string().size() > result_bytes_max) return failed(kResultTooLarge);
      return Value(trimmed(first.as_string()));
    case FunctionId::split:
      return split(first.as_string(), arguments[1].as_string(),
                   arguments.size() > 2 ? arguments[2].as_int() : -1, result_bytes_max);
    case FunctionId::join:
      return join(first.as_list(),
                  arguments.size() > 1 ? std::string_view(arguments[1].as_string()) : "",
                  result_bytes_max);
    case FunctionId::to_int:
    case FunctionId::to_double:
    case FunctionId::to_string:
    case FunctionId::to_bool:
    case FunctionId::to_duration:
    case FunctionId::to_timestamp:
      return convert(id, first);
    case FunctionId::to_dyn:
      return first;
    case FunctionId::fingerprint:
      return Value(short_fingerprint(first.as_secret().fingerprint));
    case FunctionId::get_full_year:
    case FunctionId::get_month:
    case FunctionId::get_date:
    case FunctionId::get_day_of_month:
    case FunctionId::get_day_of_week:
    case FunctionId::get_day_of_year:
    case FunctionId::get_hours:
    case FunctionId::get_minutes:
    case FunctionId::get_seconds:
    case FunctionId::get_milliseconds:
      if (first.is_duration()) return duration_part(id, first.as_fine_duration());
      return timestamp_part(
          id, first.as_timestamp(),
          arguments.size() > 1 ? std::string_view(arguments[1].as_string()) : "UTC");
  }
  return failed(kNoSuchOverload);
}

}  // namespace quell::expression
