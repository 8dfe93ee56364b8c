#include <array>

#include <doctest/doctest.h>

#include "orchestrator/range/cron.h"

namespace quell::range {

// Goal: schedules come due when cron says.
// Method: one row per field syntax: expression, a time, the next due time after it.
TEST_CASE("cron: next due time") {
  struct Row {
    std::string_view expression, after, next;
  };
  constexpr std::array kRows = {
      Row{"9 * * * *", "2031-03-04T05:06:07Z", "2031-03-04T05:09:00.000Z"},
      Row{"9 * * * *", "2031-03-04T05:09:00Z", "2031-03-04T06:09:00.000Z"},
      Row{"*/15 * * * *", "2031-03-04T05:46:07Z", "2031-03-04T06:00:00.000Z"},
      Row{"0 20 * * 5", "2031-03-04T05:06:07Z", "2031-03-07T20:00:00.000Z"},
      Row{"30 4 1,15 * *", "2031-03-04T05:06:07Z", "2031-03-15T04:30:00.000Z"},
      Row{"0 0 29 2 *", "2031-03-04T05:06:07Z", "2032-02-29T00:00:00.000Z"},
      Row{"0 9-17/4 * * 1-5", "2031-03-04T13:30:00Z", "2031-03-04T17:00:00.000Z"},
      Row{"0 0 * * 7", "2031-03-04T05:06:07Z", "2031-03-09T00:00:00.000Z"},
      Row{"0 0 10 * 6", "2031-03-04T05:06:07Z", "2031-03-08T00:00:00.000Z"},
      Row{"59 23 31 12 *", "2031-12-31T23:58:59.999Z", "2031-12-31T23:59:00.000Z"},
  };
  for (const Row& row : kRows) {
    CAPTURE(row.expression);
    const auto cron = Cron::parse(row.expression);
    REQUIRE(cron);
    const auto next = cron->next(*parse_rfc3339(row.after));
    REQUIRE(next);
    CHECK(format_rfc3339(*next) == row.next);
  }
  CHECK_FALSE(Cron::parse("0 0 31 2 *")->next(*parse_rfc3339("2031-03-04T05:06:07Z")));
  for (const std::string_view wrong :
       {"", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8",
        "5-1 * * * *", "*/0 * * * *", "a * * * *", "1, * * * *", "-1 * * * *"}) {
    CAPTURE(wrong);
    CHECK_FALSE(Cron::parse(wrong));
  }
}

}  // namespace quell::range
