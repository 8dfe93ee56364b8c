#include "floor_program.h"

#include <chrono>
#include <deque>
#include <memory>
#include <vector>

#include <curl/curl.h>
#include <fmt/format.h>
#include <sqlite3.h>

namespace quell::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Job {
  std::size_t id = 0;
  int stage = 0;  // 0 read, 1 archive, 2 read back
  std::string body{};
};

std::size_t keep_body(char* data, std::size_t size, std::size_t count, void* to) {
  static_cast<std::string*>(to)->append(data, size * count);
  return size * count;
}

/// A log table with one commit per turn.
class Log {
 public:
  explicit Log(const std::string& path) {
    if (path.empty()) return;
    sqlite3_open(path.c_str(), &database_);
    sqlite3_exec(database_,
                 "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                 "CREATE TABLE log (seq INTEGER PRIMARY KEY, line TEXT) STRICT",
                 nullptr, nullptr, nullptr);
    sqlite3_prepare_v2(database_, "INSERT INTO log (line) VALUES (?)", -1, &insert_, nullptr);
  }
  ~Log() {
    sqlite3_finalize(insert_);
    sqlite3_close(database_);
  }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void add(const std::string& line) {
    if (database_ == nullptr) return;
    if (!open_) sqlite3_exec(database_, "BEGIN", nullptr, nullptr, nullptr);
    open_ = true;
    sqlite3_bind_text(insert_, 1, line.data(), static_cast<int>(line.size()), SQLITE_TRANSIENT);
    sqlite3_step(insert_);
    sqlite3_reset(insert_);
  }
  void commit() {
    if (open_) sqlite3_exec(database_, "COMMIT", nullptr, nullptr, nullptr);
    open_ = false;
  }

 private:
  sqlite3* database_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  bool open_ = false;
};

}  // namespace

void run_floor(const FloorOptions& options) {
  const auto start = Clock::now();
  Log log(options.database);
  CURLM* const multi = curl_multi_init();
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, static_cast<long>(options.in_flight));
  std::vector<CURL*> idle;
  std::deque<std::unique_ptr<Job>> ready;
  curl_slist* headers = nullptr;
  for (const char* header : {"Authorization: Bearer key", "anthropic-version: 2026-10-21"})
    headers = curl_slist_append(headers, header);
  std::size_t next = 0;
  std::size_t finished = 0;
  std::size_t active = 0;
  std::size_t sent = 0;
  std::vector<std::unique_ptr<Job>> jobs(options.credentials);
  const auto may_send = [&] {
    if (options.per_second == 0) return true;
    const std::chrono::duration<double> passed = Clock::now() - start;
    return static_cast<double>(sent) < passed.count() * options.per_second + 1;
  };
  while (finished < options.credentials) {
    while (ready.size() + active < options.in_flight && next < options.credentials) {
      auto job = std::make_unique<Job>();
      job->id = next++;
      ready.push_back(std::move(job));
    }
    for (const std::unique_ptr<Job>& job : ready) {
      if (job->stage == 1) log.add(fmt::format(R"({{"intent":"archive","id":{}}})", job->id));
    }
    log.commit();
    while (!ready.empty() && may_send()) {
      std::unique_ptr<Job> job = std::move(ready.front());
      ready.pop_front();
      CURL* easy = nullptr;
      if (idle.empty()) {
        easy = curl_easy_init();
      } else {
        easy = idle.back();
        idle.pop_back();
        curl_easy_reset(easy);
      }
      const std::string url =
          fmt::format("http://127.0.0.1:{}/v1/vaults/vlt_{:06}/credentials/vcrd_{:06}{}",
                      options.port, job->id / 20, job->id, job->stage == 1 ? "/archive" : "");
      job->body.clear();
      curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
      curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
      curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep_body);
      curl_easy_setopt(easy, CURLOPT_WRITEDATA, &job->body);
      curl_easy_setopt(easy, CURLOPT_PRIVATE, job.get());
      if (job->stage == 1) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0L);
      }
      jobs[job->id] = std::move(job);
      curl_multi_add_handle(multi, easy);
      ++active;
      ++sent;
    }
    int running = 0;
    curl_multi_perform(multi, &running);
    if (running == static_cast<int>(active))
      curl_multi_poll(multi, nullptr, 0, options.per_second == 0 ? 100 : 1, nullptr);
    int left = 0;
    while (const CURLMsg* const message = curl_multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      Job* job = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &job);
      CURL* const easy = message->easy_handle;
      curl_multi_remove_handle(multi, easy);
      idle.push_back(easy);
      --active;
      if (job->stage > 0) {
        log.add(fmt::format(R"({{"{}":{},"archived":{}}})", job->stage == 1 ? "done" : "proved",
                            job->id, job->body.find("\"archived_at\":\"") != std::string::npos));
      }
      if (++job->stage < 3) {
        ready.push_back(std::move(jobs[job->id]));
      } else {
        ++finished;
      }
    }
  }
  log.commit();
  for (CURL* const easy : idle) curl_easy_cleanup(easy);
  curl_multi_cleanup(multi);
  curl_slist_free_all(headers);
}

}  // namespace quell::bench
