// Target: what a browser or program sends to the panel. A form is read the same way however its
// escapes are spelt, a path gives whole names, and no text leaves a page's markup.

#include <string>
#include <string_view>

#include "orchestrator/access/api_token.h"
#include "orchestrator/api/api_route.h"
#include "orchestrator/panel/html.h"
#include "state/base/assert.h"
#include "state/base/bytes.h"
#include "tests/fuzz/target.h"

using quell::ApiToken;
using quell::fit_path;
using quell::parse_form;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = quell::fuzz::text_of(data, size);
  if (const auto form = parse_form(text)) {
    std::string again;
    for (const auto& [name, value] : *form) {
      again += again.empty() ? "" : "&";
      again += quell::percent_encode(name) + "=" + quell::percent_encode(value);
    }
    const auto reread = parse_form(again);
    QUELL_ASSERT(reread && *reread == *form);
  }
  if (const auto names = fit_path("/api/v1/runs/{run}/entries", text))
    QUELL_ASSERT(names->size() == 1 && !names->at("run").empty());
  if (const auto token = ApiToken::read(text))
    QUELL_ASSERT(token->id.size() == 12 && token->hash.size() == 32);
  constexpr std::string_view kOpen = "<p title=\"";
  const std::string markup = quell::panel::html("<p title=\"{}\">{}</p>", text, text).text();
  QUELL_ASSERT(markup.starts_with(kOpen) && markup.ends_with("</p>"));
  const std::string_view inside = std::string_view(markup).substr(kOpen.size());
  QUELL_ASSERT(inside.find('<') == inside.size() - 4);
  QUELL_ASSERT(inside.find('"') + 1 == inside.find('>'));
  return 0;
}
