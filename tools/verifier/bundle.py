"""Bundles (docs/event-format.md, "Bundle")."""

import os
import re
import uuid

from verifier.chain import ChainVerifier, Malformed, Section, Unreadable, chain_report, sha256, verify_chain_in
from verifier.notes import NOTE_BYTES_MAX, Checkpoint, HeadProof, decimal, divide_note

BLOCK_BYTES = 512
README_NAME = "theater-bundle-1.txt"
ID_PATTERN = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
MEMBERS_MAX, PROOFS_MAX = 10_000, 100
# Of each folder, in their order: pattern of the names, and the largest file.
PARTS = [
    ("components", r"components/([0-9a-f]{64})\.wasm", 268_435_456),
    ("manifests", r"manifests/([0-9a-f]{64})\.toml", 1_048_576),
    ("permissions", r"permissions\.json()", 1_048_576),
    ("proofs", r"proofs/(.*)\.tlog-proof", NOTE_BYTES_MAX + 65_536),
]


def octal(field):
    digits = re.match(rb"[^\0 ]*", field).group()
    if not re.fullmatch(rb"[0-7]+", digits):
        raise Malformed("a tar header's number is none")
    return int(digits, 8)


def tar_members(file):
    """[(name, offset, size)] of a tar file that holds plain files and nothing else."""
    size, at, members = os.fstat(file.fileno()).st_size, 0, []
    while True:
        file.seek(at)
        header = file.read(BLOCK_BYTES)
        if len(header) < BLOCK_BYTES:
            raise Malformed("a tar file without an end")
        if not any(header):
            break
        if header[257:265] not in (b"ustar\00000"[:6] + b"00", b"ustar  \0"):
            raise Malformed(f"no header of a file at byte {at}")
        if octal(header[148:156]) != sum(header[:148]) + 8 * 32 + sum(header[156:]):
            raise Malformed(f"a header was changed at byte {at}")
        content_size = octal(header[124:136])
        name, _, fill = header[:100].partition(b"\0")
        if header[156:157] not in (b"0", b"\0") or not name or any(fill) or any(header[345:500]) or content_size >= 2**33:
            raise Malformed(f"no plain file with a short name at byte {at}")
        content_at = at + BLOCK_BYTES
        at = content_at + -(-content_size // BLOCK_BYTES) * BLOCK_BYTES
        if at > size or len(members) == MEMBERS_MAX:
            raise Malformed("a file was cut, or there are too many")
        members.append((name.decode("utf-8", "replace"), content_at, content_size))
    if size - at < 2 * BLOCK_BYTES:
        raise Malformed("a tar file without a whole end")
    file.seek(at)
    while part := file.read(65536):
        if any(part):
            raise Malformed("bytes behind the end of the tar file")
    return members


class Bundle:
    """What is in a bundle, in the order and with the names that it must have."""

    def __init__(self, file):
        self._file = file
        members = tar_members(file)
        if len(members) < 2 or members[0][0] != README_NAME or members[0][2] > 65_536:
            raise Malformed(f"it does not begin with {README_NAME}")
        chain = re.fullmatch(f"({ID_PATTERN})\\.chain", members[1][0])
        if not chain:
            raise Malformed("the second file is no actor's chain")
        self.actor = uuid.UUID(chain.group(1)).bytes
        self.chain = members[1][1:]
        self.components, self.manifests, self.proofs = {}, {}, []
        place = (-1, "")
        for name, offset, size in members[2:]:
            place = self._take(name, offset, size, place)

    def content(self, section):
        self._file.seek(section[0])
        return self._file.read(section[1])

    def _take(self, name, offset, size, before):
        for number, (part, pattern, largest) in enumerate(PARTS):
            match = re.fullmatch(pattern, name)
            if match:
                break
        else:
            raise Malformed(f"{name!r} has no place in a bundle")
        key = decimal(match.group(1)) if part == "proofs" else match.group(1)
        if number < before[0] or (number == before[0] and not (part != "permissions" and key > before[1])):
            raise Malformed(f"{name} is out of order")
        if part in ("components", "manifests"):
            getattr(self, part)[bytes.fromhex(key)] = (offset, size)
            return number, key
        if size > largest:
            raise Malformed(f"{name} is too large")
        data = self.content((offset, size))
        if part == "permissions":
            try:
                data.decode("utf-8")
            except UnicodeDecodeError:
                raise Malformed(f"{name} is not UTF-8") from None
            return number, key
        proof = HeadProof(data)
        if len(self.proofs) == PROOFS_MAX or Checkpoint(divide_note(proof.note)[0]).size != key:
            raise Malformed(f"{name} is not named after its checkpoint's size, or one too many")
        self.proofs.append(proof)
        return number, key


def check_bundle_proofs(bundle, known):
    checkpoints, leads = [], False
    for proof in bundle.proofs:
        checkpoint = proof.verify()
        if proof.actor != bundle.actor:
            raise Malformed("a proof is of another actor's chain")
        known.check_log(checkpoint.origin)
        if known.older_note is not None:
            try:
                leads |= Checkpoint.open(known.older_note, proof.key) == checkpoint
            except Malformed:
                pass
        checkpoints.append(checkpoint)
    if known.older_note is not None and not leads:
        raise Malformed("no proof in it leads to the older checkpoint")
    if known.log_name is not None and not bundle.proofs:
        raise Malformed("it holds no proof that it is in a log")
    return checkpoints


def check_bundle_contents(bundle, chain, report):
    for part, _, largest in PARTS[:2]:
        sections, named = getattr(bundle, part), chain.named[part]
        for digest, section in sections.items():
            if digest not in named:
                raise Malformed(f"one of the {part} is not named by the chain")
            if section[1] > largest or sha256(bundle.content(section)) != digest:
                raise Malformed(f"one of the {part} was changed: it does not have its digest")
        report[part], report[f"{part}_missing"] = len(sections), len(named) - len(sections)


def verify_bundle(path, known):
    report = {"bundle": path, **chain_report(ChainVerifier(), None), "components": 0, "components_missing": 0, "manifests": 0,
              "manifests_missing": 0, "checkpoints": []}
    with open(path, "rb") as file:
        try:
            bundle = Bundle(file)
            report["checkpoints"] = [checkpoint.report() for checkpoint in check_bundle_proofs(bundle, known)]
            heads = sorted(known.heads() + [(proof.next_sequence, proof.head) for proof in bundle.proofs])
            chain = ChainVerifier(bundle.actor, heads)
            found, closed, _ = verify_chain_in(Section(file, *bundle.chain), chain, known.head)
            report.update(found)
            if report["ok"] and not closed:
                raise Malformed("its chain is not whole")
            if report["ok"]:
                check_bundle_contents(bundle, chain, report)
        except (Malformed, Unreadable) as fault:
            report["ok"] = False
            report["bundle_fault"] = str(fault)
    return report
