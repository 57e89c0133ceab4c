"""Who may sign what: the center's key set, a hall's roster entry, and enrolment. Pure.

The offline root signs only the center's key set; the roster key signs one note per hall. A hall
pins the root key when two people have compared 30 digits by telephone.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import scrypt, sha256

from sync.errors import EnrolmentRefused, KeySetRefused, Malformed, UnknownKey
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
from sync.private.sealing import is_sealing_key

KEYS_TYPE = "onehall/keys/v1"
RETIRED_TYPE = "onehall/keys/v2"
HALL_TYPE = "onehall/hall/v1"
EPOCH_TYPE = "onehall/hall/v2"
MOST_RETIRED = 64
MOST_VERSIONS_AT_ONCE = 1_000
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
    """The center's key set, signed by its root.

    Args:
        version: rises with every set; a reader never goes back (:func:`follow`).
        retired: keys that signed heads and receipts once. They prove what was signed then and
            sign nothing any more.
    """

    center: str
    version: int
    roster: Verifier
    log: Verifier
    receipts: Verifier
    sealing: bytes
    retired: tuple[Verifier, ...] = ()

    @property
    def text(self) -> str:
        """The signed lines: the first form while no key that signed evidence is retired."""
        kind = RETIRED_TYPE if self.retired else KEYS_TYPE
        values = (self.center, self.version, self.roster, self.log, self.receipts)
        return "".join(f"{v}\n" for v in (kind, *values, b64(self.sealing), *self.retired))

    @property
    def log_keys(self) -> tuple[Verifier, ...]:
        """Whose heads of the center's logs are evidence: the key in force, then retired ones."""
        return (self.log, *(key for key in self.retired if key.kind == ED25519))

    @property
    def receipts_keys(self) -> tuple[Verifier, ...]:
        """Whose receipts are evidence: the key in force, then retired ones."""
        return (self.receipts, *(key for key in self.retired if key.kind == COSIGNATURE))

    @classmethod
    def open(cls, note: bytes, root: Verifier) -> CenterKeys:
        """Check the root's signature and read the key set.

        Raises:
            UnknownKey, Malformed: not signed by this root, or not a key set.
        """
        found = cls.parse(open_note(note, [root]).text)
        if root.public in found.publics:
            raise Malformed("the root key has another purpose in its own key set")
        return found

    @classmethod
    def parse(cls, text: str) -> CenterKeys:
        """Read the lines, whoever signed them or will sign them.

        Raises:
            UnknownKey, Malformed: a key of small order, or not a key set.
        """
        kind, _, rest = text.partition("\n")
        retired = rest.count("\n") - 6 if kind == RETIRED_TYPE else 0
        if retired > MOST_RETIRED:
            raise Malformed("too many retired keys in one key set")
        lines = _lines(text, RETIRED_TYPE if retired > 0 else KEYS_TYPE, 7 + max(0, retired))
        roster, log = _verifier(lines[2]), _verifier(lines[3])
        receipts = _verifier(lines[4], COSIGNATURE)
        old = tuple(Verifier.parse(line) for line in lines[6:])
        version = decimal(lines[1])
        found = cls(lines[0], version, roster, log, receipts, _sealing(lines[5]), old)
        if not version or len(found.publics) != 3 + len(old):
            raise Malformed("a version counts from 1, and a key has one purpose in one key set")
        return found

    @property
    def publics(self) -> frozenset[bytes]:
        """Every Ed25519 key that stands in it."""
        keys = (self.roster, self.log, self.receipts, *self.retired)
        return frozenset(key.public for key in keys)


def follow(held: CenterKeys, offered: CenterKeys) -> CenterKeys:
    """The key set to go by from now on, of two that the pinned root signed.

    Raises:
        KeySetRefused: of another center, older than what was seen, another one of the same
            version, or a leap after which no later version could be told from a forged one.
    """
    if offered.center != held.center:
        raise KeySetRefused("a key set of another center", center=offered.center)
    if offered.version < held.version:
        raise KeySetRefused(
            "a key set older than one that was seen", version=offered.version, seen=held.version
        )
    if offered.version > held.version + MOST_VERSIONS_AT_ONCE:
        raise KeySetRefused(
            "a key set whose version leaps", version=offered.version, seen=held.version
        )
    if offered.version == held.version and offered != held:
        raise KeySetRefused("two key sets of one version", version=offered.version)
    return offered


Position = tuple[int, int]
"""(epoch, size): a place in everything a hall ever wrote; later places compare greater."""


