#include "orchestrator/panel/preflight_page.h"

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "orchestrator/panel/components.h"

namespace quell::panel {
namespace {

/// Rows of the table; the document behind it has them all.
constexpr std::size_t kRowsMax = 500;

bool is_open(const Value& credential) {
  const std::string state = credential["issuer"]["state"].string_or("");
  return state == "missing" || state == "unknown";
}

/// What is there proves nothing, so it has no colour; what is missing has.
Markup cell(const Value& plane) {
  const std::string state = plane["state"].string_or("");
  if (state == "ready") return html("ready");
  const Shape shape = state == "missing" ? Shape::refuted : Shape::unproved;
  return html("{}<br><span class=\"small\">{}</span>", chip(shape, plane["missing"].string_or("")),
              plane["detail"].string_or(""));
}

Markup when(const Value& time, Timestamp now) {
  const std::optional<Timestamp> at = parse_rfc3339(time.string_or(""));
  return at ? time_and_distance(*at, now) : html("never");
}

Markup row_of(const Value& credential, Timestamp now) {
  return html(
      R"(<tr><th scope="row"><span class="id">{}</span><br>{}</th><td class="id">{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>)",
      credential["credential_id"].string_or(""), credential["name"].string_or(""),
      credential["vault_id"].string_or(""), cell(credential["holder"]), cell(credential["issuer"]),
      cell(credential["runtime"]), when(credential["last_drill"], now));
}

/// Those that could not be killed come first.
Markup table_of(const ValueList& credentials, Timestamp now) {
  Markup rows;
  std::size_t shown = 0;
  for (const bool open : {true, false}) {
    for (const Value& credential : credentials) {
      if (is_open(credential) != open || shown == kRowsMax) continue;
      rows += row_of(credential, now);
      ++shown;
    }
  }
  return html(
      R"(<div class="card scroll" role="region" tabindex="0" aria-label="Credentials"><table class="list"><thead><tr><th scope="col">Credential</th><th scope="col">Vault</th><th scope="col">Holder</th><th scope="col">Issuer</th><th scope="col">Runtime</th><th scope="col">Last drill</th></tr></thead><tbody>{}</tbody></table></div>)",
      rows);
}

Markup list_of(const ValueList& lines) {
  Markup items;
  for (const Value& line : lines) items += html("<li>{}</li>", line.string_or(""));
  return html(R"(<ul class="card rows small">{}</ul>)", items);
}

Markup missing_pieces(const Value& counts) {
  Markup items;
  if (counts.is_map()) {
    for (const auto& [word, count] : counts.as_map())
      items += html("<li><b>{}</b>: {}</li>", word,
                    counted(count.int_or(0), "credential", "credentials"));
  }
  return items.empty() ? empty_state("Nothing is missing at any issuer.")
                       : html(R"(<ul class="card rows small">{}</ul>)", items);
}

Markup issuers(const ValueList& servers) {
  Markup rows;
  for (const Value& server : servers) {
    std::string lacks;
    for (const Value& what : server["missing"].list_or_empty())
      lacks += (lacks.empty() ? "" : ", ") + what.string_or("");
    rows += html(
        R"(<tr><th scope="row"><span class="id">{}</span></th><td>{}</td><td>{}</td></tr>)",
        breakable(server["mcp_server_url"].string_or("")), server["profile"].string_or(""),
        lacks.empty() ? "nothing" : lacks);
  }
  return rows.empty()
             ? empty_state("No credential names an MCP server.")
             : html(
                   R"(<div class="card scroll" role="region" tabindex="0" aria-label="Issuers"><table class="list"><thead><tr><th scope="col">MCP server</th><th scope="col">Profile</th><th scope="col">Missing</th></tr></thead><tbody>{}</tbody></table></div>)",
                   rows);
}

Markup keys(const ValueList& findings) {
  Markup items;
  for (const Value& key : findings) {
    const bool grave = key["level"].string_or("") == "red";
    items += html("<li>{} {}</li>", chip(grave ? Shape::refuted : Shape::unproved,
                                         key["what"].string_or("")),
                  key["remedy"].string_or(""));
  }
  return html(R"(<ul class="card rows small">{}</ul>)", items);
}

std::string sentence_of(const Value& preflight) {
  const auto all = static_cast<std::int64_t>(preflight["credentials"].list_or_empty().size());
  const std::int64_t open = preflight["not_revocable"].int_or(0);
  if (all == 0) return "There is no active credential.";
  if (open == 0)
    return "Each of " + counted(all, "credential", "credentials") +
           " could be killed at its issuer today.";
  return grouped(open) + " of " + counted(all, "credential", "credentials") +
         " could not be killed at the issuer today.";
}

Markup results(const Value& preflight, const Frame& frame) {
  const auto& credentials = preflight["credentials"].list_or_empty();
  Markup main = section("credentials", "Credentials",
                        credentials.size() > kRowsMax
                            ? html("{} of {}", kRowsMax, credentials.size())
                            : Markup(),
                        credentials.empty() ? empty_state("No vault holds an active one.")
                                            : table_of(credentials, frame.now));
  main += section("issuers", "Issuers", Markup(), issuers(preflight["issuers"].list_or_empty()));
  Markup rail =
      section("missing", "By missing piece", Markup(), missing_pieces(preflight["by_missing"]));
  const Value& paragraph = preflight["memory"]["paragraph"];
  rail += section("memory", "Memory, for the threat model", Markup(),
                  paragraph.is_string()
                      ? html(R"(<p class="card pad">{}</p>)", paragraph.as_string())
                      : empty_state("Not established: not everything that mounts it is visible."));
  if (const auto& found = preflight["keys"].list_or_empty(); !found.empty())
    rail += section("keys", "Keys of quell's own", Markup(), keys(found));
  rail += section("doubts", "Not established", Markup(),
                  list_of(preflight["not_established"].list_or_empty()));
  return html(R"(<div class="cols"><div>{}</div><div class="rail">{}</div></div>)", main, rail);
}

}  // namespace

Page preflight_page(const Value& answer, const Frame& frame) {
  const Value& preflight = answer["preflight"];
  const bool is_busy = answer["state"].string_or("") == "computing";
  const std::string sentence = preflight.is_map() ? sentence_of(preflight)
                                                  : std::string("No preflight was made yet.");
  Page page{.title = sentence, .section = Section::preflight, .status = sentence};
  if (is_busy) page.live = "poll";
  const Markup made = preflight.is_map()
                          ? html("<span>{}</span>", when(preflight["at"], frame.now))
                          : Markup();
  const std::optional<Timestamp> next = parse_rfc3339(answer["next_at"].string_or(""));
  page.head = html(R"(<h1>{}</h1><p class="meta">{}{}</p>)", sentence, made,
                   next ? html("<span>next {}</span>", time_and_distance(*next, frame.now))
                        : Markup());
  if (answer["state"].string_or("") == "failed")
    page.body += banner(Shape::unproved, "The last try failed, so this is the one before.",
                        {html("{}", answer["error"]["detail"].string_or("")),
                         html("{}", answer["error"]["hint"].string_or(""))});
  if (is_busy) page.body += empty_state("One is being made: reads only.");
  if (!is_busy && may_answer(frame.viewer))
    page.body += act("/preflight", frame.viewer, Markup(), "Look now: reads only");
  if (preflight.is_map()) page.body += results(preflight, frame);
  return page;
}

}  // namespace quell::panel
