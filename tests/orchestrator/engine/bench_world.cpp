#include "bench_world.h"

#include <algorithm>
#include <utility>

#include <doctest/doctest.h>

#include "connectors/classify.h"
#include "orchestrator/playbook/loader.h"
#include "orchestrator/report/report_connector.h"

namespace quell::test {
namespace {

constexpr std::string_view kBase = "https://vendor.example";

std::vector<ActionSpec> vendor_actions(Repeat repeat, bool can_look) {
  const Type text = Type::of(Type::Kind::string);
  ActionSpec list;
  list.name = "list_things";
  list.summary = "Every thing that lives.";
  list.outputs = Type::object({{"things", Type::list_of(Type::object({{"id", text}}))}});
  list.cost = {.read = 1};
  ActionSpec look;
  look.name = "thing_is_dead";
  look.summary = "Whether a thing is gone.";
  look.is_probe = true;
  look.planes = {Plane::holder};
  look.proves = {Kill::refresh};
  look.inputs = {{.name = "id", .type = text, .required = true}};
  look.outputs = Type::object({{"alive", Type::of(Type::Kind::boolean)}});
  look.cost = {.read = 1};
  ActionSpec kill;
  kill.name = "kill_thing";
  kill.summary = "Kills a thing.";
  kill.effect = Effect::mutate;
  kill.planes = {Plane::holder};
  kill.kills = {Kill::refresh};
  kill.inputs = {{.name = "id", .type = text, .required = true}};
  kill.outputs = Type::object({{"id", text}});
  kill.repeat = repeat;
  kill.can_look = can_look;
  kill.irreversible = true;
  kill.requests = {{.method = "POST", .url = "{base}/things/{id}/kill"}};
  kill.cost = {.read = 1, .mutate = 1};
  kill.proofs = {"thing_is_dead"};
  ActionSpec revive = kill;
  revive.name = "revive_thing";
  revive.summary = "Lets a thing live again.";
  revive.kills = {};
  revive.proofs = {};
  revive.irreversible = false;
  revive.requests = {{.method = "POST", .url = "{base}/things/{id}/revive"}};
  ActionSpec poke = list;
  poke.name = "poke";
  // A look that brings something to life where it finds something alive.
  ActionSpec test = look;
  test.name = "thing_stays_dead";
  test.effect = Effect::mutate;
  test.requests = {{.method = "POST", .url = "{base}/things/{id}/test"}};
  test.cost = {.mutate = 1};
  // Under a name that the regrowth watch knows.
  ActionSpec regrowth = look;
  regrowth.name = "no_active_credential";
  return {list, look, kill, revive, poke, test, regrowth};
}

class VendorConnector final : public Connector {
 public:
  VendorConnector(Repeat repeat, bool can_look) : actions_(vendor_actions(repeat, can_look)) {}

  std::span<const ActionSpec> actions() const override { return actions_; }
  std::string base_url() const override { return std::string(kBase); }
  Value pins() const override { return Value::map({{"kind", "vendor"}, {"base_url", kBase}}); }
  Value predict(const ActionSpec&, const Inputs& inputs) const override {
    return Value::map({{"id", inputs.params["id"]}});
  }

  Task<Result<Outcome>> perform(const ActionSpec& action, Inputs inputs, Io& io) const override {
    if (action.name == "list_things") return list(io);
    if (action.name == "thing_stays_dead") return test(std::move(inputs), io);
    if (action.is_probe) return look(std::move(inputs), io);
    if (action.name == "poke") return poke(io);
    if (action.name == "revive_thing") return revive(std::move(inputs), io);
    return kill(std::move(inputs), io);
  }

 private:
  static HttpRequest get(const std::string& path) {
    HttpRequest request;
    request.url = std::string(kBase) + path;
    return request;
  }

