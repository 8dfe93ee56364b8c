#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/playbook/loader.h"
#include "state/base/random.h"

namespace quell::test {

/// Writes playbooks at random over the actions of a catalog. It knows types well enough that most
/// of what it writes is right, and guards and orders carelessly on purpose: what the loader refuses
/// is dropped step by step, so that what is left is whatever the loader believes.
class Generator {
 public:
  Generator(const ActionCatalog& catalog, Random& random) : catalog_(catalog), random_(random) {}

  /// The source of a playbook `p` that loads.
  std::string playbook();

  /// How many steps were offered to the loader, and how many it took.
  std::size_t offered() const noexcept { return offered_; }
  std::size_t taken() const noexcept { return taken_; }

 private:
  struct Path {
    std::string text;
    Type type;
  };

  bool chance(std::uint64_t one_in) { return random_.below(one_in) == 0; }
  template <typename T>
  const T& any(const std::vector<T>& all) {
    return all[random_.below(all.size())];
  }

  std::string inputs();
  std::string step(const std::string& indent, int depth);
  std::string steps(const std::string& indent, int depth);
  std::string use(const std::string& indent, const std::string& id);
  std::string change(const std::string& indent, const ActionSpec& action, std::string_view name);
  std::string with(const ActionSpec& action);
  std::string given(const Type& type, int depth);
  std::string condition();

  /// An expression that should be of `kind`; `depth` bounds it.
  std::string expression(Type::Kind kind, int depth);
  std::string boolean(int depth);
  std::string text(int depth);
  std::string whole(int depth);
  std::string moment(int depth);
  /// A path in scope of this kind, or empty.
  std::string path(Type::Kind kind);
  /// A list whose elements have a type, or null.
  const Path* any_list();
  void learn(const std::string& prefix, const Type& type, int depth);

  const ActionCatalog& catalog_;
  Random& random_;
  std::vector<Path> paths_{};
  std::vector<std::string> ids_{};
  int next_ = 0;
  std::size_t offered_ = 0;
  std::size_t taken_ = 0;
};

}  // namespace quell::test
