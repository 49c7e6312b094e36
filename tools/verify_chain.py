#!/usr/bin/env python3
"""Verifies recorded chains, offline, with nothing but Python's standard library.

    python3 tools/verify_chain.py [--json] [--head HASH] FILE...

Written from docs/event-format.md alone: it shares no code with `theater verify` and must come to the same verdicts. It shows
that the format can be checked without trusting the program that wrote it. Exit codes: 0 all verify; 1 one is broken or cannot
be read.
"""

import argparse
import hashlib
import json
import os
import sys
import uuid

U64_MAX = 2**64 - 1
ZERO_DIGEST = bytes(32)

LINK_BYTES_MAX = 1_048_576
LINK_EVENTS_MAX = 127
INLINE_STATE_BYTES_MAX = 64
# Two values and a state in each event.
PAYLOADS_PER_LINK_MAX = 3 * LINK_EVENTS_MAX

FILE_MAGIC = b"theater chain 1\n"
RECORD_LINK, RECORD_PAYLOAD, RECORD_CLOSED = 1, 2, 3
RECORD_HEADER_BYTES = 9
CONTENT_BYTES_MAX = {RECORD_LINK: LINK_BYTES_MAX, RECORD_PAYLOAD: 269_484_032, RECORD_CLOSED: 16}

STARTED, CALL, HOST_CALL, HOST_CALL_BEGIN, HOST_CALL_END, RETURNED, FAILED, STOPPED, NOTE = range(1, 10)
KIND_NAMES = [None, "started", "call", "host-call", "host-call-begin", "host-call-end", "returned", "failed", "stopped", "note"]
REASON_RESUMED = 4


def sha256(data):
    return hashlib.sha256(data).digest()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


class Malformed(Exception):
    """Bytes that are not what the format says."""


class Broken(Exception):
    """The first thing that is wrong with a chain, and the sequence from which on nothing is proven."""

    def __init__(self, sequence, what):
        super().__init__(what)
        self.sequence = sequence
        self.what = what


class Unreadable(Exception):
    """Not the kind of file that can be verified, or not readable at all."""


