#include "connectors/redaction.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <utility>

#include "state/base/bytes.h"
#include "state/base/sha256.h"

namespace quell {
namespace {

constexpr std::size_t kWindowBytes = 8;  // every form is longer: the shortest secret has 12 bytes

std::uint64_t window_at(std::string_view text, std::size_t at) {
  std::uint64_t window = 0;
  std::memcpy(&window, text.data() + at, kWindowBytes);
  return window;
}

std::size_t sieve_slot(std::uint64_t window) {
  return static_cast<std::size_t>((window * 0x9e37'79b9'7f4a'7c15ULL) >> 48U);
}

/// The part of base64 that is the same whatever stands before and after the secret: characters that
/// carry bits of a neighbour are left out.
std::string base64_core(std::string_view secret, std::size_t offset) {
  std::string padded;
  padded.reserve(offset + secret.size());
  padded.append(offset, '\0').append(secret);
  std::string encoded = base64_encode(padded);
  const std::size_t first = (8 * offset + 5) / 6;
  const std::size_t last = 8 * padded.size() / 6;
  std::string core = encoded.substr(first, last - first);
  wipe(padded);
  wipe(encoded);
  return core;
}

std::string url_alphabet(std::string text) {
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

/// Content of a JSON string; `escape_slash` as some writers do.
std::string json_content(std::string_view text, bool escape_slash) {
  std::string out;
  out.reserve(text.size() * 6);
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\' || (c == '/' && escape_slash)) {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00" + hex_encode(std::string_view(&c, 1));
    } else {
      out += c;
    }
  }
  return out;
}

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

/// `%2F` as `%2f`; nothing else changes.
std::string lower_escapes(std::string text) {
  for (std::size_t i = 0; i + 2 < text.size(); ++i) {
    if (text[i] != '%') continue;
    for (const std::size_t digit : {i + 1, i + 2}) {
      text[digit] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[digit])));
    }
  }
  return text;
}

bool is_base64_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '+' || c == '/' || c == '-' ||
         c == '_' || c == '=';
}

}  // namespace

void RedactionFilter::add(const Secret& secret, std::string_view fingerprint) {
  if (secret.size() < kSecretBytesMin) return;
  const std::unique_lock lock(mutex_);
  if (++uses_[std::string(fingerprint)] > 1) return;
  const std::string_view bytes = secret.reveal();
  add_form(std::string(bytes), fingerprint, false);
  add_form(hex_encode(bytes), fingerprint, false);
  add_form(upper(hex_encode(bytes)), fingerprint, false);
  add_form(json_content(bytes, false), fingerprint, false);
  add_form(json_content(bytes, true), fingerprint, false);
  for (std::string (*const encode)(std::string_view) : {&percent_encode, &form_encode}) {
    add_form(encode(bytes), fingerprint, false);
    add_form(lower_escapes(encode(bytes)), fingerprint, false);
  }
  // A Basic pair is base64 of `id:secret`, both form-encoded first (RFC 6749 section 2.3.1): at
  // whichever offset the id leaves, one of the cores stands in it.
  std::string form_encoded = form_encode(bytes);
  for (const std::string_view inner : {bytes, std::string_view(form_encoded)}) {
    for (const std::size_t offset : {0U, 1U, 2U}) {
      std::string core = base64_core(inner, offset);
      add_form(url_alphabet(core), fingerprint, true);
      add_form(std::move(core), fingerprint, true);
    }
  }
  wipe(form_encoded);
  rebuild_sieve();
}

void RedactionFilter::remove(std::string_view fingerprint) {
  const std::unique_lock lock(mutex_);
  const auto use = uses_.find(std::string(fingerprint));
  if (use == uses_.end() || --use->second > 0) return;
  uses_.erase(use);
  for (auto& [window, patterns] : patterns_) {
    std::erase_if(patterns,
                  [&](const Pattern& pattern) { return pattern.fingerprint == fingerprint; });
  }
  std::erase_if(patterns_, [](const auto& entry) { return entry.second.empty(); });
  rebuild_sieve();
}

void RedactionFilter::add_form(std::string form, std::string_view fingerprint, bool is_base64) {
  if (form.size() < kWindowBytes) return;
  std::vector<Pattern>& patterns = patterns_[window_at(form, 0)];
  Pattern pattern{.size = form.size(),
                  .digest = sha256(form),
                  .fingerprint = std::string(fingerprint),
                  .is_base64 = is_base64};
  wipe(form);
  const bool known = std::any_of(patterns.begin(), patterns.end(), [&](const Pattern& other) {
    return other.digest == pattern.digest && other.fingerprint == pattern.fingerprint;
  });
  if (!known) patterns.push_back(std::move(pattern));
}

