#!/usr/bin/env bash
# Installs the Debian 12 packages that are missing, and nothing when none is. Quick and silent when all is there.
#
#   scripts/install-deps.sh [build] [test] [check] [bench]      (default: build test)
set -euo pipefail

# What `make build` and `make demo` need.
build=(
  cmake                 # builds
  ninja-build           # builds
  g++                   # the C++ compiler
  pkg-config            # finds libraries that bring no CMake package
  git                   # tells the checks which files are the project's
  ca-certificates       # cargo reads crates over https
  python3               # scripts and source checks
  clang-19              # compiles actors from C and C++ to WebAssembly
  lld-19                # links them; links our programs faster too
  libssl-dev            # SHA-256, random bytes, TLS
  libspdlog-dev         # log lines
  libfmt-dev            # text formatting
  libtomlplusplus-dev   # manifests
  nlohmann-json3-dev    # JSON
  libcli11-dev          # command lines
  libboost-dev          # Asio and Beast: sockets, HTTP, WebSocket (headers only)
)
# What `make test` needs beside that.
test=(
  libgtest-dev          # tests
  libgmock-dev          # tests
  python3-venv          # the test of the server's API, which needs Python packages
  zsh fish              # completions are tested in the shells themselves
  man-db                # formats the man page, and finds its faults
)
# A module of the Go project checks what we sign; any Go since 1.18 does.
command -v go >/dev/null || [[ -x /usr/local/go/bin/go ]] || test+=(golang-go)
# What `make check`, `make asan`, `make tsan` and `make fuzz` need beside that.
check=(
  clang-format-19       # format
  clang-tidy-19         # lint
  libclang-rt-19-dev    # sanitizers and libFuzzer
  llvm-19               # llvm-symbolizer: names and lines in their reports
  shellcheck            # shell scripts
)
# What `make bench` needs beside what `make build` does.
bench=(
  libbenchmark-dev      # measuring programs
)
rust_at_least=1.95
# Python packages for tests, in a folder of their own outside the checkout.
python_wanted=$(dirname "$0")/../tests/server/requirements.txt
python_folder=${THEATER_CACHE:-$HOME/.cache/theater}/python

[[ $# -gt 0 ]] || set -- build test
wanted=()
for group in "$@"; do
  case $group in
    build) wanted+=("${build[@]}") ;;
    test) wanted+=("${test[@]}") ;;
    check) wanted+=("${check[@]}") ;;
    bench) wanted+=("${bench[@]}") ;;
    *) echo "install-deps.sh: no group '$group'; there are build, test, check and bench" >&2; exit 2 ;;
  esac
done

if ! command -v dpkg-query >/dev/null; then
  echo "install-deps.sh: this is no Debian system; it needs the equivalents of: ${wanted[*]}" >&2
  exit 1
fi
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null || true)
missing=()
for package in "${wanted[@]}"; do
  grep -qxF "installed $package" <<<"$installed" || missing+=("$package")
done

if [[ ${#missing[@]} -gt 0 ]]; then
  if [[ $(id -u) -eq 0 ]]; then
    as_root=()
  elif sudo -n true 2>/dev/null || { [[ -t 0 ]] && command -v sudo >/dev/null; }; then
    as_root=(sudo)
  else
    echo "install-deps.sh: packages are missing and this is not root. Run:" >&2
    echo "  apt-get update && apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  echo "Installing ${missing[*]} (1 to 3 minutes)"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# rustup puts its programs here and tells only login shells.
PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
if ! rust=$(rustc --version 2>/dev/null) || ! command -v cargo >/dev/null; then
  echo "install-deps.sh: Rust is missing (the engine is a Rust library). Install $rust_at_least or later with rustup: https://rustup.rs" >&2
  exit 1
fi
rust=${rust#rustc }
rust=${rust%% *}
if [[ $(printf '%s\n%s\n' "$rust_at_least" "$rust" | sort -V | head -n 1) != "$rust_at_least" ]]; then
  echo "install-deps.sh: Rust $rust is too old, the engine needs $rust_at_least or later. Run: rustup update stable" >&2
  exit 1
fi

# Needs the network only when what is wanted has changed.
if [[ " $* " == *" test "* ]] && ! cmp -s "$python_wanted" "$python_folder/installed.txt"; then
  echo "Installing Python packages for tests into $python_folder (1 minute)"
  python3 -m venv --clear "$python_folder"
  "$python_folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$python_wanted"
  cp "$python_wanted" "$python_folder/installed.txt"
fi
