// What would an alert do, and does the endpoint take one? Nothing here begins a run.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "connectors/curl_transport.h"
#include "connectors/url.h"
#include "orchestrator/alert_setup.h"
#include "orchestrator/alerts/capture.h"
#include "orchestrator/alerts/sample.h"
#include "orchestrator/cli/run_loop.h"
#include "orchestrator/cli/run_text.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/engine/run_inputs.h"
#include "orchestrator/report/run_document.h"
#include "state/base/bytes.h"
#include "state/base/json.h"

namespace quell::cli {
namespace {

constexpr std::string_view kHookHelp =
    R"(quell hook - try the hook endpoint without consequences
usage: quell hook replay FILE|DIR... [--source NAME] [--no-plan] [--json]
       quell hook test SOURCE [--url URL] [--json]
       quell hook routes [--json]
replay     would this alert have fired, and what would it have planned; FILE is a request as it came
           over the wire, or its body alone (then --source says whose). Reads, as quell plan does.
test       signs a test message as SOURCE would and sends it to the address under hooks:, or to --url
routes     every route: what it may do, and the digest that arms it
Exit codes  0 it would begin or join a run; it was taken  1 it would not  2 not started
Examples    quell hook replay alert.txt
            quell hook replay body.json --source anthropic --no-plan
            quell hook test anthropic
)";
constexpr std::size_t kCaptureBytesMax = 26U << 20U;
constexpr std::size_t kFilesMax = 1'000;
constexpr std::size_t kIdBytes = 12;
constexpr std::size_t kShownDigits = 12;
constexpr Duration kTestWait{15'000};

struct HookOptions {
  std::string what{};
  std::vector<std::string> names{};
  std::string source{};
  std::string url{};
  bool no_plan = false;
};

/// What judging alerts takes; the parts that others refer to stand first.
struct Workshop {
  std::unique_ptr<KeyRing> keys{};
  ConnectorSet connectors{};
  std::vector<AlertSource> sources{};
  std::unique_ptr<AlertJudge> judge{};
};

/// On the heap, since its parts refer to each other.
Result<std::unique_ptr<Workshop>> open_workshop(Session& session, const Config& config) {
  auto opened = std::make_unique<Workshop>();
  Workshop& shop = *opened;
  Result<std::unique_ptr<KeyRing>> keys = KeyRing::open_or_create(
      session.key_paths(), missing_keys_for(config.database.value), session.random());
  if (!keys) return keys.error();
  shop.keys = std::move(*keys);
  const auto fingerprint = session.guarded(
      [ring = shop.keys.get()](const Secret& secret) { return ring->fingerprint(secret); });
  Result<ConnectorSet> connectors = make_connectors(
      config, session.sources(), session.random(), [](const std::string&) { return true; },
      fingerprint);
  if (!connectors) return connectors.error();
  shop.connectors = std::move(*connectors);
  Result<std::vector<AlertSource>> sources = resolve_sources(
      config.alerts.sources, {.directory = config.directory,
                              .environment = session.sources().environment,
                              .warn = [&session](const std::string& text) { session.warn(text); }});
  if (!sources) return sources.error();
  shop.sources = std::move(*sources);
  for (const AlertSource& source : shop.sources) {
    for (const SourceKey& key : source.keys) fingerprint(*key.secret);  // the filter knows it now
  }
  shop.judge = make_judge(config, shop.connectors, fingerprint);
  return opened;
}

/// The names as files, those of a folder in order of name.
Result<std::vector<std::string>> files_of(const std::vector<std::string>& names) {
  std::vector<std::string> files;
  for (const std::string& name : names) {
    std::error_code failed;
    if (!std::filesystem::is_directory(name, failed)) {
      files.push_back(name);
      continue;
    }
    const std::size_t before = files.size();
    for (const auto& entry : std::filesystem::directory_iterator(name, failed)) {
      if (entry.is_regular_file(failed)) files.push_back(entry.path().string());
    }
    std::sort(files.begin() + static_cast<std::ptrdiff_t>(before), files.end());
  }
  if (files.empty() || files.size() > kFilesMax)
    return make_error(ErrorCode::invalid, "hook",
                      files.empty() ? "there is no file." : "there are more than 1,000 files.",
                      "quell hook replay FILE|DIR");
  return files;
}

Result<CapturedDelivery> read_capture(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text(kCaptureBytesMax + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!in && !in.eof())
    return make_error(ErrorCode::invalid, "hook", file + " cannot be read.", "name a file");
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kCaptureBytesMax)
    return make_error(ErrorCode::invalid, "hook", file + " is longer than 26 MiB.",
                      "no sender sends that much");
  Result<CapturedDelivery> capture = parse_capture(text);
  if (!capture) return wrap(file, capture.error());
  return capture;
}

/// The source that the options or the path name.
const AlertSource* source_of(const Workshop& shop, const HookOptions& options,
                             const CapturedDelivery& capture) {
  std::string name = options.source;
  constexpr std::string_view kRoot = "/hooks/";
  if (name.empty() && capture.target.starts_with(kRoot)) {
    name = capture.target.substr(kRoot.size());
    name.resize(std::min(name.size(), name.find_first_of("/?")));
  }
  const auto found = std::ranges::find(shop.sources, name, &AlertSource::name);
  return found == shop.sources.end() ? nullptr : &*found;
}

/// How `quell hook replay` tells of one alert.
class Replay {
 public:
  Replay(Session& session, const Workshop& shop, const HookOptions& options)
      : session_(session), shop_(shop), options_(options) {}

