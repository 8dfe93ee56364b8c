#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "orchestrator/playbook/model.h"
#include "state/base/clock.h"
#include "state/base/result.h"
#include "state/base/value.h"
#include "state/journal.h"

namespace quell {

/// The inputs as the journal keeps them: a secret is `{"secret": NAME, "fingerprint": 32 hex
/// digits}`.
Value journalled_inputs(const Value& inputs);

/// Seals every secret input of `run` under its name and adds a secret_sealed entry for each.
Status seal_inputs(const Value& inputs, RunId run, SecretStore& store, Timestamp now,
                   std::vector<Entry>& entries);

/// The typed inputs that journalled_inputs() wrote down. A secret that the store no longer has, or
/// any when `store` is null, keeps its fingerprint only.
Value open_inputs(const Value& journalled, const Playbook& playbook, RunId run, SecretStore* store);

/// The typed inputs of `playbook` from texts and secrets by name; defaults where neither is given.
/// Errors topic "bad-input".
Result<Value> inputs_from_texts(const Playbook& playbook,
                                const std::map<std::string, std::string>& texts,
                                const std::map<std::string, SecretPtr>& secrets,
                                const std::function<std::string(const Secret&)>& fingerprint);

/// True when every secret among `inputs` can be used.
bool secrets_are_in_hand(const Value& inputs);

}  // namespace quell
