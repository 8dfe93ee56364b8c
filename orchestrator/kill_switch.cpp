#include "orchestrator/kill_switch.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <memory>
#include <sys/stat.h>
#include <utility>

#include "connectors/redaction.h"
#include "orchestrator/api/problem.h"
#include "state/base/json.h"
#include "state/owner_lock.h"
#include "state/private_file.h"

namespace quell {
namespace {

constexpr std::size_t kBytesMax = 8'192;

std::string armed_path(std::string path) {
  path.replace(path.rfind('.'), std::string::npos, ".armed");
  return path;
}

/// The file's content; null where it is no such document.
Value read_words(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string bytes(kBytesMax, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  Result<Value> told = parse_json(bytes);
  return told && told->is_map() ? *std::move(told) : Value();
}

void take_words(const Value& told, KillSwitch& how) {
  how.who = told["who"].string_or("");
  how.from = told["from"].string_or("");
  how.reason = told["reason"].string_or("");
}

Status write_words(const std::string& path, const KillSwitch& how, ValueMap more, Timestamp now,
                   Random& random) {
  more["who"] = how.who;
  if (!how.from.empty()) more["from"] = how.from;
  more["reason"] = how.reason;
  more["at"] = Value(now);
  return create_private_file(path, to_json(Value(std::move(more))) + "\n", random);
}

bool is_off(const KillSwitch& how) { return how.automation || how.people; }

Value document_of(const KillSwitch& how) {
  return Value::map({{"disarmed", how.people       ? Value("all")
                                  : how.automation ? Value("automation")
                                                   : Value()},
                     {"who", how.who},
                     {"reason", how.reason}});
}

/// Who speaks through a call, and why; a token in the reason is refused (threat T40).
Result<KillSwitch> spoken(const ApiCall& call) {
  KillSwitch how{.who = call.actor.who,
                 .from = call.actor.from,
                 .reason = call.body["reason"].string_or("")};
  if (looks_like_token(how.reason)) {
    return make_error(ErrorCode::invalid, "bad-input",
                      "the reason looks as if it held a token, and it would be written down.",
                      "say it without the token");
  }
  return how;
}

}  // namespace

std::string kill_switch_path(const std::string& database) {
  std::string path = owner_lock_path(database);
  path.replace(path.rfind('.'), std::string::npos, ".disarmed");
  return path;
}

KillSwitch read_kill_switch(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0 && errno == ENOENT) {
    KillSwitch on;
    take_words(read_words(armed_path(path)), on);
    return on;
  }
  KillSwitch how{.automation = true,
                 .people = true,
                 .who = "a file that cannot be read",
                 .reason = "look at " + path};
  const Value told = read_words(path);
  if (!told.is_map()) return how;
  how.people = told["all"].bool_or(true);
  take_words(told, how);
  return how;
}

Result<KillSwitch> disarm(const std::string& path, KillSwitch how, Timestamp now, Random& random) {
  if (Status folder = make_private_folder(folder_of(path)); !folder) return folder.error();
  if (Status said = check_reason(how.reason); !said) return said.error();
  how.automation = true;
  how.people |= read_kill_switch(path).people;
  if (Status gone = destroy_private_file(path); !gone) return gone.error();
  if (Status put = write_words(path, how, {{"all", how.people}}, now, random); !put)
    return put.error();
  if (Status gone = destroy_private_file(armed_path(path)); !gone) return gone.error();
  return how;
}

Result<KillSwitch> arm(const std::string& path, const KillSwitch& how, Timestamp now,
                       Random& random) {
  KillSwitch before = read_kill_switch(path);
  if (!is_off(before)) return before;
  if (Status gone = destroy_private_file(armed_path(path)); !gone) return gone.error();
  if (Status put = write_words(armed_path(path), how, {}, now, random); !put) return put.error();
  if (Status gone = destroy_private_file(path); !gone) return gone.error();
  return before;
}

Status may_arm(const KillSwitch& now, const KillSwitch& how, const Policy& policy) {
  if (!is_off(now)) return ok();
  if (policy.strict &&
      (policy.is_same_person(now.who, how.who) || !policy.has_role(how.who, {"approver"}))) {
    return make_error(ErrorCode::denied, "approval",
                      now.who + " disarmed it, and policy.separation is strict: an "
                                "approver who is somebody else has to arm.",
                      "ask one of the users with that role");
  }
  return check_reason(how.reason);
}

std::vector<ApiRoute> kill_switch_routes(EngineDoor& door, const Engine& engine,
                                         const std::string& database, const Clock& clock,
                                         Random& random) {
  constexpr std::string_view kAnswer =
      "`disarmed`: all, automation, or null while changes are switched on; who did it and why";
  const std::string path = kill_switch_path(database);
  std::vector<ApiRoute> routes;
  routes.push_back(
      {.method = "GET",
       .path = "/api/v1/kill-switch",
       .operation = "getKillSwitch",
       .summary = "Whether a person has switched changes off",
       .answer = kAnswer,
       .handle = [path](const ApiCall&) {
         return json_reply(200, document_of(read_kill_switch(path)));
       }});
  routes.push_back(
      {.method = "POST",
       .path = "/api/v1/kill-switch/disarm",
       .operation = "disarm",
       .summary = "Switch changes off, at once and until somebody arms",
       .right = Right::start,
       .body = {{.name = "all",
                 .about = "For people's runs too; else for what alerts begin",
                 .kind = ApiField::Kind::boolean},
                {.name = "reason", .about = "Why, in words for the record", .required = true}},
       .answer = kAnswer,
       // Not by way of the engine: it works while nothing else does.
       .handle = [path, &clock, &random](const ApiCall& call) {
         Result<KillSwitch> how = spoken(call);
         if (!how) return problem_reply(how.error());
         how->people = call.body["all"].bool_or(false);
         const Result<KillSwitch> off = disarm(path, *std::move(how), clock.now(), random);
         return off ? json_reply(200, document_of(*off)) : problem_reply(off.error());
       }});
  routes.push_back(
      {.method = "POST",
       .path = "/api/v1/kill-switch/arm",
       .operation = "arm",
       .summary = "Switch changes on again; in strict separation not by whoever switched them off",
       .right = Right::approve,
       .body = {{.name = "reason", .about = "Why, in words for the record", .required = true}},
       .answer = "`was`: what it was before; who armed and why",
       .handle = [path, &door, &engine, &clock, &random](const ApiCall& call) {
         const Result<KillSwitch> how = spoken(call);
         if (!how) return problem_reply(how.error());
         auto before = std::make_shared<KillSwitch>();
         const Status armed = door.run([path, how = *how, before, &engine, &clock, &random] {
           if (Status may = may_arm(read_kill_switch(path), how, engine.policy()); !may) return may;
           Result<KillSwitch> was = arm(path, how, clock.now(), random);
           if (!was) return Status(was.error());
           *before = *std::move(was);
           return ok();
         });
         if (!armed) return problem_reply(armed.error());
         return json_reply(200, Value::map({{"was", document_of(*before)["disarmed"]},
                                            {"who", how->who},
                                            {"reason", how->reason}}));
       }});
  return routes;
}

}  // namespace quell
