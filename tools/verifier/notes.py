"""Merkle trees (RFC 6962), signed notes, checkpoints and proofs (docs/event-format.md, "Checkpoints")."""

import base64
import binascii
import re
import uuid

from verifier.chain import U64_MAX, Malformed, Unreadable, sha256
from verifier.ed25519 import is_signed

def leaf_hash(entry):
    return sha256(b"\0" + entry)


def node_hash(left, right):
    return sha256(b"\1" + left + right)


class GrowingTree:
    """A tree that only grows: the roots of its full subtrees, the largest first."""

    def __init__(self):
        self.size = 0
        self._peaks = []

    def append(self, entry):
        node, bits = leaf_hash(entry), self.size
        while bits & 1:
            node, bits = node_hash(self._peaks.pop(), node), bits >> 1
        self._peaks.append(node)
        self.size += 1

    def root(self):
        if not self._peaks:
            return sha256(b"")
        node = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            node = node_hash(peak, node)
        return node


def is_included(leaf, index, size, path, root):
    """RFC 9162, section 2.1.3.2."""
    if index >= size:
        return False
    last, node = size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if index & 1 or index == last:
            node = node_hash(sibling, node)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and node == root


def is_consistent(old_size, old_root, size, root, path):
    """RFC 9162, section 2.1.4.2."""
    if old_size > size:
        return False
    if old_size == size:
        return not path and old_root == root
    if old_size == 0:
        return not path and old_root == sha256(b"")
    path = list(path) if old_size & (old_size - 1) else [old_root, *path]
    if not path:
        return False
    index, last = old_size - 1, size - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    old_node = node = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if index & 1 or index == last:
            old_node, node = node_hash(sibling, old_node), node_hash(sibling, node)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            node = node_hash(node, sibling)
        index, last = index >> 1, last >> 1
    return last == 0 and old_node == old_root and node == root


NOTE_BYTES_MAX = 1_048_576
NOTE_SIGNATURES_MAX = 100
PROOF_HASHES_MAX = 64
PROOF_HEADER = "c2sp.org/tlog-proof@v1"
ED25519 = 1


def decode_base64(text):
    """Only the one text that stands for some bytes."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("not base64") from None
    if base64.b64encode(data).decode() != text:
        raise Malformed("not base64 as it must be written")
    return data


def decimal(text):
    if not re.fullmatch(r"0|[1-9][0-9]{0,19}", text) or int(text) > U64_MAX:
        raise Malformed("no number as it must be written")
    return int(text)


def digest_line(text):
    data = decode_base64(text)
    if len(data) != 32:
        raise Malformed("no hash of 32 bytes")
    return data


def is_key_name(name):
    return bool(name) and not any(c.isspace() or c == "+" or c < " " or c == "\x7f" for c in name)


class Key:
    """A log's public key with its name."""

    def __init__(self, public):
        self.public = public
        self.name = "theater/" + sha256(public)[:16].hex()
        self.id = sha256(self.name.encode() + b"\n" + bytes([ED25519]) + public)[:4]

    @staticmethod
    def parse(text):
        name, _, rest = text.partition("+")
        key_id, _, encoded = rest.partition("+")
        data = decode_base64(encoded)
        if len(data) != 33 or data[0] != ED25519:
            raise Malformed("no Ed25519 key")
        key = Key(data[1:])
        if name != key.name or key_id.lower() != key.id.hex():
            raise Malformed(f"the key is not that of {name}: a log's name is made from its key")
        return key


def divide_note(note):
    """Text and signature lines of a note."""
    if len(note) > NOTE_BYTES_MAX:
        raise Malformed("longer than a note may be")
    try:
        text = note.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("a note that is not UTF-8") from None
    if any(c < " " and c != "\n" for c in text):
        raise Malformed("a note with a control character")
    end = text.rfind("\n\n")
    signatures = text[end + 2 :]
    if end < 0 or not signatures.endswith("\n"):
        raise Malformed("no signed note")
    return text[: end + 1], signatures.split("\n")[:-1]


