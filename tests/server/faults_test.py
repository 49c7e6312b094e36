#!/usr/bin/env python3
"""faults_test.py THEATER COMPONENTS: clients that break off, dawdle or send rubbish, and a server that has no descriptors
left, is killed, or finds its directory in use. Others are served all the while."""

import json
import os
import re
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from wire import Http, Server, wait_until

PROGRAM, COMPONENTS = sys.argv[1:3]


def metric(server, name):
    with server.unix() as http:
        text = http.request("GET", "/metrics")[2].decode()
    return float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE).group(1))


def serves(server):
    with server.unix() as http:
        status, _, body = http.request("POST", "/v1/actors/echo/request", b"hello", ["Accept: application/octet-stream"])
    return (status, body) == (200, b"hello")


def ends(http):
    """The other side ends the connection, whatever it says before."""
    try:
        while http.more():
            http.buffer = b""
    except ConnectionResetError:
        pass


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(PROGRAM, COMPONENTS, ["--header-time", "0.3", "--body-time", "0.3", "--idle-time", "0.3", "--max-body", "100000",
                                                  "--legacy-protocol"])
        cls.server.start("echo")

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        log = cls.server.log_text()
        cls.server.close()
        assert code == 0, log

    def test_who_dawdles_over_a_header_or_a_body_or_says_nothing_is_dropped(self):
        for said in [b"", b"G", b"GET /healthz HTTP/1.1\r\nHost: local", b"POST /v1/actors HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nab",
                     b"POST /v1/actors HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"]:
            with self.server.unix() as http:
                if said:
                    http.send(said)
                ends(http)

    def test_a_header_that_comes_a_byte_at_a_time_gets_no_more_time(self):
        with self.server.unix() as http:
            begun = time.monotonic()
            try:
                for byte in b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 10_000:
                    http.send(bytes([byte]))
                    time.sleep(0.05)
                    self.assertLess(time.monotonic() - begun, 20)
            except (BrokenPipeError, ConnectionResetError):
                pass
            self.assertTrue(serves(self.server))

    def test_who_is_gone_in_the_middle_leaves_nothing_behind(self):
        def gone():
            return metric(self.server, "theater_server_connections_open") == 1

        wait_until(gone)
        for said in [b"POST /v1/actors/echo/request HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nlater",
                     b"POST /v1/actors/echo/request HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n" + b"x" * 1000,
                     b"GET /v1/actors/echo/events?from=0 HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n",
                     b"GET /v1/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n"]:
            for _ in range(20):
                with self.server.unix() as http:
                    http.send(said)
        for _ in range(20):
            with self.server.unix() as http:
                self.assertEqual(http.websocket("/v1/channels?actor=echo&message=hello"), 101)
                http.say(b"and away")
            # Its end comes as a reset.
            with self.server.tcp() as http:
                http.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                http.ask("GET", "/v1/channels?actor=echo", headers=["Authorization: Bearer " + self.server.tokens["admin"]])
        wait_until(gone)
        self.assertTrue(serves(self.server))

    def test_what_is_malformed_or_too_large_is_refused_on_each_protocol(self):
        with self.server.unix() as http:
            http.send(b"POST /v1/actors/echo/send HTTP/1.1\r\nHost: x\r\nContent-Length: 100001\r\n\r\n")
            self.assertEqual(http.response()[0], 413)
        with self.server.unix() as http:
            http.send(b"POST /v1/actors/echo/send HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(20):
                http.send(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")
            self.assertEqual(http.response()[0], 413)
        for broken in [b"ffffffffffffffffff\r\n", b"-1\r\n", b"x\r\n"]:
            with self.server.unix() as http:
                http.send(b"POST /v1/actors/echo/send HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + broken)
                self.assertEqual(http.response()[0], 400, broken)
        # Both lengths: whoever stands between might see another request.
        with self.server.unix() as http:
            http.send(b"POST /v1/actors/echo/send HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
            self.assertEqual(http.response()[0], 400)
        with self.server.unix() as http:
            self.assertEqual(http.websocket("/v1/channels?actor=echo"), 101)
            http.send(b"\x82\xff" + struct.pack(">Q", 1 << 40) + b"abcd")
            self.assertEqual(http.close_code(), 1009)
        with self.server.tcp() as http:
            # The older protocol: a frame of more than it allows.
            http.send(struct.pack(">I", 0x02000001))
            ends(http)
        with self.server.tcp() as http:
            http.send(struct.pack(">I", 8) + b'{"Comp"}')
            size, = struct.unpack(">I", http.exactly(4))
            self.assertIn("Complete", json.loads(http.exactly(size)))
        self.assertTrue(serves(self.server))


class Bounds(unittest.TestCase):
    def test_more_connections_than_allowed_are_refused_until_some_end(self):
        server = Server(PROGRAM, COMPONENTS, ["--max-connections", "100"])
        held = []
        try:
            server.start("echo")
            for _ in range(150):
                held.append(server.unix())
                try:
                    held[-1].send(b"GET /healthz HTTP/1.1\r\n")
                except BrokenPipeError:
                    pass
            # One that was there before may have ended meanwhile.
            wait_until(lambda: len(select.select([http.connection for http in held], [], [], 0)[0]) >= 50)
            self.assertFalse(select.select([held[0].connection], [], [], 0)[0])
            # Those that are there are served still.
            held[0].send(b"Host: x\r\n\r\n")
            self.assertEqual(held[0].response()[0], 200)
            for http in held:
                http.connection.close()
            wait_until(lambda: metric(server, "theater_server_connections_refused_total") >= 50 if self.is_open(server) else False)
            self.assertTrue(serves(server))
            self.assertEqual(server.stop(), 0)
        finally:
            server.close()

    def test_thousands_that_say_nothing_or_half_of_it_leave_the_others_served(self):
        """As many as the descriptors of both processes allow, up to the server's own bound."""
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        before = resource.getrlimit(resource.RLIMIT_NOFILE)

        def all_descriptors():
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

        def resident_bytes():
            with open(f"/proc/{server.process.pid}/statm") as file:
                return int(file.read().split()[1]) * resource.getpagesize()

        all_descriptors()
        count = min(most - 300, 10_000 - 10)
        said = [b"", b"G", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: ",
                b"POST /v1/actors/echo/send HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\nhalf"]
        server = Server(PROGRAM, COMPONENTS, ["--header-time", "4", "--body-time", "4", "--idle-time", "4"], preexec_fn=all_descriptors)
        held = []
        try:
            server.start("echo")
            with server.unix() as asking:
                ask = ("POST", "/v1/actors/echo/request", b"hello", ["Accept: application/octet-stream"])
                self.assertEqual(asking.request(*ask)[2], b"hello")
                empty = resident_bytes()
                for i in range(count):
                    while True:
                        try:
                            held.append(server.unix())
                            break
                        except BlockingIOError:
                            # More than the server has accepted wait already.
                            time.sleep(0.001)
                    held[-1].send(said[i % len(said)])
                    if i % 500 == 0:
                        self.assertEqual(asking.request(*ask)[2], b"hello")
                self.assertEqual(asking.request(*ask)[2], b"hello")
                self.assertTrue(serves(server))
                if not {"ASAN_OPTIONS", "TSAN_OPTIONS"} & set(os.environ):  # these keep memory of their own beside each byte
                    self.assertLess((resident_bytes() - empty) / count, 24 << 10)
                # Nobody closes them but the server.
                wait_until(lambda: metric(server, "theater_server_connections_open") <= 2)
                for http in held:
                    ends(http)
            self.assertTrue(serves(server))
            self.assertEqual(server.stop(), 0)
        finally:
            for http in held:
                http.connection.close()
            server.close()
            resource.setrlimit(resource.RLIMIT_NOFILE, before)

    def is_open(self, server):
        try:
            with server.unix() as http:
                return http.request("GET", "/healthz")[0] == 200
        except (EOFError, OSError):
            return False

    def test_without_descriptors_it_waits_for_some_and_says_so(self):
        limit = 96

        def few_descriptors():
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

        server = Server(PROGRAM, COMPONENTS, preexec_fn=few_descriptors)
        held = []
        try:
            server.start("echo")
            for _ in range(limit):
                held.append(server.unix())
            wait_until(lambda: "event=accept-failed" in server.log_text())
            for http in held:
                http.connection.close()
            wait_until(lambda: self.is_open(server))
            self.assertTrue(serves(server))
            self.assertEqual(server.stop(), 0)
        finally:
            server.close()

    def test_a_token_asks_as_often_as_its_line_says(self):
        server = Server(PROGRAM, COMPONENTS)
        try:
            tokens = os.path.join(server.folder.name, "tokens")
            self.assertEqual(server.stop(), 0)
            with open(tokens, "w") as file:
                file.write("read " + "r" * 30 + " 5/s\nadmin " + "a" * 30 + "\n")
            again = Server(PROGRAM, COMPONENTS, folder=server.folder)
            with again.tcp() as http:
                answers = [http.request("GET", "/v1/status", headers=["Authorization: Bearer " + "r" * 30]) for _ in range(30)]
                self.assertEqual([answer[0] for answer in answers[:5]], [200] * 5)
                refused = [answer for answer in answers if answer[0] == 429]
                self.assertTrue(refused)
                self.assertEqual((refused[0][1]["retry-after"], json.loads(refused[0][2])["code"]), ("1", "resource-exhausted"))
                for _ in range(30):
                    self.assertEqual(http.request("GET", "/v1/status", headers=["Authorization: Bearer " + "a" * 30])[0], 200)
            self.assertEqual(again.stop(), 0)
            again.close()
        finally:
            server.close()


class Directory(unittest.TestCase):
    def test_two_servers_do_not_share_a_directory(self):
        with tempfile.TemporaryDirectory() as data:
            server = Server(PROGRAM, COMPONENTS, ["--data", data])
            try:
                other = os.path.join(server.folder.name, "other.sock")
                run = subprocess.run([PROGRAM, "server", "--socket", other, "--data", data], env=server.environment, capture_output=True, timeout=30)
                self.assertEqual(run.returncode, 1)
                self.assertIn(data, run.stderr.decode())
                self.assertEqual(server.stop(), 0)
            finally:
                server.close()

    def read_events(self, http, heard, until):
        """Sequences and hashes from a stream, until the connection ends or enough were heard."""
        try:
            while len(heard) < until:
                lines = http.until(b"\n\n").decode().split("\n")
                if not lines[0].startswith(":"):
                    event = json.loads(dict(line.split(": ", 1) for line in lines)["data"])
                    heard.append((event["sequence"], event["hash"]))
        except (EOFError, ConnectionResetError):
            pass

    def test_clients_of_a_server_that_is_killed_come_back_and_go_on(self):
        with tempfile.TemporaryDirectory() as data:
            server = Server(PROGRAM, COMPONENTS, ["--data", data])
            try:
                text = 'resume = true\n' + server.manifest("kept", "guests/echo") + '[chain]\ndurability = "sync"\n'
                with server.unix() as http:
                    actor = http.json("POST", "/v1/actors", {"manifest": text, "base_directory": "/"})[2]["id"]
                follow = dict(method="GET", target=f"/v1/actors/{actor}/events?from=0")
                stream, channel, asking = server.unix(), server.unix(), server.unix()
                stream.ask(**follow, headers=["Accept: text/event-stream"])
                stream.head()
                self.assertEqual(channel.websocket(f"/v1/channels?actor={actor}"), 101)
                heard = []
                listener = threading.Thread(target=self.read_events, args=(stream, heard, 10**9))
                listener.start()
                for i in range(20):
                    self.assertEqual(asking.request("POST", f"/v1/actors/{actor}/request", f"number {i}".encode())[0], 200)
                wait_until(lambda: len(heard) >= 20)
                server.process.send_signal(signal.SIGKILL)
                server.process.wait(30)
                listener.join(30)
                self.assertFalse(channel.more())
                for http in [stream, channel, asking]:
                    http.connection.close()
                again = Server(PROGRAM, COMPONENTS, ["--data", data], folder=server.folder)
                try:
                    with again.unix() as stream, again.unix() as asking:
                        stream.ask(**follow, headers=["Accept: text/event-stream", f"Last-Event-ID: {heard[-1][0]}"])
                        stream.head()
                        for i in range(5):
                            self.assertEqual(asking.request("POST", f"/v1/actors/{actor}/request", b"again")[0], 200)
                        self.read_events(stream, heard, len(heard) + 8)
                        kept = asking.json("GET", f"/v1/actors/{actor}/events?limit=1000")[2]["events"]
                    # Without a gap, nothing twice, and as it is kept.
                    self.assertEqual(heard, [(event["sequence"], event["hash"]) for event in kept][:len(heard)])
                    self.assertEqual(again.stop(), 0)
                finally:
                    again.close()
            finally:
                server.close()


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
