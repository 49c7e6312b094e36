# The short names of the usual tasks; `make help` lists them. What they do is in CMakePresets.json and scripts/.
.DEFAULT_GOAL := build
.PHONY: build demo test check format asan tsan fuzz soak bench install clean help

# rustup tells only login shells where its programs are.
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)

PREFIX ?= /usr/local
# `make fuzz SECONDS=300`: how long each fuzz target runs. (Not ?=: a shell has its own SECONDS.)
SECONDS := 60
# The fuzzers' seed: 0 draws one.
SEED ?= 0

build: ## the release programs, in build/release/bin/
	@scripts/install-deps.sh build
	@scripts/build.sh release

demo: build ## starts real actors, shows what they do, verifies their chains, measures
	@scripts/demo.sh

test: ## builds and runs every test
	@scripts/install-deps.sh build test
	@scripts/build.sh dev
	@ctest --preset dev

check: ## format, lint, shell and python, and the source checks
	@scripts/install-deps.sh build test check
	@scripts/check.sh

format: ## formats the C++ sources
	@scripts/install-deps.sh check
	@git ls-files '*.h' '*.cc' | xargs -r clang-format-19 -i

asan: ## the tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@scripts/install-deps.sh build test check
	@scripts/build.sh asan
	@ctest --preset asan

tsan: ## the tests under ThreadSanitizer
	@scripts/install-deps.sh build test check
	@scripts/build.sh tsan
	@ctest --preset tsan

fuzz: ## every fuzz target for SECONDS=60
	@scripts/install-deps.sh build test check
	@scripts/build.sh fuzz
	@scripts/fuzz.sh $(SECONDS) $(SEED)

soak: ## the crash tests for longer: 200 times kill -9, every fault of the disk at every place; SEED=1 chooses when; a million restarts, ten thousand races
	@scripts/install-deps.sh build test
	@scripts/build.sh dev
	@THEATER_CRASH_KILLS=200 THEATER_CRASH_COMPLETE=1 THEATER_CRASH_SEED=$(or $(filter-out 0,$(SEED)),1) \
	  THEATER_SOAK_RESTARTS=1000000 THEATER_SOAK_SEEDS=10000 \
	  ctest --preset dev -R '^(kill_test|disk_faults_test|failing_calls_test|restarts_test|cell_lifecycle_test)$$' --verbose

bench: ## the measuring programs in bench/
	@scripts/install-deps.sh build bench
	@scripts/build.sh release --target benchmarks
	@scripts/bench.sh

install: build ## installs programs, headers, libraries and the CMake package under PREFIX=/usr/local
	@cmake --install build/release --prefix $(PREFIX)

clean: ## removes build/ (the engine library stays in its cache)
	@rm -rf build

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10
