#include <future>
#include <memory>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include "orchestrator/http_server.h"
#include "tests/orchestrator/range/front_raw_client.h"

namespace quell::http::test {

// Goal: who asked for something that was done hears so, though the server ends meanwhile: an abort
// ends the run, and with it the process that was asked.
// Method: a handler that answers only once the server is ending, and no longer takes calls.
TEST_CASE("what a handler has done while the server ends is still said") {
  constexpr int kLooksMax = 2'000;
  std::promise<void> asked;
  std::promise<void> ending;
  std::shared_future<void> may_answer = ending.get_future().share();
  Result<std::unique_ptr<HttpServer>> server =
      HttpServer::start({}, [&](const HttpCall&) {
        asked.set_value();
        may_answer.wait();
        return HttpReply{.body = "done"};
      });
  REQUIRE(server);
  range::test::RawClient caller((*server)->port());
  range::test::RawClient idle((*server)->port());  // closed as soon as the server ends
  caller.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
  asked.get_future().wait();
  for (int look = 0; look < kLooksMax && (*server)->connections() < 2; ++look)
    std::this_thread::yield();
  std::thread stopping([&] { (*server)->stop(); });
  CHECK(idle.receive_all().empty());
  ending.set_value();
  stopping.join();
  CHECK(range::test::body_of(caller.receive_all()) == "done");
}

}  // namespace quell::http::test
