#!/usr/bin/env python3
"""theater replay, state, bisect and fork as a user runs them, on what theater run has recorded.

commands_test.py THEATER EXAMPLES_FOLDER
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

THEATER, EXAMPLES = sys.argv[1:3]


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        os.environ["THEATER_HOME"] = str(cls.folder / "home")
        cls.data = str(cls.folder / "data")
        run = cls.theater("run", "--data", cls.data, f"{EXAMPLES}/counter", f"{EXAMPLES}/pipeline/collect.toml",
                          "--send", "counter=3", "--send", "counter=apples", "--send", "counter=4",
                          "--request", "counter=total", "--for", "0")
        assert run.returncode == 0, run.stderr

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @staticmethod
    def theater(*arguments):
        return subprocess.run([THEATER, *arguments], capture_output=True, text=True, timeout=60)

    def expect(self, code, *arguments):
        ran = self.theater(*arguments)
        self.assertEqual(ran.returncode, code, f"{arguments}\n{ran.stdout}\n{ran.stderr}")
        return ran

    def on_counter(self, code, command, *arguments):
        return self.expect(code, command, self.data, "--actor", "counter", *arguments)

    def other_component(self):
        """The counter with another word in its log lines."""
        component = pathlib.Path(f"{EXAMPLES}/counter/build/counter.wasm").read_bytes()
        self.assertIn(b"the sum is ", component)
        other = self.folder / "other.wasm"
        other.write_bytes(component.replace(b"the sum is ", b"the SUM is "))
        return str(other)

    def test_the_recorded_component_is_the_same(self):
        ran = self.on_counter(0, "replay")
        self.assertIn("SAME", ran.stdout)
        self.assertIn("events 0 to 13", ran.stdout)
        self.assertIn("SAME", self.on_counter(0, "replay", "--until", "5").stdout)

    def test_all_actors_of_a_data_directory_are_replayed(self):
        text = self.expect(0, "replay", self.data).stdout
        for part in ("(counter): events 0 to 13", "(collect): events 0 to 3", "2 of 2 actors are as recorded, 18 events"):
            self.assertIn(part, text)
        reports = [json.loads(line) for line in self.expect(0, "--json", "replay", self.data).stdout.splitlines()]
        self.assertEqual({report["name"]: report["result"] for report in reports}, {"counter": "same", "collect": "same"})

    def test_another_component_differs_at_an_event_with_a_field(self):
        ran = self.expect(1, "--json", "replay", self.data, "--actor", "counter", "--component", self.other_component())
        report = json.loads(ran.stdout)
        self.assertEqual(report["result"], "differs")
        self.assertEqual(report["divergence"]["sequence"], 4)
        self.assertEqual(report["divergence"]["differences"],
                         [{"field": "params.msg", "recorded": "the sum is 3", "replayed": "the SUM is 3"}])
        text = self.on_counter(1, "replay", "--component", self.other_component()).stdout
        for part in ("DIFFERS", "at event 4", "params.msg", "the SUM is 3", "events 0 to 3 are as recorded"):
            self.assertIn(part, text)

    def test_what_cannot_be_told_is_neither_same_nor_different(self):
        several = self.expect(2, "replay", self.data, "--manifest", f"{EXAMPLES}/counter")
        self.assertIn("collect", several.stderr)
        nothing = str(self.folder / "nothing")
        self.assertIn(f"there is no file or folder {nothing}, and no actor of that name", self.expect(2, "replay", nothing).stderr)
        # What lies nowhere is asked of the server, and none runs.
        self.assertEqual(json.loads(self.expect(2, "--json", "replay", nothing).stdout)["error"]["code"], "unavailable")
        bundle = str(self.folder / "empty.bundle")
        (self.folder / "empty.bundle").write_bytes(b"")
        self.expect(2, "replay", bundle)
        self.on_counter(2, "replay", "--component", f"{EXAMPLES}/counter/manifest.toml")

    def test_a_chain_file_finds_its_component_by_its_manifest(self):
        chains = self.folder / "chains"
        self.expect(0, "run", self.saving_manifest(), "--chains", str(chains), "--send", "counter=3", "--for", "0")
        (chain,) = chains.iterdir()
        self.assertIn("SAME", self.expect(0, "replay", str(chain), "--manifest", f"{EXAMPLES}/counter").stdout)
        without = self.expect(2, "replay", str(chain))
        self.assertIn("NOT TOLD", without.stdout)
        self.assertIn("the component with the SHA-256", without.stdout)

    def saving_manifest(self):
        text = pathlib.Path(f"{EXAMPLES}/counter/manifest.toml").read_text()
        text = text.replace('component = "', f'save_chain = true\ncomponent = "{EXAMPLES}/counter/')
        manifest = self.folder / "saving.toml"
        manifest.write_text(text)
        return str(manifest)

    def test_a_state_is_shown_in_every_form(self):
        three = "54530100080000000300000000000000"
        self.assertEqual(self.on_counter(0, "state", "--at", "5").stdout.strip(), three)
        self.assertEqual(self.on_counter(0, "state", "--at", "5", "-f", "hex").stdout.strip(), three)
        self.assertEqual(self.on_counter(0, "state", "--at", "0").stdout.strip(), "no state")
        shown = json.loads(self.expect(0, "--json", "state", self.data, "--actor", "counter", "--at", "5").stdout)
        self.assertEqual(shown["state"], {"size": 16, "hex": three})
        file = self.folder / "state"
        self.on_counter(0, "state", "-o", str(file))
        self.assertEqual(file.read_bytes()[8:], (7).to_bytes(8, "little"))
        self.on_counter(1, "state", "-o", str(file))
        self.assertIn("0 to 13", self.on_counter(1, "state", "--at", "14").stderr)

    def test_the_first_event_of_a_condition_is_found(self):
        def found(condition):
            ran = self.expect(0, "--json", "bisect", self.data, "--actor", "counter", "--when", condition)
            return json.loads(ran.stdout)["sequence"]

        self.assertEqual(found("u64(state, 8) > 3"), 10)
        self.assertEqual(found("params.msg contains '7'"), 9)
        self.assertEqual(found("kind == 'failed' && message contains \"apples\""), 7)
        self.assertIn("#6 call", self.on_counter(0, "bisect", "--when", "params[0] == 'apples'").stdout)
        self.assertIn("no event up to 13", self.on_counter(1, "bisect", "--when", "false").stdout)
        self.assertIn("at character 1", self.on_counter(2, "bisect", "--when", "stat > 3").stderr)
        refused = self.expect(2, "--json", "bisect", self.data, "--actor", "counter", "--when", "kind == 'faild'")
        self.assertIn("one of the kinds started, call", json.loads(refused.stdout)["error"]["message"])

    def test_a_fork_goes_on_and_is_replayed(self):
        file = self.folder / "fork.chain"
        ran = self.on_counter(0, "fork", "--at", "5", "--send", "counter=100", "--request", "counter=total", "--for",
                              "0", "--save", str(file))
        self.assertIn("counter answered: 103", ran.stdout)
        self.expect(0, "verify", str(file))
        self.expect(0, "replay", str(file), "--manifest", f"{EXAMPLES}/counter")
        noted = json.loads(self.expect(0, "--json", "bisect", str(file), "--when", "type == 'runtime.forked'").stdout)
        self.assertEqual(noted["sequence"], 1)
        started = json.loads(self.expect(0, "--json", "bisect", str(file), "--when", "true").stdout)["event"]
        self.assertEqual(started["reason"], "forked")
        other = self.on_counter(0, "fork", "--at", "5", "--component", self.other_component(), "--send", "counter=1",
                                "--request", "counter=total", "--for", "0")
        self.assertIn("the SUM is 4", other.stdout)
        self.assertIn("0 to 13", self.on_counter(1, "fork", "--at", "14").stderr)
        self.assertIn('"-1" is not the number of an event', self.on_counter(1, "fork", "--at", "-1").stderr)

    def test_a_fork_in_a_data_directory_goes_on_with_the_next_run(self):
        text = pathlib.Path(self.saving_manifest()).read_text().replace("save_chain", "resume")
        manifest = self.folder / "resuming.toml"
        manifest.write_text(text)
        data, other = str(self.folder / "resuming"), str(self.folder / "forked")
        self.expect(0, "run", "--data", data, str(manifest), "--send", "counter=3", "--send", "counter=4", "--for", "0")
        fork = ["--at", "5", "--request", "counter=total", "--for", "0", "--data"]
        # Beside the one that it was forked from, which is resumed and has the name.
        beside = self.expect(0, "fork", data, *fork, data)
        self.assertIn("counter answered: 3", beside.stdout)
        self.assertIn("2 of 2 actors", self.expect(0, "replay", data).stdout)
        actor = json.loads(self.expect(0, "--json", "replay", data).stdout.splitlines()[0])["actor"]
        self.expect(0, "fork", data, "--actor", actor, *fork, other)
        on = self.expect(0, "run", "--data", other, "--send", "counter=10", "--request", "counter=total", "--for", "0")
        self.assertIn("counter answered: 13", on.stdout)
        self.expect(0, "replay", other)
        self.assertIn("resume = true", self.expect(1, "run", "--data", self.data, "--for", "0").stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
