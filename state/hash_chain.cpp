#include "state/hash_chain.h"

#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "state/base/assert.h"
#include "state/base/bytes.h"
#include "state/base/json.h"
#include "state/base/sha256.h"

namespace quell {
namespace {

constexpr std::size_t kHashBytes = 32;
constexpr std::size_t kLabelKindMax = 40;

// Each text that is hashed, authenticated or signed starts with its own words, so that none can
// stand for another.
constexpr std::string_view kGenesisWords = "quell journal genesis";
constexpr std::string_view kEntryMacWords = "quell entry mac";
constexpr std::string_view kHeadMacWords = "quell head mac";
constexpr std::string_view kSignatureWords = "quell signed head";

/// What is left of the bounds of one entry while its body is walked.
struct Budget {
  std::size_t nodes = kEntryNodesMax;
  std::size_t bytes = kEntryBytesMax;

  bool take_text(const std::string& text) {
    if (text.size() > bytes || !is_valid_utf8(text)) return false;
    bytes -= text.size();
    return true;
  }
};

/// Could this be read back? Asked before anything is encoded, since a shared subtree may be small
/// in memory and huge as text.
// NOLINTNEXTLINE(misc-no-recursion): `depth` is bounded by kEntryDepthMax
bool fits(const Value& value, std::size_t depth, Budget& budget) {
  if (budget.nodes == 0) return false;
  --budget.nodes;
  if (value.is_string()) return budget.take_text(value.as_string());
  if (!value.is_list() && !value.is_map()) return true;
  if (depth >= kEntryDepthMax) return false;
  if (value.is_list()) {
    for (const Value& item : value.as_list()) {
      if (!fits(item, depth + 1, budget)) return false;
    }
    return true;
  }
  for (const auto& [name, member] : value.as_map()) {
    if (!budget.take_text(name) || !fits(member, depth + 1, budget)) return false;
  }
  return true;
}

/// The members in the order of their names, as canonical JSON has them. Times, kinds and run ids
/// hold nothing to escape.
std::string entry_json(const Entry& entry, std::string_view mac_hex) {
  constexpr std::size_t kAroundBody = 160;  // and a MAC
  const std::string body = entry.body.is_null() ? "{}" : to_json(entry.body);
  std::string text;
  text.reserve(body.size() + mac_hex.size() + kAroundBody);
  text += R"({"at":")";
  text += format_rfc3339(entry.at);
  text += R"(","body":)";
  text += body;
  text += R"(,"kind":")";
  text += to_string(entry.kind);
  text += '"';
  if (!mac_hex.empty()) {
    text += R"(,"mac":)";
    text += to_json(Value(mac_hex));
  }
  // Number 0 is no run: the entry concerns the journal itself.
  text += entry.run.number == 0 ? R"(,"run":null)" : R"(,"run":")" + to_string(entry.run) + '"';
  text += R"(,"v":)";
  text += std::to_string(kEntryVersion);
  text += '}';
  return text;
}

Error cannot_be_read(std::string_view why) {
  return make_error(ErrorCode::corrupt, "corrupt", fmt::format("cannot be read: {}", why),
                    std::string(kCorruptHint));
}

std::string label_of(const Entry& entry) {
  if (entry.run.number == 0) return fmt::format("({})", to_string(entry.kind));
  return fmt::format("({}, {})", to_string(entry.kind), to_string(entry.run));
}

}  // namespace

std::string genesis_hash(const JournalIdentity& identity) {
  return sha256(fmt::format("{}\n{}\n{}\n", kGenesisWords, identity.id, identity.created));
}

std::string chain_hash(std::string_view previous, std::uint64_t seq, std::string_view bytes) {
  constexpr std::size_t kNumberMax = 22;  // digits of a number and two line feeds
  std::string text;
  text.reserve(2 * previous.size() + kNumberMax + bytes.size());
  text += hex_encode(previous);
  text += '\n';
  text += std::to_string(seq);
  text += '\n';
  text += bytes;
  return sha256(text);
}

Result<std::string> encode_entry(const Entry& entry, std::string_view mac_hex) {
  if (!entry.body.is_null() && !entry.body.is_map()) {
    return make_error(ErrorCode::invalid,
                      fmt::format("the body of {} is a {}, not a map", to_string(entry.kind),
                                  to_string(entry.body.kind())));
  }
  Budget budget;
  // The body stands one level deep; six members surround it.
  budget.nodes -= 6;
  const auto refused = [&entry] {
    return make_error(
        ErrorCode::invalid,
        fmt::format("the body of {} has more than {} bytes, {} levels or {} values, "
                    "or text that is not UTF-8",
                    to_string(entry.kind), kEntryBytesMax, kEntryDepthMax, kEntryNodesMax));
  };
  if (!fits(entry.body, 1, budget)) return refused();
  std::string bytes = entry_json(entry, mac_hex);
  if (bytes.size() > kEntryBytesMax) return refused();
  return bytes;
}

