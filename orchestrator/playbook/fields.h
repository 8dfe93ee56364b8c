#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/playbook/yaml_tree.h"
#include "state/base/clock.h"

namespace quell {

// Bounds of what a playbook may ask for, beside those of the language itself.
inline constexpr Duration kPollMin{100};                   // every:
inline constexpr Duration kSpanMax{30LL * 24 * 3600'000};  // any duration
inline constexpr std::int64_t kConcurrencyMax = 512;
inline constexpr std::int64_t kItemsMax = 100'000;  // foreach max
inline constexpr std::int64_t kAttemptsMax = 100;
inline constexpr std::int64_t kApproversMax = 20;
inline constexpr std::int64_t kConsecutiveMax = 1'000;

struct DurationBounds {
  Duration min{1};
  Duration max = kSpanMax;
};

struct WholeBounds {
  std::int64_t min = 0;
  std::int64_t max = 0;
};

/// Reads the keys of one map of a playbook: complains of a node that is no map, of unknown keys,
/// wrong types and values out of bounds. What is wrong reads as absent, so that the pass goes on.
class Fields {
 public:
  /// `what` names the map in messages: "a step", "foreach".
  Fields(Findings& findings, const YamlNode& node, std::string_view what,
         std::vector<std::string> known);

  const YamlNode& node() const noexcept { return node_; }
  /// The value of `key`, or null. `key:` with nothing behind it is an error.
  const YamlNode* get(std::string_view key);
  /// As get(), and an error where the key is missing.
  const YamlNode* need(std::string_view key);

  /// Text on one line.
  std::optional<std::string> line(std::string_view key);
  std::optional<std::int64_t> whole(std::string_view key, WholeBounds bounds);
  std::optional<bool> flag(std::string_view key);
  std::optional<Duration> duration(std::string_view key, DurationBounds bounds = {});
  /// One of `words`.
  std::optional<std::string> word(std::string_view key, const std::vector<std::string>& words);
  /// A list of `words`, each at most once.
  std::vector<std::string> word_list(std::string_view key, const std::vector<std::string>& words);

 private:
  Findings& findings_;
  const YamlNode& node_;
  std::string what_;
};

/// The text of a scalar that must be text, else an error that says what `name` takes.
std::optional<std::string> read_text(Findings& findings, const YamlNode& node,
                                     std::string_view name);
/// An error unless `text` is one of `words`; suggests the nearest.
bool check_word(Findings& findings, const YamlNode& node, std::string_view name,
                std::string_view text, const std::vector<std::string>& words);
std::optional<Duration> read_duration(Findings& findings, const YamlNode& node,
                                      std::string_view name, DurationBounds bounds = {});

/// Whether a name stands behind a dot in expressions (`steps.NAME`) or by itself.
enum class NameUse : std::uint8_t { member, root };

/// An identifier of at most 64 letters, digits and `_` that is no reserved word of CEL, nor as a
/// root one of the names that expressions start from: a step's id, an input's name, an `as`.
bool check_name(Findings& findings, const YamlNode& node, std::string_view what,
                NameUse use = NameUse::member);

/// "a, b or c".
std::string one_of(const std::vector<std::string>& words);
/// `did you mean "x"?`, or else `it is one of a, b or c`.
std::string suggestion(std::string_view word, const std::vector<std::string>& known);

}  // namespace quell
