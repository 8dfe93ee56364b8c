#include "tests/connectors/managed_agents/vaults.h"

#include <algorithm>
#include <utility>
#include <variant>

#include <doctest/doctest.h>

#include "connectors/io.h"
#include "connectors/task.h"
#include "state/base/clock.h"

namespace quell::test {
namespace {

Result<HttpResponse> answer(int status, const std::string& body) {
  return HttpResponse(status, body);
}

Vaults::Credential& credential_of(Vaults& vaults, const std::string& vault_id,
                                  const std::string& id) {
  auto& all = vaults.credentials.at(vault_id);
  const auto found = std::ranges::find(all, id, &Vaults::Credential::id);
  REQUIRE(found != all.end());
  return *found;
}

std::string record_of(Vaults& vaults, const std::string& vault_id, const std::string& id) {
  return credential_json(
      {.vault = vault_id, .id = id, .archived = credential_of(vaults, vault_id, id).archived});
}

Result<HttpResponse> list_of(Vaults& vaults, const std::string& vault_id, bool with_archived) {
  if (vaults.hides_archived_vaults && vaults.archived[vault_id]) {
    return answer(404, error_json("not_found_error"));
  }
  std::vector<std::string> items;
  for (const Vaults::Credential& credential : vaults.credentials.at(vault_id)) {
    if (credential.archived && !with_archived) continue;
    items.push_back(record_of(vaults, vault_id, credential.id));
  }
  return answer(200, page(items));
}

Result<HttpResponse> archive_vault(Vaults& vaults, const std::string& vault_id) {
  if (const auto refused = vaults.refuses.find(vault_id); refused != vaults.refuses.end()) {
    return answer(refused->second, error_json("x"));
  }
  vaults.archived[vault_id] = true;
  if (vaults.cascades) {
    for (Vaults::Credential& credential : vaults.credentials.at(vault_id)) {
      credential.archived = true;
    }
  }
  return answer(200, vaults.shows ? vault_json(vault_id, true) : "{}");
}

Result<HttpResponse> archive_one(Vaults& vaults, const std::string& vault_id,
                                 const std::string& id) {
  if (const auto refused = vaults.refuses.find(id); refused != vaults.refuses.end()) {
    return answer(refused->second, error_json("x"));
  }
  credential_of(vaults, vault_id, id).archived = true;
  return answer(200, vaults.shows ? record_of(vaults, vault_id, id) : "{}");
}

/// One action while it runs.
struct Running {
  std::unique_ptr<Io> io = std::make_unique<Io>();
  std::optional<Task<Result<Outcome>>> task{};
};

}  // namespace

bool Vaults::all_archived(const std::string& vault_id) const {
  return std::ranges::all_of(credentials.at(vault_id), &Credential::archived);
}

void add_vault(Vaults& vaults, const std::string& vault_id, int count) {
  std::vector<Vaults::Credential>& all = vaults.credentials[vault_id];
  for (int i = 0; i < count; ++i) all.push_back({.id = vault_id + "." + std::to_string(i)});
}

void furnish(Script& script, const std::shared_ptr<Vaults>& vaults) {
  std::vector<std::string> listed;
  for (const auto& [vault_id, credentials] : vaults->credentials) {
    const std::string path = "/v1/vaults/" + vault_id;
    listed.push_back(vault_json(vault_id));
    script.on("GET " + path, [vaults, id = vault_id] {
      return answer(200, vault_json(id, vaults->archived[id]));
    });
    script.on("POST " + path + "/archive",
              [vaults, id = vault_id] { return archive_vault(*vaults, id); });
    script.on("GET " + path + "/credentials?limit=100",
              [vaults, id = vault_id] { return list_of(*vaults, id, false); });
    script.on("GET " + path + "/credentials?include_archived=true&limit=100",
              [vaults, id = vault_id] { return list_of(*vaults, id, true); });
    for (const Vaults::Credential& credential : credentials) {
      const std::string object = path + "/credentials/" + credential.id;
      script.on("GET " + object, [vaults, vault = vault_id, id = credential.id] {
        return answer(200, record_of(*vaults, vault, id));
      });
      script.on("POST " + object + "/archive", [vaults, vault = vault_id, id = credential.id] {
        return archive_one(*vaults, vault, id);
      });
    }
  }
  script.on("GET /v1/vaults", page(listed));
}

std::vector<Result<Outcome>> run_together(Script& script, std::string_view action,
                                          const std::vector<Call>& calls) {
  constexpr int kRoundsMax = 1'000;
  const std::unique_ptr<ManagedAgentsConnector> connector = make_connector();
  const ActionSpec& spec = spec_of(action);
  Timestamp now{std::chrono::milliseconds{1'930'453'567'000}};  // 2031-03-04T05:06:07Z
  std::vector<Running> all(calls.size());
  for (std::size_t i = 0; i < calls.size(); ++i) {
    Inputs inputs;
    inputs.params = calls[i].params;
    inputs.known = calls[i].known;
    inputs.together = static_cast<int>(calls.size());
    all[i].io->set_now(now);
    all[i].task.emplace(connector->perform(spec, std::move(inputs), *all[i].io));
    all[i].task->resume();
  }
  const auto is_done = [](const Running& one) { return one.task->done(); };
  for (int round = 0; !std::ranges::all_of(all, is_done); ++round) {
    REQUIRE(round < kRoundsMax);
    std::map<std::string, Result<HttpResponse>> shared;  // of this round, by URL
    std::vector<Answers> answers(all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (is_done(all[i])) continue;
      IoOp operation = all[i].io->take();
      auto* const send = std::get_if<SendOp>(&operation);
      REQUIRE(send != nullptr);
      for (const HttpRequest& request : send->requests) {
        if (request.effect != Effect::read) {
          answers[i].push_back(script.handle(request));
          continue;
        }
        const auto found = shared.find(request.url);
        const auto& one = found != shared.end()
                              ? found->second
                              : shared.emplace(request.url, script.handle(request)).first->second;
        answers[i].push_back(one);
      }
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (!is_done(all[i])) all[i].io->resume_sent(std::move(answers[i]), now);
    }
  }
  std::vector<Result<Outcome>> outcomes;
  outcomes.reserve(all.size());
  for (Running& one : all) outcomes.push_back(one.task->take());
  return outcomes;
}

}  // namespace quell::test