  static Task<Result<Outcome>> list(Io& io) {
    HttpRequest request = get("/things");
    const Result<HttpResponse> answer = co_await io.send(std::move(request));
    if (!answer) co_return answer.error();
    ValueList things;
    std::string name;
    for (const char c : answer->body + ",") {
      if (c != ',') {
        name += c;
        continue;
      }
      if (!name.empty()) things.push_back(Value::map({{"id", name}}));
      name.clear();
    }
    Outcome outcome;
    outcome.outputs = Value::map({{"things", Value(std::move(things))}});
    co_return outcome;
  }

  static Task<Result<Outcome>> poke(Io& io) {
    HttpRequest request = get("/things");
    request.method = "POST";
    const Result<HttpResponse> answer = co_await io.send(std::move(request));
    if (!answer) co_return answer.error();
    co_return Outcome{};
  }

  static Task<Result<Outcome>> look(Inputs inputs, Io& io) {
    HttpRequest request = get("/things/" + inputs.params["id"].as_string());
    const Result<HttpResponse> answer = co_await io.send(std::move(request));
    if (!answer) co_return answer.error();
    Outcome outcome;
    const bool dead = answer->status == 404;
    outcome.outputs = Value::map({{"alive", !dead}});
    Judgement judgement;
    judgement.verdict = dead ? Verdict::proved : Verdict::refuted;
    judgement.grade = Grade::strong;
    judgement.proof = dead ? "404 read back" : "still there";
    outcome.judgement = judgement;
    co_return outcome;
  }

  static Task<Result<Outcome>> test(Inputs inputs, Io& io) {
    HttpRequest act = get("/things/" + inputs.params["id"].as_string() + "/test");
    act.method = "POST";
    act.effect = Effect::mutate;
    const Result<HttpResponse> answer = co_await io.send(std::move(act));
    if (!answer) co_return answer.error();
    Outcome outcome;
    outcome.outputs = Value::map({{"alive", answer->status == 200}});
    Judgement judgement;
    judgement.verdict = answer->status == 200 ? Verdict::refuted : Verdict::proved;
    judgement.grade = Grade::strong;
    judgement.proof = "tested";
    outcome.judgement = judgement;
    co_return outcome;
  }

  static Task<Result<Outcome>> kill(Inputs inputs, Io& io) {
    const std::string id = inputs.params["id"].as_string();
    Outcome outcome;
    outcome.outputs = Value::map({{"id", id}});
    HttpRequest before = get("/things/" + id);
    const Result<HttpResponse> found = co_await io.send(std::move(before));
    if (!found) co_return found.error();
    if (found->status == 404) {
      outcome.kind = OutcomeKind::already;
      co_return outcome;
    }
    if (inputs.intent == Intent::look)
      co_return make_error(ErrorCode::conflict, "it is still there");
    HttpRequest act = get("/things/" + id + "/kill");
    act.method = "POST";
    act.effect = Effect::mutate;
    const Result<HttpResponse> killed = co_await io.send(std::move(act));
    if (!killed) co_return killed.error();
    if (killed->status != 200) co_return classify(*killed, Effect::mutate, id);
    co_return outcome;
  }

  static Task<Result<Outcome>> revive(Inputs inputs, Io& io) {
    HttpRequest act = get("/things/" + inputs.params["id"].as_string() + "/revive");
    act.method = "POST";
    act.effect = Effect::mutate;
    const Result<HttpResponse> done = co_await io.send(std::move(act));
    if (!done) co_return done.error();
    co_return Outcome{};
  }

