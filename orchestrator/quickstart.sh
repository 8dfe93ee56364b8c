#!/usr/bin/env bash
# From a fresh Debian 12 to two finished drills: installs what is missing, builds the release, and runs the leak twice, once
# answered by rotating the secret and once by revoking the grant. No account, no key, nothing leaves this machine.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/packages.sh

say() { printf '%s\n' "$*"; }
stop() { printf 'quickstart: %s\n' "$*" >&2; exit 1; }

say "quell quickstart: packages, build, two drills."
install_packages "${BUILD_PACKAGES[@]}" || stop "the Debian packages could not be installed; run it as root or where sudo works"

say "Building the release (a few minutes the first time; the log is .build/release.log)."
mkdir -p .build
build() { cmake --preset release && cmake --build --preset release --target quell -j "$(nproc)"; }
build >.build/release.log 2>&1 || stop "the build failed; its last lines are in .build/release.log"

state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
export XDG_STATE_HOME="$state" XDG_CONFIG_HOME="$state"

say ""
say "$(.build/release/quell --version) is built. Two drills: one leak, one intruder, two answers."
say "Everything runs on 127.0.0.1. No account, no key."
.build/release/quell drill rotate-only leaked-mcp-oauth --expect ||
  stop "the drills did not end as they should: rotate-only EXPOSED, then leaked-mcp-oauth CONTAINED"
