#include "orchestrator/panel/report_page.h"

#include <functional>
#include <string_view>

#include "state/base/bytes.h"
#include "state/base/sha256.h"

namespace quell::panel {
namespace {

constexpr std::string_view kStyle =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#111;background:#fff}h1{font-size:1.4rem}h2{font-size:1.05rem;margin-top:1.6rem;"
    "border-bottom:1px solid #999}li{margin:.2rem 0;overflow-wrap:anywhere}code{background:#eee;"
    "padding:0 .2em}table{border-collapse:collapse}th,td{border:1px solid #999;padding:.2rem .6rem;"
    "text-align:left}@media print{body{margin:0;max-width:none}}";

std::string time_of(const Value& value) {
  return value.is_timestamp() ? format_rfc3339(value.as_timestamp()) : std::string("none");
}

/// Text from outside, marked as such.
Markup quoted(const Value& value) { return html("<code>{}</code>", value.string_or("")); }

Markup rows_of(std::string_view title, const Value& rows, std::string_view none,
               const std::function<Markup(const Value&)>& line) {
  Markup list;
  for (const Value& row : rows.list_or_empty()) list += html("<li>{}</li>", line(row));
  if (list.empty()) return html("<section><h2>{}</h2><p>{}</p></section>", title, none);
  return html("<section><h2>{}</h2><ul>{}</ul></section>", title, list);
}

Markup place_line(const Value& row) {
  if (row["name"].is_string())
    return html("{} {}: {}", quoted(row["what"]), quoted(row["name"]), quoted(row["reason"]));
  return html("{}: {}", quoted(row["what"]), quoted(row["reason"]));
}

Markup claim_line(const Value& claim) {
  Markup proofs;
  for (const Value& proof : claim["proof"].list_or_empty()) proofs += html("; {}", quoted(proof));
  return html("<strong>{}</strong> {}, {}: {}{}", claim["verdict"].string_or(""),
              claim["grade"].string_or(""), claim["plane"].string_or(""), quoted(claim["subject"]),
              proofs);
}

Markup exposure_line(const Value& claim) {
  const Value& residual = claim["residual"];
  const std::string end = residual["until"].is_timestamp()
                              ? "at worst until " + time_of(residual["until"])
                              : std::string("no end known");
  return html("{} ({}): {}; {}", quoted(claim["subject"]), claim["plane"].string_or(""), end,
              quoted(residual["reason"]));
}

Markup evidence_line(const Value& kept) {
  const auto number = [&](std::string_view name) { return kept[name].int_or(0); };
  return html(
      "{}: {} files, {} records, {} events of {} threads, {} advisor messages ({} redacted by the "
      "platform), {} memory versions, {} shapes of tokens, {}",
      quoted(kept["step"]), number("files_total"), number("records"), number("events"),
      number("threads"), number("advisor_messages"), number("advisor_redacted"),
      number("memory_versions"), number("token_shapes"),
      kept["whole"].bool_or(false) ? "whole" : "not whole");
}

Markup planes_of(const Value& planes) {
  Markup rows;
  for (const Value& plane : planes.list_or_empty())
    rows += html("<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>",
                 plane["plane"].string_or(""), plane["proved"].int_or(0),
                 plane["refuted"].int_or(0), plane["unproved"].int_or(0));
  return html(
      "<section><h2>Claims by plane</h2><table><thead><tr><th>plane</th><th>proved</th>"
      "<th>refuted</th><th>unproved</th></tr></thead><tbody>{}</tbody></table></section>",
      rows);
}

std::string document_title(const Value& document) {
  const std::string origin = document["origin"].string_or("");
  return document["run"].string_or("") + ": " + document["result"].string_or("unfinished") +
         (origin == "outside" ? "" : " (" + origin + ")");
}

Markup sections_of(const Value& document) {
  Markup body = html(
      "<p>{}, playbook {}, incident {}. Started {} by {}, finished {}; as of entry {}.</p>",
      quoted(document["title"]), quoted(document["playbook"]), quoted(document["incident"]),
      time_of(document["started_at"]), quoted(document["started_by"]),
      time_of(document["finished_at"]), quoted(document["as_of"]["head"]));
  body += rows_of("Handover", document["handover"], "Nothing to hand over.", quoted);
  body += planes_of(document["planes"]);
  const bool claims = !document["claims"].list_or_empty().empty();
  body += rows_of("Residual exposure", document["exposures"],
                  claims ? "Every claim is proved." : "Nothing was claimed, so nothing is proved.",
                  exposure_line);
  body += rows_of("Open items", document["open_items"], "Nothing is open.", place_line);
  body += rows_of("Not seen", document["not_seen"], "Nothing is known to be out of sight.",
                  place_line);
  body += rows_of("Proofs", document["claims"], "Nothing was claimed.", claim_line);
  body += rows_of("Approvals", document["approvals"],
                  document["approved_in_advance"].bool_or(false)
                      ? "Approved in advance by whoever began it."
                      : "Nobody approved anything.",
                  [](const Value& given) {
                    return html("{} {} by {}, plan {}", time_of(given["at"]),
                                quoted(given["step"]), quoted(given["who"]),
                                quoted(Value(given["digest"].string_or("").substr(0, 12))));
                  });
  if (document["approved_by_one_person"].bool_or(false))
    body += html("<p><strong>Approved by one person.</strong></p>");
  body += rows_of("Left out", document["exclusions"], "Nothing was left out.", place_line);
  body += rows_of("Undo", document["undo"], "Nothing of it can be lifted.", place_line);
  body += rows_of("Evidence", document["evidence"], "None was collected.", evidence_line);
  body += rows_of("Notes", document["notes"], "None.", [](const Value& note) {
    return html("{} {}: {}", time_of(note["at"]), quoted(note["who"]), quoted(note["text"]));
  });
  body += rows_of("Timeline", document["timeline"], "Nothing happened.", [](const Value& row) {
    return html("{} {}", time_of(row["at"]), quoted(row["what"]));
  });
  if (const std::int64_t more = document["timeline_left_out"].int_or(0); more > 0)
    body += html("<p>{} more in journal.jsonl.</p>", more);
  return body;
}

}  // namespace

std::string report_html(const Value& document) {
  // The policy names the one style by its hash: a text that escaped its quotes could not add one.
  const std::string policy = "default-src 'none'; base-uri 'none'; form-action 'none'; style-src "
                             "'sha256-" +
                             base64_encode(sha256(kStyle)) + "'";
  const std::string title = document_title(document);
  const Markup head = html(
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta "
      "http-equiv=\"Content-Security-Policy\" content=\"{}\"><meta name=\"referrer\" "
      "content=\"no-referrer\"><title>{}</title>",
      policy, title);
  const Markup body =
      html("<body><h1>{}</h1>{}</body></html>\n", title, sections_of(document));
  return head.text() + "<style>" + std::string(kStyle) + "</style></head>" + body.text();
}

Page report_page(const Value& document) {
  const std::string run = document["run"].string_or("");
  Page page{.title = "Report of " + run, .section = Section::runs};
  page.head = html(
      R"(<p class="crumb"><a href="/runs">Runs</a> / <a href="/runs/{}">{}</a> / report</p><h1>{}</h1>)",
      run, run, page.title);
  page.body = html(R"(<div class="card pad">{}</div>)", sections_of(document));
  return page;
}

}  // namespace quell::panel
