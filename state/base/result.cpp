#include "state/base/result.h"

#include <array>

namespace quell {
namespace {

struct CodeName {
  ErrorCode code;
  std::string_view name;
};

constexpr std::array<CodeName, 10> kCodeNames{{
    {ErrorCode::invalid, "invalid"},
    {ErrorCode::denied, "denied"},
    {ErrorCode::throttled, "throttled"},
    {ErrorCode::transient, "transient"},
    {ErrorCode::unknown, "unknown"},
    {ErrorCode::gone, "gone"},
    {ErrorCode::conflict, "conflict"},
    {ErrorCode::unavailable_here, "unavailable_here"},
    {ErrorCode::corrupt, "corrupt"},
    {ErrorCode::internal, "internal"},
}};

}  // namespace

std::string_view to_string(ErrorCode code) noexcept {
  for (const CodeName& row : kCodeNames) {
    if (row.code == code) return row.name;
  }
  return "internal";
}

std::optional<ErrorCode> error_code_from_string(std::string_view text) noexcept {
  for (const CodeName& row : kCodeNames) {
    if (row.name == text) return row.code;
  }
  return std::nullopt;
}

Error wrap(std::string context, Error cause) {
  Error outer{.code = cause.code, .message = std::move(context)};
  outer.retry_after = cause.retry_after;
  outer.topic = cause.topic;
  outer.hint = cause.hint;
  outer.cause = std::make_shared<const Error>(std::move(cause));
  return outer;
}

std::string describe(const Error& error) {
  std::string text = error.message;
  for (const Error* layer = error.cause.get(); layer != nullptr; layer = layer->cause.get()) {
    text += ": ";
    text += layer->message;
  }
  return text;
}

}  // namespace quell
