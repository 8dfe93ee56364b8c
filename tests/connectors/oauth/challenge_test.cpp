#include "connectors/oauth/challenge.h"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "state/base/random.h"

namespace quell {
namespace {

/// `scheme{name=value;...}` of each challenge, for comparing at a glance.
std::string shown(const std::vector<std::string_view>& fields) {
  std::string out;
  for (const Challenge& challenge : parse_challenges(fields)) {
    out += challenge.scheme + "{";
    for (const auto& [name, value] : challenge.params) out += name + "=" + value + ";";
    out += "}";
  }
  return out;
}

// Goal: WWW-Authenticate is read as RFC 9110 writes it, however servers fold it.
// Method: one row per shape; faulty ones keep what stood before the fault and nothing of it.
TEST_CASE("challenges are read from fields of every shape") {
  struct Row {
    std::vector<std::string_view> fields;
    std::string_view want;
  };
  const std::vector<Row> rows{
      {{R"(Bearer)"}, "bearer{}"},
      {{R"(bEaReR error="invalid_token")"}, "bearer{error=invalid_token;}"},
      {{R"(Bearer Error=invalid_token)"}, "bearer{error=invalid_token;}"},
      {{R"(Bearer error = "invalid_token" , scope = "a b")"},
       "bearer{error=invalid_token;scope=a b;}"},
      {{R"(Bearer error_description="a \"b\", c=d", error="invalid_token")"},
       R"(bearer{error=invalid_token;error_description=a "b", c=d;})"},
      {{R"(Basic realm="x", Bearer error="invalid_token")"},
       "basic{realm=x;}bearer{error=invalid_token;}"},
      {{R"(Negotiate, Bearer realm="r")"}, "negotiate{}bearer{realm=r;}"},
      {{R"(Negotiate YWJj==, Bearer realm="r")"}, "negotiate{}bearer{realm=r;}"},
      {{R"(Basic realm="x")", R"(Bearer error="e")"}, "basic{realm=x;}bearer{error=e;}"},
      {{R"(,, Bearer realm="r",, scope=s ,)"}, "bearer{realm=r;scope=s;}"},
      {{R"(Bearer resource_metadata="https://m.example/.well-known/oauth-protected-resource/mcp")"},
       "bearer{resource_metadata=https://m.example/.well-known/oauth-protected-resource/mcp;}"},
      // faults
      {{""}, ""},
      {{"\x01"}, ""},
      {{R"(Bearer error="invalid_token)"}, ""},
      {{R"(Bearer error="x\)"}, ""},
      {{R"(Bearer error=)", R"(Bearer error="e")"},
       "bearer{}bearer{error=e;}"},  // `error=` alone is a token68
      {{R"(Bearer error="a", error="b")"}, ""},
      {{R"(Bearer error="a", error="b", Basic realm=x)"}, "basic{realm=x;}"},
      {{R"(Basic realm="x", Bearer error="a" "b")"}, "basic{realm=x;}"},
      {{R"(Bearer error=@)"}, ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.fields.front());
    CHECK(shown(row.fields) == row.want);
  }
}

// Goal: a hostile header costs a bounded amount of memory and time (T14).
TEST_CASE("floods of challenges, parameters and bytes are cut") {
  std::string many;
  for (int i = 0; i < 100; ++i) many += "Bearer a=b, ";
  CHECK(parse_challenges({many}).size() == 16);

  std::string wide = "Bearer a0=b";
  for (int i = 1; i < 40; ++i) wide += ", a" + std::to_string(i) + "=b";
  CHECK(parse_challenges({wide}).empty());

  const std::string huge = "Bearer error=\"" + std::string(20'000, 'x') + "\"";
  CHECK(parse_challenges({huge}).empty());
  CHECK(parse_challenges({R"(Bearer error="e")", huge, R"(Basic realm="r")"}).size() == 1);
}

// Goal: no input makes the parser read past its end or loop. Method: random bytes out of the
// grammar's own letters.
TEST_CASE("random challenge text ends") {
  SeededRandom random(11);
  constexpr std::string_view kLetters = "Bearer=\",\\ abc\t/;error";
  for (int round = 0; round < 5'000; ++round) {
    std::string text;
    for (std::uint64_t i = random.below(60); i > 0; --i)
      text += kLetters[random.below(kLetters.size())];
    CHECK(parse_challenges({text}).size() <= 16);
  }
}

}  // namespace
}  // namespace quell