class Cursor:
    """Reads canonical bytes from front to back."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def at_end(self):
        return self.at == len(self.data)

    def raw(self, count):
        if count > len(self.data) - self.at:
            raise Malformed("a length reaches beyond the end")
        piece = self.data[self.at : self.at + count]
        self.at += count
        return piece

    def u8(self):
        return self.raw(1)[0]

    def leb(self):
        value = 0
        for place in range(10):
            byte = self.u8()
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                if (byte == 0 and place > 0) or value > U64_MAX:
                    break
                return value
        raise Malformed("a number is longer than needed, or than 64 bits")

    def index(self):
        value = self.leb()
        if value >= 2**32:
            raise Malformed("a number is too large for its field")
        return value

    def flag(self):
        value = self.u8()
        if value > 1:
            raise Malformed("a tag is neither 0 nor 1")
        return value == 1

    def bytes(self):
        return self.raw(self.leb())

    def text(self):
        try:
            return self.bytes().decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed("a text is not UTF-8") from None

    def texts(self):
        return [self.text() for _ in range(self.leb())]

    def reason(self, last):
        value = self.u8()
        if not 1 <= value <= last:
            raise Malformed("an unknown reason")
        return value

    def value_ref(self, digests):
        """Steps over a value; one by digest is added to `digests` as (digest, size)."""
        by_digest = self.flag()
        self.bytes()
        if by_digest:
            size = self.leb()
            if size == 0:
                raise Malformed("a value by digest without bytes")
            digests.append((self.raw(32), size))

    def state_ref(self, digests):
        form = self.u8()
        if form > 3:
            raise Malformed("an unknown form of state")
        if form == 2 and len(self.bytes()) > INLINE_STATE_BYTES_MAX:
            raise Malformed("a state too long to be inline")
        if form == 3:
            digest = self.raw(32)
            size = self.leb()
            if size <= INLINE_STATE_BYTES_MAX:
                raise Malformed("a state too short to be by digest")
            digests.append((digest, size))


class Event:
    """What verification needs to know of one event."""

    def __init__(self, kind, payload):
        self.kind = kind
        self.reason = None
        self.import_index = None
        self.export_index = None
        self.import_count = None
        self.export_count = None
        self.digests = []
        data = Cursor(payload)
        self._read(data)
        if not data.at_end():
            raise Malformed("bytes after the end of the event's payload")

    def _read(self, data):
        if self.kind == STARTED:
            self.reason = data.reason(5)
            data.text()
            data.raw(32)
            data.raw(32)
            if data.flag():
                data.raw(16)
            self.import_count = len(data.texts())
            self.export_count = len(data.texts())
            data.state_ref(self.digests)
        elif self.kind == CALL:
            self.export_index = data.index()
            if data.flag():
                data.raw(16)
                data.leb()
            data.value_ref(self.digests)
        elif self.kind in (HOST_CALL, HOST_CALL_BEGIN):
            self.import_index = data.index()
            data.value_ref(self.digests)
            if self.kind == HOST_CALL:
                data.value_ref(self.digests)
        elif self.kind == HOST_CALL_END:
            data.value_ref(self.digests)
        elif self.kind == RETURNED:
            data.value_ref(self.digests)
            data.state_ref(self.digests)
            data.leb()
        elif self.kind == FAILED:
            self.reason = data.reason(6)
            data.text()
            data.text()
            data.leb()
        elif self.kind == STOPPED:
            self.reason = data.reason(6)
            data.text()
        elif self.kind == NOTE:
            if not data.text():
                raise Malformed("a note without a type")
            data.value_ref(self.digests)
        else:
            raise Malformed("an unknown kind of event")


class Link:
    """A link's header; events() reads the rest one by one."""

    def __init__(self, data):
        if len(data) > LINK_BYTES_MAX:
            raise Malformed("longer than a link may be")
        self._data = Cursor(data)
        if self._data.u8() != 1:
            raise Malformed("an unknown version of the link format")
        self.actor = self._data.raw(16)
        self.previous = self._data.raw(32)
        self.first_sequence = self._data.leb()
        self.base_time_ns = self._data.leb()
        self.event_count = self._data.leb()
        if not 1 <= self.event_count <= LINK_EVENTS_MAX:
            raise Malformed("no event, or more than a link may hold")
        if self.first_sequence + self.event_count > U64_MAX:
            raise Malformed("sequences beyond 64 bits")

    def events(self):
        """Yields (sequence, time in ns, event); raises Broken where an event is malformed."""
        before_ns = self.base_time_ns
        for sequence in range(self.first_sequence, self.first_sequence + self.event_count):
            try:
                kind = self._data.u8()
                time_ns = self.base_time_ns + self._data.leb()
                payload = self._data.bytes()
                if not before_ns <= time_ns <= U64_MAX:
                    raise Malformed("a time before that of the event before, or beyond 64 bits")
                event = Event(kind, payload)
            except Malformed as fault:
                raise Broken(sequence, f"the event is malformed: {fault}") from None
            yield sequence, time_ns, event
            before_ns = time_ns
        if not self._data.at_end():
            raise Broken(sequence, "the event is malformed: bytes after the last event")


# Where an actor is, as far as its events tell. UNKNOWN: the chain's start is not there.
NEW, UNKNOWN, IDLE, IN_CALL, SUSPENDED, ENDED = range(6)
PHASE_NAMES = ["first in a chain", "here", "while no call runs", "during a call", "while a host call is pending", "after stopped"]


