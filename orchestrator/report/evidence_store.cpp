#include "orchestrator/report/evidence_store.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <fstream>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "connectors/redaction.h"
#include "state/base/json.h"
#include "state/base/sha256.h"
#include "state/private_file.h"

namespace quell {
namespace {

constexpr std::string_view kManifest = "/manifest.jsonl";
constexpr std::size_t kRowBytesMax = 64U << 10U;
constexpr std::size_t kCopyBytes = 1U << 20U;
constexpr mode_t kEvidenceMode = 0600;

Error no_room(std::string why) {
  return make_error(ErrorCode::transient, "room", std::move(why),
                    "make room, or raise evidence: in quell.yaml; another run collects it again");
}

Error cannot_write(const std::string& path, int code) {
  if (is_out_of_room(code)) return no_room(out_of_room(code, folder_of(path)).message + ".");
  return make_error(ErrorCode::transient, "state", path + " cannot be written.",
                    "make it writable for this user; then quell retry");
}

Status write_at(const FileDescriptor& file, std::string_view bytes, std::int64_t at,
                const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::pwrite(file.get(), bytes.data(), bytes.size(), at);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return cannot_write(path, wrote < 0 ? errno : EIO);
    bytes.remove_prefix(static_cast<std::size_t>(wrote));
    at += wrote;
  }
  return ok();
}

FileDescriptor open_file(const std::string& path) {
  return FileDescriptor(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, kEvidenceMode));
}

std::uint64_t free_bytes(const std::string& folder) {
  struct statvfs found {};
  if (statvfs(folder.c_str(), &found) != 0) return 0;
  return static_cast<std::uint64_t>(found.f_bavail) * found.f_frsize;
}

Value counts_value(const EvidenceCounts& counts) {
  ValueMap map;
  for (const auto& [word, number] : counts) map.emplace(word, number);
  return Value(std::move(map));
}

EvidenceCounts counts_of(const Value& value) {
  EvidenceCounts counts;
  if (!value.is_map()) return counts;
  for (const auto& [word, number] : value.as_map()) counts[word] = number.int_or(0);
  return counts;
}

/// The first `size` bytes hashed; fewer when the file is shorter.
Sha256 hash_of(const FileDescriptor& file, std::int64_t size) {
  Sha256 hash;
  std::string buffer(kCopyBytes, '\0');
  for (std::int64_t at = 0; at < size;) {
    const auto want = std::min<std::int64_t>(size - at, static_cast<std::int64_t>(buffer.size()));
    const ssize_t got = ::pread(file.get(), buffer.data(), static_cast<std::size_t>(want), at);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    hash.update(std::string_view(buffer).substr(0, static_cast<std::size_t>(got)));
    at += got;
  }
  return hash;
}

/// Where the part under way began, should it have to begin anew.
struct PartStart {
  std::int64_t bytes = 0;
  EvidenceCounts counts{};
};

struct Known {
  CollectedFile collected{};
  PartStart start{};
};

/// One row says how far its file has come.
bool take_row(std::vector<Known>& files, const Value& row) {
  const std::string name = row["file"].string_or("");
  if (name.empty() || !row["bytes"].is_int()) return false;
  auto found = std::find_if(files.begin(), files.end(), [&](const Known& known) {
    return known.collected.file.name == name;
  });
  if (found == files.end()) {
    files.push_back({.collected = {.step = row["step"].string_or(""),
                                   .kind = row["kind"].string_or(""),
                                   .subject = row["subject"].string_or("")}});
    found = std::prev(files.end());
    found->collected.file.name = name;
  }
  EvidenceFile& file = found->collected.file;
  if (row["anew"].bool_or(false)) file.parts.clear();
  file.part = row["part"].string_or("");
  file.cursor = row["cursor"].string_or("");
  file.bytes = row["bytes"].int_or(0);
  file.sha256 = row["sha256"].string_or("");
  file.counts = counts_of(row["counts"]);
  file.gap = row["gap"].string_or("");
  file.is_over = row["ends_file"].bool_or(false);
  found->start = {.bytes = row["part_bytes"].int_or(0), .counts = counts_of(row["part_counts"])};
  if (row["ends_part"].bool_or(false)) {
    file.parts.insert(file.part);
    file.part.clear();
    file.cursor.clear();
  }
  return true;
}

