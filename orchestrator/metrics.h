#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace quell {

/// One family of measurements. Its name is OpenMetrics': without `_total`.
struct MetricFamily {
  enum class Kind : std::uint8_t { counter, gauge, histogram, info };
  std::string_view name{};
  Kind kind = Kind::counter;
  std::string_view help{};
  std::vector<std::string_view> labels{};
  std::vector<double> bounds{};  // upper ones, of a histogram
};

/// Counts and gauges of this process, as Prometheus and OpenMetrics 1.0 want them. Families and
/// label names are fixed; label values come from small sets (never an id, a user or an address).
/// Any thread.
class Metrics {
 public:
  explicit Metrics(std::vector<MetricFamily> families);

  using Labels = std::vector<std::string>;  // values, in the order of the family's label names

  void add(std::string_view family, const Labels& labels, double by = 1);
  void set(std::string_view family, const Labels& labels, double value);
  void observe(std::string_view family, const Labels& labels, double value);

  /// `text/plain; version=0.0.4`, or application/openmetrics-text 1.0.0 with `# EOF`.
  std::string text(bool open_metrics) const;

 private:
  struct Series {
    double value = 0;                      // the sum, of a histogram
    std::vector<std::uint64_t> buckets{};  // not cumulated; the last one is +Inf
  };
  struct Kept {
    MetricFamily family{};
    std::map<Labels, Series> series{};
  };
  Series& series_of(std::string_view family, const Labels& labels);

  mutable std::mutex mutex_{};
  std::map<std::string, Kept, std::less<>> families_{};
};

/// The families that quell serve shows (docs/operations.md lists them).
std::vector<MetricFamily> serve_metrics();

/// Memory, time on the processor, open files and start of this process, from /proc/self.
void measure_process(Metrics& metrics);

}  // namespace quell
