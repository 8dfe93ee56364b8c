#!/usr/bin/env bash
# Installs what is missing, builds, and passes the tests: the release suite, the one under address and undefined-behaviour
# sanitizers, and the foreign software of tests/interop where npm can be had. --full adds the thread sanitizer, clang-tidy, and FUZZ_SECONDS (300) of fuzzing for each parser of outside data.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/packages.sh

say() { printf '%s\n' "$*"; }
stop() { printf 'tests: %s\n' "$*" >&2; exit 1; }

FUZZ_SECONDS=${FUZZ_SECONDS:-300}
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
say "Interop: foreign software against the release"
command -v npm >/dev/null || install_packages nodejs npm || say "npm could not be installed"
command -v chromium >/dev/null || install_packages chromium fonts-dejavu-core || say "Chromium could not be installed: no browser test of the panel"
tests/interop/run.sh .build/release/quell || stop "quell and the foreign software disagree"
if [ "$full" = yes ]; then
  suite tsan
  say "clang-tidy (the log is .build/tidy.log)"
  { cmake --preset tidy && cmake --build --preset tidy -j "$(nproc)" -- -k 0; } >.build/tidy.log 2>&1 ||
    { grep -E ': (error|warning): ' .build/tidy.log | sort -u >&2; stop "clang-tidy has findings"; }
  say "Fuzzing each parser for $FUZZ_SECONDS s (the logs are .build/fuzz-*.log)"
  { cmake --preset fuzz && cmake --build --preset fuzz -j "$(nproc)"; } >.build/fuzz.log 2>&1 ||
    { tail -n 40 .build/fuzz.log >&2; stop "the build of fuzz failed"; }
  for source in tests/fuzz/*_fuzz.cpp; do
    name=$(basename "$source" _fuzz.cpp)
    found=.build/fuzz-corpus/$name # what the fuzzer finds stays out of the tree
    mkdir -p "$found"
    .build/fuzz/tests/fuzz/"fuzz_$name" -max_total_time="$FUZZ_SECONDS" -timeout=10 -rss_limit_mb=1024 -artifact_prefix=.build/ \
      "$found" "tests/fuzz/corpus/$name" >".build/fuzz-$name.log" 2>&1 ||
      { tail -n 40 ".build/fuzz-$name.log" >&2; stop "the fuzzer found something in $name"; }
    say "  $name: $(grep -c . <(ls "$found")) new inputs, no finding"
  done
fi
say "All suites passed."
