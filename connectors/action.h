#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "state/base/clock.h"
#include "state/base/result.h"
#include "state/base/value.h"
#include "state/model/type.h"
#include "state/model/vocabulary.h"

namespace quell {

struct ParamSpec {
  std::string name{};
  Type type{};
  bool required = false;
  std::string help{};
};

/// A non-read request that an action may send. `{base}` is the connection's base URL, `{name}` an
/// input as one path segment, or that input's whole URL where the template is nothing else
/// (`{mcp_server_url}`), `{metadata:revocation}` a URL that configuration or validated metadata
/// named. What fits no template is refused.
struct RequestTemplate {
  std::string method{};
  std::string url{};
  Effect effect = Effect::mutate;
};

struct RetrySpec {
  int max = 3;            // attempts after the first
  Duration backoff{500};  // doubles each time
  Duration cap{8'000};
  bool jitter = false;  // waits between half of it and all of it
};

struct RequestCost {
  int read = 0;
  int probe = 0;
  int mutate = 0;
};

/// What a connection of one kind can do, declared once; the checker, the planner, `quell actions`,
/// the docs and the editor schema all read this table.
struct ActionSpec {
  std::string name{};
  std::string summary{};
  Effect effect = Effect::read;
  std::vector<Plane> planes{};
  std::vector<Kill> kills{};
  std::vector<Kill> proves{};  // as a probe
  bool is_probe = false;       // may stand under `probe:`, brings its own judgement
  std::vector<ParamSpec> inputs{};
  Type outputs = Type::object({});
  std::vector<ErrorCode> errors{};
  RetrySpec retry{};
  Duration timeout{15'000};  // per request
  Repeat repeat = Repeat::safe;
  bool irreversible = false;
  /// One call hits more than the one thing that it names: a whole vault, a client, an account.
  bool wide = false;
  /// It sends to hosts that its inputs name.
  bool follows_urls = false;
  /// What it finds goes to files of the run's evidence: a rehearsal predicts it, although it reads.
  bool keeps_evidence = false;
  /// True when perform() with Intent::look can find out whether an earlier attempt was applied.
  bool can_look = false;
  std::vector<RequestTemplate> requests{};  // of its non-read requests
  RequestCost cost{};                       // typical
  std::vector<std::string> proofs{};        // names of probes of this kind that can prove its kills
  std::string note{};

  const ParamSpec* find_input(std::string_view input) const noexcept;
};

/// Act, or only look whether an earlier attempt took effect (reads alone; the unknown-outcome
/// protocol).
enum class Intent : std::uint8_t { act, look };

struct Inputs {
  Value params{};  // a map of the declared inputs; optional ones may be absent
  Intent intent = Intent::act;
  /// How many looks or attempts of the same step are made side by side; an action may read a list
  /// once for all of them.
  int together = 1;
  /// The record of this item as this run read it a moment ago, so that a first attempt need not
  /// read it again; null where it was longer ago, or never.
  Value known{};
  Value
      baseline{};  // last probe_token output of this run for the same URL and fingerprint, or null
};

/// What still works although the step is over, until when at worst (null: end unknown), and why.
struct Residual {
  std::optional<Timestamp> until{};
  std::string reason{};
};

/// A probe's reading of what it saw.
struct Judgement {
  Verdict verdict = Verdict::unproved;
  Grade grade = Grade::none;
  std::string proof{};  // a few words: "401 after 200", "archived_at read back"
  std::optional<Residual> residual{};
  bool corroborated = false;  // a second kind of look, at another owner, says the same (T8)
};

/// Why a claim of this step cannot be better than `at_best`, whatever its probes say.
struct Doubt {
  Kill kill = Kill::refresh_token;
  Grade at_best = Grade::none;  // none: it stays unproved; weak: it may be proved, weakly
  std::string reason{};
};

struct Outcome {
  OutcomeKind kind = OutcomeKind::done;  // done or already
  Value outputs{};                       // a map, as declared
  std::optional<Judgement> judgement{};  // of probe actions
  std::vector<Doubt> doubts{};           // of mutating actions
};

}  // namespace quell
