#pragma once

#include <string_view>

#include "state/base/secret.h"

namespace quell::managed_agents {

/// Could `hint` be that of `key`? A hint is the key's beginning and end with dots between, as the
/// admin API lists it ("sk-ant-api03-R2D...igAA", API sheet 1.11). Nothing for a text that is no
/// such hint.
enum class HintAnswer : std::uint8_t { fits, differs, unreadable };
HintAnswer compare_hint(const Secret& key, std::string_view hint);

/// The same bytes; in constant time.
bool is_same_key(const Secret& a, const Secret& b);

}  // namespace quell::managed_agents
