"""Who may sign what: the center's key set, a hall's roster entry, and enrolment. Pure.

The offline root signs only the center's key set; the roster key signs one note per hall. A hall
pins the root key when two people have compared 30 digits by telephone.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import scrypt, sha256

from sync.errors import EnrolmentRefused, Malformed
from sync.notes import (
    COSIGNATURE,
    ED25519,
    Signer,
    Verifier,
    b64,
    decimal,
    open_note,
    unb64,
)
from sync.sealing import is_sealing_key

KEYS_TYPE = "onehall/keys/v1"
HALL_TYPE = "onehall/hall/v1"
CODE_LENGTH = 10
CODE_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
CODE_MINUTES = 15


def _lines(text: str, kind: str, count: int) -> list[str]:
    lines = text.split("\n")
    if len(lines) != count + 1 or lines[0] != kind or lines[-1]:
        raise Malformed(f"not a note of type {kind}")
    return lines[1:-1]


def _verifier(text: str, kind: int = ED25519) -> Verifier:
    found = Verifier.parse(text)
    if found.kind != kind:
        raise Malformed(f"the key {found.name} is of another type than its place asks for")
    return found


def _sealing(text: str) -> bytes:
    raw = unb64(text, "sealing key")
    if not is_sealing_key(raw):
        raise Malformed("not a sealing key")
    return raw


@dataclass(frozen=True)
class CenterKeys:
    """The center's key set, signed by its root."""

    center: str
    version: int
    roster: Verifier
    log: Verifier
    receipts: Verifier
    sealing: bytes

    @property
    def text(self) -> str:
        """The signed lines."""
        values = (self.center, self.version, self.roster, self.log, self.receipts)
        return "".join(f"{v}\n" for v in (KEYS_TYPE, *values, b64(self.sealing)))

    @classmethod
    def open(cls, note: bytes, root: Verifier) -> CenterKeys:
        """Check the root's signature and read the key set.

        Raises:
            UnknownKey, Malformed: not signed by this root, or not a key set.
        """
        lines = _lines(open_note(note, [root]).text, KEYS_TYPE, 7)
        roster, log = _verifier(lines[2]), _verifier(lines[3])
        receipts = _verifier(lines[4], COSIGNATURE)
        return cls(lines[0], decimal(lines[1]), roster, log, receipts, _sealing(lines[5]))


@dataclass(frozen=True)
class HallKeys:
    """One hall on the roster, signed by the roster key. Sizes are of the hall's own log."""

    center: str
    hall: str
    signing: Verifier
    cosigning: Verifier
    sealing: bytes
    valid_from: int = 0
    revoked_above: int | None = None

    @property
    def text(self) -> str:
        """The signed lines; ``-`` stands for not revoked."""
        end = "-" if self.revoked_above is None else self.revoked_above
        values = (self.center, self.hall, self.signing, self.cosigning, b64(self.sealing))
        return "".join(f"{v}\n" for v in (HALL_TYPE, *values, self.valid_from, end))

    @classmethod
    def open(cls, note: bytes, roster: Verifier) -> HallKeys:
        """Check the roster key's signature and read the entry.

        Raises:
            UnknownKey, Malformed: as their names say.
        """
        lines = _lines(open_note(note, [roster]).text, HALL_TYPE, 8)
        end = None if lines[6] == "-" else decimal(lines[6])
        signing, cosigning = _verifier(lines[2]), _verifier(lines[3], COSIGNATURE)
        return cls(
            lines[0], lines[1], signing, cosigning, _sealing(lines[4]), decimal(lines[5]), end
        )


@dataclass(frozen=True)
class Request:
    """What a hall asks at enrolment: its public keys."""

    hall: str
    signing: Verifier
    cosigning: Verifier
    sealing: bytes

    @property
    def text(self) -> str:
        """The lines under the MAC."""
        values = (self.hall, self.signing, self.cosigning, b64(self.sealing))
        return "".join(f"{v}\n" for v in ("onehall/enrol/v1", *values))

    @classmethod
    def parse(cls, text: str) -> Request:
        """Read the lines.

        Raises:
            EnrolmentRefused: one key for two purposes.
            UnknownKey: a signing key of small order.
            Malformed: not an enrolment request, or a sealing key of small order.
        """
        lines = _lines(text, "onehall/enrol/v1", 5)
        signing, cosigning = _verifier(lines[1]), _verifier(lines[2], COSIGNATURE)
        if signing.public == cosigning.public:
            raise EnrolmentRefused("signing and cosigning need two different keys")
        return cls(lines[0], signing, cosigning, _sealing(lines[3]))


def code_key(code: str, hall: str) -> bytes:
    """The MAC key from a one-time code (50 random bits), slow to guess."""
    plain = "".join(code.split()).upper().replace("-", "").encode()
    return scrypt(plain, salt=f"onehall/enrol/{hall}".encode(), n=2**14, r=8, p=1, dklen=32)


def code_mac(key: bytes, text: str, purpose: str) -> str:
    """HMAC-SHA-256 under the code's key; ``purpose`` tells a request from an answer."""
    return hmac.digest(key, f"{purpose}\n{text}".encode(), "sha256").hex()


def same_mac(one: str, other: str) -> bool:
    """Constant-time comparison."""
    return hmac.compare_digest(one.encode(), other.encode())


def thirty_digits(root: Verifier, request: Request) -> str:
    """Six groups of five digits from both sides' keys, for two people on the telephone."""
    hashed = sha256(f"onehall/digits/v1\n{root}\n{request.text}".encode()).digest()
    groups = []
    for i in range(6):
        number = int.from_bytes(hashed[i * 5 : i * 5 + 5], "big") % 100_000
        groups.append(f"{number:05d}")
    return " ".join(groups)


def sign_keys(root: Signer, keys: CenterKeys) -> bytes:
    """The key set as a note signed by the root."""
    return root.sign(keys.text)


def sign_hall(roster: Signer, hall: HallKeys) -> bytes:
    """The roster entry as a note signed by the roster key."""
    return roster.sign(hall.text)
