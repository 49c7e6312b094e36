"""A server in a folder of its own, and clients for it made of nothing but sockets."""

import base64
import json
import os
import re
import signal
import socket
import struct
import subprocess
import tempfile
import time

MANIFEST = """name = "{name}"
version = "1.0.0"
component = "{component}"
[[handler]]
type = "message-server"
[[handler]]
type = "runtime"
[[handler]]
type = "timing"
"""


class Server:
    """`theater server` on a Unix socket and a TCP port of loopback."""

    def __init__(self, program, components, arguments=(), folder=None, preexec_fn=None, environment=None):
        """`folder`: of a server that was here before."""
        self.folder = folder or tempfile.TemporaryDirectory(prefix="theater-server-")
        self.components = os.path.abspath(components)
        self.program = program
        self.environment = dict(os.environ, THEATER_HOME=self.folder.name, THEATER_COLORS="never", **(environment or {}))
        self.log = open(os.path.join(self.folder.name, "log"), "a+b")
        self.process = subprocess.Popen([program, "server", "-a", "127.0.0.1:0", *arguments], stdout=subprocess.PIPE,
                                        stderr=self.log, env=self.environment, preexec_fn=preexec_fn)
        self.socket = os.path.join(self.folder.name, "server.sock")
        self.port = None
        while self.port is None:
            line = self.process.stdout.readline().decode()
            if not line:
                raise RuntimeError("the server did not start: " + self.log_text())
            if match := re.match(r"listening on 127\.0\.0\.1:(\d+)", line):
                self.port = int(match.group(1))
        with open(os.path.join(self.folder.name, "tokens")) as file:
            self.tokens = dict(line.split()[:2] for line in file if not line.startswith("#"))

    def log_text(self):
        self.log.seek(0)
        return self.log.read().decode()

    def stop(self):
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self.process.stdout.close()
        return code

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()
        self.folder.cleanup()

    def unix(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(30)
        try:
            connection.connect(self.socket)
        except OSError:
            connection.close()
            raise
        return Http(connection)

    def tcp(self):
        return Http(socket.create_connection(("127.0.0.1", self.port), timeout=30))

    def manifest(self, name, component):
        return MANIFEST.format(name=name, component=os.path.join(self.components, component + ".wasm"))

    def start(self, name, component="guests/echo"):
        """An actor's id."""
        with self.unix() as http:
            status, _, body = http.json("POST", "/v1/actors", {"manifest": self.manifest(name, component), "base_directory": "/"})
        assert status == 201, body
        return body["id"]


class Http:
    """One connection."""

    def __init__(self, connection):
        self.connection = connection
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def send(self, data):
        self.connection.sendall(data)

    def more(self):
        """False at the end."""
        data = self.connection.recv(65536)
        self.buffer += data
        return bool(data)

    def until(self, end):
        while end not in self.buffer:
            if not self.more():
                raise EOFError(self.buffer)
        text, self.buffer = self.buffer.split(end, 1)
        return text

    def exactly(self, size):
        while len(self.buffer) < size:
            if not self.more():
                raise EOFError(self.buffer)
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def head(self):
        """Status and headers, their names in lower case."""
        lines = self.until(b"\r\n\r\n").decode().split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, value = line.split(": ", 1)
            headers[name.lower()] = value
        return int(lines[0].split()[1]), headers

    def response(self, method="GET"):
        status, headers = self.head()
        size = 0 if method == "HEAD" else int(headers.get("content-length", 0))
        return status, headers, self.exactly(size)

    def ask(self, method, target, body=b"", headers=()):
        lines = [f"{method} {target} HTTP/1.1", *headers]
        if not any(line.lower().startswith("host:") for line in lines):
            lines.append("Host: localhost")
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def request(self, method, target, body=b"", headers=()):
        self.ask(method, target, body, headers)
        return self.response(method)

    def json(self, method, target, body=None, headers=()):
        data = b"" if body is None else json.dumps(body).encode()
        status, answer_headers, answer = self.request(method, target, data, ["Content-Type: application/json", *headers])
        return status, answer_headers, json.loads(answer)

    def websocket(self, target, headers=()):
        """The status; 101 when it is a WebSocket now."""
        self.ask("GET", target, headers=["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                                         "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode(), *headers])
        status, answer_headers = self.head()
        if status != 101:
            self.buffer = self.exactly(int(answer_headers["content-length"]))
        return status

    def say(self, payload, opcode=2, final=True, masked=True):
        mask = os.urandom(4) if masked else b""
        head = bytes([opcode | (0x80 if final else 0)])
        size, bit = len(payload), 0x80 if masked else 0
        head += (bytes([size | bit]) if size < 126 else bytes([126 | bit]) + struct.pack(">H", size) if size < 65536
                 else bytes([127 | bit]) + struct.pack(">Q", size))
        body = xor(payload, (mask * (size // 4 + 1))[:size]) if masked else payload
        self.send(head + mask + body)

    def hear(self):
        """Opcode and payload of the next frame."""
        first, second = self.exactly(2)
        size = second & 0x7F
        if size == 126:
            size, = struct.unpack(">H", self.exactly(2))
        elif size == 127:
            size, = struct.unpack(">Q", self.exactly(8))
        return first & 0x0F, self.exactly(size)

    def close_code(self):
        """Of the close frame, past whatever comes before it."""
        while True:
            opcode, payload = self.hear()
            if opcode == 8:
                return struct.unpack(">H", payload[:2])[0]


def xor(data, key):
    return (int.from_bytes(data, "big") ^ int.from_bytes(key, "big")).to_bytes(len(data), "big")


def wait_until(holds, seconds=30):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)
