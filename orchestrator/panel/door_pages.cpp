#include "orchestrator/panel/door_pages.h"

#include <array>

#include "orchestrator/panel/components.h"

namespace quell::panel {
namespace {

constexpr std::array<std::string_view, 5> kRoles{"viewer", "responder", "approver", "author",
                                                 "admin"};

Markup alarm(const std::string& problem) {
  return problem.empty() ? Markup() : html(R"(<p class="oops" role="alert">{}</p>)", problem);
}

Markup role_boxes() {
  Markup boxes;
  for (const std::string_view role : kRoles) {
    boxes +=
        html(R"(<label class="pick"><input type="checkbox" name="role.{}" value="on"> {}</label> )",
             role, role);
  }
  return html(R"(<fieldset class="field"><legend>Roles</legend>{}</fieldset>)", boxes);
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

Markup table(std::string_view name, const std::vector<std::string_view>& heads,
             const Markup& rows) {
  Markup columns;
  for (const std::string_view head : heads) columns += html(R"(<th scope="col">{}</th>)", head);
  return html(
      R"(<div class="card scroll" role="region" tabindex="0" aria-label="{}"><table class="list"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>)",
      name, columns, rows);
}

}  // namespace

Page sign_in_page(const std::string& next, const std::string& problem) {
  Page page{.title = "Sign in"};
  page.head = html("<h1>Sign in</h1>");
  page.body = alarm(problem);
  page.body += html(
      R"(<form class="card pad" method="post" action="/login"><input type="hidden" name="next" value="{}">{}{}<p class="btns field"><button class="go" type="submit">Sign in</button></p></form><p class="soft small">No account: an admin makes one with quell user add.</p>)",
      next, field({.name = "name", .label = "Name", .required = true, .autocomplete = "username"}),
      field({.name = "password",
             .label = "Password",
             .type = "password",
             .required = true,
             .autocomplete = "current-password"}));
  return page;
}

Page setup_page(const std::string& problem, const std::string& code) {
  Page page{.title = "Set up quell"};
  page.head = html("<h1>Who is the first admin?</h1>");
  page.body = alarm(problem);
  page.body += html(
      R"(<form class="card pad" method="post" action="/setup">{}{}{}{}<p class="btns field"><button class="go" type="submit">Make the first admin</button></p></form>)",
      field({.name = "code",
             .label = "Code",
             .value = code,
             .hint = "What stands behind # in the link that quell serve printed; it works once, "
                     "for 15 minutes.",
             .required = true}),
      field({.name = "name", .label = "Your name", .required = true, .autocomplete = "username"}),
      field({.name = "password",
             .label = "A password",
             .type = "password",
             .hint = "12 to 128 characters",
             .required = true,
             .autocomplete = "new-password"}),
      field({.name = "again",
             .label = "The password again",
             .type = "password",
             .required = true,
             .autocomplete = "new-password"}));
  return page;
}

Page confirm_page(const std::string& next, const std::string& problem, const Frame& frame) {
  Page page{.title = "Your password again", .section = Section::access};
  page.head = html("<h1>Your password again</h1>");
  Markup inside = alarm(problem);
  inside += html(R"(<input type="hidden" name="next" value="{}">)", next);
  inside += field({.name = "password",
                   .label = "Password",
                   .type = "password",
                   .hint = "What you want to do asks for it within the last five minutes.",
                   .required = true,
                   .autocomplete = "current-password"});
  page.body =
      html(R"(<div class="card pad">{}</div>)", act("/confirm", frame.viewer, inside, "Go on"));
  return page;
}

Page refusal_page(int status, const std::string& sentence, const std::string& hint) {
  Page page{.title = std::to_string(status)};
  page.head = html("<h1>{}</h1>", sentence);
  page.body = html(R"(<p>{}</p><p><a href="/">Now</a></p>)", hint);
  return page;
}

Page access_page(const std::vector<PersonLine>& people, const std::vector<TokenLine>& tokens,
                 const std::vector<SessionLine>& sessions, const std::string& shown_once,
                 const std::string& problem, const Frame& frame) {
  Page page{.title = "Access", .section = Section::access};
  page.head = html("<h1>{} may sign in.</h1>",
                   counted(static_cast<std::int64_t>(people.size()), "person", "people"));
  if (!frame.viewer.has_role("admin")) {
    page.body = html(R"(<p class="card pad">Admins may see and change this. You are {}.</p>)",
                     joined(frame.viewer.roles));
    return page;
  }
  page.body = alarm(problem);
  if (!shown_once.empty()) {
    page.body += html(
        R"(<section class="say unproved" aria-label="New token"><p class="first">This token is shown once.</p><p class="id">{}</p></section>)",
        shown_once);
  }
  Markup rows;
  for (const PersonLine& person : people) {
    const Markup remove =
        person.name == frame.viewer.name
            ? html("you")
            : act("/access/users/remove", frame.viewer,
                  html(R"(<input type="hidden" name="name" value="{}">)", person.name),
                  "Remove " + person.name);
    rows += html(R"(<tr><th scope="row">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>)",
                 person.name, joined(person.roles), person.can_sign_in ? "yes" : "no password",
                 time_of_day(person.since, frame.now), remove);
  }
  page.body += section("people", "People", Markup(),
                       table("People", {"Name", "Roles", "Signs in", "Since", ""}, rows));
  Markup add = field({.name = "name", .label = "Name", .required = true});
  add += role_boxes();
  add += field({.name = "password",
                .label = "First password",
                .type = "password",
                .hint = "12 to 128 characters; they can change it",
                .required = true,
                .autocomplete = "new-password"});
  page.body += section("add", "Let somebody in", Markup(),
                       html(R"(<div class="card pad">{}</div>)",
                            act("/access/users/add", frame.viewer, add, "Let them in")));
  rows = Markup();
  for (const TokenLine& token : tokens) {
    const Markup revoke =
        token.is_live ? act("/access/tokens/revoke", frame.viewer,
                            html(R"(<input type="hidden" name="token" value="{}">)", token.id),
                            "Revoke " + token.id)
                      : Markup();
    rows += html(
        R"(<tr><th scope="row" class="id">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>)",
        token.id, token.name, token.role, token.state, token.last_used, revoke);
  }
  page.body += section(
      "tokens", "API tokens", Markup(),
      tokens.empty() ? empty_state("No program has a token.")
                     : table("API tokens", {"Id", "For", "Role", "State", "Last used", ""}, rows));
  Markup make =
      field({.name = "name", .group = "token-", .label = "What it is for", .required = true});
  make += html(
      R"(<div class="field"><label for="f-role">Role</label><select id="f-role" name="role"><option value="viewer">viewer</option><option value="responder">responder</option></select></div>)");
  make += field({.name = "days", .label = "Days it lives, 1 to 90", .value = "30"});
  make += field({.name = "networks",
                 .label = "Networks it comes from",
                 .hint = "CIDRs with commas between; empty: from anywhere"});
  page.body += section("make", "Make a token", Markup(),
                       html(R"(<div class="card pad">{}</div>)",
                            act("/access/tokens/add", frame.viewer, make, "Make a token")));
  rows = Markup();
  for (const SessionLine& session : sessions) {
    rows +=
        html(R"(<tr><th scope="row">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>)",
             session.name, session.address, session.agent, time_of_day(session.since, frame.now),
             act("/access/sessions/end", frame.viewer,
                 html(R"(<input type="hidden" name="session" value="{}">)", session.id),
                 "Sign out " + session.id));
  }
  page.body += section("sessions", "Signed in", Markup(),
                       table("Sessions", {"Name", "From", "Browser", "Since", ""}, rows));
  return page;
}

}  // namespace quell::panel
