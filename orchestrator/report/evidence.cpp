#include "orchestrator/report/evidence.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "connectors/redaction.h"
#include "orchestrator/report/bundle.h"
#include "orchestrator/report/envelope.h"
#include "orchestrator/report/evidence_store.h"
#include "orchestrator/report/report.h"
#include "orchestrator/report/run_document.h"
#include "state/base/json.h"
#include "state/base/sha256.h"
#include "state/hash_chain.h"

namespace quell {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kReadBytes = 1U << 20U;
/// POSIX.1-1988 (ustar): eleven octal digits.
constexpr std::int64_t kFileBytesMax = (std::int64_t{1} << 33U) - 1;

/// One file of the tar: its content in memory, on disk, or the entries of the run.
struct Member {
  enum class Source : std::uint8_t { text, disk, journal } source = Source::text;
  std::string name{};
  std::string text{};
  std::string path{};
  std::int64_t bytes = 0;
  std::string sha256{};
  Value about{};  // for the manifest
};

/// One header block; mode 0600, nobody's, and never anything but a plain file.
std::string header_of(const Member& file, std::int64_t modified) {
  std::string block = file.name;
  block.resize(100, '\0');
  block += fmt::format("{:07o}", 0600) + '\0';
  block += fmt::format("{:07o}", 0) + '\0';  // uid
  block += fmt::format("{:07o}", 0) + '\0';  // gid
  block += fmt::format("{:011o}", file.bytes) + '\0';
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

Status each_piece(const std::string& path, const ByteSink& take) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"),
                                                             &std::fclose);
  if (!file) return make_error(ErrorCode::gone, "evidence", path + " cannot be read.", "");
  std::string piece(kReadBytes, '\0');
  while (true) {
    const std::size_t got = std::fread(piece.data(), 1, piece.size(), file.get());
    if (got > 0) {
      if (Status taken = take(std::string_view(piece).substr(0, got)); !taken) return taken;
    }
    if (got == piece.size()) continue;
    if (std::ferror(file.get()) == 0) return ok();
    return make_error(ErrorCode::transient, "evidence", path + " cannot be read.", "try again");
  }
}

Value shapes_value(const std::map<std::string, std::int64_t>& shapes) {
  ValueMap map;
  for (const auto& [shape, number] : shapes) map.emplace(shape, number);
  return Value(std::move(map));
}

Member text_member(std::string name, std::string text, std::string_view what) {
  Member member{.name = std::move(name), .text = std::move(text)};
  member.bytes = static_cast<std::int64_t>(member.text.size());
  member.sha256 = sha256_hex(member.text);
  std::map<std::string, std::int64_t> shapes;
  member.about = Value::map({{"what", what}, {"token_shapes", shapes_value(shapes)}});
  return member;
}

/// What the entries of the run up to the asked one say.
struct Record {
  std::unique_ptr<JournalFold> fold{};
  ReportReader report{};
  StoredEntry last{};
  std::int64_t lines_bytes = 0;
  Sha256 lines{};
  std::map<std::string, std::string> collected{};  // digest by STEP or STEP/ITEM
  ValueList attached{};
};

class EvidenceWriter {
 public:
  EvidenceWriter(const EvidenceParts& parts, ByteSink sink)
      : parts_(parts), sink_(std::move(sink)) {}

  Status write() {
    if (Status read = read_record(); !read) return read;
    const Result<const RunState*> run = run_of_record();
    if (!run) return run.error();
    const Value report = record_.report.document(**run, parts_.connectors);
    add(text_member("README.txt", readme(), "how to check all this"));
    Member journal{.source = Member::Source::journal, .name = "journal.jsonl"};
    journal.bytes = record_.lines_bytes;
    journal.sha256 = record_.lines.hex();
    journal.about = Value::map({{"what", "every entry of the run"}});
    add(std::move(journal));
    add(text_member("run.json", to_pretty_json(run_document(**run, parts_.connectors)) + "\n",
                    "what the run comes to"));
    add(text_member("report.md", report_markdown(report), "the report, for a ticket"));
    if (parts_.render_html)
      add(text_member("report.html", parts_.render_html(report), "the report, for a browser"));
    if (Status added = add_collected(); !added) return added;
    if (Status added = add_attached(); !added) return added;
    add(text_member("MANIFEST.json", manifest(), "where each file is from"));
    std::string sums;
    for (const Member& member : members_) sums += member.sha256 + "  " + member.name + "\n";
    const std::string signature = parts_.keys.sign(sums);
    add(text_member("SHA256SUMS", sums, ""));
    add(text_member("SHA256SUMS.sig", signature, ""));
    add(text_member("signer.pem", parts_.keys.signing_public_pem(), ""));
    for (const Member& member : members_) {
      if (Status put = put_member(member); !put) return put;
    }
    return sink_(std::string(2 * kBlock, '\0'));
  }

