#pragma once

#include <memory>
#include <string>
#include <vector>

#include "connectors/http_transport.h"
#include "orchestrator/api/api_route.h"
#include "orchestrator/api/change_feed.h"
#include "orchestrator/api/engine_door.h"
#include "orchestrator/api_client.h"
#include "orchestrator/ballast.h"
#include "orchestrator/config.h"
#include "orchestrator/engine/engine.h"
#include "orchestrator/report/byte_sink.h"
#include "orchestrator/report/evidence_store.h"
#include "orchestrator/report/report.h"
#include "state/alert_index.h"
#include "state/base/random.h"
#include "state/keys.h"
#include "state/owner_lock.h"
#include "state/sealed_store.h"
#include "state/sqlite_journal.h"

namespace quell {

class OwnerApi;

/// Routes that one owner has beside those of every owner; what it is given outlives them.
using MoreRoutes = std::function<std::vector<ApiRoute>(EngineDoor&, const ConnectorSet&)>;

/// Where the bundles of its runs lie: beside the database.
std::string evidence_folder(const std::string& database, bool drill);

/// The database of drills: beside the real one, with a lock of its own; nothing ever resumes it.
std::string drills_database(const std::string& database);

/// The one process that owns a SQLite state: lock, keys, journal, sealed secrets, engine and
/// socket, brought up in that order and shut down in reverse.
class Owner {
 public:
  struct Parts {
    std::string database{};
    KeyPaths keys{};
    const Clock& clock;
    Random& random;
    HttpTransport& transport;
    /// Makes the connectors once the keys are there to fingerprint their secrets.
    std::function<Result<ConnectorSet>(
        const std::function<std::string(const Secret&)>& fingerprint)>
        make_connectors{};
    std::function<void(const RunState&, const Entry&)> on_entry{};
    std::function<void(const RunState&, const WorkId&, const HttpRequest&)> on_request{};
    const Policy* policy = nullptr;  // null: the defaults
    /// Sentences for the operator that belong to no run; may be empty.
    std::function<void(const std::string&)> tell{};
    std::map<std::string, OriginLimits, std::less<>> limits{};
    EvidenceSettings evidence{};
    /// A transport for each plan that somebody asks for.
    std::function<Result<std::unique_ptr<HttpTransport>>()> make_transport{};
    /// What the API answers beside what every owner does; called before the socket is served.
    MoreRoutes more_routes{};
    bool drill = false;
    /// The other journal that the same keys serve: while either is there, missing keys are lost
    /// ones and no new ones are made.
    std::string sibling_database{};
  };

  /// Error topic "locked" when another process owns the state.
  static Result<std::unique_ptr<Owner>> open(Parts parts);
  ~Owner();

  Engine& engine() noexcept { return *engine_; }
  const ConnectorSet& connectors() const noexcept { return connectors_; }
  SecretStore& secrets() noexcept { return *secrets_; }
  Journal& journal() noexcept { return *journal_; }
  SqliteAlertIndex& alert_index() noexcept { return *alert_index_; }
  OwnerApi& api() noexcept { return *api_; }

 private:
  Owner() = default;
  /// A process that died after a run's end has not erased them.
  Status forget_secrets_of_past_runs();

  std::optional<OwnerLock> lock_{};
  std::unique_ptr<KeyRing> keys_{};
  std::unique_ptr<SqliteJournal> journal_{};
  std::unique_ptr<BallastedJournal> ballasted_{};
  ChangeFeed feed_{};
  std::unique_ptr<Journal> told_{};  // tells feed_
  std::unique_ptr<SqliteSecretStore> secrets_{};
  std::unique_ptr<SqliteAlertIndex> alert_index_{};
  ConnectorSet connectors_{};
  std::unique_ptr<EvidenceStore> evidence_{};
  std::unique_ptr<Engine> engine_{};
  std::unique_ptr<OwnerApi> api_{};
};

/// A state that is only read: works while another process owns it, and without any owner.
class StateReader {
 public:
  /// Error topic "state" when there is no journal yet.
  static Result<std::unique_ptr<StateReader>> open(const std::string& database,
                                                   const KeyPaths& keys, Random& random,
                                                   ConnectorSet connectors,
                                                   std::vector<std::string> recipients);
  /// The state of another quell.
  static Result<std::unique_ptr<StateReader>> open_remote(const ApiClient& client, Random& random);

  Journal& journal() noexcept { return *journal_; }
  const ConnectorSet& connectors() const noexcept { return connectors_; }
  /// For folding this journal as it grows.
  const PlaybookLoader& loader() const noexcept { return load_playbook_; }
  Result<Folded> fold() { return fold_journal(*journal_, nullptr, load_playbook_, connectors_); }
  /// The run that a person names.
  Result<RunState> fold_named(std::string_view name) {
    return quell::fold_named(*journal_, name, load_playbook_, connectors_);
  }
  /// SqliteJournal::verify(), wherever the journal lies.
  Result<VerifyReport> verify(const VerifyOptions& options) { return verify_(options); }
  /// write_evidence(), wherever the journal lies; encrypted where its configuration says so.
  Status evidence(RunId run, std::optional<std::uint64_t> as_of, const ByteSink& sink) {
    return evidence_(run, as_of, sink);
  }
  Result<Value> report(RunId run) {
    return report_of(run, *journal_, load_playbook_, connectors_);
  }

 private:
  StateReader() = default;

  std::unique_ptr<KeyRing> keys_{};
  std::unique_ptr<Journal> journal_{};
  std::function<Result<VerifyReport>(const VerifyOptions&)> verify_{};
  std::function<Status(RunId, std::optional<std::uint64_t>, const ByteSink&)> evidence_{};
  ConnectorSet connectors_{};
  PlaybookLoader load_playbook_{};
};

}  // namespace quell