void RedactionFilter::rebuild_sieve() {
  sieve_.reset();
  for (const auto& [window, patterns] : patterns_) sieve_.set(sieve_slot(window));
}

RedactionFilter::Hit RedactionFilter::match(std::string_view text, std::size_t at) const {
  Hit hit{.begin = at, .end = at};
  const std::uint64_t window = window_at(text, at);
  if (!sieve_.test(sieve_slot(window))) return hit;
  const auto found = patterns_.find(window);
  if (found == patterns_.end()) return hit;
  for (const Pattern& pattern : found->second) {
    if (at + pattern.size > text.size() || at + pattern.size <= hit.end) continue;
    if (sha256(text.substr(at, pattern.size)) != pattern.digest) continue;
    hit.end = at + pattern.size;
    hit.pattern = &pattern;
  }
  return hit;
}

std::string RedactionFilter::redact(std::string_view text) {
  std::string out;
  std::uint64_t found = 0;
  {
    const std::shared_lock lock(mutex_);
    if (patterns_.empty() || text.size() < kWindowBytes) return std::string(text);
    std::size_t copied = 0;
    for (std::size_t at = 0; at + kWindowBytes <= text.size();) {
      Hit hit = match(text, at);
      if (hit.pattern == nullptr) {
        ++at;
        continue;
      }
      if (hit.pattern->is_base64) {
        // The characters beside the core hold bits of the secret, or the other half of a pair.
        while (hit.begin > copied && text[hit.begin - 1] != '=' &&
               is_base64_char(text[hit.begin - 1]))
          --hit.begin;
        while (hit.end < text.size() && is_base64_char(text[hit.end])) ++hit.end;
      }
      out.append(text.substr(copied, hit.begin - copied));
      out.append("[").append(short_fingerprint(hit.pattern->fingerprint)).append("]");
      copied = at = hit.end;
      ++found;
    }
    if (found == 0) return std::string(text);
    out.append(text.substr(copied));
  }
  const std::unique_lock lock(mutex_);
  hits_ += found;
  return out;
}

std::uint64_t RedactionFilter::hits() const {
  const std::shared_lock lock(mutex_);
  return hits_;
}

// --- Token shapes ------------------------------------------------------------------------------

namespace {

struct Shape {
  std::string_view prefix{};
  std::size_t tail_min = 0;  // characters of a token after the prefix
};

constexpr std::array<Shape, 20> kShapes{{
    {"sk-ant-", 12},     {"sk-proj-", 16}, {"sk_live_", 12}, {"sk_test_", 12}, {"rk_live_", 12},
    {"ghp_", 16},        {"gho_", 16},     {"ghu_", 16},     {"ghs_", 16},     {"ghr_", 16},
    {"github_pat_", 16}, {"glpat-", 16},   {"xoxa-", 10},    {"xoxb-", 10},    {"xoxe-", 10},
    {"xoxe.", 10},       {"xoxp-", 10},    {"xoxr-", 10},    {"xapp-", 10},    {"whsec_", 16},
}};

constexpr std::size_t kRandomRunMin = 32;
constexpr std::size_t kJwtPartMin = 8;
constexpr std::size_t kPlatformIdTail = 24;  // "011CZkZDLs7fYzm1hXNPeRjv"
constexpr double kRandomBitsMin = 3.9;       // per character; 32 random base64url ones have 4.5

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
}

std::size_t word_length(std::string_view text) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_word) -
                                  text.begin());
}

/// The prefix with which a token begins here, or nothing.
std::string_view known_prefix(std::string_view text) {
  if (text.empty()) return {};
  const auto found = std::find_if(kShapes.begin(), kShapes.end(), [&](const Shape& shape) {
    if (text.front() != shape.prefix.front() || !text.starts_with(shape.prefix)) return false;
    const std::string_view tail = text.substr(shape.prefix.size(), shape.tail_min);
    // whsec_ goes on in base64.
    return tail.size() == shape.tail_min && std::all_of(tail.begin(), tail.end(), is_base64_char);
  });
  return found == kShapes.end() ? std::string_view() : found->prefix;
}

