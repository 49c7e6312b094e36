#!/usr/bin/env python3
"""What people do with recorded chains: list, show, compare, bundle, verify, redact, and walk to the causes.

    commands_test.py THEATER SOURCE_FOLDER
"""

import csv
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest

from typist import on_a_terminal

THEATER, ROOT = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
WORDS = "the quick brown fox"


class Commands(unittest.TestCase):
    """One recorded run for all; a test that changes it works on a copy."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="theater_commands_"))
        cls.data = cls.folder / "data"
        cls.record(cls.data, WORDS)
        cls.note = cls.folder / "kept.checkpoint"
        cls.run_theater("checkpoint", cls.data, "-o", cls.note)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    @classmethod
    def record(cls, data, words):
        subprocess.run([THEATER, "run", "collect.toml", "upper.toml", "manifest.toml", "--data", data, "--send", f"words={words}",
                        "--for", "0.5"], cwd=ROOT / "examples" / "pipeline", check=True, capture_output=True, timeout=60, env=cls.environment())

    @classmethod
    def environment(cls):
        return dict(os.environ, THEATER_HOME=str(cls.folder / "home"), THEATER_COLORS="never")

    @classmethod
    def run_theater(cls, *arguments, status=0):
        done = subprocess.run([THEATER, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60,
                              env=cls.environment())
        assert done.returncode == status, f"{arguments} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout if status == 0 else done.stdout + done.stderr

    @classmethod
    def json_of(cls, *arguments, status=0):
        return [json.loads(line) for line in cls.run_theater("--json", *arguments, status=status).splitlines()]

    def copy(self, name):
        shutil.copytree(self.data, self.folder / name)
        return self.folder / name

    def bundle(self, actor, name):
        path = self.folder / name
        self.json_of("bundle", self.data, "--actor", actor, "-o", path)
        return path

    def event_of(self, actor, event_type):
        found = self.json_of("events", self.data, "--actor", actor, "-t", event_type)
        self.assertTrue(found, f"no {event_type} of {actor}")
        return found[0]

    # verify and checkpoint

    def test_a_run_leaves_a_directory_that_is_true_to_its_own_log(self):
        report, = self.json_of("verify", self.data)
        self.assertTrue(report["ok"])
        self.assertEqual({chain["name"] for chain in report["chains"]}, {"words", "upper", "collect"})
        self.assertTrue(report["log"]["ok"])
        self.assertGreaterEqual(report["log"]["checkpoints"], 1)
        for chain in report["chains"]:
            self.assertGreaterEqual(chain["heads_checked"], 1)
            self.assertEqual(chain["payloads_missing"], 0)

    def test_the_verifier_in_python_says_the_same(self):
        done = subprocess.run([sys.executable, "-B", ROOT / "tools" / "verify_chain.py", "--json", "--checkpoint", self.note, self.data],
                              capture_output=True, text=True, check=True)
        theirs, ours = json.loads(done.stdout), self.json_of("verify", "--checkpoint", self.note, self.data)[0]
        self.assertTrue(theirs["ok"])
        self.assertEqual(theirs["log"], ours["log"])
        for one, other in zip(theirs["chains"], ours["chains"]):
            self.assertEqual(one, {key: value for key, value in other.items() if key != "name"})

    def test_a_proof_stands_on_its_own(self):
        actor = self.event_of("collect", "actor.started")["actor"]
        proof = self.folder / "collect.tlog-proof"
        made, = self.json_of("checkpoint", self.data, "--actor", actor, "-o", proof)
        report, = self.json_of("verify", "--proof", proof)
        self.assertEqual((report["actor"], report["events"], report["log"]), (actor, made["events"], made["log"]))
        self.assertIn("not of theater/another", self.run_theater("verify", "--proof", proof, "--log", "theater/another", status=1))
        by_name, = self.json_of("checkpoint", self.data, "--actor", "collect")
        self.assertEqual(by_name["head"], made["head"])
        self.json_of("verify", "--proof", proof, self.data)

    def test_what_cannot_be_verified_is_said(self):
        self.assertIn("no data directory", self.run_theater("verify", ROOT / "docs", status=1))
        self.assertIn("cannot open", self.run_theater("verify", self.folder / "nothing", status=1))
        self.assertIn("name what to verify", self.run_theater("verify", status=1))
        self.assertIn("no data directory", self.run_theater("checkpoint", self.folder, status=1))
        self.assertIn("--checkpoint", self.run_theater("verify", self.note, status=1))
        self.assertEqual(self.json_of("verify", "--head", "00", self.data, status=1)[0]["error"]["code"], "invalid-argument")

    # errors

    def test_every_commands_error_is_an_object_with_json(self):
        nowhere = self.folder / "nowhere"
        for arguments, code in (([], "invalid-argument"), (["perform"], "invalid-argument"), (["inspect"], "invalid-argument"),
                                (["list", "--nonsense"], "invalid-argument"), (["build", nowhere], "not-found"),
                                (["run", nowhere], "not-found"), (["run"], "invalid-argument"), (["run", nowhere, "--send", "x"], "invalid-argument"),
                                (["fork", self.data, "--actor", "collect", "--at", "1000000"], "not-found"),
                                (["fork", self.data, "--actor", "collect", "--at", "5", "--with", nowhere], "not-found"),
                                (["create", "Wrong"], "invalid-argument"),
                                (["message", "x"], "invalid-argument"), (["list-stored", "--chains-dir", nowhere], "not-found")):
            with self.subTest(arguments=arguments):
                told = self.json_of(*arguments, status=1)[-1]
                self.assertEqual(told["error"]["code"], code, told)
        # Its log is on standard error.
        served = subprocess.run([THEATER, "--json", "server", "--no-socket", "-a", "nonsense"], capture_output=True, check=False, timeout=60,
                                env=self.environment())
        self.assertEqual((served.returncode, json.loads(served.stdout)["error"]["code"]), (1, "invalid-argument"))
        self.assertIn("theater inspect: actor is required; theater inspect --help", self.run_theater("inspect", status=1))

    def test_what_a_compiler_says_is_shown_as_it_says_it(self):
        project = self.folder / "broken"
        project.mkdir()
        (project / "broken.c").write_text("int main( {\n")
        (project / "manifest.toml").write_text('name = "broken"\nversion = "1.0.0"\ncomponent = "broken.wasm"\n')
        said = self.run_theater("build", project, status=1)
        self.assertIn("broken.c:1:", said)
        self.assertNotIn("\\x0a", said)
        self.assertIn("\n", self.json_of("build", project, status=1)[0]["error"]["message"])

    # bundle

    def test_a_bundle_has_all_that_belongs_to_the_actor(self):
        path = self.bundle("collect", "collect.bundle")
        report, = self.json_of("verify", path)
        self.assertTrue(report["ok"])
        self.assertEqual((report["components"], report["components_missing"]), (1, 0))
        self.assertEqual((report["manifests"], report["manifests_missing"]), (1, 0))
        self.assertEqual(len(report["checkpoints"]), 1)
        with tarfile.open(path) as tar:
            names = tar.getnames()
            permissions = json.load(tar.extractfile("permissions.json"))
            manifest = tar.extractfile(next(name for name in names if name.startswith("manifests/"))).read()
        self.assertEqual(names[0], "theater-bundle-1.txt")
        self.assertEqual({handler["type"] for handler in permissions["handlers"]}, {"runtime", "message-server"})
        self.assertEqual(manifest, (ROOT / "examples/pipeline/collect.toml").read_bytes())

    def test_a_bundle_leads_to_the_checkpoint_that_its_reader_holds(self):
        data = self.copy("for_a_reader")
        self.record(data, "jumps over")
        actor = self.event_of("upper", "actor.started")["actor"]
        path = self.folder / "upper.bundle"
        self.json_of("bundle", data, "--actor", actor, "--checkpoint", self.note, "-o", path)
        self.assertTrue(self.json_of("verify", "--checkpoint", self.note, path)[0]["ok"])
        other = self.bundle("words", "words.bundle")
        newer = self.folder / "newer_for_reader"
        self.run_theater("checkpoint", data, "-o", newer)
        self.json_of("verify", "--checkpoint", newer, other, status=1)

    def test_a_bundle_is_replayed(self):
        self.run_theater("replay", self.bundle("collect", "replayed.bundle"))

    def test_bundles_are_made_of_chain_files_as_well(self):
        whole = self.bundle("words", "whole.bundle")
        with tarfile.open(whole) as tar:
            names = tar.getnames()
            for name in names:
                (self.folder / pathlib.Path(name).name).write_bytes(tar.extractfile(name).read())
        chain = self.folder / names[1]
        bare, = self.json_of("bundle", chain, "-o", self.folder / "bare.bundle")
        self.assertEqual((bare["components_missing"], bare["proofs"]), (1, 0))
        component = next(self.folder / pathlib.Path(name).name for name in names if name.startswith("components/"))
        full, = self.json_of("bundle", chain, "--component", component, "-o", self.folder / "full.bundle")
        self.assertEqual((full["components"], full["head"]), (1, bare["head"]))
        self.assertIn("names no component", self.run_theater("bundle", chain, "--component", chain, "-o", self.folder / "x", status=1))
        self.assertIn("exists already", self.run_theater("bundle", chain, "-o", whole, status=1))
        self.assertIn("--actor", self.run_theater("bundle", self.data, "-o", self.folder / "x", status=1))

    # events

    def test_events_are_listed_in_every_format(self):
        found = self.json_of("events", self.data, "--actor", "collect")
        self.assertEqual([event["sequence"] for event in found], list(range(len(found))))
        self.assertEqual(len(self.run_theater("events", self.data, "--actor", "collect").splitlines()), 2 * len(found))
        self.assertEqual(len(self.run_theater("events", self.data, "--actor", "collect", "-f", "compact").splitlines()), len(found))
        rows = list(csv.DictReader(io.StringIO(self.run_theater("events", self.data, "--actor", "collect", "-f", "csv"))))
        for row, event in zip(rows, found):
            self.assertEqual((row["actor"], int(row["sequence"]), row["kind"], row["type"], int(row["time_ms"]), row["description"]),
                             tuple(event[name] for name in ("actor", "sequence", "kind", "event_type", "timestamp_ms", "description")))
        detailed = self.run_theater("events", self.data, "--actor", "collect", "-d", "--range", "1..1")
        self.assertEqual(json.loads(detailed[detailed.index("{"):]), found[1])

    def test_events_are_narrowed(self):
        found = self.json_of("events", self.data, "--actor", "collect")
        def listed(*options):
            return [event["sequence"] for event in self.json_of("events", self.data, "--actor", "collect", *options)]
        def wanted(condition):
            return [event["sequence"] for event in found if condition(event)]
        self.assertEqual(listed("--range", "2..4"), [2, 3, 4])
        self.assertEqual(listed("--range", "..1"), [0, 1])
        self.assertEqual(listed("-l", "3"), [0, 1, 2])
        self.assertEqual(listed("-l", "2", "-r"), [len(found) - 1, len(found) - 2])
        self.assertEqual(listed("-k", "call"), wanted(lambda event: event["kind"] == "call"))
        logs = wanted(lambda event: event["event_type"] == "theater:simple/runtime.log")
        self.assertTrue(logs)
        self.assertEqual(listed("-t", "runtime.log"), logs)
        self.assertEqual(listed("-t", "theater:simple/runtime.log"), logs)
        self.assertEqual(listed("-t", "log"), [])
        quick = wanted(lambda event: "QUICK" in json.dumps(event))
        self.assertTrue(quick)
        self.assertEqual(listed("--search", "QUICK"), quick)
        middle = found[len(found) // 2]["time"]
        middle_ms = found[len(found) // 2]["timestamp_ms"]
        for time in (middle, str(middle_ms)):
            self.assertEqual(listed("--from", time), wanted(lambda event: event["timestamp_ms"] >= middle_ms))
            self.assertEqual(listed("--to", time), wanted(lambda event: event["timestamp_ms"] <= middle_ms))
        self.assertEqual(listed("--from", "2100-01-01"), [])
        sizes = [len(line.encode()) for line in self.run_theater("events", self.data, "-s", "size", "-f", "json").splitlines()]
        self.assertEqual(sizes, sorted(sizes))
        types = [event["event_type"] for event in self.json_of("events", self.data, "-s", "type", "-r", "-l", "5")]
        self.assertEqual(types, sorted(types, reverse=True))
        for bad, said in ((["--range", "4"], "--range takes"), (["--from", "yesterday"], "--from takes"), (["--range", "a..b"], "--range takes"),
                          (["--to", "2026-01-31T12:00:00"], "--to takes"), (["-k", "calls"], "--kind")):
            self.assertIn(said, self.run_theater("events", self.data, *bad, status=1))

    def test_events_of_all_actors_are_told_apart_and_sorted_by_time(self):
        found = self.json_of("events", self.data, "-s", "time")
        self.assertEqual(len({event["actor"] for event in found}), 3)
        times = [event["time"] for event in found]
        self.assertEqual(times, sorted(times))

    def test_what_lies_nowhere_is_taken_for_an_actor_and_that_is_said(self):
        said = self.run_theater("events", self.folder / "nothing.chain", "-a", "unix:/nonexistent/socket", status=1)
        self.assertIn("no server listens", said)
        said = self.run_theater("events", self.folder / "nothing.chain", status=1)
        self.assertIn(f"there is no file or folder {self.folder}/nothing.chain", said)
        self.assertIn("--actor chooses", self.run_theater("events", self.folder / "nothing.chain", "--actor", "collect", status=1))
        self.assertIn("error", self.json_of("events", self.folder / "nothing.chain", status=1)[0])

    def test_events_of_a_broken_chain_end_with_an_error(self):
        path = self.bundle("collect", "to_break.bundle")
        with tarfile.open(path) as tar:
            chain = self.folder / "broken.chain"
            content = bytearray(tar.extractfile(tar.getnames()[1]).read())
        content[-200] ^= 1
        chain.write_bytes(content)
        self.assertIn("broken", self.run_theater("events", chain, status=1))

    # show

    def test_an_event_is_shown_by_its_types(self):
        call = self.event_of("upper", "message-server-client.handle-send")
        shown, = self.json_of("show", self.data, call["sequence"], "--actor", "upper")
        self.assertEqual(shown["hash"], call["hash"])
        self.assertIn("the", json.dumps(shown["decoded"]["params"]))
        text = self.run_theater("show", self.data, call["sequence"], "--actor", "upper")
        self.assertIn(f"event {call['cause']['sequence']} of {call['cause']['actor']}", text)
        host_call = self.event_of("upper", "message-server-host.send")
        shown, = self.json_of("show", self.data, host_call["sequence"], "--actor", "upper")
        self.assertEqual(sorted(shown["decoded"]["params"]), ["actor-id", "msg"], "the guest's field names")
        self.assertEqual(shown["call_sequence"], call["sequence"])
        self.assertIn("in call", self.run_theater("show", self.data, host_call["sequence"], "--actor", "upper"))

    def test_an_event_that_is_not_there_is_said(self):
        self.assertIn("has no event 99999", self.run_theater("show", self.data, "99999", "--actor", "upper", status=1))

    # diff

    def test_two_runs_of_the_same_are_alike_and_of_another_are_not(self):
        other = self.folder / "other"
        self.record(other, WORDS)
        report, = self.json_of("diff", self.data, other, "--actor", "collect")
        self.assertTrue(report["alike"])
        self.assertNotEqual(report["first"]["actor"], report["second"]["actor"])
        different = self.folder / "different"
        self.record(different, WORDS.replace("brown", "red"))
        report, = self.json_of("diff", self.data, different, "--actor", "collect", "--other-actor", "collect", status=1)
        self.assertEqual(report["differences"][0]["field"], "params")
        self.assertIn("BROWN", report["differences"][0]["first"])
        self.assertIn("RED", report["differences"][0]["second"])
        self.assertIn("DIFFERENT", self.run_theater("diff", self.data, different, "--actor", "collect", "--other-actor", "collect",
                                                    status=1))

    def test_a_chain_and_its_own_copy_are_one_to_the_last_hash(self):
        report, = self.json_of("diff", self.data, self.bundle("upper", "copy.bundle"), "--actor", "upper")
        self.assertEqual(report["events_same"], report["first"]["events"])

    def test_of_a_fork_and_its_origin_what_came_after_it_is_compared(self):
        end = next(event["sequence"] for event in self.json_of("events", self.data, "--actor", "collect", "-k", "returned", "--range", "3.."))
        paths = {words: self.folder / f"{words}.chain" for words in ("QUICK", "SLOW")}
        for words, path in paths.items():
            self.run_theater("fork", self.data, "--actor", "collect", "--at", end, "--send", f"collect={words}", "--for", "0.2", "--save", path)
        report, = self.json_of("diff", self.data, paths["SLOW"], "--actor", "collect", status=1)
        self.assertEqual((report["fork"], report["events_alike"], report["first"]["sequence"]), ("second", 0, end + 1))
        report, = self.json_of("diff", paths["QUICK"], self.data, "--other-actor", "collect", status=1)
        self.assertEqual((report["fork"], report["events_alike"], report["differences"][0]["field"]), ("first", 0, "cause"))
        self.assertIn(f"goes on from event {end}", self.run_theater("diff", paths["QUICK"], self.data, "--other-actor", "collect", status=1))

    # causes

    def test_causes_lead_through_the_chains_to_the_outside(self):
        last = self.json_of("events", self.data, "--actor", "collect", "--search", "FOX")[-1]
        report, = self.json_of("causes", self.data, last["sequence"], "--actor", "collect")
        actors = [step["event"]["actor"] for step in report["steps"]]
        expected = [self.event_of(name, "actor.started")["actor"] for name in ("collect", "upper", "words")]
        self.assertEqual(actors[:3], expected)
        self.assertIn("outside", report["end"])
        text = self.run_theater("causes", self.data, last["sequence"], "--actor", "collect")
        self.assertEqual(text.count("caused by"), len(report["steps"]) - 1)

    def test_causes_end_where_a_chain_is_not_there(self):
        path = self.bundle("collect", "alone.bundle")
        last = self.json_of("events", path, "--search", "FOX")[-1]
        report, = self.json_of("causes", path, last["sequence"])
        self.assertEqual(len(report["steps"]), 1)
        self.assertIn("--in", report["end"])
        report, = self.json_of("causes", path, last["sequence"], "--in", self.data)
        self.assertGreater(len(report["steps"]), 2)

    # events-explore

    def test_the_screen_leads_from_an_event_to_its_causes_and_back(self):
        steps = [b"collect", b"/FOX\r", b"with", b"\x1b[F", b"FOX", b"c", b"  upper ", b"c", b"  words ", b"bb", b"  collect ", b"\r",
                 b"params", b"q"]
        shown, mode_is_same, code = on_a_terminal([THEATER, "events-explore", self.data, "--actor", "collect"], self.environment(), steps)
        self.assertEqual((code, mode_is_same), (0, True), shown)

    # list-stored

    def test_what_is_stored_is_listed_wherever_it_lies(self):
        listed = {row["name"]: row for row in self.json_of("list-stored", "--chains-dir", self.data)}
        self.assertEqual(set(listed), {"collect", "upper", "words"})
        folder = self.folder / "some_bundles"
        folder.mkdir()
        self.assertIn("no chains", self.run_theater("list-stored", "--chains-dir", folder))
        self.json_of("bundle", self.data, "--actor", "upper", "-o", folder / "upper.bundle")
        row, = self.json_of("list-stored", "--chains-dir", folder)
        self.assertEqual({**row, "source": ""}, {**listed["upper"], "source": ""})
        (folder / "broken.chain").write_text("no chain")
        self.assertIn("broken.chain", self.run_theater("list-stored", "--chains-dir", folder, status=1))
        self.run_theater("list-stored", "--chains-dir", self.folder / "nowhere", status=1)

    # redact

    def test_a_removed_value_is_gone_and_every_proof_holds(self):
        data = self.folder / "with_secret"
        secret = "SECRET" * 400
        self.record(data, secret)
        path = self.folder / "secret.bundle"
        self.json_of("bundle", data, "--actor", "words", "-o", path)
        self.assertIn(b"SECRETSECRET", path.read_bytes())
        found = self.json_of("events", path, "--search", "SECRET")
        self.assertTrue(found)
        before, = self.json_of("verify", path)
        removed, = self.json_of("redact", path, *[word for event in found for word in ("--event", event["sequence"])])
        self.assertGreaterEqual(removed["values"], 1)
        self.assertNotIn(b"SECRETSECRET", path.read_bytes())
        after, = self.json_of("verify", path)
        self.assertTrue(after["ok"])
        self.assertEqual(after["head"], before["head"])
        self.assertGreater(after["payloads_missing"], before["payloads_missing"])
        self.assertEqual(self.json_of("events", path, "--search", "SECRET"), [])
        self.assertIn("nothing can be removed", self.run_theater("redact", path, "--event", "0", status=1))
        self.assertIn("name what to remove", self.run_theater("redact", path, status=1))

    def test_values_are_removed_from_a_data_directory_and_both_verifiers_agree(self):
        data = self.folder / "with_secrets"
        secret, other = "SECRET" * 400, "public" * 400
        self.record(data, secret)
        self.record(data, other)
        note = self.folder / "with_secrets.checkpoint"
        self.run_theater("checkpoint", data, "-o", note)
        before, = self.json_of("verify", data)
        def files_hold(text):
            return any(text in segment.read_bytes() for segment in (data / "segments").iterdir())
        self.assertTrue(files_hold(b"SECRETSECRET"))
        self.assertTrue(files_hold(b"PUBLICPUBLIC"))
        actors = [chain["actor"] for chain in before["chains"]]
        self.assertIn("--actor", self.run_theater("redact", data, "--event", "3", status=1))
        self.assertIn("copy it first", self.run_theater("redact", data, "--all", "-o", self.folder / "x", status=1))
        self.assertIn("no data directory", self.run_theater("redact", ROOT / "docs", "--digest", "0" * 64, status=1))
        for actor in actors:
            found = [event["sequence"] for event in self.json_of("events", data, "--actor", actor, "--search", "SECRET")]
            if found:
                removed, = self.json_of("redact", data, "--actor", actor, *[word for one in found for word in ("--event", one)])
                self.assertEqual(removed["directory"], str(data))
        self.assertFalse(files_hold(b"SECRETSECRET"))
        self.assertTrue(files_hold(b"PUBLICPUBLIC"))
        after, = self.json_of("verify", "--checkpoint", note, data)
        self.assertTrue(after["ok"])
        self.assertEqual([chain["head"] for chain in after["chains"]], [chain["head"] for chain in before["chains"]])
        self.assertGreater(sum(chain["payloads_missing"] for chain in after["chains"]), 0)
        done = subprocess.run([sys.executable, "-B", ROOT / "tools" / "verify_chain.py", "--json", "--checkpoint", note, data],
                              capture_output=True, text=True, check=True)
        self.assertEqual([chain["payloads_missing"] for chain in json.loads(done.stdout)["chains"]],
                         [chain["payloads_missing"] for chain in after["chains"]])
        self.assertGreaterEqual(self.json_of("redact", data, "--all")[0]["values"], 1)
        self.assertFalse(files_hold(b"PUBLICPUBLIC"))
        self.assertEqual(self.json_of("redact", data, "--all")[0]["values"], 0)
        self.record(data, "and goes on")
        self.assertTrue(self.json_of("verify", "--checkpoint", note, data)[0]["ok"])

    # bench

    def test_the_bench_measures_a_disk_and_leaves_nothing_on_it(self):
        where = self.folder / "disk"
        where.mkdir()
        for durability in ("none", "batched", "sync"):
            report, = self.json_of("bench", "ping-pong", "--actors", "8", "--seconds", "0.2", "--data", where, "--durability", durability)
            self.assertEqual(report["durability"], durability)
            self.assertGreater(report["events"], 0)
            self.assertGreater(report["fdatasync_p50_us"], 0)
            self.assertGreater(report["disk_write_rate"], 0)
            self.assertEqual(report["disk_events_rate"] > 0, durability != "none")
        self.assertIn("fdatasync", self.run_theater("bench", "requests", "--seconds", "0.1", "--data", where, "--durability", "sync"))
        self.assertEqual(list(where.iterdir()), [])
        self.assertIn("--data", self.run_theater("bench", "ping-pong", "--durability", "sync", status=1))

    def test_the_doctor_looks_at_directories_and_components(self):
        said = self.run_theater("doctor", self.data, ROOT / "examples" / "counter")
        self.assertRegex(said, rf"good     {self.data}: a data directory with [\d,]+ events of 3 actors")
        self.assertIn("counter: the component and its manifest go together", said)
        self.assertIn("server: none runs for this user", said)
        bad = self.folder / "bad.toml"
        component = ROOT / "examples" / "counter" / "build" / "counter.wasm"
        bad.write_text(f"name = 'bad'\ncomponent = '{component}'\n[[handler]]\ntype = 'supervisor'\n")
        told = json.loads(self.run_theater("--json", "doctor", bad, status=1))
        self.assertFalse(told["ok"])
        self.assertIn("which its manifest does not grant", " ".join(one["text"] for one in told["findings"] if one["level"] == "problem"))
        said = self.run_theater("doctor", bad, status=1)
        self.assertIn("\n         [[handler]]\n", said)
        self.assertNotIn("\\x0a", said)
        denied = self.folder / "denied.toml"
        denied.write_text(f"name = 'denied'\ncomponent = '{component}'\n[[handler]]\ntype = 'runtime'\n[[handler]]\ntype = "
                          "'message-server'\n[[handler]]\ntype = 'random'\n[permission_policy.runtime]\ntype = 'disallow'\n")
        self.assertIn('the handler "random" is not available in this runtime', self.run_theater("doctor", denied, status=1))
        denied.write_text(denied.read_text().replace("[[handler]]\ntype = 'random'\n", "[[handler]]\ntype = 'timing'\n"))
        said = self.run_theater("doctor", denied)
        self.assertIn("every call of it will be refused: denied by ", said)
        self.assertIn("the component uses nothing of the handler timing", said)

    def test_a_damaged_directory_is_a_problem_for_the_doctor(self):
        damaged = self.copy("damaged_for_the_doctor")
        segment = next(one for one in (damaged / "segments").iterdir() if WORDS.encode() in one.read_bytes())
        content = bytearray(segment.read_bytes())
        content[content.index(WORDS.encode())] ^= 1
        segment.write_bytes(content)
        self.assertIn("problem  ", self.run_theater("doctor", damaged, status=1))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
