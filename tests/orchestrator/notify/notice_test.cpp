// Which journal entry makes which notice, and what of it may leave.
#include "orchestrator/notify/notice.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "state/base/json.h"

namespace quell::test {
namespace {

constexpr RunId kNoticedRun{.number = 17};

Entry entry_of(EntryKind kind, const std::string& body, RunId run = kNoticedRun,
               const std::string& at = "2031-03-04T05:06:07Z") {
  const Result<Value> parsed = parse_json(body);
  REQUIRE(parsed);
  return {.kind = kind, .run = run, .at = *parse_rfc3339(at), .body = *parsed};
}

Entry start(const std::string& mode = "live", const std::string& more = "") {
  return entry_of(EntryKind::run_started,
                  R"({"playbook":"leaked-vault","mode":")" + mode + "\"" + more + "}");
}

Entry look(const std::string& verdict, const std::string& item, const std::string& more = "") {
  return entry_of(EntryKind::probe_finished, R"({"step":"stop","item":")" + item +
                                                 R"(","verdict":")" + verdict + "\"" + more + "}");
}

std::string said(const std::optional<Notice>& notice) {
  if (!notice) return "nothing";
  std::string text(to_string(notice->event));
  if (notice->result) text += " " + std::string(to_string(*notice->result));
  if (notice->need) text += " need=" + std::to_string(*notice->need);
  if (!notice->who.empty()) text += " who=" + notice->who;
  if (notice->shed) text += " shed=" + std::to_string(*notice->shed);
  for (const std::string& target : notice->targets) text += " " + target;
  return text;
}

}  // namespace

// Goal: each kind of entry tells people what it should, and most tell nothing.
// Method: one row per entry, each after the start of a run of that sort.
TEST_CASE("an entry makes its notice") {
  struct Row {
    Entry first;
    Entry entry;
    std::string said;
  };
  const std::string by_alert = R"(,"automatic":true)";
  const std::string proposed = R"(,"proposed":true)";
  const std::vector<Row> rows{
      {start(), entry_of(EntryKind::approval_requested, R"({"need":2})"), "approval_wanted need=2"},
      {start("live", by_alert), entry_of(EntryKind::approval_requested, R"({"need":1})"),
       "proposed need=1"},
      {start("live", proposed), entry_of(EntryKind::approval_requested, R"({"need":1})"),
       "proposed need=1"},
      {start(), entry_of(EntryKind::approval_given, R"({"who":"mara"})"), "nothing"},
      {start(), entry_of(EntryKind::approval_given, R"({"who":"mara","break_glass":true})"),
       "break_glass who=mara"},
      {start(), entry_of(EntryKind::attempt_settled, R"({"who":"mara","break_glass":true})"),
       "break_glass who=mara"},
      {start(), look("refuted", "sesn_01"), "refuted sesn_01"},
      {start(), look("refuted", "", R"(,"params":{"credential_id":"vcrd_01"})"), "refuted vcrd_01"},
      {start(), look("refuted", "sesn_01", R"(,"due":"2031-03-04T05:06:09Z")"), "nothing"},
      {start(), look("proved", "sesn_01"), "nothing"},
      {start(), look("unproved", "sesn_01"), "nothing"},
      {start(), entry_of(EntryKind::run_finished, R"({"result":"exposed"})"), "finished exposed"},
      {start(), entry_of(EntryKind::run_finished, R"({"result":"contained"})"),
       "finished contained"},
      {start(), entry_of(EntryKind::attempt_finished, R"({"step":"stop"})"), "nothing"},
      {start(), entry_of(EntryKind::note_added, R"({"text":"mara was here"})"), "nothing"},
      {start("dry_run"), entry_of(EntryKind::run_finished, R"({"result":"rehearsed"})"), "nothing"},
      {start("drill"), look("refuted", "sesn_01"), "nothing"},
      {start(), entry_of(EntryKind::disarmed, R"({"who":"mara","reason":"a secret reason"})", {}),
       "disarmed who=mara"},
      {start(), entry_of(EntryKind::armed, R"({"who":"mara"})", {}), "intervened who=mara"},
      {start(), entry_of(EntryKind::alert_dismissed, R"({"who":"mara","why":"noise"})", {}),
       "intervened who=mara"},
      {start(), entry_of(EntryKind::run_aborted, R"({"who":"mara","reason":"wrong"})"),
       "intervened who=mara"},
      {start(), entry_of(EntryKind::run_aborted, R"({"who":"the clock","reason":"late"})"),
       "nothing"},
      {start("dry_run"), entry_of(EntryKind::run_aborted, R"({"who":"mara"})"), "nothing"},
      {start(), entry_of(EntryKind::step_skipped, R"({"step":"stop","who":"mara"})"),
       "intervened who=mara"},
      {start(), entry_of(EntryKind::step_skipped, R"({"step":"stop","why":"when: false"})"),
       "nothing"},
      {start(), entry_of(EntryKind::undo_requested, R"({"who":"mara","reason":"clear"})"),
       "intervened who=mara"},
      {start(),
       entry_of(EntryKind::alerts_refused,
                R"({"refused":{"ci":{"rate":40,"method":3},"hub":{"busy":2}}})", {}),
       "alerts_shed shed=42"},
      {start(), entry_of(EntryKind::alerts_refused, R"({"refused":{"ci":{"signature":9}}})", {}),
       "nothing"},
  };
  for (const Row& row : rows) {
    NoticeReader reader;
    CHECK(said(reader.take(1, row.first)) == "nothing");
    CAPTURE(to_json(row.entry.body));
    CHECK(said(reader.take(2, row.entry)) == row.said);
  }
}

