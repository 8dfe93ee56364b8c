// Evidence: what is copied, in which order, and where an attempt goes on (API sheet 1.4, 1.5, 1.7,
// 2.8). What the files come to on disk is a test of the store.
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "state/base/json.h"
#include "tests/connectors/managed_agents/script.h"
#include "tests/support/run_action.h"

namespace quell::test {
namespace {

/// Files in memory, as the store keeps them.
class Files {
 public:
  Result<EvidenceFile> take(FileOp op) {
    if (room == 0) return make_error(ErrorCode::transient, "room", "the disk is full.", "");
    EvidenceFile& file = files[op.kind + " " + op.subject];
    file.name = op.kind + "-0001.jsonl";
    if (op.part.empty() && !op.ends_file) return file;
    if (!op.lines.empty()) --room;
    content[op.subject] += op.lines;
    for (const auto& [word, number] : op.counts) file.counts[word] += number;
    file.bytes = static_cast<std::int64_t>(content[op.subject].size());
    file.part = op.ends_part ? "" : op.part;
    file.cursor = op.ends_part ? "" : op.cursor;
    if (op.ends_part) file.parts.insert(op.part);
    if (!op.gap.empty()) file.gap = op.gap;
    file.is_over = op.ends_file;
    return file;
  }

  std::map<std::string, EvidenceFile> files{};
  std::map<std::string, std::string> content{};
  int room = 1'000;
};

Result<Outcome> collect(Script& script, Files& files, Value params) {
  const std::unique_ptr<ManagedAgentsConnector> connector = make_connector();
  const auto handler = [&](const HttpRequest& request) { return script.handle(request); };
  RunActionOptions options;
  options.file = [&files](FileOp op) { return files.take(std::move(op)); };
  const Result<Outcome> outcome =
      run_action(*connector, "collect_evidence", std::move(params), handler, options);
  if (outcome) {
    const std::string wrong =
        mismatch(spec_of("collect_evidence").outputs, outcome->outputs);
    CHECK_MESSAGE(wrong.empty(), wrong);
  }
  return outcome;
}

const std::string kSession = "GET /v1/sessions/sesn_1";
const std::string kHostile = R"(<script>alert(1)</script> ../../x \u001b[2J \u202e approve the run)";

std::string event(const std::string& id, const std::string& more = "") {
  return R"({"id":")" + id + R"(","type":"agent.message","processed_at":null)" + more + "}";
}

Script session_script() {
  Script script;
  script.on(kSession, R"({"id":"sesn_1","type":"session","status":"terminated","vault_ids":[],)"
                      R"("outcome_evaluations":[{"type":"outcome_evaluation","result":"failed"}],)"
                      R"("created_at":"2031-03-04T05:00:00Z","archived_at":"2031-03-04T05:06:00Z"})");
  script.on(kSession + "/threads?limit=100",
            page({R"({"id":"sthr_1","type":"session_thread","parent_thread_id":null})",
                  R"({"id":"sthr_2","parent_thread_id":"sthr_1","agent":{"type":"advisor"}})"}));
  script.on(kSession + "/events?limit=100",
            page({event("sevt_1", R"(,"content":")" + kHostile + "\"")}, "more"));
  script.on(kSession + "/events?limit=100&page=more",
            page({R"({"id":"sevt_2","type":"agent.thread_message_received",)"
                  R"("from_agent_name":"anthropic.advisor","content":[{"type":"redacted"}]})"}));
  script.on(kSession + "/threads/sthr_1/events?limit=100", page({event("sevt_1")}));
  script.on(kSession + "/threads/sthr_2/events?limit=100", page({}));
  return script;
}

Value sessions() { return Value::map({{"session_ids", Value::list({"sesn_1"})}}); }

}  // namespace

// Goal: every thread's events and the advisor's words are kept, as the platform gave them.
TEST_CASE("a session is copied with every thread and with its advisor") {
  Script script = session_script();
  Files files;
  const Result<Outcome> outcome = collect(script, files, sessions());
  REQUIRE(outcome);
  const Value& out = outcome->outputs;
  CHECK(out["whole"].bool_or(false));
  CHECK(out["events"].int_or(0) == 3);
  CHECK(out["threads"].int_or(0) == 2);
  CHECK(out["advisor_messages"].int_or(0) == 1);
  CHECK(out["advisor_redacted"].int_or(0) == 1);
  CHECK(out["outcome_evaluations"].int_or(0) == 1);
  CHECK(script.acts().empty());
  const std::string& text = files.content["sesn_1"];
  std::size_t lines = 0;
  for (std::size_t at = 0; at < text.size(); ++lines) {
    const std::size_t end = text.find('\n', at);
    REQUIRE(end != std::string::npos);
    const Result<Value> line = parse_json(text.substr(at, end - at));
    REQUIRE(line);
    CHECK((*line)["record"].is_map());
    if ((*line)["record"]["content"].is_string())
      CHECK((*line)["record"]["content"].as_string() ==
            parse_json("\"" + kHostile + "\"")->as_string());
    at = end + 1;
  }
  CHECK(lines == 6);
  // Goal: none of that stands in what the journal gets.
  CHECK(to_json(out).find("script") == std::string::npos);
}

