// Egress sheet section 3.1: the IANA special-purpose address registries, and the addresses at which
// clouds hand out credentials.
#include "connectors/egress_policy.h"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace quell {
namespace {

struct Block {
  std::string_view cidr{};
  AddressClass is = AddressClass::reserved;
};

// The first match counts, so the single addresses stand before the blocks around them.
constexpr std::array<Block, 25> kBlocksV4{{
    {"169.254.169.254/32", AddressClass::metadata},  // AWS, GCP, Azure, DigitalOcean, OCI
    {"169.254.170.2/32", AddressClass::metadata},    // AWS ECS
    {"169.254.170.23/32", AddressClass::metadata},   // AWS EKS
    {"100.100.100.200/32", AddressClass::metadata},  // Alibaba
    {"192.0.0.192/32", AddressClass::metadata},      // Oracle, legacy
    {"168.63.129.16/32", AddressClass::metadata},    // Azure wire server: looks public
    {"127.0.0.0/8", AddressClass::loopback},
    {"0.0.0.0/8", AddressClass::unreachable},
    {"10.0.0.0/8", AddressClass::internal},
    {"100.64.0.0/10", AddressClass::internal},
    {"169.254.0.0/16", AddressClass::internal},
    {"172.16.0.0/12", AddressClass::internal},
    {"192.168.0.0/16", AddressClass::internal},
    {"192.0.0.0/24", AddressClass::reserved},
    {"192.0.2.0/24", AddressClass::reserved},
    {"192.31.196.0/24", AddressClass::reserved},
    {"192.52.193.0/24", AddressClass::reserved},
    {"192.88.99.0/24", AddressClass::reserved},
    {"192.175.48.0/24", AddressClass::reserved},
    {"198.18.0.0/15", AddressClass::reserved},
    {"198.51.100.0/24", AddressClass::reserved},
    {"203.0.113.0/24", AddressClass::reserved},
    {"224.0.0.0/4", AddressClass::unreachable},
    {"255.255.255.255/32", AddressClass::unreachable},
    {"240.0.0.0/4", AddressClass::reserved},
}};

constexpr std::array<Block, 15> kBlocksV6{{
    {"fd00:ec2::254/128", AddressClass::metadata},  // AWS
    {"fd00:ec2::23/128", AddressClass::metadata},   // AWS EKS
    {"fd20:ce::254/128", AddressClass::metadata},   // GCP
    {"::1/128", AddressClass::loopback},
    {"::/128", AddressClass::unreachable},
    {"fc00::/7", AddressClass::internal},
    {"fe80::/10", AddressClass::internal},
    {"fec0::/10", AddressClass::internal},
    {"ff00::/8", AddressClass::unreachable},
    {"2001::/23", AddressClass::reserved},  // Teredo, benchmarking, ORCHID
    {"2001:db8::/32", AddressClass::reserved},
    {"2002::/16", AddressClass::reserved},  // 6to4
    {"3fff::/20", AddressClass::reserved},
    {"2000::/3", AddressClass::global},
    {"::/0", AddressClass::reserved},
}};

struct KnownBlock {
  Cidr cidr{};
  AddressClass is = AddressClass::reserved;
};

template <std::size_t N>
std::vector<KnownBlock> read_table(const std::array<Block, N>& table) {
  std::vector<KnownBlock> blocks;
  for (const Block& block : table) {
    const Result<Cidr> cidr = parse_cidr(block.cidr);
    QUELL_ASSERT(cidr);
    blocks.push_back(KnownBlock{.cidr = *cidr, .is = block.is});
  }
  return blocks;
}

AddressClass look_up(const IpAddress& address) {
  static const std::vector<KnownBlock> v4 = read_table(kBlocksV4);
  static const std::vector<KnownBlock> v6 = read_table(kBlocksV6);
  for (const KnownBlock& block : address.is_v4() ? v4 : v6) {
    if (block.cidr.contains(address)) return block.is;
  }
  return AddressClass::global;
}

/// An IPv4 address that an IPv6 one carries, and whether the way there ends at that address as a
/// whole (mapped, NAT64), so that its class alone decides.
struct Carried {
  IpAddress address{};
  bool decides = false;
};

struct Carrier {
  Cidr cidr{};
  std::size_t at = 0;  // byte where the IPv4 address begins
  bool decides = false;
};

std::optional<Carried> carried_v4(const IpAddress& address) {
  static const std::array<Carrier, 6> carriers{{
      {*parse_cidr("::ffff:0:0/96"), 12, true},     // IPv4-mapped
      {*parse_cidr("64:ff9b::/96"), 12, true},      // NAT64, RFC 6052
      {*parse_cidr("64:ff9b:1::/48"), 12, false},   // NAT64 of a network of its own, RFC 8215
      {*parse_cidr("2002::/16"), 2, false},         // 6to4
      {*parse_cidr("::/96"), 12, false},            // IPv4-compatible
      {*parse_cidr("::ffff:0:0:0/96"), 12, false},  // IPv4-translated
  }};
  if (address.is_v4()) return std::nullopt;
  for (const Carrier& carrier : carriers) {
    if (!carrier.cidr.contains(address)) continue;
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), address.bytes().data() + carrier.at, bytes.size());
    return Carried{.address = IpAddress::v4(bytes), .decides = carrier.decides};
  }
  return std::nullopt;
}

