#!/usr/bin/env python3
"""Verifies recorded chains, bundles, data directories and proofs, offline, with nothing but Python's standard library.

    python3 tools/verify_chain.py [--json] [--head HASH] [--checkpoint FILE] [--proof FILE] [--log NAME] SOURCE...

Written from docs/event-format.md and docs/data-directory.md alone: it shares no code with `theater verify` and must come to the
same verdicts. It shows that the formats can be checked without trusting the program that wrote them. Exit codes: 0 all verify;
1 one is broken or cannot be read.
"""

import argparse
import json
import os
import pathlib
import sys

from verifier.bundle import README_NAME, verify_bundle
from verifier.chain import Known, Malformed, Unreadable, verify_chain_file
from verifier.directory import verify_directory
from verifier.notes import Checkpoint, HeadProof, Key, divide_note, verify_growth, verify_head_proof


def verify(path, known):
    """The report on whatever the path is. Raises Unreadable."""
    try:
        if os.path.isdir(path):
            return verify_directory(path, known)
        with open(path, "rb") as file:
            begin = file.read(max(len(README_NAME) + 1, 64))
        if begin.startswith(README_NAME.encode() + b"\0"):
            return verify_bundle(path, known)
        if begin.startswith(b"c2sp.org/tlog-proof@"):
            return verify_head_proof(path, pathlib.Path(path).read_bytes(), known)
        if begin.startswith(b"old "):
            return verify_growth(path, pathlib.Path(path).read_bytes(), known)
        return verify_chain_file(path, known)
    except OSError as error:
        raise Unreadable(error.strerror) from None
    except Malformed as fault:
        raise Unreadable(str(fault)) from None


def text_of_chain(name, report):
    if not report["ok"]:
        return (f"BROKEN  {name}: at event {report['fault']['sequence']}: {report['fault']['what']}\n"
                f"        the {report['events']} events before it are as they were recorded")
    text = f"OK  {name}: actor {report['actor']}, {report['events']} events in {report['links']} links, head {report['head']}"
    if not report["complete"]:
        text += f"\n    begins with event {report['first_sequence']}; earlier ones are not there"
    if report["payloads_missing"]:
        text += f"\n    {report['payloads_missing']} large values are not there; their digests are"
    return text


def text_of_directory(report):
    lines = [text_of_chain(report["directory"], chain) for chain in report["chains"]]
    lines += [f"DAMAGED  {report['directory']}: {damage}" for damage in report["damages"]]
    log = report["log"]
    if log is None:
        lines.append("    it keeps no signed log")
    elif not log["ok"]:
        lines.append(f"BROKEN  {report['directory']}: {log['fault']}")
    else:
        lines.append(f"OK  {report['directory']}: log {log['log']}, {log['checkpoints']} checkpoints of {log['size']} entries")
    lines.append(f"{'OK' if report['ok'] else 'BROKEN'}  {report['directory']}")
    return "\n".join(lines)


def text_of(report):
    if "error" in report:
        return f"cannot verify {report['file']}: {report['error']}"
    if "directory" in report:
        return text_of_directory(report)
    if "proof" in report:
        return (f"OK  {report['proof']}: actor {report['actor']} had {report['events']} events with head {report['head']}\n"
                f"    says the log {report['log']}, in its checkpoint of {report['size']} entries")
    if "growth" in report:
        return f"OK  {report['growth']}: the log {report['log']} only grew, from {report['old_size']} entries to {report['size']}"
    if "bundle_fault" in report:
        return f"BROKEN  {report['bundle']}: {report['bundle_fault']}"
    text = text_of_chain(report.get("file") or report["bundle"], report)
    if not report["ok"]:
        return text
    if "bundle" in report:
        text += "".join(f"\n    in the log {one['log']}, by its checkpoint of {one['size']} entries" for one in report["checkpoints"])
    elif report["torn_bytes"]:
        text += f"\n    the file was cut: its last {report['torn_bytes']} bytes are no whole record and were left out"
    elif not report["closed"]:
        text += "\n    the file was not closed by its writer: later events may be missing"
    return text


def head_hash(text):
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(digest) != 32 or len(text) != 64:
        raise argparse.ArgumentTypeError("64 hexadecimal digits")
    return digest


def read_known(options):
    known = Known(head=options.head)
    try:
        if options.log:
            text = pathlib.Path(options.log).read_text().split("\n")[0] if os.path.isfile(options.log) else options.log
            known.log_key = Key.parse(text) if "+" in text else None
            known.log_name = known.log_key.name if known.log_key else text
        if options.checkpoint:
            known.older_note = pathlib.Path(options.checkpoint).read_bytes()
            Checkpoint(divide_note(known.older_note)[0])
        if options.proof:
            known.proof = HeadProof(pathlib.Path(options.proof).read_bytes())
            known.check_log(known.proof.verify().origin)
    except OSError as error:
        sys.exit(f"cannot read {error.filename}: {error.strerror}")
    except Malformed as fault:
        sys.exit(f"what is known from elsewhere is not in order: {fault}")
    return known


def parse(arguments=None):
    parser = argparse.ArgumentParser(description="Checks that recorded chains are as they were written.")
    parser.add_argument("--json", action="store_true", help="one JSON object a source instead of text")
    parser.add_argument("--head", type=head_hash, help="the head that the (only) chain must end with")
    parser.add_argument("--checkpoint", metavar="FILE", help="an older checkpoint of the data directory, kept elsewhere")
    parser.add_argument("--proof", metavar="FILE", help="an older proof of one actor's head, kept elsewhere")
    parser.add_argument("--log", metavar="NAME", help="the log that it must be: its name, its key, or a file with the key")
    parser.add_argument("sources", nargs="*", metavar="SOURCE", help="chain files, bundles, data directories, proofs")
    options = parser.parse_args(arguments)
    if options.head is not None and len(options.sources) != 1:
        parser.error("--head takes one file")
    if not options.sources and not options.proof:
        parser.error("name what to verify, or a --proof")
    return options


def main(arguments=None):
    options = parse(arguments)
    known = read_known(options)
    all_good = True
    for path in options.sources or [options.proof]:
        try:
            report = verify(path, known)
        except Unreadable as error:
            report = {"file": path, "ok": False, "error": str(error)}
        all_good &= report["ok"]
        print(json.dumps(report) if options.json else text_of(report))
    return 0 if all_good else 1


if __name__ == "__main__":
    sys.exit(main())
