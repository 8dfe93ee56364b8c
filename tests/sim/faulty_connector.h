#pragma once

#include <memory>

#include "connectors/connector.h"

namespace quell::sim {

/// A mistake in a connector: its reads also send an archive that no table declares.
struct Misbehaviour {
  Effect claims = Effect::read;  // what it says that request does
};

/// `inner` with that mistake. The effect guard is all that stands between it and the platform.
std::shared_ptr<const Connector> misbehaving(std::shared_ptr<const Connector> inner,
                                             Misbehaviour how);

}  // namespace quell::sim