 private:
  void add(Member member) { members_.push_back(std::move(member)); }

  bool wants(const EntryLabel& label) const {
    return label.run == parts_.run && (!parts_.as_of || label.seq <= *parts_.as_of);
  }

  Status read_record() {
    record_.fold =
        std::make_unique<JournalFold>(nullptr, parts_.load_playbook, parts_.connectors);
    const auto is_asked = [&](const EntryLabel& label) { return wants(label); };
    return parts_.journal.read_some(0, is_asked, [&](const StoredEntry& stored) -> Status {
      if (Status taken = record_.fold->take(stored); !taken) return taken;
      record_.report.take(stored);
      const std::string line = journal_line(stored) + '\n';
      record_.lines.update(line);
      record_.lines_bytes += static_cast<std::int64_t>(line.size());
      if (record_.lines_bytes > kFileBytesMax)
        return make_error(ErrorCode::invalid, "run", "its record is longer than a tar may hold.",
                          "quell journal export has its entries");
      const Value& body = stored.entry.body;
      if (stored.entry.kind == EntryKind::attempt_finished && keeps_evidence(body)) {
        const std::string item = body["item"].string_or("");
        const std::string step = body["step"].string_or("");
        record_.collected[item.empty() ? step : step + "/" + item] =
            body["outputs"]["digest"].string_or("");
      }
      if (stored.entry.kind == EntryKind::manual_done) {
        for (const Value& file : body["attachments"].list_or_empty())
          record_.attached.push_back(file);
      }
      record_.last = stored;
      return ok();
    });
  }

  Result<const RunState*> run_of_record() {
    const Folded& folded = record_.fold->so_far();
    if (const auto fault = folded.unreadable.find(parts_.run); fault != folded.unreadable.end())
      return make_error(ErrorCode::conflict, "run", fault->second,
                        "quell journal export has its entries");
    const auto state = folded.runs.find(parts_.run);
    if (state == folded.runs.end()) return no_such_run(to_string(parts_.run));
    return &state->second;
  }

  std::string run_folder() const { return parts_.folder + "/" + to_string(parts_.run); }

  /// Hashes what lies on disk. What is not there is said in the manifest and left out.
  Status add_disk(Member member, std::map<std::string, std::int64_t> shapes, bool counts) {
    Sha256 hash;
    const Status read = each_piece(member.path, [&](std::string_view piece) {
      hash.update(piece);
      member.bytes += static_cast<std::int64_t>(piece.size());
      if (counts) count_token_shapes(piece, shapes);
      return ok();
    });
    if (!read && read.error().code != ErrorCode::gone) return read;
    if (!read || member.bytes > kFileBytesMax) {
      missing_.push_back(Value::map(
          {{"name", member.name},
           {"why", read ? "longer than a tar may hold" : "no longer where it was put"}}));
      return ok();
    }
    member.sha256 = hash.hex();
    for (const auto& [shape, number] : shapes) shapes_[shape] += number;
    ValueMap about = member.about.as_map();
    const std::string recorded = about["recorded_sha256"].string_or("");
    if (recorded == member.sha256) about.erase("recorded_sha256");
    about["altered"] = recorded != member.sha256;
    about["token_shapes"] = shapes_value(shapes);
    member.about = Value(std::move(about));
    add(std::move(member));
    return ok();
  }

  Status add_collected() {
    if (record_.collected.empty()) return ok();
    const std::string folder = collected_folder(parts_.folder, parts_.run);
    Result<std::vector<CollectedFile>> files = read_collected(folder);
    if (!files) return files.error();
    std::map<std::string, Sha256> digests;
    for (const CollectedFile& one : *files) {
      if (!record_.collected.contains(one.step)) continue;
      digests[one.step].update(one.file.sha256 + "  " + one.file.name + "\n");
      std::map<std::string, std::int64_t> shapes;
      constexpr std::string_view kShape = "token_shape.";
      ValueMap counts;
      for (const auto& [word, number] : one.file.counts) {
        if (word.starts_with(kShape))
          shapes[word.substr(kShape.size())] = number;
        else
          counts.emplace(word, number);
      }
      Member member{.source = Member::Source::disk,
                    .name = "collected/" + one.file.name,
                    .path = folder + "/" + one.file.name};
      member.about = Value::map({{"what", "collected"},
                                 {"step", one.step},
                                 {"kind", one.kind},
                                 {"subject", one.subject},
                                 {"whole", one.file.is_over && one.file.gap.empty()},
                                 {"gap", one.file.gap},
                                 {"counts", Value(std::move(counts))},
                                 {"recorded_sha256", one.file.sha256}});
      if (Status added = add_disk(std::move(member), std::move(shapes), false); !added)
        return added;
    }
    for (const auto& [step, digest] : record_.collected) {
      if (digests[step].hex() == digest) continue;
      missing_.push_back(Value::map(
          {{"name", "collected by " + step},
           {"why", "not the files whose digest the journal has"}}));
    }
    return ok();
  }