  /// False when an alert of it would begin nothing.
  Result<bool> delivery(const std::string& file) {
    const Result<CapturedDelivery> capture = read_capture(file);
    if (!capture) return capture.error();
    const AlertSource* const source = source_of(shop_, options_, *capture);
    if (source == nullptr) {
      return make_error(ErrorCode::invalid, "hook", file + " names no source of the configuration.",
                        "add --source NAME, one of alerts.sources");
    }
    const Delivery delivery{
        .path_token = token_of(*capture), .body = capture->body, .headers = capture->headers};
    const Timestamp now = session_.clock().now();
    ValueMap document{{"file", file}, {"source", source->name}};
    say(file);
    say("  source     " + source->name + " (" + std::string(to_string(source->kind)) + ")");
    say("  signature  " + signature_words(*source, *capture, delivery, now, document));
    auto read = read_alerts(*source, delivery, now);
    if (const auto* const refused = std::get_if<DeliveryRefusal>(&read)) {
      say("  would      be refused: " + std::string(refused->why));
      document["refused"] = std::string(refused->why);
      documents_.push_back(Value(std::move(document)));
      return false;
    }
    bool all = true;
    ValueList alerts;
    for (const ReceivedAlert& alert : std::get<std::vector<ReceivedAlert>>(read)) {
      Result<bool> fires = one(*source, alert, now, alerts);
      if (!fires) return fires;
      all = all && *fires;
    }
    document["alerts"] = Value(std::move(alerts));
    documents_.push_back(Value(std::move(document)));
    return all;
  }

  void finish() {
    if (session_.options().json)
      session_.print_json(Value::map({{"deliveries", Value(std::move(documents_))}}));
  }

 private:
  static std::string_view token_of(const CapturedDelivery& capture) {
    const std::string_view target = capture.target;
    const std::size_t slash = target.find('/', std::string_view("/hooks/").size());
    return slash == std::string_view::npos ? std::string_view() : target.substr(slash + 1);
  }

  void say(const std::string& line) {
    if (!session_.options().json) session_.out().line(shown(line));
  }

  static std::string signature_words(const AlertSource& source, const CapturedDelivery& capture,
                                     const Delivery& delivery, Timestamp now, ValueMap& document) {
    if (!capture.has_head()) {
      document["verified"] = Value();
      return "not checked: the file holds a body alone";
    }
    const auto checked = verify_delivery(source, delivery, now);
    const auto* const refused = std::get_if<DeliveryRefusal>(&checked);
    document["verified"] = refused == nullptr;
    if (refused == nullptr)
      return "verified by the secret of " + std::get<VerifiedDelivery>(checked).key;
    document["unverified_because"] = std::string(refused->why);
    return "would be refused now: " + std::string(refused->why);
  }