Result<DecodedEntry> decode_entry(std::string_view bytes) {
  const Result<Value> parsed = parse_json(
      bytes,
      {.bytes_max = kEntryBytesMax, .depth_max = kEntryDepthMax, .nodes_max = kEntryNodesMax});
  if (!parsed) return cannot_be_read(parsed.error().message);
  const Value& members = *parsed;
  if (!members["v"].is_int()) return cannot_be_read("no entry version");
  if (const std::int64_t version = members["v"].as_int(); version != kEntryVersion) {
    return make_error(ErrorCode::corrupt, "corrupt",
                      fmt::format("has version {}, this quell reads {}", version, kEntryVersion),
                      "use the quell that wrote it");
  }
  if (!members["kind"].is_string() || !members["at"].is_string() || !members["body"].is_map()) {
    return cannot_be_read("a member is missing or has the wrong type");
  }
  const std::optional<EntryKind> kind = entry_kind_from_string(members["kind"].as_string());
  if (!kind) {
    const std::string shown =
        escape_untrusted(members["kind"].as_string().substr(0, kLabelKindMax));
    return make_error(ErrorCode::corrupt, "corrupt",
                      fmt::format("is of a kind this version does not know, \"{}\"", shown),
                      "use the quell that wrote it");
  }
  DecodedEntry decoded{.entry = {.kind = *kind, .body = members["body"]},
                       .mac_hex = members["mac"].string_or("")};
  const std::optional<Timestamp> at = parse_rfc3339(members["at"].as_string());
  if (!at) return cannot_be_read("its time is not a timestamp");
  decoded.entry.at = *at;
  if (members["run"].is_string()) {
    const std::optional<RunId> run = parse_run_id(members["run"].as_string());
    if (!run) return cannot_be_read("its run is not a run id");
    decoded.entry.run = *run;
  }
  // One content has one encoding: whatever else the bytes may say shows here.
  if (entry_json(decoded.entry, decoded.mac_hex) != bytes) {
    return cannot_be_read("it is not in canonical form");
  }
  return decoded;
}

std::optional<EntryLabel> label_of_bytes(std::uint64_t seq, std::string_view bytes) {
  // ...},"kind":"probe_finished","mac":"<64 digits>","run":"r17x","v":1}
  constexpr std::string_view kKind = ",\"kind\":\"";
  constexpr std::string_view kMac = ",\"mac\":\"";
  constexpr std::string_view kRun = ",\"run\":";
  constexpr std::string_view kVersion = ",\"v\":1}";
  static_assert(kEntryVersion == 1);
  constexpr std::size_t kMacDigits = 2 * kHashBytes;
  if (!bytes.ends_with(kVersion)) return std::nullopt;
  bytes.remove_suffix(kVersion.size());
  EntryLabel label{.seq = seq};
  if (const std::size_t at = bytes.rfind(kRun); at != std::string_view::npos) {
    std::string_view run = bytes.substr(at + kRun.size());
    if (run != "null") {
      if (run.size() < 2 || run.front() != '"' || run.back() != '"') return std::nullopt;
      const std::optional<RunId> id = parse_run_id(run.substr(1, run.size() - 2));
      if (!id) return std::nullopt;
      label.run = *id;
    }
    bytes = bytes.substr(0, at);
  } else {
    return std::nullopt;
  }
  if (!bytes.ends_with('"')) return std::nullopt;
  bytes.remove_suffix(1);
  if (bytes.size() > kMac.size() + kMacDigits &&
      bytes.substr(bytes.size() - kMacDigits - kMac.size(), kMac.size()) == kMac) {
    bytes.remove_suffix(kMacDigits + kMac.size());
    if (!bytes.ends_with('"')) return std::nullopt;
    bytes.remove_suffix(1);
  }
  const std::size_t at = bytes.rfind(kKind);
  if (at == std::string_view::npos) return std::nullopt;
  const std::optional<EntryKind> kind = entry_kind_from_string(bytes.substr(at + kKind.size()));
  if (!kind) return std::nullopt;
  label.kind = *kind;
  return label;
}

std::string entry_mac_text(const JournalIdentity& identity, const Tip& before,
                           std::string_view bytes_without_mac) {
  return fmt::format("{}\n{}\n{}\n{}\n{}", kEntryMacWords, identity.id, before.seq + 1,
                     hex_encode(before.hash), bytes_without_mac);
}

