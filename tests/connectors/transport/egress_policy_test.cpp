#include "connectors/egress_policy.h"

#include <doctest/doctest.h>

#include "state/base/secret.h"

namespace quell {
namespace {

IpAddress ip(std::string_view text) {
  const std::optional<IpAddress> address = IpAddress::parse(text);
  REQUIRE(address);
  return *address;
}

EgressPolicy policy(const std::vector<std::string>& listed, bool loopback = false) {
  const Result<EgressPolicy> made = EgressPolicy::make(listed, loopback);
  REQUIRE(made);
  return *made;
}

// Goal: every block of egress sheet section 3.1, first and last address, and its neighbours.
TEST_CASE("the class of each special-purpose block") {
  struct Row {
    std::string first;
    std::string last;
    AddressClass is;
  };
  using enum AddressClass;
  const Row rows[] = {
      {"0.0.0.0", "0.255.255.255", unreachable},
      {"10.0.0.0", "10.255.255.255", internal},
      {"100.64.0.0", "100.127.255.255", internal},
      {"127.0.0.0", "127.255.255.255", loopback},
      {"169.254.0.0", "169.254.255.255", internal},
      {"172.16.0.0", "172.31.255.255", internal},
      {"192.0.0.0", "192.0.0.255", reserved},
      {"192.0.2.0", "192.0.2.255", reserved},
      {"192.31.196.0", "192.31.196.255", reserved},
      {"192.52.193.0", "192.52.193.255", reserved},
      {"192.88.99.0", "192.88.99.255", reserved},
      {"192.168.0.0", "192.168.255.255", internal},
      {"192.175.48.0", "192.175.48.255", reserved},
      {"198.18.0.0", "198.19.255.255", reserved},
      {"198.51.100.0", "198.51.100.255", reserved},
      {"203.0.113.0", "203.0.113.255", reserved},
      {"224.0.0.0", "239.255.255.255", unreachable},
      {"240.0.0.0", "255.255.255.254", reserved},
      {"255.255.255.255", "255.255.255.255", unreachable},
      {"::", "::", unreachable},
      {"::1", "::1", loopback},
      {"::2", "::ffff", reserved},  // IPv4-compatible
      {"::ffff:0:0:0", "::ffff:0:ffff:ffff", reserved},
      {"64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", reserved},
      {"100::", "100::ffff:ffff:ffff:ffff", reserved},
      {"100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff", reserved},
      {"2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", reserved},
      {"2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", reserved},
      {"2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", reserved},
      {"3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", reserved},
      {"5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", reserved},
      {"fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", internal},
      {"fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", internal},
      {"fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", internal},
      {"ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", unreachable},
  };
  const EgressPolicy shut;
  for (const Row& row : rows) {
    CAPTURE(row.first);
    for (const std::string& text : {row.first, row.last}) {
      CHECK(classify_address(ip(text)) == row.is);
      CHECK(!shut.allows(ip(text)));
    }
  }
  for (const std::string text :
       {"1.0.0.0",         "9.255.255.255", "11.0.0.0",        "100.63.255.255",  "100.128.0.0",
        "126.255.255.255", "128.0.0.0",     "169.253.255.255", "169.255.0.0",     "172.15.255.255",
        "172.32.0.0",      "192.0.1.0",     "192.0.3.0",       "192.167.255.255", "192.169.0.0",
        "198.17.255.255",  "198.20.0.0",    "203.0.112.255",   "203.0.114.0",     "223.255.255.255",
        "2000::",          "2001:200::",    "2001:db7:ffff::", "2001:db9::",      "2003::",
        "2606:4700::1111", "3ffe::",        "3fff:1000::"}) {
    CAPTURE(text);
    CHECK(classify_address(ip(text)) == AddressClass::global);
    CHECK(shut.allows(ip(text)));
  }
  for (const std::string text : {"4000::", "1fff::", "200::", "8000::"}) {
    CAPTURE(text);  // outside 2000::/3 nothing is public
    CHECK(!shut.allows(ip(text)));
  }
}

// Goal: what hands out cloud credentials stays shut, however it is spelled and whatever is listed.
TEST_CASE("metadata addresses are never allowed") {
  const EgressPolicy wide =
      policy({"0.0.0.0/0", "::/0", "169.254.169.254/32", "fd00:ec2::254/128", "2002::/16"}, true);
  for (const std::string text :
       {"169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "192.0.0.192",
        "168.63.129.16", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254", "64:ff9b:1::169.254.169.254", "2002:a9fe:a9fe::1",
        "::169.254.169.254", "::ffff:0:169.254.169.254", "::ffff:168.63.129.16"}) {
    CAPTURE(text);
    CHECK(classify_address(ip(text)) == AddressClass::metadata);
    CHECK(!wide.allows(ip(text)));
    CHECK(!EgressPolicy().allows(ip(text)));
  }
  for (const std::string text :
       {"0.0.0.0", "0.0.0.1", "224.0.0.1", "255.255.255.255", "::", "ff02::1"}) {
    CAPTURE(text);
    CHECK(!wide.allows(ip(text)));
  }
}

TEST_CASE("an IPv4 address inside an IPv6 one counts as itself") {
  const EgressPolicy shut;
  const EgressPolicy corp = policy({"10.2.0.0/16"});
  CHECK(shut.allows(ip("::ffff:93.184.215.14")));
  CHECK(shut.allows(ip("64:ff9b::93.184.215.14")));
  for (const std::string text : {"::ffff:10.2.0.9", "64:ff9b::10.2.0.9"}) {
    CAPTURE(text);
    CHECK(classify_address(ip(text)) == AddressClass::internal);
    CHECK(!shut.allows(ip(text)));
    CHECK(corp.allows(ip(text)));
  }
  // Tunnels stay refused wherever they lead.
  for (const std::string text :
       {"2002:a02:9::1", "2002:5db8:d70e::1", "::10.2.0.9", "::ffff:0:10.2.0.9"}) {
    CAPTURE(text);
    CHECK(!shut.allows(ip(text)));
    CHECK(!corp.allows(ip(text)));
  }
}

TEST_CASE("a listed network is open, its neighbours are not") {
  const EgressPolicy corp =
      policy({"10.2.0.0/16", "192.168.7.9", "fd12:3456::/32", "172.16.4.0/22"});
  for (const std::string text : {"10.2.0.0", "10.2.255.255", "192.168.7.9", "fd12:3456::1",
                                 "172.16.7.255", "93.184.215.14"}) {
    CAPTURE(text);
    CHECK(corp.allows(ip(text)));
  }
  for (const std::string text :
       {"10.1.255.255", "10.3.0.0", "192.168.7.8", "192.168.7.10", "fd12:3457::1", "172.16.8.0",
        "172.16.3.255", "127.0.0.1", "::1"}) {
    CAPTURE(text);
    CHECK(!corp.allows(ip(text)));
  }
  CHECK(!corp.has_plain_http());
  CHECK(!corp.allows_plain_http(ip("10.2.0.9")));
}

TEST_CASE("loopback and plain http open together, and not by accident") {
  for (const EgressPolicy& open : {policy({}, true), policy({"127.0.0.0/8"})}) {
    CHECK(open.has_plain_http());
    for (const std::string text : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"}) {
      CAPTURE(text);
      CHECK(open.allows(ip(text)));
      CHECK(open.allows_plain_http(ip(text)));
    }
    CHECK(!open.allows_plain_http(ip("93.184.215.14")));
    CHECK(!open.allows(ip("10.0.0.1")));
  }
  for (const EgressPolicy& shut : {policy({}), policy({"0.0.0.0/0"}), policy({"126.0.0.0/7"})}) {
    CHECK(!shut.has_plain_http());
    CHECK(!shut.allows(ip("127.0.0.1")));
    CHECK(!shut.allows(ip("::1")));
  }
  const EgressPolicy one = policy({"127.0.0.2/32"});
  CHECK(one.allows(ip("127.0.0.2")));
  CHECK(!one.allows(ip("127.0.0.1")));
}

TEST_CASE("what is no range is refused with what to write") {
  struct Row {
    std::string text;
    std::string message;
    std::string hint;
  };
  const char* const example = "write a range such as \"10.2.0.0/16\"";
  const Row rows[] = {
      {"", "\"\" is no address range", example},
      {"corp.example/16", "\"corp.example/16\" is no address range", example},
      {"10.2/16", "\"10.2/16\" is no address range", example},
      {"0x0a020000/16", "\"0x0a020000/16\" is no address range", example},
      {"010.2.0.0/16", "\"010.2.0.0/16\" is no address range", example},
      {"[fd12::]/16", "\"[fd12::]/16\" is no address range", example},
      {"fe80::%eth0/64", "\"fe80::%eth0/64\" is no address range", example},
      {"/8", "\"/8\" is no address range", example},
      {"10.2.0.0/", "\"10.2.0.0/\" has no usable prefix length",
       "the number after the slash goes from 0 to 32"},
      {"10.2.0.0/33", "\"10.2.0.0/33\" has no usable prefix length",
       "the number after the slash goes from 0 to 32"},
      {"10.2.0.0/-1", "\"10.2.0.0/-1\" has no usable prefix length",
       "the number after the slash goes from 0 to 32"},
      {"10.2.0.0/16/8", "\"10.2.0.0/16/8\" has no usable prefix length",
       "the number after the slash goes from 0 to 32"},
      {"fd12::/129", "\"fd12::/129\" has no usable prefix length",
       "the number after the slash goes from 0 to 128"},
      {"10.2.0.9/8", "\"10.2.0.9/8\" names an address and a wider range at once",
       "write \"10.0.0.0/8\" for the range or \"10.2.0.9/32\" for the one address"},
      {"fd12::9/12", "\"fd12::9/12\" names an address and a wider range at once",
       "write \"fd10::/12\" for the range or \"fd12::9/128\" for the one address"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const Result<EgressPolicy> made = EgressPolicy::make({"10.0.0.0/8", row.text}, false);
    REQUIRE(!made);
    CHECK(made.error().code == ErrorCode::invalid);
    CHECK(made.error().topic == "egress");
    CHECK(describe(made.error()) == std::string("egress.allow_private: ") + row.message);
    CHECK(made.error().hint == row.hint);
  }
}

TEST_CASE("a refusal names a host that is its own address once") {
  CHECK(EgressPolicy::refusal("10.2.0.9", ip("10.2.0.9")).message ==
        "10.2.0.9 is a private address");
  CHECK(EgressPolicy::refusal("[fd12::9]", ip("fd12::9")).message ==
        "fd12::9 is a private address");
  CHECK(EgressPolicy::refusal("x.example", ip("::ffff:10.2.0.9")).hint ==
        "add \"10.2.0.9/32\" to egress.allow_private if that is intended");
}

}  // namespace
}  // namespace quell
