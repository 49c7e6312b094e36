#!/usr/bin/env bash
# Configures a preset when it must be and builds it: scripts/build.sh <preset> [options of cmake --build…]
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
shift

# ninja configures again by itself when a CMake file changed, but does not know of the presets.
if [[ ! -f build/$preset/build.ninja || CMakePresets.json -nt build/$preset/build.ninja ]]; then
  echo "Configuring build/$preset; a first build takes some minutes, 4 to 5 of them the engine library where it is not cached yet"
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  cmake --preset "$preset" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
fi
cmake --build --preset "$preset" "$@"
