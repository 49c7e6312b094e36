#!/usr/bin/env python3
"""commands_test.py THEATER COMPONENTS: the program's commands against a running server."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import unittest

from wire import Server

PROGRAM, COMPONENTS = sys.argv[1:3]


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(PROGRAM, COMPONENTS)
        cls.folder = cls.server.folder.name

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        cls.server.close()
        assert code == 0

    def run_it(self, *arguments, code=0, given=b"", environment=None):
        """Standard output; standard error is in self.said."""
        run = subprocess.run([PROGRAM, *arguments], env=dict(self.server.environment, **(environment or {})), input=given,
                             capture_output=True, timeout=60)
        self.said = run.stderr.decode()
        self.assertEqual(run.returncode, code, (arguments, run.stdout, self.said))
        return run.stdout.decode()

    def manifest(self, name, component="guests/echo"):
        path = os.path.join(self.folder, name + ".toml")
        with open(path, "w") as file:
            file.write(self.server.manifest(name, component))
        return path

    def test_from_start_to_stop(self):
        actor = self.run_it("start", self.manifest("whole")).strip()
        self.assertIn(f"{actor}  running  whole\n", self.run_it("list"))
        self.assertEqual(self.run_it("message", "whole", "hello"), "")
        self.assertEqual(self.run_it("message", "whole", "state", "-r"), "hello\n")
        self.assertEqual(self.run_it("request", actor, "how are you"), "how are you\n")
        self.assertEqual(self.run_it("state", "whole"), "hello\n")
        self.assertIn("name     whole", self.run_it("inspect", "whole"))
        self.assertIn('"message-server"', self.run_it("inspect", "whole", "-d"))
        self.assertEqual(self.run_it("stop", "whole"), f"{actor} stopped\n")
        self.assertNotIn(actor, self.run_it("list"))
        self.assertIn(f"{actor}  stopped  whole\n", self.run_it("list", "--all"))
        self.assertIn("ended    requested", self.run_it("inspect", actor))

    def test_a_word_that_is_no_command_is_named(self):
        self.run_it("insepct", "x", code=1)
        self.assertEqual(self.said, "theater: there is no command insepct; did you mean inspect?\n")
        self.run_it("perform", code=1)
        self.assertEqual(self.said, "theater: there is no command perform; theater --help lists them\n")
        self.run_it(code=1)
        self.assertIn("A subcommand is required", self.said)

    def test_a_paused_actor_takes_messages_and_runs_them_later(self):
        actor = self.run_it("start", self.manifest("halting")).strip()
        self.assertEqual(self.run_it("pause", "halting"), f"{actor} paused\n")
        self.assertIn(f"{actor}  paused  halting\n", self.run_it("list"))
        self.run_it("pause", "halting", code=1)
        self.run_it("send", "halting", "waits")
        self.run_it("request", "halting", "state", "-t", "0.2", code=1)
        self.assertEqual(self.run_it("unpause", "halting"), f"{actor} running\n")
        self.assertEqual(self.run_it("request", "halting", "state"), "waits\n")
        self.run_it("unpause", "halting", code=1)
        self.run_it("stop", "halting")

    def test_a_restarted_actor_has_its_id_and_its_first_state(self):
        actor = self.run_it("start", self.manifest("anew")).strip()
        self.run_it("send", "anew", "forgotten")
        self.assertEqual(self.run_it("restart", "anew"), f"{actor} running\n")
        self.assertNotIn("forgotten", self.run_it("state", "anew"))
        self.run_it("stop", "anew")
        self.assertEqual(self.run_it("restart", actor), f"{actor} running\n")
        self.assertEqual(self.run_it("request", "anew", "hello"), "hello\n")

    def test_an_actor_is_updated_and_a_preflight_tells_what_would_change(self):
        actor = self.run_it("start", self.manifest("updated", "guests/update_first")).strip()
        self.run_it("send", "updated", "1")
        self.assertEqual(self.run_it("request", "updated", "?"), "first 1 1\n")
        self.assertRegex(self.run_it("inspect", "updated"), r"\nruns     component [0-9a-f]{64}, spawned at event 0\n")
        second = os.path.join(COMPONENTS, "guests/update_second.wasm")
        said = self.run_it("update", "updated", second, "--preflight", code=2)
        self.assertIn("DIFFERS  updated was left as it is", said)
        self.assertIn("handle-request", said)
        self.assertIn("recorded", said)
        found = json.loads(self.run_it("--json", "update", "updated", second, "--preflight", code=2))
        self.assertEqual((found["updated"], found["preflight"]["result"]), (False, "differs"))
        self.assertEqual(self.run_it("request", "updated", "?"), "first 1 1\n")
        self.assertIn("UPDATED  updated: ", self.run_it("update", "updated", second))
        self.assertEqual(self.run_it("request", actor, "?"), "second 1 0\n")
        with open(second, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        self.assertRegex(self.run_it("inspect", "updated"), rf"\nruns     component {digest}, updated at event \d+\n")
        self.assertEqual(json.loads(self.run_it("--json", "inspect", "updated"))["component"], digest)
        self.run_it("update", "updated", os.path.join(COMPONENTS, "boss.wasm"), code=1)
        self.assertIn("theater:simple/supervisor", self.said)
        self.run_it("update", "updated", second + ".none", code=1)
        self.assertIn("runtime.updated", self.run_it("events", "updated"))

    def test_children_are_listed_with_their_parent(self):
        actor = self.run_it("start", self.manifest("parent")).strip()
        self.assertEqual(self.run_it("list", "-c", "parent"), "no actors run\n")
        body = {"manifest": self.server.manifest("child", "guests/echo"), "base_directory": "/", "parent": actor}
        with self.server.unix() as http:
            child = http.json("POST", "/v1/actors", body)[2]["id"]
        self.assertEqual(self.run_it("list", "-c", "parent"), f"{child}  running  child\n")
        self.run_it("list", "-c", "nobody", code=1)
        self.run_it("stop", "parent")
        self.assertNotIn(child, self.run_it("list"))

    def narrowed(self, name, more):
        path = self.manifest(name)
        with open(path, "a") as file:
            file.write(more)
        return path

    def test_permissions_are_shown_with_the_lines_that_they_come_from(self):
        parent = self.narrowed("above", "[permission_policy.message_server]\ntype = 'restrict'\nconfig = { can_send = false }\n")
        child = self.manifest("below")
        shown = self.run_it("inspect", "--permissions", child, "--parent", parent)
        self.assertRegex(shown, rf"can_send +false +{parent}:\d+, \[permission_policy.message_server\] of above\n")
        self.assertRegex(shown, rf"message-server +allowed +{child}:\d+, \[\[handler\]\] of below\n")
        actor = self.run_it("start", parent).strip()
        body = {"manifest": self.server.manifest("below", "guests/echo"), "base_directory": "/", "parent": actor}
        with self.server.unix() as http:
            http.json("POST", "/v1/actors", body)
        handlers = {one["handler"]: one for one in json.loads(self.run_it("--json", "inspect", "--permissions", "below"))["handlers"]}
        self.assertFalse(handlers["message-server"]["fields"]["can_send"]["value"])
        self.assertEqual(handlers["message-server"]["fields"]["can_send"]["from"][0]["actor"], "above")
        self.run_it("inspect", "--permissions", "nowhere", code=1)
        self.assertIn("there is no file or folder nowhere, and no actor of that name", self.said)
        self.run_it("stop", "above")

    def test_the_doctor_tells_who_waits_for_whom(self):
        self.run_it("start", self.manifest("b", "guests/asks_back"))
        asker = self.run_it("start", self.manifest("a", "guests/asks_back")).strip()
        asked = json.loads(self.run_it("--json", "pause", "b"))["id"]
        self.run_it("send", "a", "b")
        with self.server.unix() as http:
            waits = []
            while not waits:
                waits = http.json("GET", "/v1/waits")[2]["waits"]
        self.assertEqual((waits[0]["actor"], waits[0]["waits_for"]), (asker, asked))
        said = self.run_it("doctor")
        self.assertIn(f"a ({asker}) waits in theater:simple/message-server-host.request since ", said)
        self.assertIn(f" for the answer of {asked} to {waits[0]['awaited']}, and gives up in ", said)
        self.assertIn(f"b ({asked}) waits for nobody: it is paused, 1 message in its mailbox, 0 requests unanswered", said)
        told = json.loads(self.run_it("--json", "doctor"))
        self.assertTrue(told["ok"])
        self.assertEqual(told["waits"]["waits"][0]["awaited"], waits[0]["awaited"])
        self.run_it("terminate", "a")
        self.run_it("stop", "b")

    def test_turns_and_their_fuel_are_told(self):
        self.run_it("start", self.manifest("metered"))
        self.run_it("request", "metered", "x")
        self.assertRegex(self.run_it("inspect", "metered"), r"turns    \d+, with [\d,]+ fuel, the last with [\d,]+\n")
        self.run_it("stop", "metered")

    def test_what_is_json_is_json(self):
        actor = json.loads(self.run_it("--json", "start", self.manifest("machine")))["id"]
        self.assertEqual(json.loads(self.run_it("--json", "request", "machine", "hi"))["text"], "hi")
        self.assertEqual(json.loads(self.run_it("--json", "inspect", "machine"))["id"], actor)
        for line in self.run_it("--json", "list").splitlines():
            json.loads(line)
        kinds = [json.loads(line)["kind"] for line in self.run_it("--json", "events", "machine").splitlines()]
        self.assertEqual(kinds[0], "started")
        self.assertGreaterEqual(json.loads(self.run_it("--json", "server", "status"))["actors_living"], 1)
        error = json.loads(self.run_it("--json", "inspect", "nobody", code=1))["error"]
        self.assertEqual(error["code"], "not-found")
        self.assertEqual(json.loads(self.run_it("--json", "terminate", "machine"))["end"]["reason"], "terminated")

    def test_messages_come_from_files_and_states_leave_as_they_are(self):
        path = os.path.join(self.folder, "message")
        with open(path, "wb") as file:
            file.write(b'{"a": [1, 2]}')
        self.run_it("start", self.manifest("filed"))
        self.run_it("send", "filed", "-f", path)
        self.assertEqual(self.run_it("state", "filed", "-f", "raw"), '{"a": [1, 2]}')
        state = json.loads(self.run_it("state", "filed", "-f", "json"))
        self.assertEqual((state["sequence"], state["state"]["text"]), (None, '{"a": [1, 2]}'))
        self.assertEqual(self.run_it("request", "filed", "-f", "-", given=b"piped"), "piped\n")
        self.run_it("send", "filed", "text", "-f", path, code=1)
        self.assertIn("not both", self.said)

    def test_events_are_narrowed_and_ordered(self):
        self.run_it("start", self.manifest("eventful"))
        for i in range(3):
            self.run_it("request", "eventful", f"number {i}")
        lines = self.run_it("events", "eventful", "-f", "csv").splitlines()
        self.assertEqual(lines[0], "actor,sequence,time_ms,kind,type,description")
        self.assertEqual([int(line.split(",")[1]) for line in lines[1:]], list(range(len(lines) - 1)))
        last = self.run_it("events", "eventful", "-f", "csv", "-r", "-l", "2").splitlines()
        self.assertEqual(last[1:], [lines[-1], lines[-2]])
        self.assertEqual(len(self.run_it("events", "eventful", "--search", "number 1", "-t", "theater:simple", "-f",
                                         "compact").splitlines()), 2)
        narrowed = self.run_it("events", "eventful", "-f", "csv", "--range", "2..3").splitlines()
        self.assertEqual(narrowed[1:], lines[3:5])
        self.assertEqual(self.run_it("events", "eventful", "-f", "csv", "--range", "2..3", "-r").splitlines()[1:], [lines[4], lines[3]])
        self.assertEqual(len(self.run_it("events", "eventful", "-k", "call", "-t", "message-server-client", "-f", "compact").splitlines()), 3)
        smallest = self.run_it("events", "eventful", "-s", "size", "-l", "2", "-f", "json").splitlines()
        self.assertEqual(smallest, sorted(self.run_it("events", "eventful", "-f", "json").splitlines(), key=lambda line: len(line.encode()))[:2])
        self.assertEqual(self.run_it("events", "eventful", "--to", "2020-01-01T00:00:00Z"), "")
        self.run_it("events", "eventful", "--from", "yesterday", code=1)
        self.assertIn("--from takes", self.said)

    def test_a_subscription_shows_history_and_ends(self):
        actor = self.run_it("start", self.manifest("listened")).strip()
        self.run_it("request", "listened", "x")
        shown = self.run_it("subscribe", "-", "-H", "-l", "3", "-f", "compact", given=actor.encode() + b"\n")
        self.assertEqual(len(shown.splitlines()), 3)
        shown = self.run_it("subscribe", actor, "-H", "--history-limit", "1", "-l", "1", "-f", "json")
        self.assertEqual(json.loads(shown)["kind"], "returned")
        self.run_it("subscribe", actor, "-t", "0.1", code=1)
        self.assertIn("no event for", self.said)
        self.run_it("stop", actor)
        self.assertIn("stopped", self.run_it("subscribe", actor, "-H"))

    def test_start_waits_for_the_end(self):
        state = os.path.join(self.folder, "state")
        with open(state, "wb") as file:
            file.write(b"begun")
        process = subprocess.Popen([PROGRAM, "start", self.manifest("awaited"), "-p", "-s", "-i", state],
                                   env=self.server.environment, stdout=subprocess.PIPE)
        actor = process.stdout.readline().decode().strip()
        self.assertEqual(self.run_it("state", actor), "begun\n")
        self.run_it("send", actor, "stop")
        rest = process.communicate(timeout=60)[0].decode()
        self.assertEqual(process.returncode, 0)
        self.assertIn("ended (shutdown)", rest)
        self.assertIn("handle-send", rest)

    def test_a_channel_is_a_line_each_way(self):
        self.run_it("start", self.manifest("spoken-to"))
        self.assertEqual(self.run_it("channel", "open", "spoken-to", "-m", "hello", given=b"one\ntwo\nclose\n"),
                         "hello\none\ntwo\n")
        self.assertIn("closed by the actor", self.said)
        self.assertEqual(self.run_it("channel", "open", "spoken-to", given=b"no newline"), "no newline\n")
        self.run_it("channel", "open", "spoken-to", "-m", "refuse", code=1)

    def test_what_a_server_keeps_is_bundled_run_again_and_forked(self):
        actor = self.run_it("start", self.manifest("kept-there")).strip()
        for text in ["one", "two"]:
            self.run_it("send", "kept-there", text)
        self.run_it("request", "kept-there", "state")
        path = os.path.join(self.folder, "kept-there.bundle")
        self.assertIn(f"actor {actor}", self.run_it("bundle", "kept-there", "-o", path))
        self.assertTrue(self.run_it("verify", path).startswith("OK"))
        self.run_it("bundle", "kept-there", "-o", path, code=1)
        self.assertIn("exists already", self.said)
        report = json.loads(self.run_it("--json", "replay", "kept-there"))
        self.assertEqual((report["result"], report["source"], report["actor"]), ("same", "kept-there", actor))
        found = json.loads(self.run_it("--json", "bisect", "kept-there", "--when", "state contains 'two'"))
        self.assertEqual((found["source"], found["event"]["kind"]), ("kept-there", "returned"))
        self.assertIn("two", self.run_it("show", "kept-there", str(found["sequence"])))
        first = json.loads(self.run_it("--json", "events", "kept-there", "-k", "returned", "--range", "3..").splitlines()[0])
        forked = self.run_it("fork", actor, "--at", str(first["sequence"])).strip()
        self.assertEqual(self.run_it("state", forked), "one\n")
        self.run_it("fork", actor, "--at", "1", "--save", path, code=1)
        self.assertIn("--save is for an actor that runs here", self.said)
        for command in [("bundle", "nobody-there", "-o", path + "2"), ("fork", "nobody-there", "--at", "1")]:
            self.run_it(*command, code=1)
            self.assertIn("no file or folder nobody-there", self.said)
        for command in [("replay", "nobody-there"), ("bisect", "nobody-there", "--when", "sequence > 1")]:
            self.run_it(*command, code=2)
            self.assertIn("no file or folder nobody-there", self.said)
        self.assertFalse(os.path.exists(path + "2"))

    def test_by_tcp_with_this_users_token(self):
        address = f"127.0.0.1:{self.server.port}"
        self.assertIn("version", self.run_it("server", "status", "-a", address))
        self.assertIn("version", self.run_it("server", "status", environment={"THEATER_SERVER_ADDRESS": address}))
        read_only = {"THEATER_TOKEN": self.server.tokens["read"]}
        self.run_it("list", "-a", address, environment=read_only)
        self.run_it("start", self.manifest("forbidden"), "-a", address, environment=read_only, code=1)
        self.assertIn('needs "admin"', self.said)

    def test_what_goes_wrong_says_what_to_do(self):
        with tempfile.TemporaryDirectory() as nowhere:
            self.run_it("list", environment={"THEATER_HOME": nowhere}, code=1)
        self.assertIn("no server listens on unix:", self.said)
        self.assertIn('start one with "theater server"', self.said)
        self.run_it("list", "-a", "nonsense", code=1)
        self.assertIn("give unix:/PATH, HOST:PORT or https://HOST:PORT", self.said)
        self.run_it("start", "/no/such/manifest.toml", code=1)
        self.assertIn("no/such/manifest.toml", self.said)
        self.run_it("request", "nobody", "x", code=1)
        self.assertIn("no such actor: nobody", self.said)


class OnADataDirectory(unittest.TestCase):
    def test_what_the_server_ran_is_kept_and_signed_and_goes_on(self):
        with tempfile.TemporaryDirectory() as data:
            server = Server(PROGRAM, COMPONENTS, ["--data", data])
            try:
                path = os.path.join(server.folder.name, "kept.toml")
                with open(path, "w") as file:
                    file.write("resume = true\n" + server.manifest("kept", "guests/echo"))

                def said(*arguments):
                    return subprocess.run([PROGRAM, "--json", *arguments], env=server.environment, capture_output=True, timeout=60,
                                          check=True).stdout.decode()

                actor = json.loads(said("start", path))["id"]
                said("send", "kept", "remember me")
                self.assertEqual(server.stop(), 0)
                report = json.loads(said("verify", data))
                self.assertTrue(report["ok"] and report["log"]["ok"])
                self.assertEqual((report["chains"][0]["actor"], report["log"]["unsigned_entries"]), (actor, 0))
                self.assertGreaterEqual(report["chains"][0]["heads_checked"], 1)
                again = Server(PROGRAM, COMPONENTS, ["--data", data])
                try:
                    run = subprocess.run([PROGRAM, "state", "kept"], env=again.environment, capture_output=True, timeout=60, check=True)
                    self.assertEqual(run.stdout.decode(), "remember me\n")
                    self.assertEqual(again.stop(), 0)
                finally:
                    again.close()
            finally:
                server.close()


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
