#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <string>
#include <string_view>
#include <unistd.h>

#include "orchestrator/cli/manual.h"
#include "orchestrator/cli/verb.h"
#include "state/private_file.h"

namespace quell::cli {
namespace {

constexpr std::string_view kInitHelp =
    R"(quell init - write a commented quell.yaml
usage: quell init [--stdout]
Every setting stands in it with its default and a line of explanation. The file is quell.yaml
here, or where --config says; an existing one is never touched.
--stdout    write to standard output instead
Exit codes  0 written  2 it is there already, or cannot be written
Examples    quell init
            quell init --stdout | less
)";

/// Readable by others: it holds no secret.
constexpr mode_t kMode = 0644;

Status write_new(const std::string& path, std::string_view text) {
  const FileDescriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kMode));
  if (!file.valid()) {
    const bool is_there = errno == EEXIST;
    return make_error(is_there ? ErrorCode::conflict : ErrorCode::invalid, "config",
                      path + (is_there ? " is there already." : " cannot be written."),
                      is_there ? "quell init --stdout shows what would be in a new one"
                               : "look at its folder, or name another file with --config");
  }
  while (!text.empty()) {
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written <= 0) {
      const int code = errno;
      ::unlink(path.c_str());
      return out_of_room(code, folder_of(path));
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(file.get()) != 0) return out_of_room(errno, folder_of(path));
  return ok();
}

int init(Session& session, bool to_stdout) {
  const std::string& text = sample_config().front().second;
  if (to_stdout) {
    session.out().write(text);
    return kExitOk;
  }
  const std::string& named = session.options().config;
  const std::string path = named.empty() ? "quell.yaml" : named;
  if (Status written = write_new(path, text); !written) return session.fail(written.error());
  if (session.options().json) {
    session.print_json(Value::map({{"file", path}}));
  } else {
    session.out().line(path + " is written");
  }
  session.next("quell preflight --config " + path);
  return kExitOk;
}

}  // namespace

Verb init_verb() {
  auto to_stdout = std::make_shared<bool>(false);
  return {.name = "init",
          .help = kInitHelp,
          .declare = [to_stdout](CLI::App& app) { app.add_flag("--stdout", *to_stdout); },
          .run = [to_stdout](Session& session) { return init(session, *to_stdout); }};
}

}  // namespace quell::cli
