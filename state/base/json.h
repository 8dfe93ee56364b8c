#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "state/base/result.h"
#include "state/base/value.h"

namespace quell {

struct JsonLimits {
  std::size_t bytes_max = 4U << 20;
  std::size_t depth_max = 64;
  std::size_t nodes_max = 200'000;
};

/// Parses one RFC 8259 document. Duplicate keys, invalid UTF-8, trailing text and anything past the
/// limits are refused with the byte position and without quoting the input (threat T41). Integers
/// that fit are int64, other numbers double.
Result<Value> parse_json(std::string_view text, const JsonLimits& limits = {});

/// Canonical JSON: keys sorted by bytes, no white space, shortest numbers, non-ASCII as UTF-8.
/// Timestamps are RFC 3339 with milliseconds, durations decimal seconds with an `s`, secrets their
/// `fp:` short form, NaN and infinities strings. Same value, same bytes: hashes and digests are
/// taken over it.
std::string to_json(const Value& value);

/// The same content with two-space indentation, for people.
std::string to_pretty_json(const Value& value);

}  // namespace quell
