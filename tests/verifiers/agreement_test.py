#!/usr/bin/env python3
"""`theater verify` and tools/verify_chain.py share no code and must say the same of every file.

    agreement_test.py THEATER MAKE_SAMPLES GOLDEN_CHAIN_FILE
"""

import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

import corpus

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import verify_chain  # noqa: E402
from verifier.chain import Unreadable  # noqa: E402

# Beside whether it is true and where it is not: what comes before a fault is told alike.
ALWAYS = ("ok", "events", "links", "head")
WHEN_TRUE = ("actor", "first_sequence", "complete", "payloads_checked", "payloads_missing", "heads_checked")
OF_FILES = ("closed", "torn_bytes")
OF_BUNDLES = ("components", "components_missing", "manifests", "manifests_missing", "checkpoints")


class Judges:
    """Both verifiers, and what they said of everything so far."""

    def __init__(self, theater, folder):
        self.theater, self.folder = theater, folder
        self.counts = {"true": 0, "broken": 0, "unreadable": 0}
        self.differing = 0

    def judge(self, names, options=()):
        """Both judge these sources in the folder, with these options."""
        done = subprocess.run([self.theater, "--json", "verify", *options, *names], cwd=self.folder, capture_output=True, text=True,
                              check=False)
        reports = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(reports) == len(names), f"theater verify told of {len(reports)} sources of {len(names)}: {done.stderr}"
        known = verify_chain.read_known(verify_chain.parse([*(str(self.folder / one) if (self.folder / one).exists() else one
                                                             for one in options), "any"]))
        for name, ours in zip(names, reports):
            self.counts["true" if ours["ok"] else "unreadable" if "error" in ours else "broken"] += 1
            try:
                theirs = verify_chain.verify(str(self.folder / name), known)
            except Unreadable as error:
                theirs = {"ok": False, "error": str(error)}
            what = difference(ours, theirs)
            if what:
                self.differing += 1
                print(f"{name} {' '.join(options)}: {what}")


def first_unequal(ours, theirs, fields):
    for field in fields:
        if ours[field] != theirs[field]:
            return f"{field}: {ours[field]} and {theirs[field]}"
    return None


def chain_difference(ours, theirs):
    what = first_unequal(ours, theirs, ALWAYS + (WHEN_TRUE if ours["ok"] else ()))
    if what is None and "fault" in ours and ours["fault"]["sequence"] != theirs["fault"]["sequence"]:
        what = f"fault: {ours['fault']} and {theirs['fault']}"
    return what


def directory_difference(ours, theirs):
    what = first_unequal(ours, theirs, ("ok", "torn_bytes"))
    if what is None and (ours["log"] is None) != (theirs["log"] is None):
        what = "only one found a log"
    if what is None and ours["log"] is not None:
        fields = ("ok", "checkpoints", "size", "root", "torn_bytes") if ours["log"]["ok"] else ("ok",)
        what = first_unequal(ours["log"], theirs["log"], fields)
    # Which chains damage is laid to is a matter of skill; of a true chain both must say the same.
    by_actor = {chain["actor"]: chain for chain in theirs["chains"]}
    for chain in ours["chains"]:
        other = by_actor.get(chain["actor"], {"ok": False})
        if what is None and chain["ok"] and other["ok"]:
            what = chain_difference(chain, other)
    return what


def difference(ours, theirs):
    if ("error" in ours) != ("error" in theirs):
        return f"only one can read it: {ours} and {theirs}"
    if "error" in ours:
        return None
    if "directory" in ours:
        return directory_difference(ours, theirs)
    if "bundle" in ours:
        if ours["ok"] != theirs["ok"] or ("bundle_fault" in ours) != ("bundle_fault" in theirs):
            return f"{ours} and {theirs}"
        if "bundle_fault" in ours:
            return None
        return chain_difference(ours, theirs) or first_unequal(ours, theirs, OF_BUNDLES if ours["ok"] else ())
    if "proof" in ours or "growth" in ours:
        return first_unequal(ours, theirs, set(ours) - {"proof", "growth"})
    return chain_difference(ours, theirs) or first_unequal(ours, theirs, OF_FILES if ours["ok"] else ("torn_bytes",))


def judge_files(judges, contents, suffix, options=()):
    names = []
    for number, content in enumerate(contents):
        names.append(f"{number}.{suffix}")
        (judges.folder / names[-1]).write_bytes(content)
    judges.judge(names, options)
    for name in names:
        (judges.folder / name).unlink()


def judge_directories(judges, samples, seeded):
    for options in ((), ("--checkpoint", "older.checkpoint"), ("--proof", "older.tlog-proof"), ("--log", "data/log.pub"),
                    ("--log", "theater/0")):
        judges.judge(["data", "earlier", "forked", "crashed", "actor.bundle", "older.tlog-proof"], options)
    names = []
    for sample in ("data", "crashed"):
        for number, damage in enumerate(corpus.directory_damage(samples / sample, samples, seeded)):
            name = f"{sample}-{number}"
            shutil.copytree(samples / sample, judges.folder / name, copy_function=os.link)
            for path, content in damage.items():
                (judges.folder / name / path).unlink(missing_ok=True)
                if content is not None:
                    (judges.folder / name / path).write_bytes(content)
            names.append(name)
    judges.judge(names)
    judges.judge(names[::4], ("--checkpoint", "older.checkpoint"))


def judge_proofs(judges, samples, seeded):
    growth = subprocess.run([judges.theater, "checkpoint", "data", "--since", "older.checkpoint"], cwd=samples, capture_output=True,
                            check=True).stdout
    options = ("--checkpoint", "older.checkpoint", "--log", "data/log.pub")
    for content, suffix in ((growth, "growth"), ((samples / "older.tlog-proof").read_bytes(), "tlog-proof")):
        judge_files(judges, [content] + [corpus.changed(content, seeded) for _ in range(250)], suffix, options)


def main(theater, make_samples, golden):
    seeded = random.Random(4)
    with tempfile.TemporaryDirectory(prefix="theater_verifiers_") as temporary:
        folder = pathlib.Path(temporary)
        judges = Judges(theater, folder)
        subprocess.run([make_samples, folder], check=True)
        judge_files(judges, corpus.chain_files(golden.read_bytes(), seeded), "chain")
        judge_files(judges, corpus.bundles((folder / "actor.bundle").read_bytes(), seeded), "bundle")
        judge_proofs(judges, folder, seeded)
        judge_directories(judges, folder, seeded)
    print(", ".join(f"{count} {what}" for what, count in judges.counts.items()) + f"; {judges.differing} judged differently")
    # A corpus of which nearly all is refused at once, or nothing is, would prove little.
    assert min(judges.counts["true"], judges.counts["broken"]) > 1000 and judges.counts["unreadable"] > 20
    return 1 if judges.differing else 0


if __name__ == "__main__":
    sys.exit(main(*(pathlib.Path(argument).resolve() for argument in sys.argv[1:])))
