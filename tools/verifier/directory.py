"""Data directories (docs/data-directory.md) and their logs of heads (docs/event-format.md, "The log of heads")."""

import base64
import pathlib
import re

from verifier.chain import (CONTENT_BYTES_MAX, LINK_BYTES_MAX, RECORD_FRAME_BYTES, RECORD_HEADER_BYTES, RECORD_LINK, RECORD_PAYLOAD,
                            Broken, ChainVerifier, Link, Malformed, Unreadable, chain_report, is_good_check, sha256)
from verifier.notes import NOTE_BYTES_MAX, Checkpoint, GrowingTree, Key, decode_entry, divide_note

HEADS_MAGIC, HEADS_PER_RECORD_MAX = b"theater heads 1\n", 16_384
HEADS, SIGNED, MARK = 1, 2, 3


class HeadLog:
    """A data directory's log of heads, judged; `heads`: actor → [(next sequence, head)] of the signed entries."""

    def __init__(self, data, key, older):
        self.key = key
        self.heads, self.checkpoints, self.fault, self.torn_bytes = {}, 0, None, 0
        self.last = Checkpoint(f"{key.name}\n0\n{base64.b64encode(sha256(b'')).decode()}\n")
        self._tree, self._pending, self._older, self._last_note = GrowingTree(), [], older, None
        try:
            if older and older.origin != key.name:
                raise Malformed(f"the log is {key.name}, the older checkpoint is of {older.origin}")
            self._read(data)
            if self._last_note is not None:
                Checkpoint.open(self._last_note, key)
            if older and older.size > self.last.size:
                raise Malformed(f"the log was rolled back: it once had {older.size} signed entries, and has {self.last.size}")
        except Malformed as fault:
            self.fault = str(fault)

    def _read(self, data):
        if data[: len(HEADS_MAGIC)] != HEADS_MAGIC:
            raise Malformed("no log of heads, or one of another version")
        at = len(HEADS_MAGIC)
        while at < len(data):
            record = head_record(data, at)
            if record is None:
                if any(data[place] in (SIGNED, MARK) and (found := head_record(data, place)) and found[0] != HEADS
                       for place in range(at + 1, len(data))):
                    raise Malformed(f"the log of heads is damaged at byte {at}")
                self.torn_bytes = len(data) - at
                return
            kind, content = record
            at += RECORD_FRAME_BYTES + len(content)
            if kind == HEADS:
                self._add_heads(content)
            elif kind == SIGNED:
                self._add_checkpoint(content)

    def _add_heads(self, content):
        if not content or len(content) % 56:
            raise Malformed("a record of the log does not hold whole entries")
        for place in range(0, len(content), 56):
            entry = content[place : place + 56]
            self._pending.append(decode_entry(entry))
            self._tree.append(entry)
            if self._older and self._tree.size == self._older.size and self._tree.root() != self._older.root:
                raise Malformed("the log was rewritten: it does not begin with that of the older checkpoint")

    def _add_checkpoint(self, note):
        checkpoint = Checkpoint(divide_note(note)[0])
        if checkpoint.origin != self.key.name:
            raise Malformed("a checkpoint in the log is of another one")
        if not self._pending or (checkpoint.size, checkpoint.root) != (self._tree.size, self._tree.root()):
            raise Malformed("a checkpoint in the log is not of the entries before it")
        for actor, next_sequence, head in self._pending:
            known = self.heads.setdefault(actor, [])
            if known and known[-1][0] >= next_sequence:
                raise Malformed("the log says that a chain shrank")
            known.append((next_sequence, head))
        self._pending, self.last, self._last_note = [], checkpoint, note
        self.checkpoints += 1

    def report(self):
        report = {**self.last.report(), "ok": self.fault is None, "checkpoints": self.checkpoints,
                  "unsigned_entries": len(self._pending), "torn_bytes": self.torn_bytes}
        if self.fault:
            report["fault"] = self.fault
        return report


def whole_record(data, at, largest):
    """(type, content) of the record at this place, None when it is not good. `largest`: type → the longest content."""
    header = data[at : at + RECORD_HEADER_BYTES]
    if len(header) < RECORD_HEADER_BYTES or header[0] not in largest or not is_good_check(header):
        return None
    length = int.from_bytes(header[1:5], "little")
    content = data[at + RECORD_HEADER_BYTES : at + RECORD_HEADER_BYTES + length]
    digest = data[at + RECORD_HEADER_BYTES + length : at + RECORD_FRAME_BYTES + length]
    if length > largest[header[0]] or sha256(content) != digest:
        return None
    return header[0], content