/// The address that counts: the one carried where it decides.
IpAddress effective(const IpAddress& address) {
  const std::optional<Carried> carried = carried_v4(address);
  return carried && carried->decides ? carried->address : address;
}

bool is_loopback_range(const Cidr& cidr) {
  return classify_address(cidr.network) == AddressClass::loopback;
}

std::string_view describe_class(AddressClass is) {
  switch (is) {
    case AddressClass::global:
      return "a public address";
    case AddressClass::loopback:
      return "a loopback address";
    case AddressClass::internal:
      return "a private address";
    case AddressClass::reserved:
      return "a reserved address";
    case AddressClass::unreachable:
      return "no address of a server";
    case AddressClass::metadata:
      return "a cloud metadata address";
  }
  return "an address";
}

Error bad_cidr(std::string_view text, std::string_view why, std::string hint) {
  return make_error(ErrorCode::invalid, "egress", fmt::format("\"{}\" {}", text, why),
                    std::move(hint));
}

/// `address` with every bit after the first `prefix` cleared.
IpAddress masked(const IpAddress& address, std::size_t prefix) {
  std::array<std::uint8_t, 16> bytes = address.bytes();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (prefix >= 8 * (i + 1)) continue;
    const std::size_t kept = prefix > 8 * i ? prefix - 8 * i : 0;
    bytes[i] = static_cast<std::uint8_t>(bytes[i] & (0xff00U >> kept));
  }
  if (!address.is_v4()) return IpAddress::v6(bytes);
  return IpAddress::v4({bytes[0], bytes[1], bytes[2], bytes[3]});
}

}  // namespace

IpAddress IpAddress::v4(std::array<std::uint8_t, 4> bytes) noexcept {
  IpAddress address;
  address.is_v4_ = true;
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

IpAddress IpAddress::v6(std::array<std::uint8_t, 16> bytes) noexcept {
  IpAddress address;
  address.bytes_ = bytes;
  return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string copy(text);
  if (copy.find('\0') != std::string::npos) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  if (inet_pton(AF_INET, copy.c_str(), bytes.data()) == 1) {
    return v4({bytes[0], bytes[1], bytes[2], bytes[3]});
  }
  if (inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1) return v6(bytes);
  return std::nullopt;
}

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(is_v4_ ? AF_INET : AF_INET6, bytes_.data(), text.data(), text.size());
  return text.data();
}

bool Cidr::contains(const IpAddress& address) const noexcept {
  if (address.is_v4() != network.is_v4()) return false;
  const std::array<std::uint8_t, 16>& bytes = address.bytes();
  const std::array<std::uint8_t, 16>& own = network.bytes();  // without bits beyond the prefix
  const std::size_t whole = prefix / 8;
  if (std::memcmp(bytes.data(), own.data(), whole) != 0) return false;
  const std::size_t more = prefix % 8;
  return more == 0 || (bytes[whole] ^ own[whole]) >> (8 - more) == 0;
}

