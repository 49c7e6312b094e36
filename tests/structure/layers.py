#!/usr/bin/env python3
"""A folder in src/ includes, and links, only layers under it, and its CMake links say what its files include."""

import re

from project import Project, report, root_argument

# Lowest first; CMakeLists.txt adds them in the same order.
LAYERS = ["base", "manifest", "engine", "toolchain", "chain", "store", "sched", "actor", "router", "handlers", "replay", "runtime",
          "api", "client", "server", "cli"]
# These stand beside each other on base alone, so that each can be read and tested by itself.
BASE_ONLY = {"manifest", "engine", "chain", "sched"}
# The layer that implements each public header. A header missing here is a finding: decide where it belongs.
PUBLIC_HEADERS = {
    "bytes": "base", "error": "base", "id": "base", "value": "base", "limits": "base", "clock": "base", "log": "base", "payload": "base",
    "version": "base",
    "manifest": "manifest", "permissions": "manifest",
    "event": "chain", "event_history": "chain", "chain": "chain", "verify": "chain",
    "handler": "actor",
    "router": "router",
    "handlers": "handlers",
    "replay": "replay",
    "runtime": "runtime", "theater": "runtime",
    "client": "client",
}
# The engine library's C interface; src/engine passes its plain types on.
ENGINE_HEADER = "theater_engine.h"
# A CMake target that brings that header without the library; linking it counts as linking the layer.
ENGINE_HEADER_TARGET = "theater_engine_header"

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def allowed_under(layer):
    return {"base"} if layer in BASE_ONLY else set(LAYERS[:LAYERS.index(layer)])


def public_header_layer(include):
    match = re.fullmatch(r"theater/(\w+)\.h", include)
    return PUBLIC_HEADERS.get(match.group(1)) if match else None


def layer_of_include(include, folder_of_file):
    """The layer that an include reaches; None for what is not the project's."""
    if include == ENGINE_HEADER:
        return "engine"
    if include.startswith("theater/"):
        return public_header_layer(include)
    first = include.split("/")[0]
    if "/" in include and first in LAYERS:
        return first
    return folder_of_file if "/" not in include else None


def includes(project, file):
    for number, line in project.lines(file):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1)


def check_includes(project):
    findings = []
    for file in project.matching(r"^src/[^/]+/.*\.(h|cc)$"):
        layer = file.split("/")[1]
        if layer not in LAYERS:
            findings.append(f"{file}: src/{layer} is no layer; tests/structure/layers.py and CMakeLists.txt list them")
            continue
        for number, include in includes(project, file):
            if include.startswith("theater/") and public_header_layer(include) is None:
                findings.append(f"{file}:{number}: {include} belongs to no layer; add it to PUBLIC_HEADERS")
                continue
            reached = layer_of_include(include, layer)
            if reached and reached != layer and reached not in allowed_under(layer):
                findings.append(f"{file}:{number}: {layer} includes {include} of {reached}, which does not stand under it")
    return findings


def check_public_headers(project):
    findings = []
    for file in project.matching(r"^include/theater/.*\.h$"):
        layer = public_header_layer(file.removeprefix("include/"))
        if layer is None:
            findings.append(f"{file}: belongs to no layer; add it to PUBLIC_HEADERS")
            continue
        for number, include in includes(project, file):
            if not include.startswith("theater/"):
                findings.append(f"{file}:{number}: a public header includes {include}, which is not installed")
                continue
            reached = public_header_layer(include)
            if reached and reached != layer and reached not in allowed_under(layer):
                findings.append(f"{file}:{number}: {layer}'s {file} includes {include} of {reached}, which does not stand under it")
    return findings


def library_links(cmake, layer):
    """PUBLIC and PRIVATE layers of theater_library(layer …), or None when the folder makes no library."""
    call = re.search(r"theater_library\(\s*" + layer + r"\b([^)]*)\)", cmake)
    if not call:
        return None
    links = {"PUBLIC": set(), "PRIVATE": set()}
    keyword = None
    for word in call.group(1).split():
        if word in ("SOURCES", "PUBLIC", "PRIVATE"):
            keyword = word
        elif keyword in links and word == ENGINE_HEADER_TARGET:
            links[keyword].add("engine")
        elif keyword in links and word.startswith("theater::") and word[9:] in LAYERS:
            links[keyword].add(word[9:])
    return links


def check_links(project):
    findings = []
    all_links = {layer: links for layer in LAYERS
                 if (file := f"src/{layer}/CMakeLists.txt") in project.files() and (links := library_links(cmake_text(project, file), layer))}
    for file in project.matching(r"^src/[^/]+/CMakeLists\.txt$"):
        layer = file.split("/")[1]
        if layer not in LAYERS:
            continue
        cmake = cmake_text(project, file)
        for linked in sorted(set(re.findall(r"theater::(\w+)", cmake))):
            if linked in LAYERS and linked != layer and linked not in allowed_under(layer):
                findings.append(f"{file}: {layer} links {linked}, which does not stand under it")
        if layer not in all_links:
            continue
        links = all_links[layer]
        by_headers, by_sources = included_layers(project, layer)
        for used in sorted(by_headers - carried(links["PUBLIC"], all_links)):
            findings.append(f"{file}: {layer}'s headers include {used}, so PUBLIC must name theater::{used}")
        for used in sorted(by_sources - by_headers - carried(links["PUBLIC"] | links["PRIVATE"], all_links)):
            findings.append(f"{file}: {layer} includes {used} but does not link theater::{used}")
        for linked in sorted((links["PUBLIC"] | links["PRIVATE"]) - by_headers - by_sources):
            findings.append(f"{file}: {layer} links theater::{linked} but includes nothing of it")
        for linked in sorted(links["PUBLIC"] & (by_sources - by_headers)):
            findings.append(f"{file}: only {layer}'s sources include {linked}, so theater::{linked} is PRIVATE")
    return findings


def cmake_text(project, file):
    return re.sub(r"#.*", "", project.text(file))


def carried(linked, all_links):
    """The layers linked, and those that they hand on."""
    reached, waiting = set(), list(linked)
    while waiting:
        layer = waiting.pop()
        if layer not in reached:
            reached.add(layer)
            waiting.extend(all_links.get(layer, {"PUBLIC": ()})["PUBLIC"])
    return reached


def included_layers(project, layer):
    """Layers that a layer's headers (its public ones too) and its sources include, itself and its tests left out."""
    public = [f"include/theater/{name}.h" for name, owner in PUBLIC_HEADERS.items() if owner == layer]
    files = project.matching(rf"^src/{layer}/.*\.(h|cc)$") + [file for file in project.files() if file in public]
    by_headers, by_sources = set(), set()
    for file in files:
        if file.endswith("_test.cc"):
            continue
        used = {layer_of_include(include, layer) for _, include in includes(project, file)} - {None, layer}
        (by_headers if file.endswith(".h") else by_sources).update(used)
    return by_headers, by_sources


def check_order(project):
    """The top-level CMakeLists.txt and this file must list the layers alike."""
    if "CMakeLists.txt" not in project.files():
        return []
    match = re.search(r"foreach\(layer ([^)]*)\)", project.text("CMakeLists.txt"))
    if not match or match.group(1).split() != LAYERS:
        return ["CMakeLists.txt: lists other layers, or in another order, than tests/structure/layers.py"]
    return []


def check(project):
    return check_order(project) + check_includes(project) + check_public_headers(project) + check_links(project)


if __name__ == "__main__":
    project = Project(root_argument())
    report(check(project), f"{len(project.matching(r'^src/.*[.](h|cc)$'))} sources include only what stands under them")
