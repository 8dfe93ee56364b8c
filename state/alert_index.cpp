#include "state/alert_index.h"

#include <algorithm>

#include "state/base/bytes.h"

namespace quell {
namespace {

constexpr std::size_t kDeliveryKeyBytes = 32;

}  // namespace

std::optional<AlertKey> alert_key_of(const Entry& entry) {
  std::optional<std::string> bytes = hex_decode(entry.body["key"].string_or(""));
  // A time before it is written, its text after it was read back.
  const Value& until = entry.body["expires"];
  const std::optional<Timestamp> expires = until.is_timestamp()
                                               ? std::optional<Timestamp>(until.as_timestamp())
                                               : parse_rfc3339(until.string_or(""));
  if (!bytes || bytes->size() != kDeliveryKeyBytes || !expires) return std::nullopt;
  return AlertKey{.bytes = *std::move(bytes), .expires = *expires};
}

std::uint64_t milliseconds_of(Timestamp time) noexcept {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(time.time_since_epoch().count(), 0));
}

Result<std::optional<std::uint64_t>> SqliteAlertIndex::find(std::string_view key, Timestamp now) {
  Result<SqliteStatement> select =
      database_->prepare("SELECT seq FROM alerts WHERE key = ?1 AND expires >= ?2");
  if (!select) return select.error();
  select->bind_blob(1, key).bind(2, milliseconds_of(now));
  const Result<bool> row = select->step();
  if (!row) return row.error();
  return *row ? std::optional<std::uint64_t>(select->number(0)) : std::nullopt;
}

Status SqliteAlertIndex::prune(Timestamp now) {
  Result<SqliteStatement> erase = database_->prepare("DELETE FROM alerts WHERE expires < ?1");
  if (!erase) return erase.error();
  erase->bind(1, milliseconds_of(now));
  return erase->run();
}

}  // namespace quell
