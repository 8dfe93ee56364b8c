#include "orchestrator/kill_switch.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sys/stat.h>

#include "state/base/json.h"
#include "state/owner_lock.h"
#include "state/private_file.h"

namespace quell {
namespace {

constexpr std::size_t kBytesMax = 4'096;

}  // namespace

std::string kill_switch_path(const std::string& database) {
  std::string path = owner_lock_path(database);
  path.replace(path.rfind('.'), std::string::npos, ".disarmed");
  return path;
}

KillSwitch read_kill_switch(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0 && errno == ENOENT) return {};
  KillSwitch how{.automation = true,
                 .people = true,
                 .who = "a file that cannot be read",
                 .reason = "look at " + path};
  std::ifstream in(path, std::ios::binary);
  std::string bytes(kBytesMax, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  const Result<Value> told = parse_json(bytes);
  if (!told || !told->is_map()) return how;
  how.people = (*told)["all"].bool_or(true);
  how.who = (*told)["who"].string_or("");
  how.reason = (*told)["reason"].string_or("");
  return how;
}

Status disarm(const std::string& path, const KillSwitch& how, Timestamp now, Random& random) {
  if (Status folder = make_private_folder(folder_of(path)); !folder) return folder;
  if (Status gone = arm(path); !gone) return gone;
  return create_private_file(
      path,
      to_json(Value::map(
          {{"all", how.people}, {"who", how.who}, {"reason", how.reason}, {"at", Value(now)}})) +
          "\n",
      random);
}

Status arm(const std::string& path) { return destroy_private_file(path); }

}  // namespace quell
