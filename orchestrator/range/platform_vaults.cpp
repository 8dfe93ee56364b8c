// Vaults: API sheet sections 1.1 and 2.1.
#include <algorithm>
#include <array>

#include "orchestrator/range/platform.h"

namespace quell::range {
namespace {

constexpr std::size_t kDisplayNameBytesMax = 255;
constexpr PageRule kVaultPages{.list = "vaults"};

bool is_display_name(const Value& name) {
  return name.is_string() && !name.as_string().empty() &&
         name.as_string().size() <= kDisplayNameBytesMax;
}

}  // namespace

Answer Platform::create_vault(const Call& call) {
  constexpr std::array<std::string_view, 2> kMembers = {"display_name", "metadata"};
  if (auto refused = check_members(call.body, kMembers)) return *std::move(refused);
  if (elsewhere()) return refusal(403, "permission_error", "This key may not create vaults.");
  if (!is_display_name(call.body["display_name"])) {
    return bad_request("display_name: 1 to 255 characters.");
  }
  VaultRecord vault{.display_name = call.body["display_name"].as_string(),
                    .created_at = call.now,
                    .updated_at = call.now};
  if (auto refused = patch_metadata(vault.metadata, call.body["metadata"])) {
    return *std::move(refused);
  }
  vault.id = make_id("vlt_");
  vault.seq = ++seq_;
  vault_order_.push_back(vault.id);
  tell(call.now, "vault.created", vault.id);
  return {.body = to_value(vaults_.emplace(vault.id, vault).first->second)};
}

Answer Platform::get_vault(const Call& call) {
  const VaultRecord* vault = find(vaults_, call.id(0));
  if (vault == nullptr) return not_found("vault", call.id(0));
  return {.body = to_value(*vault)};
}

Answer Platform::update_vault(const Call& call) {
  constexpr std::array<std::string_view, 2> kMembers = {"display_name", "metadata"};
  VaultRecord* vault = find(vaults_, call.id(0));
  if (vault == nullptr) return not_found("vault", call.id(0));
  if (auto refused = check_members(call.body, kMembers)) return *std::move(refused);
  if (vault->archived_at) return bad_request("The vault is archived.");
  const Value& name = call.body["display_name"];
  if (!name.is_null() && !is_display_name(name)) {
    return bad_request("display_name: 1 to 255 characters.");
  }
  if (auto refused = patch_metadata(vault->metadata, call.body["metadata"])) {
    return *std::move(refused);
  }
  if (name.is_string()) vault->display_name = name.as_string();
  vault->updated_at = call.now;
  return {.body = to_value(*vault)};
}

Answer Platform::list_vaults(const Call& call) {
  bool archived = false;
  if (auto refused = read_flag(call, "include_archived", archived)) return *std::move(refused);
  auto all = rows(vaults_, vault_order_);
  std::erase_if(all, [&](const VaultRecord* vault) { return vault->archived_at && !archived; });
  return page_of(call, kVaultPages, all, {}, list_is_cut(),
                 [](const VaultRecord& vault) { return to_value(vault); });
}

Answer Platform::archive_vault(const Call& call) {
  VaultRecord* vault = find(vaults_, call.id(0));
  if (vault == nullptr) return not_found("vault", call.id(0));
  if (vault->archived_at) return archive_again("vault").value_or(Answer{.body = to_value(*vault)});
  for (const std::string& id : vault->credential_ids) {
    CredentialRecord& credential = credentials_.find(id)->second;
    if (!credential.archived_at) purge(credential, call.now);
  }
  vault->archived_at = call.now;
  vault->updated_at = call.now;
  tell(call.now, "vault.archived", vault->id);
  return {.body = to_value(*vault)};
}

Answer Platform::delete_vault(const Call& call) {
  VaultRecord* vault = find(vaults_, call.id(0));
  if (vault == nullptr) return not_found("vault", call.id(0));
  for (const std::string& id : vault->credential_ids) {
    credentials_.erase(id);
    tell(call.now, "vault_credential.deleted", id, call.id(0));
  }
  std::erase(vault_order_, call.id(0));
  vaults_.erase(call.id(0));
  tell(call.now, "vault.deleted", call.id(0));
  return {.body = Value::map({{"id", call.id(0)}, {"type", "vault_deleted"}})};
}

/// Archiving keeps the record and its key, and destroys every secret.
void Platform::purge(CredentialRecord& credential, Timestamp now) {
  credential.secret.clear();
  if (credential.refresh) {
    credential.refresh->refresh_token.clear();
    credential.refresh->client_secret.clear();
  }
  credential.refresh_due.reset();
  credential.archived_at = now;
  credential.updated_at = now;
  tell(now, "vault_credential.archived", credential.id, credential.vault_id);
}

}  // namespace quell::range