def head_record(data, at):
    return whole_record(data, at, {HEADS: 56 * HEADS_PER_RECORD_MAX, SIGNED: NOTE_BYTES_MAX, MARK: 0})


SEGMENT_MAGIC = b"theater segmt 1\n"
SEGMENT, GROUP, INDEX, END, REDACTED = 16, 17, 18, 19, 21
SEGMENT_BYTES, GROUP_BYTES, END_BYTES = 44, 40, 40
FIRST_GROUP = len(SEGMENT_MAGIC) + RECORD_FRAME_BYTES + SEGMENT_BYTES
GROUP_RECORD_BYTES = RECORD_FRAME_BYTES + GROUP_BYTES


def number_at(data, at):
    return int.from_bytes(data[at : at + 8], "little")


# Of the records that a group may hold, the longest contents.
CONTENT_BYTES_OF = {RECORD_LINK: LINK_BYTES_MAX, RECORD_PAYLOAD: CONTENT_BYTES_MAX[RECORD_PAYLOAD],
                    REDACTED: CONTENT_BYTES_MAX[RECORD_PAYLOAD], INDEX: 2**32, END: END_BYTES}


def is_possible(kind, length):
    return 0 < length <= CONTENT_BYTES_OF.get(kind, 0) and (kind != END or length == END_BYTES)


class Torn(Exception):
    """Here the tail of a segment begins that was not all written."""

    def __init__(self, at):
        super().__init__(at)
        self.at = at