  Result<bool> one(const AlertSource& source, const ReceivedAlert& alert, Timestamp now,
                   ValueList& documents) {
    const Ruling ruling = shop_.judge->judge(source, alert, "a000000000000", now);
    ValueMap document{{"event", alert.event},
                      {"about", alert.correlation},
                      {"route", ruling.route ? Value(ruling.route->named_at) : Value()},
                      {"why", ruling.why}};
    const std::string about =
        alert.event.empty() ? alert.correlation : alert.event + " " + alert.correlation;
    say("  alert      " + (about.empty() ? std::string("(says not what it is about)") : about));
    if (ruling.route == nullptr) {
      say("  would      lie in the inbox: " + ruling.why);
      documents.push_back(Value(std::move(document)));
      return false;
    }
    const std::string mode(to_string(ruling.mode));
    document["playbook"] = ruling.playbook->id;
    document["mode"] = mode;
    document["inputs"] = journalled_inputs(ruling.inputs);
    say("  route      " + ruling.route->named_at + ": " + ruling.playbook->id);
    say("  would      begin or join a run, mode " + mode +
        (ruling.why.empty() ? "" : ": " + ruling.why));
    if (!options_.no_plan) {
      const Result<Rehearsal> rehearsal =
          rehearse_here(session_, shop_.connectors, ruling.playbook, ruling.inputs);
      if (!rehearsal) return rehearsal.error();
      document["plan"] = plan_document(rehearsal->plan);
      if (!session_.options().json)
        session_.out().write(plan_text(session_.out(), rehearsal->plan, false));
    }
    documents.push_back(Value(std::move(document)));
    return true;
  }

