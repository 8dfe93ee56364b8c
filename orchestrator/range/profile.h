#pragma once

#include <set>
#include <string>
#include <string_view>

#include "state/base/result.h"

namespace quell::range {

/// The deviations from documented behaviour that are switched on. The World owns one set and its
/// hosts borrow it, so a name added by the control host takes effect with the next request.
class ProfileSet {
 public:
  ProfileSet() = default;

  /// Parses a comma-separated list; empty items and spaces do not count. Error `invalid` for an
  /// unknown name, with the nearest known one as its hint.
  static Result<ProfileSet> parse(std::string_view names);

  bool has(std::string_view name) const { return names_.contains(name); }
  /// Adds every name of a list like that of `parse`, or none of them.
  Status add(std::string_view names);
  /// The names in byte order, comma-separated.
  std::string to_string() const;

 private:
  std::set<std::string, std::less<>> names_{};
};

}  // namespace quell::range
