#pragma once

#include <string>

#include "orchestrator/engine/fold.h"
#include "state/keys.h"

namespace quell {

/// The record of one run as a tar (ustar) that anybody can check with sha256sum and openssl alone:
/// `run.json`, `journal.jsonl` with each entry's number and hash, `SHA256SUMS`, its Ed25519
/// signature `SHA256SUMS.sig`, `signer.pem`, and `README.txt`, which says how. The same run as of
/// the same entry makes the same bytes.
///
/// Error topic "run" when the journal has none of that id, or its playbook does not load.
Result<std::string> evidence_of(RunId run, Journal& journal, const PlaybookLoader& load_playbook,
                                const ConnectorSet& connectors, const KeyRing& keys);

}  // namespace quell
