#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "connectors/http_transport.h"
#include "connectors/redaction.h"
#include "orchestrator/api_client.h"
#include "orchestrator/cli/terminal.h"
#include "orchestrator/config.h"
#include "orchestrator/owner.h"
#include "state/base/random.h"

namespace quell::cli {

// Exit codes (docs, "Exit codes"): stable from the first release.
inline constexpr int kExitOk = 0;
inline constexpr int kExitNo = 1;
inline constexpr int kExitNotStarted = 2;
inline constexpr int kExitFailed = 5;
inline constexpr int kExitNotFinished = 7;
inline constexpr int kExitInterrupted = 130;
inline constexpr int kExitTerminated = 143;

/// Options that every command takes.
struct GlobalOptions {
  std::string config{};
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  std::string colour = "auto";
  std::vector<std::string> connect{};
  std::string server{};
  std::string token = "secret://env/QUELL_TOKEN";
};

/// What a command works with: options, streams, configuration, clock and chance.
class Session {
 public:
  explicit Session(GlobalOptions options);

  const GlobalOptions& options() const noexcept { return options_; }
  Stream& out() noexcept { return out_; }
  Stream& err() noexcept { return err_; }
  Random& random() noexcept { return random_; }
  const Clock& clock() const noexcept { return clock_; }

  /// The configuration, read once. Errors have been told when it gives null.
  const Config* config();
  ConfigSources sources();
  KeyPaths key_paths();

  /// Connectors without their secrets, for what only reads or checks; with --server as that quell has
  /// them. Errors have been told when it gives nothing.
  std::optional<ConnectorSet> bare_connectors();
  /// The configured state, or that of the quell that --server names, for reading; errors have been
  /// told when it gives null.
  std::unique_ptr<StateReader> open_reader();
  /// The process that owns the state of `run`: its socket, or the quell that --server names.
  Result<ApiClient> owner_of(RunId run);
  /// The quell that --server names.
  Result<ApiClient> remote();
  /// A transport with this configuration's egress policy.
  Result<std::unique_ptr<HttpTransport>> make_transport(const Clock& clock);

  /// Tells `error` the way the options ask for (stderr, or JSON on stdout) and gives `exit`.
  int fail(const Error& error, int exit = kExitNotStarted);
  /// The error as text on stderr: one sentence, its word, one remedy.
  void tell(const Error& error);
  /// The error as `--json` shows it: code, message, hint and exit code.
  Value error_document(const Error& error, int exit) const;
  void warn(std::string_view text);
  /// A line that says what to do next; not with --quiet or --json.
  void next(std::string_view text);
  /// One JSON document on stdout.
  void print_json(const Value& value);

  /// A prompt makes sense: stdin and stderr are terminals and no JSON is asked for.
  bool can_prompt() const noexcept;
  /// `fingerprint`, which also tells the output filter of every secret that it is asked about: from
  /// then on no stream of this session shows it (threat model section 4, "filter last").
  std::function<std::string(const Secret&)> guarded(
      std::function<std::string(const Secret&)> fingerprint);
  /// Logs each request to stderr with --verbose; else empty.
  std::function<void(const RunState&, const WorkId&, const HttpRequest&)> request_log();

  /// The person at the keyboard, by the user id of the process.
  static std::string who();

 private:
  /// The remedy of `error`: never empty, with the place of the setting that it ends in.
  std::string remedy(const Error& error) const;

  GlobalOptions options_;
  RedactionFilter filter_{};
  Stream out_;
  Stream err_;
  SystemClock clock_{};
  SystemRandom random_{};
  std::optional<Config> config_{};
};

/// The id of a run in full, as commands want it that change something.
Result<RunId> run_id_of(std::string_view text);

}  // namespace quell::cli
