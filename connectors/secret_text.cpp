#include "connectors/secret_text.h"

#include <algorithm>
#include <utility>

#include "connectors/wiping.h"
#include "state/base/bytes.h"

namespace quell {
namespace {

constexpr std::string_view kRedacted = "[secret]";

/// JSON string content of `text`, without the quotes.
std::string json_escape(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  out.reserve(text.size() * 6);  // never grows, so no copy stays behind
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += kHex[byte >> 4U];
      out += kHex[byte & 0xfU];
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

SecretText::SecretText(std::string literal) {
  if (!literal.empty()) parts_.push_back(Part{.literal = std::move(literal)});
}

SecretText& SecretText::append(std::string_view literal) {
  if (!literal.empty()) parts_.push_back(Part{.literal = std::string(literal)});
  return *this;
}

SecretText& SecretText::append(BoundSecret secret, SecretEncoding encoding) {
  parts_.push_back(Part{.secret = std::move(secret), .encoding = encoding});
  return *this;
}

SecretText& SecretText::append_base64(SecretText inner) {
  parts_.push_back(Part{.base64_of = std::make_shared<const SecretText>(std::move(inner))});
  return *this;
}

// A base64 part holds plain parts: two levels at most.
// NOLINTNEXTLINE(misc-no-recursion)
bool SecretText::has_secret() const noexcept {
  for (const Part& part : parts_) {
    if (part.secret.secret != nullptr) return true;
    if (part.base64_of && part.base64_of->has_secret()) return true;
  }
  return false;
}

// NOLINTNEXTLINE(misc-no-recursion)
bool SecretText::may_go_to(std::string_view origin) const {
  for (const Part& part : parts_) {
    if (part.base64_of) {
      if (!part.base64_of->may_go_to(origin)) return false;
    } else if (part.secret.secret) {
      const std::vector<std::string>& origins = part.secret.origins;
      if (origin.empty() || std::find(origins.begin(), origins.end(), origin) == origins.end())
        return false;
    }
  }
  return true;
}

// NOLINTNEXTLINE(misc-no-recursion)
std::string SecretText::redacted() const {
  std::string out;
  for (const Part& part : parts_) {
    if (part.base64_of) {
      out += part.base64_of->has_secret() ? std::string(kRedacted)
                                          : base64_encode(part.base64_of->redacted());
    } else {
      out += part.secret.secret ? kRedacted : std::string_view(part.literal);
    }
  }
  return out;
}

Secret SecretText::render() const {
  std::string out;
  render_into(out);
  return Secret(std::move(out));
}

// NOLINTNEXTLINE(misc-no-recursion)
void SecretText::render_into(std::string& out) const {
  for (const Part& part : parts_) {
    std::string piece;
    if (part.base64_of) {
      std::string inner;
      part.base64_of->render_into(inner);
      piece = base64_encode(inner);
      wipe(inner);
    } else if (!part.secret.secret) {
      append_wiping(out, part.literal);
      continue;
    } else {
      const std::string_view bytes = part.secret.secret->reveal();
      switch (part.encoding) {
        case SecretEncoding::raw:
          append_wiping(out, bytes);
          continue;
        case SecretEncoding::form:
          piece = form_encode(bytes);
          break;
        case SecretEncoding::json:
          piece = json_escape(bytes);
          break;
      }
    }
    append_wiping(out, piece);
    wipe(piece);
  }
}

}  // namespace quell
