#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "state/base/clock.h"
#include "state/base/value.h"
#include "state/journal.h"
#include "state/model/ids.h"

namespace quell {

/// One alert as the journal tells it.
struct AlertRecord {
  std::string id{};
  std::uint64_t seq = 0;  // of the entry that tells of it last
  Timestamp received{};
  std::string source{};
  std::string kind{};
  std::string event{};
  std::string about{};
  std::optional<RunId> run{};  // that it began or joined
  bool joined = false;
  std::string why{};  // it lies in the inbox, or did less than its route says
  Value body{};       // without leaked tokens; null where it was too long
  bool is_long = false;
  std::vector<std::string> secret_paths{};  // where leaked tokens stood
  std::string dismissed_by{};               // empty: nobody
  std::string dismissed_why{};

  /// Nobody has done anything with it yet.
  bool is_open() const noexcept { return !run && dismissed_by.empty(); }
};

/// One row of `quell alerts --json`, and with its text what `quell alerts show --json` gives.
Value alert_document(const AlertRecord& record);
Value alert_details(const AlertRecord& record);

/// Every alert of the journal, oldest first.
Result<std::vector<AlertRecord>> read_alert_records(Journal& journal);

}  // namespace quell
