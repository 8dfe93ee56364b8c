#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "state/base/result.h"

namespace quell {

/// A binary IPv4 or IPv6 address, in network order.
class IpAddress {
 public:
  static IpAddress v4(std::array<std::uint8_t, 4> bytes) noexcept;
  static IpAddress v6(std::array<std::uint8_t, 16> bytes) noexcept;
  /// Dotted decimal or RFC 4291 text without brackets or scope; nothing for any other spelling.
  static std::optional<IpAddress> parse(std::string_view text);

  bool is_v4() const noexcept { return is_v4_; }
  std::size_t bits() const noexcept { return is_v4_ ? 32 : 128; }
  /// Four bytes for IPv4, then zeros.
  const std::array<std::uint8_t, 16>& bytes() const noexcept { return bytes_; }
  std::string to_string() const;
  bool operator==(const IpAddress&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
  bool is_v4_ = false;
};

/// A network as `10.2.0.0/16` or `fd12::/48`.
struct Cidr {
  IpAddress network{};
  std::size_t prefix = 0;

  bool contains(const IpAddress& address) const noexcept;
  bool operator==(const Cidr&) const = default;
};

/// Refuses bits beyond the prefix, since `10.2.0.9/8` means one of two very different things. An
/// address alone is that one address. Error `invalid`, topic "egress".
Result<Cidr> parse_cidr(std::string_view text);

/// What kind of place an address is (egress sheet section 3.1).
enum class AddressClass : std::uint8_t {
  global,       // the public internet
  loopback,     // 127.0.0.0/8, ::1
  internal,     // private, link-local, shared address space, unique local
  reserved,     // documentation, benchmarking, tunnels and the rest of the IANA registries
  unreachable,  // unspecified, multicast, broadcast: no peer of ours can be there
  metadata,     // hands out cloud credentials to whoever asks
};

/// Class of `address`; an IPv4 address inside an IPv4-mapped, NAT64, 6to4, compatible or translated
/// one counts where it is the worse of the two.
AddressClass classify_address(const IpAddress& address) noexcept;

/// Which addresses quell may connect to (threat T6). Asked with the binary address at connect and
/// again for each request, so spellings and DNS answers do not matter.
class EgressPolicy {
 public:
  /// Only public addresses.
  EgressPolicy() = default;
  /// `allow_private` as in `egress.allow_private`; `allow_loopback` opens 127.0.0.0/8 and ::1, for
  /// when the platform's own base URL is loopback. Error `invalid` names the entry that does not
  /// parse.
  static Result<EgressPolicy> make(const std::vector<std::string>& allow_private,
                                   bool allow_loopback);

  /// Metadata, multicast and unspecified addresses are never allowed, listed or not.
  bool allows(const IpAddress& address) const noexcept;
  /// Plain http is for loopback alone, where that is open.
  bool allows_plain_http(const IpAddress& address) const noexcept;
  /// True when there is any address that plain http may go to.
  bool has_plain_http() const noexcept;
  /// Why `host` at `address` is refused, with the line to add where adding one can help.
  static Error refusal(std::string_view host, const IpAddress& address);

 private:
  std::vector<Cidr> listed_{};
};

}  // namespace quell