Result<Cidr> parse_cidr(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::optional<IpAddress> address = IpAddress::parse(text.substr(0, slash));
  if (!address) {
    return bad_cidr(text, "is no address range", "write a range such as \"10.2.0.0/16\"");
  }
  Cidr cidr{.network = *address, .prefix = address->bits()};
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), cidr.prefix);
    if (error != std::errc{} || end != digits.data() + digits.size() ||
        cidr.prefix > address->bits()) {
      return bad_cidr(text, "has no usable prefix length",
                      fmt::format("the number after the slash goes from 0 to {}", address->bits()));
    }
  }
  const IpAddress network = masked(*address, cidr.prefix);
  if (network != *address) {
    return bad_cidr(
        text, "names an address and a wider range at once",
        fmt::format("write \"{}/{}\" for the range or \"{}/{}\" for the one address",
                    network.to_string(), cidr.prefix, address->to_string(), address->bits()));
  }
  return cidr;
}

AddressClass classify_address(const IpAddress& address) noexcept {
  const std::optional<Carried> carried = carried_v4(address);
  if (!carried) return look_up(address);
  const AddressClass inner = look_up(carried->address);
  // What only may end at the carried address is refused as a tunnel, and as metadata if it is.
  if (carried->decides || inner == AddressClass::metadata) return inner;
  return look_up(address);
}

Result<EgressPolicy> EgressPolicy::make(const std::vector<std::string>& allow_private,
                                        bool allow_loopback) {
  EgressPolicy policy;
  for (const std::string& entry : allow_private) {
    const Result<Cidr> cidr = parse_cidr(entry);
    if (!cidr) return wrap("egress.allow_private", cidr.error());
    policy.listed_.push_back(*cidr);
    // Who lists the loopback network means loopback, in both families.
    if (*cidr == *parse_cidr("127.0.0.0/8")) allow_loopback = true;
  }
  if (allow_loopback) {
    for (const std::string_view loopback : {"127.0.0.0/8", "::1/128"}) {
      policy.listed_.push_back(*parse_cidr(loopback));
    }
  }
  return policy;
}

bool EgressPolicy::allows(const IpAddress& address) const noexcept {
  const AddressClass is = classify_address(address);
  switch (is) {
    case AddressClass::global:
      return true;
    case AddressClass::metadata:
    case AddressClass::unreachable:
      return false;
    case AddressClass::loopback:
    case AddressClass::internal:
    case AddressClass::reserved:
      break;
  }
  const IpAddress counts = effective(address);
  return std::any_of(listed_.begin(), listed_.end(), [&](const Cidr& cidr) {
    // A wide range that happens to hold 127.0.0.0/8 does not open it.
    if (is == AddressClass::loopback && !is_loopback_range(cidr)) return false;
    return cidr.contains(counts) || cidr.contains(address);
  });
}

bool EgressPolicy::allows_plain_http(const IpAddress& address) const noexcept {
  return classify_address(address) == AddressClass::loopback && allows(address);
}

bool EgressPolicy::has_plain_http() const noexcept {
  return std::any_of(listed_.begin(), listed_.end(), is_loopback_range);
}

Error EgressPolicy::refusal(std::string_view host, const IpAddress& address) {
  const AddressClass is = classify_address(address);
  const std::string text = address.to_string();
  std::string message = host == text || host == "[" + text + "]"
                            ? fmt::format("{} is {}", text, describe_class(is))
                            : fmt::format("{} is {}, {}", host, text, describe_class(is));
  std::string hint;
  switch (is) {
    case AddressClass::global:
      break;
    case AddressClass::loopback:
      hint = "add \"127.0.0.0/8\" to egress.allow_private if that is intended";
      break;
    case AddressClass::internal:
    case AddressClass::reserved: {
      const IpAddress counts = effective(address);
      hint = fmt::format("add \"{}/{}\" to egress.allow_private if that is intended",
                         counts.to_string(), counts.bits());
      break;
    }
    case AddressClass::unreachable:
    case AddressClass::metadata:
      hint = "such addresses stay refused whatever is listed; compare the name with its DNS entry";
      break;
  }
  return make_error(ErrorCode::invalid, "egress", std::move(message), std::move(hint));
}

}  // namespace quell
