#include "orchestrator/preflight_desk.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <memory>
#include <utility>

#include "orchestrator/api/problem.h"
#include "orchestrator/report/preflight.h"
#include "state/base/json.h"
#include "state/private_file.h"

namespace quell {
namespace {

/// The machine's clock may be set: what is due is looked at anew after that.
constexpr Duration kLookEvery{30'000};
constexpr std::size_t kKeptBytesMax = 16U << 20U;
constexpr JsonLimits kKeptLimits{.bytes_max = kKeptBytesMax, .nodes_max = 2'000'000};

/// What is kept and cannot be read counts as nothing: the next one replaces it.
Value read_kept(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return {};
  std::string text(kKeptBytesMax + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  Result<Value> document = parse_json(text, kKeptLimits);
  return document && document->is_map() ? *std::move(document) : Value();
}

Error closed() {
  return make_error(ErrorCode::conflict, "preflight",
                    "the process that owns the state makes no preflights.",
                    "quell preflight makes one on that machine; quell serve makes them here");
}

}  // namespace

Timestamp next_preflight(std::optional<Timestamp> last, Duration daily_at, Timestamp now) {
  if (!last) return now;
  const Timestamp midnight = std::chrono::floor<std::chrono::days>(*last);
  const Timestamp same_day = midnight + daily_at;
  return same_day > *last ? same_day : same_day + std::chrono::hours{24};
}

std::string preflight_file(const std::string& database) {
  return folder_of(database) + "/preflight.json";
}

void PreflightDesk::open(Parts parts) {
  Value kept = read_kept(parts.file);
  const std::lock_guard lock(mutex_);
  last_ = std::move(kept);
  tried_ = parse_rfc3339(last_["at"].string_or(""));
  parts_.emplace(std::move(parts));
  // Signals are the main thread's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  worker_ = std::thread([this] { work(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void PreflightDesk::close() {
  {
    const std::lock_guard lock(mutex_);
    stops_ = true;
  }
  wanted_.notify_all();
  if (worker_.joinable()) worker_.join();
}

Status PreflightDesk::ask() {
  {
    const std::lock_guard lock(mutex_);
    if (!worker_.joinable() || stops_) return closed();
    if (!is_busy_) is_wanted_ = true;
  }
  wanted_.notify_all();
  return ok();
}

Value PreflightDesk::document() const {
  const std::lock_guard lock(mutex_);
  const bool computes = is_busy_ || is_wanted_;
  const std::string_view state = computes           ? "computing"
                                 : error_           ? "failed"
                                 : last_.is_null()  ? "none"
                                                    : "ready";
  ValueMap document{
      {"state", state}, {"preflight", last_}, {"error", Value()}, {"next_at", Value()}};
  if (error_)
    document["error"] = Value::map({{"detail", describe(*error_)},
                                    {"type", error_->topic},
                                    {"hint", error_->hint}});
  if (parts_ && parts_->daily_at)
    document["next_at"] =
        format_rfc3339(next_preflight(tried_, *parts_->daily_at, parts_->clock.now()));
  return Value(std::move(document));
}

void PreflightDesk::work() {
  std::unique_lock lock(mutex_);
  while (!stops_) {
    const Timestamp now = parts_->clock.now();
    const bool is_due =
        parts_->daily_at && next_preflight(tried_, *parts_->daily_at, now) <= now;
    if (is_wanted_ || is_due) {
      make_one(lock);
      continue;
    }
    wanted_.wait_for(lock, kLookEvery, [this] { return is_wanted_ || stops_; });
  }
}

void PreflightDesk::make_one(std::unique_lock<std::mutex>& lock) {
  is_wanted_ = false;
  is_busy_ = true;
  tried_ = parts_->clock.now();
  const Value before = last_;
  lock.unlock();
  Result<Value> made = parts_->make([this] {
    const std::lock_guard asking(mutex_);
    return stops_;
  });
  const Status kept = made ? keep(*made) : Status(made.error());
  lock.lock();
  is_busy_ = false;
  error_.reset();
  if (made) last_ = *made;
  if (!kept) error_ = kept.error();
  if (stops_) return;
  lock.unlock();
  if (made) parts_->made(*made, worse_than(before, *made));
  if (!kept) parts_->failed(kept.error());
  lock.lock();
}

Status PreflightDesk::keep(const Value& preflight) {
  const std::string next = parts_->file + ".next";
  if (Status gone = destroy_private_file(next); !gone) return gone;
  if (Status written = create_private_file(next, to_json(preflight) + "\n", parts_->random);
      !written)
    return written;
  if (std::rename(next.c_str(), parts_->file.c_str()) != 0)
    return make_error(ErrorCode::transient, "state",
                      "the preflight could not be kept at " + parts_->file + ".",
                      "look at the folder's mode and room");
  return sync_folder(folder_of(parts_->file));
}

std::vector<ApiRoute> preflight_routes(PreflightDesk& desk) {
  std::vector<ApiRoute> routes;
  routes.push_back(
      {.method = "GET",
       .path = "/api/v1/preflight",
       .operation = "getPreflight",
       .summary = "The last preflight: which credentials could not be killed today",
       .answer = "`state` none, computing, failed with `error`, or ready; `preflight`, the "
                 "document of quell preflight --json, of the last one that was made; `next_at`, "
                 "when the next daily one is due",
       .handle = [&desk](const ApiCall&) { return json_reply(200, desk.document()); }});
  routes.push_back(
      {.method = "POST",
       .path = "/api/v1/preflight",
       .operation = "makePreflight",
       .summary = "Make one now; reads only",
       .right = Right::act,
       .answer = "`state` computing; getPreflight says what came of it",
       .handle = [&desk](const ApiCall&) {
         const Status asked = desk.ask();
         return asked ? json_reply(200, Value::map({{"state", "computing"}}))
                      : problem_reply(asked.error());
       }});
  return routes;
}

}  // namespace quell
