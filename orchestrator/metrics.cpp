#include "orchestrator/metrics.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <sys/resource.h>
#include <unistd.h>

#include <fmt/format.h>

#include "state/base/assert.h"

namespace quell {
namespace {

using Kind = MetricFamily::Kind;

std::string_view word_of(Kind kind, bool open_metrics) {
  switch (kind) {
    case Kind::counter:
      return "counter";
    case Kind::gauge:
      return "gauge";
    case Kind::histogram:
      return "histogram";
    case Kind::info:
      return open_metrics ? "info" : "gauge";
  }
  return "";
}

std::string escaped(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n')
      text += "\\n";
    else
      text += c;
  }
  return text;
}

std::string number(double value) { return fmt::format("{}", value); }

std::string label_text(const MetricFamily& family, const Metrics::Labels& labels,
                       const std::string& more = {}) {
  std::string text;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    text += (text.empty() ? "" : ",") + std::string(family.labels[i]) + "=\"" + escaped(labels[i]) +
            "\"";
  }
  if (!more.empty()) text += (text.empty() ? "" : ",") + more;
  return text.empty() ? text : "{" + text + "}";
}

}  // namespace

Metrics::Metrics(std::vector<MetricFamily> families) {
  for (MetricFamily& family : families) {
    const std::string name(family.name);
    Kept kept{.family = std::move(family)};
    // A series without labels exists from the beginning, so that rates of it do.
    if (kept.family.labels.empty()) kept.series[{}].buckets.resize(kept.family.bounds.size() + 1);
    families_.emplace(name, std::move(kept));
  }
}

Metrics::Series& Metrics::series_of(std::string_view family, const Labels& labels) {
  const auto kept = families_.find(family);
  QUELL_ASSERT(kept != families_.end());
  QUELL_ASSERT(kept->second.family.labels.size() == labels.size());
  Series& series = kept->second.series[labels];
  series.buckets.resize(kept->second.family.bounds.size() + 1);
  return series;
}

void Metrics::add(std::string_view family, const Labels& labels, double by) {
  const std::lock_guard lock(mutex_);
  series_of(family, labels).value += by;
}

void Metrics::set(std::string_view family, const Labels& labels, double value) {
  const std::lock_guard lock(mutex_);
  series_of(family, labels).value = value;
}

void Metrics::observe(std::string_view family, const Labels& labels, double value) {
  const std::lock_guard lock(mutex_);
  Series& series = series_of(family, labels);
  const std::vector<double>& bounds = families_.find(family)->second.family.bounds;
  const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin();
  series.value += value;
  ++series.buckets[static_cast<std::size_t>(bucket)];
}

std::string Metrics::text(bool open_metrics) const {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const auto& [name, kept] : families_) {
    const MetricFamily& family = kept.family;
    const std::string sample = name + (family.kind == Kind::counter ? "_total"
                                       : family.kind == Kind::info  ? "_info"
                                                                    : "");
    const std::string& head = open_metrics ? name : sample;
    text += fmt::format("# HELP {} {}\n# TYPE {} {}\n", head, family.help, head,
                        word_of(family.kind, open_metrics));
    for (const auto& [labels, series] : kept.series) {
      if (family.kind != Kind::histogram) {
        text += sample + label_text(family, labels) + " " + number(series.value) + "\n";
        continue;
      }
      std::uint64_t count = 0;
      for (std::size_t i = 0; i < series.buckets.size(); ++i) {
        count += series.buckets[i];
        const std::string bound = i < family.bounds.size() ? number(family.bounds[i]) : "+Inf";
        text += fmt::format("{}_bucket{} {}\n", name,
                            label_text(family, labels, "le=\"" + bound + "\""), count);
      }
      text += fmt::format("{}_sum{} {}\n{}_count{} {}\n", name, label_text(family, labels),
                          number(series.value), name, label_text(family, labels), count);
    }
  }
  if (open_metrics) text += "# EOF\n";
  return text;
}

