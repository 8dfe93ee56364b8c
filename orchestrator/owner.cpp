#include "orchestrator/owner.h"

#include <filesystem>
#include <utility>

#include "orchestrator/kill_switch.h"
#include "orchestrator/owner_api.h"
#include "orchestrator/playbook_library.h"
#include "orchestrator/report/bundle.h"

namespace quell {
namespace {

std::string beside(const std::string& database, const std::string& name) {
  const std::filesystem::path folder = std::filesystem::path(database).parent_path();
  return (folder.empty() ? std::filesystem::path(name) : folder / name).string();
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
  owner->secrets_ = std::make_unique<SqliteSecretStore>(*owner->journal_, *owner->keys_,
                                                        parts.clock, parts.random);
  if (Status spent = owner->secrets_->destroy_spent_keys(); !spent) return spent.error();

  const KeyRing* const ring = owner->keys_.get();
  Result<ConnectorSet> connectors =
      parts.make_connectors([ring](const Secret& secret) { return ring->fingerprint(secret); });
  if (!connectors) return connectors.error();
  owner->connectors_ = std::move(*connectors);

  const std::string evidence = evidence_folder(parts.database, parts.drill);
  Owner* const self = owner.get();
  owner->engine_ = std::make_unique<Engine>(Engine::Parts{
      .clock = parts.clock,
      .transport = parts.transport,
      .journal = *owner->journal_,
      .secrets = *owner->secrets_,
      .connectors = owner->connectors_,
      .load_playbook = loader_for(owner->connectors_),
      .write_bundle =
          [self, evidence](const RunState& run, const std::string&) {
            return write_bundle(evidence, run, self->connectors_, *self->journal_);
          },
      .on_entry = std::move(parts.on_entry),
      .on_request = std::move(parts.on_request),
      .policy = parts.policy,
      .limits = std::move(parts.limits),
      .kill_switch = [path = kill_switch_path(parts.database)] { return read_kill_switch(path); },
      .still_owner = [self] { return self->lock_->still_held(); },
      .drill = parts.drill});
  if (Status loaded = owner->engine_->load(); !loaded) return loaded.error();

  Result<std::unique_ptr<OwnerApi>> api =
      OwnerApi::serve(owner_socket_path(parts.database), *owner->engine_);
  if (!api) return api.error();
  owner->api_ = std::move(*api);
  return owner;
}

Owner::~Owner() = default;

Result<std::unique_ptr<StateReader>> StateReader::open(const std::string& database,
                                                       const KeyPaths& keys, Random& random,
                                                       ConnectorSet connectors) {
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
  reader->journal_ = std::move(*journal);
  reader->connectors_ = std::move(connectors);
  reader->load_playbook_ = loader_for(reader->connectors_);
  return reader;
}

}  // namespace quell
