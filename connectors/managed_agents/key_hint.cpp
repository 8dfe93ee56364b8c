#include "connectors/managed_agents/key_hint.h"

#include "state/base/bytes.h"

namespace quell::managed_agents {
namespace {

/// Fewer visible characters tell too many keys apart from too few.
constexpr std::size_t kVisibleMin = 4;
constexpr std::string_view kDots = "...";

}  // namespace

HintAnswer compare_hint(const Secret& key, std::string_view hint) {
  const std::size_t dots = hint.find(kDots);
  if (dots == std::string_view::npos) return HintAnswer::unreadable;
  const std::string_view head = hint.substr(0, dots);
  const std::string_view tail = hint.substr(dots + kDots.size());
  if (tail.size() < kVisibleMin || head.empty()) return HintAnswer::unreadable;
  const std::string_view text = key.reveal();
  const bool fits = text.size() >= head.size() + tail.size() && text.starts_with(head) &&
                    text.ends_with(tail);
  return fits ? HintAnswer::fits : HintAnswer::differs;
}

bool is_same_key(const Secret& a, const Secret& b) {
  return equal_constant_time(a.reveal(), b.reveal());
}

}  // namespace quell::managed_agents
