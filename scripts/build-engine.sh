#!/usr/bin/env bash
# Builds engine/ into libtheater_engine.a, once for each digest of its inputs, and puts it into a folder.
#
#   scripts/build-engine.sh OUT_DIR     prints OUT_DIR/libtheater_engine.a
#
# The result is kept in ${THEATER_CACHE:-${XDG_CACHE_HOME:-~/.cache}/theater}/engine, outside the checkout.
set -euo pipefail

if [[ $# -ne 1 ]]; then
  echo "usage: $0 OUT_DIR" >&2
  exit 2
fi
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)/libtheater_engine.a
cache=${THEATER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/theater}/engine

if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
  echo "build-engine: cargo and rustc are missing: install Rust 1.95 or newer (https://rustup.rs), then run this again" >&2
  exit 1
fi

digest=$(
  cd "$root"
  {
    find engine/src engine/include engine/Cargo.toml engine/Cargo.lock scripts/build-engine.sh -type f -print0 |
      LC_ALL=C sort -z | xargs -0 sha256sum
    rustc -V
  } | sha256sum | cut -d' ' -f1
)
built=$cache/$digest/libtheater_engine.a

build() {
  echo "build-engine: building the engine library; from nothing this takes 4 to 5 minutes on 2 cores, once" >&2
  local stage
  (cd "$root/engine" && CARGO_TARGET_DIR=$cache/target cargo build --release --locked --lib) >&2
  stage=$(mktemp -d "$cache/stage.XXXXXX")
  cp "$cache/target/release/libtheater_engine.a" "$stage/"
  strip --strip-debug "$stage/libtheater_engine.a"
  rm -rf "${cache:?}/$digest"
  mv "$stage" "$cache/$digest"
  echo "build-engine: kept in $cache/$digest" >&2
  # Results of older sources go; other checkouts may still use the last few.
  find "$cache" -mindepth 1 -maxdepth 1 -type d -name '????????????????????????????????????????????????????????????????' \
    -printf '%T@ %p\n' | sort -rn | tail -n +6 | cut -d' ' -f2- | xargs -r -d '\n' rm -rf
}

if [[ ! -f $built ]]; then
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  if ! flock -n 9; then
    echo "build-engine: waiting for another build of the engine" >&2
    flock 9
  fi
  [[ -f $built ]] || build
  exec 9>&-
fi

# A file that is the same already keeps its time, so that nothing is linked again.
if [[ ! -f $out ]] || ! cmp -s "$built" "$out"; then
  temporary=$(mktemp "$out.XXXXXX")
  cp "$built" "$temporary"
  mv "$temporary" "$out"
fi
echo "$out"
