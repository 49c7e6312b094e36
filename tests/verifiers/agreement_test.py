#!/usr/bin/env python3
"""`theater verify` and tools/verify_chain.py share no code and must say the same of every file.

    agreement_test.py THEATER GOLDEN_CHAIN_FILE...
"""

import importlib.util
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import corpus

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Beside whether it is true and where it is not: what comes before a fault is told alike.
ALWAYS = ("ok", "events", "links", "head", "torn_bytes")
WHEN_TRUE = ("actor", "closed", "first_sequence", "complete", "payloads_checked", "payloads_missing")


def python_verifier():
    spec = importlib.util.spec_from_file_location("verify_chain", ROOT / "tools" / "verify_chain.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ours(theater, folder, names):
    """What `theater verify` says of files in the folder."""
    done = subprocess.run([theater, "--json", "verify", *names], cwd=folder, capture_output=True, text=True, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()]


def theirs(verifier, folder, name):
    try:
        return verifier.verify_chain_file(str(folder / name))
    except verifier.Unreadable as error:
        return {"ok": False, "error": str(error)}


def difference(one, other):
    if ("error" in one) != ("error" in other):
        return "only one can read it"
    if "error" in one:
        return None
    fields = ALWAYS + (WHEN_TRUE if one["ok"] else ())
    for field in fields:
        if one[field] != other[field]:
            return f"{field}: {one[field]} and {other[field]}"
    if not one["ok"] and one["fault"]["sequence"] != other["fault"]["sequence"]:
        return f"fault: {one['fault']} and {other['fault']}"
    return None


def main(theater, golden_files):
    verifier = python_verifier()
    seeded = random.Random(4)
    counts = {"true": 0, "broken": 0, "unreadable": 0}
    differing = 0
    with tempfile.TemporaryDirectory(prefix="theater_verifiers_") as temporary:
        folder = pathlib.Path(temporary)
        for golden in golden_files:
            names = []
            for number, content in enumerate(corpus.corpus(pathlib.Path(golden).read_bytes(), seeded)):
                names.append(f"{number}.chain")
                (folder / names[-1]).write_bytes(content)
            reports = ours(theater, folder, names)
            assert len(reports) == len(names), f"theater verify told of {len(reports)} files of {len(names)}"
            for name, report in zip(names, reports):
                counts["true" if report["ok"] else "unreadable" if "error" in report else "broken"] += 1
                what = difference(report, theirs(verifier, folder, name))
                if what:
                    differing += 1
                    print(f"{golden}, damaged as {name}: {what}")
    print(", ".join(f"{count} {what}" for what, count in counts.items()) + f"; {differing} judged differently")
    # A corpus of which nearly all is refused at once, or nothing is, would prove little.
    assert min(counts["true"], counts["broken"]) > 300 and counts["unreadable"] > 5
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]))
