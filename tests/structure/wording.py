#!/usr/bin/env python3
"""Names and sizes: one place knows the WebAssembly engine by name, no leftovers, no catch-all names, no machine's own paths; and no bound that
nothing applies."""

import re

from project import Project, report, root_argument

# Where code lies. Documents may say anything; engine/ and the script that builds it are the place that names the engine.
CODE = r"^(src|include|sdk|wit|examples|tests|fuzz|bench|web|cmake)/.*\.(h|hpp|cc|cpp|c|py|sh|js|ts|html|css|wit|toml|cmake|in|rs|json)$|CMakeLists\.txt$"
# This folder spells out what it looks for.
OWN_FOLDER = "tests/structure/"

ENGINE_NAME = re.compile("wasm" + "time", re.IGNORECASE)
LEFTOVER = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
CATCH_ALL = {"util", "utils", "common", "misc", "helper", "helpers", "manager", "managers"}
MACHINE_PATH = re.compile(r"(?<![\w.$}/-])/(work|root|home|Users)/[\w.-]")
MAX_LINES = 900
LIMITS = "src/base/limits.h"


def own(file):
    return file.startswith(OWN_FOLDER)


def check_engine_name(project):
    return [f"{file}:{number}: names the WebAssembly engine; only engine/ may"
            for file in project.matching(CODE) if not own(file)
            for number, line in project.lines(file) if ENGINE_NAME.search(line)]


def check_leftovers(project):
    return [f"{file}:{number}: {match.group(1)}: do it, or open an issue"
            for file in project.files() if not own(file) and not file.endswith((".lock", ".wasm"))
            for number, line in project.lines(file) if (match := LEFTOVER.search(line))]


def check_sizes(project):
    findings = []
    for file in project.matching(r"^(src/.*\.(h|cc)|engine/src/.*\.rs|include/.*\.h|(sdk|fuzz|tests)/.*\.(h|cc|cpp|py))$"):
        lines = len(project.lines(file))
        if lines > MAX_LINES:
            findings.append(f"{file}: {lines} lines, more than {MAX_LINES}: does it hold one thing?")
    return findings


def check_names(project):
    findings = []
    for file in project.files():
        words = set(re.split(r"[/._-]", file.lower())) & CATCH_ALL
        if words:
            findings.append(f"{file}: '{sorted(words)[0]}' says nothing; name it after what it does")
    return findings


def check_machine_paths(project):
    return [f"{file}:{number}: a path of one machine: {match.group(0)}…"
            for file in project.files() if not own(file) and not file.endswith(".lock")
            for number, line in project.lines(file) if (match := MACHINE_PATH.search(line))]


def check_bounds_are_applied(project):
    code = "".join(project.text(file) for file in project.matching(r"^(src|include)/.*\.(h|cc)$")
                   if file != LIMITS and not file.endswith("_test.cc"))
    used = set(re.findall(r"\bk[A-Z]\w*", code))
    return [f"{file}:{number}: {name} bounds nothing: apply it, or take it out"
            for file in project.matching(rf"^{LIMITS}$") for number, line in project.lines(file)
            for name in re.findall(r"constexpr [\w:]+ (k\w+) =", line) if name not in used]


def check(project):
    return (check_engine_name(project) + check_leftovers(project) + check_sizes(project) + check_names(project) +
            check_machine_paths(project) + check_bounds_are_applied(project))


if __name__ == "__main__":
    project = Project(root_argument())
    report(check(project), f"{len(project.files())} files are named and worded as agreed")
