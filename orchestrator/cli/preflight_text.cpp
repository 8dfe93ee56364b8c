#include "orchestrator/cli/preflight_text.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "orchestrator/cli/run_text.h"
#include "state/base/secret.h"

namespace quell::cli {
namespace {

/// A clock that is so far off makes signatures, horizons and replay windows wrong.
constexpr double kClockOffMax = 30;

std::string text_of(const Value& value) { return shown(value.string_or("")); }

/// `ready`, `! slow death`, `✗ no client`, `? unreachable`; only what is not ready is coloured.
std::string cell(const Stream& stream, const Value& plane) {
  const std::string state = plane["state"].string_or("");
  const std::string word = text_of(plane["missing"]);
  if (state == "ready") return "ready";
  if (state == "missing")
    return stream.paint(std::string(stream.sign("cross")) + " " + word, Colour::red);
  const std::string_view sign = stream.sign(state == "slow" ? "bang" : "question");
  return stream.paint(std::string(sign) + " " + word, Colour::yellow);
}

bool is_ready(const Value& credential) {
  return std::ranges::all_of(std::vector<std::string_view>{"holder", "issuer", "runtime"},
                             [&credential](std::string_view plane) {
                               return credential[plane]["state"].string_or("") == "ready";
                             });
}

std::string age_words(const Value& time, Timestamp now) {
  const std::optional<Timestamp> at = parse_rfc3339(time.string_or(""));
  if (!at) return "never";
  const auto days = std::chrono::floor<std::chrono::days>(now - *at).count();
  return days < 1 ? "today" : counted(days, "day");
}

std::string first_lines(const Stream& stream, const Value& document) {
  const Value& platform = document["platform"];
  std::string line = "platform  " + text_of(platform["host"]);
  if (const std::string key = platform["key"].string_or(""); !key.empty())
    line += "  key " + short_fingerprint(key) + " reads";
  const Value& clock = platform["clock_difference_s"];
  if (clock.is_number() || clock.is_int()) {
    const double off = std::abs(clock.is_int() ? static_cast<double>(clock.as_int())
                                               : clock.as_number());
    const std::string words = fmt::format("clock differs by {:.1f} s", off);
    const std::string loud = std::string(stream.sign("bang")) + " " + words;
    line += ", " + (off > kClockOffMax ? stream.paint(loud, Colour::yellow) : words);
  }
  const auto credentials =
      static_cast<std::int64_t>(document["credentials"].list_or_empty().size());
  const double took = document["took_s"].is_number() ? document["took_s"].as_number() : 0;
  line += "\n" + counted(document["vaults"].int_or(0), "vault") + ", " +
          counted(credentials, "active credential") + ", " +
          counted(document["reads"].int_or(0), "read") + " in " +
          format_duration(Duration(static_cast<std::int64_t>(took * 1000))) +
          ", nothing changed\n";
  return line;
}

std::string credential_lines(const Stream& stream, const Value& document, bool all,
                             Timestamp now) {
  std::vector<std::vector<std::string>> rows{
      {"credential", "vault", "name", "holder", "issuer", "runtime", "drill"}};
  std::string details;
  std::int64_t left_out = 0;
  for (const Value& credential : document["credentials"].list_or_empty()) {
    const std::string id = text_of(credential["credential_id"]);
    if (is_ready(credential) && !all) {
      ++left_out;
      continue;
    }
    rows.push_back({id, text_of(credential["vault_id"]), text_of(credential["name"]),
                    cell(stream, credential["holder"]), cell(stream, credential["issuer"]),
                    cell(stream, credential["runtime"]), age_words(credential["last_drill"], now)});
    for (const std::string_view plane : {"holder", "issuer", "runtime"}) {
      if (const std::string detail = text_of(credential[plane]["detail"]); !detail.empty())
        details += "  " + id + "  " + detail + "\n";
    }
  }
  std::string text = rows.size() > 1 ? table(rows, "  ") : "";
  if (left_out > 0) {
    text += rows.size() > 1 ? fmt::format("  {} more {} ready in every plane; --all lists them\n",
                                          with_commas(left_out), left_out == 1 ? "is" : "are")
                            : fmt::format("  {} ready in every plane; --all lists {}\n",
                                          counted(left_out, "credential is", "credentials are"),
                                          left_out == 1 ? "it" : "them");
  }
  return text + details;
}

std::string issuer_lines(const Value& document) {
  std::string text;
  for (const Value& server : document["issuers"].list_or_empty()) {
    std::string lacks;
    for (const Value& what : server["missing"].list_or_empty())
      lacks += (lacks.empty() ? ", missing " : ", ") + what.string_or("");
    const std::string by = text_of(server["chosen_by"]);
    text += "  " + text_of(server["mcp_server_url"]) + "  profile " + text_of(server["profile"]) +
            (by.empty() ? "" : " by " + by) +
            (lacks.empty() ? ", nothing missing" : lacks) + "\n";
  }
  return text.empty() ? text : "issuers\n" + text;
}

std::string key_lines(const Stream& stream, const Value& document) {
  std::string text;
  for (const Value& key : document["keys"].list_or_empty()) {
    const bool grave = key["level"].string_or("") == "red";
    text += stream.paint(std::string(stream.sign(grave ? "cross" : "bang")) + " " +
                             text_of(key["what"]),
                         grave ? Colour::red : Colour::yellow) +
            "; " + text_of(key["remedy"]) + "\n";
  }
  return text;
}

std::string closing_lines(const Stream& stream, const Value& document) {
  std::string text;
  const std::string paragraph = text_of(document["memory"]["paragraph"]);
  if (!paragraph.empty()) text += "memory, for the threat model\n  " + paragraph + "\n";
  std::string doubts;
  for (const Value& doubt : document["not_established"].list_or_empty())
    doubts += (doubts.empty() ? "not established: " : ", ") + text_of(doubt);
  if (!doubts.empty()) text += doubts + "\n";
  const auto all = static_cast<std::int64_t>(document["credentials"].list_or_empty().size());
  const std::int64_t open = document["not_revocable"].int_or(0);
  if (all == 0) return text + "no active credential, so nothing to kill\n";
  if (open == 0)
    return text + fmt::format("all {} could be killed at the issuer today\n",
                              counted(all, "credential"));
  return text + stream.paint(fmt::format("{} of {} could not be killed at the issuer today",
                                         with_commas(open), counted(all, "credential")),
                             Colour::red) +
         "\n";
}

}  // namespace

std::string preflight_text(const Stream& stream, const Value& document, bool all, Timestamp now) {
  return first_lines(stream, document) + credential_lines(stream, document, all, now) +
         issuer_lines(document) + key_lines(stream, document) + closing_lines(stream, document);
}

}  // namespace quell::cli
