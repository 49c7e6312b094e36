#!/usr/bin/env bash
# Runs the micro benchmarks built into build/release/bench: scripts/bench.sh
set -euo pipefail
cd "$(dirname "$0")/.."
shopt -s nullglob
programs=(build/release/bench/*_bench)
if [[ ${#programs[@]} -eq 0 ]]; then
  echo "bench.sh: no benchmarks are built; run make bench" >&2
  exit 1
fi
for program in "${programs[@]}"; do
  "$program"
done
