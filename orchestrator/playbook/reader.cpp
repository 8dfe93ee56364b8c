#include "orchestrator/playbook/reader.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/playbook/fields.h"
#include "orchestrator/playbook/inputs.h"
#include "orchestrator/playbook/rules.h"
#include "orchestrator/playbook/steps.h"
#include "state/base/sha256.h"

namespace quell {
namespace {

constexpr std::int64_t kLanguageVersion = 1;
constexpr std::int64_t kWatchBudgetMax = 6'000;  // requests per minute
const std::vector<std::string> kReopenWords{"credential_created", "session_started",
                                            "token_accepted", "memory_poisoned"};

void read_identity(Findings& findings, Fields& fields, std::string_view file, Playbook& playbook) {
  if (const YamlNode* const version = fields.need("quell");
      version != nullptr && (version->kind != YamlNode::Kind::integer ||
                             version->text != fmt::format("{}", kLanguageVersion))) {
    findings.error(*version, "bad-version",
                   fmt::format("this is no playbook of version {}", kLanguageVersion),
                   fmt::format("write quell: {}", kLanguageVersion));
  }
  if (const YamlNode* const id = fields.need("id")) {
    playbook.id = read_text(findings, *id, "id").value_or("");
    const bool spelled =
        !playbook.id.empty() && std::all_of(playbook.id.begin(), playbook.id.end(), [](char c) {
          return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        });
    if (id->kind == YamlNode::Kind::string && !spelled) {
      findings.error(*id, "bad-id", "the id of a playbook is made of a-z, 0-9 and -",
                     "it is also the name of its file");
    } else if (spelled && playbook.id != file_stem(file)) {
      findings.error(*id, "bad-id",
                     fmt::format("the id is \"{}\" and the file is \"{}\"", playbook.id,
                                 shown(file_stem(file))),
                     fmt::format("name the file {}.yaml, or change the id", playbook.id));
    }
  }
  fields.need("title");
  playbook.title = fields.line("title").value_or("");
  fields.need("purpose");
  playbook.purpose = fields.line("purpose").value_or("");
}

void read_settings(Findings& findings, const YamlNode& node, Values& values, Playbook& playbook) {
  Fields fields(findings, node, "settings", {"run_timeout", "slo", "lock", "accept"});
  if (node.kind != YamlNode::Kind::map) return;
  playbook.run_timeout = fields.duration("run_timeout", {.min = Duration{1'000}});
  if (const YamlNode* const slo = fields.get("slo")) {
    Fields goals(findings, *slo, "slo", {"contain", "prove"});
    if (slo->kind == YamlNode::Kind::map) {
      playbook.slo_contain = goals.duration("contain");
      playbook.slo_prove = goals.duration("prove");
    }
  }
  if (const YamlNode* const lock = fields.get("lock")) {
    playbook.lock = values.text(*lock, "lock", Locals{});
  }
  playbook.accept = fields.word_list("accept", overrides());
}

void read_watch(Findings& findings, const YamlNode& node, Playbook& playbook) {
  Fields fields(findings, node, "watch", {"every", "for", "budget", "reopen_on"});
  if (node.kind != YamlNode::Kind::map) return;
  WatchSpec watch;
  watch.every = fields.duration("every", {.min = Duration{1'000}}).value_or(watch.every);
  fields.need("for");
  watch.span = fields.duration("for").value_or(watch.span);
  watch.budget = static_cast<int>(
      fields.whole("budget", {.min = 1, .max = kWatchBudgetMax}).value_or(watch.budget));
  watch.reopen_on = fields.word_list("reopen_on", kReopenWords);
  playbook.watch = std::move(watch);
}

}  // namespace

std::string_view file_stem(std::string_view file) noexcept {
  if (const std::size_t slash = file.rfind('/'); slash != std::string_view::npos) {
    file.remove_prefix(slash + 1);
  }
  return file.substr(0, file.rfind('.'));
}

// A call reads another playbook; calls are at most kCallDepthMax deep.
Playbook read_playbook(  // NOLINT(misc-no-recursion)
    const YamlNode& root, std::string_view source, std::string_view file, Callees& callees,
    Findings& findings, std::vector<UseFact>* uses) {
  Playbook playbook;
  playbook.source = source;
  playbook.sha256 = sha256_hex(source);
  playbook.file = file;
  Fields fields(findings, root, "a playbook",
                {"quell", "id", "title", "purpose", "inputs", "settings", "steps", "verify",
                 "watch", "finally"});
  if (root.kind != YamlNode::Kind::map) return playbook;
  read_identity(findings, fields, file, playbook);
  if (const YamlNode* const inputs = fields.get("inputs")) {
    playbook.inputs = read_inputs(findings, *inputs);
  }
  const YamlNode* const steps = fields.need("steps");
  const YamlNode* const last = fields.get("finally");
  PlaybookScope scope(findings.source(), playbook.inputs, steps, last);
  StepReader reader(findings, callees, scope);
  const YamlNode* const settings = fields.get("settings");
  if (settings != nullptr) read_settings(findings, *settings, reader.values(), playbook);
  if (steps != nullptr) playbook.steps = reader.read_steps(*steps, "steps");
  if (const YamlNode* const verify = fields.get("verify")) {
    playbook.verify = reader.read_postconditions(*verify);
  }
  if (const YamlNode* const watch = fields.get("watch")) read_watch(findings, *watch, playbook);
  if (last != nullptr) {
    reader.begin_finally();
    playbook.finally_steps = reader.read_steps(*last, "finally");
  }
  check_rules(findings, reader.uses(), settings == nullptr ? nullptr : settings->find("accept"),
              playbook);
  playbook.called = reader.called();
  if (uses != nullptr) *uses = reader.uses();
  return playbook;
}

}  // namespace quell