/// The rows of a manifest; `whole_bytes` is where the last whole one ends.
Result<std::vector<Known>> read_manifest(const std::string& path, std::int64_t& whole_bytes) {
  std::vector<Known> files;
  whole_bytes = 0;
  std::ifstream in(path, std::ios::binary);
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (in.eof()) break;  // cut off while it was written
    const Result<Value> row = parse_json(line, {.bytes_max = kRowBytesMax});
    if (!row || !row->is_map() || !take_row(files, *row)) {
      return make_error(ErrorCode::corrupt, "evidence",
                        fmt::format("{}:{} cannot be read.", path, number),
                        "move that folder away; what it holds is collected again");
    }
    whole_bytes += static_cast<std::int64_t>(line.size()) + 1;
  }
  return files;
}

}  // namespace

std::string collected_folder(const std::string& evidence_folder, RunId run) {
  return evidence_folder + "/" + to_string(run) + "/collected";
}

Result<std::vector<CollectedFile>> read_collected(const std::string& folder) {
  std::int64_t whole = 0;
  Result<std::vector<Known>> known = read_manifest(folder + std::string(kManifest), whole);
  if (!known) return known.error();
  std::vector<CollectedFile> files;
  for (Known& one : *known) files.push_back(std::move(one.collected));
  return files;
}

struct EvidenceStore::Entry {
  CollectedFile collected{};
  PartStart start{};
  Sha256 hash{};
  bool is_settled = false;  // by this process: what the disk has is what the manifest says
  bool begins_anew = false;  // what rows said of it so far no longer holds
};

struct EvidenceStore::Run {
  std::string folder{};
  FileDescriptor manifest{};
  std::int64_t manifest_bytes = 0;
  std::uint64_t bytes = 0;  // of all files
  std::vector<std::unique_ptr<Entry>> entries{};
};

EvidenceStore::EvidenceStore(std::string evidence_folder, EvidenceLimits limits)
    : folder_(std::move(evidence_folder)), limits_(limits) {}
EvidenceStore::~EvidenceStore() = default;

Result<EvidenceStore::Run*> EvidenceStore::open(RunId run) {
  std::shared_ptr<Run>& known = runs_[run];
  if (known) return known.get();
  auto fresh = std::make_shared<Run>();
  fresh->folder = collected_folder(folder_, run);
  if (Status made = make_private_folder(fresh->folder); !made) return made.error();
  const std::string path = fresh->folder + std::string(kManifest);
  Result<std::vector<Known>> files = read_manifest(path, fresh->manifest_bytes);
  if (!files) return files.error();
  fresh->manifest = open_file(path);
  if (!fresh->manifest.valid() || ::ftruncate(fresh->manifest.get(), fresh->manifest_bytes) != 0)
    return cannot_write(path, errno);
  for (Known& one : *files) {
    fresh->bytes += static_cast<std::uint64_t>(one.collected.file.bytes);
    auto entry = std::make_unique<Entry>();
    entry->collected = std::move(one.collected);
    entry->start = std::move(one.start);
    fresh->entries.push_back(std::move(entry));
  }
  known = std::move(fresh);
  return known.get();
}

Result<EvidenceStore::Entry*> EvidenceStore::entry_of(Run& run, const std::string& step,
                                                      const FileOp& op) {
  int of_kind = 0;
  for (const std::unique_ptr<Entry>& entry : run.entries) {
    const CollectedFile& known = entry->collected;
    of_kind += known.kind == op.kind ? 1 : 0;
    if (known.step == step && known.kind == op.kind && known.subject == op.subject)
      return entry.get();
  }
  // Its number, never its id: that is text from outside (threat T46).
  auto fresh = std::make_unique<Entry>();
  fresh->collected = {.step = step, .kind = op.kind, .subject = op.subject};
  fresh->collected.file.name = fmt::format("{}-{:04}.jsonl", op.kind, of_kind + 1);
  fresh->collected.file.sha256 = fresh->hash.hex();
  run.entries.push_back(std::move(fresh));
  return run.entries.back().get();
}

/// What another process left behind: what is longer than the manifest says is cut off, what differs
/// from it begins anew.
Status EvidenceStore::settle(Run& run, Entry& entry) {
  if (entry.is_settled || entry.collected.file.is_over) return ok();
  EvidenceFile& file = entry.collected.file;
  const std::string path = run.folder + "/" + file.name;
  const FileDescriptor on_disk = open_file(path);
  if (!on_disk.valid()) return cannot_write(path, errno);
  entry.hash = hash_of(on_disk, file.bytes);
  if (entry.hash.hex() != file.sha256) {
    run.bytes -= static_cast<std::uint64_t>(file.bytes);
    file = {.name = file.name};
    entry.start = {};
    entry.hash = Sha256();
    entry.begins_anew = true;
    file.sha256 = entry.hash.hex();
  }
  if (::ftruncate(on_disk.get(), file.bytes) != 0) return cannot_write(path, errno);
  entry.is_settled = true;
  return ok();
}