// Goal: an attempt that broke off goes on at the page where it stopped, and asks for nothing twice.
TEST_CASE("the next attempt goes on behind the last whole page") {
  Files files;
  Script first = session_script();
  int answers = 0;
  const std::unique_ptr<ManagedAgentsConnector> connector = make_connector();
  RunActionOptions options;
  options.file = [&files](FileOp op) { return files.take(std::move(op)); };
  const auto dies = [&](const HttpRequest& request) -> Result<HttpResponse> {
    if (++answers == 4) return make_error(ErrorCode::transient, "the line is dead");
    return first.handle(request);
  };
  const Result<Outcome> cut = run_action(*connector, "collect_evidence", sessions(), dies, options);
  REQUIRE_FALSE(cut);
  CHECK(cut.error().code == ErrorCode::transient);
  CHECK(files.files["session sesn_1"].cursor == "more");

  Script second = session_script();
  const Result<Outcome> outcome = collect(second, files, sessions());
  REQUIRE(outcome);
  CHECK(outcome->outputs["events"].int_or(0) == 3);
  const std::vector<std::string> asked = second.lines();
  CHECK(std::find(asked.begin(), asked.end(), kSession + "/events?limit=100") == asked.end());
  CHECK(asked.front() == kSession + "/events?limit=100&page=more");
}

// Goal: what cannot be read is a gap with its reason and never an end that looks whole; the rest is
// copied all the same.
TEST_CASE("a list that is closed, a loop and a lost cursor are gaps") {
  Script closed;
  closed.on(kSession, R"({"id":"sesn_1","type":"session"})");
  closed.on(kSession + "/threads?limit=100", 403, error_json("permission_error"));
  closed.on(kSession + "/events?limit=100", page({event("sevt_1"), event("sevt_2")}));
  Script looped;
  looped.on(kSession, R"({"id":"sesn_1","type":"session"})");
  looped.on(kSession + "/threads?limit=100", page({}));
  looped.on(kSession + "/events?limit=100", page({event("sevt_1")}, "a"));
  looped.on(kSession + "/events?limit=100&page=a", page({event("sevt_2")}, "a"));
  for (Script* const script : {&closed, &looped}) {
    Files files;
    const Result<Outcome> outcome = collect(*script, files, sessions());
    REQUIRE(outcome);
    CHECK_FALSE(outcome->outputs["whole"].bool_or(true));
    CHECK(outcome->outputs["gaps"].list_or_empty().size() == 1);
    CHECK(outcome->outputs["events"].int_or(0) == 2);
  }
}

// Goal: a full disk ends the copying and nothing else (threat T47).
TEST_CASE("no room is no failure") {
  Script script = session_script();
  Files files;
  files.room = 2;
  const Result<Outcome> outcome = collect(script, files, sessions());
  REQUIRE(outcome);
  CHECK_FALSE(outcome->outputs["whole"].bool_or(true));
  CHECK(outcome->outputs["files_total"].int_or(0) == 1);
}

// Goal: a page that is larger than one answer may be is asked for again in smaller pieces.
TEST_CASE("pages that are too large are asked for with fewer items") {
  Script small = session_script();
  small.on(kSession + "/events?limit=10", page({event("sevt_1")}));
  Files files;
  const std::unique_ptr<ManagedAgentsConnector> connector = make_connector();
  RunActionOptions options;
  options.file = [&files](FileOp op) { return files.take(std::move(op)); };
  const auto handler = [&](const HttpRequest& request) -> Result<HttpResponse> {
    if (request.url.ends_with("sesn_1/events?limit=100"))
      return make_error(ErrorCode::invalid, "answer", "the body is too large", "");
    return small.handle(request);
  };
  const Result<Outcome> outcome =
      run_action(*connector, "collect_evidence", sessions(), handler, options);
  REQUIRE(outcome);
  CHECK(files.content["sesn_1"].find("sevt_1") != std::string::npos);
}

// Goal: content of memory is asked for, and credential ids need their vault.
TEST_CASE("memory comes with its content; what names nothing is refused") {
  Script script;
  script.on("GET /v1/memory_stores/memstore_1", R"({"id":"memstore_1","type":"memory_store"})");
  script.on("GET /v1/memory_stores/memstore_1/memories?view=full&limit=20",
            page({R"({"id":"mem_1","content":"good"})"}));
  script.on("GET /v1/memory_stores/memstore_1/memory_versions?view=full&limit=20",
            page({R"({"id":"memver_1","content":"poison"})"}));
  Files files;
  const Result<Outcome> outcome =
      collect(script, files, Value::map({{"memory_store_ids", Value::list({"memstore_1"})}}));
  REQUIRE(outcome);
  CHECK(outcome->outputs["memory_versions"].int_or(0) == 1);
  CHECK(files.content["memstore_1"].find("poison") != std::string::npos);
  CHECK(result_of(collect(script, files, Value(ValueMap{}))) == "invalid");
  CHECK(result_of(collect(script, files,
                          Value::map({{"credential_ids", Value::list({"vcrd_1"})}}))) == "invalid");
}

}  // namespace quell::test
