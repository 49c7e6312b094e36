#!/usr/bin/env bash
# Looks at the sources without running them: format, lint, shell, python, structure. All are run, then a failed one ends it with 1.
set -euo pipefail
cd "$(dirname "$0")/.."
export PYTHONDONTWRITEBYTECODE=1
failed=()
step() {
  local name=$1
  shift
  echo "Checking $name"
  "$@" || failed+=("$name")
}

format() { git ls-files -z '*.h' '*.cc' | xargs -0 -r clang-format-19 --dry-run -Werror; }

# Needs what the build generates, so the dev preset is built first. Tests are left out: their library's macros cost most of the time.
lint() {
  local log
  log=$(mktemp)
  scripts/ungrouped_commands.py build/dev build/dev/ungrouped
  if ! run-clang-tidy-19 -quiet -p build/dev/ungrouped "$PWD/src/.*(?<!_test)\.cc$" >"$log" 2>&1; then
    grep -E '(error|warning): ' -A 2 "$log" >&2 || tail -n 20 "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

shell() { git ls-files -z '*.sh' .ci/run | xargs -0 -r shellcheck; }

python() {
  git ls-files -z '*.py' | xargs -0 -r python3 -c '
import ast, sys
for path in sys.argv[1:]:
    ast.parse(open(path, encoding="utf-8").read(), path)
'
}

scripts/build.sh dev
step "format (make format mends it)" format
step "shell scripts" shell
step "python" python
step "layers, headers, names" ctest --preset dev --label-regex '^source$'
step "lint (1 to 8 minutes)" lint

if [[ ${#failed[@]} -gt 0 ]]; then
  printf 'check.sh: failed: %s\n' "${failed[@]}" >&2
  exit 1
fi