  std::vector<ActionSpec> actions_;
};

HttpResponse too_many() {
  HttpResponse answer(429, "");
  answer.headers.emplace_back("retry-after", "3");
  return answer;
}

}  // namespace

Result<HttpResponse> Vendor::handle(const HttpRequest& request) {
  const std::string path = request.url.substr(kBase.size());
  requests.push_back(request.method + " " + path);
  if (request.method == "GET" && throttled_reads > 0) {
    --throttled_reads;
    return too_many();
  }
  if (request.method == "GET" && path == "/things") {
    std::string body;
    for (const std::string& id : alive) body += (body.empty() ? "" : ",") + id;
    return HttpResponse(200, body);
  }
  const std::string id = path.substr(8, path.find('/', 8) - 8);
  if (request.method == "GET") return HttpResponse(alive.contains(id) ? 200 : 404, "");
  if (path.ends_with("/revive")) {
    alive.insert(id);
    return HttpResponse(200, "");
  }
  if (path.ends_with("/test")) return HttpResponse(alive.contains(id) ? 200 : 404, "");
  ++kill_requests;
  if (throttled_kills > 0) {
    --throttled_kills;
    return too_many();
  }
  if (refuses) return HttpResponse(403, "");
  if (loses_requests || lose_request_of_kill == kill_requests)
    return make_error(ErrorCode::unknown, "the connection was cut");
  ++kills[id];
  if (!lies) alive.erase(id);
  if (lose_answer_of_kill == kill_requests)
    return make_error(ErrorCode::unknown, "the connection was cut");
  return HttpResponse(200, "");
}

void VendorTransport::start(Ticket ticket, HttpRequest request) {
  ready_.push_back(Completion{.ticket = ticket, .answer = vendor_.handle(request)});
}

std::vector<Completion> VendorTransport::poll(Timestamp until) {
  if (ready_.empty()) clock_.advance_to(until);
  return std::exchange(ready_, {});
}

std::shared_ptr<const Connector> vendor_connector(Repeat repeat, bool can_look) {
  return std::make_shared<const VendorConnector>(repeat, can_look);
}

ConnectorSet vendor_connectors(Repeat repeat, bool can_look) {
  return {{"vendor", vendor_connector(repeat, can_look)},
          {"report", std::make_shared<const ReportConnector>()}};
}

std::shared_ptr<const Playbook> playbook_from(const std::string& source,
                                              const ConnectorSet& connectors,
                                              const Library& others) {
  ActionCatalog catalog;
  for (const auto& [name, connector] : connectors) catalog.connections.push_back(name);
  catalog.actions_of = [&connectors](std::string_view name) {
    const auto found = connectors.find(name);
    return found == connectors.end() ? std::span<const ActionSpec>() : found->second->actions();
  };
  PlaybookSources sources;
  sources.source_of = [&others](std::string_view id) -> std::optional<std::string> {
    const auto found = others.find(std::string(id));
    return found == others.end() ? std::nullopt : std::optional<std::string>(found->second);
  };
  LoadResult loaded = load_playbook(source, "kill-all.yaml", catalog, sources);
  std::string findings;
  for (const Diagnostic& diagnostic : loaded.diagnostics)
    findings += render(diagnostic, "kill-all.yaml", source, false);
  CAPTURE(findings);
  REQUIRE(loaded.playbook.has_value());
  return std::make_shared<const Playbook>(std::move(*loaded.playbook));
}

ProcessRun::ProcessRun(Journal& journal, SecretStore& secrets, Vendor& vendor, ManualClock& clock,
                       ConnectorSet set, std::string machine)
    : connectors(std::move(set)),
      transport(vendor, clock),
      engine({.clock = clock,
              .transport = transport,
              .journal = journal,
              .secrets = secrets,
              .connectors = connectors,
              .load_playbook =
                  [this](const std::string& source, const std::string&,
                         const Library& called) -> Result<std::shared_ptr<const Playbook>> {
                return playbook_from(source, connectors, called);
              },
              .write_bundle = [](const RunState&, const std::string&) -> Result<std::string> {
                return std::string("bundle");
              },
              .policy = &policy,
              .kill_switch = [this] { return kill_switch; },
              .machine = std::move(machine)}) {}

void run_on(Engine& engine, RunId run, ManualClock& clock) {
  for (int turns = 0; turns < 10'000 && !engine.find(run)->finished() && !engine.find(run)->held;
       ++turns) {
    // Outside the macro: a simulated death of the process must pass through it unchanged.
    const Status turned = engine.turn(clock.now() + std::chrono::hours(1));
    REQUIRE(turned);
  }
}

RunRequest request_for(std::shared_ptr<const Playbook> playbook, RunMode mode) {
  return {.playbook = std::move(playbook),
          .inputs = Value(ValueMap{}),
          .mode = mode,
          .who = "mara",
          .confirmed = true};
}

void turn_for(Engine& engine, ManualClock& clock, Duration span) {
  const Timestamp until = clock.now() + span;
  for (int turns = 0; turns < 10'000 && clock.now() < until; ++turns) {
    const Status turned = engine.turn(until);
    REQUIRE(turned);
  }
}

Status say(Engine& engine, ManualClock& clock, Command command) {
  Status answer = make_error(ErrorCode::internal, "no answer");
  command.done = [&answer](Status given) { answer = std::move(given); };
  engine.submit(std::move(command));
  turn_for(engine, clock, Duration{1});
  return answer;
}

RunState Bench::run(const std::string& source, RunMode mode, ConnectorSet connectors,
                    const Library& others) {
  ProcessRun process(journal, secrets, vendor, clock, std::move(connectors));
  const Result<RunId> id =
      process.engine.start(request_for(playbook_from(source, process.connectors, others), mode));
  REQUIRE(id);
  run_on(process.engine, *id, clock);
  return *process.engine.find(*id);
}

void crash_everywhere(const std::string& source, const Library& others,
                      const std::function<void(Bench& bench, const RunState& run)>& look) {
  std::size_t appends = 0;
  {
    Bench bench;
    bench.run(source, RunMode::live, vendor_connectors(), others);
    appends = bench.journal.append_count();
  }
  REQUIRE(appends > 4);
  for (std::size_t at = 1; at <= appends; ++at) {
    for (const Loss loss : {Loss::entry_lost, Loss::entry_kept}) {
      CAPTURE(at);
      Bench bench;
      CrashingJournal dying(bench.journal, at, loss);
      {
        ProcessRun first(dying, bench.secrets, bench.vendor, bench.clock, vendor_connectors());
        const auto run_it = [&] {
          const Result<RunId> id =
              first.engine.start(request_for(playbook_from(source, first.connectors, others)));
          if (id) run_on(first.engine, *id, bench.clock);
        };
        CHECK_THROWS_AS(run_it(), SimulatedCrash);
      }
      ProcessRun second(bench.journal, bench.secrets, bench.vendor, bench.clock,
                        vendor_connectors());
      REQUIRE(second.engine.load());
      const RunId id = second.engine.last();
      if (id.number == 0) continue;  // it died before the run was accepted
      REQUIRE(second.engine.recall(id));
      if (!second.engine.find(id)->finished()) {
        REQUIRE(second.engine.take_up(id, "mara"));
        run_on(second.engine, id, bench.clock);
      }
      look(bench, *second.engine.find(id));
      CHECK(every_kill_was_announced(bench.journal, bench.vendor));
      CHECK_FALSE(bench.journal.verify().failure.has_value());
    }
  }
}

bool every_kill_was_announced(MemoryJournal& journal, const Vendor& vendor) {
  std::map<std::string, int> announced;
  for (const StoredEntry& stored : journal.read_all()) {
    if (stored.entry.kind == EntryKind::request_sent)
      ++announced[stored.entry.body["url"].string_or("")];
  }
  return std::all_of(vendor.kills.begin(), vendor.kills.end(), [&](const auto& row) {
    const std::string path = "/things/" + row.first + "/";
    const auto said = std::find_if(announced.begin(), announced.end(), [&](const auto& entry) {
      return entry.first.find(path) != std::string::npos;
    });
    return said != announced.end() && row.second <= said->second;
  });
}

}  // namespace quell::test
