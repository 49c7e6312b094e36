#!/usr/bin/env bash
# The same ping-pong on Theater, Erlang, CAF and Lunatic, in turns, in one run; prints a table in Markdown.
#
#   bench/compare.sh [--seconds S] [--rounds N] [--actors "10 100 …"]      (default: 2 s, 3 rounds, 10 to 10,000 actors)
#
# Actors in pairs bounce one message of 64 bytes a pair, after a short warm-up; a figure is all messages received a second,
# the median of the rounds. A system that is not installed is left out, with a line that says how to install it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
theater=${THEATER:-$here/../build/release/bin/theater}

seconds=2
rounds=3
actor_counts=(10 100 1000 10000)
usage() {
  sed -n '2,7s/^# \{0,1\}//p' "$0"
  exit "$1"
}
while [[ $# -gt 0 ]]; do
  case $1 in
    --seconds) seconds=${2:?--seconds needs a number}; shift 2 ;;
    --rounds) rounds=${2:?--rounds needs a number}; shift 2 ;;
    --actors) read -r -a actor_counts <<<"${2:?--actors needs numbers}"; shift 2 ;;
    -h | --help) usage 0 ;;
    *) echo "compare.sh: no option '$1'" >&2; usage 2 >&2 ;;
  esac
done
for number in "$seconds" "$rounds" "${actor_counts[@]}"; do
  [[ $number =~ ^[1-9][0-9]*$ ]] || { echo "compare.sh: '$number' is no whole number above 0" >&2; exit 2; }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What is here, and what is missing.
systems=()
versions=()
missing=()

if [[ -x $theater ]]; then
  systems+=(theater theater-unrecorded)
  # The checkout may be ahead of the program, so it is the program's own time that says which one was measured.
  versions+=("$("$theater" --version 2>/dev/null | head -n 1 || echo theater), built $(date -u -r "$theater" '+%Y-%m-%d %H:%M') UTC")
else
  missing+=("Theater: no program at $theater. Build it: make build")
fi

if command -v erlc >/dev/null && command -v erl >/dev/null; then
  erlc -o "$work" "$here/compare/erlang/pingpong.erl"
  systems+=(erlang)
  versions+=("$(erl -noinput -eval 'io:format("Erlang/OTP ~s", [erlang:system_info(otp_release)]), halt().')")
else
  missing+=("Erlang: not installed. On Debian: apt-get install erlang-base")
fi

if ! command -v g++ >/dev/null; then
  missing+=("CAF: no C++ compiler. On Debian: apt-get install g++ libcaf-dev")
elif ! echo '#include <caf/config.hpp>' | g++ -E -x c++ - >/dev/null 2>&1; then
  missing+=("CAF: not installed. On Debian: apt-get install libcaf-dev")
elif g++ -std=c++17 -O2 -o "$work/caf" "$here/compare/caf/pingpong.cc" -lcaf_core 2>"$work/caf.errors"; then
  systems+=(caf)
  number=$(echo '#include <caf/config.hpp>
CAF_VERSION' | g++ -E -P -x c++ - | tail -n 1)
  versions+=("CAF $((number / 10000)).$((number / 100 % 100)).$((number % 100))")
else
  missing+=("CAF: its part does not build with this version (made for 0.17, Debian 12's): $(head -n 1 "$work/caf.errors")")
fi

clang=$(command -v clang-19 || command -v clang || true)
if ! command -v lunatic >/dev/null; then
  missing+=("Lunatic: not installed. With Rust: cargo install lunatic-runtime")
elif [[ -z $clang ]]; then
  missing+=("Lunatic: no clang to build its guest. On Debian: apt-get install clang-19 lld-19")
elif "$clang" --target=wasm32 -O2 -nostdlib -Wl,--no-entry -Wl,-z,stack-size=8192 -o "$work/pingpong.wasm" \
  "$here/compare/lunatic/pingpong.c" 2>"$work/lunatic.errors"; then
  systems+=(lunatic)
  versions+=("$(lunatic --version 2>/dev/null | head -n 1)")
else
  missing+=("Lunatic: its guest does not build: $(head -n 1 "$work/lunatic.errors")")
fi

for line in "${missing[@]+"${missing[@]}"}"; do echo "left out: $line" >&2; done
if [[ ${#systems[@]} -eq 0 ]]; then
  echo "compare.sh: nothing to measure" >&2
  exit 1
fi

processors=$(nproc)
first_processor=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*\([0-9]*\).*/\1/p' /proc/self/status)

# run_one SYSTEM ACTORS THREADS: prints the rate. Its end is waited for, with a bound.
run_one() {
  local system=$1 actors=$2 threads=$3 failed=
  local limit=(timeout -k 5 "$((seconds + 60))")
  # For the row on one processor; not every system can be told how many threads to take, and each keeps to this.
  [[ $threads -eq 1 ]] && limit+=(taskset -c "$first_processor")
  case $system in
    theater | theater-unrecorded)
      local record=on
      [[ $system == theater ]] || record=off
      "${limit[@]}" "$theater" bench ping-pong --actors "$actors" --seconds "$seconds" --shards "$threads" \
        --record "$record" --json >"$work/json" || failed=$?
      sed -n 's/.*"rate":\([0-9]*\).*/\1/p' "$work/json"
      return "${failed:-0}"
      ;;
    erlang) "${limit[@]}" erl +S "$threads:$threads" -noinput -pa "$work" -run pingpong main "$actors" "$seconds" ;;
    caf) "${limit[@]}" "$work/caf" "$actors" "$seconds" "$threads" ;;
    lunatic) "${limit[@]}" lunatic run "$work/pingpong.wasm" "$actors" "$seconds" ;;
  esac
}

