#include "orchestrator/panel/components.h"

#include <chrono>

namespace quell::panel {

std::string_view to_string(Shape shape) noexcept {
  switch (shape) {
    case Shape::proved:
      return "proved";
    case Shape::refuted:
      return "refuted";
    case Shape::unproved:
      return "unproved";
    case Shape::working:
      return "working";
    case Shape::waiting:
      return "waiting";
    case Shape::skipped:
      return "skipped";
    case Shape::predicted:
      return "predicted";
  }
  return "";
}

Markup sprite() {
  return html(
      R"(<svg class="sprite" aria-hidden="true" focusable="false"><symbol id="g-proved" viewBox="0 0 16 16"><circle cx="8" cy="8" r="6.5"/><path d="M5 8.2l2.1 2.1L11 6"/></symbol><symbol id="g-refuted" viewBox="0 0 16 16"><path d="M5.2 1.5h5.6l3.7 3.7v5.6l-3.7 3.7H5.2l-3.7-3.7V5.2z" fill="currentColor"/><path class="cut" d="M5.7 5.7l4.6 4.6M10.3 5.7l-4.6 4.6"/></symbol><symbol id="g-unproved" viewBox="0 0 16 16"><path d="M8 1.8L14.8 14H1.2z"/><path d="M8 6.4v3.4M8 11.9v.1"/></symbol><symbol id="g-working" viewBox="0 0 16 16"><path d="M8 1.5A6.5 6.5 0 1 1 1.5 8"/></symbol><symbol id="g-waiting" viewBox="0 0 16 16"><circle cx="8" cy="8" r="6.5"/><path d="M8 4.4V8l2.4 1.5"/></symbol><symbol id="g-skipped" viewBox="0 0 16 16"><path d="M2 2h12v12H2z"/><path d="M5 8h6"/></symbol><symbol id="g-predicted" viewBox="0 0 16 16"><path d="M2 2h12v12H2z" stroke-dasharray="2.5 2"/></symbol><symbol id="g-once" viewBox="0 0 16 16"><path d="M1.5 8h9M7 4.5L10.5 8 7 11.5M14 2.5v11"/></symbol></svg>)");
}

Markup glyph(Shape shape) {
  const std::string_view word = to_string(shape);
  return html(
      R"(<svg class="g {}" viewBox="0 0 16 16" aria-hidden="true"><use href="#g-{}"/></svg>)", word,
      word);
}

Markup chip(Shape shape, std::string_view words) {
  return html(R"(<span class="v {}">{}{}</span>)", to_string(shape), glyph(shape), words);
}

Markup pill(Shape shape, std::string_view words) {
  return html(R"(<span class="v pill {}">{}{}</span>)", to_string(shape), glyph(shape), words);
}

Markup banner(Shape shape, std::string_view first, const std::vector<Markup>& more) {
  Markup lines;
  for (const Markup& line : more) lines += html("<p>{}</p>", line);
  return html(
      R"(<section class="say {}" id="verdict" aria-label="Verdict">{}<p class="first">{}</p>{}</section>)",
      to_string(shape), glyph(shape), first, lines);
}

Markup time_of_day(Timestamp time, Timestamp now) {
  return html(R"(<time datetime="{}">{}</time>)", format_rfc3339(time),
              format_clock_time(time, now));
}

Markup time_and_distance(Timestamp time, Timestamp now) {
  return time > now ? html("{}, {}", time_of_day(time, now), countdown(time, now))
                    : html("{}, {} ago", time_of_day(time, now), format_duration(now - time));
}

Markup countdown(Timestamp until, Timestamp now) {
  return html(R"(<span data-until="{}">in {}</span>)", until.time_since_epoch().count(),
              format_duration(until - now));
}

Markup running_clock(Timestamp since, Timestamp now, bool runs) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - since).count();
  std::string digits = std::to_string(seconds % 60);
  if (digits.size() < 2) digits.insert(0, "0");
  const std::string text = std::to_string(seconds / 60) + ":" + digits;
  return runs ? html(R"(<span data-since="{}">{}</span>)", since.time_since_epoch().count(), text)
              : html("{}", text);
}

std::string grouped(std::int64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string counted(std::int64_t number, std::string_view one, std::string_view many) {
  if (number == 0) return "no " + std::string(many);
  return grouped(number) + " " + std::string(number == 1 ? one : many);
}

Markup id(std::string_view text) { return html(R"(<span class="id">{}</span>)", text); }

Markup breakable(std::string_view path) {
  Markup whole;
  while (!path.empty()) {
    const std::size_t slash = path.find('/', 1);
    whole += html("{}", path.substr(0, slash));
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash);
    if (!path.empty()) whole += html("<wbr>");
  }
  return whole;
}

std::string in_fours(std::string_view digest) {
  std::string text;
  for (std::size_t at = 0; at < 16 && at < digest.size(); at += 4)
    text += (at == 0 ? "" : " ") + std::string(digest.substr(at, 4));
  return text;
}

Markup csrf_field(const Viewer& viewer) {
  return html(R"(<input type="hidden" name="csrf" value="{}">)", viewer.csrf);
}

Markup field(const Field& field) {
  const std::string own = "f-" + std::string(field.group) + std::string(field.name);
  const std::string_view more = field.error.empty() ? field.hint : std::string_view(field.error);
  Markup marks;
  Markup words;
  if (!more.empty()) {
    marks = html(R"( aria-describedby="{}-more")", own);
    words = html(R"(<p class="hint{}" id="{}-more">{}</p>)", field.error.empty() ? "" : " bad", own,
                 more);
  }
  if (!field.error.empty()) marks += html(R"( aria-invalid="true")");
  if (field.required) marks += html(" required");
  return html(
      R"(<div class="field"><label for="{}">{}</label>{}<input id="{}" name="{}" type="{}" value="{}" autocomplete="{}"{}></div>)",
      own, field.label, words, own, field.name, field.type, field.value, field.autocomplete, marks);
}

Markup act(std::string_view action, const Viewer& viewer, const Markup& inside,
           std::string_view button, bool is_grave) {
  return html(
      R"(<form class="act" method="post" action="{}">{}{}<p class="btns stack field"><button{} type="submit">{}</button></p></form>)",
      action, csrf_field(viewer), inside, is_grave ? html(R"( class="kill")") : Markup(), button);
}

Markup section(std::string_view name, std::string_view heading, const Markup& aside,
               const Markup& body) {
  return html(
      R"(<section id="{}" aria-labelledby="h-{}"><div class="bar"><h2 id="h-{}">{}</h2>{}</div>{}</section>)",
      name, name, name, heading, aside.empty() ? aside : html(R"(<p class="soft">{}</p>)", aside),
      body);
}

Markup empty_state(std::string_view sentence) {
  return html(R"(<p class="card pad soft">{}</p>)", sentence);
}

}  // namespace quell::panel
