#!/usr/bin/env python3
"""websocket_test.py THEATER COMPONENTS: what RFC 6455 asks of a server, case by case as Autobahn's suite has them: framing,
pings, reserved bits, opcodes, fragments, UTF-8, closing, large messages. Channels to an actor that answers with what it is
sent; its answers are binary."""

import os
import struct
import sys
import unittest

from wire import Server

PROGRAM, COMPONENTS = sys.argv[1:3]
TEXT, BINARY, CONTINUED, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10


class WebSockets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(PROGRAM, COMPONENTS)
        cls.server.start("echo")

    @classmethod
    def tearDownClass(cls):
        code = cls.server.stop()
        log = cls.server.log_text()
        cls.server.close()
        assert code == 0, log

    def open(self):
        http = self.server.unix()
        self.assertEqual(http.websocket("/v1/channels?actor=echo"), 101)
        return http

    def ends_with(self, code, frames):
        """The frames, each arguments of say(), make the server close with this code."""
        with self.open() as http:
            try:
                for arguments in frames:
                    http.say(**arguments)
            except (BrokenPipeError, ConnectionResetError):
                pass
            self.assertEqual(http.close_code(), code, frames)

    def test_messages_of_all_lengths_come_back(self):
        with self.open() as http:
            for size in [0, 1, 125, 126, 127, 128, 65535, 65536, 1 << 20]:
                for opcode, payload in [(TEXT, b"*" * size), (BINARY, os.urandom(size))]:
                    http.say(payload, opcode=opcode)
                    self.assertEqual(http.hear(), (BINARY, payload), (size, opcode))

    def test_frames_may_come_in_any_pieces(self):
        with self.open() as http:
            whole = b""
            send, http.send = http.send, lambda data: pieces.append(data)
            pieces = []
            http.say(b"in pieces " * 20)
            http.say(b"", opcode=PING)
            whole, http.send = b"".join(pieces), send
            for i in range(0, len(whole), 3):
                http.send(whole[i:i + 3])
            heard = [http.hear(), http.hear()]
            self.assertEqual(sorted(heard), [(BINARY, b"in pieces " * 20), (PONG, b"")])

    def test_pings_are_answered_with_what_they_hold(self):
        with self.open() as http:
            for payload in [b"", b"hello", b"\x00\xff\xfe", b"\xfe" * 125]:
                http.say(payload, opcode=PING)
                self.assertEqual(http.hear(), (PONG, payload))
            for payload in [b"", b"nobody asked"]:
                http.say(payload, opcode=PONG)
            for i in range(10):
                http.say(str(i).encode(), opcode=PING)
            for i in range(10):
                self.assertEqual(http.hear(), (PONG, str(i).encode()))
        self.ends_with(1002, [dict(payload=b"x" * 126, opcode=PING)])

    def test_reserved_bits_and_opcodes_are_no_words(self):
        for bits in range(1, 8):
            with self.open() as http:
                http.send(bytes([0x80 | bits << 4 | TEXT, 0x80]) + b"mask")
                self.assertEqual(http.close_code(), 1002, bits)
        for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]:
            self.ends_with(1002, [dict(payload=b"", opcode=opcode)])
            self.ends_with(1002, [dict(payload=b"x", opcode=opcode)])

    def test_fragments_make_one_message_with_pings_between_them(self):
        with self.open() as http:
            http.say(b"one ", opcode=TEXT, final=False)
            http.say(b"between", opcode=PING)
            http.say(b"two ", opcode=CONTINUED, final=False)
            http.say(b"", opcode=CONTINUED, final=False)
            http.say(b"three", opcode=CONTINUED)
            self.assertEqual(http.hear(), (PONG, b"between"))
            self.assertEqual(http.hear(), (BINARY, b"one two three"))
            http.say(b"", opcode=BINARY, final=False)
            http.say(b"", opcode=CONTINUED)
            self.assertEqual(http.hear(), (BINARY, b""))

    def test_fragments_in_a_wrong_order_end_it(self):
        for frames in [[dict(payload=b"x", opcode=PING, final=False)], [dict(payload=b"x", opcode=PONG, final=False)],
                       [dict(payload=b"x", opcode=CONTINUED)], [dict(payload=b"x", opcode=CONTINUED, final=False)],
                       [dict(payload=b"x", opcode=TEXT, final=False), dict(payload=b"x", opcode=TEXT)],
                       [dict(payload=b"x", opcode=TEXT, final=False), dict(payload=b"x", opcode=BINARY, final=False)]]:
            self.ends_with(1002, frames)

    def test_text_is_utf8_across_fragments(self):
        with self.open() as http:
            text = "κόσμε 𐍈 ￿ ퟿".encode()
            for i in range(len(text)):
                http.say(text[i:i + 1], opcode=TEXT if i == 0 else CONTINUED, final=i == len(text) - 1)
            self.assertEqual(http.hear(), (BINARY, text))
        for broken in [b"\xff", b"\x80", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80",
                       b"ab\xce", "κόσμε".encode() + b"\xed\xa0\x80" + b"edited"]:
            self.ends_with(1007, [dict(payload=broken, opcode=TEXT)])
            # In the middle of a character.
            self.ends_with(1007, [dict(payload=broken[:1], opcode=TEXT, final=False), dict(payload=broken[1:], opcode=CONTINUED)])

    def test_closing_is_agreed_on(self):
        for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]:
            self.ends_with(code, [dict(payload=struct.pack(">H", code), opcode=CLOSE)])
        self.ends_with(1000, [dict(payload=struct.pack(">H", 1000) + b"x" * 123, opcode=CLOSE)])
        for code in [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999]:
            self.ends_with(1002, [dict(payload=struct.pack(">H", code), opcode=CLOSE)])
        self.ends_with(1002, [dict(payload=b"\x03", opcode=CLOSE)])
        self.ends_with(1002, [dict(payload=struct.pack(">H", 1000) + b"x" * 124, opcode=CLOSE)])
        with self.open() as http:
            http.say(struct.pack(">H", 1000) + b"\xff\xfe", opcode=CLOSE)
            self.assertIn(http.close_code(), (1002, 1007))
        with self.open() as http:
            # Without a code; what follows is nobody's.
            http.say(b"", opcode=CLOSE)
            http.say(b"late", opcode=BINARY)
            opcode, payload = http.hear()
            self.assertEqual((opcode, payload[:2]), (CLOSE, payload[:2]))
            try:
                self.assertFalse(http.more())
            except ConnectionResetError:
                pass

    def test_large_messages_come_back_whole_and_too_large_ones_end_it(self):
        payload = os.urandom(3 << 20)
        with self.open() as http:
            http.say(payload)
            self.assertEqual(http.hear(), (BINARY, payload))
            for i in range(0, len(payload), 100_000):
                piece = payload[i:i + 100_000]
                http.say(piece, opcode=BINARY if i == 0 else CONTINUED, final=i + 100_000 >= len(payload))
            self.assertEqual(http.hear(), (BINARY, payload))
        # More than the actor takes.
        self.ends_with(1009, [dict(payload=b"x" * (5 << 20))])


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
