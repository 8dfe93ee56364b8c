#include "orchestrator/cli/session.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <pwd.h>
#include <unistd.h>

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "connectors/curl_transport.h"
#include "connectors/egress_policy.h"
#include "orchestrator/playbook_library.h"
#include "orchestrator/remote_state.h"
#include "state/base/json.h"
#include "state/owner_lock.h"

namespace quell::cli {
namespace {

ColourMode colour_mode(const std::string& word) {
  if (word == "always") return ColourMode::always;
  if (word == "never") return ColourMode::never;
  return ColourMode::automatic;
}

std::optional<std::string> environment(const std::string& name) {
  const char* const value =
      std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): read before threads begin
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

}  // namespace

Session::Session(GlobalOptions options)
    : options_(std::move(options)),
      out_(stdout, colour_mode(options_.colour), &filter_),
      err_(stderr, colour_mode(options_.colour), &filter_) {}

ConfigSources Session::sources() {
  ConfigSources sources;
  sources.explicit_file = options_.config;
  for (const std::string& text : options_.connect) {
    const std::size_t equals = std::min(text.find('='), text.size());
    sources.connect.emplace_back(text.substr(0, equals),
                                 equals < text.size() ? text.substr(equals + 1) : "");
  }
  sources.environment = environment;
  sources.warn = [this](const std::string& text) { warn(text); };
  return sources;
}

const Config* Session::config() {
  if (config_) return &*config_;
  Result<Config> loaded = load_config(sources());
  if (!loaded) {
    fail(loaded.error());
    return nullptr;
  }
  config_ = std::move(*loaded);
  return &*config_;
}

KeyPaths Session::key_paths() {
  return {.seal = config_->seal_key.value,
          .mac = config_->mac_key.value,
          .signing = config_->signing_key.value};
}

std::optional<ConnectorSet> Session::bare_connectors() {
  const Config* const settings = config();
  if (settings == nullptr) return std::nullopt;
  Result<ConnectorSet> connectors{ConnectorSet()};
  if (options_.server.empty()) {
    connectors = make_connectors(
        *settings, sources(), random_, [](const std::string&) { return false; },
        [](const Secret&) { return std::string(); });
  } else {
    const Result<ApiClient> server = remote();
    connectors = server ? remote_connectors(*server, random_)
                        : Result<ConnectorSet>(server.error());
  }
  if (!connectors) {
    fail(connectors.error());
    return std::nullopt;
  }
  return std::move(*connectors);
}

/// What stands where the token of --server would be shown: nothing here could fingerprint it.
constexpr std::string_view kTokenName = "00000000000000000000000000000000";

std::unique_ptr<StateReader> Session::open_reader() {
  if (!options_.server.empty()) {
    const Result<ApiClient> server = owner_of(RunId{});
    Result<std::unique_ptr<StateReader>> reader =
        server ? StateReader::open_remote(*server, random_)
               : Result<std::unique_ptr<StateReader>>(server.error());
    if (reader) return std::move(*reader);
    fail(reader.error());
    return nullptr;
  }
  std::optional<ConnectorSet> connectors = bare_connectors();
  if (!connectors) return nullptr;
  Result<std::unique_ptr<StateReader>> reader =
      StateReader::open(config_->database.value, key_paths(), random_, std::move(*connectors),
                        config_->evidence.recipients);
  if (!reader) {
    fail(reader.error());
    return nullptr;
  }
  return std::move(*reader);
}

Result<ApiClient> Session::remote() {
  const Result<std::optional<SecretReference>> reference = parse_secret_reference(options_.token);
  if (!reference || !*reference) {
    return make_error(ErrorCode::invalid, "secret", "--token names where the token is kept.",
                      "--token secret://env/QUELL_TOKEN or secret://file/PATH");
  }
  Result<Secret> token = resolve_secret(**reference,
                                        {.directory = ".",
                                         .environment = sources().environment,
                                         .warn = [this](const std::string& text) { warn(text); }},
                                        "--token");
  if (!token) return token.error();
  const auto kept = std::make_shared<const Secret>(std::move(*token));
  filter_.add(*kept, std::string(kTokenName));
  return ApiClient::at_server(options_.server, kept);
}

Result<ApiClient> Session::owner_of(RunId run) {
  if (!options_.server.empty()) return remote();
  const Config* const known = config();
  if (known == nullptr) return make_error(ErrorCode::invalid, "there is no configuration");
  const std::string& database = known->database.value;
  return ApiClient::at_socket(owner_socket_path(run.drill ? drills_database(database) : database),
                              who());
}

Result<std::unique_ptr<HttpTransport>> Session::make_transport(const Clock& clock) {
  Result<EgressPolicy> policy =
      EgressPolicy::make(config_->allow_private, loopback_is_open(*config_));
  if (!policy) return policy.error();
  return std::unique_ptr<HttpTransport>(std::make_unique<CurlTransport>(clock, std::move(*policy)));
}

namespace {

/// The word in brackets: the topic where there is one, else the class.
std::string word_of(const Error& error) {
  return error.topic.empty() ? std::string(quell::to_string(error.code)) : error.topic;
}

/// What failed, as one whole sentence.
std::string sentence_of(const Error& error) {
  std::string sentence = describe(error);
  if (!sentence.ends_with('.')) sentence += '.';
  return sentence;
}

}  // namespace

std::string Session::remedy(const Error& error) const {
  if (error.hint.empty()) return "quell help " + word_of(error) + " says what it means";
  if (!config_ || !error.hint.ends_with("state.sqlite")) return error.hint;
  const std::string& place = config_->database.named_at;
  return error.hint + (place.empty() ? " in quell.yaml" : " at " + place);
}

Value Session::error_document(const Error& error, int exit) const {
  return Value::map({{"code", word_of(error)},
                     {"message", sentence_of(error)},
                     {"hint", remedy(error)},
                     {"exit", exit}});
}

int Session::fail(const Error& error, int exit) {
  if (options_.json) {
    print_json(Value::map({{"error", error_document(error, exit)}}));
  } else {
    tell(error);
  }
  return exit;
}

void Session::tell(const Error& error) {
  err_.line(err_.paint("quell: error:", Colour::red) + " " + sentence_of(error) + " [" +
            word_of(error) + "]");
  err_.line("  help: " + remedy(error));
}

void Session::warn(std::string_view text) {
  if (!options_.quiet)
    err_.line(err_.paint("quell: warning:", Colour::yellow) + " " + std::string(text));
}

void Session::next(std::string_view text) {
  if (!options_.quiet && !options_.json) out_.line("next  " + std::string(text));
}

void Session::print_json(const Value& value) { out_.line(to_json(value)); }

std::function<std::string(const Secret&)> Session::guarded(
    std::function<std::string(const Secret&)> fingerprint) {
  return [this, fingerprint = std::move(fingerprint)](const Secret& secret) {
    std::string print = fingerprint(secret);
    filter_.add(secret, print);
    return print;
  };
}

std::function<void(const RunState&, const WorkId&, const HttpRequest&)> Session::request_log() {
  if (!options_.verbose) return {};
  auto logger =
      std::make_shared<spdlog::logger>("quell", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  return [this, logger](const RunState& run, const WorkId& id, const HttpRequest& request) {
    logger->info(
        "{}", filter_.redact(to_string(run.id) + " " + (id.step.empty() ? "verify" : id.step) +
                             " " + std::string(to_string(request.effect)) + " " + request.method +
                             " " + request.url));
  };
}

bool Session::can_prompt() const noexcept {
  return !options_.json && isatty(STDIN_FILENO) == 1 && err_.is_terminal();
}

std::string Session::who() {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
    return found->pw_name;
  return "uid " + std::to_string(geteuid());
}

Result<RunId> run_id_of(std::string_view text) {
  if (const std::optional<RunId> id = parse_run_id(text)) return *id;
  return no_such_run(text);
}

}  // namespace quell::cli
