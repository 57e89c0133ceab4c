"""The unit that travels, by wire and by stick: pack and unpack. Pure but for the content key.

Layout (docs/wire.md section 4)::

    onehall-batch/1 <header bytes> <checkpoint bytes>\\n
    signed header · signed checkpoint of size `to` · leaves section (zstd) · sealed section

Nothing is decompressed or parsed before the header's signature holds, and every size and hash that
is then relied on comes from the signed header.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from sync.entries import MAX_LEAF_BYTES
from sync.errors import Malformed, TooLarge
from sync.frames import (
    FREE_PLAIN_BYTES,
    MAX_PLAIN_BYTES,
    deflate,
    inflate,
    may_inflate,
)
from sync.merkle import leaf_hash
from sync.notes import Checkpoint, Note, Signer, Verifier, decimal, open_note
from sync.private.sealing import Recipient, SealingKey, seal, unseal

TYPE = "onehall/batch/v1"
# Handed on by a keeper who did not write it: the header is the keeper's, the head the writer's own.
RELAY_TYPE = "onehall/relay/v1"
MEDIA_TYPE = "application/vnd.onehall.batch"
MAX_ENTRIES = 5_000
MAX_BATCH_BYTES = 32 * 1024 * 1024
MAX_LEAVES_BYTES, FREE_LEAVES_BYTES = MAX_PLAIN_BYTES, FREE_PLAIN_BYTES
_MAX_LINE = 64


@dataclass(frozen=True)
class Header:
    """What the writer signed about this batch. Sizes in bytes; hashes are SHA-256 of the sections.

    ``log_size`` is the size of the writer's own log at packing: a receiver that holds more knows
    at once that the writer was restored (hole S1 of docs/wire.md).
    """

    origin: str
    start: int
    stop: int
    log_size: int
    leaves_bytes: int
    leaves_plain_bytes: int
    leaves_hash: str
    sealed_bytes: int
    sealed_hash: str
    kind: str = TYPE

    @property
    def text(self) -> str:
        """The signed lines, one value a line: the kind, then the fields in their order."""
        values = (
            self.kind,
            self.origin,
            self.start,
            self.stop,
            self.log_size,
            self.leaves_bytes,
            self.leaves_plain_bytes,
            self.leaves_hash,
            self.sealed_bytes,
            self.sealed_hash,
        )
        return "".join(f"{value}\n" for value in values)

    @classmethod
    def parse(cls, text: str, kind: str = TYPE) -> Header:
        """Read the signed lines of one kind and check that they agree with each other.

        Raises:
            Malformed: not a batch header.
            TooLarge: a cap is passed.
        """
        lines = text.split("\n")
        if len(lines) != 11 or lines[0] != kind or lines[10]:
            raise Malformed(f"not a header of type {kind}")
        numbers = [decimal(lines[i]) for i in (2, 3, 4, 5, 6, 8)]
        start, stop, size, packed, plain, sealed = numbers
        found = cls(lines[1], start, stop, size, packed, plain, lines[7], sealed, lines[9], kind)
        if not start < stop <= size:
            raise Malformed("a batch needs from < to <= the writer's own size")
        _check_caps(found)
        return found

    @property
    def info(self) -> bytes:
        """What the sealed section's content key is bound to."""
        return f"onehall/seal/v1\n{self.origin}\n{self.start}\n{self.stop}\n".encode()


def _check_caps(header: Header) -> None:
    too_many = header.stop - header.start > MAX_ENTRIES
    too_long = header.leaves_plain_bytes > MAX_LEAVES_BYTES
    if too_many or too_long or header.leaves_bytes + header.sealed_bytes > MAX_BATCH_BYTES:
        raise TooLarge("a batch passes a cap", entries=MAX_ENTRIES, bytes=MAX_BATCH_BYTES)
    if not may_inflate(header.leaves_plain_bytes, header.leaves_bytes):
        raise TooLarge("a batch claims to inflate beyond 200 to 1")