median() { sort -n | awk '{ v[NR] = $1 } END { if (NR) print NR % 2 ? v[(NR + 1) / 2] : int((v[NR / 2] + v[NR / 2 + 1]) / 2) }'; }
load() { cut -d ' ' -f 1 /proc/loadavg; }

# A row is actors and threads.
rows=("2 1")
for actors in "${actor_counts[@]}"; do rows+=("$actors $processors"); done

load_before=$(load)
declare -A rates=() marks=()
failures=()
for ((round = 1; round <= rounds; ++round)); do
  for row in "${rows[@]}"; do
    read -r actors threads <<<"$row"
    for system in "${systems[@]}"; do
      failed=
      rate=$(run_one "$system" "$actors" "$threads" 2>"$work/errors") || failed="exit code $?"
      if [[ $rate =~ ^[0-9]+$ ]]; then
        rates["$system $row"]+="$rate "
        echo "round $round of $rounds: $system, $actors actors: $rate messages/s" >&2
      else
        : "${failed:=no figure}"
      fi
      if [[ -n $failed ]]; then
        # A figure may come before the failure, as programs end. It stands, marked.
        marks["$system $row"]="*"
        failure="$system, $actors actors, round $round: $failed: $(tail -n 1 "$work/errors")"
        failures+=("$failure")
        echo "$failure" >&2
      fi
    done
  done
done
load_after=$(load)

title() {
  case $1 in
    theater) echo "Theater" ;;
    theater-unrecorded) echo "Theater, recording off" ;;
    erlang) echo "Erlang" ;;
    caf) echo "CAF" ;;
    lunatic) echo "Lunatic" ;;
  esac
}
{
  model=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)
  echo "$(date -u +%Y-%m-%d), $processors processors (${model:-unknown}), load average $load_before before and $load_after after"
  echo "(this run keeps it near $processors by itself); $rounds × $seconds s, the median."
  printf -v list '%s; ' "${versions[@]}"
  echo "Versions: ${list%; }."
  echo
  header="| actors |"
  rule="|---|"
  for system in "${systems[@]}"; do
    header+=" $(title "$system") |"
    rule+="--:|"
  done
  echo "$header"
  echo "$rule"
  for row in "${rows[@]}"; do
    read -r actors threads <<<"$row"
    line="| $actors"
    [[ $threads -eq 1 ]] && line+=", one processor"
    line+=" |"
    for system in "${systems[@]}"; do
      rate=$(tr ' ' '\n' <<<"${rates["$system $row"]-}" | sed '/^$/d' | median)
      line+=" $(sed -E ':a; s/^([0-9]+)([0-9]{3})/\1,\2/; ta' <<<"${rate:-failed}")${marks["$system $row"]-} |"
    done
    echo "$line"
  done
  if [[ ${#failures[@]} -gt 0 ]]; then
    echo
    echo "\* A program failed, with its figure given before or not at all:"
    echo
    printf -- '- %s\n' "${failures[@]}"
  fi
  if [[ ${#missing[@]} -gt 0 ]]; then
    echo
    printf -- '- Left out: %s\n' "${missing[@]}"
  fi
}