/// Is `text` a word that goes on as `.payload`?
bool has_payload(std::string_view text, std::size_t word_size) {
  return word_size < text.size() && text[word_size] == '.' &&
         word_length(text.substr(word_size + 1)) >= kJwtPartMin;
}

bool is_uuid(std::string_view word) {
  if (word.size() != 36) return false;
  for (std::size_t i = 0; i < word.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? word[i] != '-' : std::isxdigit(static_cast<unsigned char>(word[i])) == 0) {
      return false;
    }
  }
  return true;
}

/// `session_011CZkZDLs7fYzm1hXNPeRjv`: what the platform calls its records, not what opens them.
bool is_platform_id(std::string_view word) {
  const std::size_t line = word.find('_');
  if (line == std::string_view::npos || word.size() - line - 1 != kPlatformIdTail) return false;
  const std::string_view tail = word.substr(line + 1);
  return tail.starts_with("01") && tail.find_first_of("-_") == std::string_view::npos &&
         std::all_of(word.begin(), word.begin() + static_cast<std::ptrdiff_t>(line),
                     [](unsigned char c) { return std::islower(c) != 0; });
}

double bits_per_character(std::string_view word) {
  std::array<int, 256> counts{};
  for (const char c : word) ++counts[static_cast<unsigned char>(c)];
  double bits = 0;
  for (const int count : counts) {
    if (count == 0) continue;
    const double share = static_cast<double>(count) / static_cast<double>(word.size());
    bits -= share * std::log2(share);
  }
  return bits;
}

/// Words joined by dashes change between letters and digits seldom, random text does all the time.
bool is_random(std::string_view word) {
  if (word.size() < kRandomRunMin || is_uuid(word) || is_platform_id(word)) return false;
  const auto count = [&](int (*is)(int)) {
    return std::count_if(word.begin(), word.end(), [&](unsigned char c) { return is(c) != 0; });
  };
  const std::ptrdiff_t size = std::ssize(word);
  const std::ptrdiff_t digits = count(&isdigit);
  const std::ptrdiff_t letters = count(&isalpha);
  if (count(&isxdigit) == size) return digits >= 4 && letters >= 2;
  if (bits_per_character(word) < kRandomBitsMin) return false;
  std::ptrdiff_t changes = 0;
  const auto kind = [](unsigned char c) {
    return std::isdigit(c) != 0 ? 0 : std::islower(c) != 0 ? 1 : std::isupper(c) != 0 ? 2 : 3;
  };
  for (std::size_t i = 1; i < word.size(); ++i) {
    changes +=
        kind(static_cast<unsigned char>(word[i])) != kind(static_cast<unsigned char>(word[i - 1]));
  }
  return letters > 0 && changes * 3 >= size;
}

/// Calls `found` with each shape in `text` until it says that this is enough.
template <typename Found>
void for_each_shape(std::string_view text, Found found) {
  for (std::size_t at = 0; at < text.size();) {
    if (!is_word(text[at])) {
      ++at;
      continue;
    }
    const std::string_view rest = text.substr(at);
    const std::string_view word = rest.substr(0, word_length(rest));
    // A known prefix may stand inside a word: `token_ghp_...`.
    const bool payload_follows = has_payload(rest, word.size());
    std::string_view shape;
    for (std::size_t inside = 0; inside < word.size() && shape.empty(); ++inside) {
      shape = known_prefix(rest.substr(inside));
      const std::string_view header = word.substr(inside);
      if (payload_follows && header.size() >= kJwtPartMin && header.starts_with("eyJ"))
        shape = "jwt";
    }
    if (shape.empty() && is_random(word)) shape = "random";
    at += word.size();
    if (shape.empty()) continue;
    if (!found(shape)) return;
    if (shape != "jwt") continue;
    // Its payload and signature are the same token.
    while (at < text.size() && (is_word(text[at]) || text[at] == '.')) ++at;
  }
}

}  // namespace

bool looks_like_token(std::string_view text) {
  bool is_there = false;
  for_each_shape(text, [&](std::string_view) {
    is_there = true;
    return false;
  });
  return is_there;
}

void count_token_shapes(std::string_view text, std::map<std::string, std::int64_t>& counts) {
  for_each_shape(text, [&](std::string_view shape) {
    ++counts[std::string(shape)];
    return true;
  });
}

}  // namespace quell
