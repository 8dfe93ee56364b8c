#include "orchestrator/owner.h"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <utility>

#include "orchestrator/crash_marker.h"
#include "orchestrator/kill_switch.h"
#include "orchestrator/owner_api.h"
#include "orchestrator/panel/report_page.h"
#include "orchestrator/playbook_library.h"
#include "orchestrator/remote_state.h"
#include "orchestrator/report/bundle.h"
#include "orchestrator/report/evidence.h"
#include "orchestrator/report/spool.h"
#include "orchestrator/report/verify_document.h"
#include "state/private_file.h"

namespace quell {
namespace {

std::string beside(const std::string& database, const std::string& name) {
  const std::filesystem::path folder = std::filesystem::path(database).parent_path();
  return (folder.empty() ? std::filesystem::path(name) : folder / name).string();
}

/// Tells the feed of what the journal below has made durable.
class ToldJournal final : public Journal {
 public:
  ToldJournal(Journal& below, ChangeFeed& feed) : below_(below), feed_(feed) {}

  Result<Tip> append(std::span<const Entry> entries) override {
    Result<Tip> tip = below_.append(entries);
    if (!tip) return tip;
    std::uint64_t seq = tip->seq - entries.size();
    for (const Entry& entry : entries) feed_.tell(++seq, entry);
    return tip;
  }
  Status read(std::uint64_t after,
              const std::function<Status(const StoredEntry&)>& visit) override {
    return below_.read(after, visit);
  }
  Status read_some(std::uint64_t after, const std::function<bool(const EntryLabel&)>& wants,
                   const std::function<Status(const StoredEntry&)>& visit) override {
    return below_.read_some(after, wants, visit);
  }
  Result<Tip> tip() override { return below_.tip(); }
  Result<std::string> sign_head() override { return below_.sign_head(); }