class ChainVerifier:
    """Verifies one actor's links in order. Its fields tell of what came before the fault."""

    def __init__(self):
        self.actor = bytes(16)
        self.links = 0
        self.events = 0
        self.first_sequence = 0
        self.next_sequence = 0
        self.head = ZERO_DIGEST
        self.complete = False
        self.payloads_checked = 0
        self.payloads_missing = 0
        self._phase = UNKNOWN
        self._import_count = None
        self._export_count = None
        # Digest → size of the content that is there for the next link.
        self._payloads = {}

    def payload(self, content, stored_digest):
        if sha256(content) != stored_digest:
            raise Broken(self.next_sequence, "a large value was changed: its content does not have its digest")
        self._payloads[stored_digest] = len(content)

    def link(self, data, stored_hash):
        link_hash = sha256(data)
        if stored_hash != link_hash:
            raise Broken(self.next_sequence, "the link was changed: its bytes do not have the hash stored with them")
        try:
            link = Link(data)
        except Malformed as fault:
            raise Broken(self.next_sequence, f"the link is malformed: {fault}") from None
        self._check_header(link)
        for sequence, _, event in link.events():
            what = self._check_order(event) or self._check_functions(event) or self._check_values(event)
            if what:
                raise Broken(sequence, what)
        self._payloads = {}
        self.head = link_hash
        self.next_sequence = link.first_sequence + link.event_count
        self.events += link.event_count
        self.links += 1

    def _check_header(self, link):
        first = link.first_sequence
        if self.links == 0:
            self.actor = link.actor
            if (first == 0) != (link.previous == ZERO_DIGEST):
                raise Broken(first, "only the first link names no link before it")
            self.first_sequence = first
            self.complete = first == 0
            self._phase = NEW if first == 0 else UNKNOWN
        elif first != self.next_sequence:
            raise Broken(self.next_sequence, f"the next link begins with event {first}: links are missing, repeated or out of order")
        elif link.previous != self.head:
            raise Broken(self.next_sequence, "the link does not follow the one before it")
        if link.actor != self.actor:
            raise Broken(first, f"the link belongs to another actor, {uuid.UUID(bytes=link.actor)}")

    def _check_order(self, event):
        before, kind = self._phase, event.kind
        may_come_after = {
            STARTED: (NEW, UNKNOWN, IDLE, ENDED) + ((IN_CALL, SUSPENDED) if event.reason == REASON_RESUMED else ()),
            CALL: (UNKNOWN, IDLE),
            HOST_CALL: (UNKNOWN, IDLE, IN_CALL),
            HOST_CALL_BEGIN: (UNKNOWN, IN_CALL),
            HOST_CALL_END: (UNKNOWN, SUSPENDED),
            RETURNED: (UNKNOWN, IN_CALL),
            FAILED: (UNKNOWN, IN_CALL, SUSPENDED),
            STOPPED: (UNKNOWN, IDLE),
            NOTE: (UNKNOWN, IDLE, IN_CALL, SUSPENDED),
        }
        if before not in may_come_after[kind]:
            return f"an event of kind {kind} ({KIND_NAMES[kind]}) cannot come {PHASE_NAMES[before]}"
        leads_to = {STARTED: IDLE, CALL: IN_CALL, HOST_CALL_BEGIN: SUSPENDED, HOST_CALL_END: IN_CALL, RETURNED: IDLE,
                    FAILED: IDLE, STOPPED: ENDED}
        self._phase = leads_to.get(kind, before)
        return None

    def _check_functions(self, event):
        for index, count in ((event.import_index, self._import_count), (event.export_index, self._export_count)):
            if index is not None and count is not None and index >= count:
                return "names a function that the component does not have"
        if event.kind == STARTED:
            self._import_count, self._export_count = event.import_count, event.export_count
        return None

    def _check_values(self, event):
        for digest, size in event.digests:
            kept = self._payloads.get(digest)
            if kept is None:
                self.payloads_missing += 1
            elif kept != size:
                return "a large value has another length than its content"
            else:
                self.payloads_checked += 1
        return None


class ChainFile:
    """Reads a chain file's records one by one."""

    def __init__(self, file):
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self.torn_bytes = 0
        if file.read(len(FILE_MAGIC)) != FILE_MAGIC:
            raise Unreadable("no chain file, or one of another version")

    def records(self):
        """Yields (type, content, digest); raises Malformed where the file is damaged rather than cut."""
        closed = False
        while True:
            start = self._file.tell()
            if start >= self._size:
                return
            if closed:
                raise Malformed("bytes after the closing record")
            header = self._file.read(RECORD_HEADER_BYTES)
            if len(header) < RECORD_HEADER_BYTES:
                self.torn_bytes = self._size - start
                return
            if int.from_bytes(header[5:], "little") != crc32c(header[:5]):
                if any(header) or not self._rest_is_zero():
                    raise Malformed(f"the file is damaged at byte {start}: no record begins here")
                self.torn_bytes = self._size - start
                return
            kind, length = header[0], int.from_bytes(header[1:5], "little")
            if kind not in CONTENT_BYTES_MAX or length > CONTENT_BYTES_MAX[kind] or (kind == RECORD_CLOSED and length != 16):
                raise Malformed(f"the file is damaged at byte {start}: an unknown record, or one of a length that may not be")
            if self._size - start < RECORD_HEADER_BYTES + length + 32:
                self.torn_bytes = self._size - start
                return
            content = self._file.read(length)
            yield kind, content, self._file.read(32)
            closed = kind == RECORD_CLOSED

    def _rest_is_zero(self):
        while part := self._file.read(65536):
            if any(part):
                return False
        return True


