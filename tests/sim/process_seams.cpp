#include "tests/sim/process_seams.h"

#include <algorithm>
#include <utility>

#include "state/base/json.h"

namespace quell::sim {
namespace {

constexpr Duration kDrain{60'000};

Error disk_full() {
  return make_error(ErrorCode::internal, "state", "the journal's disk is full.",
                    "make room, then quell resume");
}

std::string line_of(const Entry& entry) {
  std::string body = to_json(entry.body);
  constexpr std::size_t kLineMax = 400;
  if (body.size() > kLineMax) body = body.substr(0, kLineMax) + "...";
  return format_rfc3339(entry.at) + " " +
         (entry.run.number == 0 ? std::string("-") : to_string(entry.run)) + " " +
         std::string(to_string(entry.kind)) + " " + body;
}

/// True where the answer says for sure whether the request took effect.
bool is_definite(const Result<HttpResponse>& answer) {
  if (!answer) return answer.error().code != ErrorCode::unknown;
  // An issuer's 503 means that the token still exists (RFC 7009 section 2.2.1).
  const int status = answer->status;
  return status < 500 || status == 501 || status == 503;
}

}  // namespace

Status SimJournal::die_or_fail() {
  if (dead_) throw SimulatedCrash();
  const std::size_t from = death_.disk_full_at;
  const bool full = from > 0 && appends_ >= from &&
                    (death_.disk_full_for == 0 || appends_ < from + death_.disk_full_for);
  broken_ = full;
  if (!full) return ok();
  findings_.tell("          (the disk is full)");
  return disk_full();
}

void SimJournal::keep(std::span<const Entry> entries) {
  for (const Entry& entry : entries) {
    if (entry.kind == EntryKind::request_sent) {
      ++ledger_
            .announced[entry.body["method"].string_or("") + " " + entry.body["url"].string_or("")];
    }
    if (findings_.is_traced()) findings_.tell(line_of(entry));
    durable_(entry);
  }
}

Result<Tip> SimJournal::append(std::span<const Entry> entries) {
  ++appends_;
  if (Status fails = die_or_fail(); !fails) return fails.error();
  const bool dies = appends_ == death_.at_append;
  if (dies && death_.loss == Loss::entry_lost) {
    dead_ = true;
    throw SimulatedCrash();
  }
  Result<Tip> tip = disk_.append(entries);
  if (tip) keep(entries);
  if (dies) {
    dead_ = true;
    throw SimulatedCrash();
  }
  return tip;
}

Status SimJournal::read(std::uint64_t after,
                        const std::function<Status(const StoredEntry&)>& visit) {
  if (dead_) throw SimulatedCrash();
  return disk_.read(after, visit);
}

Result<Tip> SimJournal::tip() { return disk_.tip(); }

Result<std::string> SimJournal::sign_head() {
  if (Status fails = die_or_fail(); !fails) return fails.error();
  return disk_.sign_head();
}

SimTransport::SimTransport(Network& network, const range::WorldOptions& urls, ManualClock& clock,
                           Duration latency, const Death& death, const SimJournal& journal,
                           Ledger& ledger, std::vector<std::string> shielded, Findings& findings)
    : network_(network),
      clock_(clock),
      inner_(network, urls, clock, {.latency = latency}),
      death_(death),
      journal_(journal),
      ledger_(ledger),
      shielded_(std::move(shielded)),
      findings_(findings) {
  // What an earlier process announced and never sent vouches for nothing of this one.
  ledger_.sent = ledger_.announced;
}

void SimTransport::departs(const RunState& run, const HttpRequest& request) {
  departures_.push_back({.request = request.method + " " + request.url,
                         .run = to_string(run.id),
                         .mode = run.mode,
                         .send_probes = run.send_probes});
}

void SimTransport::check_rehearsal(const HttpRequest& request, const Departure& departure) {
  if (departure.mode != RunMode::dry_run) return;
  const bool changes = request.effect == Effect::mutate || request.effect == Effect::notify ||
                       changes_something(request.method, request.url);
  const bool probes = request.effect == Effect::probe && !departure.send_probes;
  if (changes || probes)
    findings_.violated("a dry run sends no change, and no probe unasked", departure.request);
}

std::string SimTransport::check(const HttpRequest& request, const std::string& name) {
  std::string run;
  const auto departure = std::find_if(departures_.begin(), departures_.end(),
                                      [&](const Departure& one) { return one.request == name; });
  if (departure == departures_.end()) {
    findings_.violated("every request belongs to a run", name);
  } else {
    check_rehearsal(request, *departure);
    run = departure->run;
    departures_.erase(departure);
  }
  const bool changes = changes_something(request.method, request.url);
  if (request.effect == Effect::read && !changes) return run;
  if (journal_.is_broken())
    findings_.violated("nothing goes on without a durable intent on a full disk", name);
  if (++ledger_.sent[name] > ledger_.announced[name])
    findings_.violated("the intent of a change is durable before it leaves", name);
  for (const std::string& id : shielded_) {
    if (changes && request.url.find(id) != std::string::npos)
      findings_.violated("no run touches what policy protects", name);
  }
  return run;
}

void SimTransport::start(Ticket ticket, HttpRequest request) {
  if (dead_) throw SimulatedCrash();
  const std::string name = request.method + " " + request.url;
  const std::string run = check(request, name);
  const bool dies = ++requests_ == death_.at_request;
  dead_ = dies;
  if (!dies || death_.request_left) {
    if (network_.is_unreachable()) {
      unreachable_.push_back(
          {.ticket = ticket, .answer = make_error(ErrorCode::transient, "no connection")});
    } else {
      request.headers.push_back(
          {.name = std::string(kTicketHeader), .value = std::to_string(ticket)});
      request.headers.push_back({.name = std::string(kRunHeader), .value = run});
      inner_.start(ticket, std::move(request));
    }
  }
  if (dies) throw SimulatedCrash();
}

std::vector<Completion> SimTransport::poll(Timestamp until) {
  if (dead_) throw SimulatedCrash();
  if (!unreachable_.empty()) return std::exchange(unreachable_, {});
  std::vector<Completion> completions = inner_.poll(until);
  for (const Completion& completion : completions) {
    if (is_definite(completion.answer)) network_.answered(completion.ticket);
  }
  return completions;
}

void SimTransport::drain() {
  const Timestamp end = clock_.now() + kDrain;
  while (inner_.in_flight() > 0 && clock_.now() < end) inner_.poll(end);
}

}  // namespace quell::sim
