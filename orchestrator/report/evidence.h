#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/engine/fold.h"
#include "orchestrator/report/byte_sink.h"
#include "state/keys.h"

namespace quell {

/// What the evidence of a run is made of.
struct EvidenceParts {
  RunId run{};
  /// As of this entry; none: the last one of the run.
  std::optional<std::uint64_t> as_of{};
  Journal& journal;
  const PlaybookLoader& load_playbook;
  const ConnectorSet& connectors;
  const KeyRing& keys;
  std::string folder{};  // of all evidence of that journal; the run's lies below
  /// Makes report.html of the report's document.
  std::function<std::string(const Value& report)> render_html{};
  /// Certificates (PEM files) to encrypt to; none: it goes out in clear.
  std::vector<std::string> recipients{};
};

/// The evidence of one run as a tar (ustar) that anybody can check with sha256sum and openssl
/// alone, written piece by piece: `README.txt`, which says how; `report.html`, `report.md`,
/// `run.json`; `journal.jsonl` with each entry's number and hash; `collected/` and `attached/`,
/// what steps and people put there; `MANIFEST.json`, which says where each file is from and counts
/// shapes of tokens in it (threat T45); `SHA256SUMS`, its Ed25519 signature and `signer.pem`. Names
/// are quell's own (T46). The same run as of the same entry makes the same bytes, before
/// encryption.
///
/// Error topic "run" when the journal has none of that id, or its playbook does not load;
/// "evidence" when a file changed while it was read, or a recipient's certificate is no use.
Status write_evidence(const EvidenceParts& parts, const ByteSink& sink);

}  // namespace quell