def check_closed(chain, content, digest):
    told = int.from_bytes(content[:8], "little"), int.from_bytes(content[8:], "little"), digest
    if told != (chain.links, chain.next_sequence, chain.head):
        raise Broken(chain.next_sequence, "the closing record tells of other links than the file holds")


def verify_records(file, chain):
    """Feeds a file's records to the verifier; returns whether it was closed."""
    closed = False
    payloads = 0
    try:
        for kind, content, digest in file.records():
            if kind == RECORD_LINK:
                chain.link(content, digest)
                payloads = 0
            elif kind == RECORD_PAYLOAD:
                payloads += 1
                if payloads > PAYLOADS_PER_LINK_MAX:
                    raise Broken(chain.next_sequence, "more large values than one link can name")
                chain.payload(content, digest)
            else:
                check_closed(chain, content, digest)
                closed = True
    except Malformed as fault:
        raise Broken(chain.next_sequence, str(fault)) from None
    return closed


def verify_chain_file(path, head=None):
    """The report on a chain file, with the fields that `theater --json verify` has. Raises Unreadable."""
    chain = ChainVerifier()
    fault = None
    closed = False
    try:
        with open(path, "rb") as opened:
            file = ChainFile(opened)
            try:
                closed = verify_records(file, chain)
                if head is not None and head != chain.head:
                    raise Broken(chain.next_sequence, f"ends with link {chain.head.hex()}: cut off, or written anew")
            except Broken as found:
                fault = found
    except OSError as error:
        raise Unreadable(error.strerror) from None
    report = {"file": path, "ok": fault is None, "actor": str(uuid.UUID(bytes=chain.actor)), "events": chain.events,
              "links": chain.links, "first_sequence": chain.first_sequence, "complete": chain.complete, "closed": closed,
              "torn_bytes": file.torn_bytes, "payloads_checked": chain.payloads_checked,
              "payloads_missing": chain.payloads_missing, "head": chain.head.hex()}
    if fault:
        report["fault"] = {"sequence": fault.sequence, "what": fault.what}
    return report


def text_of(report):
    if "error" in report:
        return f"cannot verify {report['file']}: {report['error']}"
    if not report["ok"]:
        return (f"BROKEN  {report['file']}: at event {report['fault']['sequence']}: {report['fault']['what']}\n"
                f"        the {report['events']} events before it are as they were recorded")
    text = f"OK  {report['file']}: actor {report['actor']}, {report['events']} events in {report['links']} links, head {report['head']}"
    if not report["complete"]:
        text += f"\n    begins with event {report['first_sequence']}; earlier ones are not in the file"
    if report["payloads_missing"]:
        text += f"\n    {report['payloads_missing']} large values are not in the file; their digests are"
    if report["torn_bytes"]:
        text += f"\n    the file was cut: its last {report['torn_bytes']} bytes are no whole record and were left out"
    elif not report["closed"]:
        text += "\n    the file was not closed by its writer: later events may be missing"
    return text


def head_hash(text):
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(digest) != 32 or len(text) != 64:
        raise argparse.ArgumentTypeError("64 hexadecimal digits")
    return digest


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Checks that recorded chains are as they were written.")
    parser.add_argument("--json", action="store_true", help="one JSON object a file instead of text")
    parser.add_argument("--head", type=head_hash, help="the head that the (only) chain must end with")
    parser.add_argument("files", nargs="+", metavar="FILE", help="chain files")
    options = parser.parse_args(arguments)
    if options.head is not None and len(options.files) != 1:
        parser.error("--head takes one file")
    all_good = True
    for path in options.files:
        try:
            report = verify_chain_file(path, options.head)
        except Unreadable as error:
            report = {"file": path, "ok": False, "error": str(error)}
        all_good &= report["ok"]
        print(json.dumps(report) if options.json else text_of(report))
    return 0 if all_good else 1


if __name__ == "__main__":
    sys.exit(main())
