#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "state/base/clock.h"
#include "state/base/value.h"
#include "state/model/ids.h"

namespace quell {

/// What one journal entry records. docs/journal-format.md lists the body of each.
enum class EntryKind : std::uint8_t {
  run_started,  // pins, playbook source and hash, inputs with secrets as fingerprints, digest, who
  secret_sealed,    // id and fingerprint of a secret kept for this run; the ciphertext lies outside
                    // the chain
  step_started,     // a step begins; with foreach its item keys and the excluded ones
  step_skipped,     // its condition was false, or a person skipped it
  attempt_started,  // an action begins for a step or item
  request_sent,     // intent of one non-read request: durable before it leaves
  attempt_finished,    // outcome, outputs, error of the attempt
  attempt_unknown,     // sent, answer never seen
  retry_scheduled,     // when the next attempt is due, and why
  probe_finished,      // one look at a claim: verdict, grade, words
  step_finished,       // outcome and verdict of the step
  approval_requested,  // digest, need, from, deadline
  approval_given,      // who, digest, how
  approval_denied,
  approval_timed_out,
  manual_requested,  // what a person is asked to do, until when
  manual_done,       // who did it, what they told, digests of what they attached
  run_held,          // waits for a person's decision
  run_paused,
  run_resumed,      // by a person, or taken up by a new process
  run_aborted,      // by whom and why
  attempt_settled,  // a person decided an unknown outcome: retry or accept
  note_added,
  run_finished,  // result, exit code, claims, signed head before it
  watch_started,
  watch_observed,  // regrowth or a horizon that passed
  watch_finished,
  undo_requested,  // a person asked to lift what can be lifted
  undo_started,    // the undo of one item begins
  undo_finished,   // its outcome or error
  disarmed,        // the kill switch was found on: by whom, why, whether for people's runs too
  armed,           // and off again
  key_rotated,
  alert_received,   // what came in, from which source, and what became of it: a run, or the inbox
  alert_dismissed,  // a person put it aside: who, why
  alerts_refused,   // how many were not taken since the last such entry, by source and cause
  command_refused,  // a person's word that was not carried out: who, from where, what, why not
  access_noted,     // signed in or refused, people and tokens changed: who, from where, what
};

std::string_view to_string(EntryKind kind) noexcept;
std::optional<EntryKind> entry_kind_from_string(std::string_view text) noexcept;

/// Entries that decide what quell may do: each carries an HMAC by the entry MAC key (threat T26).
bool is_security_entry(EntryKind kind) noexcept;

/// One fact, appended and never changed.
struct Entry {
  EntryKind kind = EntryKind::note_added;
  RunId run{};
  Timestamp at{};
  Value body{};  // a map; holds no secret, only fingerprints and ids
};

/// What a person did to the course of an incident (threat T32), in words that follow their name;
/// empty for other entries, and for what the clock and a playbook's own conditions do.
std::string_view intervention_of(const Entry& entry);

}  // namespace quell
