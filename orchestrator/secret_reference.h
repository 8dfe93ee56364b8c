#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "state/base/result.h"
#include "state/base/secret.h"

namespace quell {

/// `secret://env/NAME`, `secret://file/PATH` or `secret://credential/NAME` (a systemd credential).
struct SecretReference {
  enum class Kind : std::uint8_t { environment, file, credential };
  Kind kind = Kind::environment;
  std::string name{};

  std::string to_string() const;
};

/// The reference that `text` spells, or nothing when it is no reference at all. A broken one is an
/// Error.
Result<std::optional<SecretReference>> parse_secret_reference(std::string_view text);

/// Where references lead: relative files start at `directory`.
struct SecretSource {
  std::string directory{};
  std::function<std::optional<std::string>(const std::string& name)> environment{};
  /// Asked to tell people of a file that others can read.
  std::function<void(const std::string& warning)> warn{};
  /// Key files must be private; inputs handed over as @file only give a warning.
  bool refuse_readable_by_others = true;
};

/// True when both lead to the same variable or the same file, however they are spelled and through
/// whatever links. Opens nothing.
bool lead_to_same(const SecretReference& a, const SecretSource& a_source, const SecretReference& b,
                  const SecretSource& b_source);

/// The secret, at most 64 KiB, without one final newline; inner white space is refused. Error topic
/// "secret" names the file and `named_at` (for instance "quell.yaml:15"), never the content.
Result<Secret> resolve_secret(const SecretReference& reference, const SecretSource& source,
                              std::string_view named_at);

/// Reads a secret from an open descriptor under the same rules; `name` is for messages.
Result<Secret> read_secret(int descriptor, std::string_view name);

}  // namespace quell
