#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "orchestrator/playbook/yaml_tree.h"
#include "state/base/secret.h"
#include "state/base/value.h"
#include "state/model/type.h"

namespace quell {

using Fingerprints = std::function<std::string(const Secret&)>;

/// The value that `node` writes down for a place of `type`, which messages call `what`. Members of
/// an object that are left out get filler(). Nothing, and an error at its place, where it does not
/// fit.
std::optional<Value> read_typed(Findings& findings, const YamlNode& node, const Type& type,
                                std::string_view what, const Fingerprints& fingerprint);

/// The emptiest value of `type`: null where that may be, else empty, zero or false.
Value filler(const Type& type, const Fingerprints& fingerprint);

}  // namespace quell
