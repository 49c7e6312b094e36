#!/usr/bin/env python3
"""`theater run --data DIR`: what was answered is there after kill -9, and one process owns a directory.

    run_data_test.py THEATER COUNTER_COMPONENT
"""

import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

MANIFEST = """
name = "counter"
component = "counter.wasm"
resume = true
[chain]
durability = "sync"
[[handler]]
type = "runtime"
[[handler]]
type = "message-server"
"""


class RunData(unittest.TestCase):
    theater = ""
    component = ""

    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.scratch.name)
        (self.folder / "manifest.toml").write_text(MANIFEST, encoding="utf-8")
        shutil.copy(self.component, self.folder / "counter.wasm")

    def tearDown(self):
        self.scratch.cleanup()

    def command(self, *arguments):
        return [self.theater, "--json", "run", "--shards", "1", "--data", "data", *arguments]

    def run_theater(self, *arguments):
        done = subprocess.run(self.command(*arguments), cwd=self.folder, capture_output=True, text=True, check=False,
                              timeout=60)
        return done, [json.loads(line) for line in done.stdout.splitlines()]

    def start(self, *arguments):
        return subprocess.Popen(self.command(*arguments), cwd=self.folder, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    @staticmethod
    def wait_for(process, what):
        for line in process.stdout:
            said = json.loads(line)
            if said["what"] == what:
                return said
        raise AssertionError(f"{what} was never said: {process.stderr.read()}")

    def test_what_was_answered_is_there_after_kill_9(self):
        total, actor, events = 0, None, 0
        for round_number in range(1, 6):
            process = self.start("manifest.toml", "--send", f"counter={round_number}", "--request", "counter=total")
            total += round_number
            self.assertEqual(self.wait_for(process, "answer")["answer"], str(total))
            process.send_signal(signal.SIGKILL)
            process.communicate()
        done, lines = self.run_theater("--request", "counter=total", "--for", "0")
        self.assertEqual(done.returncode, 0, done.stderr)
        by_what = {line["what"]: line for line in lines}
        self.assertEqual(by_what["answer"]["answer"], str(total))
        self.assertTrue(by_what["chain"]["verified"])
        actor, events = by_what["chain"]["id"], by_what["chain"]["events"]
        self.assertGreaterEqual(events, 5 * 6)
        _, lines = self.run_theater("manifest.toml", "--for", "0")
        chains = [line for line in lines if line["what"] == "chain"]
        self.assertEqual([chain["id"] for chain in chains], [actor], "the manifest's actor goes on, no other is made")
        self.assertEqual(chains[0]["events"], events + 4,
                         "a start, init and its return, an end")

    def test_a_second_process_is_told_who_owns_the_directory(self):
        process = self.start("manifest.toml")
        self.wait_for(process, "started")
        done, lines = self.run_theater("manifest.toml", "--for", "0")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"process {process.pid}", lines[-1]["error"]["message"])
        process.send_signal(signal.SIGINT)
        process.communicate()
        self.assertEqual(process.returncode, 130)
        done, _ = self.run_theater("--for", "0")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_damage_is_told_and_the_actor_does_not_go_on(self):
        self.run_theater("manifest.toml", "--send", "counter=123456", "--request", "counter=total", "--for", "0")
        segment = next((self.folder / "data" / "segments").iterdir())
        content = bytearray(segment.read_bytes())
        content[content.index(b"123456")] ^= 1
        segment.write_bytes(content)
        done, lines = self.run_theater("--for", "0")
        self.assertEqual(done.returncode, 1)
        told = [line["error"]["message"] for line in lines if "error" in line]
        self.assertEqual(len(told), 1, lines)
        self.assertIn("not resumed", told[0])
        self.assertIn("event 3", told[0])
        self.assertFalse([line for line in lines if line.get("what") == "started"])


if __name__ == "__main__":
    RunData.theater, RunData.component = (str(pathlib.Path(path).resolve()) for path in sys.argv[1:3])
    unittest.main(argv=sys.argv[:1])
