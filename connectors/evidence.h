#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace quell {

/// How many of each thing a file of evidence holds: "records", "events", "advisor_messages".
using EvidenceCounts = std::map<std::string, std::int64_t>;

/// How far one file of evidence has come, as the disk has it.
struct EvidenceFile {
  std::string name{};             // by quell alone (threat T46): "session-0001.jsonl"
  std::set<std::string> parts{};  // the lists of its subject that are in it to their end
  std::string part{};             // the one under way, and where it goes on
  std::string cursor{};
  std::int64_t bytes = 0;
  std::string sha256{};  // of those bytes, hex
  EvidenceCounts counts{};
  bool is_over = false;
  std::string gap{};  // why it is not whole; empty: it is, once it is over
};

/// More of one file of evidence, or without a part and an end only the question how far it has
/// come. A file belongs to the step, the kind and the subject that ask for it: an attempt that is
/// made again goes on where the last one was cut off.
struct FileOp {
  std::string kind{};     // lower-case letters: "session"
  std::string subject{};  // the platform's id
  std::string part{};
  std::string lines{};  // whole JSON lines, each with its end
  EvidenceCounts counts{};
  std::string cursor{};  // where the part goes on behind `lines`
  bool begins_part_anew = false;
  bool ends_part = false;
  bool ends_file = false;
  std::string gap{};
};

}  // namespace quell
