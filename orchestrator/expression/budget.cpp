#include "orchestrator/expression/budget.h"

#include <algorithm>
#include <vector>

namespace quell::expression {
namespace {

constexpr std::size_t kContainerBytes = 16;

const void* address_of(const Value& container) {
  if (container.is_list()) return &container.as_list();
  if (container.is_entries()) return &container.as_entries();
  return &container.as_map();
}

/// Elements of everything that `scope` names: list items, map members, and one for each kilobyte of
/// text. Bounded, so that a shared part that occurs very often cannot hold us up.
std::uint64_t elements_of(const Scope& scope) {
  constexpr std::uint64_t kElementsMax = 1'000'000;
  constexpr std::size_t kTextBytesPerElement = 1024;
  std::uint64_t count = 0;
  std::vector<const Value*> open;
  const auto see = [&](const Value& value) {
    ++count;
    if (value.is_list() || value.is_map()) {
      open.push_back(&value);
    } else if (value.is_string()) {
      count += value.as_string().size() / kTextBytesPerElement;
    }
  };
  for (const Scope* each = &scope; each != nullptr; each = each->parent) {
    for (const auto& [name, value] : each->names) see(value);
  }
  while (!open.empty() && count < kElementsMax) {
    const Value& value = *open.back();
    open.pop_back();
    if (value.is_list()) {
      for (const Value& item : value.as_list()) see(item);
    } else {
      for (const auto& [key, member] : value.as_map()) see(member);
    }
  }
  return std::min(count, kElementsMax);
}

}  // namespace

std::size_t Budget::bytes_of(const Value& value, bool is_fresh) const {
  if (value.is_list() || value.is_map() || value.is_entries()) {
    const auto found = built_.find(address_of(value));
    return found == built_.end() ? 0 : found->second;
  }
  if (!is_fresh) return 0;
  constexpr std::size_t kScalarBytes = 8;
  return kScalarBytes + (value.is_string() ? value.as_string().size() : 0);
}

bool Budget::built(const Value& container, std::size_t content) {
  if (content > kResultBytesMax) return false;
  built_[address_of(container)] = content + kContainerBytes;
  return true;
}

bool Budget::is_built(const Value& container) const {
  return built_.contains(address_of(container));
}

bool Budget::extend() {
  if (extended_) return false;
  extended_ = true;
  allowed_ += kStepsPerElement * elements_of(scope_);
  return used_ <= allowed_;
}

}  // namespace quell::expression