def open_note(note, key):
    """The note's text, if the key signed it."""
    text, lines = divide_note(note)
    found = False
    if len(lines) > NOTE_SIGNATURES_MAX:
        raise Malformed("too many signatures")
    for line in lines:
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "\u2014" or not is_key_name(parts[1]):
            raise Malformed("a malformed signature line")
        data = decode_base64(parts[2])
        if len(data) < 5:
            raise Malformed("a malformed signature line")
        if parts[1] != key.name or data[:4] != key.id:
            continue
        if not is_signed(key.public, text.encode(), data[4:]):
            raise Malformed(f"the signature by {key.name} is false")
        found = True
    if not found:
        raise Malformed(f"not signed by {key.name}")
    return text


class Checkpoint:
    def __init__(self, text):
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1] or not all(lines[:-1]):
            raise Malformed("no checkpoint of three lines")
        self.origin, self.size, self.root = lines[0], decimal(lines[1]), digest_line(lines[2])

    @staticmethod
    def open(note, key):
        checkpoint = Checkpoint(open_note(note, key))
        if checkpoint.origin != key.name:
            raise Malformed(f"the checkpoint is of {checkpoint.origin}, the key of {key.name}")
        return checkpoint

    def report(self):
        return {"log": self.origin, "size": self.size, "root": self.root.hex()}

    def __eq__(self, other):
        return (self.origin, self.size, self.root) == (other.origin, other.size, other.root)


def decode_entry(data):
    """(actor, next sequence, head) of a log's entry."""
    sequence = int.from_bytes(data[16:24], "big")
    if len(data) != 56 or sequence == 0:
        raise Malformed("no entry of a log of heads")
    return data[:16], sequence, data[24:]


def take_path(lines):
    """Hashes up to an empty line, which is taken as well."""
    path = []
    while lines:
        line = lines.pop(0)
        if not line:
            return path
        path.append(digest_line(line))
        if len(path) > PROOF_HASHES_MAX:
            break
    raise Malformed("no hashes up to an empty line")


class HeadProof:
    """That an actor's head is in a signed log."""

    def __init__(self, data):
        # The checkpoint in it is kept as it came.
        end = data.find(b"\n\n")
        try:
            lines = data[: end + 2].decode("utf-8").split("\n")[:-1] if end >= 0 else []
        except UnicodeDecodeError:
            raise Malformed("no proof") from None
        if len(lines) < 4 or lines.pop(0) != PROOF_HEADER or not lines[0].startswith("extra ") or not lines[1].startswith("index "):
            raise Malformed("no proof of a chain's head")
        extra = decode_base64(lines.pop(0)[6:])
        if len(extra) != 56 + 32:
            raise Malformed("no proof of a chain's head")
        self.entry = extra[:56]
        self.actor, self.next_sequence, self.head = decode_entry(self.entry)
        self.key = Key(extra[56:])
        self.index = decimal(lines.pop(0)[6:])
        self.path = take_path(lines)
        self.note = data[end + 2 :]

    def verify(self):
        checkpoint = Checkpoint.open(self.note, self.key)
        if not is_included(leaf_hash(self.entry), self.index, checkpoint.size, self.path, checkpoint.root):
            raise Malformed("the entry is not at this place of the log that the checkpoint signs")
        return checkpoint


def verify_head_proof(path, data, known):
    proof = HeadProof(data)
    checkpoint = proof.verify()
    known.check_log(checkpoint.origin)
    return {"proof": path, "ok": True, "actor": str(uuid.UUID(bytes=proof.actor)), "events": proof.next_sequence,
            "head": proof.head.hex(), "index": proof.index, **checkpoint.report()}


def verify_growth(path, data, known):
    if known.older_note is None or known.log_key is None:
        raise Unreadable("a proof that a log grew: give --checkpoint, and the log's key with --log")
    end = data.find(b"\n\n")
    lines = data[: end + 2].decode("ascii", "replace").split("\n")[:-1] if end >= 0 else [""]
    old_size = decimal(lines.pop(0).removeprefix("old "))
    proven = take_path(lines)
    older = Checkpoint.open(known.older_note, known.log_key)
    newer = Checkpoint.open(data[end + 2 :], known.log_key)
    if old_size != older.size or not is_consistent(older.size, older.root, newer.size, newer.root, proven):
        raise Malformed("the log does not begin with that of the older checkpoint")
    return {"growth": path, "ok": True, "old_size": older.size, **newer.report()}