std::string head_mac_text(const JournalIdentity& identity, const Tip& tip) {
  return fmt::format("{}\n{}\n{}\n{}\n", kHeadMacWords, identity.id, tip.seq, hex_encode(tip.hash));
}

std::string head_signature_text(const JournalIdentity& identity, const Tip& tip,
                                std::string_view signed_at) {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n", kSignatureWords, identity.id, tip.seq,
                     hex_encode(tip.hash), signed_at);
}

std::string head_text(const Tip& tip) {
  return fmt::format("{}:{}", tip.seq, hex_encode(tip.hash));
}

std::optional<Tip> parse_head(std::string_view text) {
  Tip tip;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, tip.seq);
  if (error != std::errc{} || end == last || *end != ':') return std::nullopt;
  const std::optional<std::string> hash =
      hex_decode(std::string_view(end + 1, static_cast<std::size_t>(last - end) - 1));
  if (!hash || hash->size() != kHashBytes) return std::nullopt;
  tip.hash = *hash;
  return tip;
}

Chain::Chain(JournalIdentity identity, const KeyRing* keys, Tip before)
    : identity_(std::move(identity)), keys_(keys), tip_(std::move(before)) {
  QUELL_ASSERT(tip_.hash.size() == kHashBytes);
}

std::string Chain::mac_hex(std::string_view bytes_without_mac) const {
  return hex_encode(keys_->entry_mac(entry_mac_text(identity_, tip_, bytes_without_mac)));
}

Result<StoredEntry> Chain::extend(const Entry& entry) {
  QUELL_ASSERT(keys_ != nullptr);
  Result<std::string> bytes = encode_entry(entry);
  if (!bytes) return bytes.error();
  if (is_security_entry(entry.kind)) {
    bytes = encode_entry(entry, mac_hex(*bytes));
    if (!bytes) return bytes.error();
  }
  const std::uint64_t seq = tip_.seq + 1;
  tip_ = Tip{.seq = seq, .hash = chain_hash(tip_.hash, seq, *bytes)};
  return StoredEntry{.seq = seq, .hash = tip_.hash, .bytes = std::move(*bytes), .entry = entry};
}

std::optional<ChainFault> Chain::accept(std::uint64_t seq, std::string_view hash,
                                        std::string_view bytes, StoredEntry& found) {
  const std::uint64_t expected = tip_.seq + 1;
  if (seq != expected) return ChainFault{.seq = expected, .phrase = "is missing"};
  const std::string computed = chain_hash(tip_.hash, seq, bytes);
  Result<DecodedEntry> decoded = decode_entry(bytes);
  const std::string label = decoded ? label_of(decoded->entry) : std::string();
  if (computed != hash) {
    return ChainFault{.seq = seq, .label = label, .phrase = "does not match its hash"};
  }
  if (!decoded) return ChainFault{.seq = seq, .phrase = decoded.error().message};
  const bool carries_mac = !decoded->mac_hex.empty();
  if (carries_mac != is_security_entry(decoded->entry.kind)) {
    return ChainFault{.seq = seq,
                      .label = label,
                      .phrase = carries_mac ? "carries a MAC and must not" : "carries no MAC"};
  }
  if (carries_mac && keys_ != nullptr) {
    const Result<std::string> plain = encode_entry(decoded->entry);
    if (!plain || !equal_constant_time(mac_hex(*plain), decoded->mac_hex)) {
      return ChainFault{.seq = seq, .label = label, .phrase = "does not match its MAC"};
    }
  }
  found = StoredEntry{.seq = seq,
                      .hash = computed,
                      .bytes = std::string(bytes),
                      .entry = std::move(decoded->entry)};
  tip_ = Tip{.seq = seq, .hash = computed};
  return std::nullopt;
}

std::optional<ChainFault> Chain::pass(std::uint64_t seq, std::string_view hash,
                                      std::string_view bytes) {
  const std::uint64_t expected = tip_.seq + 1;
  std::string computed;
  if (seq == expected) computed = chain_hash(tip_.hash, seq, bytes);
  if (computed != hash) {
    StoredEntry unused;
    return accept(seq, hash, bytes, unused);  // says what is wrong
  }
  tip_ = Tip{.seq = seq, .hash = std::move(computed)};
  return std::nullopt;
}

Error to_error(const ChainFault& fault) {
  return make_error(ErrorCode::corrupt, "corrupt",
                    fmt::format("journal entry {} {}", group_digits(fault.seq), fault.phrase),
                    std::string(kCorruptHint));
}

std::string export_line(const StoredEntry& entry) {
  return fmt::format(R"({{"entry":{},"hash":"{}","seq":{}}})", entry.bytes, hex_encode(entry.hash),
                     entry.seq);
}

std::string group_digits(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

}  // namespace quell