@dataclass(frozen=True)
class Batch:
    """A batch whose signatures held. ``head`` is the signed checkpoint at ``header.stop``."""

    header: Header
    header_note: bytes
    head: Checkpoint
    head_note: bytes
    leaves_section: bytes
    sealed_section: bytes
    signed_by: frozenset[str]

    def leaves(self) -> list[bytes]:
        """Decompress, capped by the signed size, and split.

        Raises:
            Malformed: not zstd, another length than signed, or another number of leaves.
        """
        plain = inflate(self.leaves_section, self.header.leaves_plain_bytes)
        return split_leaves(plain, self.header.stop - self.header.start)

    def personal(self, key: SealingKey) -> dict[int, bytes]:
        """Open the sealed section: leaf index -> opening ‖ payload.

        Raises:
            Malformed: altered, or sealed to somebody else.
        """
        parts = unseal(self.sealed_section, key, self.header.info)
        if parts and not self.header.start <= min(parts) <= max(parts) < self.header.stop:
            raise Malformed("a sealed part lies outside the batch")
        return parts


def split_leaves(plain: bytes, count: int) -> list[bytes]:
    """Leaves stand one a line; deterministic JSON never holds a line break.

    Raises:
        Malformed: another number of lines. TooLarge: one longer than a leaf may be.
    """
    # Counted before splitting: sixteen million empty lines would be as many objects.
    if plain.count(b"\n") != count or not plain.endswith(b"\n"):
        raise Malformed("the leaves section holds another number of entries than was signed")
    leaves = plain[:-1].split(b"\n")
    if max(map(len, leaves)) > MAX_LEAF_BYTES:
        raise TooLarge("an entry is longer than 64 KiB")
    return leaves


def join_leaves(leaves: Iterable[bytes]) -> bytes:
    """The plain leaves section."""
    return b"".join(leaf + b"\n" for leaf in leaves)


def hashes_of(leaves: Iterable[bytes]) -> list[bytes]:
    """Leaf hashes (RFC 6962)."""
    return [leaf_hash(leaf) for leaf in leaves]


# The leaves, the personal parts by index, and whom they are sealed to.
Contents = tuple[Sequence[bytes], Mapping[int, bytes], bytes | Recipient]


def pack(signer: Signer, head: Checkpoint, start: int, log_size: int, contents: Contents) -> bytes:
    """A batch of the writer's own entries ``start`` to ``head.size``.

    Args:
        head: the writer's checkpoint at the batch's end; signed here.
        log_size: the size of the writer's whole log now.
    """
    return _pack(signer, (TYPE, log_size), (head, signer.sign(head.text)), start, contents)


def pack_relayed(
    keeper: Signer, head: tuple[Checkpoint, bytes], start: int, log_size: int, contents: Contents
) -> bytes:
    """Entries of somebody else's log, handed on: sealed anew, under the writer's own head.

    Args:
        keeper: whoever hands them on; its signature says no more than that it did.
        head: the writer's checkpoint at the batch's end, and its signed note as it was received.
        log_size: the size of the keeper's copy now.
    """
    return _pack(keeper, (RELAY_TYPE, log_size), head, start, contents)


def _pack(
    signer: Signer,
    kind: tuple[str, int],
    head: tuple[Checkpoint, bytes],
    start: int,
    contents: Contents,
) -> bytes:
    leaves, personal, receiver = contents
    point, head_note = head
    plain = join_leaves(leaves)
    packed = deflate(plain)
    info = f"onehall/seal/v1\n{point.origin}\n{start}\n{point.size}\n".encode()
    sealed = seal(personal, receiver, info)
    header = Header(
        point.origin,
        start,
        point.size,
        kind[1],
        len(packed),
        len(plain),
        sha256(packed).hexdigest(),
        len(sealed),
        sha256(sealed).hexdigest(),
        kind[0],
    )
    header_note = signer.sign(header.text)
    line = f"onehall-batch/1 {len(header_note)} {len(head_note)}\n".encode()
    return b"".join((line, header_note, head_note, packed, sealed))


