#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "orchestrator/panel/html.h"
#include "orchestrator/panel/page.h"
#include "state/base/clock.h"
#include "state/base/result.h"

namespace quell::panel {

/// The shapes of verdicts; each has a word beside it, since no colour stands alone.
enum class Shape : std::uint8_t { proved, refuted, unproved, working, waiting, skipped, predicted };
std::string_view to_string(Shape shape) noexcept;

/// The symbols that glyph() uses; once a page.
Markup sprite();
Markup glyph(Shape shape);
/// Shape and word in a line, or as a pill.
Markup chip(Shape shape, std::string_view words);
Markup pill(Shape shape, std::string_view words);
/// The verdict of a page: its first sentence, then more of them.
Markup banner(Shape shape, std::string_view first, const std::vector<Markup>& more);

/// `02:58:10Z`, with the date when it is not that of `now`.
Markup time_of_day(Timestamp time, Timestamp now);
/// The same and `, in 10 min 58 s` or `, 14 s ago`.
Markup time_and_distance(Timestamp time, Timestamp now);
/// `in 10 min 58 s`, counted down by the page's module.
Markup countdown(Timestamp until, Timestamp now);
/// `16:04`; the page's module counts on from there while `runs`.
Markup running_clock(Timestamp since, Timestamp now, bool runs);

/// `1 session`, `12,400 sessions`, `no sessions`.
std::string counted(std::int64_t number, std::string_view one, std::string_view many);
std::string grouped(std::int64_t number);

/// An id in its own type.
Markup id(std::string_view text);
/// A path that may break before each slash.
Markup breakable(std::string_view path);
/// Sixteen hex digits in fours, to be read aloud.
std::string in_fours(std::string_view digest);

Markup csrf_field(const Viewer& viewer);
/// A labelled field; `hint` and `error` may be empty.
struct Field {
  std::string_view name{};
  std::string_view group{};  // sets it apart from a field of the same name in another form
  std::string_view label{};
  std::string_view type = "text";
  std::string value{};  // never of a password
  std::string_view hint{};
  std::string error{};
  bool required = false;
  std::string_view autocomplete = "off";
};
Markup field(const Field& field);

/// A form with one button: `action` gets csrf and what `inside` holds.
Markup act(std::string_view action, const Viewer& viewer, const Markup& inside,
           std::string_view button, bool is_grave = false);

/// A section with a heading.
Markup section(std::string_view id, std::string_view heading, const Markup& aside,
               const Markup& body);
/// What stands where there is nothing.
Markup empty_state(std::string_view sentence);

}  // namespace quell::panel
