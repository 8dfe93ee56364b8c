#include "orchestrator/engine/run_inputs.h"

#include <memory>
#include <utility>

#include "orchestrator/engine/decisions.h"
#include "orchestrator/engine/run_state.h"

namespace quell {

Value journalled_inputs(const Value& inputs) {
  ValueMap out;
  if (!inputs.is_map()) return Value(std::move(out));
  for (const auto& [name, value] : inputs.as_map()) {
    if (value.is_secret()) {
      out.emplace(name, Value::map({{"secret", name}, {"fingerprint", value.as_secret().fingerprint}}));
    } else {
      out.emplace(name, value);
    }
  }
  return Value(std::move(out));
}

Status seal_inputs(const Value& inputs, RunId run, SecretStore& store, Timestamp now, std::vector<Entry>& entries) {
  if (!inputs.is_map()) return ok();
  for (const auto& [name, value] : inputs.as_map()) {
    if (!value.is_secret()) continue;
    if (Status sealed = store.seal(run, name, *value.as_secret().secret); !sealed) return sealed;
    entries.push_back(make_entry(EntryKind::secret_sealed, run, now,
                                 {{"name", name}, {"fingerprint", value.as_secret().fingerprint}}));
  }
  return ok();
}

Value open_inputs(const Value& journalled, const Playbook& playbook, RunId run, SecretStore* store) {
  ValueMap inputs;
  for (const InputSpec& spec : playbook.inputs) {
    const Value& value = journalled[spec.name];
    if (!value.is_map() || !value.has("secret")) {
      inputs.emplace(spec.name, coerce(spec.type, value));
      continue;
    }
    SecretValue secret{.fingerprint = value["fingerprint"].string_or("")};
    if (store != nullptr) {
      if (Result<Secret> opened = store->open(run, spec.name)) {
        secret.secret = std::make_shared<const Secret>(std::move(*opened));
      }
    }
    inputs.emplace(spec.name, Value(std::move(secret)));
  }
  return Value(std::move(inputs));
}

bool secrets_are_in_hand(const Value& inputs) {
  if (!inputs.is_map()) return true;
  for (const auto& [name, value] : inputs.as_map()) {
    if (value.is_secret() && !value.as_secret().secret) return false;
  }
  return true;
}

}  // namespace quell
