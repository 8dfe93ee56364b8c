#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/panel/html.h"
#include "state/base/clock.h"

namespace quell::panel {

/// The person who looks.
struct Viewer {
  std::string name{};
  std::vector<std::string> roles{};  // viewer, responder, approver, author, admin
  Timestamp signed_in_until{};
  Timestamp confirmed_at{};  // when they last gave their password
  std::string csrf{};        // goes into every form, as the hidden field `csrf`

  bool has_role(std::string_view role) const noexcept;
};

/// True for responders, approvers and admins.
bool may_answer(const Viewer& viewer) noexcept;

/// What stands around every page.
struct Frame {
  Viewer viewer{};
  Timestamp now{};
  std::string place{};         // of the daemon, as the configuration names it; may be empty
  std::int64_t decisions = 0;  // that need a person
  std::string disarmed{};      // who switched changes off and why, in a sentence; empty: nobody
  std::string record{};        // a sentence on the journal for the foot of the page
};

/// Which entry of the navigation is the present one.
enum class Section : std::uint8_t {
  none,
  now,
  start,
  alerts,
  runs,
  radius,
  playbooks,
  preflight,
  drills,
  journal,
  access
};

/// One page: what differs from the others.
struct Page {
  std::string title{};  // says what the h1 says; " - quell" is added
  Section section = Section::none;
  Markup head{};         // inside <header class="head">: crumb, h1, meta
  Markup body{};         // the rest of <main>
  std::string status{};  // for role="status"; may be empty
  Markup bottom_bar{};   // `.bound`: a deadline and a link, never an act; may be empty
  std::string live{};    // URL path of the event stream that tells when to look again; may be empty
  bool is_drill = false;  // what it tells happened in the range
};

/// The whole document, navigation included.
std::string render(const Page& page, const Frame& frame);
/// A document without navigation, for people who are not signed in: set-up, sign-in, refusals.
std::string render_outside(const Page& page, Timestamp now);

}  // namespace quell::panel
