#include "orchestrator/engine/effect_guard.h"

#include <algorithm>
#include <string>

#include "connectors/declared_call.h"
#include "connectors/declared_connection.h"
#include "connectors/url.h"

namespace quell {
namespace {

bool allowed(Effect effect, GuardMode mode) {
  switch (effect) {
    case Effect::read:
      return true;
    case Effect::probe:
      return !mode.dry_run || mode.probes;
    case Effect::mutate:
    case Effect::notify:
      return !mode.dry_run && !mode.look_only;
  }
  return false;
}

Error refused(const HttpRequest& request, const ActionSpec& action, std::string_view why) {
  return make_error(ErrorCode::invalid, "effect",
                    action.name + " may not send " + request.method + ": " + std::string(why),
                    "this is a fault of the connector; nothing was sent");
}

bool only_reads(const HttpRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

/// What somebody declared may not do, whatever it says of itself (threat T25): leave the host of
/// its connection, change by a GET in disguise, or call a POST a read without the configuration's
/// word.
Status guard_declared(const HttpRequest& request, const ActionSpec& action,
                      const DeclaredConnection& connection, std::string_view base,
                      GuardMode mode) {
  const auto refuse = [&](std::string_view why, std::string remedy) {
    Error error = refused(request, action, why);
    error.hint = std::move(remedy);
    return error;
  };
  if (origin_of(base).empty() || origin_of(request.url) != origin_of(base))
    return refuse("that is no host of its connection",
                  "nothing was sent; a declaration names paths");
  if (only_reads(request)) {
    const bool disguised = std::any_of(
        request.headers.begin(), request.headers.end(), [](const HttpHeader& header) {
          return asks_other_method(header.name);
        });
    if (!disguised && request.body.empty()) return ok();
    return refuse("a read has no body and asks for no other method",
                  "nothing was sent; declare the method that it is");
  }
  const bool asserted = connection.asserts_safe(action.name, mode.dry_run);
  if (mode.dry_run && !asserted)
    return refuse("a rehearsal sends reads alone",
                  "where it truly changes nothing: assert_safe: true and safe_in_dry_run: [" +
                      action.name + "] in quell.yaml");
  if (request.effect == Effect::read && !asserted)
    return refuse("it calls itself a read",
                  "where it truly changes nothing: assert_safe: true in quell.yaml");
  return ok();
}

}  // namespace

bool fits_template(std::string_view url, std::string_view pattern, std::string_view base,
                   const Value& params) {
  constexpr std::string_view kBase = "{base}";
  if (pattern.starts_with("{metadata:")) return true;
  if (pattern.size() > 2 && pattern.front() == '{' && pattern.find('}') == pattern.size() - 1 &&
      pattern != kBase) {
    return url == params[pattern.substr(1, pattern.size() - 2)].string_or("");
  }
  if (pattern.starts_with(kBase)) {
    if (!url.starts_with(base)) return false;
    url.remove_prefix(base.size());
    pattern.remove_prefix(kBase.size());
  }
  url = url.substr(0, url.find('?'));
  while (!pattern.empty()) {
    if (pattern.front() == '{') {
      const std::size_t close = pattern.find('}');
      if (close == std::string_view::npos) return false;
      pattern.remove_prefix(close + 1);
      const std::size_t segment = std::min(url.find('/'), url.size());
      if (segment == 0) return false;
      url.remove_prefix(segment);
      continue;
    }
    if (url.empty() || url.front() != pattern.front()) return false;
    url.remove_prefix(1);
    pattern.remove_prefix(1);
  }
  return url.empty();
}

Status guard(const HttpRequest& request, const ActionSpec& action, const Connector& connector,
             const Value& params, GuardMode mode) {
  const auto* const declared_by_others = dynamic_cast<const DeclaredConnection*>(&connector);
  if (declared_by_others != nullptr) {
    const Status fits =
        guard_declared(request, action, *declared_by_others, connector.base_url(), mode);
    if (!fits) return fits;
  }
  if (only_reads(request)) {
    if (!allowed(request.effect, mode))
      return refused(request, action, "this run sends reads alone");
    return ok();
  }
  if (request.effect == Effect::read && declared_by_others == nullptr)
    return refused(request, action, "it is declared a read");
  const std::string base = connector.base_url();
  const bool declared =
      std::any_of(action.requests.begin(), action.requests.end(), [&](const RequestTemplate& row) {
        return row.method == request.method && row.effect >= request.effect &&
               fits_template(request.url, row.url, base, params);
      });
  if (!declared) return refused(request, action, "no request of its table fits");
  if (!allowed(request.effect, mode))
    return refused(request, action, "this run sends none that change anything");
  return ok();
}

}  // namespace quell
