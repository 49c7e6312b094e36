#!/usr/bin/env python3
"""A data directory that a run wrote is signed as it grows, and an older checkpoint tells what was done to it behind its back.

    checkpoints_test.py THEATER COUNTER_COMPONENT
"""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

MANIFEST = """
name = "counter"
component = "counter.wasm"
resume = true
[[handler]]
type = "runtime"
[[handler]]
type = "message-server"
"""

LINK, GROUP, INDEX = 1, 17, 18
FRAME_BYTES, DIGEST_BYTES = 9, 32
MAGIC_BYTES = 16
PREVIOUS = slice(17, 49)


def records_of(segment):
    """[(place, kind, bytes of its content)] of a whole segment."""
    at, found = MAGIC_BYTES, []
    while at < len(segment):
        length = struct.unpack_from("<I", segment, at + 1)[0]
        found.append((at, segment[at], length))
        at += FRAME_BYTES + length + DIGEST_BYTES
    return found


def last_segment(data):
    return max((data / "segments").iterdir())


class Checkpoints(unittest.TestCase):
    theater = ""
    component = ""

    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.scratch.name)
        (cls.folder / "manifest.toml").write_text(MANIFEST, encoding="utf-8")
        shutil.copy(cls.component, cls.folder / "counter.wasm")
        cls.run_on("data", "manifest.toml", "--send", "counter=1")
        shutil.copytree(cls.folder / "data", cls.folder / "before")
        cls.run_on("data", "--send", "counter=123456", "--request", "counter=total")
        cls.note = cls.folder / "kept.checkpoint"
        cls.said("checkpoint", "data", "-o", "kept.checkpoint")

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    @classmethod
    def said(cls, *arguments, status=0):
        done = subprocess.run([cls.theater, "--json", *arguments], cwd=cls.folder, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == status, f"{arguments} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return [json.loads(line) for line in done.stdout.splitlines()]

    @classmethod
    def run_on(cls, data, *arguments):
        return cls.said("run", "--shards", "1", "--data", data, *arguments, "--for", "0")

    def verify(self, data, checkpoint=None, status=0):
        report, = self.said("verify", *(["--checkpoint", str(checkpoint)] if checkpoint else []), data, status=status)
        return report

    def copy(self, name):
        shutil.copytree(self.folder / "data", self.folder / name)
        return self.folder / name

    def fault_of(self, report):
        """What is wrong with the one chain."""
        self.assertTrue(report["log"]["ok"], report)
        return report["chains"][0]["fault"]

    def test_a_run_is_signed_to_its_last_event(self):
        report = self.verify("data", self.note)
        self.assertTrue(report["ok"])
        self.assertGreaterEqual(report["log"]["checkpoints"], 2)
        self.assertEqual(report["log"]["unsigned_entries"], 0)
        chain, = report["chains"]
        self.assertGreaterEqual(chain["heads_checked"], 2)
        proof, = self.said("checkpoint", "data", "--actor", chain["actor"])
        self.assertEqual((proof["events"], proof["head"]), (chain["events"], chain["head"]), "the last head is signed")

    def test_a_log_that_goes_on_begins_with_what_was_signed_before(self):
        data = self.copy("later")
        self.run_on("later", "--send", "counter=5")
        report = self.verify("later", self.note)
        self.assertTrue(report["ok"])
        self.assertEqual(report["log"]["log"], self.verify("data")["log"]["log"], "the key stays")
        self.said("checkpoint", "later", "--since", str(self.note), "-o", "growth")
        grown, = self.said("verify", "--checkpoint", str(self.note), "--log", str(data / "log.pub"), "growth")
        self.assertLess(grown["old_size"], grown["size"])

    def test_after_kill_9_the_log_goes_on(self):
        self.copy("killed")
        process = subprocess.Popen([self.theater, "--json", "run", "--data", "killed", "--send", "counter=1", "--request", "counter=total"],
                                   cwd=self.folder, stdout=subprocess.PIPE, text=True)
        while json.loads(process.stdout.readline())["what"] != "answer":
            pass
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.assertTrue(self.verify("killed", self.note)["ok"])
        self.run_on("killed", "--send", "counter=1")
        self.assertTrue(self.verify("killed", self.note)["ok"])

    def test_an_end_that_was_cut_off_is_missed(self):
        segment = last_segment(self.copy("cut"))
        links = [at for at, kind, _ in records_of(segment.read_bytes()) if kind == LINK]
        os.truncate(segment, links[-1])
        self.assertIn("cut off", self.fault_of(self.verify("cut", status=1))["what"])
        self.assertIn("cut off", self.fault_of(self.verify("cut", self.note, status=1))["what"])
        # Who goes on with it is told, and does not make it good.
        done = subprocess.run([self.theater, "run", "--data", "cut", "--for", "0"], cwd=self.folder, capture_output=True, text=True,
                              check=False, timeout=60)
        self.assertIn("was changed", done.stderr)
        self.verify("cut", self.note, status=1)

    def test_a_copy_put_back_is_told_from_what_was_signed_since(self):
        self.assertTrue(self.verify("before")["ok"], "nobody can tell without")
        report = self.verify("before", self.note, status=1)
        self.assertIn("rolled back", report["log"]["fault"])

    def test_a_copy_that_went_on_in_another_way_is_told(self):
        shutil.copytree(self.folder / "before", self.folder / "forked")
        for _ in range(3):
            self.run_on("forked", "--send", "counter=654321")
        self.assertTrue(self.verify("forked")["ok"], "nobody can tell without")
        self.assertFalse(self.verify("forked", self.note, status=1)["log"]["ok"])

    def resealed(self, name):
        """A copy in which the last message is another, with all later hashes made anew, and the index that names them left out."""
        data = self.copy(name)
        segment = last_segment(data)
        content, head, old_head = bytearray(segment.read_bytes()), None, None
        for at, kind, length in records_of(content):
            if kind == INDEX:
                break
            if kind == GROUP:
                end = at
            if kind != LINK:
                continue
            link = content[at + FRAME_BYTES : at + FRAME_BYTES + length]
            if old_head is not None:
                self.assertEqual(link[PREVIOUS], old_head)
                link[PREVIOUS] = head
            old_head = bytes(content[at + FRAME_BYTES + length : at + FRAME_BYTES + length + DIGEST_BYTES])
            link = link.replace(b"123456", b"923456")
            head = hashlib.sha256(link).digest()
            content[at + FRAME_BYTES : at + FRAME_BYTES + length + DIGEST_BYTES] = link + head
        segment.write_bytes(content[:end])
        return data

    def test_a_chain_that_was_written_anew_is_told(self):
        self.resealed("resealed")
        self.assertIn("written anew", self.fault_of(self.verify("resealed", status=1))["what"])
        self.assertIn("written anew", self.fault_of(self.verify("resealed", self.note, status=1))["what"])

    def test_a_chain_and_a_log_that_were_written_anew_with_the_key_are_told_by_an_older_checkpoint(self):
        data = self.resealed("resealed_with_key")
        log = (data / "heads.log").read_bytes()
        (data / "heads.log").write_bytes(log[:MAGIC_BYTES])
        self.run_on("resealed_with_key")
        self.assertTrue(self.verify("resealed_with_key")["ok"], "nobody can tell without")
        self.assertFalse(self.verify("resealed_with_key", self.note, status=1)["log"]["ok"])


if __name__ == "__main__":
    Checkpoints.theater, Checkpoints.component = (str(pathlib.Path(path).resolve()) for path in sys.argv[1:3])
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
