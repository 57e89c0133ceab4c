"""What stands on a stick: an index that says whole what is there, and sealed files. Pure.

Batches and one message of a round, each sealed as a whole to its receiver, so that whoever finds
the stick reads nothing. The index names every file with its length and hash under the exporter's
signature; what differs is refused by name before anything is opened (docs/wire.md section 14).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from sync.errors import Malformed, StickRefused, UnknownKey
from sync.notes import Signer, Verifier, decimal, open_note
from sync.private.sealing import SealingKey, key_hint, open_whole, seal_whole

TYPE = "onehall/stick/v1"
INDEX = "INDEX.OHS"
UP, DOWN = "up", "down"
MAX_PIECE_BYTES = 32 * 1024 * 1024
MAX_INDEX_BYTES = 1024 * 1024
MAX_PIECES = 4_000
_FRAME, _SEALED = b"onehall-index/1", b"onehall-stick/1"
_MAX_LINE = 64
_NAME = re.compile(r"[A-Z0-9]{1,8}\.OH[SF]")
FILE_ENDING = ".OHF"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_WORD = re.compile(r"[!-~]{1,100}")


@dataclass(frozen=True)
class Piece:
    """One sealed file: its name, length and SHA-256, and the entries of a log that are in it.

    Without ``origin`` it holds the message of a round; a name with the ending of files stands for
    a scan or another file in the form that is kept (section 7.2), named by its SHA-256.
    """

    name: str
    size: int
    digest: str
    origin: str = ""
    start: int = 0
    stop: int = 0

    @property
    def is_file(self) -> bool:
        """Whether it is a scan or another file, which is judged by itself after the entries."""
        return self.name.endswith(FILE_ENDING)

    @property
    def line(self) -> str:
        """Its line in the manifest."""
        of_log = f" {self.origin} {self.start} {self.stop}" if self.origin else ""
        return f"{self.name} {self.size} {self.digest}{of_log}\n"

    @classmethod
    def parse(cls, line: str) -> Piece:
        """Read a line.

        Raises:
            Malformed: not such a line, or a length above the cap.
        """
        words = line.split(" ")
        if len(words) not in (3, 6) or not all(map(_WORD.fullmatch, words)):
            raise Malformed("not a line of a manifest")
        name, size, digest = words[0], decimal(words[1]), words[2]
        if not _NAME.fullmatch(name) or name == INDEX or not _DIGEST.fullmatch(digest):
            raise Malformed("not a file of a stick")
        if not 0 < size <= MAX_PIECE_BYTES:
            raise Malformed("a file of a stick passes the cap")
        if len(words) == 3:
            return cls(name, size, digest)
        found = cls(name, size, digest, words[3], decimal(words[4]), decimal(words[5]))
        if found.start >= found.stop or found.is_file:
            raise Malformed("a file of a stick needs from < to, and a batch an ending of its own")
        return found


@dataclass(frozen=True)
class Heading:
    """Whose stick it is. ``way``: ``up`` from the hall, ``down`` to it. ``made_at`` is data."""

    center: str
    hall: str
    way: str
    made_at: str

    def info(self, name: str) -> bytes:
        """What the file of this name is sealed for."""
        return f"{TYPE}\n{self.center}\n{self.hall}\n{self.way}\n{name}\n".encode()


@dataclass(frozen=True)
class Manifest:
    """Every file of one export, as the exporter signed it.

    ``files``: scans and other files that stand behind the pieces of a stick that is one file.
    """

    heading: Heading
    pieces: tuple[Piece, ...]
    files: tuple[Piece, ...] = ()

    @property
    def every(self) -> tuple[Piece, ...]:
        """All of it, in the order in which it stands."""
        return self.pieces + self.files

    @property
    def text(self) -> str:
        """The signed lines."""
        head = self.heading
        first = (TYPE, head.center, head.hall, head.way, head.made_at, len(self.every))
        return "".join(f"{v}\n" for v in first) + "".join(piece.line for piece in self.every)

    @classmethod
    def parse(cls, text: str) -> Manifest:
        """Read the signed lines.

        Raises:
            Malformed: not a manifest.
        """
        lines = text.split("\n")
        if len(lines) < 7 or lines[0] != TYPE or lines[-1]:
            raise Malformed("not a manifest of a stick")
        heading = Heading(*lines[1:5])
        if heading.way not in (UP, DOWN) or not all(map(_WORD.fullmatch, lines[1:5])):
            raise Malformed("not the heading of a stick")
        if decimal(lines[5]) != len(lines) - 7 or len(lines) - 7 > MAX_PIECES:
            raise Malformed("another number of files than the manifest says")
        every = tuple(map(Piece.parse, lines[6:-1]))
        if len({piece.name for piece in every}) != len(every):
            raise Malformed("one name for two files")
        pieces = tuple(piece for piece in every if not piece.is_file)
        found = cls(heading, pieces, tuple(piece for piece in every if piece.is_file))
        if found.every != every:
            raise Malformed("files stand behind everything else")
        return found


# --- the index file -------------------------------------------------------------------------------


def index_of(manifest: Manifest, signer: Signer, keys_note: bytes = b"") -> bytes:
    """The index file.

    Args:
        keys_note: the center's key set, on the way down: the hall may not know the newest.
    """
    note = signer.sign(manifest.text)
    return b"%b %d %d\n" % (_FRAME, len(keys_note), len(note)) + keys_note + note


def index_length(beginning: bytes) -> int:
    """How long the index is that begins so: a file may go on after it.

    Raises:
        StickRefused: not an index.
    """
    line, newline, _ = beginning[:_MAX_LINE].partition(b"\n")
    words = line.split(b" ")
    try:
        if not newline or len(words) != 3 or words[0] != _FRAME:
            raise Malformed("not an index")
        length = len(line) + 1 + sum(decimal(word.decode()) for word in words[1:])
    except (Malformed, UnicodeDecodeError):
        raise StickRefused("damaged", INDEX) from None
    if length > MAX_INDEX_BYTES:
        raise StickRefused("damaged", INDEX)
    return length


@dataclass(frozen=True)
class Index:
    """An index that was read; nothing of it is believed before :meth:`opened`."""

    keys_note: bytes
    note: bytes
    claimed: Manifest

    @classmethod
    def read(cls, raw: bytes) -> Index:
        """Take an index apart.

        Raises:
            StickRefused: cut short, altered, or no index at all.
        """
        if index_length(raw) != len(raw):
            raise StickRefused("damaged", INDEX)
        line, _, rest = raw.partition(b"\n")
        first = int(line.split(b" ")[1])
        keys_note, note = rest[:first], rest[first:]
        try:
            text = note.decode().rpartition("\n\n")[0] + "\n"
            return cls(keys_note, note, Manifest.parse(text))
        except (Malformed, UnicodeDecodeError):
            raise StickRefused("damaged", INDEX) from None

    def opened(self, verifiers: Sequence[Verifier]) -> Manifest:
        """The manifest, when one of these keys signed it.

        Raises:
            StickRefused: signed by another key, or altered.
        """
        self.signers(verifiers)
        return self.claimed

    def signers(self, verifiers: Sequence[Verifier]) -> frozenset[str]:
        """Names of those of these keys that signed it; at least one.

        Raises:
            StickRefused: signed by another key, or altered.
        """
        try:
            return open_note(self.note, verifiers, MAX_INDEX_BYTES).signed_by
        except UnknownKey:
            raise StickRefused("unsigned", INDEX) from None
        except Malformed:
            raise StickRefused("damaged", INDEX) from None


# --- the sealed files -----------------------------------------------------------------------------


def seal_piece(plain: bytes, heading: Heading, name: str, receiver: bytes) -> bytes:
    """A file's bytes: who can open it, then the sealed content.

    Args:
        receiver: the receiver's public sealing key.
    """
    label = b"%b %b\n" % (_SEALED, key_hint(receiver).encode())
    return label + seal_whole(plain, receiver, label, heading.info(name))


def digest_of(raw: bytes) -> str:
    """SHA-256 in hex."""
    return sha256(raw).hexdigest()


def open_piece(
    raw: bytes | bytearray, heading: Heading, name: str, keys: Sequence[SealingKey]
) -> bytes:
    """What is in a file.

    Raises:
        StickRefused: sealed to nobody here, or not by our form.
    """
    line, newline, _ = bytes(raw[:_MAX_LINE]).partition(b"\n")
    words = line.split(b" ")
    if not newline or len(words) != 2 or words[0] != _SEALED:
        raise StickRefused("damaged", name)
    hint = words[1].decode("ascii", "replace")
    fitting = [key for key in keys if hint in key.hints]
    if not fitting:
        raise StickRefused("not_for_us", name)
    try:
        sealed = memoryview(raw)[len(line) + 1 :]
        return open_whole(sealed, fitting[0], line + b"\n", heading.info(name))
    except Malformed:
        raise StickRefused("damaged", name) from None
