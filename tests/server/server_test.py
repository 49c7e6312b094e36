#!/usr/bin/env python3
"""server_test.py THEATER COMPONENTS: what the server promises, seen from the wire."""

import base64
import http.server
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tarfile
import tempfile
import threading
import unittest

from wire import Server, wait_until

PROGRAM, COMPONENTS = sys.argv[1:3]


class WithServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(PROGRAM, COMPONENTS)
        cls.echo = cls.server.start("echo")

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        log = cls.server.log_text()
        cls.server.close()
        assert code == 0, log


class Management(WithServer):
    def get(self, target, *headers):
        with self.server.unix() as http:
            return http.json("GET", target, headers=headers)

    def post(self, target, body=None):
        with self.server.unix() as http:
            return http.json("POST", target, body)

    def test_an_actor_is_started_found_and_stopped(self):
        actor = self.server.start("short-lived")
        self.assertEqual(self.get("/v1/actors/short-lived")[2]["id"], actor)
        self.assertEqual(self.get(f"/v1/actors/{actor}/status")[2], {"id": actor, "status": "running"})
        status, _, body = self.post(f"/v1/actors/{actor}/stop")
        self.assertEqual((status, body["status"], body["end"]["reason"]), (200, "stopped", "requested"))
        self.assertEqual(self.get("/v1/actors/short-lived")[0], 404)
        self.assertEqual(self.get(f"/v1/actors/{actor}")[2]["status"], "stopped")
        self.assertEqual(self.post(f"/v1/actors/{actor}/send", {"text": "x"})[0], 404)
        actor = self.server.start("short-lived")
        self.assertEqual(self.post("/v1/actors/short-lived/terminate")[2]["end"]["reason"], "terminated")

    def test_a_message_becomes_the_state(self):
        self.server.start("keeper")
        self.assertEqual(self.get("/v1/actors/keeper/state")[2], {"data": None, "text": None})
        with self.server.unix() as http:
            self.assertEqual(http.request("POST", "/v1/actors/keeper/send", b"\xff\x00")[0], 202)
            self.assertEqual(http.request("POST", "/v1/actors/keeper/request", b"?")[0], 200)
            status, headers, body = http.request("GET", "/v1/actors/keeper/state", headers=["Accept: application/octet-stream"])
        self.assertEqual((status, headers["content-type"], body), (200, "application/octet-stream", b"\xff\x00"))
        self.assertEqual(self.get("/v1/actors/keeper/state")[2],
                         {"data": base64.b64encode(b"\xff\x00").decode(), "text": None})

    def test_a_request_has_the_actors_answer_or_its_error(self):
        self.assertEqual(self.post("/v1/actors/echo/request", {"text": "hello"})[2]["text"], "hello")
        status, headers, body = self.post("/v1/actors/echo/request", {"text": "fail"})
        self.assertEqual((status, headers["content-type"]), (422, "application/problem+json"))
        self.assertEqual((body["code"], body["error"]), ("guest-error", "ActorError"))
        self.assertIn("failed as asked", body["detail"])
        status, _, body = self.post("/v1/actors/echo/request?timeout_ms=20", {"text": "later"})
        self.assertEqual((status, body["code"], body["error"]), (504, "timeout", "Timeout"))
        self.post("/v1/actors/echo/send", {"text": "answers what waits"})

    def test_what_cannot_be_is_a_problem_with_its_code(self):
        for method, target, body, status, code in [
                ("GET", "/nothing", None, 404, "not-found"),
                ("PUT", "/v1/actors", None, 405, "invalid-argument"),
                ("GET", "/v1/actors/nobody", None, 404, "not-found"),
                ("GET", "/v1/actors?limit=0", None, 400, "invalid-argument"),
                ("GET", "/v1/actors?sort=x", None, 400, "invalid-argument"),
                ("GET", "/v1/actors?after=x", None, 400, "invalid-argument"),
                ("GET", "/v1/actors/echo/events?kind=x", None, 400, "invalid-argument"),
                ("GET", "/v1/channels?actor=echo", None, 426, "invalid-argument"),
                ("GET", "/v1/events", None, 406, "invalid-argument"),
                ("POST", "/v1/actors", {}, 400, "invalid-argument"),
                ("POST", "/v1/actors", {"manifest": "nmae = 1"}, 422, "invalid-manifest"),
                ("POST", "/v1/actors", {"manifest": self.server.manifest("x", "guests/echo")}, 422, "invalid-manifest"),
                ("POST", "/v1/actors", {"manifest_path": "relative.toml"}, 400, "invalid-argument"),
                ("POST", "/v1/actors", {"manifest_path": "/no/such/file.toml"}, 404, "not-found"),
                ("POST", "/v1/actors/echo/send", {"data": "?"}, 400, "invalid-argument")]:
            with self.server.unix() as http:
                answer = http.json(method, target, body)
            self.assertEqual((answer[0], answer[2]["code"]), (status, code), (method, target, answer[2]))
            self.assertEqual(answer[1]["content-type"], "application/problem+json")
            self.assertEqual(answer[2]["status"], status)

    def test_lists_come_in_pages(self):
        started = [self.server.start(f"page-{i}") for i in range(5)]
        seen, after = [], ""
        while True:
            page = self.get("/v1/actors?name=page-&limit=2" + after)[2]
            seen += [actor["id"] for actor in page["actors"]]
            if page["next_after"] is None:
                break
            after = "&after=" + page["next_after"]
        self.assertEqual(seen, started)

    def test_the_chain_is_shown_and_verified(self):
        actor = self.server.start("chained")
        for i in range(5):
            self.post(f"/v1/actors/{actor}/request", {"text": f"number {i}"})
        events = self.get(f"/v1/actors/{actor}/events")[2]["events"]
        self.assertEqual([event["sequence"] for event in events], list(range(len(events))))
        for before, event in zip(events, events[1:]):
            self.assertEqual(event["parent_hash"], before["hash"])
        found = self.get(f"/v1/actors/{actor}/events?search=number%203&kind=call")[2]["events"]
        self.assertEqual(len(found), 1)
        newest = self.get(f"/v1/actors/{actor}/events?order=newest-first&limit=1")[2]
        self.assertEqual(newest["events"][0], events[-1])
        self.assertEqual(newest["next_from"], len(events) - 2)
        seen, following = [], ""
        while following is not None:
            page = self.get(f"/v1/actors/{actor}/events?order=newest-first&limit=1&kind=call{following}")[2]
            seen += page["events"]
            following = None if page["next_from"] is None else f"&from={page['next_from']}"
        self.assertEqual(seen, [event for event in reversed(events) if event["kind"] == "call"])
        report = self.get(f"/v1/actors/{actor}/verification")[2]
        self.assertEqual((report["ok"], report["events"]), (True, len(events)))

    def test_a_bundle_holds_what_a_verifier_and_a_replay_need(self):
        actor = self.server.start("bundled")
        # Longer than what is sent at once.
        message = os.urandom(1_000_000)
        with self.server.unix() as http:
            self.assertEqual(http.request("POST", "/v1/actors/bundled/send", message)[0], 202)
            self.assertEqual(http.request("POST", "/v1/actors/bundled/request", b"x")[0], 200)
            status, headers, bundle = http.request("GET", "/v1/actors/bundled/bundle")
            self.assertEqual((status, headers["content-type"]), (200, "application/x-tar"))
            self.assertIn(message, bundle)
            # The connection goes on.
            self.assertEqual(http.request("HEAD", f"/v1/actors/{actor}/bundle")[2], b"")
            self.assertEqual(http.request("GET", "/healthz")[0], 200)
        path = os.path.join(self.server.folder.name, "bundled.bundle")
        with open(path, "wb") as file:
            file.write(bundle)
        with tarfile.open(path) as tar:
            grants = json.load(tar.extractfile("permissions.json"))
        self.assertEqual((grants["name"], [handler["type"] for handler in grants["handlers"]]), ("bundled", ["message-server", "runtime", "timing"]))
        for command, result in [("verify", ("ok", True)), ("replay", ("result", "same"))]:
            run = subprocess.run([PROGRAM, "--json", command, path], env=self.server.environment, capture_output=True, timeout=60)
            report = json.loads(run.stdout)
            self.assertEqual(report[result[0]], result[1], report)
            self.assertEqual(report.get("components_missing", 0) + report.get("manifests_missing", 0), 0)

    def test_a_stored_actor_is_run_again_and_goes_on_as_another(self):
        actor = self.server.start("original")
        for text in ["one", "two", "three"]:
            self.post("/v1/actors/original/send", {"text": text})
        self.assertEqual(self.post("/v1/actors/original/request", {"text": "state"})[2]["text"], "three")
        status, _, report = self.post(f"/v1/actors/{actor}/replay")
        self.assertEqual((status, report["result"], report["actor"]), (200, "same", actor))
        self.assertEqual(self.post(f"/v1/actors/{actor}/replay", {"until": 3})[2]["next_sequence"], 4)
        with open(os.path.join(self.server.components, "summer.wasm"), "rb") as file:
            other = file.read()
        differs = self.post(f"/v1/actors/{actor}/replay", {"component": base64.b64encode(other).decode()})[2]
        self.assertNotEqual(differs["result"], "same")
        events = self.get(f"/v1/actors/{actor}/events?kind=returned")[2]["events"]
        status, headers, forked = self.post(f"/v1/actors/{actor}/fork", {"at": events[1]["sequence"]})
        self.assertEqual((status, headers["location"], forked["has_name"]), (201, "/v1/actors/" + forked["id"], False), forked)
        self.assertEqual(self.get(f"/v1/actors/{forked['id']}/state")[2]["text"], "one")
        beginning = self.get(f"/v1/actors/{forked['id']}/events?limit=2")[2]["events"]
        self.assertEqual(beginning[0]["reason"], "forked")
        self.assertIn(actor, json.dumps(beginning[1]))
        self.assertEqual(self.post(f"/v1/actors/{actor}/fork", {"at": 1000})[0], 404)
        for body in [{}, {"at": -1}, {"at": "1"}, {"at": 1, "more": 2}]:
            self.assertEqual(self.post(f"/v1/actors/{actor}/fork", body)[0], 400, body)

    def test_the_manifest_is_told_as_read_and_as_written(self):
        manifest = self.get("/v1/actors/echo/manifest")[2]
        self.assertEqual([handler["type"] for handler in manifest["handler"]], ["message-server", "runtime", "timing"])
        with self.server.unix() as http:
            text = http.request("GET", "/v1/actors/echo/manifest", headers=["Accept: application/toml"])[2]
        self.assertEqual(text.decode(), self.server.manifest("echo", "guests/echo"))

    def test_figures_are_told(self):
        status = self.get("/v1/status")[2]
        self.assertGreaterEqual(status["actors_living"], 1)
        with self.server.unix() as http:
            text = http.request("GET", "/metrics")[2].decode()
        self.assertRegex(text, r"(?m)^theater_messages_sent_total \d+$")
        self.assertRegex(text, r'(?m)^theater_messages_refused_total\{reason="mailbox-full"\} \d+$')
        self.assertEqual(self.get("/v1/openapi.json")[2]["openapi"], "3.1.0")
        self.assertIn("dead_letters", self.get("/v1/dead-letters")[2])


