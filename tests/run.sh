#!/usr/bin/env bash
# Installs what is missing, builds, and passes the tests: the release suite and the one under address and undefined-behaviour
# sanitizers. --full adds the thread sanitizer, clang-tidy and longer fuzzing.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/packages.sh

say() { printf '%s\n' "$*"; }
stop() { printf 'tests: %s\n' "$*" >&2; exit 1; }

full=no
case "${1:-}" in
  "") ;;
  --full) full=yes ;;
  *) stop "unknown option $1; the only one is --full" ;;
esac

packages=("${BUILD_PACKAGES[@]}")
[ "$full" = yes ] && packages+=("${FULL_PACKAGES[@]}")
install_packages "${packages[@]}" || stop "the Debian packages could not be installed; run it as root or where sudo works"

mkdir -p .build
suite() {
  say "Suite $1: building (the log is .build/$1.log)"
  { cmake --preset "$1" && cmake --build --preset "$1" -j "$(nproc)"; } >".build/$1.log" 2>&1 ||
    { tail -n 40 ".build/$1.log" >&2; stop "the build of $1 failed"; }
  say "Suite $1: running"
  ctest --test-dir ".build/$1" --output-on-failure -j "$(nproc)" || stop "the suite $1 failed"
}

suite release
suite asan-ubsan
if [ "$full" = yes ]; then
  suite tsan
  say "clang-tidy"
  { cmake --preset tidy && cmake --build --preset tidy -j "$(nproc)"; } || stop "clang-tidy has findings"
fi
say "All suites passed."
