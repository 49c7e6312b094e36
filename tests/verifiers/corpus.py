"""Good and damaged files, always the same ones: what someone may hand to a verifier.

Files are built here from records, so that a damage can also be one that only shows behind the outermost checks: a link whose
bytes were changed and whose hash, and all hashes after it, were then computed anew.
"""

import hashlib
import struct

MAGIC = b"theater chain 1\n"
LINK, PAYLOAD, CLOSED = 1, 2, 3
PREVIOUS_OFFSET = 1 + 16


def sha256(data):
    return hashlib.sha256(data).digest()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 & -(crc & 1))
    return crc ^ 0xFFFFFFFF


def leb(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def text(value):
    return leb(len(value)) + value


def record(kind, content, digest=None):
    header = bytes([kind]) + struct.pack("<I", len(content))
    return header + struct.pack("<I", crc32c(header)) + content + (sha256(content) if digest is None else digest)


def records_of(file):
    """[(kind, content, digest)] of a whole, undamaged file."""
    at, found = len(MAGIC), []
    while at < len(file):
        kind, length = file[at], struct.unpack_from("<I", file, at + 1)[0]
        found.append((kind, file[at + 9 : at + 9 + length], file[at + 9 + length : at + 41 + length]))
        at += 41 + length
    return found


def file_of(records):
    return MAGIC + b"".join(record(*one) for one in records)


def chained(links, actor=bytes(15) + b"\1", sequence=0, previous=bytes(32), payloads=()):
    """A chain file of links given as [(base time, [(kind, time after the base, payload)])], closed as its writer would.

    `payloads`: [(number of the link that it precedes, content)].
    """
    records = []
    for number, (base_ns, events) in enumerate(links):
        records += [(PAYLOAD, content, None) for at, content in payloads if at == number]
        data = b"\1" + actor + previous + leb(sequence) + leb(base_ns) + leb(len(events))
        data += b"".join(bytes([kind]) + leb(delta) + text(payload) for kind, delta, payload in events)
        previous = sha256(data)
        sequence += len(events)
        records.append((LINK, data, previous))
    records.append((CLOSED, struct.pack("<QQ", len(links), sequence % 2**64), previous if links else bytes(32)))
    return file_of(records)


def resealed(records):
    """Makes each link name the one before it, and each hash and the closing record true again."""
    out, head, links = [], None, 0
    for kind, content, _ in records:
        if kind == LINK:
            if head is not None and len(content) >= PREVIOUS_OFFSET + 32:
                content = content[:PREVIOUS_OFFSET] + head + content[PREVIOUS_OFFSET + 32 :]
            head = sha256(content)
            links += 1
            out.append((kind, content, head))
        elif kind == PAYLOAD:
            out.append((kind, content, sha256(content)))
        else:
            out.append((kind, struct.pack("<Q", links) + content[8:], head or bytes(32)))
    return out


def rehashed(records):
    """Makes each link's hash its own, but leaves what it says of the link before."""
    return [(kind, content, digest if kind == CLOSED else sha256(content)) for kind, content, digest in records]


def changed(data, random):
    """The bytes with one small change somewhere."""
    at = random.randrange(len(data))
    how = random.randrange(5)
    if how == 0:
        return data[:at] + bytes([data[at] ^ (1 << random.randrange(8))]) + data[at + 1 :]
    if how == 1:
        return data[:at] + bytes([random.choice((0, 1, 2, 3, 0x7F, 0x80, 0xFF, random.randrange(256)))]) + data[at + 1 :]
    if how == 2:
        return data[:at] + data[at + 1 :]
    if how == 3:
        return data[:at] + bytes([random.randrange(256)]) + data[at:]
    return data[:at]


def raw_damage(file, random):
    """What a disk or an editor does."""
    for at in (0, 5, 15, 16, 17, len(file) - 1):
        yield file[:at]
    for _ in range(200):
        yield file[: random.randrange(len(file))]
    for _ in range(600):
        yield changed(file, random)
    for at in sorted({0, 16, 40, len(file) // 2, len(file)}):
        yield file[:at] + bytes(random.randrange(1, 200))
        yield file[:at] + random.randbytes(random.randrange(1, 200))
    # Cut at the end of each record, alone, with zeros and with one byte of garbage.
    ends = [len(MAGIC)]
    for kind, content, _ in records_of(file):
        ends.append(ends[-1] + 41 + len(content))
    for end in ends:
        yield file[:end]
        yield file[:end] + bytes(50)
        yield file[:end] + bytes(50) + b"\1"
        yield file[:end] + b"\1" + bytes(50)


def record_damage(file, random):
    """What someone does who knows of records."""
    records = records_of(file)
    for at in range(len(records)):
        yield file_of(records[:at] + records[at + 1 :])
        yield file_of(records[:at] + [records[at]] + records[at:])
        yield file_of(records[: at + 1])
        for other in range(at + 1, len(records)):
            swapped = records[:]
            swapped[at], swapped[other] = swapped[other], swapped[at]
            yield file_of(swapped)
        kind, content, digest = records[at]
        yield file_of(records[:at] + [(kind % 3 + 1, content, digest)] + records[at + 1 :])
        yield file_of(records[:at] + [(kind, content, sha256(digest))] + records[at + 1 :])
        yield file_of(records[:at] + [(PAYLOAD, b"nobody names this", None)] + records[at:])
        yield file_of(records[:at] + [(PAYLOAD, b"changed", bytes(32))] + records[at:])
        yield file_of(resealed(records[:at] + records[at + 1 :]))
    yield file_of([(PAYLOAD, bytes([i & 255, i >> 8]), None) for i in range(381)] + records)
    yield file_of([(PAYLOAD, bytes([i & 255, i >> 8]), None) for i in range(382)] + records)
    yield file_of([(LINK, bytes(1_048_577), None)] + records)
    yield MAGIC + bytes([7]) + struct.pack("<II", 0, crc32c(bytes([7, 0, 0, 0, 0])))
    header = bytes([CLOSED]) + struct.pack("<I", 17)
    yield MAGIC + header + struct.pack("<I", crc32c(header)) + bytes(49)


def forged(file, random):
    """What someone does who can compute hashes: only what a link says can give it away, or nothing does."""
    records = records_of(file)
    places = [at for at, (kind, content, _) in enumerate(records) if kind != CLOSED]
    for _ in range(1500):
        copy = records[:]
        for _ in range(random.choice((1, 1, 1, 2))):
            at = random.choice(places)
            kind, content, digest = copy[at]
            copy[at] = (kind, changed(content, random) or b"\1", digest)
        yield file_of(resealed(copy))
    for at in places:
        kind, content, _ = records[at]
        yield file_of(rehashed(records[:at] + [(kind, content[:PREVIOUS_OFFSET] + changed(content[PREVIOUS_OFFSET:], random), None)] +
                               records[at + 1 :]))


def payload_of(kind, random):
    """A payload that is well-formed, or nearly always."""
    value = b"\0" + text(b"value")
    large = b"\1" + text(b"") + leb(random.choice((0, 1, 2000))) + bytes(32)
    some = random.choice((value, value, value, large))
    state = random.choice((b"\0", b"\1", b"\2" + text(b"s" * random.choice((0, 64, 65))),
                           b"\3" + bytes(32) + leb(random.choice((64, 65)))))
    number = leb(random.choice((0, 1, 1, 2, 2**32 - 1, 2**32)))
    if kind == 1:
        return (bytes([random.choice((1, 2, 3, 4, 4, 5, 6))]) + text(b"name") + bytes(64) + random.choice((b"\0", b"\1" + bytes(16))) +
                leb(2) + text(b"a.b") + text(b"a.c") + leb(1) + text(b"d.e") + state)
    if kind == 2:
        return number + random.choice((b"\0", b"\1" + bytes(16) + leb(3))) + some
    if kind == 3:
        return number + some + value
    if kind == 4:
        return number + some
    if kind == 5:
        return some
    if kind == 6:
        return some + state + leb(2**64 - 1)
    if kind == 7:
        return bytes([random.randrange(8)]) + text("é".encode()) + text(b"") + leb(7)
    if kind == 8:
        return bytes([random.randrange(8)]) + text(b"")
    return text(random.choice((b"a.b", b"a.b", b""))) + some


def histories(random):
    """Chains whose events come in any order: most make no sense from some place on."""
    started = (1, 0, b"\1" + text(b"n") + bytes(64) + b"\0" + leb(2) + text(b"a.b") + text(b"a.c") + leb(2) + text(b"d.e") +
               text(b"d.f") + b"\1")
    # What usually follows what, so that many chains go far.
    follows = {1: (2, 3, 8, 9), 2: (3, 4, 6, 7, 9, 1), 3: (6, 7), 4: (5, 5, 7, 9, 1), 5: (4, 6, 7), 6: (2, 8, 9, 1), 7: (2, 8), 8: (1,),
               9: (2, 3, 5, 6, 8)}
    for _ in range(1500):
        events, kind = ([started], 1) if random.random() < 0.75 else ([], random.randrange(1, 10))
        for _ in range(random.randrange(12)):
            kind = random.choice(follows.get(kind, (2,))) if random.random() < 0.93 else random.randrange(11)
            payload = payload_of(kind, random)
            events.append((kind, len(events) if random.random() < 0.98 else 0, payload))
        links, at = [], 0
        while at < len(events):
            count = random.randrange(1, 6)
            links.append((random.randrange(2**61), events[at : at + count]))
            at += count
        yield chained(links)
        # The same without its start, where less is known.
        yield chained(links, sequence=random.choice((0, 1, 2**63, 2**64 - 10)), previous=random.choice((bytes(32), b"\7" * 32)))
    yield chained([])
    yield chained([(2**64 - 1, [started])])
    yield chained([(2**64 - 1, [started, (9, 1, text(b"a") + b"\0\0")])])
    yield chained([(0, [started] + [(9, 1, text(b"a") + b"\0\0")] * 126)])
    yield chained([(0, [started] + [(9, 1, text(b"a") + b"\0\0")] * 127)])
    yield from large_values(started)


def large_values(started):
    """Values by digest whose content is there, is not, is another's, has another length, or came too early."""
    content = bytes(range(256)) * 8
    for size in (2047, 2048, 2049):
        note = (9, 1, text(b"a") + b"\1" + text(b"head") + leb(size) + sha256(content))
        for payloads in ((), ((0, content),), ((1, content),), ((1, content), (1, content)), ((2, content),), ((1, content), (2, content)),
                         ((1, content[:-1]),), ((0, content), (0, b"x")), ((1, content), (2, b"y"))):
            yield chained([(0, [started]), (5, [note, note]), (9, [note])], payloads=payloads)


def chain_files(golden, random):
    """Chain files, as bytes."""
    yield golden
    yield from raw_damage(golden, random)
    yield from record_damage(golden, random)
    yield from forged(golden, random)
    yield from histories(random)


def tar_files(bundle):
    """[(name, content)] of a bundle."""
    at, found = 0, []
    while any(bundle[at : at + 512]):
        size = int(bundle[at + 124 : at + 135], 8)
        found.append((bundle[at : at + 100].rstrip(b"\0"), bundle[at + 512 : at + 512 + size]))
        at += 512 + -(-size // 512) * 512
    return found


def tar_of(files, magic=b"ustar\0" + b"00", kind=b"0"):
    out = bytearray()
    for name, content in files:
        header = bytearray(512)
        header[: len(name)] = name
        header[100:108], header[124:136], header[136:148] = b"0000644\0", b"%011o\0" % len(content), b"%011o\0" % 0
        header[148:156], header[156:157], header[257:265] = b" " * 8, kind, magic
        header[148:156] = b"%06o\0 " % sum(header)
        out += header + content + bytes(-len(content) % 512)
    return bytes(out) + bytes(1024)


def bundles(bundle, random):
    """Bundles with what a disk, an editor and somebody with a tar do."""
    yield bundle
    for _ in range(150):
        yield changed(bundle, random)
        yield bundle[: random.randrange(len(bundle))]
    yield bundle + bytes(9000)
    yield bundle + bytes(9000) + b"\1"
    files = tar_files(bundle)
    yield tar_of(files)
    yield tar_of(files, magic=b"ustar  \0")
    yield tar_of(files, magic=b"other  \0")
    yield tar_of(files, kind=b"5")
    yield tar_of(files, kind=b"\0")
    for at in range(len(files)):
        yield tar_of(files[:at] + files[at + 1 :])
        yield tar_of(files[:at] + [files[at]] + files[at:])
        for other in range(at):
            swapped = files[:]
            swapped[at], swapped[other] = swapped[other], swapped[at]
            yield tar_of(swapped)
        name, content = files[at]
        for _ in range(25):
            yield tar_of(files[:at] + [(name, changed(content, random) if content else b"x")] + files[at + 1 :])
            yield tar_of(files[:at] + [(changed(name, random)[:100], content)] + files[at + 1 :])
    for extra in (b"more", b"../more", b"permissions.json", b"components/" + b"0" * 64 + b".wasm", b"manifests/" + b"0" * 64 + b".toml",
                  b"components/" + sha256(b"{}").hex().encode() + b".wasm", b"proofs/1.tlog-proof"):
        for at in range(len(files) + 1):
            yield tar_of(files[:at] + [(extra, b"{}")] + files[at:])
    # The same chain, cut or with all hashes made anew: its proofs know better.
    name, chain = files[1]
    records = records_of(chain)
    yield tar_of([files[0], (name, file_of(records[:-1])), *files[2:]])
    yield tar_of([files[0], (name, chain + b"\1"), *files[2:]])
    for at in range(1, len(records)):
        yield tar_of([files[0], (name, file_of(resealed(records[:at] + records[-1:]))), *files[2:]])
        kind, content, digest = records[at]
        if kind == LINK:
            content = content[:-1] + bytes([content[-1] ^ 1])
            yield tar_of([files[0], (name, file_of(resealed(records[:at] + [(kind, content, digest)] + records[at + 1 :]))), *files[2:]])


def directory_damage(folder, samples, random):
    """What may happen to files of a data directory: {path in it: content, or None when it is gone}."""
    paths = sorted(path.relative_to(folder) for path in folder.rglob("*")
                   if path.is_file() and path.name not in ("lock", "log.key", "theater-data"))
    for path in paths:
        content = (folder / path).read_bytes()
        yield {path: None}
        for _ in range(80 if path.suffix == ".segment" else 40):
            yield {path: changed(content, random)}
        for _ in range(15):
            cut = random.randrange(len(content) + 1)
            yield {path: content[:cut]}
            yield {path: content[:cut] + bytes(random.randrange(1, 2000))}
            yield {path: content[:cut] + random.randbytes(random.randrange(1, 200))}
        if path.name == "heads.log":
            yield from ({path: forged_file} for forged_file in forged_log(content, random))
        if path.suffix == ".segment":
            yield from ({path: redacted} for redacted in redactions(content))
    # Files of another time, or of another directory.
    for other in ("earlier", "forked"):
        for path in paths:
            if (samples / other / path).is_file():
                yield {path: (samples / other / path).read_bytes()}


def forged_log(log, random):
    """Logs of heads whose records are in order by themselves."""
    records, magic = records_of(log), log[: len(MAGIC)]
    for at, (kind, content, _) in enumerate(records):
        for other in ([], [(kind, content, None)] * 2, [(kind, changed(content, random) if content else b"x", None)],
                      [(kind, content[56:], None)], [(kind, content[:56] + content, None)], [(1, content, None)], [(2, content, None)]):
            yield magic + b"".join(record(*one) for one in records[:at] + other + records[at + 1 :])
        before = magic + b"".join(record(*one) for one in records[:at])
        yield before + b"?" * 50
        yield before + b"?" * 50 + record(*records[0])
        yield before + b"?" * 50 + record(3, b"")
        yield before + b"?" * 50 + record(*records[1])


def redactions(segment):
    """Segments with one payload removed, wholly, or as a removal that was cut off leaves it."""
    at = 16 + 41 + 44
    while at < len(segment):
        kind, length = segment[at], struct.unpack_from("<I", segment, at + 1)[0]
        end = at + 41 + length
        if kind == PAYLOAD:
            header = bytes([21]) + segment[at + 1 : at + 5]
            check = struct.pack("<I", crc32c(header))
            digest = segment[end - 32 : end]
            yield segment[:at] + header + check + bytes(length) + digest + segment[end:]
            yield segment[:at] + header + segment[at + 5 :]
            yield segment[:at] + segment[at : at + 5] + check + bytes(length) + digest + segment[end:]
            yield segment[:at] + segment[at : at + 9] + bytes(length) + digest + segment[end:]
        at = end
