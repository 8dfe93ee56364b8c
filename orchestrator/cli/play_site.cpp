#include "orchestrator/cli/play_site.h"

#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <span>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "orchestrator/cli/own_process.h"
#include "orchestrator/cli/run_loop.h"
#include "orchestrator/drill/drill_site.h"
#include "orchestrator/range/outside.h"
#include "state/base/bytes.h"
#include "state/base/json.h"
#include "state/private_file.h"

namespace quell::cli {
namespace {

constexpr std::chrono::seconds kReadyMax{20};
constexpr std::chrono::milliseconds kLookEvery{50};
constexpr std::size_t kHookSecretBytes = 32;
constexpr std::size_t kLinkBytesMax = 4'096;
constexpr std::string_view kApprover = "drill-approver";
constexpr std::string_view kAnyPort = "127.0.0.1:0";

std::string text_of(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Waits a moment for `pid`, then kills it.
void end_process(pid_t pid) {
  ::kill(pid, SIGTERM);
  const auto until = std::chrono::steady_clock::now() + kReadyMax;
  while (std::chrono::steady_clock::now() < until) {
    if (::waitpid(pid, nullptr, WNOHANG) != 0) return;
    std::this_thread::sleep_for(kLookEvery);
  }
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

Error cannot(const std::string& what) {
  return make_error(ErrorCode::internal, "drill", what + ".", "quell drill SCENARIO plays it alone");
}

}  // namespace

Result<std::unique_ptr<PlaySite>> PlaySite::open(Session& session, const Scenario& scenario,
                                                 range::SocketFront& front,
                                                 const std::string& folder, RunId name) {
  std::unique_ptr<PlaySite> site(new PlaySite(session));
  site->folder_ = folder + "/" + to_string(name);
  if (Status made = make_private_folder(site->folder_); !made) return made.error();
  if (Status written = site->write_files(scenario, front); !written) return written.error();
  if (Status started = site->start(site->folder_ + "/serve.log"); !started) return started.error();
  Result<ConnectorSet> connectors = Result<ConnectorSet>(ConnectorSet{});
  front.with_world([&](range::World& world, Timestamp) {
    connectors = drill_connectors(world, session.random(),
                                  [](const Secret&) { return std::string(); });
  });
  if (!connectors) return connectors.error();
  const KeyPaths keys{.seal = site->folder_ + "/seal.key",
                      .mac = site->folder_ + "/mac.key",
                      .signing = site->folder_ + "/signing.pem"};
  Result<std::unique_ptr<StateReader>> state = StateReader::open(
      site->folder_ + "/state.db", keys, session.random(), *std::move(connectors), {});
  if (!state) return state.error();
  site->state_ = *std::move(state);
  return site;
}

PlaySite::~PlaySite() {
  for (const pid_t helper : helpers_) end_process(helper);
  if (serve_ > 0) end_process(serve_);
}

Status PlaySite::write_files(const Scenario& scenario, range::SocketFront& front) {
  std::string secret(kHookSecretBytes, '\0');
  session_.random().fill(std::as_writable_bytes(std::span(secret)));
  hook_secret_ = hex_encode(secret);
  std::string api_key;
  std::string client_id;
  std::string client_secret;
  std::string admin_key;
  front.with_world([&](range::World& world, Timestamp) {
    api_key = world.keys().api_key;
    admin_key = world.keys().admin_key;
    client_id = world.keys().client_id;
    client_secret = world.keys().client_secret;
  });
  const range::WorldOptions& range = front.options();
  const std::string beside =
      scenario.folder.empty()
          ? ""
          : fmt::format("playbooks: [{}]\n",
                        to_json(Value(std::filesystem::absolute(scenario.folder + "/..")
                                          .lexically_normal()
                                          .string())));
  const std::string config = fmt::format(
      R"(# Made by quell drill --play for {0}: everything in it leads to the range.
state: {{sqlite: state.db}}
seal_key: seal.key
mac_key: mac.key
signing_key: signing.pem
{1}connections:
  platform: {{kind: managed_agents, base_url: "{2}", api_key: secret://file/api.key, admin_api_key: secret://file/admin.key}}
  issuer:
    kind: oauth
    issuers:
      - {{match: {{mcp_server_url: "{3}/mcp"}}, issuer: "{4}", client_id: {5}, client_auth: client_secret_basic, client_secret: secret://file/client.secret}}
users: [{{name: {6}, os_user: {7}, roles: [approver]}}]
panel: {{listen: "127.0.0.1:0", place: "drill {0}"}}
hooks: {{listen: "127.0.0.1:0"}}
alerts:
  sources:
    drill: {{kind: bearer, secrets: [secret://file/hook.secret]}}
)",
      scenario.id, beside, range.platform_url, range.mcp_url, range.issuer_url, client_id,
      kApprover, to_json(Value(Session::who())));
  const std::vector<std::pair<std::string, std::string>> files{{"api.key", api_key},
                                                              {"admin.key", admin_key},
                                                              {"client.secret", client_secret},
                                                              {"hook.secret", hook_secret_},
                                                              {"quell.yaml", config}};
  for (const auto& [name, bytes] : files) {
    if (Status written = create_private_file(folder_ + "/" + name, bytes, session_.random());
        !written)
      return written;
  }
  config_file_ = folder_ + "/quell.yaml";
  return ok();
}

Result<pid_t> PlaySite::spawn(std::vector<std::string> arguments,
                              const std::string& output) const {
  const FileDescriptor out(
      ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!out.valid()) return cannot(output + " cannot be written");
  // No key of the real configuration reaches a drill.
  const std::vector<std::string> environment{"HOME=" + folder_, "PATH=/usr/bin:/bin"};
  // Ctrl-C is for the drill, which ends the others itself.
  const pid_t pid = start_own_process({.words = std::move(arguments),
                                       .out = out.get(),
                                       .err = out.get(),
                                       .environment = &environment,
                                       .apart = true});
  if (pid == 0) return cannot("no process can be started for the players");
  return pid;
}

void PlaySite::kill() {
  if (serve_ <= 0) return;
  ::kill(serve_, SIGKILL);
  ::waitpid(serve_, nullptr, 0);
  serve_ = 0;
}

Status PlaySite::start_again() {
  // The players' pages look for it where it was.
  std::string config = text_of(config_file_);
  for (const std::string& url : {panel_, hooks_}) {
    const std::string address = url.substr(url.starts_with("http") ? url.find("//") + 2 : 0);
    const std::size_t at = config.find(kAnyPort);
    if (at != std::string::npos) config.replace(at, kAnyPort.size(), address);
  }
  std::error_code failed;
  std::filesystem::remove(config_file_, failed);
  if (Status written = create_private_file(config_file_, config, session_.random()); !written)
    return written;
  return start(folder_ + "/serve-again.log");
}

Status PlaySite::start(const std::string& log) {
  const Result<pid_t> serve = spawn({"serve", "--config", config_file_, "--json"}, log);
  if (!serve) return serve.error();
  serve_ = *serve;
  const auto until = std::chrono::steady_clock::now() + kReadyMax;
  while (std::chrono::steady_clock::now() < until && StopSignals::received() == 0 && !is_gone()) {
    std::string said = text_of(log);
    for (std::size_t at = 0, end = 0; (end = said.find('\n', at)) != std::string::npos;
         at = end + 1) {
      const Result<Value> line = parse_json(std::string_view(said).substr(at, end - at));
      if (!line || !line->is_map() || (*line)["event"].string_or("") != "ready") continue;
      panel_ = (*line)["panel"].string_or("");
      hooks_ = (*line)["hooks"].string_or("");
      const Result<std::optional<Secret>> link =
          read_private_file(folder_ + "/set-up-link", kLinkBytesMax);
      if (link && *link) set_up_link_ = std::string((*link)->reveal());
      while (set_up_link_.ends_with('\n')) set_up_link_.pop_back();
      return ok();
    }
    std::this_thread::sleep_for(kLookEvery);
  }
  return make_error(ErrorCode::internal, "drill", "quell serve did not start for the players.",
                    "look at " + log);
}

bool PlaySite::is_gone() {
  if (serve_ > 0 && ::waitpid(serve_, nullptr, WNOHANG) == serve_) serve_ = 0;
  return serve_ == 0;
}

bool PlaySite::deliver(const Inject& inject) {
  range::OutsideCaller caller;
  const std::string url =
      (hooks_.starts_with("http") ? hooks_ : "http://" + hooks_) + "/hooks/drill";
  const std::optional<range::Response> answer = caller.fetch(
      url, {.method = "POST",
            .target = "/hooks/drill",
            .headers = {{"authorization", "Bearer " + hook_secret_},
                        {"content-type", "application/json"}},
            .body = to_json(Value::map({{"kind", to_string(inject.kind)},
                                        {"from", inject.from},
                                        {"text", inject.text}}))});
  return answer && answer->status / 100 == 2;
}

void PlaySite::approve(RunId run, const std::string& digest) {
  const Result<pid_t> helper = spawn(
      {"approve", to_string(run), "--digest", digest, "--config", config_file_, "--quiet"},
      folder_ + "/approve.log");
  if (helper) helpers_.push_back(*helper);
}

}  // namespace quell::cli
