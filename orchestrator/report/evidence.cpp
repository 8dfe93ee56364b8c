#include "orchestrator/report/evidence.h"

#include <chrono>
#include <numeric>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "orchestrator/report/bundle.h"
#include "orchestrator/report/run_document.h"
#include "state/base/json.h"
#include "state/base/sha256.h"
#include "state/hash_chain.h"

namespace quell {
namespace {

constexpr std::size_t kBlock = 512;
/// POSIX.1-1988 (ustar): eleven octal digits.
constexpr std::size_t kFileBytesMax = (std::size_t{1} << 33U) - 1;

struct NamedFile {
  std::string name{};
  std::string content{};
};

/// One header block; mode 0600, nobody's, and never anything but a plain file.
std::string header_of(const NamedFile& file, std::int64_t modified) {
  std::string block = file.name;
  block.resize(100, '\0');
  block += fmt::format("{:07o}", 0600) + '\0';
  block += fmt::format("{:07o}", 0) + '\0';  // uid
  block += fmt::format("{:07o}", 0) + '\0';  // gid
  block += fmt::format("{:011o}", file.content.size()) + '\0';
  block += fmt::format("{:011o}", modified) + '\0';
  const std::size_t sum_at = block.size();
  block += "        0";  // the checksum counts as blanks; then the type
  block.resize(257, '\0');
  block += std::string("ustar\0", 6) + "00";
  block.resize(kBlock, '\0');
  const auto sum = std::accumulate(block.begin(), block.end(), 0U, [](unsigned total, char c) {
    return total + static_cast<unsigned char>(c);
  });
  block.replace(sum_at, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
  return block;
}

std::string tar_of(const std::vector<NamedFile>& files, std::int64_t modified) {
  std::string tar;
  for (const NamedFile& file : files) {
    tar += header_of(file, modified);
    tar += file.content;
    tar.resize((tar.size() + kBlock - 1) / kBlock * kBlock, '\0');
  }
  tar.resize(tar.size() + 2 * kBlock, '\0');
  return tar;
}

std::string readme(RunId run, const StoredEntry& last, const KeyRing& keys) {
  return fmt::format(
      "The record of quell's run {} as of entry {}, {}.\n\n"
      "run.json       what the run comes to: claims with their proofs, exposures, decisions\n"
      "journal.jsonl  every entry of it: number, SHA-256 of the chain, the entry\n\n"
      "sha256sum -c SHA256SUMS\n"
      "openssl pkeyutl -verify -pubin -inkey signer.pem -rawin -in SHA256SUMS -sigfile "
      "SHA256SUMS.sig\n\n"
      "The signer's key has the id {}: compare it with what quell journal verify shows.\n",
      to_string(run), last.seq, format_rfc3339(last.entry.at),
      signing_key_id(keys.signing_public_key()));
}

}  // namespace

Result<std::string> evidence_of(RunId run, Journal& journal, const PlaybookLoader& load_playbook,
                                const ConnectorSet& connectors, const KeyRing& keys) {
  JournalFold fold(nullptr, load_playbook, connectors);
  std::string lines;
  StoredEntry last;
  const auto is_asked = [&](const EntryLabel& label) { return label.run == run; };
  const Status read = journal.read_some(0, is_asked, [&](const StoredEntry& stored) -> Status {
    if (Status taken = fold.take(stored); !taken) return taken;
    lines += journal_line(stored) + '\n';
    if (lines.size() > kFileBytesMax)
      return make_error(ErrorCode::invalid, "run", "its record is longer than a tar may hold.",
                        "quell journal export has its entries");
    last = stored;
    return ok();
  });
  if (!read) return read.error();
  const Folded& folded = fold.so_far();
  if (const auto fault = folded.unreadable.find(run); fault != folded.unreadable.end())
    return make_error(ErrorCode::conflict, "run", fault->second,
                      "quell journal export has its entries");
  const auto state = folded.runs.find(run);
  if (state == folded.runs.end()) return no_such_run(to_string(run));
  std::vector<NamedFile> files{
      {.name = "README.txt", .content = readme(run, last, keys)},
      {.name = "journal.jsonl", .content = std::move(lines)},
      {.name = "run.json",
       .content = to_pretty_json(run_document(state->second, connectors)) + "\n"}};
  std::string sums;
  for (const NamedFile& file : files) sums += sha256_hex(file.content) + "  " + file.name + "\n";
  files.push_back({.name = "SHA256SUMS", .content = sums});
  files.push_back({.name = "SHA256SUMS.sig", .content = keys.sign(sums)});
  files.push_back({.name = "signer.pem", .content = keys.signing_public_pem()});
  const auto modified = std::chrono::floor<std::chrono::seconds>(last.entry.at.time_since_epoch());
  return tar_of(files, modified.count());
}

}  // namespace quell
