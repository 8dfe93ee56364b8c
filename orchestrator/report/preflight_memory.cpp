#include "orchestrator/report/preflight_memory.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace quell {
namespace {

using Ids = std::set<std::string, std::less<>>;

/// Names that stand in a sentence; the document has them all.
constexpr std::size_t kNamesMax = 5;

struct Store {
  std::string name{};
  Ids writers{};
  Ids readers{};  // that cannot write
  Ids vault_ids{};
  Ids credential_ids{};
};

using Stores = std::map<std::string, Store, std::less<>>;

void take_users(const Value& users, Stores& stores) {
  for (const Value& user : users.list_or_empty()) {
    const std::string id = user["id"].string_or("");
    const auto mount = [&](const Value& mounted, bool writes) {
      for (const Value& store_id : mounted.list_or_empty()) {
        Store& store = stores[store_id.string_or("")];
        (writes ? store.writers : store.readers).insert(id);
        for (const Value& vault : user["vault_ids"].list_or_empty())
          store.vault_ids.insert(vault.string_or(""));
      }
    };
    mount(user["writes"], true);
    mount(user["reads"], false);
  }
}

/// `sesn_1, sesn_2 and 3 more`
std::string listed(const Ids& ids) {
  std::string text;
  std::size_t shown = 0;
  for (const std::string& id : ids) {
    if (shown == kNamesMax) break;
    text += (shown == 0 ? "" : ", ") + id;
    ++shown;
  }
  if (ids.size() > shown) text += fmt::format(" and {} more", ids.size() - shown);
  return text;
}

std::string named(const std::string& id, const Store& store) {
  return store.name.empty() ? id : fmt::format("{} ({})", id, store.name);
}

std::string sentence_of(const std::string& id, const Store& store) {
  if (store.writers.empty() && store.readers.empty())
    return fmt::format("{} is mounted by nothing that runs or is scheduled.", named(id, store));
  std::string text = named(id, store) + ": ";
  text += store.writers.empty() ? "nothing writes to it now"
                                : "what flows in comes from " + listed(store.writers);
  if (!store.credential_ids.empty())
    text += fmt::format(", which reach {} {} ({})", store.credential_ids.size(),
                        store.credential_ids.size() == 1 ? "credential" : "credentials",
                        listed(store.credential_ids));
  text += store.readers.empty() ? "; nobody else reads it."
                                : "; it is also read by " + listed(store.readers) + ".";
  return text;
}

Ids mounting(const Value& users) {
  Ids ids;
  for (const Value& user : users.list_or_empty()) {
    if (!user["reads"].list_or_empty().empty() || !user["writes"].list_or_empty().empty())
      ids.insert(user["id"].string_or(""));
  }
  return ids;
}

std::string revocation_of(const Value& survey, const Stores& stores) {
  const Ids deployments = mounting(survey["deployments"]);
  const Ids sessions = mounting(survey["sessions"]);
  if (deployments.empty() && sessions.empty())
    return "Nothing mounts a store now, so there is no access to revoke.";
  Ids credentials;
  for (const auto& [id, store] : stores)
    credentials.insert(store.credential_ids.begin(), store.credential_ids.end());
  std::vector<std::string> acts;
  if (!deployments.empty()) acts.push_back("by pausing " + listed(deployments));
  if (!sessions.empty())
    acts.push_back("by stopping " + listed(sessions) + ", which keep their stores until then");
  if (!credentials.empty())
    acts.push_back("by revoking " + listed(credentials) + " at their issuers");
  std::string text = "Access is revoked";
  for (std::size_t i = 0; i < acts.size(); ++i)
    text += (i == 0 ? " " : (i + 1 == acts.size() ? " and " : ", ")) + acts[i];
  return text + "; what was written stays readable until it is taken out of the store.";
}

Value ids_value(const Ids& ids) {
  ValueList list;
  for (const std::string& id : ids) list.emplace_back(id);
  return Value(std::move(list));
}

}  // namespace

Value memory_document(const Value& survey) {
  Stores stores;
  for (const Value& store : survey["memory_stores"].list_or_empty())
    stores[store["id"].string_or("")].name = store["name"].string_or("");
  take_users(survey["sessions"], stores);
  take_users(survey["deployments"], stores);
  for (auto& [id, store] : stores) {
    for (const Value& credential : survey["credentials"].list_or_empty()) {
      if (store.vault_ids.contains(credential["vault_id"].string_or("")))
        store.credential_ids.insert(credential["id"].string_or(""));
    }
  }
  ValueList documents;
  for (const auto& [id, store] : stores)
    documents.push_back(Value::map({{"id", id},
                                    {"name", store.name.empty() ? Value() : Value(store.name)},
                                    {"writers", ids_value(store.writers)},
                                    {"readers", ids_value(store.readers)},
                                    {"credential_ids", ids_value(store.credential_ids)}}));
  Value paragraph;
  const bool sees_all = survey["closed"].list_or_empty().empty();
  if (sees_all && stores.empty()) {
    paragraph =
        "There is no memory store: nothing that one session writes is read by another through "
        "memory.";
  } else if (sees_all) {
    std::string text;
    std::size_t told = 0;
    for (const auto& [id, store] : stores) {
      if (told++ == kNamesMax) break;
      text += sentence_of(id, store) + " ";
    }
    if (stores.size() > kNamesMax)
      text += fmt::format("{} more stores are in --json. ", stores.size() - kNamesMax);
    paragraph = text + revocation_of(survey, stores);
  }
  return Value::map({{"paragraph", paragraph}, {"stores", Value(std::move(documents))}});
}

}  // namespace quell
