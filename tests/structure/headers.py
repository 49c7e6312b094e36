#!/usr/bin/env python3
"""Every header compiles alone: headers.py [project] [--cache file].

A header that a built source includes before anything else compiles alone, or the build would fail; the others are compiled here. What
compiled before with the same text is not compiled again.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import subprocess

from project import Project, report

HOST = ["g++", "-std=c++23", "-Wall", "-Wextra", "-Wno-missing-field-initializers", "-Werror"]
HOST_FOLDERS = ["include", "src", "engine/include", "fuzz", "tests"]
GUEST = ["clang++-19", "--target=wasm32", "-ffreestanding", "-std=c++23", "-Wall", "-Wextra", "-Werror", "-fno-exceptions", "-fno-rtti"]
GUEST_C = ["clang-19", "--target=wasm32", "-ffreestanding", "-std=c17", "-Wall", "-Wextra", "-Werror"]
GUEST_FOLDERS = ["sdk/c/include", "sdk/cpp/include"]

# (which headers, language, compiler and flags, include folders); a header may match several.
GROUPS = [
    (r"^(include|src|fuzz|bench|tests)/(?!.*guest_support/).*\.h$", "c++", HOST, HOST_FOLDERS),
    (r"^tests/.*guest_support/.*\.h$", "c", GUEST_C, GUEST_FOLDERS),
    (r"^tests/.*guest_support/.*\.hpp$", "c++", GUEST, GUEST_FOLDERS),
    (r"^engine/include/.*\.h$", "c++", HOST, HOST_FOLDERS),
    (r"^engine/include/.*\.h$", "c", ["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror"], HOST_FOLDERS),
    (r"^sdk/c/.*\.h$", "c", GUEST_C, GUEST_FOLDERS),
    (r"^sdk/cpp/.*\.h(pp)?$", "c++", GUEST, GUEST_FOLDERS),
]
# As seen from the sources: a header's name in an include, and how it is found.
INCLUDE_ROOTS = ("include/", "src/", "engine/include/")
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]', re.MULTILINE)


def proven_by_build(project):
    """Headers that some source of a layer, named in its CMakeLists.txt, includes first."""
    proven = set()
    for source in project.matching(r"^src/.*\.cc$"):
        cmake = f"{os.path.dirname(source)}/CMakeLists.txt"
        if cmake not in project.files() or not re.search(rf"(?<!\w){re.escape(os.path.basename(source))}\b", project.text(cmake)):
            continue
        first = INCLUDE.search(project.text(source))
        if first:
            proven.update(root + first.group(1) for root in INCLUDE_ROOTS)
    return proven


def closure(project, header, folders):
    """The header and every file of the project that it includes, directly or not."""
    reached, waiting = set(), [header]
    known = set(project.files())
    while waiting:
        file = waiting.pop()
        if file in reached:
            continue
        reached.add(file)
        for include in INCLUDE.findall(project.text(file)):
            for folder in [os.path.dirname(file), *folders]:
                candidate = os.path.normpath(os.path.join(folder, include))
                if candidate in known:
                    waiting.append(candidate)
                    break
    return sorted(reached)


def digest(project, header, command, folders, version):
    parts = hashlib.sha256(json.dumps([header, command, version]).encode())
    for file in closure(project, header, folders):
        parts.update(file.encode() + b"\0" + project.text(file).encode() + b"\0")
    return parts.hexdigest()


def compile_alone(project, header, language, command):
    source = f'#include "{project.path(header)}"\n'
    run = subprocess.run([*command, "-fsyntax-only", "-x", language, "-"], input=source, text=True, capture_output=True, check=False)
    if run.returncode == 0:
        return None
    first = next((line for line in run.stderr.splitlines() if "error" in line), run.stderr.strip().split("\n")[0])
    return f"{header}: does not compile alone: {first.replace(project.root + '/', '')}"


def version_of(compiler, versions):
    if compiler not in versions:
        versions[compiler] = subprocess.run([compiler, "--version"], text=True, capture_output=True, check=True).stdout
    return versions[compiler]


def check(project, cache_file=None, groups=None):
    cache = set()
    if cache_file and os.path.exists(cache_file):
        with open(cache_file, encoding="utf-8") as stream:
            cache = set(json.load(stream))
    versions, wanted, jobs = {}, set(), {}
    proven = proven_by_build(project)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for pattern, language, base, folders in groups or GROUPS:
            existing = [folder for folder in folders if os.path.isdir(project.path(folder))]
            command = base + [word for folder in existing for word in ("-I", project.path(folder))]
            for header in project.matching(pattern):
                if header in proven and language == "c++":
                    continue
                key = digest(project, header, command, existing, version_of(command[0], versions))
                wanted.add(key)
                if key not in cache:
                    jobs[key] = pool.submit(compile_alone, project, header, language, command)
    findings = sorted(result for job in jobs.values() if (result := job.result()))
    if cache_file:
        passed = [key for key in wanted if key in cache or jobs[key].result() is None]
        with open(cache_file, "w", encoding="utf-8") as stream:
            json.dump(sorted(passed), stream)
    return findings, len(wanted), len(jobs)


if __name__ == "__main__":
    default_root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", nargs="?", default=default_root)
    parser.add_argument("--cache")
    arguments = parser.parse_args()
    found, headers, compiled = check(Project(arguments.project), arguments.cache)
    report(found, f"{headers} headers that no source includes first compile alone ({compiled} compiled now)")