class Protocol(WithServer):
    def test_requests_may_be_pipelined_and_are_answered_in_order(self):
        with self.server.unix() as http:
            for i in range(50):
                http.ask("POST", "/v1/actors/echo/request", f"number {i}".encode(), ["Accept: application/octet-stream"])
            for i in range(50):
                self.assertEqual(http.response()[2], f"number {i}".encode())

    def test_requests_of_all_kinds_may_be_pipelined_and_what_needs_the_connection_waits(self):
        with self.server.unix() as http:
            plain = ["Accept: application/octet-stream"]
            for i in range(20):
                http.ask("POST", "/v1/actors/echo/request", f"number {i}".encode(), plain)
                http.ask("GET", "/v1/actors/echo/status")
                http.ask("POST", "/v1/actors/nobody/request", b"x", plain)
                http.ask("GET", "/nothing")
                http.ask("POST", "/v1/actors/echo/send", b"x")
                http.ask("HEAD", "/healthz")
            for i in range(20):
                self.assertEqual(http.response()[2], f"number {i}".encode())
                self.assertEqual(json.loads(http.response()[2])["status"], "running")
                self.assertEqual(http.response()[0], 404)
                self.assertEqual(http.response()[0], 404)
                self.assertEqual(http.response()[0], 202)
                status, headers = http.head()
                self.assertEqual((status, int(headers["content-length"])), (200, 15))

    def test_an_answer_that_is_large_comes_before_those_behind_it(self):
        with self.server.unix() as http:
            large = b"0123456789abcdef" * 1250
            for _ in range(4):
                http.ask("POST", "/v1/actors/echo/request", large, ["Accept: application/octet-stream"])
                http.ask("POST", "/v1/actors/echo/request", b"small", ["Accept: application/octet-stream"])
            for _ in range(4):
                self.assertEqual(http.response()[2], large)
                self.assertEqual(http.response()[2], b"small")

    def test_who_ends_its_side_still_gets_its_answers(self):
        with self.server.unix() as http:
            for i in range(10):
                http.ask("POST", "/v1/actors/echo/request", f"number {i}".encode(), ["Accept: application/octet-stream"])
            http.connection.shutdown(socket.SHUT_WR)
            for i in range(10):
                self.assertEqual(http.response()[2], f"number {i}".encode())
            self.assertFalse(http.more())

    def test_only_the_last_of_some_requests_ends_the_connection(self):
        with self.server.unix() as http:
            http.ask("POST", "/v1/actors/echo/request", b"first", ["Accept: application/octet-stream"])
            http.ask("POST", "/v1/actors/echo/request", b"last", ["Accept: application/octet-stream", "Connection: close"])
            http.ask("POST", "/v1/actors/echo/request", b"none", ["Accept: application/octet-stream"])
            first, last = http.response(), http.response()
            self.assertEqual((first[2], first[1].get("connection")), (b"first", None))
            self.assertEqual((last[2], last[1]["connection"]), (b"last", "close"))
            self.assertFalse(http.more())

    def test_a_head_has_no_body(self):
        with self.server.unix() as http:
            status, headers, body = http.request("HEAD", "/healthz")
            self.assertEqual((status, body), (200, b""))
            self.assertEqual(int(headers["content-length"]), len(http.request("GET", "/healthz")[2]))

    def test_a_body_is_asked_for_when_the_client_waits_and_chunks_are_joined(self):
        with self.server.unix() as http:
            http.send(b"POST /v1/actors/echo/request HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            self.assertEqual(http.head()[0], 100)
            http.send(b"hello")
            self.assertEqual(json.loads(http.response()[2])["text"], "hello")
            http.send(b"POST /v1/actors/echo/request HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")
            self.assertEqual(json.loads(http.response()[2])["text"], "hello")

    def test_what_is_no_http_or_too_large_is_refused(self):
        for sent, status in [(b"nonsense\r\n\r\n", 400), (b"GET / HTTP/9.9\r\n\r\n", 400),
                             (b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", 431),
                             (b"POST /v1/actors HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n", 413)]:
            with self.server.unix() as http:
                http.send(sent)
                answer = http.response()
                self.assertEqual(answer[0], status, answer)
                self.assertEqual(answer[1]["connection"], "close")

    def test_a_client_that_goes_while_it_is_answered_harms_nobody(self):
        for _ in range(20):
            with self.server.unix() as http:
                http.ask("POST", "/v1/actors/echo/request", b"later")
        with self.server.unix() as http:
            for _ in range(20):
                http.request("POST", "/v1/actors/echo/send", b"x")
            self.assertEqual(http.request("GET", "/healthz")[0], 200)


class Access(WithServer):
    def test_only_health_is_open_by_tcp(self):
        for target, status in [("/healthz", 200), ("/metrics", 401), ("/v1/status", 401), ("/v1/openapi.json", 401),
                               ("/nothing", 401)]:
            with self.server.tcp() as http:
                self.assertEqual(http.request("GET", target)[0], status, target)

    def test_each_right_reaches_as_far_as_it_says(self):
        cases = [("GET", "/v1/status", None, "read"), ("GET", "/metrics", None, "read"),
                 ("POST", "/v1/actors/echo/send", {"text": "x"}, "operate"),
                 ("POST", "/v1/actors/nobody/stop", None, "operate"),
                 ("POST", "/v1/actors/nobody/restart", None, "operate"),
                 ("POST", "/v1/actors/nobody/pause", None, "operate"),
                 ("POST", "/v1/actors/nobody/unpause", None, "operate"),
                 ("GET", "/v1/actors/nobody/children", None, "read"),
                 ("POST", "/v1/actors/nobody/update", {"component": ""}, "admin"),
                 ("POST", "/v1/actors", {"manifest": "x"}, "admin")]
        order = ["read", "operate", "admin"]
        for method, target, body, needed in cases:
            for right, token in self.server.tokens.items():
                with self.server.tcp() as http:
                    data = json.dumps(body).encode() if body else b""
                    status = http.request(method, target, data, ["Content-Type: application/json", "Authorization: Bearer " + token])[0]
                allowed = order.index(right) >= order.index(needed)
                self.assertEqual(status != 403, allowed, (method, target, right, status))
            with self.server.tcp() as http:
                self.assertEqual(http.json(method, target, body, ["Authorization: Bearer " + "x" * 43])[0], 401)

    def test_other_hosts_and_origins_are_refused(self):
        token = "Authorization: Bearer " + self.server.tokens["admin"]
        host = f"Host: localhost:{self.server.port}"
        for headers, status in [(["Host: evil.example", token], 421), ([host, "Origin: http://evil.example", token], 403),
                                ([host, "Origin: null", token], 403),
                                ([host, f"Origin: http://localhost:{self.server.port}", token], 200)]:
            with self.server.tcp() as http:
                self.assertEqual(http.request("GET", "/v1/status", headers=headers)[0], status, headers)
        with self.server.tcp() as http:
            self.assertEqual(http.websocket("/v1/channels?actor=echo", [host, "Origin: http://evil.example", token]), 403)

    def test_socket_and_tokens_are_closed_to_others(self):
        for name in ["server.sock", "tokens"]:
            mode = os.stat(os.path.join(self.server.folder.name, name)).st_mode
            self.assertEqual(stat.S_IMODE(mode), 0o600, name)

    def asked_as(self, user, path):
        """What a process of another user is answered."""
        reading, writing = os.pipe()
        if (child := os.fork()) == 0:
            try:
                os.setgroups([])
                os.setgid(user)
                os.setuid(user)
                with socket.socket(socket.AF_UNIX) as asking:
                    asking.connect(path)
                    asking.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                    os.write(writing, asking.recv(12))
            except (BrokenPipeError, ConnectionResetError):
                pass
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as said:
            answer = said.read()
        os.waitpid(child, 0)
        return answer

    @unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
    def test_another_user_is_refused_even_where_the_socket_is_open(self):
        nobody = 65534
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "server.sock")
            os.chmod(folder, 0o755)
            server = Server(PROGRAM, COMPONENTS, ["--socket", path])
            try:
                os.chmod(path, 0o666)
                said = {user: self.asked_as(user, path) for user in [0, nobody]}
                self.assertEqual(said, {0: b"HTTP/1.1 200", nobody: b""})
                self.assertIn("event=peer-refused uid=65534", server.log_text())
                self.assertEqual(server.stop(), 0)
            finally:
                server.close()

    def test_a_second_server_and_open_addresses_are_refused(self):
        for arguments, said in [([], "another server listens"), (["--no-socket", "-a", "0.0.0.0:0"], "--tls-cert"),
                                (["--no-socket", "-a", "nonsense"], "is no address"), (["--no-socket"], "needs a socket")]:
            run = subprocess.run([PROGRAM, "server", *arguments], env=self.server.environment, capture_output=True, timeout=30)
            self.assertEqual(run.returncode, 1)
            self.assertIn(said, run.stderr.decode())


class Live(WithServer):
    def events_of(self, http, count):
        events = []
        while len(events) < count:
            lines = http.until(b"\n\n").decode().split("\n")
            if lines[0].startswith(":"):
                continue
            fields = dict(line.split(": ", 1) for line in lines)
            event = json.loads(fields["data"])
            self.assertEqual(int(fields["id"]), event["sequence"])
            self.assertEqual(fields["event"], event["kind"])
            events.append(event)
        return events

    def ask(self, actor, text):
        with self.server.unix() as http:
            return http.request("POST", f"/v1/actors/{actor}/request", text.encode())

    def test_a_subscription_goes_on_where_the_last_one_ended(self):
        actor = self.server.start("followed")
        self.ask(actor, "one")
        stream = "Accept: text/event-stream"
        with self.server.unix() as http:
            http.ask("GET", f"/v1/actors/{actor}/events?from=0", headers=[stream])
            self.assertEqual(http.head()[0], 200)
            seen = self.events_of(http, 3)
            self.ask(actor, "two")
            seen += self.events_of(http, 2)
        self.ask(actor, "while nobody listens")
        with self.server.unix() as http:
            http.ask("GET", f"/v1/actors/{actor}/events", headers=[stream, f"Last-Event-ID: {seen[-1]['sequence']}"])
            http.head()
            self.ask(actor, "three")
            seen += self.events_of(http, 4)
        with self.server.unix() as http:
            kept = http.json("GET", f"/v1/actors/{actor}/events")[2]["events"]
        self.assertEqual([event["hash"] for event in seen], [event["hash"] for event in kept][:len(seen)])

    def test_events_come_by_websocket_too_and_narrowed(self):
        actor = self.server.start("watched")
        with self.server.unix() as http:
            self.assertEqual(http.websocket(f"/v1/actors/{actor}/events?from=0&kind=call"), 101)
            self.ask(actor, "x")
            opcode, payload = http.hear()
            self.assertEqual((opcode, json.loads(payload)["kind"]), (1, "call"))
        with self.server.unix() as http:
            self.assertEqual(http.websocket("/v1/events?search=for%20all"), 101)
            self.ask(actor, "for all")
            self.assertEqual(json.loads(http.hear()[1])["actor"], actor)

    def test_a_subscriber_that_does_not_read_is_cut_and_others_feel_nothing(self):
        actor = self.server.start("busy")
        with self.server.unix() as stalled, self.server.unix() as http:
            stalled.ask("GET", f"/v1/actors/{actor}/events?from=0", headers=["Accept: text/event-stream"])
            stalled.head()
            message = b"x" * 100_000
            for _ in range(300):
                self.assertEqual(http.request("POST", f"/v1/actors/{actor}/request", message)[0], 200)
            # What was waiting is given still; then it is told, and the connection ends.
            while stalled.more():
                stalled.buffer = stalled.buffer[-1000:]
            self.assertIn(b"event: cut\ndata: {\"code\":\"too-slow\"", stalled.buffer)

    def test_a_channel_carries_messages_both_ways_in_order(self):
        with self.server.unix() as http:
            self.assertEqual(http.websocket("/v1/channels?actor=echo&message=hello"), 101)
            self.assertEqual(http.hear(), (2, b"hello"))
            for i in range(200):
                http.say(f"number {i}".encode(), opcode=1 + i % 2)
            for i in range(200):
                self.assertEqual(http.hear(), (2, f"number {i}".encode()))
            http.say(b"close")
            self.assertEqual(http.close_code(), 1000)

    def test_a_channel_that_is_refused_or_leads_nowhere_is_no_websocket(self):
        for target, status, code in [("echo&message=refuse", 409, "refused"), ("nobody", 404, "not-found")]:
            with self.server.unix() as http:
                self.assertEqual(http.websocket("/v1/channels?actor=" + target), status)
                self.assertEqual(json.loads(http.buffer)["code"], code)

    def test_a_channel_ends_with_its_actor(self):
        actor = self.server.start("ends")
        with self.server.unix() as http, self.server.unix() as other:
            self.assertEqual(http.websocket(f"/v1/channels?actor={actor}"), 101)
            other.json("POST", f"/v1/actors/{actor}/stop")
            self.assertEqual(http.close_code(), 1000)

    def test_the_actor_hears_of_a_client_that_goes(self):
        # It ends when its channel is closed.
        actor = self.server.start("adds", "summer")
        with self.server.unix() as http:
            self.assertEqual(http.websocket(f"/v1/channels?actor={actor}"), 101)
            self.assertEqual(http.hear(), (2, b"ready"))
            http.say(b"7")
            self.assertEqual(http.hear(), (2, b"7"))
        with self.server.unix() as look:
            wait_until(lambda: look.json("GET", f"/v1/actors/{actor}/status")[2]["status"] == "stopped")

    def test_more_messages_than_a_mailbox_holds_all_arrive(self):
        with self.server.unix() as http:
            self.assertEqual(http.websocket("/v1/channels?actor=echo"), 101)
            heard = 0
            for begin in range(0, 5000, 500):
                for i in range(begin, begin + 500):
                    http.say(str(i).encode())
            while heard < 5000:
                self.assertEqual(http.hear(), (2, str(heard).encode()))
                heard += 1

    def test_frames_that_break_the_rules_end_the_channel(self):
        for say, code in [(dict(payload=b"x", masked=False), 1002), (dict(payload=b"x", opcode=3), 1002),
                          (dict(payload=b"\xff", opcode=1), 1007)]:
            with self.server.unix() as http:
                self.assertEqual(http.websocket("/v1/channels?actor=echo"), 101)
                http.say(**say)
                self.assertEqual(http.close_code(), code, say)
        with self.server.unix() as http:
            self.assertEqual(http.websocket("/v1/channels?actor=echo"), 101)
            http.say(b"ping", opcode=9)
            self.assertEqual(http.hear(), (10, b"ping"))


class Traces(unittest.TestCase):
    def test_one_trace_follows_a_message_through_actors(self):
        spans = []

        class Collector(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for resource in body["resourceSpans"]:
                    for scope in resource["scopeSpans"]:
                        spans.extend((self.path, span) for span in scope["spans"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        collector = http.server.HTTPServer(("127.0.0.1", 0), Collector)
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        server = Server(PROGRAM, COMPONENTS, ["--otlp", f"http://127.0.0.1:{collector.server_port}"])
        try:
            first, second = server.start("first"), server.start("second")
            with server.unix() as asking:
                asking.request("POST", f"/v1/actors/{first}/send", f"forward {second} hello".encode())
                wait_until(lambda: asking.json("GET", f"/v1/actors/{second}/state")[2]["text"] == "hello")
            # What waits is sent at the end, too.
            self.assertEqual(server.stop(), 0)
            of = {}
            for path, span in spans:
                self.assertEqual(path, "/v1/traces")
                if span["name"].endswith("handle-send"):
                    of[next(each["value"]["stringValue"] for each in span["attributes"] if each["key"] == "theater.actor")] = span
            self.assertEqual(of[second]["traceId"], of[first]["traceId"])
            self.assertEqual(of[second]["parentSpanId"], of[first]["spanId"])
            self.assertNotIn("parentSpanId", of[first])
            self.assertGreaterEqual(int(of[second]["endTimeUnixNano"]), int(of[second]["startTimeUnixNano"]))
        finally:
            server.close()
            collector.shutdown()
            thread.join()
            collector.server_close()

    def test_a_collector_that_is_not_there_harms_nobody(self):
        server = Server(PROGRAM, COMPONENTS, ["--otlp", "http://127.0.0.1:1"])
        try:
            server.start("echo")
            with server.unix() as asking:
                self.assertEqual(asking.request("POST", "/v1/actors/echo/request", b"x")[0], 200)
            self.assertEqual(server.stop(), 0)
            self.assertIn("event=spans-not-sent", server.log_text())
        finally:
            server.close()


class Logging(unittest.TestCase):
    def test_lines_go_where_they_are_asked_for(self):
        with tempfile.TemporaryDirectory() as folder:
            server = Server(PROGRAM, COMPONENTS, ["--log-dir", folder, "--log-stdout"])
            try:
                server.start("echo")
                server.process.send_signal(signal.SIGTERM)
                said = server.process.communicate(timeout=30)[0].decode()
                errors = server.log_text()
            finally:
                server.close()
            with open(os.path.join(folder, "theater-server.log")) as file:
                kept = file.read()
            for text in [kept, said, errors]:
                self.assertIn("event=actor-started", text)
            server = Server(PROGRAM, COMPONENTS, ["--log-filter", "info,theater=error"])
            try:
                server.start("echo")
                self.assertEqual(server.stop(), 0)
                self.assertNotIn("event=", server.log_text())
            finally:
                server.close()


class Ending(unittest.TestCase):
    def test_what_runs_is_answered_before_the_server_ends(self):
        server = Server(PROGRAM, COMPONENTS)
        try:
            server.start("echo")
            with server.unix() as asking, server.unix() as channel, server.unix() as idle:
                self.assertEqual(channel.websocket("/v1/channels?actor=echo"), 101)
                self.assertEqual(idle.request("GET", "/healthz")[0], 200)
                asking.ask("POST", "/v1/actors/echo/request?timeout_ms=300", b"later")
                with server.unix() as look:
                    wait_until(lambda: b"later" in look.request("GET", "/v1/actors/echo/events")[2])
                self.assertEqual(server.stop(), 0)
                self.assertEqual(asking.response()[0], 504)
                self.assertEqual(channel.close_code(), 1001)
                self.assertFalse(idle.more())
            self.assertFalse(os.path.exists(server.socket))
        finally:
            server.close()

    def test_a_service_manager_is_told_when_it_serves_and_when_it_ends(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in [os.path.join(folder, "notify"), "@theater-notify-" + os.path.basename(folder)]:
                with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
                    manager.bind("\0" + name[1:] if name.startswith("@") else name)
                    manager.settimeout(30)
                    server = Server(PROGRAM, COMPONENTS, environment={"NOTIFY_SOCKET": name})
                    try:
                        self.assertEqual(manager.recv(100), b"READY=1")
                        with server.unix() as http:
                            self.assertEqual(http.request("GET", "/healthz")[0], 200)
                        self.assertEqual(server.stop(), 0)
                        self.assertEqual(manager.recv(100), b"STOPPING=1")
                    finally:
                        server.close()

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd is not here")
    def test_the_unit_file_is_well_formed(self):
        with open(os.path.join(os.path.dirname(__file__), "../../packaging/theater.service")) as file:
            unit = file.read()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "theater.service")
            with open(path, "w") as file:
                file.write(unit.replace("/usr/local/bin/theater", os.path.abspath(PROGRAM)))
            run = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, timeout=60)
        self.assertEqual((run.returncode, run.stderr.decode()), (0, ""))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
