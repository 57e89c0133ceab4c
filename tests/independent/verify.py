"""Checks a batch, its receipt and one entry with the root key alone; stands by itself.

Written from docs/wire.md section 10; imports nothing of this project.

    python verify.py ROOTKEY FOLDER [INDEX]

FOLDER holds keyset.note, roster.note, batch, receipt.note and, for one entry of a log that is not
all in the batch, proof.json with "size", "root" (base64 of the head's root) and "path" (hex hashes
from the leaf up). Says what it found, one line each; exit status 1 at the first thing that fails.
"""

import base64
import hashlib
import json
import re
import sys
from pathlib import Path

import zstandard
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

NOTE, COSIGNATURE = 1, 4
SMALL_ORDER = {
    bytes.fromhex(text)
    for text in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
}


class Fails(Exception):
    """What does not hold, in words."""


def must(holds, said):
    if not holds:
        raise Fails(said)


def sha(raw):
    return hashlib.sha256(raw).digest()


def unb64(text):
    raw = base64.b64decode(text, validate=True)
    must(base64.b64encode(raw).decode() == text, "base64 in another spelling")
    return raw


class Key:
    """A verifier key (section 1)."""

    def __init__(self, text, kind):
        self.name, claimed, encoded = text.split("+", 2)
        raw = unb64(encoded)
        must(len(raw) == 33 and raw[0] == kind, f"{self.name}: another type of key")
        self.kind, self.public = kind, raw[1:]
        self.id = sha(self.name.encode() + b"\n" + raw)[:4]
        must(self.id.hex() == claimed, f"{self.name}: the key id is not this key's")
        masked = raw[1:32] + bytes([raw[32] & 0x7F])
        must(masked not in SMALL_ORDER, f"{self.name}: a key of small order")

    def check(self, text, payload):
        signed = text.encode()
        if self.kind == COSIGNATURE:
            must(len(payload) == 72, f"{self.name}: not a cosignature")
            when = int.from_bytes(payload[:8], "big")
            signed, payload = f"cosignature/v1\ntime {when}\n{text}".encode(), payload[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(payload, signed)
        except InvalidSignature:
            raise Fails(f"the signature of {self.name} does not hold") from None


def opened(note, *keys):
    """The lines of a note that one of these keys signed (section 3.2)."""
    must(len(note) <= 16384, "a note above 16 KiB")
    whole = note.decode("utf-8")
    must(not re.search(r"[\x00-\x09\x0b-\x1f]", whole), "a control character in a note")
    text, blank, signatures = whole.rpartition("\n\n")
    must(blank and signatures.endswith("\n"), "not a signed note")
    lines = signatures[:-1].split("\n")
    must(len(lines) <= 16, "more than 16 signatures")
    found = 0
    for line in lines:
        mark, name, encoded = line.split(" ")
        payload = unb64(encoded)
        must(mark == "—" and len(payload) > 4, "not a signature line")
        for key in (key for key in keys if (name, payload[:4]) == (key.name, key.id)):
            key.check(text + "\n", payload[4:])
            found += 1
    must(found, f"not signed by {keys[0].name}")
    return text.split("\n")


def decimal(text):
    must(re.fullmatch("0|[1-9][0-9]{0,18}", text) and int(text) < 1 << 63, "not a decimal")
    return int(text)


def fields(lines, kind, count):
    must(lines[0] == kind and len(lines) == count, f"not a note of type {kind}")
    return lines[1:]


def checkpoint(lines):
    must(len(lines) == 3, "a checkpoint has three lines")
    root = unb64(lines[2])
    must(len(root) == 32, "a root has 32 bytes")
    return lines[0], decimal(lines[1]), root


def node(left, right):
    return sha(b"\x01" + left + right)


def root_of(hashes):
    """The tree by its definition (RFC 6962 2.1)."""
    if len(hashes) < 2:
        return hashes[0] if hashes else sha(b"")
    half = 1 << ((len(hashes) - 1).bit_length() - 1)
    return node(root_of(hashes[:half]), root_of(hashes[half:]))


def root_from_path(leaf, index, size, path):
    """RFC 9162 2.1.3.2, step by step."""
    must(0 <= index < size, "the index lies outside the tree")
    fn, sn, r = index, size - 1, leaf
    for p in path:
        must(sn, "the path is too long")
        if fn & 1 or fn == sn:
            r = node(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node(r, p)
        fn, sn = fn >> 1, sn >> 1
    must(sn == 0, "the path is too short")
    return r


def one_frame(section, size):
    """Exactly one zstd frame of exactly this content size (4.2)."""
    must(section[:4] == b"\x28\xb5\x2f\xfd", "the leaves section is not zstd")
    worker = zstandard.ZstdDecompressor(max_window_size=1 << 23).decompressobj()
    plain = b""
    for at in range(0, len(section), 64):
        must(not worker.eof, "something follows the zstd frame")
        plain += worker.decompress(section[at : at + 64])
        must(len(plain) <= size, "the leaves section inflates beyond its signed size")
    must(worker.eof and not worker.unused_data, "not one whole zstd frame")
    must(len(plain) == size, "the leaves section has another size than was signed")
    return plain


def read_batch(raw, signing):
    """Sections 4 and 5, rules 2 and 5 to 8 and 14: start, head and leaves."""
    line, _, rest = raw.partition(b"\n")
    words = line.decode("ascii").split(" ")
    must(len(words) == 3 and words[0] == "onehall-batch/1", "not a batch")
    first, second = decimal(words[1]), decimal(words[2])
    header = fields(opened(rest[:first], signing), "onehall/batch/v1", 10)
    head = checkpoint(opened(rest[first : first + second], signing))
    start, stop, whole, packed, plain, sealed = (
        decimal(header[i]) for i in (1, 2, 3, 4, 5, 7)
    )  # fmt: skip
    must(start < stop <= whole and stop - start <= 5000, "the header's numbers make no sense")
    must(plain <= 1 << 24 and packed + sealed <= 1 << 25, "a cap is passed")
    must(plain <= max(1 << 22, 200 * packed), "inflates beyond 200 to 1")
    must(head[:2] == (header[0], stop), "header and checkpoint speak of different things")
    sections = rest[first + second :]
    must(len(sections) == packed + sealed, "the batch has another length than was signed")
    must(sha(sections[:packed]).hex() == header[6], "the leaves section was altered")
    must(sha(sections[packed:]).hex() == header[8], "the sealed section was altered")
    lines = one_frame(sections[:packed], plain).split(b"\n")
    must(lines.pop() == b"" and len(lines) == stop - start, "another number of entries")
    must(all(len(leaf) <= 65536 for leaf in lines), "an entry above 64 KiB")
    return start, head, lines


def keys_of(root_key, folder):
    """Root key -> key set -> roster note: the receipts keys, the hall's key and its places."""
    lines = opened((folder / "keyset.note").read_bytes(), Key(root_key, NOTE))
    retired = lines[7:]
    must(lines[0] == f"onehall/keys/v{2 if retired else 1}" and len(retired) <= 64, "not a key set")
    old = [line for line in retired if unb64(line.split("+", 2)[2])[0] == COSIGNATURE]
    receipts = [Key(line, COSIGNATURE) for line in (lines[5], *old)]
    hall = opened((folder / "roster.note").read_bytes(), Key(lines[3], NOTE))
    form = {"onehall/hall/v1": 8, "onehall/hall/v2": 9}
    must(form.get(hall[0]) == len(hall), "not a roster note")
    must(hall[1] == lines[1], "a hall of another center")
    return receipts, Key(hall[3], NOTE), hall


def check_place(hall, origin, size):
    """6.2: this key writes this epoch, and was not revoked below this size."""
    epoch = decimal(origin.rpartition("/")[2])
    must(origin == f"{hall[1]}/{hall[2]}/{epoch}", "the log is not this hall's")
    if hall[0] == "onehall/hall/v1":
        first, end = 1, None if hall[7] == "-" else (epoch, decimal(hall[7]))
    else:
        first = decimal(hall[6])
        end = None if hall[7] == "-" else (decimal(hall[7]), decimal(hall[8]))
    must(first <= epoch, "the key begins in a later epoch")
    must(end is None or (epoch, size) <= end, "the key was revoked below this size")


def prove_entry(folder, start, head, leaves, index):
    """The entry's place under the signed root, by the batch itself or by an inclusion proof."""
    must(start <= index < start + len(leaves), "the entry is not in this batch")
    leaf = sha(b"\0" + leaves[index - start])
    path = folder / "proof.json"
    if not path.exists():
        must(start == 0, "a batch that does not begin at 0 needs proof.json")
        return
    proof = json.loads(path.read_text(encoding="utf-8"))
    must((proof["size"], unb64(proof["root"])) == head[1:], "a proof for another head")
    found = root_from_path(leaf, index, head[1], [bytes.fromhex(h) for h in proof["path"]])
    must(found == head[2], f"entry {index} is not under the signed root")


def verify(root_key, folder, index=None):
    """Everything in order; yields a line for each thing that holds."""
    receipts, signing, hall = keys_of(root_key, folder)
    yield f"keys: {signing.name} is on the roster"
    start, head, leaves = read_batch((folder / "batch").read_bytes(), signing)
    check_place(hall, *head[:2])
    yield f"batch: {head[0]} entries {start} to {head[1]}, signed by {signing.name}"
    if start == 0:
        must(root_of([sha(b"\0" + leaf) for leaf in leaves]) == head[2], "not the signed root")
        yield "tree: the entries lead to the signed root"
    note = (folder / "receipt.note").read_bytes()
    must(checkpoint(opened(note, *receipts)) == head, "the receipt is for another head")
    must(checkpoint(opened(note, signing)) == head, "the receipt is not under the hall's head")
    yield f"receipt: {receipts[0].name} holds all {head[1]} entries"
    if index is not None:
        prove_entry(folder, start, head, leaves, index)
        yield f"entry {index}: stands in the log: {leaves[index - start].decode()}"


def main(arguments):
    index = int(arguments[2]) if len(arguments) > 2 else None
    try:
        for line in verify(arguments[0], Path(arguments[1]), index):
            print(line)
    except (Fails, ValueError, KeyError, IndexError, zstandard.ZstdError) as reason:
        print(f"FAILS: {reason}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
