#include "orchestrator/cli/open_record.h"

#include <utility>

namespace quell::cli {

bool means_drill(bool drills, std::string_view run) { return drills || run.starts_with('d'); }

std::unique_ptr<StateReader> open_record(Session& session, bool drills) {
  if (!drills) return session.open_reader();
  if (!session.options().server.empty()) {
    session.fail(make_error(ErrorCode::invalid, "server",
                            "the journal of drills is read where they were played.",
                            "leave --server out there; quell drill history --server tells of them"));
    return nullptr;
  }
  std::optional<ConnectorSet> connectors = session.bare_connectors();
  if (!connectors) return nullptr;
  Result<std::unique_ptr<StateReader>> reader =
      StateReader::open(drills_database(session.config()->database.value), session.key_paths(),
                        session.random(), std::move(*connectors),
                        session.config()->evidence.recipients);
  if (!reader) {
    session.fail(reader.error());
    return nullptr;
  }
  return std::move(*reader);
}

}  // namespace quell::cli
