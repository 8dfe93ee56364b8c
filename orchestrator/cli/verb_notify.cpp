#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "orchestrator/cli/notify_service.h"
#include "orchestrator/cli/verb.h"
#include "orchestrator/notify/trial.h"

namespace quell::cli {
namespace {

constexpr std::string_view kNotifyHelp =
    R"(quell notify - those who are told of runs
usage: quell notify list [--json]
       quell notify test [NAME] [--json]
list        each destination under notify: in quell.yaml: kind, events, where it is set
test        each of them gets a test notice, or NAME alone; the line says what became of it. Nothing is retried.
Exit codes  0 every destination took it  1 one did not  2 none is configured, or its secret cannot be read
            list: 0, or 2
Examples    quell notify list
            quell notify test
            quell notify test pagerduty
)";

struct NotifyOptions {
  std::string what{};
  std::string name{};
};

/// Error topics as of destinations_of() and send_test_notices().
Result<Value> ask_here(Session& session, const NotifyOptions& options) {
  const Result<std::vector<Destination>> destinations = destinations_of(session);
  if (!destinations) return destinations.error();
  if (options.what == "list") return destinations_document(*destinations);
  const Result<std::unique_ptr<HttpTransport>> transport =
      session.make_transport(session.clock());
  if (!transport) return transport.error();
  return send_test_notices(*destinations, options.name, **transport, session.clock(),
                           session.random());
}

Result<Value> ask_there(Session& session, const NotifyOptions& options) {
  const Result<ApiClient> server = session.remote();
  if (!server) return server.error();
  if (options.what == "list") return server->get("/api/v1/notify");
  return server->post("/api/v1/notify/test", Value::map({{"name", options.name}}));
}

std::string joined(const Value& words) {
  std::string text;
  for (const Value& word : words.list_or_empty())
    text += (text.empty() ? "" : ", ") + word.string_or("");
  return text;
}

int notify(Session& session, const NotifyOptions& options) {
  const bool is_list = options.what == "list";
  if (is_list && !options.name.empty()) {
    return session.fail(make_error(ErrorCode::invalid, "usage", "list takes no name.",
                                   "quell notify list"));
  }
  const bool is_far = !session.options().server.empty();
  if (!is_far && session.config() == nullptr) return kExitNotStarted;
  const Result<Value> found = is_far ? ask_there(session, options) : ask_here(session, options);
  if (!found) return session.fail(found.error());
  bool is_told = true;
  std::vector<std::vector<std::string>> rows;
  for (const Value& one : (*found)["destinations"].list_or_empty()) {
    const std::string name = one["name"].string_or("");
    if (is_list) {
      rows.push_back({name, one["kind"].string_or(""), joined(one["events"]),
                      one["setting"].string_or("")});
      continue;
    }
    const bool taken = one["ok"].bool_or(false);
    is_told &= taken;
    rows.push_back(
        {name, one["outcome"].string_or(""), taken ? "" : one["setting"].string_or("")});
  }
  if (session.options().json) {
    session.print_json(*found);
  } else if (rows.empty()) {
    session.out().line("nobody is told of runs");
  } else {
    session.out().write(table(rows, ""));
  }
  return is_told ? kExitOk : kExitNo;
}

}  // namespace

Verb notify_verb() {
  auto options = std::make_shared<NotifyOptions>();
  return {.name = "notify",
          .help = kNotifyHelp,
          .is_remote = true,
          .declare =
              [options](CLI::App& app) {
                app.add_option("what", options->what)
                    ->required()
                    ->check(CLI::IsMember({"list", "test"}));
                app.add_option("name", options->name);
              },
          .run = [options](Session& session) { return notify(session, *options); }};
}

}  // namespace quell::cli
