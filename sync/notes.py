"""Signed notes, checkpoints, cosignatures and the keys that make them.

C2SP signed-note, tlog-checkpoint and tlog-cosignature over Ed25519 (RFC 8032). The only file that
touches Ed25519. A note's first line says what it is: a checkpoint starts with the log's origin,
everything else of ours with ``onehall/<type>/v1``, so no signature can be taken for another.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from sync.errors import Malformed, UnknownKey

ED25519 = 0x01
COSIGNATURE = 0x04
MAX_NOTE_BYTES = 16 * 1024
MAX_SIGNATURES = 16
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")

# The eight encodings of points of small order (and their non-canonical twins): one constant
# signature holds for every message under the identity (wire-standards: 64 of 64 accepted).
SMALL_ORDER = frozenset(
    bytes.fromhex(text)
    for text in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
)


def is_small_order(public: bytes) -> bool:
    """True for keys under which forged signatures verify; the sign bit is ignored."""
    return public[:31] + bytes([public[31] & 0x7F]) in SMALL_ORDER


@lru_cache(maxsize=4096)
def _key_id(name: str, kind: int, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


@lru_cache(maxsize=4096)
def _check_name(name: str) -> str:
    if not name or any(c.isspace() or c == "+" or not c.isprintable() for c in name):
        raise Malformed("a key name holds no space, no control character and no '+'")
    return name


def b64(raw: bytes) -> str:
    """Standard base64 with padding, as notes use it."""
    return base64.b64encode(raw).decode()


def unb64(text: str, what: str) -> bytes:
    """Strict base64.

    Raises:
        Malformed: not base64, or another spelling of the same bytes (RFC 4648 section 3.5).
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed(f"{what} is not base64") from None
    if b64(raw) != text:
        raise Malformed(f"{what} is not canonical base64")
    return raw


