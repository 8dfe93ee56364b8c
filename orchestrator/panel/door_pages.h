#pragma once

#include <string>
#include <vector>

#include "orchestrator/panel/page.h"

namespace quell::panel {

// Pages for people who are not signed in; render_outside() makes documents of them.

/// `next`: the path that they wanted; `problem` stands above the form, empty without one.
Page sign_in_page(const std::string& next, const std::string& problem);
/// The first admin sets quell up with the code of the link.
Page setup_page(const std::string& problem, const std::string& code = {});
/// The password once more; of a signed-in person.
Page confirm_page(const std::string& next, const std::string& problem, const Frame& frame);
/// A sentence, what to do about it, and the id of the request.
Page refusal_page(int status, const std::string& sentence, const std::string& hint);

struct PersonLine {
  std::string name{};
  std::vector<std::string> roles{};
  bool can_sign_in = false;
  Timestamp since{};
};
struct TokenLine {
  std::string id{};
  std::string name{};
  std::string role{};
  std::string state{};  // `until 2026-12-01`, `revoked`, `expired`
  bool is_live = false;
  std::string last_used{};
};
struct SessionLine {
  std::string id{};
  std::string name{};
  std::string address{};
  std::string agent{};
  Timestamp since{};
};

/// Who may do what? `shown_once`: a token that has just been made; empty otherwise.
Page access_page(const std::vector<PersonLine>& people, const std::vector<TokenLine>& tokens,
                 const std::vector<SessionLine>& sessions, const std::string& shown_once,
                 const std::string& problem, const Frame& frame);

}  // namespace quell::panel
