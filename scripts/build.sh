#!/usr/bin/env bash
# Configures a preset and builds it: scripts/build.sh <preset> [cmake options…]
set -euo pipefail
cd "$(dirname "$0")/.."
preset=$1
shift

# Configuring again costs seconds and ninja does it by itself when a CMake file changed.
if [[ ! -f build/$preset/build.ninja || $# -gt 0 ]]; then
  echo "Building build/$preset (the first time takes about 5 minutes, most of it the engine library)"
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  cmake --preset "$preset" "$@" >"$log" || { cat "$log" >&2; exit 1; }
fi
cmake --build --preset "$preset"