@lru_cache(maxsize=512)
def _holds(public: bytes, message: bytes, signature: bytes) -> bool:
    """Remembered: the notes of a hall's keys, and its latest head, come again and again."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass(frozen=True)
class Verifier:
    """A public key with its name and purpose (note signature or cosignature)."""

    name: str
    public: bytes
    kind: int = ED25519

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.public) != 32 or is_small_order(self.public):
            raise UnknownKey("a public key of small order or wrong length is refused")

    @property
    def key_id(self) -> bytes:
        """Four bytes that hint at the key; never a proof."""
        return _key_id(self.name, self.kind, self.public)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Does this raw Ed25519 signature hold?"""
        return _holds(self.public, message, signature)

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{b64(bytes([self.kind]) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> Verifier:
        """Read ``<name>+<key id>+<base64(type ‖ key)>``.

        Raises:
            Malformed: not that form, or the key id does not belong to the key.
            UnknownKey: a key of small order.
        """
        parts = text.split("+", 2)
        if len(parts) != 3:
            raise Malformed("a verifier key is <name>+<id>+<base64>")
        raw = unb64(parts[2], "verifier key")
        if len(raw) != 33 or raw[0] not in (ED25519, COSIGNATURE):
            raise Malformed("unknown type of verifier key")
        found = cls(parts[0], raw[1:], raw[0])
        if found.key_id.hex() != parts[1]:
            raise Malformed("the key id does not belong to the key")
        return found


class Signer:
    """A private key with its name and purpose."""

    def __init__(self, name: str, seed: bytes, kind: int = ED25519) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(name, self._key.public_key().public_bytes_raw(), kind)

    @property
    def name(self) -> str:
        """The name that stands on the signature line."""
        return self.verifier.name

    def sign_raw(self, message: bytes) -> bytes:
        """64 bytes of Ed25519 over the message as it is (for RFC 9421 requests)."""
        return self._key.sign(message)

    def sign(self, text: str) -> bytes:
        """A signed note: text, blank line, one signature line."""
        raw = text.encode()
        return raw + b"\n" + self._line(self._key.sign(raw))

    def cosign(self, text: str, posix_time: int) -> bytes:
        """A cosignature line over a checkpoint's text (tlog-cosignature, type 0x04)."""
        signed = self._key.sign(_cosigned(text, posix_time))
        return self._line(posix_time.to_bytes(8, "big") + signed)

    def _line(self, payload: bytes) -> bytes:
        return f"— {self.name} {b64(self.verifier.key_id + payload)}\n".encode()


def _cosigned(text: str, posix_time: int) -> bytes:
    return f"cosignature/v1\ntime {posix_time}\n{text}".encode()


@dataclass(frozen=True)
class Note:
    """A note that was opened: its text and which of the given keys signed it.

    ``times`` holds the POSIX second of each cosignature, by key name.
    """

    text: str
    signed_by: frozenset[str]
    times: dict[str, int]


def _split_note(raw: bytes, most: int = MAX_NOTE_BYTES) -> tuple[str, list[str]]:
    if len(raw) > most:
        raise Malformed("note too large")
    try:
        whole = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("note is not UTF-8") from None
    text, blank, signatures = whole.rpartition("\n\n")
    if not blank or not signatures.endswith("\n") or _CONTROL.search(whole):
        raise Malformed("not a signed note")
    lines = signatures[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise Malformed("too many signatures on a note")
    return text + "\n", lines


def text_of(raw: bytes) -> str:
    """The text of a note that was checked before it was kept; signatures are not looked at.

    Raises:
        Malformed: not a signed note.
    """
    return _split_note(raw)[0]


def cosigned_at(raw: bytes, name: str) -> int | None:
    """The POSIX second at which a key of this name cosigned a note that was checked before it was
    kept; None when it did not.

    Raises:
        Malformed: not a signed note.
    """
    for line in _split_note(raw)[1]:
        signer, _, payload = _read_line(line)
        if signer == name and len(payload) == 72:
            return int.from_bytes(payload[:8], "big")
    return None


def open_note(raw: bytes, verifiers: Iterable[Verifier], most: int = MAX_NOTE_BYTES) -> Note:
    """Check every signature that a known key claims, and answer what they signed.

    Unknown keys are ignored; a known key whose signature fails rejects the whole note; two copies
    of one signature count once.

    Args:
        most: how many bytes this kind of note may have.

    Raises:
        Malformed: not a signed note.
        UnknownKey: no signature by a known key, or one that fails.
    """
    text, lines = _split_note(raw, most)
    known = {(v.name, v.key_id): v for v in verifiers}
    signed: set[str] = set()
    times: dict[str, int] = {}
    for line in lines:
        name, key_id, payload = _read_line(line)
        verifier = known.get((name, key_id))
        if verifier is None:
            continue
        if verifier.kind == COSIGNATURE:
            times[name] = _check_cosignature(verifier, text, payload)
        elif not verifier.verify(text.encode(), payload):
            raise UnknownKey(f"the signature of {name} does not hold")
        signed.add(name)
    if not signed:
        raise UnknownKey("no signature by a key that is known here")
    return Note(text, frozenset(signed), times)


def _read_line(line: str) -> tuple[str, bytes, bytes]:
    mark, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if mark != "—" or not name or not encoded:
        raise Malformed("not a signature line")
    raw = unb64(encoded, "signature")
    if len(raw) < 5:
        raise Malformed("signature too short")
    return name, raw[:4], raw[4:]


def _check_cosignature(verifier: Verifier, text: str, payload: bytes) -> int:
    if len(payload) != 72:
        raise Malformed("a cosignature is 8 bytes of time and 64 of signature")
    when = int.from_bytes(payload[:8], "big")
    if not verifier.verify(_cosigned(text, when), payload[8:]):
        raise UnknownKey(f"the cosignature of {verifier.name} does not hold")
    return when


@dataclass(frozen=True)
class Checkpoint:
    """A log's head: origin, size and root (tlog-checkpoint)."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{b64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the three lines; extension lines are refused.

        Raises:
            Malformed: not a checkpoint.
        """
        lines = text.split("\n")
        if len(lines) != 4 or lines[3]:
            raise Malformed("a checkpoint has three lines")
        root = unb64(lines[2], "root")
        if len(root) != 32:
            raise Malformed("a root is 32 bytes")
        return cls(_check_name(lines[0]), decimal(lines[1]), root)


def decimal(text: str) -> int:
    """A decimal number without sign or leading zeroes, below 2^63.

    Raises:
        Malformed: anything else.
    """
    plain = text.isascii() and text.isdigit() and len(text) <= 19
    if not plain or (text[0] == "0" and text != "0") or int(text) >= 1 << 63:
        raise Malformed("not a decimal number below 2^63")
    return int(text)
