#include <algorithm>

#include "orchestrator/engine/step_walk.h"
#include "orchestrator/panel/components.h"
#include "orchestrator/panel/office_pages.h"
#include "orchestrator/panel/text_diff.h"

namespace quell::panel {
namespace {

/// Names may hold what reads as an expression; a line without one says how, not what.
bool has_expression(const DiffLine& line) {
  return line.text.find("${") != std::string::npos || line.text.find(" when:") != std::string::npos;
}

Markup diff_rows(const std::vector<const DiffLine*>& lines) {
  Markup rows;
  for (const DiffLine* line : lines) {
    const bool is_new = line->kind == DiffLine::Kind::added;
    rows += html(
        R"(<div class="{}"><span class="ln">{}</span><span class="sg"><span aria-hidden="true">{}</span><span class="sr">{}: </span></span><span class="tx">{}</span></div>)",
        is_new ? "add" : "del", line->number, is_new ? "+" : "-", is_new ? "now" : "then",
        line->text);
  }
  return html(
      R"(<div class="card pad diff" role="region" tabindex="0" aria-label="Changed lines">{}</div>)",
      rows);
}

/// What has changed since the last run: lines with an expression in them, the rest on demand.
Markup changes_since(const PlaybookView& view) {
  if (view.last_run.empty())
    return empty_state("No run has worked by it yet, so there is nothing to compare with.");
  const Markup run = html(R"(<a class="id" href="/runs/{}">{}</a>)", view.last_run, view.last_run);
  if (view.last_text == view.source)
    return html(R"(<p class="card pad soft">The last run, {}, worked by this very text.</p>)", run);
  const std::vector<DiffLine> lines = diff_lines(view.last_text, view.source);
  std::vector<const DiffLine*> telling;
  std::vector<const DiffLine*> rest;
  for (const DiffLine& line : lines) (has_expression(line) ? telling : rest).push_back(&line);
  Markup body = html(
      R"(<p class="soft">{} with an expression since {}; a run goes on by the text that it began with.</p>)",
      counted(static_cast<std::int64_t>(telling.size()), "changed line", "changed lines"), run);
  if (!telling.empty()) body += diff_rows(telling);
  if (!rest.empty()) {
    body += html(
        R"(<details><summary>{} without one</summary>{}</details>)",
        counted(static_cast<std::int64_t>(rest.size()), "changed line", "changed lines"),
        diff_rows(rest));
  }
  return body;
}

std::string line_of(const std::string& source, int number) {
  std::size_t at = 0;
  for (int line = 1; line < number && at != std::string::npos; ++line) {
    at = source.find('\n', at);
    if (at != std::string::npos) ++at;
  }
  if (at == std::string::npos) return {};
  return source.substr(at, std::min<std::size_t>(source.find('\n', at) - at, 200));
}

Markup findings_list(const std::vector<Diagnostic>& findings, const std::string& source) {
  Markup rows;
  for (const Diagnostic& finding : findings) {
    const bool is_error = finding.severity == Diagnostic::Severity::error;
    rows += html(
        R"(<li><div><h3>{} {}</h3><p>Line {}, column {} <span class="id">[{}]</span></p><pre tabindex="0" role="region" aria-label="Line {}">{}</pre>{}</div></li>)",
        chip(is_error ? Shape::refuted : Shape::unproved, is_error ? "error" : "warning"),
        finding.message, finding.at.line, finding.at.column, finding.code, finding.at.line,
        line_of(source, finding.at.line),
        finding.hint.empty() ? Markup() : html(R"(<p class="soft">{}</p>)", finding.hint));
  }
  return html(R"(<ol class="card rows todo findings">{}</ol>)", rows);
}

Markup steps_table(const Playbook& playbook, const ConnectorSet& connectors) {
  Markup steps;
  for_each_step(playbook.steps, [&](const Step& step) {
    const auto* const use = std::get_if<UseStep>(&step.kind);
    const ActionSpec* const spec =
        use == nullptr ? nullptr : find_action(connectors, use->connection, use->action);
    const std::string what = spec == nullptr ? std::string() : use->connection + "." + use->action;
    steps += html(
        R"(<tr><th scope="row"><span class="id">{}</span></th><td class="id">{}</td><td>{}</td><td>{}</td></tr>)",
        step.id, what, spec == nullptr ? std::string_view("-") : quell::to_string(spec->effect),
        step.irreversible ? "cannot be undone" : "");
  });
  return html(
      R"(<div class="card scroll" role="region" tabindex="0" aria-label="Steps"><table class="list"><thead><tr><th scope="col">Step</th><th scope="col">Does</th><th scope="col">Effect</th><th scope="col">Undo</th></tr></thead><tbody>{}</tbody></table></div>)",
      steps);
}

std::string found_in(const std::vector<Diagnostic>& findings) {
  const auto errors = std::count_if(findings.begin(), findings.end(), [](const Diagnostic& one) {
    return one.severity == Diagnostic::Severity::error;
  });
  return counted(errors, "error", "errors") + ", " +
         counted(static_cast<std::int64_t>(findings.size()) - errors, "warning", "warnings");
}

}  // namespace

Page playbook_page(const PlaybookView& view, const ConnectorSet& connectors, const Frame& frame) {
  static_cast<void>(frame);
  const Playbook* const playbook = view.playbook;
  Page page{.title = playbook != nullptr ? playbook->title : view.id + " does not load",
            .section = Section::playbooks};
  page.head = html(
      R"(<p class="crumb"><a href="/playbooks">Playbooks</a> / <span class="id">{}</span></p><h1>{}</h1>)",
      view.id, page.title);
  if (playbook != nullptr) {
    page.head += html(
        R"(<p class="lede">{}</p><p class="meta"><a class="btn" href="/start/{}">Start</a><span class="id">SHA-256 {}</span></p>)",
        playbook->purpose, view.id, playbook->sha256.substr(0, 16));
  }
  if (!view.findings.empty())
    page.body += section("findings", "What the check says", html("{}", found_in(view.findings)),
                         findings_list(view.findings, view.source));
  if (playbook != nullptr)
    page.body += section("steps", "Steps", Markup(), steps_table(*playbook, connectors));
  page.body += section("changes", "Since the last run", Markup(), changes_since(view));
  page.body += section(
      "source", "As written", Markup(),
      html(R"(<pre class="card pad" tabindex="0" role="region" aria-label="Source">{}</pre>)",
           view.source));
  return page;
}

Page check_page(const CheckedText* checked, const Frame& frame) {
  Page page{.title = "Check a playbook", .section = Section::playbooks};
  const std::string sentence = checked == nullptr         ? "Is this text a playbook?"
                               : checked->summary.empty() ? "No: " + found_in(checked->findings) + "."
                                                          : "Yes: " + checked->summary + ".";
  page.head = html(
      R"(<p class="crumb"><a href="/playbooks">Playbooks</a> / check</p><h1>{}</h1><p class="lede">Nothing is kept and nothing runs.</p>)",
      sentence);
  if (!frame.viewer.has_role("author")) {
    page.body = html(R"(<p class="card pad">Authors may do this. You are not one.</p>)");
    return page;
  }
  page.status = sentence;
  if (checked != nullptr && !checked->findings.empty())
    page.body = section("findings", "What the check says", html("{}", found_in(checked->findings)),
                        findings_list(checked->findings, checked->source));
  const Markup text = html(
      R"(<div class="field"><label for="f-source">The playbook as YAML</label><textarea id="f-source" name="source" rows="24" spellcheck="false" required>{}</textarea></div>)",
      checked == nullptr ? std::string() : checked->source);
  page.body +=
      html(R"(<div class="card pad wide">{}</div>)", act("/check", frame.viewer, text, "Check it"));
  return page;
}

}  // namespace quell::panel