@dataclass(frozen=True)
class HallKeys:
    """One hall's keys on the roster, signed by the roster key.

    Args:
        valid_from: size from which the first form counts the key; always 0 in the second.
        revoked_above: entries of ``revoked_epoch`` from this size on, and every later epoch, are
            not this key's any more (None: not revoked).
        first_epoch: the key writes the epochs from here to the next key's first epoch.
    """

    center: str
    hall: str
    signing: Verifier
    cosigning: Verifier
    sealing: bytes
    valid_from: int = 0
    revoked_above: int | None = None
    first_epoch: int = 1
    revoked_epoch: int | None = None

    @property
    def text(self) -> str:
        """The signed lines; ``-`` stands for not revoked. The first form while it says it all."""
        keys = (self.center, self.hall, self.signing, self.cosigning, b64(self.sealing))
        size = "-" if self.revoked_above is None else self.revoked_above
        if self.first_epoch == 1 and self.revoked_epoch is None:
            return "".join(f"{v}\n" for v in (HALL_TYPE, *keys, self.valid_from, size))
        epoch = "-" if self.revoked_epoch is None else self.revoked_epoch
        return "".join(f"{v}\n" for v in (EPOCH_TYPE, *keys, self.first_epoch, epoch, size))

    @property
    def revoked_at(self) -> Position | None:
        """The last place this key vouches for; None while it is not revoked."""
        if self.revoked_above is None:
            return None
        return (self.revoked_epoch or 1, self.revoked_above)

    def end_of(self, epoch: int) -> int | None:
        """The size above which this key's entries of an epoch are refused; None for no end."""
        place = self.revoked_at
        if place is None or epoch < place[0]:
            return None
        return place[1] if epoch == place[0] else 0

    @property
    def publics(self) -> frozenset[bytes]:
        """Every public key that stands in it."""
        return frozenset((self.signing.public, self.cosigning.public, self.sealing))

    @classmethod
    def open(cls, note: bytes, roster: Verifier) -> HallKeys:
        """Check the roster key's signature and read the entry.

        Raises:
            UnknownKey, Malformed: as their names say.
        """
        text = open_note(note, [roster]).text
        later = text.startswith(EPOCH_TYPE + "\n")
        lines = _lines(text, EPOCH_TYPE if later else HALL_TYPE, 9 if later else 8)
        signing, cosigning = _verifier(lines[2]), _verifier(lines[3], COSIGNATURE)
        if signing.public == cosigning.public:
            raise Malformed("signing and cosigning need two different keys")
        keys = (lines[0], lines[1], signing, cosigning, _sealing(lines[4]))
        *ends, size = (None if line == "-" else decimal(line) for line in lines[6:])
        first = decimal(lines[5])
        if not later:
            return cls(*keys, first, size)
        found = cls(*keys, 0, size, first, ends[0])
        early = found.revoked_epoch is not None and found.revoked_epoch < first
        if not first or early or (ends[0] is None) != (size is None) or found.text != text:
            raise Malformed("a key's epochs count from 1, and it is revoked at or after its first")
        return found


def key_name(center: str, hall: str, first_epoch: int) -> str:
    """What a hall's signing and cosigning keys are called: later ones name their first epoch."""
    return f"{center}/{hall}" if first_epoch == 1 else f"{center}/{hall}/{first_epoch}"


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


ROTATE_TYPE = "onehall/rotate/v1"


def sign_rotation(signer: Signer, center: str, request: Request) -> bytes:
    """A hall's statement of its new keys, signed by the new signing key: proof that it has it."""
    lines = request.text.partition("\n")[2]
    return signer.sign(f"{ROTATE_TYPE}\n{center}\n{lines}")


def open_rotation(note: bytes, center: str, hall: str) -> Request:
    """Read a statement and check that whoever made it has the new signing key.

    Raises:
        Malformed: not such a statement, of another hall or center, a key of small order, one key
            for two purposes, or not signed by the key that it names.
    """
    text = note.decode("utf-8", "replace").rpartition("\n\n")[0] + "\n"
    lines = _lines(text, ROTATE_TYPE, 6)
    if lines[:2] != [center, hall]:
        raise Malformed("new keys of another hall or center")
    try:
        request = Request.parse("\n".join(["onehall/enrol/v1", *lines[1:], ""]))
        open_note(note, [request.signing])
    except (UnknownKey, EnrolmentRefused) as refused:
        raise Malformed(f"new keys that are not proved: {refused.rule}") from None
    return request