class SegmentFile:
    """Reads one segment's links and payloads, and tells damage from a torn tail."""

    def __init__(self, path):
        self.number, self.shard = int(path.name[:12]), int(path.name[13:16])
        self.data = path.read_bytes()
        record = whole_record(self.data, len(SEGMENT_MAGIC), {SEGMENT: SEGMENT_BYTES})
        is_good = record is not None and self.data.startswith(SEGMENT_MAGIC) and len(record[1]) == SEGMENT_BYTES
        self.session = number_at(record[1], 8) if is_good else None
        self.marker = record[1][20:36] if is_good else None
        end_at = len(self.data) - RECORD_FRAME_BYTES - END_BYTES
        self.was_closed = is_good and end_at >= FIRST_GROUP and self._is_end_at(end_at) and self._has_index(end_at)
        self.faults, self.torn_bytes = [], 0
        self._behind = None
        self._take_link = self._take_payload = None

    def read(self, take_link, take_payload):
        """Hands over what is good; `faults` and `torn_bytes` tell of the rest."""
        self._take_link, self._take_payload = take_link, take_payload
        try:
            if self.session is None:
                self._fault(0, "the header is damaged")
            at, ended = FIRST_GROUP, False
            while at < len(self.data):
                at, ended = self._read_group(at)
            if self.was_closed and not ended:
                self._fault(at, "the file was cut at its end")
        except Torn as torn:
            self.torn_bytes = len(self.data) - torn.at

    def _is_end_at(self, at):
        record = whole_record(self.data, at, {END: END_BYTES})
        return record is not None and len(record[1]) == END_BYTES and record[1][:16] == self.marker and number_at(record[1], 16) == at

    def _has_index(self, end_at):
        """Whether the group that the end stands in was all written."""
        index_at = self._index_of(end_at)
        return (index_at - GROUP_RECORD_BYTES >= FIRST_GROUP and self._group_at(index_at - GROUP_RECORD_BYTES) is not None
                and whole_record(self.data, index_at, {INDEX: 2**32}) is not None)

    def _index_of(self, end_at):
        return number_at(self.data, end_at + RECORD_HEADER_BYTES + 24)

    def _group_at(self, at):
        """The group that begins here: (what it says was safe, its bytes); None when it is not good."""
        record = whole_record(self.data, at, {GROUP: GROUP_BYTES})
        if record is None or len(record[1]) != GROUP_BYTES or number_at(record[1], 16) != at:
            return None
        self.marker = self.marker or record[1][:16]
        return (number_at(record[1], 24), number_at(record[1], 32)) if record[1][:16] == self.marker else None

    def _look_behind(self, at):
        """The places of the groups behind, and up to where what was written is known to have been safe."""
        if self._behind is None:
            groups, safe = [], 0
            for place in range(at, len(self.data)):
                if self.data[place] == GROUP and (group := self._group_at(place)):
                    groups.append(place)
                    safe = max(safe, group[0])
                elif self.data[place] == END and self._is_end_at(place):
                    # The group that it stands in was written with it, and may be torn before it.
                    safe = max(safe, self._index_of(place) - GROUP_RECORD_BYTES)
            self._behind = groups, safe
        return self._behind

    def _fault(self, at, what):
        """Raises Torn when this may be a torn tail; otherwise notes the fault, and returns the places of the groups behind."""
        groups, safe = self._look_behind(at)
        if not self.was_closed and at >= safe:
            raise Torn(at)
        self.faults.append(f"segment {self.number}, byte {at}: {what}")
        return [place for place in groups if place > at]

    def _read_group(self, at):
        """Returns where the next group begins, and whether the end record was read."""
        group = self._group_at(at)
        if group is None:
            groups = self._fault(at, "no good group")
            end = groups[0] if groups else len(self.data)
            # Its records may be whole behind its own.
            if whole_record(self.data, at + GROUP_RECORD_BYTES, CONTENT_BYTES_OF) is None:
                return end, False
        else:
            end = at + GROUP_RECORD_BYTES + group[1]
        at, ended = at + GROUP_RECORD_BYTES, False
        while at < end:
            kind, behind = self._frame_at(at)
            if kind is None or behind > min(end, len(self.data)):
                groups = self._fault(at, "no record, or one that does not end where it should")
                return min(end, groups[0] if groups else len(self.data)), False
            self._take(at, kind, self.data[at + RECORD_HEADER_BYTES : behind - 32], self.data[behind - 32 : behind])
            at, ended = behind, kind == END
            if ended and at < len(self.data):
                self.faults.append(f"segment {self.number}: bytes follow the end")
                return len(self.data), True
        return at, ended

    def _frame_at(self, at):
        """Type of the record that begins here, None when there is none, and where it ends."""
        header = self.data[at : at + RECORD_HEADER_BYTES]
        if len(header) < RECORD_HEADER_BYTES:
            return None, at
        if not is_good_check(header) and header[0] in (RECORD_PAYLOAD, REDACTED):
            # A removal that was cut off: the type of the one, the check of the other.
            header = bytes([REDACTED if header[0] == RECORD_PAYLOAD else RECORD_PAYLOAD]) + header[1:]
            kind = REDACTED
        else:
            kind = header[0]
        length = int.from_bytes(header[1:5], "little")
        is_good = is_good_check(header) and is_possible(kind, length)
        return (kind if is_good else None), at + RECORD_FRAME_BYTES + length

    def _take(self, at, kind, content, digest):
        if kind != REDACTED and sha256(content) != digest:
            self._fault(at, "content or digest was changed")
        elif kind == RECORD_LINK and not self._take_link(content, digest):
            self._fault(at, "the link does not follow its actor's last one")
        elif kind == RECORD_PAYLOAD:
            self._take_payload(digest, len(content))


REMOVED_MAGIC = b"theater remov 1\n"


def removed_chains(path):
    """What retention left of the beginnings of chains: actor → (hash of the last removed link, sequence after it)."""
    if not path.is_file():
        return {}
    data, chains, at = path.read_bytes(), {}, len(REMOVED_MAGIC)
    if not data.startswith(REMOVED_MAGIC):
        raise Malformed("the file of what was removed is damaged")
    while at < len(data):
        record = whole_record(data, at, {1: 2**32})
        if record is None or len(record[1]) < 82:
            raise Malformed(f"the file of what was removed is damaged at byte {at}")
        chains[record[1][:16]] = (record[1][24:56], number_at(record[1], 16))
        at += RECORD_FRAME_BYTES + len(record[1])
    return chains


