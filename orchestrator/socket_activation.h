#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "state/base/result.h"

namespace quell {

using EnvironmentGetter = std::function<std::optional<std::string>(const std::string& name)>;

/// Descriptors of socket activation begin here (sd_listen_fds(3)).
inline constexpr int kFirstActivatedFd = 3;

/// How many descriptors the service manager passed to this very process: LISTEN_FDS when
/// LISTEN_PID names us. 0 when it passed none, when the variables are another process's, and when
/// they are malformed or claim more than any setup of ours has.
int count_activated_fds(const EnvironmentGetter& environment);

/// The sockets that the service manager listens on for us, by the FileDescriptorName= of their
/// units, as of sd_listen_fds_with_names(3): descriptors for HttpServerOptions::listen_fd, closed
/// on exec. Empty without activation. Error topic "listen": a descriptor that is no listening
/// stream socket, a name twice, or a name that is neither `hooks` nor `panel`.
Result<std::map<std::string, int>> activated_sockets(const EnvironmentGetter& environment);

}  // namespace quell
