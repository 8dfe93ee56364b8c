#include "orchestrator/secret_reference.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

namespace quell {
namespace {

constexpr std::size_t kSecretBytesMax = 64U << 10U;
constexpr std::string_view kScheme = "secret://";

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

Error missing(const std::string& what, const std::string& why, std::string hint) {
  return make_error(ErrorCode::invalid, "secret", what + ": " + why + ".", std::move(hint));
}

/// One final newline goes; white space inside is a copying mistake and is refused.
Result<Secret> trimmed(std::string bytes, std::string_view name) {
  if (!bytes.empty() && bytes.back() == '\n') bytes.pop_back();
  if (!bytes.empty() && bytes.back() == '\r') bytes.pop_back();
  const bool pem = bytes.starts_with("-----BEGIN ") || bytes.starts_with("{");
  const bool spaced = std::any_of(bytes.begin(), bytes.end(), [](char c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\0';
  });
  if (bytes.empty() || (spaced && !pem)) {
    const std::string why = bytes.empty() ? "is empty" : "has white space inside";
    wipe(bytes);
    return make_error(ErrorCode::invalid, "secret", std::string(name) + " " + why + ".",
                      "it must hold the secret and nothing else");
  }
  return Secret(std::move(bytes));
}

Result<Secret> from_file(const std::string& path, const SecretReference& reference,
                         const SecretSource& source, std::string_view named_at) {
  const std::string place =
      "looked for " + path + (named_at.empty() ? "" : ", named at " + std::string(named_at));
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    const std::string why = errno == ENOENT   ? "no such file"
                            : errno == EACCES ? "permission denied"
                                              : "cannot be opened";
    return missing(reference.to_string(), why, place);
  }
  struct stat info {};
  if (fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return missing(reference.to_string(), "not a regular file", place);
  }
  if ((info.st_mode & (S_IRGRP | S_IROTH | S_IWGRP | S_IWOTH)) != 0) {
    if (source.refuse_readable_by_others) {
      return missing(reference.to_string(), "others can read or write it", "chmod 600 " + path);
    }
    if (source.warn) source.warn(path + ": others can read it; chmod 600 " + path);
  }
  if (source.refuse_readable_by_others && info.st_uid != 0 && info.st_uid != geteuid()) {
    return missing(reference.to_string(), "it belongs to another user", place);
  }
  return read_secret(file.get(), reference.to_string());
}

/// The file that `reference` leads to; empty for a variable, and for a credential without systemd.
std::string path_of(const SecretReference& reference, const SecretSource& source) {
  switch (reference.kind) {
    case SecretReference::Kind::environment:
      return "";
    case SecretReference::Kind::file: {
      const bool absolute = reference.name.starts_with('/');
      return absolute || source.directory.empty() ? reference.name
                                                  : source.directory + "/" + reference.name;
    }
    case SecretReference::Kind::credential: {
      const std::optional<std::string> folder =
          source.environment ? source.environment("CREDENTIALS_DIRECTORY") : std::nullopt;
      return folder ? *folder + "/" + reference.name : "";
    }
  }
  return "";
}

}  // namespace

bool lead_to_same(const SecretReference& a, const SecretSource& a_source, const SecretReference& b,
                  const SecretSource& b_source) {
  const bool a_is_variable = a.kind == SecretReference::Kind::environment;
  const bool b_is_variable = b.kind == SecretReference::Kind::environment;
  if (a_is_variable || b_is_variable) return a_is_variable && b_is_variable && a.name == b.name;
  struct stat a_info {};
  struct stat b_info {};
  return stat(path_of(a, a_source).c_str(), &a_info) == 0 &&
         stat(path_of(b, b_source).c_str(), &b_info) == 0 && a_info.st_dev == b_info.st_dev &&
         a_info.st_ino == b_info.st_ino;
}

std::string SecretReference::to_string() const {
  switch (kind) {
    case Kind::environment:
      return std::string(kScheme) + "env/" + name;
    case Kind::file:
      return std::string(kScheme) + "file/" + name;
    case Kind::credential:
      return std::string(kScheme) + "credential/" + name;
  }
  return "";
}

Result<std::optional<SecretReference>> parse_secret_reference(std::string_view text) {
  if (!text.starts_with(kScheme)) return std::optional<SecretReference>{};
  const std::string_view rest = text.substr(kScheme.size());
  struct Form {
    std::string_view prefix;
    SecretReference::Kind kind;
  };
  constexpr std::array<Form, 3> kForms{{{"env/", SecretReference::Kind::environment},
                                        {"file/", SecretReference::Kind::file},
                                        {"credential/", SecretReference::Kind::credential}}};
  for (const Form& form : kForms) {
    if (!rest.starts_with(form.prefix) || rest.size() == form.prefix.size()) continue;
    std::string name(rest.substr(form.prefix.size()));
    const bool plain_name =
        form.kind == SecretReference::Kind::file || name.find('/') == std::string::npos;
    if (plain_name && name.find('\0') == std::string::npos) {
      return std::optional<SecretReference>(
          SecretReference{.kind = form.kind, .name = std::move(name)});
    }
  }
  return make_error(ErrorCode::invalid, "secret", "a secret reference names no known place.",
                    "write secret://env/NAME, secret://file/PATH or secret://credential/NAME");
}

Result<Secret> resolve_secret(const SecretReference& reference, const SecretSource& source,
                              std::string_view named_at) {
  const std::string named = named_at.empty() ? "" : "named at " + std::string(named_at);
  switch (reference.kind) {
    case SecretReference::Kind::environment: {
      std::optional<std::string> value =
          source.environment ? source.environment(reference.name) : std::nullopt;
      if (!value) return missing(reference.to_string(), "no such environment variable", named);
      return trimmed(std::move(*value), reference.to_string());
    }
    case SecretReference::Kind::file:
      return from_file(path_of(reference, source), reference, source, named_at);
    case SecretReference::Kind::credential: {
      const std::string path = path_of(reference, source);
      if (path.empty())
        return missing(reference.to_string(), "CREDENTIALS_DIRECTORY is not set",
                       "systemd sets it for LoadCredential=");
      return from_file(path, reference, source, named_at);
    }
  }
  return make_error(ErrorCode::internal, "an unknown kind of secret reference");
}

Result<Secret> read_secret(int descriptor, std::string_view name) {
  std::string bytes;
  bytes.reserve(kSecretBytesMax);  // never grown, so no stray copy is left behind
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t got = read(descriptor, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || bytes.size() + static_cast<std::size_t>(got) > kSecretBytesMax) {
      OPENSSL_cleanse(buffer.data(), buffer.size());
      if (got == 0) return trimmed(std::move(bytes), name);
      wipe(bytes);
      return make_error(
          ErrorCode::invalid, "secret",
          std::string(name) + (got < 0 ? " cannot be read." : " is longer than 64 KiB."),
          "hand over the secret alone");
    }
    bytes.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace quell
