#include "orchestrator/api/run_board.h"

#include <algorithm>
#include <utility>

namespace quell {
namespace {

/// Finished runs of which the whole state is kept, beside those of the last day.
constexpr std::size_t kRecalledMax = 8;
constexpr Duration kPresent{std::chrono::hours{24}};
constexpr std::size_t kInterventionsMax = 20;

/// Kinds of which some entries are interventions.
bool may_intervene(EntryKind kind) {
  return kind == EntryKind::run_aborted || kind == EntryKind::step_skipped ||
         kind == EntryKind::undo_requested || kind == EntryKind::alert_dismissed ||
         kind == EntryKind::disarmed || kind == EntryKind::armed;
}

}  // namespace

RunBoard::RunBoard(Parts parts) : parts_(std::move(parts)) {}
RunBoard::~RunBoard() = default;

Status RunBoard::open() {
  if (journal_) return ok();
  Result<std::unique_ptr<SqliteJournal>> journal =
      SqliteJournal::open({.path = parts_.database, .mode = OpenMode::read_only});
  if (!journal) return journal.error();
  journal_ = std::move(*journal);
  fold_ = std::make_unique<JournalFold>(nullptr, parts_.load_playbook, parts_.connectors);
  return ok();
}

void RunBoard::note_row(const StoredEntry& stored) {
  const Entry& entry = stored.entry;
  RunRow& row = rows_[entry.run];
  if (entry.kind == EntryKind::run_finished) {
    row.finished = entry.at;
    row.result = from_string<RunResult>(entry.body["result"].string_or(""));
    return;
  }
  row = {.id = entry.run,
         .playbook = entry.body["playbook"].string_or(""),
         .incident = entry.body["inputs"]["incident"].string_or(""),
         .who = entry.body["who"].string_or(""),
         .mode = from_string<RunMode>(entry.body["mode"].string_or("")).value_or(RunMode::live),
         .started = entry.at,
         .first_seq = stored.seq};
  if (const std::string key = entry.body["request_key"].string_or(""); !key.empty())
    keys_.insert_or_assign(key, entry.run);
}

void RunBoard::note_intervention(const Entry& entry) {
  const std::string_view what = intervention_of(entry);
  const auto row = rows_.find(entry.run);
  const bool is_real = row == rows_.end() || row->second.mode == RunMode::live;
  if (what.empty() || !is_real) return;
  const Value& body = entry.body;
  std::string about = body["alert"].string_or(body["step"].string_or(""));
  if (const std::string item = body["item"].string_or(""); !item.empty()) about += "/" + item;
  interventions_.push_front({.at = entry.at,
                             .kind = entry.kind,
                             .run = entry.run,
                             .who = body["who"].string_or(""),
                             .what = std::string(what),
                             .about = std::move(about),
                             .reason = body["reason"].string_or(body["why"].string_or(""))});
  if (interventions_.size() > kInterventionsMax) interventions_.pop_back();
}

Status RunBoard::take(const StoredEntry& stored) {
  const EntryKind kind = stored.entry.kind;
  note_intervention(stored.entry);
  if (kind == EntryKind::run_started || kind == EntryKind::run_finished) note_row(stored);
  return folded_.contains(stored.entry.run) ? fold_->take(stored) : ok();
}

bool RunBoard::note(const EntryLabel& label) {
  seen_ = label.seq;
  if (label.kind == EntryKind::run_started && !is_past_) folded_.insert(label.run);
  return may_intervene(label.kind) ||
         (label.run.number != 0 &&
          (label.kind == EntryKind::run_started || label.kind == EntryKind::run_finished ||
           folded_.contains(label.run)));
}

Status RunBoard::read_on() {
  if (!is_past_) {
    if (const auto entries = parts_.feed.entries_after(seen_)) {
      for (const StoredEntry& stored : *entries) {
        const Entry& entry = stored.entry;
        if (!note({.seq = stored.seq, .kind = entry.kind, .run = entry.run})) continue;
        if (Status taken = take(stored); !taken) return taken;
      }
      return ok();
    }
  }
  return journal_->read_some(
      seen_, [this](const EntryLabel& label) { return note(label); },
      [this](const StoredEntry& stored) { return take(stored); });
}

Status RunBoard::catch_up() {
  if (Status opened = open(); !opened) return opened;
  is_past_ = seen_ == 0;
  if (is_past_) {
    // Of the past only what still goes on; the rest when somebody asks for it.
    const Result<std::set<RunId>> unfinished = unfinished_runs(*journal_);
    if (!unfinished) return unfinished.error();
    folded_ = *unfinished;
  }
  const Status read = read_on();
  if (read) return ok();
  // Half of what was appended may be in: the next look begins anew.
  fold_ = std::make_unique<JournalFold>(nullptr, parts_.load_playbook, parts_.connectors);
  folded_.clear();
  recalled_.clear();
  rows_.clear();
  interventions_.clear();
  seen_ = 0;
  return read;
}

Status RunBoard::recall(RunId id) {
  const auto row = rows_.find(id);
  if (row == rows_.end()) return no_such_run(to_string(id));
  return journal_->read_some(
      row->second.first_seq - 1, [id](const EntryLabel& label) { return label.run == id; },
      [this](const StoredEntry& stored) {
        return stored.seq <= seen_ ? fold_->take(stored) : ok();
      });
}

void RunBoard::let_go(Timestamp now) {
  const auto drop = [this](RunId id) {
    fold_->forget(id);
    folded_.erase(id);
  };
  while (recalled_.size() > kRecalledMax) {
    drop(recalled_.back());
    recalled_.pop_back();
  }
  std::vector<RunId> past;
  for (const auto& [id, run] : fold_->so_far().runs) {
    const bool is_asked = std::find(recalled_.begin(), recalled_.end(), id) != recalled_.end();
    if (run.is_over() && !is_asked && now - run.now > kPresent) past.push_back(id);
  }
  for (const RunId id : past) drop(id);
}

Status RunBoard::with_run(RunId id, const std::function<void(const RunState&)>& look) {
  const std::lock_guard lock(mutex_);
  if (Status caught = catch_up(); !caught) return caught;
  if (!folded_.contains(id)) {
    if (Status recalled = recall(id); !recalled) return recalled;
    folded_.insert(id);
    recalled_.push_front(id);
  }
  const Folded& folded = fold_->so_far();
  if (const auto fault = folded.unreadable.find(id); fault != folded.unreadable.end()) {
    return make_error(ErrorCode::conflict, "run", fault->second,
                      "quell journal show --run " + to_string(id));
  }
  look(folded.runs.at(id));
  return ok();
}

Status RunBoard::with_present_runs(
    Timestamp now, const std::function<void(const std::vector<const RunState*>&)>& look) {
  const std::lock_guard lock(mutex_);
  if (Status caught = catch_up(); !caught) return caught;
  let_go(now);
  std::vector<const RunState*> runs;
  for (const auto& [id, run] : fold_->so_far().runs) {
    if (!run.is_over() || now - run.now <= kPresent) runs.push_back(&run);
  }
  look(runs);
  return ok();
}

Result<std::vector<RunRow>> RunBoard::rows(std::optional<RunId> before, std::size_t most) {
  const std::lock_guard lock(mutex_);
  if (Status caught = catch_up(); !caught) return caught.error();
  std::vector<RunRow> found;
  auto at = before ? rows_.lower_bound(*before) : rows_.end();
  while (at != rows_.begin() && found.size() < most) found.push_back((--at)->second);
  return found;
}

Result<std::vector<Intervention>> RunBoard::interventions(Timestamp now) {
  const std::lock_guard lock(mutex_);
  if (Status caught = catch_up(); !caught) return caught.error();
  std::vector<Intervention> recent;
  for (const Intervention& one : interventions_) {
    if (now - one.at <= kPresent) recent.push_back(one);
  }
  return recent;
}

Result<std::optional<RunId>> RunBoard::begun_by(const std::string& request_key) {
  const std::lock_guard lock(mutex_);
  if (Status caught = catch_up(); !caught) return caught.error();
  const auto found = keys_.find(request_key);
  if (found == keys_.end()) return std::optional<RunId>();
  return std::optional<RunId>(found->second);
}

Status RunBoard::with_journal(const std::function<Status(Journal&)>& look) {
  const std::lock_guard lock(mutex_);
  if (Status opened = open(); !opened) return opened;
  return look(*journal_);
}

}  // namespace quell
