// WWW-Authenticate: RFC 9110 sections 5.6.2, 5.6.4, 11.2 and 11.6.1; Bearer parameters RFC 6750
// section 3, RFC 9728 section 5.1.
#include "connectors/oauth/challenge.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace quell {
namespace {

constexpr std::size_t kFieldBytesMax = 16U << 10;
constexpr std::size_t kChallengesMax = 16;
constexpr std::size_t kParamsMax = 32;

constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";

bool is_token_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         kTokenMarks.find(c) != std::string_view::npos;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

/// Walks one field from left to right; every step moves forward or ends, so it is linear in the
/// field's length.
class FieldReader {
 public:
  explicit FieldReader(std::string_view text) : text_(text) {}

  void read_into(std::vector<Challenge>& out) {
    skip_list_gap();
    while (!at_end() && out.size() < kChallengesMax) {
      Challenge challenge;
      const std::string_view scheme = token();
      if (scheme.empty()) return;
      challenge.scheme = lower(scheme);
      const bool sound = read_params(challenge);
      if (sound) out.push_back(std::move(challenge));
      if (broken_) return;
      skip_list_gap();
    }
  }

 private:
  /// False when the challenge repeats a parameter or breaks off.
  bool read_params(Challenge& challenge) {
    if (!at_end() && peek() != ',' && !skip_spaces()) return fail();
    bool sound = true;
    if (skip_token68()) return sound;
    while (!at_end()) {
      const std::size_t start = at_;
      const std::string_view name = token();
      if (name.empty()) return peek() == ',' ? sound : fail();
      skip_spaces();
      if (at_end() || peek() != '=') {
        at_ = start;  // a new challenge begins here
        return sound;
      }
      ++at_;
      skip_spaces();
      std::optional<std::string> value = param_value();
      if (!value) return fail();
      if (challenge.params.size() >= kParamsMax) return fail();
      sound = challenge.params.emplace(lower(name), std::move(*value)).second && sound;
      skip_spaces();
      if (at_end()) return sound;
      if (peek() != ',') return fail();
      skip_list_gap();
    }
    return sound;
  }

  /// `Basic dXNlcg==` style; only when nothing but the list's end follows, else it is a parameter's
  /// name.
  bool skip_token68() {
    std::size_t end = at_;
    while (end < text_.size() && (is_token_char(text_[end]) || text_[end] == '/')) ++end;
    if (end == at_) return false;
    while (end < text_.size() && text_[end] == '=') ++end;
    std::size_t after = end;
    while (after < text_.size() && (text_[after] == ' ' || text_[after] == '\t')) ++after;
    if (after < text_.size() && text_[after] != ',') return false;
    at_ = after;
    return true;
  }

  std::string_view token() {
    const std::size_t start = at_;
    while (!at_end() && is_token_char(peek())) ++at_;
    return text_.substr(start, at_ - start);
  }

  std::optional<std::string> param_value() {
    if (at_end()) return std::nullopt;
    if (peek() != '"') {
      const std::string_view plain = token();
      if (plain.empty()) return std::nullopt;
      return std::string(plain);
    }
    ++at_;
    std::string out;
    while (!at_end() && peek() != '"') {
      if (peek() == '\\') ++at_;
      if (at_end()) return std::nullopt;
      out.push_back(text_[at_++]);
    }
    if (at_end()) return std::nullopt;
    ++at_;
    return out;
  }

  bool skip_spaces() {
    const std::size_t start = at_;
    while (!at_end() && (peek() == ' ' || peek() == '\t')) ++at_;
    return at_ > start;
  }
  void skip_list_gap() {
    while (!at_end() && (peek() == ' ' || peek() == '\t' || peek() == ',')) ++at_;
  }
  bool fail() {
    broken_ = true;
    return false;
  }
  bool at_end() const { return at_ >= text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }

  std::string_view text_;
  std::size_t at_ = 0;
  bool broken_ = false;
};

}  // namespace

std::string_view Challenge::param(std::string_view name) const noexcept {
  const auto found = params.find(name);
  return found == params.end() ? std::string_view{} : std::string_view(found->second);
}

std::vector<Challenge> parse_challenges(const std::vector<std::string_view>& fields) {
  std::vector<Challenge> challenges;
  std::size_t bytes_left = kFieldBytesMax;
  for (const std::string_view field : fields) {
    if (field.size() > bytes_left) break;
    bytes_left -= field.size();
    FieldReader(field).read_into(challenges);
  }
  return challenges;
}

const Challenge* find_bearer(const std::vector<Challenge>& challenges) noexcept {
  const auto found = std::ranges::find(challenges, "bearer", &Challenge::scheme);
  return found == challenges.end() ? nullptr : &*found;
}

}  // namespace quell