std::vector<MetricFamily> serve_metrics() {
  const std::vector<double> kRunSeconds{1, 5, 15, 30, 60, 120, 300, 900, 3600};
  const std::vector<double> kCallSeconds{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5};
  return {
      {"quell_build", Kind::info, "What runs here", {"version"}},
      {"quell_triggers_received", Kind::counter, "Alerts that were taken in", {"source", "kind"}},
      {"quell_triggers_rejected",
       Kind::counter,
       "Deliveries that were refused",
       {"source", "reason"}},
      {"quell_triggers_duplicate", Kind::counter, "Alerts that had been here before", {"source"}},
      {"quell_trigger_last_accepted_timestamp_seconds",
       Kind::gauge,
       "When a source was last heard",
       {"source"}},
      {"quell_runs", Kind::counter, "Runs that ended", {"playbook", "trigger", "result"}},
      {"quell_runs_in_progress", Kind::gauge, "Runs that are not over", {"state"}},
      {"quell_run_duration_seconds",
       Kind::histogram,
       "From the beginning of a run to its result",
       {"playbook", "result"},
       kRunSeconds},
      {"quell_verifications", Kind::counter, "Looks at claims", {"outcome"}},
      {"quell_approvals", Kind::counter, "Answers to approvals", {"decision"}},
      {"quell_outbound_requests",
       Kind::counter,
       "Requests to outside systems that changed something",
       {"effect"}},
      {"quell_http_requests",
       Kind::counter,
       "Requests that were answered",
       {"listener", "route", "method", "code"}},
      {"quell_http_request_duration_seconds",
       Kind::histogram,
       "From a complete request to its answer",
       {"listener"},
       kCallSeconds},
      {"quell_http_connections_active", Kind::gauge, "Connections open now", {"listener"}},
      {"quell_sse_clients", Kind::gauge, "Open event streams", {}},
      {"quell_login_attempts", Kind::counter, "Attempts to sign in", {"result"}},
      {"quell_store_size_bytes", Kind::gauge, "Size of the journal's file", {}},
      {"quell_audit_head_sequence", Kind::gauge, "Number of the last durable entry", {}},
      {"quell_redaction_hits", Kind::counter, "Secrets that the last filter took out", {}},
      {"quell_disarmed", Kind::gauge, "1 while a person has switched changes off", {}},
      {"process_cpu_seconds", Kind::counter, "User and system time", {}},
      {"process_resident_memory_bytes", Kind::gauge, "Resident memory", {}},
      {"process_virtual_memory_bytes", Kind::gauge, "Virtual memory", {}},
      {"process_open_fds", Kind::gauge, "Open files", {}},
      {"process_max_fds", Kind::gauge, "The most files that may be open", {}},
      {"process_start_time_seconds", Kind::gauge, "When this process began, Unix time", {}},
  };
}

void measure_process(Metrics& metrics) {
  std::ifstream in("/proc/self/stat");
  std::string line;
  std::getline(in, line);
  // The name in brackets may hold blanks; what follows it are plain numbers (proc(5)).
  std::istringstream fields(line.substr(std::min(line.size(), line.rfind(')') + 1)));
  std::vector<std::string> words;
  for (std::string word; fields >> word;) words.push_back(word);
  constexpr std::size_t kUserTime = 11;
  constexpr std::size_t kSystemTime = 12;
  constexpr std::size_t kStartTime = 19;
  constexpr std::size_t kVirtualBytes = 20;
  constexpr std::size_t kResidentPages = 21;
  if (words.size() > kResidentPages) {
    const auto value = [&](std::size_t at) { return std::stod(words[at]); };
    const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    metrics.set("process_cpu_seconds", {}, (value(kUserTime) + value(kSystemTime)) / ticks);
    metrics.set("process_virtual_memory_bytes", {}, value(kVirtualBytes));
    metrics.set("process_resident_memory_bytes", {},
                value(kResidentPages) * static_cast<double>(sysconf(_SC_PAGESIZE)));
    std::ifstream stat("/proc/stat");
    for (std::string word; stat >> word;) {
      if (word != "btime") continue;
      double boot = 0;
      stat >> boot;
      metrics.set("process_start_time_seconds", {}, boot + value(kStartTime) / ticks);
      break;
    }
  }
  std::error_code failed;
  const std::filesystem::directory_iterator open_files("/proc/self/fd", failed);
  if (!failed) {
    metrics.set("process_open_fds", {},
                static_cast<double>(std::distance(begin(open_files), end(open_files))));
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
    metrics.set("process_max_fds", {}, static_cast<double>(limit.rlim_cur));
}

}  // namespace quell
