#include "state/verify.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "state/base/assert.h"
#include "state/base/bytes.h"

namespace quell {
namespace {

constexpr std::size_t kShownHashDigits = 12;

/// `1 entry`, `4,188 entries`, `no entries`
std::string count_of(std::uint64_t number, std::string_view one, std::string_view many) {
  if (number == 0) return fmt::format("no {}", many);
  return fmt::format("{} {}", group_digits(number), number == 1 ? one : many);
}

std::string shown_hash(std::string_view hash) {
  return hex_encode(hash).substr(0, kShownHashDigits);
}

std::string before_it(std::uint64_t sound) {
  if (sound == 0) return "nothing is before it";
  return fmt::format("{} before it {}", group_digits(sound), sound == 1 ? "holds" : "hold");
}

std::string cut_tail(std::string_view who, std::uint64_t claimed, std::uint64_t found) {
  return fmt::format("the tail is cut: {} {}, found {}", who, group_digits(claimed),
                     group_digits(found));
}

}  // namespace

JournalVerifier::JournalVerifier(JournalIdentity identity, const KeyRing* keys,
                                 VerifyOptions options)
    : identity_(std::move(identity)),
      keys_(keys),
      options_(std::move(options)),
      chain_(identity_, keys, Tip{.seq = 0, .hash = genesis_hash(identity_)}) {
  if (options_.trusted_keys.empty() && keys_ != nullptr) {
    options_.trusted_keys.insert(signing_key_id(keys_->signing_public_key()));
  }
  report_.macs_checked = keys_ != nullptr;
  report_.tip = chain_.tip();
  if (options_.expected_head && options_.expected_head->seq == 0) {
    anchor_seen_ = options_.expected_head->hash == chain_.tip().hash;
  }
}

bool JournalVerifier::fail(std::uint64_t seq, std::uint64_t sound, std::string sentence) {
  if (!report_.failure) {
    report_.failure = VerifyFailure{.seq = seq, .sentence = std::move(sentence), .sound = sound};
  }
  return false;
}

bool JournalVerifier::entry(std::uint64_t seq, std::string_view hash, std::string_view bytes) {
  if (report_.failure) return false;
  StoredEntry found;
  if (const std::optional<ChainFault> fault = chain_.accept(seq, hash, bytes, found)) {
    const std::string name = fault->label.empty()
                                 ? group_digits(fault->seq)
                                 : fmt::format("{} {}", group_digits(fault->seq), fault->label);
    fail(fault->seq, report_.entries,
         fmt::format("entry {} {}; {}", name, fault->phrase, before_it(report_.entries)));
    report_.failure->label = fault->label;
    return false;
  }
  ++report_.entries;
  report_.tip = chain_.tip();
  report_.entries_since_signature = report_.entries;
  if (found.entry.kind == EntryKind::run_started) ++report_.runs;
  // A change of the signing key is vouched for by the MAC; without the MAC key it is only a claim.
  if (found.entry.kind == EntryKind::key_rotated && keys_ != nullptr &&
      found.entry.body["key"].string_or("") == "signing") {
    for (const std::string_view end : {"old", "new"}) {
      options_.trusted_keys.insert(found.entry.body[end].string_or(""));
    }
  }
  if (options_.expected_head && options_.expected_head->seq == seq) {
    if (options_.expected_head->hash != found.hash) {
      // The entries agree with one another; it is the history as a whole that is another one.
      return fail(
          seq, 0,
          fmt::format("entry {} is not the anchored one: expected {}, found {}", group_digits(seq),
                      shown_hash(options_.expected_head->hash), shown_hash(found.hash)));
    }
    anchor_seen_ = true;
  }
  return true;
}

bool JournalVerifier::is_trusted(const std::string& key) const {
  return options_.trusted_keys.empty() || options_.trusted_keys.contains(key);
}

bool JournalVerifier::signature(const SignatureRow& row, const std::string* chain_hash) {
  if (report_.failure) return false;
  const std::string who = fmt::format("the signature of entry {} by key {}", group_digits(row.seq),
                                      short_fingerprint(escape_untrusted(row.key)));
  const Tip signed_tip{.seq = row.seq, .hash = row.hash};
  if (row.hash.size() != report_.tip.hash.size() || signing_key_id(row.public_key) != row.key ||
      !ed25519_verifies(row.public_key, head_signature_text(identity_, signed_tip, row.signed_at),
                        row.signature)) {
    return fail(row.seq, signed_seq_, fmt::format("{} does not hold", who));
  }
  if (!is_trusted(row.key)) {
    return fail(row.seq, signed_seq_, fmt::format("{} is by a key that nobody named", who));
  }
  ++report_.signatures;
  report_.signing_keys.insert(row.key);
  if (row.seq > report_.tip.seq) {
    cut_at_ = std::max(cut_at_, row.seq);
    return true;  // the last one says how far the journal went
  }
  if (chain_hash == nullptr || *chain_hash != row.hash) {
    return fail(
        row.seq, signed_seq_,
        fmt::format("entry {} is not the one that key {} signed at {}", group_digits(row.seq),
                    short_fingerprint(escape_untrusted(row.key)), escape_untrusted(row.signed_at)));
  }
  signed_seq_ = std::max(signed_seq_, row.seq);
  report_.entries_since_signature = report_.tip.seq - signed_seq_;
  return true;
}

bool JournalVerifier::head(const std::optional<HeadRow>& row) {
  if (report_.failure) return false;
  const std::uint64_t found = report_.tip.seq;
  if (cut_at_ > 0) return fail(found + 1, found, cut_tail("signed tip", cut_at_, found));
  if (!row) return fail(0, signed_seq_, "the head row is missing");
  if (row->seq > found) return fail(found + 1, found, cut_tail("head", row->seq, found));
  if (row->seq < found) {
    return fail(row->seq + 1, row->seq,
                fmt::format("entries stand behind the head: head {}, found {}",
                            group_digits(row->seq), group_digits(found)));
  }
  if (row->hash != report_.tip.hash) {
    return fail(0, signed_seq_, "the head row is not that of the last entry");
  }
  if (keys_ != nullptr &&
      !equal_constant_time(keys_->head_mac(head_mac_text(identity_, report_.tip)), row->mac)) {
    return fail(0, signed_seq_, "the head row does not match its MAC");
  }
  if (options_.expected_head && !anchor_seen_) {
    if (options_.expected_head->seq > found) {
      return fail(found + 1, found, cut_tail("anchored head", options_.expected_head->seq, found));
    }
    return fail(0, signed_seq_, "the anchored head is of another journal");
  }
  return true;
}

void JournalVerifier::damage(std::string sentence) {
  fail(0, report_.entries, std::move(sentence));
}

std::string verify_text(const VerifyReport& report) {
  if (report.failure) return report.failure->sentence + "\n";
  std::string text =
      fmt::format("{}, {}, chain whole, tip {}\n", count_of(report.entries, "entry", "entries"),
                  count_of(report.runs, "run", "runs"), shown_hash(report.tip.hash));
  const std::string since = count_of(report.entries_since_signature, "entry", "entries");
  if (report.signatures == 0) {
    text += fmt::format("no signatures; {} unsigned\n", since);
  } else if (report.signing_keys.size() == 1) {
    text += fmt::format("{} by key {} {}; {} since the last one\n",
                        count_of(report.signatures, "signature", "signatures"),
                        short_fingerprint(*report.signing_keys.begin()),
                        report.signatures == 1 ? "holds" : "hold", since);
  } else {
    text += fmt::format("{} by {} keys hold; {} since the last one\n",
                        count_of(report.signatures, "signature", "signatures"),
                        report.signing_keys.size(), since);
  }
  if (!report.macs_checked) text += "MACs not checked: the MAC key is not here\n";
  return text;
}

}  // namespace quell