 private:
  Journal& below_;
  ChangeFeed& feed_;
};

/// Whose memory of runs this is: approvals and unfinished work of a copied state act nowhere else
/// (threat T28). Empty where the machine does not say.
std::string machine_of(const KeyRing& keys) {
  std::ifstream in("/etc/machine-id");
  std::string id;
  std::getline(in, id);
  return id.empty() ? id : keys.fingerprint(Secret::copy_of(id)).substr(0, 16);
}

/// A program that died three times in a row would die a fourth time, each time after it had sent
/// something: changes are switched off until a person says otherwise (threat T29).
Status enter_safe_mode_after_crashes(const Owner::Parts& parts) {
  const std::string marker = crash_marker_path(parts.database);
  mark_crashes_in(marker);
  const std::uint64_t entry = repeated_crash(marker);
  if (entry == 0) return ok();
  forget_crashes(marker);
  const Result<KillSwitch> off =
      disarm(kill_switch_path(parts.database),
             {.people = true,
              .who = "quell itself",
              .reason = "it died three times in ten minutes, the last time at entry " +
                        std::to_string(entry)},
             parts.clock.now(), parts.random);
  return off ? ok() : Status(off.error());
}

/// What evidence for others is made of; what it refers to outlives the maker.
struct EvidenceDesk {
  std::string database{};
  std::string folder{};
  const KeyRing& keys;
  const ConnectorSet& connectors;
  std::vector<std::string> recipients{};
};

/// As much of the disk as the journal may need is looked for again after so much.
constexpr std::int64_t kRoomLookBytes = 8U << 20U;

Error no_room_for_evidence() {
  return make_error(ErrorCode::transient, "state", "the room that is left belongs to the journal.",
                    "make room on the disk of the state");
}

/// By a connection of its own: a long read holds up nobody who looks at a run. One at a time, since
/// each takes room on the disk and a thread.
EvidenceMaker evidence_maker(EvidenceDesk desk) {
  const auto shared = std::make_shared<const EvidenceDesk>(std::move(desk));
  const auto at_work = std::make_shared<std::mutex>();
  return [shared, at_work](
             RunId run,
             std::optional<std::uint64_t> as_of) -> Result<std::unique_ptr<Spool>> {
    const std::unique_lock alone(*at_work, std::try_to_lock);
    if (!alone) {
      Error busy = make_error(ErrorCode::throttled, "evidence",
                              "the evidence of another run is being made.",
                              "ask again in a moment");
      busy.retry_after = std::chrono::seconds{2};
      return busy;
    }
    const Result<std::unique_ptr<SqliteJournal>> journal = SqliteJournal::open(
        {.path = shared->database, .mode = OpenMode::read_only, .keys = &shared->keys});
    if (!journal) return journal.error();
    Result<std::unique_ptr<Spool>> spool = Spool::open(shared->folder);
    if (!spool) return spool;
    std::int64_t looked_at = -kRoomLookBytes;
    const ByteSink sink = [&](std::string_view bytes) -> Status {
      if ((*spool)->bytes() - looked_at >= kRoomLookBytes) {
        if (is_room_for_journal_only(shared->folder)) return no_room_for_evidence();
        looked_at = (*spool)->bytes();
      }
      return (*spool)->write(bytes);
    };
    const PlaybookLoader load = loader_for(shared->connectors);
    const Status written = write_evidence({.run = run,
                                           .as_of = as_of,
                                           .journal = **journal,
                                           .load_playbook = load,
                                           .connectors = shared->connectors,
                                           .keys = shared->keys,
                                           .folder = shared->folder,
                                           .render_html = panel::report_html,
                                           .recipients = shared->recipients},
                                          sink);
    if (!written) return written.error();
    return spool;
  };
}

}  // namespace

std::string evidence_folder(const std::string& database, bool drill) {
  return beside(database, drill ? "drill-evidence" : "evidence");
}

std::string drills_database(const std::string& database) { return beside(database, "drills.db"); }

Result<std::unique_ptr<Owner>> Owner::open(Parts parts) {
  std::unique_ptr<Owner> owner(new Owner());
  Result<OwnerLock> lock = OwnerLock::acquire(parts.database);
  if (!lock) return lock.error();
  owner->lock_.emplace(std::move(*lock));

  const bool sibling_needs_keys = !parts.sibling_database.empty() &&
                                  missing_keys_for(parts.sibling_database) == MissingKeys::refuse;
  const MissingKeys missing =
      sibling_needs_keys ? MissingKeys::refuse : missing_keys_for(parts.database);
  Result<std::unique_ptr<KeyRing>> keys =
      KeyRing::open_or_create(parts.keys, missing, parts.random);
  if (!keys) return keys.error();
  owner->keys_ = std::move(*keys);

  Result<std::unique_ptr<SqliteJournal>> journal =
      SqliteJournal::open({.path = parts.database,
                           .mode = OpenMode::read_write,
                           .keys = owner->keys_.get(),
                           .clock = &parts.clock,
                           .random = &parts.random});
  if (!journal) return journal.error();
  owner->journal_ = std::move(*journal);
  if (!parts.drill) take_ballast(ballast_path(parts.database));
  owner->ballasted_ = std::make_unique<BallastedJournal>(*owner->journal_,
                                                         ballast_path(parts.database), parts.tell);
  owner->told_ = std::make_unique<ToldJournal>(*owner->ballasted_, owner->feed_);
  owner->secrets_ = std::make_unique<SqliteSecretStore>(*owner->journal_, *owner->keys_,
                                                        parts.clock, parts.random);
  owner->alert_index_ = std::make_unique<SqliteAlertIndex>(*owner->journal_);
  if (Status spent = owner->secrets_->destroy_spent_keys(); !spent) return spent.error();

  const KeyRing* const ring = owner->keys_.get();
  Result<ConnectorSet> connectors =
      parts.make_connectors([ring](const Secret& secret) { return ring->fingerprint(secret); });
  if (!connectors) return connectors.error();
  owner->connectors_ = std::move(*connectors);

  const std::string evidence = evidence_folder(parts.database, parts.drill);
  owner->evidence_ = std::make_unique<EvidenceStore>(evidence, parts.evidence.limits);
  Owner* const self = owner.get();
  owner->engine_ = std::make_unique<Engine>(Engine::Parts{
      .clock = parts.clock,
      .transport = parts.transport,
      .journal = *owner->told_,
      .secrets = *owner->secrets_,
      .connectors = owner->connectors_,
      .load_playbook = loader_for(owner->connectors_),
      .write_bundle = [self, evidence](const RunState& run,
                                       const std::string&) -> Result<std::string> {
        if (is_room_for_journal_only(folder_of(evidence))) {
          return make_error(
              ErrorCode::transient, "state",
              "the room that is left belongs to the journal; no evidence was written.",
              "make room, then look for it again: quell show RUN");
        }
        return write_bundle(evidence, run, self->connectors_, *self->journal_);
      },
      .keep_evidence =
          [self](RunId run, const std::string& step, FileOp op) {
            return self->evidence_->file(run, step, std::move(op));
          },
      .on_entry =
          [see = std::move(parts.on_entry)](const RunState& run, const Entry& entry) {
            set_crash_entry(run.last_seq);
            if (see) see(run, entry);
          },
      .on_request = std::move(parts.on_request),
      .policy = parts.policy,
      .limits = parts.limits,
      .kill_switch = [path = kill_switch_path(parts.database)] { return read_kill_switch(path); },
      .still_owner = [self] { return self->lock_->still_held(); },
      .tell = parts.tell,
      .machine = machine_of(*ring),
      .drill = parts.drill});
  if (Status safe = enter_safe_mode_after_crashes(parts); !safe) return safe.error();
  const Result<Tip> tip = owner->journal_->tip();
  if (!tip) return tip.error();
  set_crash_entry(tip->seq);
  if (Status loaded = owner->engine_->load(); !loaded) return loaded.error();
  if (Status forgot = owner->forget_secrets_of_past_runs(); !forgot) return forgot.error();

  owner->feed_.begin_at(tip->seq);
  owner->api_ = std::make_unique<OwnerApi>(OwnerApi::Parts{
      .engine = *owner->engine_,
      .database = parts.database,
      .load_playbook = loader_for(owner->connectors_),
      .connectors = owner->connectors_,
      .clock = parts.clock,
      .feed = owner->feed_,
      .verify = [path = parts.database,
                 ring](const VerifyOptions& options) -> Result<VerifyReport> {
        const Result<std::unique_ptr<SqliteJournal>> copy =
            SqliteJournal::open({.path = path, .mode = OpenMode::read_only, .keys = ring});
        if (!copy) return copy.error();
        return (*copy)->verify(options);
      },
      .evidence = evidence_maker(
          {.database = parts.database,
           .folder = evidence,
           .keys = *ring,
           .connectors = self->connectors_,
           .recipients = parts.evidence.recipients}),
      .is_evidence_encrypted = !parts.evidence.recipients.empty(),
      .random = parts.random,
      .make_transport = std::move(parts.make_transport),
      .fingerprint = [ring](const Secret& secret) { return ring->fingerprint(secret); },
      .limits = std::move(parts.limits)});
  if (parts.more_routes) {
    owner->api_->api().add(parts.more_routes(owner->api_->engine(), owner->connectors_));
  }
  if (Status served = owner->api_->serve(owner_socket_path(parts.database)); !served)
    return served.error();
  return owner;
}

Status Owner::forget_secrets_of_past_runs() {
  const Result<std::vector<RunId>> runs = secrets_->runs();
  if (!runs) return runs.error();
  for (const RunId id : *runs) {
    if (engine_->find(id) != nullptr || engine_->unreadable().contains(id)) continue;
    if (Status erased = secrets_->erase_run(id); !erased) return erased;
  }
  return ok();
}

Owner::~Owner() = default;

Result<std::unique_ptr<StateReader>> StateReader::open(const std::string& database,
                                                       const KeyPaths& keys, Random& random,
                                                       ConnectorSet connectors,
                                                       std::vector<std::string> recipients) {
  std::error_code failed;
  if (!std::filesystem::exists(database, failed)) {
    return make_error(ErrorCode::invalid, "state", "there is no journal at " + database + " yet.",
                      "quell run makes it, or set state.sqlite in quell.yaml");
  }
  std::unique_ptr<StateReader> reader(new StateReader());
  Result<std::unique_ptr<KeyRing>> ring =
      KeyRing::open_or_create(keys, MissingKeys::refuse, random);
  if (!ring) return ring.error();
  reader->keys_ = std::move(*ring);
  Result<std::unique_ptr<SqliteJournal>> journal = SqliteJournal::open(
      {.path = database, .mode = OpenMode::read_only, .keys = reader->keys_.get()});
  if (!journal) return journal.error();
  SqliteJournal* const file = journal->get();
  reader->evidence_ = [self = reader.get(), database, to = std::move(recipients)](
                          RunId run, std::optional<std::uint64_t> as_of, const ByteSink& sink) {
    return write_evidence({.run = run,
                           .as_of = as_of,
                           .journal = *self->journal_,
                           .load_playbook = self->load_playbook_,
                           .connectors = self->connectors_,
                           .keys = *self->keys_,
                           .folder = evidence_folder(database, run.drill),
                           .render_html = panel::report_html,
                           .recipients = to},
                          sink);
  };
  reader->verify_ = [file](const VerifyOptions& options) { return file->verify(options); };
  reader->journal_ = std::move(*journal);
  reader->connectors_ = std::move(connectors);
  reader->load_playbook_ = loader_for(reader->connectors_);
  return reader;
}

Result<std::unique_ptr<StateReader>> StateReader::open_remote(const ApiClient& client,
                                                              Random& random) {
  Result<ConnectorSet> connectors = remote_connectors(client, random);
  if (!connectors) return connectors.error();
  std::unique_ptr<StateReader> reader(new StateReader());
  reader->connectors_ = std::move(*connectors);
  reader->load_playbook_ = loader_for(reader->connectors_);
  reader->journal_ = std::make_unique<RemoteJournal>(client);
  reader->evidence_ = [client](RunId run, std::optional<std::uint64_t> as_of,
                               const ByteSink& sink) -> Status {
    std::string target = "/api/v1/runs/" + to_string(run) + "/evidence";
    if (as_of) target += "?as_of=" + std::to_string(*as_of);
    return client.download(target, sink);
  };
  reader->verify_ = [client](const VerifyOptions& options) -> Result<VerifyReport> {
    std::string target = "/api/v1/journal/verify";
    if (const auto& head = options.expected_head) target += "?head=" + head_text(*head);
    const Result<Value> document = client.get(target);
    if (!document) return document.error();
    return read_verify_document(*document);
  };
  return reader;
}

}  // namespace quell
