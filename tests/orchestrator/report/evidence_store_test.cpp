// The files of evidence: what a kill, a full disk or a stranger's hand leaves of them.
#include "orchestrator/report/evidence_store.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <doctest/doctest.h>

#include "state/base/sha256.h"
#include "tests/support/temp_folder.h"

namespace quell {
namespace {

namespace fs = std::filesystem;

const RunId kRun{1};
const std::string kStep = "copy";

FileOp page_of(const std::string& lines, const std::string& next,
               const std::string& part = "events") {
  FileOp op{.kind = "session", .subject = "sesn_1", .part = part, .lines = lines};
  op.counts = {{"records", 1}};
  op.cursor = next;
  op.ends_part = next.empty();
  return op;
}

FileOp question() { return {.kind = "session", .subject = "sesn_1"}; }

FileOp ending() {
  FileOp op = question();
  op.ends_file = true;
  return op;
}

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

struct Place {
  TempFolder home{};
  EvidenceLimits limits{.free_bytes_min = 0};

  EvidenceStore store() const { return EvidenceStore(home / "evidence", limits); }
  std::string folder() const { return collected_folder(home / "evidence", kRun); }
  std::string file() const { return folder() + "/session-0001.jsonl"; }
  std::string manifest() const { return folder() + "/manifest.jsonl"; }
};

EvidenceFile kept(EvidenceStore& store, FileOp op) {
  const Result<EvidenceFile> file = store.file(kRun, kStep, std::move(op));
  REQUIRE(file);
  return *file;
}

}  // namespace

// Goal: an attempt goes on behind the last whole page, whatever instant the process died at, and
// the file is byte for byte the one of an attempt that was never cut off.
// Method: after two pages the file, and then the manifest, is cut at every byte, or grown; a new
// store then copies on from where it says that it stands.
TEST_CASE("evidence goes on after a kill at any byte") {
  const std::string whole = "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n";
  const auto copy_on = [&](const Place& place) {
    EvidenceStore store = place.store();
    const EvidenceFile known = kept(store, question());
    if (known.part.empty()) kept(store, page_of("{\"a\":1}\n", "two"));
    if (known.part.empty() || known.cursor == "two") kept(store, page_of("{\"b\":2}\n", "three"));
    kept(store, page_of("{\"c\":3}\n", ""));
    const EvidenceFile done = kept(store, ending());
    CHECK(text_of(place.file()) == whole);
    CHECK(done.sha256 == sha256_hex(whole));
    CHECK(done.counts.at("records") == 3);
    CHECK(done.is_over);
  };
  Place first;
  {
    EvidenceStore store = first.store();
    kept(store, page_of("{\"a\":1}\n", "two"));
    kept(store, page_of("{\"b\":2}\n", "three"));
  }
  const std::string file = text_of(first.file());
  const std::string manifest = text_of(first.manifest());
  const auto left_with = [&](const std::string& some, const std::string& rows) {
    Place place;
    fs::create_directories(place.folder());
    fs::permissions(place.folder(), fs::perms::owner_all);
    std::ofstream(place.file(), std::ios::binary) << some;
    std::ofstream(place.manifest(), std::ios::binary) << rows;
    copy_on(place);
  };
  for (std::size_t at = 0; at <= file.size(); ++at) {
    CAPTURE(at);
    left_with(file.substr(0, at), manifest);
  }
  for (std::size_t at = 0; at <= manifest.size(); ++at) {
    CAPTURE(at);
    left_with(file, manifest.substr(0, at));
  }
  left_with(file + "{\"half of a page that no row tells", manifest);
  left_with("{\"x\":9}\n" + file.substr(8), manifest);  // somebody else's bytes are not kept
}

// Goal: a part whose cursor is not taken any more begins anew and leaves no copy of itself.
// Method: two pages of one part, then its first page again.
TEST_CASE("a part that begins anew replaces what was read of it") {
  const Place place;
  EvidenceStore store = place.store();
  kept(store, page_of("{\"t\":1}\n", "", "threads"));
  kept(store, page_of("{\"a\":1}\n", "two"));
  FileOp anew = page_of("{\"a\":1}\n", "");
  anew.begins_part_anew = true;
  kept(store, std::move(anew));
  const EvidenceFile done = kept(store, ending());
  CHECK(text_of(place.file()) == "{\"t\":1}\n{\"a\":1}\n");
  CHECK(done.counts.at("records") == 2);
  CHECK(done.parts == std::set<std::string>{"events", "threads"});
}

// Goal: past the limit nothing more is written, what is there stays whole, and the file can end.
// Method: a limit of two lines (threat T47).
TEST_CASE("evidence past its limit is refused and what is there stays") {
  Place place;
  place.limits.run_bytes_max = 16;
  EvidenceStore store = place.store();
  kept(store, page_of("{\"a\":1}\n", "two"));
  const Result<EvidenceFile> refused = store.file(kRun, kStep, page_of("{\"too\":\"long\"}\n", ""));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().topic == "room");
  FileOp end = ending();
  end.gap = "no room";
  const EvidenceFile done = kept(store, std::move(end));
  CHECK(done.gap == "no room");
  CHECK(text_of(place.file()) == "{\"a\":1}\n");
  CHECK(kept(store, page_of("{\"b\":2}\n", "")).bytes == 8);  // it is over: nothing is added
}

// Goal: names on disk are quell's own, whatever a subject is called (threat T46).
// Method: subjects that are paths; two steps that copy the same one.
TEST_CASE("files of evidence are named by kind and number") {
  const Place place;
  EvidenceStore store = place.store();
  for (const std::string subject : {"../../etc/passwd", "a\nb", "=cmd()"}) {
    FileOp op{.kind = "memory", .subject = subject, .part = "p", .lines = "{}\n"};
    CHECK(store.file(kRun, kStep, std::move(op)));
  }
  CHECK(kept(store, page_of("{}\n", "")).name == "session-0001.jsonl");
  CHECK(store.file(kRun, "again", page_of("{}\n", ""))->name == "session-0002.jsonl");
  const Result<std::vector<CollectedFile>> files = read_collected(place.folder());
  REQUIRE(files);
  CHECK(files->size() == 5);
  CHECK((*files)[0].file.name == "memory-0001.jsonl");
  CHECK((*files)[0].subject == "../../etc/passwd");
}

// Goal: a manifest that somebody wrote in is named, not believed.
// Method: a row in the middle is no row.
TEST_CASE("a damaged manifest is corrupt") {
  const Place place;
  {
    EvidenceStore store = place.store();
    kept(store, page_of("{\"a\":1}\n", "two"));
  }
  const std::string rows = text_of(place.manifest());
  std::ofstream(place.manifest(), std::ios::binary) << "not a row\n" << rows;
  EvidenceStore store = place.store();
  const Result<EvidenceFile> file = store.file(kRun, kStep, question());
  REQUIRE_FALSE(file);
  CHECK(file.error().code == ErrorCode::corrupt);
  CHECK(file.error().message.find("manifest.jsonl:1") != std::string::npos);
}

}  // namespace quell
