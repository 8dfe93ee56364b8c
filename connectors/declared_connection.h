#pragma once

#include <string_view>

namespace quell {

/// A connection whose calls somebody declared: the effect that a declaration claims is no more than
/// a claim (threat T25). The engine's effect guard asks this instead, and a connection answers from
/// its own configuration, never from a declaration.
class DeclaredConnection {
 public:
  virtual ~DeclaredConnection() = default;

  /// Does the configuration assert that `action` changes nothing although it sends more than GET
  /// or HEAD? `in_rehearsal`: in a dry run too.
  virtual bool asserts_safe(std::string_view action, bool in_rehearsal) const = 0;
};

}  // namespace quell
