// What is handed out piece by piece, and how whoever takes it knows that it was all.
#include <memory>
#include <string>
#include <utility>

#include <doctest/doctest.h>
#include <unistd.h>

#include "orchestrator/api_client.h"
#include "orchestrator/report/spool.h"
#include "state/base/sha256.h"

namespace quell::test {
namespace {

constexpr std::size_t kPieceMax = 64U << 10U;

/// An API with one file, of which it sends `sent` and whose digest it gives as `told`.
class OneFile {
 public:
  OneFile(std::string sent, std::string told) {
    ApiRoute route;
    route.method = "GET";
    route.path = "/api/v1/file";
    route.operation = "getFile";
    route.handle = [sent = std::move(sent), told = std::move(told)](const ApiCall&) {
      HttpReply reply;
      if (!told.empty()) reply.headers = {{"repr-digest", told}};
      reply.more = [sent, at = std::size_t{0}]() mutable -> std::optional<std::string> {
        if (at == sent.size()) return std::nullopt;
        return std::string(1, sent[at++]);
      };
      return reply;
    };
    std::vector<ApiRoute> routes;
    routes.push_back(std::move(route));
    api_.add(std::move(routes));
  }

  Status download(const ByteSink& sink) {
    Actor actor{.who = "mara"};
    actor.grant(Right::read);
    return ApiClient::in_process(api_, actor).download("/api/v1/file", sink);
  }
  Status take(std::string& into) {
    return download([&into](std::string_view piece) {
      into += piece;
      return ok();
    });
  }

 private:
  ManualClock clock_{*parse_rfc3339("2031-03-04T05:06:07Z")};
  Api api_{{.clock = clock_}};
};

}  // namespace

// Goal: memory for one piece however long the whole is, and every byte in its place.
TEST_CASE("a spool gives back in pieces what was put in") {
  const std::string folder = "/tmp/quell-spool-" + std::to_string(::getpid());
  Result<std::unique_ptr<Spool>> spool = Spool::open(folder);
  REQUIRE(spool);
  std::string all;
  for (int i = 0; i < 300; ++i) {
    const std::string some(static_cast<std::size_t>(i * 7), static_cast<char>('a' + i % 26));
    REQUIRE((*spool)->write(some));
    all += some;
  }
  std::string back;
  for (;;) {
    const Result<std::string> piece = (*spool)->read();
    REQUIRE(piece);
    CHECK(piece->size() <= kPieceMax);
    if (piece->empty()) break;
    back += *piece;
  }
  CHECK(back == all);
  CHECK((*spool)->bytes() == static_cast<std::int64_t>(all.size()));
  CHECK((*spool)->sha256() == sha256_hex(all));
  CHECK(::rmdir(folder.c_str()) == 0);  // nothing has a name there
}

// Goal: a file that was cut off is never taken for the whole.
TEST_CASE("what does not fit its digest, or has none, is not taken for whole") {
  const std::string digest = repr_digest(sha256_hex("whole"));
  CHECK(digest == "sha-256=:XVdmzy14cBYUIAQY7hRQaQ2a8SyE1SVF5IAvABrVMJk=:");
  std::string taken;
  CHECK(OneFile("whole", digest).take(taken));
  CHECK(taken == "whole");
  for (const auto& [sent, told] : {std::pair<std::string, std::string>{"whol", digest},
                                   {"wholE", digest},
                                   {"whole", ""}}) {
    const Status cut = OneFile(sent, told).take(taken);
    REQUIRE(!cut);
    CHECK(cut.error().topic == "server");
  }
}

// Goal: a full disk here is told as that, and a refusal there as what it was; neither leaves bytes.
TEST_CASE("a download ends with the error of whoever takes it, or of whoever refused it") {
  ManualClock clock(*parse_rfc3339("2031-03-04T05:06:07Z"));
  Api api({.clock = clock});
  Actor actor{.who = "mara"};
  actor.grant(Right::read);
  const ApiClient client = ApiClient::in_process(api, actor);
  int pieces = 0;
  const auto full = [&pieces](std::string_view) -> Status {
    ++pieces;
    return make_error(ErrorCode::transient, "state", "the disk is full.", "make room");
  };
  const Status refused = client.download("/api/v1/nothing", full);
  REQUIRE(!refused);
  CHECK(refused.error().topic == "route");
  CHECK(pieces == 0);
  OneFile file("whole", repr_digest(sha256_hex("whole")));
  const Status ended = file.download(full);
  REQUIRE(!ended);
  CHECK(ended.error().message == "the disk is full.");
  CHECK(pieces == 1);
}

}  // namespace quell::test
