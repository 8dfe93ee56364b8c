#include "state/base/json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "state/base/bytes.h"

namespace quell {
namespace {

using Json = nlohmann::json;

/// Builds a Value from the parser's events and refuses what passes the limits. The library's own
/// error text quotes the input, so only its byte position is kept.
class ValueBuilder final : public nlohmann::json_sax<Json> {
 public:
  explicit ValueBuilder(const JsonLimits& limits) : limits_(limits) {}

  bool null() override { return put(Value()); }
  bool boolean(bool v) override { return put(Value(v)); }
  bool number_integer(number_integer_t v) override { return put(Value(std::int64_t{v})); }
  bool number_unsigned(number_unsigned_t v) override {
    if (v > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max())) {
      return put(Value(static_cast<double>(v)));
    }
    return put(Value(static_cast<std::int64_t>(v)));
  }
  bool number_float(number_float_t v, const string_t&) override { return put(Value(v)); }
  bool string(string_t& v) override { return put(Value(std::move(v))); }
  bool binary(binary_t&) override { return fail("binary data"); }
  bool start_object(std::size_t) override { return open(true); }
  bool start_array(std::size_t) override { return open(false); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    Container& object = open_.back();
    object.key = std::move(name);
    // Canonical JSON comes in order: then the new member goes to the end.
    object.is_last = object.map.empty() || object.map.rbegin()->first < object.key;
    if (!object.is_last && object.map.contains(object.key))
      return fail("a member name that occurs twice");
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    problem_ = "not JSON at byte " + std::to_string(position);
    return false;
  }

  const std::string& problem() const { return problem_; }
  Value take() { return std::move(root_); }

 private:
  struct Container {
    bool is_map = false;
    std::string key{};
    ValueMap map{};
    bool is_last = false;  // the next member goes to the end
    ValueList list{};
  };

  bool fail(std::string_view what) {
    problem_ = "JSON with " + std::string(what);
    return false;
  }
  bool open(bool is_map) {
    if (open_.size() >= limits_.depth_max) {
      return fail("more than " + std::to_string(limits_.depth_max) + " levels");
    }
    open_.push_back(Container{.is_map = is_map});
    return true;
  }
  bool close() {
    Container done = std::move(open_.back());
    open_.pop_back();
    return put(done.is_map ? Value(std::move(done.map)) : Value(std::move(done.list)));
  }
  bool put(Value value) {
    if (++nodes_ > limits_.nodes_max) {
      return fail("more than " + std::to_string(limits_.nodes_max) + " values");
    }
    if (open_.empty()) {
      root_ = std::move(value);
    } else if (open_.back().is_map) {
      Container& object = open_.back();
      const auto hint = object.is_last ? object.map.end() : object.map.begin();
      object.map.emplace_hint(hint, std::move(object.key), std::move(value));
    } else {
      open_.back().list.push_back(std::move(value));
    }
    return true;
  }

  const JsonLimits& limits_;
  std::vector<Container> open_{};
  Value root_{};
  std::size_t nodes_ = 0;
  std::string problem_{};
};

void append_string(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto is_plain = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte != 0x7f && c != '"' && c != '\\';
  };
  out += '"';
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::size_t end = at;
    while (end < text.size() && is_plain(text[end])) ++end;
    out.append(text, at, end - at);
    if (end == text.size()) break;
    at = end;
    const char c = text[at];
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += "\\u00";
        out += kHex[byte >> 4U];
        out += kHex[byte & 0xfU];
    }
  }
  out += '"';
}

std::string number_text(double number) {
  if (std::isnan(number)) return "\"NaN\"";
  if (std::isinf(number)) return number > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  std::array<char, 40> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
  std::string text(buffer.data(), end);
  // A double stays a double when it is read again.
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string timestamp_text(FineTime time) {
  std::string text = format_rfc3339(time.time);
  if (time.nanos > 0)
    text.insert(text.size() - 1, std::to_string(1'000'000 + time.nanos).substr(1));
  return text;
}

/// Depth is bounded by what built the value: parse limits, the expression budgets, and our own
/// literals.
// NOLINTNEXTLINE(misc-no-recursion)
void append_json(std::string& out, const Value& value, int indent) {
  const auto new_line = [&out](int level) {
    if (level < 0) return;
    out += '\n';
    out.append(static_cast<std::size_t>(level) * 2, ' ');
  };
  const int inner = indent < 0 ? -1 : indent + 1;
  switch (value.kind()) {
    case Value::Kind::null:
      out += "null";
      return;
    case Value::Kind::boolean:
      out += value.as_bool() ? "true" : "false";
      return;
    case Value::Kind::integer:
      out += std::to_string(value.as_int());
      return;
    case Value::Kind::number:
      out += number_text(value.as_number());
      return;
    case Value::Kind::string:
      append_string(out, value.as_string());
      return;
    case Value::Kind::timestamp:
      append_string(out, timestamp_text(value.as_fine_time()));
      return;
    case Value::Kind::duration:
      append_string(out, format_seconds(value.as_fine_duration()));
      return;
    case Value::Kind::secret:
      append_string(out, short_fingerprint(value.as_secret().fingerprint));
      return;
    case Value::Kind::list: {
      out += '[';
      bool first = true;
      for (const Value& item : value.as_list()) {
        if (!first) out += ',';
        first = false;
        new_line(inner);
        append_json(out, item, inner);
      }
      if (!first) new_line(indent);
      out += ']';
      return;
    }
    case Value::Kind::entries: {
      ValueList pairs;
      for (const auto& [key, member] : value.as_entries())
        pairs.push_back(Value::list({key, member}));
      append_json(out, Value(std::move(pairs)), indent);
      return;
    }
    case Value::Kind::map: {
      out += '{';
      bool first = true;
      for (const auto& [key, member] : value.as_map()) {
        if (!first) out += ',';
        first = false;
        new_line(inner);
        append_string(out, key);
        out += indent < 0 ? ":" : ": ";
        append_json(out, member, inner);
      }
      if (!first) new_line(indent);
      out += '}';
      return;
    }
  }
}

}  // namespace

Result<Value> parse_json(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.bytes_max) {
    return make_error(ErrorCode::invalid,
                      "JSON with more than " + std::to_string(limits.bytes_max) + " bytes");
  }
  if (!is_valid_utf8(text)) return make_error(ErrorCode::invalid, "JSON that is not UTF-8");
  ValueBuilder builder(limits);
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) {
    return make_error(ErrorCode::invalid, builder.problem());
  }
  return builder.take();
}

std::string to_json(const Value& value) {
  std::string out;
  append_json(out, value, -1);
  return out;
}

std::string to_pretty_json(const Value& value) {
  std::string out;
  append_json(out, value, 0);
  return out;
}

}  // namespace quell