class DataDirectory:
    """All chains of a data directory, judged."""

    def __init__(self, path, heads):
        self._content = path / "content"
        self._payloads = {}
        self.chains, self.faults = {}, []
        self.torn_bytes, self.damages = 0, []
        self._heads, self._removed = heads, {}
        try:
            self._removed = removed_chains(path / "removed")
        except Malformed as fault:
            self.damages.append(str(fault))
        for actor in self._removed:
            self._chain(actor)
        for actor in heads:
            self._chain(actor)
        names = re.compile(r"[0-9]{12}-[0-9]{3}\.segment")
        paths = sorted((path / "segments").iterdir()) if (path / "segments").is_dir() else []
        segments = [SegmentFile(one) for one in paths if names.fullmatch(one.name)]
        self._note_closed(segments)
        for segment in segments:
            self._payloads = {}
            segment.read(self._take_link, self._payloads.__setitem__)
            self.damages += segment.faults
            self.torn_bytes += segment.torn_bytes

    @staticmethod
    def _note_closed(segments):
        """A later session begins when all before are closed, and a shard begins a segment when the one before is."""
        last_session, later = 0, set()
        for segment in reversed(segments):
            last_session = max(last_session, segment.session or last_session)
            if segment.session is not None:
                segment.was_closed |= segment.session < last_session or (segment.session, segment.shard) in later
                later.add((segment.session, segment.shard))

    def _chain(self, actor):
        if actor not in self.chains:
            begin = self._removed.get(actor, (bytes(32), 0))
            self.chains[actor] = [ChainVerifier(actor, self._heads.get(actor, ()), self._size_of), None, begin]
        return self.chains[actor]

    def finish(self, actor, chain):
        """Of a chain of which nothing is kept, what is left still has to end as the heads tell."""
        removed = self._removed.get(actor)
        if removed is None or chain.links:
            chain.finish()
            return
        chain.head, chain.first_sequence = removed
        for next_sequence, head in self._heads.get(actor, ()):
            if next_sequence < chain.first_sequence:
                continue
            if (head, next_sequence) != removed:
                raise Broken(chain.first_sequence, "what was removed ended elsewhere than the log of heads tells")
            chain.heads_checked += 1

    def _size_of(self, digest):
        if digest in self._payloads:
            return self._payloads[digest]
        path = self._content / digest.hex()[:2] / digest.hex()
        content = path.read_bytes() if path.is_file() else None
        return len(content) if content is not None and sha256(content) == digest else None

    def _take_link(self, data, link_hash):
        """Whether the link is its actor's next."""
        try:
            link = Link(data)
        except Malformed:
            return False
        chain = self._chain(link.actor)
        if link.first_sequence < self._removed.get(link.actor, (None, 0))[1]:
            return True
        if (link.previous, link.first_sequence) != chain[2]:
            return False
        chain[2] = (link_hash, link.first_sequence + link.event_count)
        if chain[1] is None:
            try:
                chain[0].link(data, link_hash)
            except Broken as fault:
                chain[1] = fault
        return True


def verify_log_of(path, known):
    """The directory's log of heads; None when it keeps none and nobody asks for it."""
    if not (path / "log.pub").is_file():
        if known.older_note is not None or known.log_name is not None:
            raise Unreadable("it keeps no signed log")
        return None
    key = Key.parse((path / "log.pub").read_bytes().removesuffix(b"\n").decode("utf-8", "replace"))
    known.check_log(key.name)
    older = Checkpoint.open(known.older_note, key) if known.older_note is not None else None
    if not (path / "heads.log").is_file():
        raise Malformed("the log of heads is gone, though its key is there")
    return HeadLog((path / "heads.log").read_bytes(), key, older)


def verify_directory(path, known):
    folder = pathlib.Path(path)
    if not (folder / "theater-data").is_file() or (folder / "theater-data").read_bytes() != b"theater data 1\n":
        raise Unreadable("no data directory, or one of another version")
    log, log_fault = None, None
    try:
        log = verify_log_of(folder, known)
    except Malformed as fault:
        log_fault = str(fault)
    heads = {actor: list(of_actor) for actor, of_actor in (log.heads if log else {}).items()}
    if known.proof:
        heads[known.proof.actor] = sorted(heads.get(known.proof.actor, []) + known.heads())
    directory = DataDirectory(folder, heads)
    chains = []
    for actor in sorted(directory.chains):
        chain, fault, _ = directory.chains[actor]
        chain.actor = actor
        if fault is None:
            try:
                directory.finish(actor, chain)
            except Broken as found:
                fault = found
        chains.append(chain_report(chain, fault))
    log_report = log.report() if log else {"ok": False, "fault": log_fault} if log_fault else None
    ok = all(chain["ok"] for chain in chains) and not directory.damages and (log_report is None or log_report["ok"])
    return {"directory": path, "ok": ok, "torn_bytes": directory.torn_bytes, "chains": chains, "log": log_report,
            "damages": directory.damages}