Status EvidenceStore::write_row(Run& run, const Entry& entry, const FileOp& op) {
  const CollectedFile& known = entry.collected;
  const EvidenceFile& file = known.file;
  const std::string row = to_json(Value::map({{"file", file.name},
                                              {"step", known.step},
                                              {"kind", known.kind},
                                              {"subject", known.subject},
                                              {"part", op.part},
                                              {"cursor", op.cursor},
                                              {"ends_part", op.ends_part},
                                              {"ends_file", op.ends_file},
                                              {"anew", entry.begins_anew},
                                              {"gap", file.gap},
                                              {"bytes", file.bytes},
                                              {"sha256", file.sha256},
                                              {"counts", counts_value(file.counts)},
                                              {"part_bytes", entry.start.bytes},
                                              {"part_counts", counts_value(entry.start.counts)}})) +
                          '\n';
  const std::string path = run.folder + std::string(kManifest);
  if (Status wrote = write_at(run.manifest, row, run.manifest_bytes, path); !wrote) return wrote;
  run.manifest_bytes += static_cast<std::int64_t>(row.size());
  if (op.ends_file && ::fsync(run.manifest.get()) != 0) return cannot_write(path, errno);
  return ok();
}

Status EvidenceStore::append(Run& run, Entry& entry, FileOp op) {
  EvidenceFile& file = entry.collected.file;
  const std::string path = run.folder + "/" + file.name;
  const FileDescriptor on_disk = open_file(path);
  if (!on_disk.valid()) return cannot_write(path, errno);
  if (!op.part.empty() && (op.part != file.part || op.begins_part_anew)) {
    if (op.part == file.part) {
      run.bytes -= static_cast<std::uint64_t>(file.bytes - entry.start.bytes);
      file.bytes = entry.start.bytes;
      file.counts = entry.start.counts;
      entry.hash = hash_of(on_disk, file.bytes);
      if (::ftruncate(on_disk.get(), file.bytes) != 0) return cannot_write(path, errno);
    }
    entry.start = {.bytes = file.bytes, .counts = file.counts};
  }
  const std::uint64_t size = op.lines.size();
  if (size > 0) {
    if (run.bytes + size > limits_.run_bytes_max)
      return no_room("The evidence of this run has reached its limit.");
    if (free_bytes(run.folder) < limits_.free_bytes_min + size)
      return no_room("The disk has too little room left for evidence.");
    if (Status wrote = write_at(on_disk, op.lines, file.bytes, path); !wrote) {
      // What was written of it lies behind the end and is written over or cut off.
      return wrote;
    }
    entry.hash.update(op.lines);
    file.bytes += static_cast<std::int64_t>(size);
    run.bytes += size;
    for (const auto& [word, number] : op.counts) file.counts[word] += number;
    std::map<std::string, std::int64_t> shapes;
    count_token_shapes(op.lines, shapes);
    for (const auto& [shape, number] : shapes) file.counts["token_shape." + shape] += number;
  }
  file.sha256 = entry.hash.hex();
  if (!op.gap.empty()) file.gap = op.gap;
  if (op.ends_file) {
    if (::ftruncate(on_disk.get(), file.bytes) != 0 || ::fsync(on_disk.get()) != 0)
      return cannot_write(path, errno);
    if (Status named = sync_folder(run.folder); !named) return named;
    file.is_over = true;
    file.part.clear();
    file.cursor.clear();
  } else {
    file.part = op.part;
    file.cursor = op.cursor;
  }
  if (Status told = write_row(run, entry, op); !told) return told;
  entry.begins_anew = false;
  if (op.ends_part) {
    file.parts.insert(op.part);
    file.part.clear();
    file.cursor.clear();
  }
  return ok();
}

Result<EvidenceFile> EvidenceStore::file(RunId run, const std::string& step, FileOp op) {
  const Result<Run*> opened = open(run);
  if (!opened) return opened.error();
  const Result<Entry*> found = entry_of(**opened, step, op);
  if (!found) return found.error();
  Entry& entry = **found;
  if (Status settled = settle(**opened, entry); !settled) return settled.error();
  const bool says_something = !op.part.empty() || op.ends_file;
  if (says_something && !entry.collected.file.is_over) {
    if (Status kept = append(**opened, entry, std::move(op)); !kept) return kept.error();
  }
  return entry.collected.file;
}

}  // namespace quell
