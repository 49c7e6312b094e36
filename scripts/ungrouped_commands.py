#!/usr/bin/env python3
"""Writes a compile_commands.json in which sources that are compiled in groups stand one by one, as tools for sources need them.

Usage: ungrouped_commands.py BUILD_FOLDER OUTPUT_FOLDER
"""

import json
import pathlib
import re
import sys


def sources_of(group: pathlib.Path) -> list[str]:
    return re.findall(r'^#include "(.*)"$', group.read_text(encoding="utf-8"), re.MULTILINE)


def main() -> None:
    build, output = map(pathlib.Path, sys.argv[1:])
    commands = []
    for command in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        group = command["file"]
        sources = sources_of(pathlib.Path(group)) if pathlib.Path(group).parent.name == "Unity" else [group]
        commands += [
            command | {"file": source, "command": command["command"].replace(group, source)} for source in sources
        ]
    output.mkdir(exist_ok=True)
    (output / "compile_commands.json").write_text(json.dumps(commands, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
