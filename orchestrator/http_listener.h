#pragma once

#include <cstdint>
#include <string>

#include "state/base/result.h"
#include "state/private_file.h"

namespace quell {

/// Non-blocking listening sockets, closed on exec. Error topic "listen" throughout.
///
/// `host` is an address or a name of this machine; port 0 is any free one. The port is held alone:
/// no SO_REUSEPORT, with which two servers would share it unnoticed. On IPv6, IPv6 only.
Result<FileDescriptor> listen_on_port(const std::string& host, std::uint16_t port);

/// A Unix socket of mode 0600 from its first moment. A socket file of ours that nobody serves any
/// more is replaced; a live one, or another file, is an error.
Result<FileDescriptor> listen_on_path(const std::string& path);

/// A socket that someone else made and that listens already, as from socket activation; owned from
/// now on, and closed when it is none.
Result<FileDescriptor> adopt_listener(int fd);

/// Does `fd` listen as a stream socket?
bool is_listening_stream(int fd) noexcept;

/// 0 when it has none, as on a Unix socket.
std::uint16_t port_of_listener(const FileDescriptor& listener) noexcept;

}  // namespace quell
