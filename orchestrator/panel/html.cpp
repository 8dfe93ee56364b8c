#include "orchestrator/panel/html.h"

#include <utility>

#include "state/base/assert.h"
#include "state/base/bytes.h"

namespace quell::panel {

std::string_view Slots::next_literal() {
  QUELL_ASSERT(left_ > 0);
  --left_;
  const std::size_t slot = rest_.find("{}");
  const std::string_view literal = rest_.substr(0, slot);
  rest_.remove_prefix(slot + 2);
  return literal;
}

void Slots::put(const Markup& markup) {
  made_.text_ += next_literal();
  made_.text_ += markup.text_;
}

void Slots::put(std::string_view text) {
  made_.text_ += next_literal();
  for (const char c : escape_untrusted(text)) {
    switch (c) {
      case '&':
        made_.text_ += "&amp;";
        break;
      case '<':
        made_.text_ += "&lt;";
        break;
      case '>':
        made_.text_ += "&gt;";
        break;
      case '"':
        made_.text_ += "&quot;";
        break;
      case '\'':
        made_.text_ += "&#39;";
        break;
      default:
        made_.text_ += c;
    }
  }
}

Markup Slots::finish() {
  QUELL_ASSERT(left_ == 0);
  made_.text_ += rest_;
  return std::move(made_);
}

}  // namespace quell::panel