def _frame(raw: bytes) -> tuple[bytes, bytes, memoryview]:
    """First line, then header note, checkpoint note and the rest, which is not copied yet."""
    line, newline, _ = raw[:_MAX_LINE].partition(b"\n")
    words = line.split(b" ")
    if not newline or len(words) != 3 or words[0] != b"onehall-batch/1":
        raise Malformed("not a OneHall batch")
    try:
        first, second = decimal(words[1].decode()), decimal(words[2].decode())
    except UnicodeDecodeError:
        raise Malformed("not a OneHall batch") from None
    at = len(line) + 1
    if first + second > len(raw) - at:
        raise Malformed("the batch is cut short")
    rest = memoryview(raw)[at + first + second :]
    return raw[at : at + first], raw[at + first : at + first + second], rest


def claimed_origin(raw: bytes) -> str:
    """The log a batch says it belongs to, so that the right key can be looked up.

    Not to be trusted before :func:`unpack`.

    Raises:
        Malformed: not a batch.
    """
    header_note, _, _ = _frame(raw)
    lines = header_note[:512].split(b"\n", 2)
    try:
        return lines[1].decode("ascii")
    except (IndexError, UnicodeDecodeError):
        raise Malformed("not a batch header") from None


def claimed_stop(raw: bytes) -> int:
    """The size a batch says it ends at; not to be trusted before :func:`unpack`.

    Raises:
        Malformed: not a batch.
    """
    header_note, _, _ = _frame(raw)
    lines = header_note[:512].decode("ascii", "replace").split("\n", 4)
    return decimal(lines[3] if len(lines) > 4 else "")


def unpack(raw: bytes, verifiers: Sequence[Verifier]) -> Batch:
    """Check signatures, then sizes, then hashes; nothing is decompressed yet.

    Raises:
        Malformed, TooLarge, UnknownKey: as their names say.
    """
    header_note, head_note, rest = _frame(raw)
    note = open_note(header_note, verifiers)
    header = Header.parse(note.text)
    head = _same_signers(note, open_note(head_note, verifiers))
    return _checked(header, header_note, head, head_note, rest)


def unpack_relayed(raw: bytes, keepers: Sequence[Verifier], writers: Sequence[Verifier]) -> Batch:
    """As :func:`unpack`, for a relayed batch: the header by a keeper, the head by a writer.

    Raises:
        Malformed, TooLarge, UnknownKey: as their names say.
    """
    header_note, head_note, rest = _frame(raw)
    header = Header.parse(open_note(header_note, keepers).text, RELAY_TYPE)
    return _checked(header, header_note, open_note(head_note, writers), head_note, rest)


def _checked(
    header: Header, header_note: bytes, signed: Note, head_note: bytes, rest: memoryview
) -> Batch:
    head = Checkpoint.parse(signed.text)
    if (head.origin, head.size) != (header.origin, header.stop):
        raise Malformed("header and checkpoint speak of different logs or sizes")
    if len(rest) != header.leaves_bytes + header.sealed_bytes:
        raise Malformed("the batch has another length than was signed")
    leaves, sealed = bytes(rest[: header.leaves_bytes]), bytes(rest[header.leaves_bytes :])
    hashes = (sha256(leaves).hexdigest(), sha256(sealed).hexdigest())
    if hashes != (header.leaves_hash, header.sealed_hash):
        raise Malformed("a section was altered on the way")
    return Batch(header, header_note, head, head_note, leaves, sealed, signed.signed_by)


def _same_signers(header: Note, head: Note) -> Note:
    if header.signed_by != head.signed_by:
        raise Malformed("header and checkpoint were signed by different keys")
    return head
