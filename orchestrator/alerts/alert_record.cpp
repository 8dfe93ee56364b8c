#include "orchestrator/alerts/alert_record.h"

#include <map>
#include <utility>

namespace quell {
namespace {

AlertRecord record_of(const StoredEntry& stored) {
  const Value& body = stored.entry.body;
  AlertRecord record{.id = body["alert"].string_or(""),
                     .seq = stored.seq,
                     .received = stored.entry.at,
                     .source = body["source"].string_or(""),
                     .kind = body["kind"].string_or(""),
                     .event = body["event"].string_or(""),
                     .about = body["about"].string_or(""),
                     .run = parse_run_id(body["run"].string_or("")),
                     .joined = body["joined"].bool_or(false),
                     .why = body["why"].string_or(""),
                     .body = body["body"],
                     .is_long = body["too_long"].bool_or(false)};
  for (const Value& one : body["secrets"].list_or_empty())
    record.secret_paths.push_back(one["path"].string_or(""));
  return record;
}

}  // namespace

Result<std::vector<AlertRecord>> read_alert_records(Journal& journal) {
  std::vector<AlertRecord> records;
  std::map<std::string, std::size_t> places;
  const Status read = journal.read_some(
      0,
      [](const EntryLabel& label) {
        return label.kind == EntryKind::alert_received || label.kind == EntryKind::alert_dismissed;
      },
      [&](const StoredEntry& stored) {
        const Value& body = stored.entry.body;
        const std::string id = body["alert"].string_or("");
        const auto place = places.find(id);
        if (stored.entry.kind == EntryKind::alert_dismissed) {
          if (place == places.end()) return ok();
          records[place->second].dismissed_by = body["who"].string_or("somebody");
          records[place->second].dismissed_why = body["why"].string_or("");
          return ok();
        }
        AlertRecord record = record_of(stored);
        if (place == places.end()) {
          places.emplace(id, records.size());
          records.push_back(std::move(record));
        } else {
          record.received = records[place->second].received;
          records[place->second] = std::move(record);
        }
        return ok();
      });
  if (!read) return read.error();
  return records;
}

Value alert_document(const AlertRecord& record) {
  ValueMap row{{"id", record.id},
               {"received_at", Value(record.received)},
               {"source", record.source},
               {"kind", record.kind},
               {"event", record.event},
               {"about", record.about},
               {"run", record.run ? Value(to_string(*record.run)) : Value()},
               {"joined", record.joined},
               {"why", record.why}};
  if (!record.dismissed_by.empty())
    row["dismissed"] = Value::map({{"who", record.dismissed_by}, {"why", record.dismissed_why}});
  return Value(std::move(row));
}

Value alert_details(const AlertRecord& record) {
  ValueList secrets;
  for (const std::string& path : record.secret_paths) secrets.emplace_back(path);
  ValueMap document = alert_document(record).as_map();
  document["body"] = record.body;
  document["secrets"] = Value(std::move(secrets));
  return Value(std::move(document));
}

}  // namespace quell
