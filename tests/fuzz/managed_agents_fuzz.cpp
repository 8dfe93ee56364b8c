// Target: answers of the managed agent platform. The first byte (from 0) chooses the action, the
// second the status; the rest is the bodies, separated by lines `%%`, given in order. After the
// last body the line is dead.

#include <array>
#include <map>
#include <string>
#include <utility>
#include <variant>

#include "connectors/managed_agents/managed_agents_connector.h"
#include "state/base/json.h"
#include "tests/fuzz/target.h"

namespace {

using quell::Result;

constexpr std::string_view kVault = "vlt_1";
constexpr std::string_view kCredential = "vcrd_1";
/// More answers than any list has pages; an action that asks for more never ends.
constexpr int kTurnsMax = 100'000;

constexpr std::array<std::string_view, 18> kActions{"get_credential",
                                                    "find_credentials",
                                                    "blast_radius",
                                                    "credential_is_archived",
                                                    "no_new_session",
                                                    "archive_credential",
                                                    "find_memory_versions",
                                                    "restore_memory",
                                                    "delete_memory",
                                                    "redact_memory_version",
                                                    "memory_is_clean",
                                                    "no_poisoned_memory",
                                                    "memory_version_is_redacted",
                                                    "survey",
                                                    "list_api_keys",
                                                    "api_key_is_inactive",
                                                    "collect_evidence",
                                                    "no_active_deployment"};
constexpr std::array<int, 6> kStatuses{200, 200, 404, 429, 500, 201};

class Bodies {
 public:
  explicit Bodies(std::string_view text) : rest_(text) {}

  Result<quell::HttpResponse> next(int status) {
    if (over_) return quell::make_error(quell::ErrorCode::transient, "the line is dead");
    constexpr std::string_view kMark = "\n%%\n";
    const std::size_t end = std::min(rest_.find(kMark), rest_.size());
    std::string body(rest_.substr(0, end));
    over_ = end == rest_.size();
    rest_.remove_prefix(std::min(end + kMark.size(), rest_.size()));
    quell::HttpResponse response(status, std::move(body));
    response.headers.emplace_back("content-type", "application/json");
    return response;
  }

 private:
  std::string_view rest_;
  bool over_ = false;
};

quell::Value memory_params(std::string_view action) {
  quell::ValueMap params{{"session_ids", quell::Value::list({"sesn_9"})},
                         {"since", quell::Timestamp(std::chrono::hours(500'000))}};
  if (action == "find_memory_versions") return quell::Value(std::move(params));
  params["memory_store_ids"] = quell::Value::list({"memstore_1"});
  if (action == "no_poisoned_memory") return quell::Value(std::move(params));
  params["memory_store_id"] = "memstore_1";
  params["memory_id"] = "mem_1";
  params["version_id"] = "memver_1";
  params["memory_version_id"] = "memver_1";
  return quell::Value(std::move(params));
}

quell::Value params_of(std::string_view action) {
  if (action == "find_credentials") return quell::Value(quell::ValueMap{});
  if (action == "blast_radius") {
    return quell::Value::map({{"vault_ids", quell::Value::list({kVault})},
                              {"since", quell::Timestamp(std::chrono::hours(500'000))},
                              {"deep", true}});
  }
  if (action == "collect_evidence") {
    return quell::Value::map({{"session_ids", quell::Value::list({"sesn_1"})},
                              {"memory_store_ids", quell::Value::list({"memstore_1"})}});
  }
  if (action == "no_active_deployment")
    return quell::Value::map({{"vault_ids", quell::Value::list({kVault})}});
  if (action == "no_new_session") {
    return quell::Value::map({{"vault_ids", quell::Value::list({kVault})},
                              {"since", quell::Timestamp(std::chrono::hours(500'000))}});
  }
  if (action.find("memory") != std::string_view::npos) return memory_params(action);
  if (action == "api_key_is_inactive") return quell::Value::map({{"api_key_id", "apikey_1"}});
  return quell::Value::map({{"vault_id", kVault}, {"credential_id", kCredential}});
}

/// Gives the action what it asks for until it is done.
Result<quell::Outcome> drive(quell::Task<Result<quell::Outcome>> task, quell::Io& io, Bodies bodies,
                             int status) {
  quell::Timestamp now(std::chrono::hours(500'001));
  std::map<std::string, quell::EvidenceFile> files;
  io.set_now(now);
  task.resume();
  for (int turn = 0; !task.done(); ++turn) {
    QUELL_ASSERT(turn < kTurnsMax);
    quell::IoOp op = io.take();
    if (const auto* const send = std::get_if<quell::SendOp>(&op)) {
      quell::Answers answers;
      for (std::size_t i = 0; i < send->requests.size(); ++i)
        answers.push_back(bodies.next(status));
      io.resume_sent(std::move(answers), now);
    } else if (const auto* const wait = std::get_if<quell::WaitOp>(&op)) {
      now += wait->delay;
      io.resume_waited(now);
    } else if (auto* const more = std::get_if<quell::FileOp>(&op)) {
      // Every line is one JSON object, whatever came in.
      QUELL_ASSERT(more->lines.empty() || more->lines.back() == '\n');
      quell::EvidenceFile& file = files[more->kind];
      file.name = more->kind;
      if (more->ends_part) file.parts.insert(more->part);
      file.is_over |= more->ends_file;
      io.resume_filed(file, now);
    } else {
      QUELL_ASSERT(std::holds_alternative<quell::KeepOp>(op));
      io.resume_kept(quell::SecretValue{}, now);
    }
  }
  return task.take();
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::unique_ptr<quell::ManagedAgentsConnector> kConnector = [] {
    quell::ManagedAgentsConfig config;
    config.base_url = "https://platform.example";
    config.admin_key = [] { return Result<quell::BoundSecret>(quell::BoundSecret{}); };
    Result<std::unique_ptr<quell::ManagedAgentsConnector>> made =
        quell::ManagedAgentsConnector::make(std::move(config));
    QUELL_ASSERT(made.has_value());
    return std::move(*made);
  }();
  if (size < 2) return 0;
  const std::string_view name = kActions[(data[0] - std::size_t{'0'}) % kActions.size()];
  const int status = kStatuses[(data[1] - std::size_t{'0'}) % kStatuses.size()];
  const quell::ActionSpec* const action = quell::find_action(kConnector->actions(), name);
  QUELL_ASSERT(action != nullptr);
  quell::Inputs inputs;
  inputs.params = params_of(name);
  quell::Io io;
  const Result<quell::Outcome> outcome =
      drive(kConnector->perform(*action, std::move(inputs), io), io,
            Bodies(quell::fuzz::text_of(data + 2, size - 2)), status);
  if (!outcome) {
    QUELL_ASSERT(!outcome.error().message.empty());
    return 0;
  }
  const std::string outputs = quell::to_json(outcome->outputs);
  QUELL_ASSERT(outputs.find("POISON") == std::string::npos);  // contents stay where they are
  // A success speaks of the credential that was asked for, whatever the answer said.
  if (name == "get_credential") QUELL_ASSERT(outcome->outputs["id"].string_or("") == kCredential);
  return 0;
}