  Status add_attached() {
    int number = 0;
    for (const Value& file : record_.attached) {
      const std::string recorded = file["sha256"].string_or("");
      const bool is_hash = recorded.size() == 64 &&
                           recorded.find_first_not_of("0123456789abcdef") == std::string::npos;
      if (!is_hash) continue;
      Member member{.source = Member::Source::disk,
                    .name = fmt::format("attached/{:04}", ++number),
                    .path = run_folder() + "/attached/" + recorded};
      member.about = Value::map({{"what", "attached by a person"},
                                 {"named", file["name"].string_or("")},
                                 {"recorded_sha256", recorded}});
      if (Status added = add_disk(std::move(member), {}, true); !added) return added;
    }
    return ok();
  }

  std::string manifest() const {
    ValueList files;
    for (const Member& member : members_) {
      ValueMap row = member.about.as_map();
      row["name"] = member.name;
      row["bytes"] = member.bytes;
      row["sha256"] = member.sha256;
      files.emplace_back(std::move(row));
    }
    return to_pretty_json(
               Value::map({{"run", to_string(parts_.run)},
                           {"as_of", Value::map({{"entry", record_.last.seq},
                                                 {"head", head()},
                                                 {"at", Value(record_.last.entry.at)}})},
                           {"files", Value(std::move(files))},
                           {"missing", Value(missing_)},
                           {"token_shapes", shapes_value(shapes_)}})) +
           "\n";
  }

  std::string head() const {
    return head_text(Tip{.seq = record_.last.seq, .hash = record_.last.hash});
  }

  std::string readme() const {
    return fmt::format(
        "The evidence of quell's run {} as of entry {}, {}.\n\n"
        "report.html, report.md  what happened, for people\n"
        "run.json                what the run comes to: claims with their proofs, exposures\n"
        "journal.jsonl           every entry of it: number, SHA-256 of the chain, the entry\n"
        "collected/              what steps copied before anything was destroyed, as JSON lines:\n"
        "                        text from outside, faithful and never harmless. Read it as text.\n"
        "attached/               what people attached\n"
        "MANIFEST.json           where each file is from, and what in it is shaped like a token\n\n"
        "sha256sum -c SHA256SUMS\n"
        "openssl pkeyutl -verify -pubin -inkey signer.pem -rawin -in SHA256SUMS -sigfile "
        "SHA256SUMS.sig\n\n"
        "The signer's key has the id {}: compare it with what quell journal verify shows.\n",
        to_string(parts_.run), record_.last.seq, format_rfc3339(record_.last.entry.at),
        signing_key_id(parts_.keys.signing_public_key()));
  }

  Status put_member(const Member& member) {
    const auto modified =
        std::chrono::floor<std::chrono::seconds>(record_.last.entry.at.time_since_epoch()).count();
    if (Status put = sink_(header_of(member, modified)); !put) return put;
    std::int64_t bytes = 0;
    Sha256 hash;
    const ByteSink piece = [&](std::string_view part) {
      bytes += static_cast<std::int64_t>(part.size());
      hash.update(part);
      return sink_(part);
    };
    Status put = ok();
    switch (member.source) {
      case Member::Source::text:
        put = piece(member.text);
        break;
      case Member::Source::disk:
        put = each_piece(member.path, piece);
        break;
      case Member::Source::journal:
        put = parts_.journal.read_some(
            0,
            [&](const EntryLabel& label) { return wants(label) && label.seq <= record_.last.seq; },
            [&](const StoredEntry& stored) { return piece(journal_line(stored) + '\n'); });
        break;
    }
    if (!put) return put;
    if (bytes != member.bytes || hash.hex() != member.sha256)
      return make_error(ErrorCode::transient, "evidence",
                        member.name + " changed while it was read.", "take it again");
    const std::size_t rest = static_cast<std::size_t>(bytes) % kBlock;
    return rest == 0 ? ok() : sink_(std::string(kBlock - rest, '\0'));
  }

  const EvidenceParts& parts_;
  ByteSink sink_;
  Record record_{};
  std::vector<Member> members_{};
  std::map<std::string, std::int64_t> shapes_{};
  ValueList missing_{};
};

}  // namespace

Status write_evidence(const EvidenceParts& parts, const ByteSink& sink) {
  if (parts.recipients.empty()) return EvidenceWriter(parts, sink).write();
  const Result<std::unique_ptr<Envelope>> envelope = Envelope::open(parts.recipients, sink);
  if (!envelope) return envelope.error();
  Envelope* const inside = envelope->get();
  const Status written = EvidenceWriter(parts, [inside](std::string_view bytes) {
                           return inside->write(bytes);
                         }).write();
  return written ? inside->finish() : written;
}

}  // namespace quell
