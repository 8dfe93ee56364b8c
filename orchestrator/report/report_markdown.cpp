#include <algorithm>
#include <functional>
#include <string_view>

#include <fmt/format.h>

#include "orchestrator/report/report.h"
#include "state/base/bytes.h"

namespace quell {
namespace {

/// A code span: longer fences than any run of backticks inside.
std::string span(std::string_view text) {
  const std::string shown = escape_untrusted(text);
  std::size_t longest = 0;
  std::size_t now = 0;
  for (const char c : shown) {
    now = c == '`' ? now + 1 : 0;
    longest = std::max(longest, now);
  }
  const std::string fence(longest + 1, '`');
  if (shown.empty()) return "(none)";
  // A blank inside the fence is taken off again where both sides have one.
  return longest == 0 ? fence + shown + fence : fence + " " + shown + " " + fence;
}

std::string span_of(const Value& value) { return span(value.string_or("")); }

std::string time_of(const Value& value) {
  return value.is_timestamp() ? format_rfc3339(value.as_timestamp()) : "(none)";
}

void section(std::string& out, std::string_view title, const Value& rows, std::string_view none,
             const std::function<std::string(const Value&)>& line) {
  out += fmt::format("\n## {}\n\n", title);
  if (rows.list_or_empty().empty()) out += fmt::format("{}\n", none);
  for (const Value& row : rows.list_or_empty()) out += "- " + line(row) + "\n";
}

std::string place_line(const Value& row) {
  std::string text = span_of(row["what"]);
  if (row["name"].is_string()) text += " " + span_of(row["name"]);
  return text + ": " + span_of(row["reason"]);
}

std::string claim_line(const Value& claim) {
  std::string text = fmt::format("**{}** {}, {}: {}", claim["verdict"].string_or(""),
                                 claim["grade"].string_or(""), claim["plane"].string_or(""),
                                 span_of(claim["subject"]));
  for (const Value& proof : claim["proof"].list_or_empty()) text += "; " + span_of(proof);
  return text;
}

std::string exposure_line(const Value& claim) {
  const Value& residual = claim["residual"];
  const bool ends = residual["until"].is_timestamp();
  return fmt::format("{} ({}): {}; {}", span_of(claim["subject"]), claim["plane"].string_or(""),
                     ends ? "at worst until " + time_of(residual["until"]) : "no end known",
                     span_of(residual["reason"]));
}

std::string evidence_line(const Value& kept) {
  const auto number = [&](std::string_view name) { return kept[name].int_or(0); };
  return fmt::format(
      "{}: {} files, {} records, {} events of {} threads, {} advisor messages ({} redacted by the "
      "platform), {} memory versions, {} shapes of tokens, {}, digest {}",
      span_of(kept["step"]), number("files_total"), number("records"), number("events"),
      number("threads"), number("advisor_messages"), number("advisor_redacted"),
      number("memory_versions"), number("token_shapes"),
      kept["whole"].bool_or(false) ? "whole" : "NOT whole", span_of(kept["digest"]));
}

}  // namespace

std::string report_markdown(const Value& document) {
  const std::string result = document["result"].string_or("unfinished");
  const bool is_real = document["origin"].string_or("") == "outside";
  std::string out = fmt::format("# {}: {}{}\n\n", span_of(document["run"]), result,
                                is_real ? "" : " (" + document["origin"].string_or("") + ")");
  out += fmt::format("{}, playbook {}, incident {}\n\n", span_of(document["title"]),
                     span_of(document["playbook"]), span_of(document["incident"]));
  out += fmt::format("- started {} by {}\n- finished {}\n- as of entry {}\n",
                     time_of(document["started_at"]), span_of(document["started_by"]),
                     time_of(document["finished_at"]), span_of(document["as_of"]["head"]));
  section(out, "Handover", document["handover"], "Nothing to hand over.", span_of);
  out += "\n## Claims by plane\n\n| plane | proved | refuted | unproved |\n|---|---|---|---|\n";
  for (const Value& plane : document["planes"].list_or_empty()) {
    out += fmt::format("| {} | {} | {} | {} |\n", plane["plane"].string_or(""),
                       plane["proved"].int_or(0), plane["refuted"].int_or(0),
                       plane["unproved"].int_or(0));
  }
  const bool claims = !document["claims"].list_or_empty().empty();
  section(out, "Residual exposure", document["exposures"],
          claims ? "Every claim is proved." : "Nothing was claimed, so nothing is proved.",
          exposure_line);
  section(out, "Open items", document["open_items"], "Nothing is open.", place_line);
  section(out, "Not seen", document["not_seen"], "Nothing is known to be out of sight.",
          place_line);
  section(out, "Proofs", document["claims"], "Nothing was claimed.", claim_line);
  section(out, "Approvals", document["approvals"],
          document["approved_in_advance"].bool_or(false)
              ? "Approved in advance by whoever began it."
              : "Nobody approved anything.",
          [](const Value& given) {
            return fmt::format("{} {} by {}, plan {}", time_of(given["at"]),
                               span_of(given["step"]), span_of(given["who"]),
                               span(given["digest"].string_or("").substr(0, 12)));
          });
  if (document["approved_by_one_person"].bool_or(false)) out += "\n**Approved by one person.**\n";
  section(out, "Left out", document["exclusions"], "Nothing was left out.", place_line);
  section(out, "Undo", document["undo"], "Nothing of it can be lifted.", place_line);
  section(out, "Evidence", document["evidence"], "None was collected.", evidence_line);
  section(out, "Notes", document["notes"], "None.", [](const Value& note) {
    return fmt::format("{} {}: {}", time_of(note["at"]), span_of(note["who"]),
                       span_of(note["text"]));
  });
  section(out, "Timeline", document["timeline"], "Nothing happened.", [](const Value& row) {
    return time_of(row["at"]) + " " + span_of(row["what"]);
  });
  if (const std::int64_t more = document["timeline_left_out"].int_or(0); more > 0)
    out += fmt::format("- {} more in journal.jsonl\n", more);
  return out;
}

}  // namespace quell