  Session& session_;
  const Workshop& shop_;
  const HookOptions& options_;
  ValueList documents_{};
};

int replay(Session& session, const Workshop& shop, const HookOptions& options) {
  const StopSignals signals;
  const Result<std::vector<std::string>> files = files_of(options.names);
  if (!files) return session.fail(files.error());
  Replay told(session, shop, options);
  bool all = true;
  for (const std::string& file : *files) {
    const Result<bool> fires = told.delivery(file);
    if (!fires) return session.fail(fires.error());
    all = all && *fires;
  }
  told.finish();
  return all ? kExitOk : kExitNo;
}

int routes(Session& session, const Result<Value>& found) {
  if (!found) return session.fail(found.error());
  if (session.options().json) {
    session.print_json(*found);
    return kExitOk;
  }
  std::vector<std::vector<std::string>> rows{
      {"route", "playbook", "mode", "digest", "may run by itself"}};
  for (const Value& route : (*found)["routes"].list_or_empty()) {
    rows.push_back({route["route"].string_or(""), route["playbook"].string_or(""),
                    route["mode"].string_or(""),
                    route["digest"].string_or("").substr(0, kShownDigits),
                    route["by_itself"].string_or("")});
  }
  if (rows.size() == 1) {
    session.out().line("no routes: every alert lies in the inbox");
  } else {
    session.out().write(table(rows, "  "));
  }
  return kExitOk;
}

/// Where a test goes: --url, else the plain listener of this machine.
Result<std::string> address_of(const Config& config, const HookOptions& options,
                               const AlertSource& source) {
  if (!options.url.empty()) return options.url;
  const auto& hooks = config.hooks;
  if (!hooks || hooks->tls) {
    return make_error(ErrorCode::invalid, "hook",
                      hooks ? "the listener has TLS, and a certificate names no address."
                            : "nothing says where alerts come in.",
                      hooks ? "--url https://NAME/hooks/" + source.name
                            : "hooks: {listen: \"127.0.0.1:8441\"} in quell.yaml");
  }
  const std::string host =
      hooks->host.find(':') == std::string::npos ? hooks->host : "[" + hooks->host + "]";
  return "http://" + host + ":" + std::to_string(hooks->port) + "/hooks/" + source.name;
}

int test(Session& session, const Config& config, const Workshop& shop, const HookOptions& options) {
  const auto source =
      std::ranges::find(shop.sources, options.names.empty() ? std::string() : options.names.front(),
                        &AlertSource::name);
  if (source == shop.sources.end())
    return session.fail(make_error(ErrorCode::invalid, "hook", "there is no source of that name.",
                                   "quell hook test SOURCE, one of alerts.sources"));
  const Result<std::string> url = address_of(config, options, *source);
  if (!url) return session.fail(url.error());
  const std::string origin = origin_of(*url);
  if (origin.empty())
    return session.fail(make_error(ErrorCode::invalid, "usage", "--url is no URL.",
                                   "--url https://NAME/hooks/" + source->name));
  const std::string id = "quell-test-" + session.random().hex(kIdBytes);
  const Timestamp now = session.clock().now();
  Result<SampleDelivery> sample = sample_delivery(*source, id, now, origin);
  if (!sample) return session.fail(sample.error());
  Result<EgressPolicy> policy = EgressPolicy::make(config.allow_private, true);
  if (!policy) return session.fail(policy.error());
  CurlTransport transport(session.clock(), *std::move(policy));
  transport.start(1, {.method = "POST",
                      .url = *url,
                      .headers = std::move(sample->headers),
                      .body = std::move(sample->body),
                      .effect = Effect::notify});
  std::vector<Completion> done;
  while (done.empty() && session.clock().now() - now < kTestWait)
    done = transport.poll(session.clock().now() + kTestWait);
  if (done.empty() || !done.front().answer)
    return session.fail(done.empty() ? make_error(ErrorCode::transient, "hook", "no answer came.",
                                                  "is quell serve running?")
                                     : done.front().answer.error());
  const HttpResponse& answer = *done.front().answer;
  const bool taken = answer.status >= 200 && answer.status < 300;
  if (session.options().json) {
    const Result<Value> body = parse_json(answer.body);
    session.print_json(Value::map({{"url", *url},
                                   {"status", answer.status},
                                   {"taken", taken},
                                   {"answer", body ? *body : Value()}}));
  } else {
    session.out().line("POST " + *url + " as " + source->name);
    session.out().line(std::to_string(answer.status) + (taken ? " taken  " : " refused  ") +
                       shown(answer.body));
  }
  return taken ? kExitOk : kExitNo;
}

int hook(Session& session, const HookOptions& options) {
  if (!session.options().server.empty()) {
    if (options.what != "routes") {
      return session.fail(make_error(
          ErrorCode::invalid, "server",
          "quell hook " + options.what + " works with the senders' secrets of this machine alone.",
          "leave --server out"));
    }
    const Result<ApiClient> server = session.remote();
    return routes(session, server ? server->get("/api/v1/hooks/routes")
                                  : Result<Value>(server.error()));
  }
  const Config* const config = session.config();
  if (config == nullptr) return kExitNotStarted;
  const Result<std::unique_ptr<Workshop>> shop = open_workshop(session, *config);
  if (!shop) return session.fail(shop.error());
  if (options.what == "routes")
    return routes(session, hook_routes_document(*config, (*shop)->connectors));
  if (options.what == "test") return test(session, *config, **shop, options);
  return replay(session, **shop, options);
}

}  // namespace

Verb hook_verb() {
  auto options = std::make_shared<HookOptions>();
  return {.name = "hook",
          .help = kHookHelp,
          .is_remote = true,
          .declare =
              [options](CLI::App& app) {
                app.add_option("what", options->what)
                    ->required()
                    ->check(CLI::IsMember({"replay", "test", "routes"}));
                app.add_option("names", options->names);
                app.add_option("--source", options->source);
                app.add_option("--url", options->url);
                app.add_flag("--no-plan", options->no_plan);
              },
          .run = [options](Session& session) { return hook(session, *options); }};
}

}  // namespace quell::cli