// Goal: a thousand refuted looks are one page, and what grows again after the end is another.
TEST_CASE("a refuted claim is told once before and once after the end") {
  NoticeReader reader;
  static_cast<void>(reader.take(1, start()));
  CHECK(said(reader.take(2, look("refuted", "a"))) == "refuted a");
  for (const char* item : {"b", "c", "d", "e", "f", "a"})
    CHECK(said(reader.take(3, look("refuted", item))) == "nothing");
  CHECK(said(reader.take(9, entry_of(EntryKind::run_finished, R"({"result":"exposed"})"))) ==
        "finished exposed a b c d e");
  Entry regrown = look("refuted", "a");
  regrown.kind = EntryKind::watch_observed;
  CHECK(said(reader.take(10, regrown)) == "refuted a b c d e");
  CHECK(said(reader.take(11, regrown)) == "nothing");
}

// Goal: a storm is one page an hour, and its number is whole (threat T18).
TEST_CASE("shed alerts are one page an hour") {
  NoticeReader reader;
  const auto shed = [&](const std::string& at) {
    return said(reader.take(
        1, entry_of(EntryKind::alerts_refused, R"({"refused":{"ci":{"rate":10}}})", {}, at)));
  };
  CHECK(shed("2031-03-04T05:00:00Z") == "alerts_shed shed=10");
  CHECK(shed("2031-03-04T05:01:00Z") == "nothing");
  CHECK(shed("2031-03-04T05:59:59Z") == "nothing");
  CHECK(shed("2031-03-04T06:00:00Z") == "alerts_shed shed=30");
}

// Goal: what a notice says of a run's answers is the furthest that they came from.
TEST_CASE("the origin of answers is the furthest one") {
  NoticeReader reader;
  static_cast<void>(reader.take(1, start()));
  static_cast<void>(
      reader.take(2, entry_of(EntryKind::attempt_finished, R"({"origins":["outside","range"]})")));
  static_cast<void>(
      reader.take(3, entry_of(EntryKind::attempt_finished, R"({"origins":["loopback"]})")));
  const auto notice = reader.take(
      4, entry_of(EntryKind::run_finished,
                  R"({"result":"exposed","claims":{"proved":1,"refuted":2,"unproved":3}})"));
  REQUIRE(notice);
  CHECK(notice->origin == AnswerOrigin::outside);
  CHECK(notice->proved == 1);
  CHECK(notice->refuted == 2);
  CHECK(notice->unproved == 3);
}

// Goal: before containment the intruder who reads along learns nothing but a run's id (threat T48).
TEST_CASE("who is not confidential gets run and event until the run is contained") {
  Notice whole{.event = NoticeEvent::finished,
               .seq = 4,
               .run = kNoticedRun,
               .playbook = "leaked-vault",
               .origin = AnswerOrigin::outside,
               .result = RunResult::exposed,
               .proved = 1,
               .need = 2,
               .who = "mara",
               .targets = {"vcrd_01"}};
  const Notice bare = for_destination(whole, false);
  CHECK(bare.event == NoticeEvent::finished);
  CHECK(bare.run == kNoticedRun);
  CHECK(bare.seq == 4);
  CHECK(bare.playbook.empty());
  CHECK_FALSE(bare.origin);
  CHECK_FALSE(bare.result);
  CHECK_FALSE(bare.proved);
  CHECK_FALSE(bare.need);
  CHECK(bare.who.empty());
  CHECK(bare.targets.empty());
  CHECK(for_destination(whole, true).targets == whole.targets);
  whole.result = RunResult::contained;
  CHECK(for_destination(whole, false).targets == whole.targets);
}

// Goal: the notices of a journal do not grow its reader without end.
TEST_CASE("the reader forgets the oldest run") {
  NoticeReader reader;
  for (std::uint64_t number = 1; number <= NoticeReader::kRunsMax + 1; ++number) {
    Entry first = start();
    first.run.number = number;
    static_cast<void>(reader.take(number, first));
  }
  CHECK_FALSE(reader.knows({.number = 1}));
  CHECK(reader.knows({.number = 2}));
}

}  // namespace quell::test
