#!/usr/bin/env bash
# Shows that the simulation guards what it says: takes one guard out of a copy of the source at a time, plays 200 seeds,
# and demands that one of them fails. Too long for every build; run it when tests/sim or one of these guards changes.
#   intent-append     the intent of a change is not written down before it leaves
#   look-on-unknown   a change whose answer was lost is simply repeated
#   effect-guard      a connector may send what no table declares
#   policy-floor      changes begin without the approvals that policy demands
# Usage: tests/sim/mutations.sh [NAME...]. Prints one line for each guard; exit 0 when every one is missed.
set -euo pipefail

readonly seeds=200
source_dir=$(cd "$(dirname "$0")/../.." && pwd)
names=("$@")
[ ${#names[@]} -gt 0 ] || names=(intent-append look-on-unknown effect-guard policy-floor)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/source"
(cd "$source_dir" && tar -c --exclude=.git --exclude=.build --exclude=node_modules .) | tar -x -C "$work/source"
launcher=()
if command -v ccache > /dev/null; then
  export CCACHE_BASEDIR="$work/source"
  launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi
cmake -S "$work/source" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Release "-DCMAKE_CXX_FLAGS_RELEASE=-O2 -DNDEBUG" \
  "${launcher[@]}" > "$work/log"

build() { ninja -C "$work/build" sim > "$work/log" 2>&1 || { cat "$work/log"; exit 2; }; }
# Plays the seeds; the first that fails, or nothing.
first_failure() {
  "$work/build/tests/sim" --seeds "$seeds" 2>&1 | sed -n 's/.*not so: .*sim --seed \([0-9]*\).*/\1/p; s/^seed \([0-9]*\): not so: .*/\1/p' |
    head -n 1
}

build
found=$(first_failure || true)
if [ -n "$found" ]; then
  echo "seed $found fails with every guard in place" >&2
  exit 2
fi
missed=0
for name in "${names[@]}"; do
  patch -s -d "$work/source" -p1 < "$source_dir/tests/sim/mutations/$name.patch"
  build
  found=$(first_failure || true)
  if [ -n "$found" ]; then
    echo "$name: its absence fails seed $found"
  else
    echo "$name: $seeds seeds pass without it"
    missed=1
  fi
  patch -s -R -d "$work/source" -p1 < "$source_dir/tests/sim/mutations/$name.patch"
done
exit "$missed"
