#!/usr/bin/env python3
"""tls_test.py THEATER COMPONENTS: TCP with a certificate of our own making: the server, and the program's commands."""

import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import unittest

from wire import Http, Server

PROGRAM, COMPONENTS = sys.argv[1:3]


def make_certificate(folder, name):
    """Files of a certificate for localhost that vouches for itself, and of its key."""
    certificate, key = os.path.join(folder, name + ".pem"), os.path.join(folder, name + ".key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=" + name, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", certificate,
                    "-keyout", key], check=True, capture_output=True)
    return certificate, key


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.certificate, cls.key = make_certificate(cls.folder.name, "ours")
        cls.other, cls.other_key = make_certificate(cls.folder.name, "other")
        cls.server = Server(PROGRAM, COMPONENTS, ["--tls-cert", cls.certificate, "--tls-key", cls.key, "--header-time", "1"])
        cls.server.start("echo")
        cls.token = "Authorization: Bearer " + cls.server.tokens["admin"]

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        log = cls.server.log_text()
        cls.server.close()
        cls.folder.cleanup()
        assert code == 0, log

    def connect(self):
        trusting = ssl.create_default_context(cafile=self.certificate)
        plain = socket.create_connection(("127.0.0.1", self.server.port), timeout=30)
        return Http(trusting.wrap_socket(plain, server_hostname="localhost"))

    def run_it(self, *arguments, trusted, code=0, given=b""):
        run = subprocess.run([PROGRAM, *arguments], capture_output=True, timeout=60, input=given,
                             env=dict(self.server.environment, SSL_CERT_FILE=trusted))
        self.assertEqual(run.returncode, code, (arguments, run.stdout, run.stderr))
        return run.stdout.decode(), run.stderr.decode()

    def test_requests_and_channels_go_through_it(self):
        with self.connect() as http:
            self.assertIn(http.connection.version(), ("TLSv1.2", "TLSv1.3"))
            message = os.urandom(3_000_000)
            for _ in range(2):
                status, _, body = http.request("POST", "/v1/actors/echo/request", message,
                                               [self.token, "Accept: application/octet-stream"])
                self.assertEqual((status, body == message), (200, True))
            self.assertEqual(http.request("GET", "/v1/status")[0], 401)
        with self.connect() as http:
            self.assertEqual(http.websocket("/v1/channels?actor=echo", [self.token]), 101)
            for i in range(300):
                http.say(f"number {i}".encode())
            for i in range(300):
                self.assertEqual(http.hear(), (2, f"number {i}".encode()))
            http.say(b"close")
            self.assertEqual(http.close_code(), 1000)

    def test_the_programs_commands_speak_it(self):
        address = f"https://localhost:{self.server.port}"
        for host in ["localhost", "127.0.0.1"]:
            out, _ = self.run_it("--json", "server", "status", "-a", f"https://{host}:{self.server.port}", trusted=self.certificate)
            self.assertGreaterEqual(json.loads(out)["actors_living"], 1)
        self.assertEqual(self.run_it("request", "echo", "hello", "-a", address, trusted=self.certificate)[0], "hello\n")
        self.assertEqual(self.run_it("channel", "open", "echo", "-a", address, trusted=self.certificate, given=b"one\nclose\n")[0], "one\n")

    def test_a_certificate_that_is_not_trusted_gets_no_token(self):
        said = self.run_it("list", "-a", f"https://localhost:{self.server.port}", trusted=self.other, code=1)[1]
        self.assertIn("not to be trusted", said)
        said = self.run_it("list", "-a", f"https://127.0.0.2:{self.server.port}", trusted=self.certificate, code=1)[1]
        self.assertIn("127.0.0.2", said)

    def test_on_loopback_it_may_be_left_out(self):
        with self.server.tcp() as http:
            self.assertEqual(http.request("GET", "/v1/status", headers=[self.token])[0], 200)

    def test_who_does_not_finish_the_handshake_is_dropped(self):
        for sent in [b"\x16", b"\x16\x03\x01\x02\x00\x01" + b"x" * 40]:
            with self.server.tcp() as http:
                http.send(sent)
                self.assertFalse(http.more() and http.more())

    def test_beyond_loopback_only_with_a_certificate(self):
        def start(*arguments):
            return subprocess.run([PROGRAM, "server", "--no-socket", *arguments], env=self.server.environment, capture_output=True, timeout=30)

        pair = ["--tls-cert", self.certificate, "--tls-key", self.key]
        for arguments, said in [(["-a", "0.0.0.0:0"], "--tls-cert"), (["-a", "[::]:0"], "--tls-cert"),
                                (["-a", "127.0.0.1:0", "--tls-cert", self.certificate], "belong together"),
                                (["-a", "127.0.0.1:0", "--tls-cert", self.certificate, "--tls-key", self.other_key], "cannot use the key"),
                                (["-a", "127.0.0.1:0", "--tls-cert", self.key, "--tls-key", self.key], "cannot use the certificate")]:
            run = start(*arguments)
            self.assertEqual((run.returncode, said in run.stderr.decode()), (1, True), run.stderr)
        open_to_all = subprocess.Popen([PROGRAM, "server", "--no-socket", "-a", "0.0.0.0:0", "--legacy-protocol", *pair], env=self.server.environment,
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            port = int(open_to_all.stdout.readline().decode().rsplit(":", 1)[1])
            command = json.dumps({"Complete": list(b'"ListActors"')}).encode()
            for sent in [b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", struct.pack(">I", len(command)) + command]:
                with self.subTest(sent), Http(socket.create_connection(("127.0.0.1", port), timeout=30)) as http:
                    # Not one byte in the clear.
                    http.send(sent)
                    try:
                        self.assertFalse(http.more())
                    except ConnectionResetError:
                        pass
        finally:
            open_to_all.terminate()
            self.assertEqual(open_to_all.wait(30), 0)
            open_to_all.stdout.close()


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
