#!/usr/bin/env bash
# Runs every fuzz target: scripts/fuzz.sh [seconds for each] [seed]. Starts from fuzz/corpus/<target>/, with the words of
# fuzz/dictionary/<target> if there are any; a finding is written to build/fuzz/findings/ and ends the run. Seed 0 draws one.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
seed=${2:-0}
found=build/fuzz/findings
mkdir -p "$found"
shopt -s nullglob
targets=(build/fuzz/fuzz/*_fuzz)
if [[ ${#targets[@]} -eq 0 ]]; then
  echo "fuzz.sh: no targets in build/fuzz/fuzz; run make fuzz" >&2
  exit 1
fi
for target in "${targets[@]}"; do
  name=$(basename "$target")
  echo "Fuzzing $name for $seconds s"
  grown=build/fuzz/grown/$name
  mkdir -p "$grown"
  folders=("$grown")
  [[ -d fuzz/corpus/$name ]] && folders+=("fuzz/corpus/$name")
  words=()
  [[ -f fuzz/dictionary/$name ]] && words=("-dict=fuzz/dictionary/$name")
  log=build/fuzz/$name.log
  if ! "$target" -max_total_time="$seconds" -seed="$seed" -rss_limit_mb=4096 -artifact_prefix="$found/$name-" \
    -print_final_stats=1 "${words[@]}" "${folders[@]}" >"$log" 2>&1; then
    tail -n 60 "$log" >&2
    echo "fuzz.sh: $name failed; its input is in $found/. Run it again: $target <input>" >&2
    exit 1
  fi
  grep -E '^stat::(number_of_executed_units|new_units_added)' "$log" | sed 's/^stat::/  /' || true
done
