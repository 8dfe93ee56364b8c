#include "orchestrator/report/drill_record.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <utility>

#include "state/base/bytes.h"
#include "state/base/json.h"
#include "state/model/ids.h"
#include "state/private_file.h"

namespace quell {
namespace {

constexpr std::size_t kRecordBytesMax = 8U << 20U;
constexpr std::size_t kRecordsMax = 10'000;

Value seconds(Duration time) { return Value(static_cast<double>(time.count()) / 1000.0); }
Value seconds(const std::optional<Duration>& time) { return time ? seconds(*time) : Value(); }

std::optional<Duration> duration_of(const Value& value) {
  if (value.is_int()) return Duration(value.as_int() * 1000);
  if (value.is_number()) return Duration(std::llround(value.as_number() * 1000));
  return std::nullopt;
}
Duration duration_or_zero(const Value& value) { return duration_of(value).value_or(Duration{0}); }

template <typename One>
Value list_of(const std::vector<One>& all, Value (*each)(const One&)) {
  ValueList list;
  list.reserve(all.size());
  for (const One& one : all) list.push_back(each(one));
  return Value(std::move(list));
}

template <typename One>
std::vector<One> read_list(const Value& list, One (*each)(const Value&)) {
  std::vector<One> all;
  for (const Value& one : list.list_or_empty()) all.push_back(each(one));
  return all;
}

Value text_value(const std::string& text) { return Value(text); }
std::string read_text(const Value& value) { return value.string_or(""); }

Value time_value(const DrillTime& time) {
  const std::optional<bool> met = time.met();
  return Value::map({{"to", time.word},
                     {"limit_s", seconds(time.limit)},
                     {"took_s", seconds(time.took)},
                     {"met", met ? Value(*met) : Value()}});
}
DrillTime read_time(const Value& value) {
  return {.word = value["to"].string_or(""),
          .limit = duration_of(value["limit_s"]),
          .took = duration_of(value["took_s"])};
}

Value green_value(const FalseGreen& green) {
  return Value::map({{"subject", green.subject},
                     {"proved_at_s", seconds(green.proved_at)},
                     {"worked_at_s", seconds(green.worked_at)},
                     {"how", green.how}});
}
FalseGreen read_green(const Value& value) {
  return {.subject = value["subject"].string_or(""),
          .proved_at = duration_or_zero(value["proved_at_s"]),
          .worked_at = duration_or_zero(value["worked_at_s"]),
          .how = value["how"].string_or("")};
}

Value exclusion_value(const DrillExclusion& one) {
  return Value::map(
      {{"item", one.item}, {"by", one.by}, {"reason", one.reason}, {"owner", one.owner}});
}
DrillExclusion read_exclusion(const Value& value) {
  return {.item = value["item"].string_or(""),
          .by = value["by"].string_or(""),
          .reason = value["reason"].string_or(""),
          .owner = value["owner"].string_or("")};
}

Value approval_value(const DrillApproval& one) {
  return Value::map({{"who", one.who},
                     {"how", one.how},
                     {"at_s", seconds(one.at)},
                     {"needs_review", one.needs_review}});
}
DrillApproval read_approval(const Value& value) {
  return {.who = value["who"].string_or(""),
          .how = value["how"].string_or(""),
          .at = duration_or_zero(value["at_s"]),
          .needs_review = value["needs_review"].bool_or(false)};
}

Value exposure_value(const DrillExposure& one) {
  return Value::map({{"subject", one.subject},
                     {"verdict", one.verdict},
                     {"until", one.until.empty() ? Value() : Value(one.until)},
                     {"reason", one.reason}});
}
DrillExposure read_exposure(const Value& value) {
  return {.subject = value["subject"].string_or(""),
          .verdict = value["verdict"].string_or(""),
          .until = value["until"].string_or(""),
          .reason = value["reason"].string_or("")};
}

Value minute_value(const DrillMinute& minute) {
  return Value::map({{"passed", minute.passed}, {"refused", minute.refused}});
}
DrillMinute read_minute(const Value& value) {
  return {.passed = value["passed"].int_or(0), .refused = value["refused"].int_or(0)};
}

Value moment_value(const DrillMoment& moment) {
  return Value::map({{"at_s", seconds(moment.at)},
                     {"side", to_string(moment.side)},
                     {"text", moment.text},
                     {"bad", moment.is_bad}});
}
DrillMoment read_moment(const Value& value) {
  const std::string side = value["side"].string_or("");
  return {.at = duration_or_zero(value["at_s"]),
          .side = side == "intruder" ? DrillMoment::Side::intruder
                  : side == "inject" ? DrillMoment::Side::inject
                                     : DrillMoment::Side::defender,
          .text = value["text"].string_or(""),
          .is_bad = value["bad"].bool_or(false)};
}

std::optional<std::uint64_t> number_of(const std::string& file) {
  if (!file.ends_with(".json")) return std::nullopt;
  const std::optional<RunId> id = parse_run_id(file.substr(0, file.size() - 5));
  if (!id || !id->drill) return std::nullopt;
  return id->number;
}

Result<DrillRecord> read_record(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(kRecordBytesMax + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kRecordBytesMax)
    return make_error(ErrorCode::corrupt, "drill", path + " is longer than any score.", "");
  const Result<Value> document = parse_json(text);
  if (!document) return wrap(path, document.error());
  return drill_record_from(*document);
}

}  // namespace

std::string_view to_string(DrillMoment::Side side) noexcept {
  switch (side) {
    case DrillMoment::Side::defender:
      return "defender";
    case DrillMoment::Side::intruder:
      return "intruder";
    case DrillMoment::Side::inject:
      return "inject";
  }
  return "";
}

std::int64_t DrillRecord::passed() const noexcept { return passed_since(0); }

std::int64_t DrillRecord::refused() const noexcept {
  std::int64_t all = 0;
  for (const DrillMinute& minute : minutes) all += minute.refused;
  return all;
}

std::int64_t DrillRecord::passed_since(std::size_t from) const noexcept {
  std::int64_t all = 0;
  for (std::size_t i = from; i < minutes.size(); ++i) all += minutes[i].passed;
  return all;
}

std::int64_t DrillRecord::without_owner() const noexcept {
  return std::ranges::count_if(excluded, [](const auto& one) { return one.owner.empty(); });
}

std::int64_t DrillRecord::open_reviews() const noexcept {
  return std::ranges::count_if(approvals, &DrillApproval::needs_review);
}

std::string DrillRecord::headline() const {
  if (!false_greens.empty())
    return "Drill failed: a claim was green while the intruder still got in.";
  if (!differences.empty()) return "Drill failed: " + differences.front() + ".";
  std::string end = std::string(to_string(result)) + ", as the scenario demands.";
  return "Drill passed: " + end;
}

std::string players_of(const DrillRecord& record) {
  if (!record.team.empty()) return record.team;
  return record.people ? "people" : "the playbook alone";
}

std::optional<Duration> time_to(const DrillRecord& record, std::string_view word) {
  for (const DrillTime& time : record.times)
    if (time.word == word) return time.took;
  return std::nullopt;
}

std::vector<DrillTrend> trends_of(const std::vector<DrillRecord>& records) {
  std::map<std::pair<std::string, std::string>, DrillTrend> trends;
  for (const DrillRecord& record : records) {
    const std::string players = players_of(record);
    DrillTrend& trend = trends[{record.scenario, players}];
    if (trend.first == nullptr)
      trend = {.scenario = record.scenario, .players = players, .first = &record};
    trend.last = &record;
    ++trend.played;
    trend.passed += record.agrees() ? 1 : 0;
  }
  std::vector<DrillTrend> repeated;
  for (auto& [key, trend] : trends)
    if (trend.played > 1) repeated.push_back(std::move(trend));
  return repeated;
}

Value to_value(const DrillRecord& record) {
  return Value::map(
      {{"format", 1},
       {"drill", record.drill},
       {"scenario", record.scenario},
       {"title", record.title},
       {"teaches", record.teaches},
       {"playbook", record.playbook},
       {"playbook_sha256", record.playbook_sha256},
       {"team", record.team},
       {"people", record.people},
       {"seed", record.seed},
       {"speed", record.speed},
       {"played_at", Value(record.played_at)},
       {"lasted_s", seconds(record.lasted)},
       {"result", to_string(record.result)},
       {"ends", to_string(record.ends)},
       {"agrees", record.agrees()},
       {"differences", list_of(record.differences, text_value)},
       {"times", list_of(record.times, time_value)},
       {"false_greens", list_of(record.false_greens, green_value)},
       {"excluded", list_of(record.excluded, exclusion_value)},
       {"without_owner", record.without_owner()},
       {"exposed", list_of(record.exposed, exposure_value)},
       {"approvals", list_of(record.approvals, approval_value)},
       {"open_reviews", record.open_reviews()},
       {"refuted_after_s", seconds(record.refuted_after)},
       {"announced_s", seconds(record.announced)},
       {"contained_after_s", seconds(record.contained_after)},
       {"intruder", Value::map({{"passed", record.passed()},
                                {"refused", record.refused()},
                                {"minutes", list_of(record.minutes, minute_value)},
                                {"last_success_s", seconds(record.last_success)},
                                {"first_failure_s", seconds(record.first_failure)},
                                {"inside_at_the_end", record.inside_at_the_end}})},
       {"timeline", list_of(record.timeline, moment_value)},
       {"questions", list_of(record.questions, text_value)}});
}

Result<DrillRecord> drill_record_from(const Value& document) {
  const auto result = from_string<RunResult>(document["result"].string_or(""));
  const auto ends = from_string<RunResult>(document["ends"].string_or(""));
  const auto played_at = parse_rfc3339(document["played_at"].string_or(""));
  const auto id = parse_run_id(document["drill"].string_or(""));
  if (document["format"].int_or(0) != 1 || !result || !ends || !played_at || !id)
    return make_error(ErrorCode::corrupt, "drill", "this is no score of a drill.", "");
  const Value& intruder = document["intruder"];
  const Value& speed = document["speed"];
  return DrillRecord{
      .drill = to_string(*id),
      .scenario = document["scenario"].string_or(""),
      .title = document["title"].string_or(""),
      .teaches = document["teaches"].string_or(""),
      .playbook = document["playbook"].string_or(""),
      .playbook_sha256 = document["playbook_sha256"].string_or(""),
      .team = document["team"].string_or(""),
      .people = document["people"].bool_or(false),
      .seed = static_cast<std::uint64_t>(document["seed"].int_or(0)),
      .speed = speed.is_number() ? speed.as_number() : static_cast<double>(speed.int_or(0)),
      .played_at = *played_at,
      .lasted = duration_or_zero(document["lasted_s"]),
      .result = *result,
      .ends = *ends,
      .differences = read_list(document["differences"], read_text),
      .times = read_list(document["times"], read_time),
      .false_greens = read_list(document["false_greens"], read_green),
      .excluded = read_list(document["excluded"], read_exclusion),
      .exposed = read_list(document["exposed"], read_exposure),
      .approvals = read_list(document["approvals"], read_approval),
      .refuted_after = duration_of(document["refuted_after_s"]),
      .announced = duration_of(document["announced_s"]),
      .contained_after = duration_of(document["contained_after_s"]),
      .minutes = read_list(intruder["minutes"], read_minute),
      .last_success = duration_of(intruder["last_success_s"]),
      .first_failure = duration_of(intruder["first_failure_s"]),
      .inside_at_the_end = intruder["inside_at_the_end"].bool_or(false),
      .timeline = read_list(document["timeline"], read_moment),
      .questions = read_list(document["questions"], read_text)};
}

std::string drill_scores_folder(const std::string& database) {
  return folder_of(database) + "/drill-scores";
}

Status keep_drill_record(const std::string& folder, const DrillRecord& record, Random& random) {
  if (Status made = make_private_folder(folder); !made) return made;
  return create_private_file(folder + "/" + record.drill + ".json", to_json(to_value(record)),
                             random);
}

Result<std::vector<DrillRecord>> read_drill_records(const std::string& folder) {
  std::vector<std::pair<std::uint64_t, std::string>> files;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failed)) {
    if (const auto number = number_of(entry.path().filename().string()))
      files.emplace_back(*number, entry.path().string());
  }
  if (failed && failed != std::errc::no_such_file_or_directory)
    return make_error(ErrorCode::invalid, "drill", folder + " cannot be read.",
                      "make it readable for this user");
  std::ranges::sort(files);
  if (files.size() > kRecordsMax)
    files.erase(files.begin(), files.end() - static_cast<std::ptrdiff_t>(kRecordsMax));
  std::vector<DrillRecord> records;
  for (const auto& [number, path] : files) {
    if (Result<DrillRecord> record = read_record(path)) records.push_back(*std::move(record));
  }
  // Those that people played are numbered by the time, the others by their journal.
  std::ranges::stable_sort(records, {}, &DrillRecord::played_at);
  return records;
}

Result<DrillRecord> find_drill_record(const std::string& folder, std::string_view name) {
  Result<std::vector<DrillRecord>> all = read_drill_records(folder);
  if (!all) return all.error();
  const auto found = std::ranges::find_if(*all, [&](const DrillRecord& record) {
    const std::string number = std::to_string(parse_run_id(record.drill)->number);
    return record.drill == name || number == name || "d" + number == name;
  });
  if (found != all->end()) return *std::move(found);
  if (name == "last" && !all->empty()) return std::move(all->back());
  return make_error(ErrorCode::gone, "drill",
                    "no drill \"" + escape_untrusted(name) + "\" was kept.",
                    "quell drill history lists them");
}

}  // namespace quell
