"""Links, events, chains and chain files (docs/event-format.md)."""

import hashlib
import os
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
RECORD_FRAME_BYTES = RECORD_HEADER_BYTES + 32
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


class Known:
    """What the one who verifies knows from elsewhere."""

    def __init__(self, head=None, older_note=None, proof=None, log_name=None, log_key=None):
        self.head, self.older_note, self.proof = head, older_note, proof
        self.log_name, self.log_key = log_name, log_key

    def actor(self):
        return self.proof.actor if self.proof else None

    def heads(self):
        return [(self.proof.next_sequence, self.proof.head)] if self.proof else []

    def check_log(self, name):
        if self.log_name is not None and name != self.log_name:
            raise Malformed(f"of the log {name}, not of {self.log_name}")


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
            self.component = data.raw(32)
            self.manifest = data.raw(32)
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

    def __init__(self, actor=None, heads=(), kept=None):
        """`heads`: [(next sequence, hash)] that the chain must run through, ordered. `kept`: digest → size, None when not kept."""
        self.wanted_actor = actor
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
        self._kept = kept
        self._heads = list(heads)
        self.heads_checked = 0
        # What was certain where the chain last ran through a known head.
        self._certain = None
        self.named = {"components": set(), "manifests": set()}

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
        next_sequence = link.first_sequence + link.event_count
        ran_through = self._check_heads(next_sequence, link_hash)
        self.head = link_hash
        self.next_sequence = next_sequence
        self.events += link.event_count
        self.links += 1
        if ran_through:
            self._certain = self._counts()

    def _counts(self):
        return {name: getattr(self, name) for name in ("links", "events", "next_sequence", "head", "payloads_checked", "payloads_missing",
                                                       "heads_checked")}

    def _check_heads(self, next_sequence, link_hash):
        ran_through = False
        while self._heads and self._heads[0][0] <= next_sequence:
            known_sequence, known_hash = self._heads.pop(0)
            if (known_sequence, known_hash) == (next_sequence, link_hash):
                self.heads_checked += 1
                ran_through = True
                continue
            # Somewhere after the last head that fits the chain was written anew; its own hashes cannot say where.
            self.__dict__.update(self._certain)
            raise Broken(self.next_sequence, f"was written anew from here or later: event {known_sequence - 1} once ended the link "
                                             f"{known_hash.hex()}, which is not in this chain")
        return ran_through

    def finish(self, head=None):
        """To be called after the last link."""
        if self._heads:
            raise Broken(self.next_sequence, f"ends before event {self.next_sequence}, but once had events up to {self._heads[-1][0]}")
        if head is not None and head != self.head:
            raise Broken(self.next_sequence, f"ends with link {self.head.hex()}: cut off, or written anew")

    def _check_header(self, link):
        first = link.first_sequence
        if self.links == 0:
            self.actor = link.actor if self.wanted_actor is None else self.wanted_actor
            if (first == 0) != (link.previous == ZERO_DIGEST):
                raise Broken(first, "only the first link names no link before it")
            self.first_sequence = first
            self.complete = first == 0
            self._phase = NEW if first == 0 else UNKNOWN
            self._certain = {**self._counts(), "next_sequence": first}
            # Of what came before the chain only the hash is left.
            while self._heads and self._heads[0][0] < first:
                self._heads.pop(0)
            if first > 0:
                self._check_heads(first, link.previous)
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
            self.named["components"].add(event.component)
            self.named["manifests"].add(event.manifest)
        return None

    def _check_values(self, event):
        for digest, size in event.digests:
            kept = self._payloads.get(digest)
            if kept is None and self._kept:
                kept = self._kept(digest)
            if kept is None:
                self.payloads_missing += 1
            elif kept != size:
                return "a large value has another length than its content"
            else:
                self.payloads_checked += 1
        return None


class Section:
    """A part of an open file, read from front to back."""

    def __init__(self, file, offset=0, size=None):
        self._file = file
        self._offset = offset
        self.size = os.fstat(file.fileno()).st_size - offset if size is None else size
        self.at = 0

    def read(self, count):
        self._file.seek(self._offset + self.at)
        data = self._file.read(max(0, min(count, self.size - self.at)))
        self.at += len(data)
        return data


def is_good_check(header):
    return int.from_bytes(header[5:9], "little") == crc32c(header[:5])


class ChainFile:
    """Reads a chain file's records one by one."""

    def __init__(self, section):
        self._file = section
        self._size = section.size
        self.torn_bytes = 0
        if section.read(len(FILE_MAGIC)) != FILE_MAGIC:
            raise Unreadable("no chain file, or one of another version")

    def records(self):
        """Yields (type, content, digest); raises Malformed where the file is damaged rather than cut."""
        closed = False
        while True:
            start = self._file.at
            if start >= self._size:
                return
            if closed:
                raise Malformed("bytes after the closing record")
            header = self._file.read(RECORD_HEADER_BYTES)
            if len(header) < RECORD_HEADER_BYTES:
                self.torn_bytes = self._size - start
                return
            if not is_good_check(header):
                if any(header) or not self._rest_is_zero():
                    raise Malformed(f"the file is damaged at byte {start}: no record begins here")
                self.torn_bytes = self._size - start
                return
            kind, length = header[0], int.from_bytes(header[1:5], "little")
            if kind not in CONTENT_BYTES_MAX or length > CONTENT_BYTES_MAX[kind] or (kind == RECORD_CLOSED and length != 16):
                raise Malformed(f"the file is damaged at byte {start}: an unknown record, or one of a length that may not be")
            if self._size - start < RECORD_FRAME_BYTES + length:
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


def chain_report(chain, fault):
    report = {"ok": fault is None, "actor": str(uuid.UUID(bytes=chain.actor)), "events": chain.events, "links": chain.links,
              "first_sequence": chain.first_sequence, "complete": chain.complete, "payloads_checked": chain.payloads_checked,
              "payloads_missing": chain.payloads_missing, "heads_checked": chain.heads_checked, "head": chain.head.hex()}
    if fault:
        report["fault"] = {"sequence": fault.sequence, "what": fault.what}
    return report


def verify_chain_in(section, chain, head=None):
    """Verifies a chain file; returns (its report, whether it was closed, the bytes of its torn tail)."""
    file = ChainFile(section)
    fault, closed = None, False
    try:
        closed = verify_records(file, chain)
        chain.finish(head)
    except Broken as found:
        fault = found
    return chain_report(chain, fault), closed, file.torn_bytes


def verify_chain_file(path, known=None):
    """The report on a chain file, with the fields that `theater --json verify` has."""
    known = known or Known()
    if known.older_note is not None or (known.log_name is not None and known.proof is None):
        raise Unreadable("a chain file holds no proof that it is in a log")
    with open(path, "rb") as opened:
        report, closed, torn_bytes = verify_chain_in(Section(opened), ChainVerifier(known.actor(), known.heads()), known.head)
    return {"file": path, **report, "closed": closed, "torn_bytes": torn_bytes}
