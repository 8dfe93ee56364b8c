#include "orchestrator/engine/run_inputs.h"

#include <memory>
#include <utility>

#include "orchestrator/engine/decisions.h"
#include "orchestrator/engine/run_state.h"
#include "orchestrator/playbook/inputs.h"

namespace quell {

Value journalled_inputs(const Value& inputs) {
  ValueMap out;
  if (!inputs.is_map()) return Value(std::move(out));
  for (const auto& [name, value] : inputs.as_map()) {
    if (value.is_secret()) {
      out.emplace(name,
                  Value::map({{"secret", name}, {"fingerprint", value.as_secret().fingerprint}}));
    } else {
      out.emplace(name, value);
    }
  }
  return Value(std::move(out));
}

Status seal_inputs(const Value& inputs, RunId run, SecretStore& store, Timestamp now,
                   std::vector<Entry>& entries) {
  if (!inputs.is_map()) return ok();
  for (const auto& [name, value] : inputs.as_map()) {
    if (!value.is_secret()) continue;
    if (Status sealed = store.seal(run, name, *value.as_secret().secret); !sealed) return sealed;
    entries.push_back(make_entry(EntryKind::secret_sealed, run, now,
                                 {{"name", name}, {"fingerprint", value.as_secret().fingerprint}}));
  }
  return ok();
}

Value open_inputs(const Value& journalled, const Playbook& playbook, RunId run,
                  SecretStore* store) {
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

Result<Value> inputs_from_texts(const Playbook& playbook,
                                const std::map<std::string, std::string>& texts,
                                const std::map<std::string, SecretPtr>& secrets,
                                const std::function<std::string(const Secret&)>& fingerprint) {
  ValueMap inputs;
  std::size_t used = 0;
  for (const InputSpec& spec : playbook.inputs) {
    const auto text = texts.find(spec.name);
    const auto secret = secrets.find(spec.name);
    const bool is_secret = spec.type.kind == Type::Kind::secret;
    if ((is_secret && text != texts.end()) || (!is_secret && secret != secrets.end())) {
      return make_error(ErrorCode::invalid, "bad-input",
                        "input " + spec.name + " has the wrong kind of value.",
                        "quell run " + playbook.id + " --help");
    }
    if (text != texts.end()) {
      Result<Value> value = input_from_text(spec, text->second);
      if (!value) return value;
      inputs.emplace(spec.name, std::move(*value));
      ++used;
    } else if (secret != secrets.end()) {
      inputs.emplace(spec.name, Value(SecretValue{.secret = secret->second,
                                                  .fingerprint = fingerprint(*secret->second)}));
      ++used;
    } else if (spec.required && !spec.fallback) {
      return make_error(ErrorCode::invalid, "bad-input", "input " + spec.name + " is missing.",
                        "-i " + spec.name + "=VALUE");
    } else {
      inputs.emplace(spec.name, spec.fallback.value_or(Value()));
    }
  }
  if (used != texts.size() + secrets.size()) {
    return make_error(ErrorCode::invalid, "bad-input", playbook.id + " has no such input.",
                      "quell run " + playbook.id + " --help");
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
